//! Goal: what is planted is what is drawn, on the right side, in any position, on any number of threads.
//! Method: small scans of known content, measured here with code of the test's own.

use domain::{LpsPoint, Side, VoxelPoint};
use phantom::{
    Dose, Faults, Lobe, NoduleKind, NoduleSpec, PatientPosition, Place, SeriesSpec, Simulated, SliceOrder,
    simulate,
};

/// A free place in the right upper lobe of seed 1.
const IN_RUL: LpsPoint = LpsPoint { x: -82.0, y: -10.0, z: 52.0 };

fn scan(spec: &SeriesSpec) -> Simulated {
    simulate(spec, &|_, _| {}).unwrap()
}

/// A small field around one nodule at its full resolution.
fn close_up(nodule: NoduleSpec) -> SeriesSpec {
    let Place::At(center) = nodule.place else { panic!("close-ups need a place") };
    SeriesSpec {
        matrix: 80,
        pixel_mm: 0.7,
        slices_count: 48,
        center_lps_mm: center,
        dose: Dose::Noiseless,
        nodules: vec![nodule],
        ..SeriesSpec::default()
    }
}

/// The whole chest, coarse.
fn coarse() -> SeriesSpec {
    SeriesSpec {
        matrix: 128,
        pixel_mm: 2.8,
        slices_count: 55,
        spacing_mm: 5.0,
        thickness_mm: 1.0,
        dose: Dose::Noiseless,
        ..SeriesSpec::default()
    }
}

/// Lower quartile of HU within `radius_mm` of a patient place.
fn quartile_around(scan: &Simulated, center: LpsPoint, radius_mm: f64) -> i16 {
    let mut near: Vec<i16> = around(scan, center, radius_mm).collect();
    near.sort_unstable();
    near[near.len() / 4]
}

/// HU of the voxels within `radius_mm` of a patient place.
fn around(scan: &Simulated, center: LpsPoint, radius_mm: f64) -> impl Iterator<Item = i16> + '_ {
    scan.volume.hu.indexed_iter().filter_map(move |((z, y, x), hu)| {
        let p = scan.volume.affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 });
        (p.distance_mm(center) < radius_mm).then_some(*hu)
    })
}

/// Mean HU of the voxels within `radius_mm` of a patient place, and how many they are.
fn mean_around(scan: &Simulated, center: LpsPoint, radius_mm: f64) -> (f64, usize) {
    let (sum, count) =
        around(scan, center, radius_mm).fold((0.0, 0), |(s, n), hu| (s + f64::from(hu), n + 1));
    assert!(count > 0, "nothing scanned around {center:?}");
    (sum / f64::from(count), count as usize)
}

/// Drawn volume, half-filled voxels' volume and centre against the sphere asked for, for every material and shape.
#[test]
fn planted_volume_is_the_one_asked_for() {
    let shapes = [(0.0, 1.0), (0.2, 1.0), (0.1, 1.6)];
    let kinds = [
        NoduleKind::Solid,
        NoduleKind::PartSolid,
        NoduleKind::NonSolid,
        NoduleKind::Calcified,
        NoduleKind::Cavitary,
    ];
    for (diameter_mm, kind) in [4.0, 6.0, 9.0, 14.0, 20.0].into_iter().zip(kinds) {
        for (lobulation, elongation) in shapes {
            let nodule = NoduleSpec {
                diameter_mm,
                kind,
                place: Place::At(IN_RUL),
                lobulation,
                elongation,
                spicules: 0,
            };
            let scan = scan(&close_up(nodule));
            let asked = std::f64::consts::PI / 6.0 * diameter_mm.powi(3);
            let truth = &scan.truth.series[0].nodules[0];
            let drawn = truth.planted.drawn_volume_mm3;
            assert!((drawn / asked - 1.0).abs() < 0.02, "{kind:?} {diameter_mm} mm: {drawn} for {asked}");
            let counted = scan.masks[0].voxel_count() as f64 * 0.7 * 0.7;
            // The count of half-filled voxels is coarse when the nodule has few of them.
            let coarse = 0.03 + 0.4 / diameter_mm;
            assert!(
                (counted / asked - 1.0).abs() < coarse,
                "{kind:?} {diameter_mm} mm: {counted} for {asked}"
            );
            assert!((counted - truth.consensus50.volume_mm3).abs() < 1e-6);
            if lobulation < 0.01 {
                let center = LpsPoint::from(truth.consensus50.centre_lps);
                assert!(center.distance_mm(IN_RUL) < 0.25, "{center:?}");
            }
        }
    }
}

/// Materials have the HU of their class in the picture.
#[test]
fn materials_have_their_density() {
    for (kind, low, high) in [
        (NoduleKind::Solid, 10.0, 60.0),
        (NoduleKind::NonSolid, -680.0, -480.0),
        (NoduleKind::Calcified, 600.0, 760.0),
        (NoduleKind::Cavitary, -990.0, -850.0),
    ] {
        let nodule =
            NoduleSpec { diameter_mm: 16.0, kind, place: Place::At(IN_RUL), ..NoduleSpec::default() };
        let (mean, _) = mean_around(&scan(&close_up(nodule)), IN_RUL, 2.5);
        assert!((low..high).contains(&mean), "{kind:?}: {mean} HU");
    }
}

/// Air, lung, blood, liver and bone where they belong; liver on the right, heart's tip on the left.
#[test]
fn organs_lie_where_they_belong() {
    let scan = scan(&coarse());
    let at = |x, y, z, r| mean_around(&scan, LpsPoint { x, y, z }, r).0;
    for (name, value, low, high) in [
        ("air in front", at(0.0, -160.0, 0.0, 12.0), -1005.0, -995.0),
        ("right lung", at(-90.0, 0.0, 40.0, 25.0), -900.0, -780.0),
        ("left lung", at(90.0, 0.0, 40.0, 25.0), -900.0, -780.0),
        ("heart", at(12.0, -20.0, -30.0, 12.0), 25.0, 60.0),
        ("tip of the heart, left", at(48.0, -38.0, -25.0, 6.0), 0.0, 60.0),
        ("lung across from it", at(-48.0, -38.0, -25.0, 10.0), -950.0, -500.0),
        ("liver, right", at(-80.0, -10.0, -95.0, 12.0), 45.0, 70.0),
        ("spine", at(0.0, 52.0, 0.0, 9.0), 60.0, 400.0),
        ("windpipe", at(0.0, 12.0, 80.0, 4.0), -1000.0, -900.0),
    ] {
        assert!((low..=high).contains(&value), "{name}: {value} HU");
    }
    assert!(scan.volume.hu.iter().any(|v| *v > 500), "no bone cortex");
    // Gravity: lung near the table is denser than lung near the sternum (quartile: vessels do not count).
    let (back, front) = (LpsPoint { x: -80.0, y: 60.0, z: 20.0 }, LpsPoint { x: -60.0, y: -50.0, z: 20.0 });
    assert!(quartile_around(&scan, back, 12.0) > quartile_around(&scan, front, 12.0) + 15);
}

/// The same patient place holds the nodule in all four positions, although the pictures are turned.
#[test]
fn the_place_does_not_depend_on_the_position() {
    let nodule = NoduleSpec {
        diameter_mm: 12.0,
        place: Place::At(IN_RUL),
        lobulation: 0.0,
        elongation: 1.0,
        ..NoduleSpec::default()
    };
    // Slices that are turned or sheared move nothing either.
    for (oblique_degrees, tilt_degrees) in [(20.0, 0.0), (0.0, -15.0)] {
        let scan = scan(&SeriesSpec { oblique_degrees, tilt_degrees, ..close_up(nodule) });
        let truth = &scan.truth.series[0].nodules[0];
        assert!(LpsPoint::from(truth.consensus50.centre_lps).distance_mm(IN_RUL) < 0.2, "{truth:?}");
        assert!(mean_around(&scan, IN_RUL, 3.0).0 > 0.0);
        assert!((truth.planted.drawn_volume_mm3 / truth.planted.analytic_volume_mm3 - 1.0).abs() < 0.05);
    }
    let mut corners = Vec::new();
    for position in [PatientPosition::Hfs, PatientPosition::Ffs, PatientPosition::Hfp, PatientPosition::Ffp] {
        let scan = scan(&SeriesSpec { position, ..close_up(nodule) });
        let truth = &scan.truth.series[0].nodules[0];
        assert!(LpsPoint::from(truth.consensus50.centre_lps).distance_mm(IN_RUL) < 0.2);
        assert_eq!(truth.planted.side, Side::Right);
        let (mean, _) = mean_around(&scan, IN_RUL, 3.0);
        assert!(mean > 0.0, "{position:?}: {mean} HU");
        let [slice_step, _, _] = scan.volume.affine.steps_zyx();
        assert!(slice_step[2] > 0.0, "slices run from the feet to the head");
        corners.push(<[f64; 3]>::from(scan.volume.affine.origin()).map(|v| v.round() as i32));
    }
    corners.sort_unstable();
    corners.dedup();
    assert_eq!(corners.len(), 4, "each position starts at another corner");
}

/// One thread and three make the same scan to the bit; another seed makes another one.
#[test]
fn the_same_seed_gives_the_same_scan_on_any_number_of_threads() {
    let spec = SeriesSpec {
        slices_count: 9,
        spacing_mm: 20.0,
        dose: Dose::Mas(20.0),
        thickness_mm: 2.0,
        nodules: vec!["RUL,12".parse().unwrap()],
        ..coarse()
    };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| scan(&spec))
    };
    let (one, three) = (with(1), with(3));
    assert_eq!(one.volume, three.volume);
    assert_eq!((&one.masks, &one.truth), (&three.masks, &three.truth));
    let other = scan(&SeriesSpec { seed: 2, ..spec.clone() });
    assert_ne!(one.volume, other.volume);
    assert_ne!(one.truth.series[0].series_instance_uid, other.truth.series[0].series_instance_uid);
}

/// Noise in the heart is what was asked for, in HU and through the dose.
#[test]
fn noise_follows_the_dose() {
    let heart = LpsPoint { x: 10.0, y: -16.0, z: -28.0 };
    let field = |dose| SeriesSpec {
        matrix: 64,
        pixel_mm: 0.7,
        slices_count: 30,
        center_lps_mm: heart,
        dose,
        ..SeriesSpec::default()
    };
    let clean = scan(&field(Dose::Noiseless));
    for dose in [Dose::NoiseSdHu(20.0), Dose::Mas(60.0), Dose::Mas(15.0)] {
        let spec = field(dose);
        let noisy = scan(&spec);
        let squares: f64 =
            noisy.volume.hu.iter().zip(&clean.volume.hu).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        let sd = (squares / noisy.volume.hu.len() as f64).sqrt();
        let asked = phantom::noise_sd_hu(&spec);
        assert!((sd / asked - 1.0).abs() < 0.06, "{dose:?}: {sd} HU for {asked}");
    }
    let ratio = phantom::noise_sd_hu(&field(Dose::Mas(15.0))) / phantom::noise_sd_hu(&field(Dose::Mas(60.0)));
    assert!((ratio - 2.0).abs() < 1e-9, "a quarter of the dose doubles the noise");
}

/// Each lobe takes a nodule; truth names the lobe, the side and the sign of x agree.
#[test]
fn every_lobe_and_structure_takes_a_nodule() {
    let mut nodules: Vec<NoduleSpec> = Lobe::ALL
        .into_iter()
        .map(|lobe| NoduleSpec { diameter_mm: 9.0, place: Place::Lobe(lobe), ..NoduleSpec::default() })
        .collect();
    for place in
        [Place::Juxtapleural(Lobe::Rll), Place::Perivascular(Lobe::Lll), Place::Perifissural(Lobe::Rul)]
    {
        nodules.push(NoduleSpec { diameter_mm: 8.0, place, ..NoduleSpec::default() });
    }
    let lobes: Vec<Lobe> = Lobe::ALL.into_iter().chain([Lobe::Rll, Lobe::Lll, Lobe::Rul]).collect();
    for seed in [1, 2, 3] {
        let scan = scan(&SeriesSpec { seed, nodules: nodules.clone(), ..coarse() });
        for (truth, lobe) in scan.truth.series[0].nodules.iter().zip(&lobes) {
            assert_eq!(truth.planted.lobe, *lobe);
            assert_eq!(truth.planted.centre_lps.x > 0.0, truth.planted.side == Side::Left);
            assert!(truth.planted.drawn_volume_mm3 > 0.5 * truth.planted.analytic_volume_mm3, "{truth:?}");
        }
    }
}

/// Faults and orders change what is handed out, and nothing else; UIDs are unique and repeat with the seed.
#[test]
fn faults_change_the_hand_out() {
    let faults =
        Faults { missing_slice_index: Some(3), duplicate_slice_index: Some(5), late_slice_index: Some(7) };
    let spec = SeriesSpec {
        slices_count: 12,
        matrix: 64,
        pixel_mm: 5.6,
        spacing_mm: 15.0,
        order: SliceOrder::Shuffled,
        faults,
        ..coarse()
    };
    let scan = scan(&spec);
    let all: Vec<_> = scan.instances().map(Result::unwrap).collect();
    assert_eq!(scan.instances().len(), all.len());
    assert_eq!(all.len(), 12);
    assert!(all.iter().all(|i| i.slice_index != 3));
    assert_eq!(all.iter().filter(|i| i.slice_index == 5).count(), 2);
    assert_eq!(all.last().unwrap().slice_index, 7);
    let mut uids: Vec<&str> = all.iter().map(|i| i.sop_instance_uid.as_str()).collect();
    uids.sort_unstable();
    uids.dedup();
    assert_eq!(uids.len(), 12);
    let again: Vec<Vec<u8>> = scan.instances().map(|i| i.unwrap().bytes).collect();
    assert!(all.iter().zip(&again).all(|(a, b)| a.bytes == *b));
}

/// Wrong numbers and impossible places are refused by name.
#[test]
fn impossible_scans_are_refused_with_the_reason() {
    let refused = |spec: &SeriesSpec| simulate(spec, &|_, _| {}).unwrap_err().to_string();
    assert!(refused(&SeriesSpec { pixel_mm: f64::NAN, ..coarse() }).contains("pixel_mm"));
    assert!(refused(&SeriesSpec { slices_count: 0, ..coarse() }).contains("slices_count"));
    let low = SeriesSpec { slices_count: 4, nodules: vec!["RUL,30".parse().unwrap()], ..coarse() };
    assert!(refused(&low).contains("no place for nodule 1"));
}

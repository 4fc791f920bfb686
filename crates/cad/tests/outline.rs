//! Outlines of drawn nodules: volume, vessels, holes, leaks, marks beside the nodule; attenuation classes.

mod chest;

use cad::characterise::attenuation;
use cad::outline::outline;
use chest::Storage;
use domain::{Affine, Attenuation, LpsPoint, Mask, Volume, VoxelPoint};
use ndarray::Array3;

const CENTER: LpsPoint = LpsPoint { x: 90.3, y: 10.2, z: 20.1 };

/// A map of 64 voxels of 0.6 mm around `CENTER`.
fn map(probability: impl Fn(LpsPoint) -> f64) -> (Array3<f32>, Affine) {
    let half = 31.5 * 0.6;
    let origin = LpsPoint { x: CENTER.x - half, y: CENTER.y - half, z: CENTER.z - half };
    let affine = Affine::axial(origin, [0.6; 3]).unwrap();
    let map = Array3::from_shape_fn((64, 64, 64), |(z, y, x)| {
        probability(affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 })) as f32
    });
    (map, affine)
}

/// Soft-edged sphere: probability 1/2 at the radius.
fn sphere(p: LpsPoint, radius: f64) -> f64 {
    1.0 / (1.0 + ((p.distance_mm(CENTER) - radius) / 0.4).exp())
}

fn fine_scan() -> Volume {
    let origin = LpsPoint { x: 40.0, y: -40.0, z: -30.0 };
    let affine = Affine::axial(origin, [1.25, 0.7, 0.7]).unwrap();
    Volume { hu: Array3::from_elem((80, 150, 150), -860), affine }
}

fn volume_mm3(mask: &Mask, scan: &Volume) -> f64 {
    mask.voxel_count() as f64 * scan.affine.voxel_mm3()
}

/// Goal: volume and centre of a sphere on the scan's grid, in any storage order; the same for any thread count.
#[test]
fn sphere_keeps_volume_and_place() {
    let (p, affine) = map(|p| sphere(p, 6.0));
    let truth = 4.0 / 3.0 * std::f64::consts::PI * 6.0f64.powi(3);
    let mut scans = vec![fine_scan()];
    scans.extend(chest::ALL.map(|s| chest::volume(s, |_| -860)));
    for scan in scans {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| outline(p.view(), &affine, &scan, CENTER, None).unwrap())
        };
        let mask = run(1);
        assert_eq!(mask, run(3));
        let ratio = volume_mm3(&mask, &scan) / truth;
        assert!((ratio - 1.0).abs() < 0.06, "volume ratio {ratio}");
        let center = scan.affine.to_lps(cad::measure::centroid(&mask).unwrap());
        assert!(center.distance_mm(CENTER) < 0.3, "{center:?}");
    }
}

/// Goal: a thin vessel is cut off, a cavity is filled, another nodule beside it is left out.
#[test]
fn vessel_cavity_and_neighbour() {
    let scan = fine_scan();
    let (plain, affine) = map(|p| sphere(p, 6.0));
    let expected = volume_mm3(&outline(plain.view(), &affine, &scan, CENTER, None).unwrap(), &scan);
    let (p, _) = map(|p| {
        let vessel = (p.y - CENTER.y).hypot(p.z - CENTER.z) < 0.7 && p.x > CENTER.x && p.x < CENTER.x + 15.0;
        let cavity = p.distance_mm(CENTER) < 2.5;
        let other = p.distance_mm(LpsPoint { y: CENTER.y + 14.0, ..CENTER }) < 4.0;
        if cavity {
            0.1
        } else if vessel || other {
            0.9
        } else {
            sphere(p, 6.0)
        }
    });
    let mask = outline(p.view(), &affine, &scan, CENTER, None).unwrap();
    let ratio = volume_mm3(&mask, &scan) / expected;
    assert!((ratio - 1.0).abs() < 0.05, "volume ratio {ratio}");
    let box_ = mask.bounding_box().unwrap();
    let right_end = scan.affine.to_lps(VoxelPoint { z: 0.0, y: 0.0, x: box_.end.x as f64 - 1.0 });
    assert!(right_end.x < CENTER.x + 8.0, "vessel kept up to {}", right_end.x);
}

/// Goal: a vessel that runs out of the map does not cost the nodule.
#[test]
fn nodules_on_a_through_vessel_are_detached() {
    let scan = fine_scan();
    let (plain, affine) = map(|p| sphere(p, 6.0));
    let expected = volume_mm3(&outline(plain.view(), &affine, &scan, CENTER, None).unwrap(), &scan);
    let (p, _) = map(|p| {
        let vessel = (p.y - CENTER.y).hypot(p.z - CENTER.z) < 1.3;
        if vessel { 0.9 } else { sphere(p, 6.0) }
    });
    let mask = outline(p.view(), &affine, &scan, CENTER, None).unwrap();
    let ratio = volume_mm3(&mask, &scan) / expected;
    assert!((0.85..1.1).contains(&ratio), "volume ratio {ratio}");
}

/// Goal: a small nodule is not eaten by the opening.
#[test]
fn small_nodules_are_not_opened_away() {
    let scan = fine_scan();
    let (p, affine) = map(|p| sphere(p, 1.6));
    let mask = outline(p.view(), &affine, &scan, CENTER, None).unwrap();
    let ratio = volume_mm3(&mask, &scan) / (4.0 / 3.0 * std::f64::consts::PI * 1.6f64.powi(3));
    assert!((0.75..1.25).contains(&ratio), "volume ratio {ratio}");
}

/// Goal: a mark up to 3 mm beside the nodule still takes it; farther, an empty map, or one that leaks give none.
#[test]
fn marks_beside_and_leaks() {
    let scan = fine_scan();
    let (p, affine) = map(|p| sphere(p, 4.0));
    let at = |dx: f64| outline(p.view(), &affine, &scan, LpsPoint { x: CENTER.x + dx, ..CENTER }, None);
    assert!(at(0.0).is_some() && at(6.5).is_some());
    assert_eq!(at(6.5), at(0.0));
    assert!(at(9.0).is_none());
    let (empty, _) = map(|_| 0.2);
    assert!(outline(empty.view(), &affine, &scan, CENTER, None).is_none());
    let (leak, _) = map(|p| if p.z > CENTER.z { 0.9 } else { sphere(p, 4.0) });
    assert!(outline(leak.view(), &affine, &scan, CENTER, None).is_none());
    let far =
        Volume { affine: Affine::axial(LpsPoint { x: 1e4, y: 0.0, z: 0.0 }, [1.0; 3]).unwrap(), ..scan };
    assert!(outline(p.view(), &affine, &far, CENTER, None).is_none());
}

/// Goal: outlines end where the search region ends.
#[test]
fn outlines_are_clipped_to_the_lungs() {
    let scan = chest::volume(Storage::Supine, chest::hu);
    let lungs = cad::lungs::segment(&scan).unwrap();
    // Straight down into the abdomen, far from the lungs.
    let affine = Affine::axial(LpsPoint { x: -35.0, y: -20.0, z: -115.0 }, [1.0; 3]).unwrap();
    let map = Array3::from_shape_fn((40, 40, 40), |(z, y, x)| {
        let d = (z as f32 - 19.5).hypot(y as f32 - 19.5).hypot(x as f32 - 19.5);
        if d < 12.0 { 1.0 } else { 0.0 }
    });
    let mark = affine.to_lps(VoxelPoint { z: 19.5, y: 19.5, x: 19.5 });
    let free = outline(map.view(), &affine, &scan, mark, None);
    assert!(free.is_some());
    if let Some(clipped) = outline(map.view(), &affine, &scan, mark, Some(&lungs)) {
        assert!(clipped.voxels().all(|v| {
            let p = VoxelPoint { z: v.z as f64, y: v.y as f64, x: v.x as f64 };
            lungs.searches(scan.affine.to_lps(p))
        }));
        assert!(clipped.voxel_count() < free.unwrap().voxel_count());
    }
}

/// Goal: the four classes of drawn nodules of 6 and 14 mm, with noise-free partial volume at the rim.
#[test]
fn attenuation_classes() {
    let blank = fine_scan();
    for radius in [3.0, 7.0] {
        let cases = [
            ("soft tissue", 30.0, 30.0, Attenuation::Solid),
            ("ground glass", -620.0, -620.0, Attenuation::NonSolid),
            ("calcified", 400.0, 400.0, Attenuation::Calcified),
            ("core in ground glass", -600.0, 30.0, Attenuation::PartSolid),
        ];
        for (name, outer, core, expected) in cases {
            let mut scan = blank.clone();
            for ((z, y, x), hu) in scan.hu.indexed_iter_mut() {
                let p = blank.affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 });
                let d = p.distance_mm(CENTER);
                let rim = (radius + 0.35 - d).clamp(0.0, 0.7) / 0.7;
                let inside = if d < radius * 0.55 { core } else { outer };
                *hu = (-860.0 + rim * (inside + 860.0)) as i16;
            }
            let (p, affine) = map(|p| sphere(p, radius));
            let mask = outline(p.view(), &affine, &scan, CENTER, None).unwrap();
            assert_eq!(attenuation(&mask, &scan), expected, "{name}, radius {radius}");
        }
    }
}

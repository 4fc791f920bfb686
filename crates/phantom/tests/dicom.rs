//! Goal: the files say what the volume holds.
//! Method: read them back with the reader that judges real scanners' files, in every position and with every quirk.

use dcm::group::{AssemblyRules, SingleGap, plan};
use dcm::header::{InstanceHeader, ReadOptions, read};
use dcm::limits::Limits;
use domain::{SkipReason, Volume};
use phantom::{
    Dose, Faults, ObjectKind, PatientPosition, PixelStorage, SeriesSpec, Simulated, SliceOrder, simulate,
};

fn spec() -> SeriesSpec {
    SeriesSpec {
        matrix: 64,
        pixel_mm: 5.6,
        slices_count: 45,
        spacing_mm: 5.0,
        thickness_mm: 2.0,
        dose: Dose::Mas(40.0),
        order: SliceOrder::Shuffled,
        ..SeriesSpec::default()
    }
}

/// The scan and its volume as read back from its files.
fn round_trip(spec: &SeriesSpec, rules: &AssemblyRules) -> (Simulated, Result<Volume, SkipReason>) {
    let scan = simulate(spec, &|_, _| {}).unwrap();
    let files: Vec<Vec<u8>> = scan.instances().map(|i| i.unwrap().bytes).collect();
    let options = ReadOptions { limits: Limits::default(), charset_fallback: None };
    let headers: Vec<InstanceHeader> = files.iter().map(|f| read(f, &options).unwrap()).collect();
    let volume = plan(&headers, rules).and_then(|plan| {
        dcm::volume::build(
            &plan,
            &headers,
            &dcm::limits::Limits::default(),
            &|i| Ok::<_, String>(files[i].as_slice()),
            &|_, _| {},
        )
    });
    (scan, volume)
}

/// Largest difference in HU over the voxels for which `counts` holds, and of the grids' corners in mm.
fn differences(scan: &Simulated, read: &Volume, counts: impl Fn(usize, usize) -> bool) -> (i32, f64) {
    assert_eq!(scan.volume.shape(), read.shape());
    let worst = scan.volume.hu.indexed_iter().zip(&read.hu).filter(|(((_, y, x), _), _)| counts(*y, *x));
    let hu = worst.map(|((_, a), b)| (i32::from(*a) - i32::from(*b)).abs()).max().unwrap();
    let [z, y, x] = read.shape().map(|n| n as f64 - 1.0);
    let far = [[0.0, 0.0, 0.0], [z, y, x], [0.0, y, 0.0], [0.0, 0.0, x]];
    let mm = far.map(|v| scan.volume.affine.to_lps(v.into()).distance_mm(read.affine.to_lps(v.into())));
    (hu, mm.into_iter().fold(0.0, f64::max))
}

/// Every position comes back on the same grid with the same HU, from shuffled files.
#[test]
fn every_position_reads_back() {
    for position in [PatientPosition::Hfs, PatientPosition::Ffs, PatientPosition::Hfp, PatientPosition::Ffp] {
        let (scan, read) = round_trip(&SeriesSpec { position, ..spec() }, &AssemblyRules::default());
        let (hu, mm) = differences(&scan, &read.unwrap(), |_, _| true);
        assert!(hu == 0 && mm < 1e-3, "{position:?}: {hu} HU, {mm} mm");
    }
}

/// Every way to store values comes back as the same HU; padding comes back as air.
#[test]
fn every_storage_reads_back() {
    for storage in [
        PixelStorage::Unsigned1024,
        PixelStorage::Unsigned8192,
        PixelStorage::SignedPaddedCircle,
        PixelStorage::SlopePerSlice,
    ] {
        let (scan, read) = round_trip(&SeriesSpec { storage, ..spec() }, &AssemblyRules::default());
        let read = read.unwrap();
        let padded = storage == PixelStorage::SignedPaddedCircle;
        let (hu, _) =
            differences(&scan, &read, |y, x| !padded || (y as f64 - 31.5).hypot(x as f64 - 31.5) <= 32.0);
        assert!(hu <= 1, "{storage:?}: {hu} HU");
        assert!(!padded || read.hu[[20, 0, 0]] == -1024);
    }
}

/// A multi-frame object holds the same volume.
#[test]
fn the_multi_frame_object_reads_back() {
    let (scan, read) =
        round_trip(&SeriesSpec { object: ObjectKind::Enhanced, ..spec() }, &AssemblyRules::default());
    assert_eq!(scan.instances().len(), 1);
    let (hu, mm) = differences(&scan, &read.unwrap(), |_, _| true);
    assert!(hu == 0 && mm < 1e-3, "{hu} HU, {mm} mm");
}

/// Planned defects are seen as what they are.
#[test]
fn faults_are_recognised() {
    let rules = AssemblyRules { single_gap: SingleGap::Refuse, ..AssemblyRules::default() };
    let reason = |faults| round_trip(&SeriesSpec { faults, ..spec() }, &rules).1.unwrap_err();
    let gap = reason(Faults { missing_slice_index: Some(20), ..Faults::default() });
    assert!(matches!(gap, SkipReason::SliceGap { after_slice_number: 20, .. }), "{gap}");
    let twice = reason(Faults { duplicate_slice_index: Some(11), ..Faults::default() });
    assert!(matches!(twice, SkipReason::DuplicatePosition { count: 1, .. }), "{twice}");
    let tilted = round_trip(&SeriesSpec { tilt_degrees: 12.0, ..spec() }, &rules).1.unwrap_err();
    assert!(matches!(tilted, SkipReason::GantryTilt { .. }), "{tilted}");
}

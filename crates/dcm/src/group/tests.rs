//! Synthetic series: every way in which a stack can be wrong, and the ways in which it may vary.

use super::*;
use crate::header::FrameGeometry;
use domain::{SopInstanceUid, VoxelPoint};

/// A header of one axial slice as most makers write it.
fn slice(number: i64, position: [f64; 3], orientation: [f64; 6]) -> InstanceHeader {
    let json = serde_json::json!({
        "study_instance_uid": "1.2",
        "series_instance_uid": "1.2.3",
        "sop_instance_uid": format!("1.2.3.{number}"),
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "modality": "CT",
        "image_type": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "instance_number": number,
        "slice_thickness_mm": 1.25,
        "pixels": {
            "rows": 512, "columns": 512, "frames_count": 1, "samples_per_pixel": 1,
            "photometric": "MONOCHROME2", "bits_allocated": 16, "bits_stored": 12, "high_bit": 11, "signed": false
        },
        "pixel_fingerprint": number,
    });
    let mut header: InstanceHeader = serde_json::from_value(json).unwrap();
    header.frames = vec![FrameGeometry {
        position: Some(position),
        position_text: Some(position.map(|v| v.to_string()).join("\\")),
        orientation: Some(orientation),
        pixel_spacing: Some([0.7, 0.7]),
        slope: Some(1.0),
        intercept: Some(-1024.0),
        ..FrameGeometry::default()
    }];
    header
}

const SUPINE: [f64; 6] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
const PRONE: [f64; 6] = [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0];

/// 200 slices, 1.25 mm apart, sent from the head down.
fn chest() -> Vec<InstanceHeader> {
    stack(200, |i| [-179.2, -179.2, 300.0 - 1.25 * i], SUPINE)
}

fn stack(count: u32, position: impl Fn(f64) -> [f64; 3], orientation: [f64; 6]) -> Vec<InstanceHeader> {
    (0..count).map(|i| slice(i64::from(i) + 1, position(f64::from(i)), orientation)).collect()
}

fn planned(headers: &[InstanceHeader]) -> Result<VolumePlan, SkipReason> {
    plan(headers, &AssemblyRules::default())
}

fn code(headers: &[InstanceHeader]) -> &'static str {
    planned(headers).unwrap_err().code()
}

fn has(plan: &VolumePlan, code: &str) -> bool {
    plan.warnings.iter().any(|w| w.code() == code)
}

#[test]
fn a_plain_chest_is_laid_out_feet_first() {
    let headers = chest();
    let plan = planned(&headers).unwrap();
    assert_eq!(plan.shape, [200, 512, 512]);
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    assert_eq!(plan.slices[0].header, 199);
    let origin = plan.affine.to_lps(VoxelPoint { z: 0.0, y: 0.0, x: 0.0 });
    assert!((origin.z - 51.25).abs() < 1e-9 && (origin.x + 179.2).abs() < 1e-9);
    assert!(geometry_is_gapless(&headers));
}

/// Prone and feet-first scans keep their image grid; the affine says where it is. One LPS point is one
/// LPS point however the patient lay.
#[test]
fn patient_position_changes_the_affine_only() {
    let prone = stack(200, |i| [179.2, 179.2, 300.0 - 1.25 * i], PRONE);
    // Feet first supine: image columns run to the patient's right, slices come feet to head.
    let feet_first = stack(200, |i| [179.2, -179.2, 51.25 + 1.25 * i], [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    for headers in [chest(), prone, feet_first] {
        let plan = planned(&headers).unwrap();
        let [slice_step, ..] = plan.affine.steps_zyx();
        assert!(slice_step[2] > 1.2, "feet to head");
        let first = &headers[plan.slices[0].header].frames[0];
        let origin = plan.affine.to_lps(VoxelPoint { z: 0.0, y: 0.0, x: 0.0 });
        let [x, y, z] = first.position.unwrap();
        assert!((origin.x - x).abs() + (origin.y - y).abs() + (origin.z - z).abs() < 1e-9);
        let voxel = plan.affine.to_voxel(domain::LpsPoint { x: 30.0, y: 20.0, z: 250.0 });
        let back = plan.affine.to_lps(voxel);
        assert!((back.x - 30.0).abs() < 1e-9 && voxel.z > 0.0 && voxel.x > 0.0 && voxel.y > 0.0);
    }
}

#[test]
fn one_missing_slice_is_interpolated_and_two_are_a_gap() {
    let mut headers = chest();
    headers.remove(99);
    assert!(!geometry_is_gapless(&headers));
    let plan = planned(&headers).unwrap();
    assert_eq!(plan.slices.len(), 200);
    let filled: Vec<_> =
        plan.slices.iter().enumerate().filter(|(_, s)| s.interpolated).map(|(i, _)| i).collect();
    assert_eq!(filled, [100]);
    assert!(plan.warnings.contains(&SeriesWarning::SliceInterpolated { after_slice_number: 100 }));
    assert_eq!(plan.slices[100].header, plan.slices[99].header, "repeats its lower neighbour");
    let refuse = AssemblyRules { single_gap: SingleGap::Refuse, ..AssemblyRules::default() };
    assert_eq!(super::plan(&headers, &refuse).unwrap_err().code(), "SLICE_GAP");
    headers.remove(50);
    let reason = planned(&headers).unwrap_err();
    assert!(
        matches!(reason, SkipReason::SliceGap { after_slice_number: 100, gap_mm, spacing_mm }
            if (gap_mm - 2.5).abs() < 1e-6 && (spacing_mm - 1.25).abs() < 1e-6),
        "{reason:?}"
    );
}

#[test]
fn duplicates_are_copies_phases_or_refused() {
    // The same slice twice under another UID.
    let mut headers = chest();
    let mut copy = headers[10].clone();
    copy.sop_instance_uid = SopInstanceUid::new("1.2.3.9999").unwrap();
    headers.push(copy);
    let plan = planned(&headers).unwrap();
    assert_eq!(plan.slices.len(), 200);
    assert!(has(&plan, "SLICES_LEFT_OUT"));

    // Two phases told apart by AcquisitionNumber.
    let phases = |second: fn(&mut InstanceHeader)| {
        let mut headers = chest();
        let mut other = chest();
        for (i, h) in (0u32..).zip(&mut other) {
            h.sop_instance_uid = SopInstanceUid::new(&format!("1.2.4.{i}")).unwrap();
            h.pixel_fingerprint = Some(10_000 + u64::from(i));
            second(h);
        }
        headers.extend(other);
        headers
    };
    let plan = planned(&phases(|h| h.acquisition_number = Some(2))).unwrap();
    assert_eq!(plan.slices.len(), 200);
    assert!(has(&plan, "SLICES_LEFT_OUT"));
    assert!(plan.slices.iter().all(|s| s.header < 200), "the first phase is taken");

    // Nothing tells them apart.
    let reason = planned(&phases(|_| {})).unwrap_err();
    assert!(matches!(reason, SkipReason::DuplicatePosition { count: 200, .. }), "{reason:?}");
    // A time of its own on every slice is no phase.
    let mut timed = phases(|_| {});
    for (i, h) in (0u32..).zip(&mut timed) {
        h.acquisition_time = Some(format!("1000{:02}.{i:03}", i % 60));
    }
    assert_eq!(code(&timed), "DUPLICATE_POSITION");
}

#[test]
fn tilt_is_corrected_or_refused() {
    let tilted = |degrees: f64| {
        let (s, c) = degrees.to_radians().sin_cos();
        stack(200, |i| [-179.2, -179.2, 300.0 - 1.25 * i], [1.0, 0.0, 0.0, 0.0, c, -s])
    };
    let plan = planned(&tilted(5.0)).unwrap();
    assert!((plan.tilt_degrees - 5.0).abs() < 1e-6 && has(&plan, "TILT_CORRECTED"));
    // The corrected grid is orthogonal and its middle slice is where it was.
    let [z, y, x] = plan.affine.steps_zyx();
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(p, q)| p * q).sum::<f64>();
    assert!(dot(z, y).abs() < 1e-9 && dot(z, x).abs() < 1e-9);
    // A table point: slice k, stored pixel (r, c) must map to the same place through shift and affine.
    for k in [0usize, 57, 199] {
        let slice = plan.slices[k];
        let [shift_rows, shift_columns] = slice.shift_pixels;
        let [px, py, pz] = tilted(5.0)[slice.header].frames[0].position.unwrap();
        #[allow(clippy::cast_precision_loss)]
        let p = plan.affine.to_lps(VoxelPoint { z: k as f64, y: -shift_rows, x: -shift_columns });
        assert!((p.x - px).abs() + (p.y - py).abs() + (p.z - pz).abs() < 1e-6, "slice {k}: {p:?}");
    }
    let reason = planned(&tilted(12.0)).unwrap_err();
    assert!(matches!(reason, SkipReason::GantryTilt { tilt_degrees } if (tilt_degrees - 12.0).abs() < 1e-6));
}

#[test]
fn other_planes_are_not_axial() {
    let coronal = stack(200, |i| [-179.2, 1.25 * i, 179.2], [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]);
    assert!(
        matches!(planned(&coronal), Err(SkipReason::NotAxial { tilt_degrees }) if (tilt_degrees - 90.0).abs() < 1e-6)
    );
    // Oblique without shear: slices follow their own normal.
    let (s, c) = 20f64.to_radians().sin_cos();
    let oblique = stack(200, |i| [0.0, s * 1.25 * i, c * 1.25 * i], [1.0, 0.0, 0.0, 0.0, c, -s]);
    assert_eq!(code(&oblique), "NOT_AXIAL");
}

#[test]
fn thickness_number_coverage_and_spacing_are_bounded() {
    let mut thick = chest();
    thick.iter_mut().for_each(|h| h.slice_thickness_mm = Some(5.0));
    assert!(has(&planned(&thick).unwrap(), "THICK_SLICES"));
    thick.iter_mut().for_each(|h| h.slice_thickness_mm = Some(8.0));
    assert_eq!(code(&thick), "SLICES_TOO_THICK");
    assert_eq!(code(&stack(30, |i| [0.0, 0.0, 5.0 * i], SUPINE)), "TOO_FEW_SLICES");
    assert_eq!(code(&stack(100, |i| [0.0, 0.0, 1.25 * i], SUPINE)), "COVERAGE_TOO_SHORT");
    let uneven = stack(200, |i| [0.0, 0.0, 1.25 * i + if i % 3.0 < 0.5 { 0.4 } else { 0.0 }], SUPINE);
    assert_eq!(code(&uneven), "UNEVEN_SPACING");
    // Two stray slices of other spacing at the head are cut.
    let mut tail = chest();
    tail.push(slice(900, [-179.2, -179.2, 300.6], SUPINE));
    tail.push(slice(901, [-179.2, -179.2, 301.3], SUPINE));
    let plan = planned(&tail).unwrap();
    assert_eq!(plan.slices.len(), 200);
    assert!(has(&plan, "SLICES_LEFT_OUT"));
}

#[test]
fn what_is_no_scan_is_left_out_or_named() {
    let with = |image_type: [&str; 3]| {
        let mut headers = chest();
        headers.iter_mut().for_each(|h| h.image_type = image_type.map(str::to_owned).to_vec());
        headers
    };
    assert_eq!(code(&with(["ORIGINAL", "PRIMARY", "LOCALIZER"])), "LOCALIZER");
    assert_eq!(code(&with(["DERIVED", "SECONDARY", "MPR"])), "DERIVED_REFORMAT");
    assert_eq!(code(&with(["DERIVED", "SECONDARY", "SCREEN SAVE"])), "DOSE_REPORT");
    assert!(planned(&with(["DERIVED", "PRIMARY", "AXIAL"])).is_ok(), "re-encoded slices");
    assert_eq!(code(&[]), "NOT_CT");
    let mut sr = chest();
    sr.truncate(1);
    sr[0].sop_class_uid = "1.2.840.10008.5.1.4.1.1.88.34".to_owned();
    assert_eq!(code(&sr), "NOT_CT");

    let mut mixed = chest();
    let mut scout = slice(300, [0.0, -200.0, 300.0], [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]);
    scout.image_type = ["ORIGINAL", "PRIMARY", "LOCALIZER"].map(str::to_owned).to_vec();
    mixed.push(scout);
    let plan = planned(&mixed).unwrap();
    assert_eq!(plan.slices.len(), 200);
    assert!(has(&plan, "SLICES_LEFT_OUT"));
}

#[test]
fn mixtures_and_missing_geometry_are_named() {
    let mut matrix = chest();
    matrix.iter_mut().skip(1).step_by(2).for_each(|h| h.frames[0].pixel_spacing = Some([0.8, 0.8]));
    let rules = AssemblyRules { slices_count_min: 150, ..AssemblyRules::default() };
    assert_eq!(plan(&matrix, &rules).unwrap_err().code(), "MIXED_MATRIX");
    let mut orientation = chest();
    orientation.iter_mut().skip(1).step_by(2).for_each(|h| h.frames[0].orientation = Some(PRONE));
    assert_eq!(plan(&orientation, &rules).unwrap_err().code(), "MIXED_ORIENTATION");
    let mut missing = chest();
    missing.iter_mut().for_each(|h| h.frames[0].position = None);
    assert_eq!(code(&missing), "GEOMETRY_MISSING");
    let mut colour = chest();
    colour.iter_mut().for_each(|h| h.pixels.as_mut().unwrap().photometric = "RGB".to_owned());
    assert_eq!(code(&colour), "PIXEL_FORMAT");
    let mut units = chest();
    units.iter_mut().for_each(|h| h.rescale_type = Some("US".to_owned()));
    assert_eq!(code(&units), "PIXEL_FORMAT");
}

#[test]
fn warnings_about_pixels_are_given() {
    let mut headers = chest();
    headers[3].lossy_image_compression = Some("01".to_owned());
    headers[4].contrast_bolus_agent = Some("agent".to_owned());
    headers[5].frames[0].intercept = None;
    let plan = planned(&headers).unwrap();
    assert!(has(&plan, "LOSSY_COMPRESSION") && has(&plan, "CONTRAST_AGENT"));
    assert!(plan.warnings.contains(&SeriesWarning::RescaleAssumed { intercept: -1024.0 }));
}

/// Every other slice first (a sender that interleaves) is not taken for a finished stack.
#[test]
fn half_a_stack_is_not_gapless() {
    let headers = chest();
    let every_other: Vec<_> = headers.iter().step_by(2).cloned().collect();
    assert!(!geometry_is_gapless(&every_other));
    assert!(geometry_is_gapless(&headers[20..90]), "more may come at the ends");
    assert!(!geometry_is_gapless(&headers[..2]), "one distance proves nothing");
    assert!(!geometry_is_gapless(&[]));
}

/// JSON of a header is small, and gives the same header back.
#[test]
fn headers_survive_json() {
    let header = &chest()[0];
    let text = serde_json::to_string(header).unwrap();
    assert!(text.len() < 900, "{} bytes", text.len());
    assert_eq!(serde_json::from_str::<InstanceHeader>(&text).unwrap(), *header);
}

#[test]
fn the_best_reconstruction_is_named_with_its_reason() {
    let base = planned(&chest()).unwrap().summary;
    let thick = ReconstructionSummary { thickness_mm: 5.0, ..base.clone() };
    assert!(better_reconstruction(&base, &thick).unwrap().contains("1.25 mm instead of 5.00"));
    assert_eq!(better_reconstruction(&thick, &base), None);
    let kernel = |k: &str, t: f64| ReconstructionSummary {
        kernel: k.to_owned(),
        kernel_class: reconstruction::kernel_class(k),
        thickness_mm: t,
        ..base.clone()
    };
    let (soft, sharp) = (kernel("B30f", 1.25), kernel("B70f", 1.0));
    assert!(better_reconstruction(&soft, &sharp).unwrap().contains("soft kernel B30f"));
    assert_eq!(better_reconstruction(&sharp, &soft), None);
    assert_eq!(better_reconstruction(&base, &base), None, "a tie");
    use reconstruction::KernelClass::{Sharp, Soft, Unknown};
    for (name, class) in [
        ("B30f", Soft),
        ("Br40d\\3", Soft),
        ("Bl57d", Sharp),
        ("B70f", Sharp),
        ("STANDARD", Soft),
        ("LUNG", Sharp),
        ("FC01", Soft),
        ("FC51", Sharp),
        ("D", Sharp),
        ("B", Soft),
        ("", Unknown),
        ("XYZ", Unknown),
    ] {
        assert_eq!(reconstruction::kernel_class(name), class, "{name}");
    }
}

#[test]
fn acquisitions_are_told_apart() {
    let with = |change: fn(&mut InstanceHeader)| {
        let mut headers = chest();
        headers.iter_mut().for_each(|h| {
            h.acquisition_number = Some(3);
            h.acquisition_time = Some("101500.5".to_owned());
            change(h);
        });
        acquisition_key(&headers).unwrap()
    };
    let base = with(|_| {});
    assert!(base.same_acquisition(&with(|h| h.acquisition_time = Some("101507".to_owned()))));
    assert!(!base.same_acquisition(&with(|h| h.acquisition_time = Some("102107".to_owned()))));
    assert!(!base.same_acquisition(&with(|h| h.acquisition_number = Some(4))));
    assert!(!base.same_acquisition(&with(|h| h.frames[0].position.as_mut().unwrap()[2] -= 900.0)));
    let uid = with(|h| h.acquisition_uid = Some("1.5".to_owned()));
    assert!(!uid.same_acquisition(&with(|h| h.acquisition_uid = Some("1.6".to_owned()))));
    assert!(uid.same_acquisition(&with(|h| {
        h.acquisition_uid = Some("1.5".to_owned());
        h.acquisition_number = Some(9);
    })));
    assert_eq!(acquisition_key(&[]), None);
}

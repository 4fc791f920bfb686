//! A document for the tests of this crate.

use domain::{
    Attenuation, FindingsDocument, LpsPoint, LungsDocument, NoduleDocument, PackDocument, ReasonDocument,
    SeriesDocument, SeriesState, Side, Timings, VoxelPoint,
};

/// One analysed series with a nodule and a warning, one skipped series.
pub(crate) fn document() -> FindingsDocument {
    let nodule = NoduleDocument {
        number: 1,
        tracking_uid: "2.25.1".to_owned(),
        center_lps_mm: LpsPoint { x: -80.5, y: -4.25, z: 48.0 },
        center_voxel_zyx: VoxelPoint { z: 200.0, y: 240.0, x: 140.0 },
        key_sop_instance_uid: "1.2.3.4".to_owned(),
        key_frame_number: None,
        score: 0.914,
        long_axis_mm: 8.2,
        short_axis_mm: 6.1,
        mean_diameter_mm: 7.15,
        volume_mm3: 181.4,
        hu_mean: -120.0,
        hu_sd: 190.0,
        attenuation: Attenuation::PartSolid,
        side: Side::Right,
    };
    let reason = ReasonDocument {
        code: "SLICE_GAP".to_owned(),
        message:
            "slice gap: 5.00 mm after slice 41 where the others are 2.50 mm apart; resend the missing slices"
                .to_owned(),
    };
    let mut analysed = SeriesDocument::without_result("1.2.3", "1.2.3.1", SeriesState::Done, None);
    analysed.nodules.push(nodule);
    analysed.warnings.push(ReasonDocument {
        code: "THICK_SLICES".to_owned(),
        message: "slices are 3.0 mm thick or apart".to_owned(),
    });
    analysed.pack = Some(PackDocument {
        name: "baseline-log".to_owned(),
        version: "1".to_owned(),
        sha256: "ab".repeat(32),
        threshold: 0.5,
        runtime: "onnxruntime 1.32.0 CPU f32".to_owned(),
    });
    analysed.lungs = Some(LungsDocument { left_ml: 2400.0, right_ml: 2800.0 });
    analysed.timings_ms = Timings { total: 12_345, ..Timings::default() };
    let skipped = SeriesDocument::without_result("1.2.3", "1.2.3.2", SeriesState::Skipped, Some(reason));
    FindingsDocument::new("0.1.0", vec![analysed, skipped])
}

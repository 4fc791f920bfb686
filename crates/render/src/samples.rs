//! Documents for the tests of this crate.

mod evaluation;

pub(crate) use evaluation::evaluation;

use domain::{
    AnswerBasis, AnswerStatus, Attenuation, Character, ExamAssessment, ExamContext, ExamTriage,
    FindingsDocument, GuidelineAssessment, GuidelineCategory, InputSource, InputValue, IntervalMonths, Lobe,
    LobePlace, LpsPoint, LungsDocument, NoduleAssessment, NoduleDocument, PackDocument, Rated,
    ReasonDocument, RiskAssessment, SeriesDocument, SeriesState, SeriesWarning, Side, SourcedInput,
    TRIAGE_USE, Timings, TriageStatus, TypeProbabilities, VoxelPoint,
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
        character: Some(Character {
            types: Some(TypeProbabilities { solid: 0.15, part_solid: 0.6, non_solid: 0.25 }),
            calcified: Some(Rated { probability: 0.01, answer: Some(false) }),
            spiculated: Some(Rated { probability: 0.45, answer: None }),
        }),
        side: Side::Right,
        place_in_lung: None,
        lobe: Some(LobePlace { lobe: Lobe::Rul, fissure_mm: 21.0, sure: true }),
        clinical: None,
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
        message: SeriesWarning::ThickSlices { thickness_mm: 3.0 }.to_string(),
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

fn basis(title: &str, status: AnswerStatus, missing: &[&str]) -> AnswerBasis {
    AnswerBasis {
        version: "1".to_owned(),
        title: title.to_owned(),
        status,
        missing: missing.iter().map(|name| (*name).to_owned()).collect(),
        reason: (status == AnswerStatus::NotApplicable).then(|| "not for this exam".to_owned()),
        terms: Vec::new(),
        inputs: Vec::new(),
        warnings: Vec::new(),
        citation: "somewhere".to_owned(),
    }
}

fn guideline(id: &str, title: &str, category: Option<GuidelineCategory>) -> GuidelineAssessment {
    let status = if category.is_some() { AnswerStatus::Result } else { AnswerStatus::NotApplicable };
    GuidelineAssessment {
        guideline: id.to_owned(),
        category,
        range: None,
        assumed: Vec::new(),
        basis: basis(title, status, &[]),
    }
}

/// The same with what rules say: a range across a limit, a settled category, a guideline that does not apply.
pub(crate) fn judged() -> FindingsDocument {
    let mut document = document();
    let category = GuidelineCategory {
        category: "3".to_owned(),
        row: "LR22-3a".to_owned(),
        interval_months: Some(IntervalMonths::Whole(6)),
        management: "LDCT in 6 months".to_owned(),
    };
    let lead = guideline("lung_rads_2022", "Lung-RADS v2022", Some(category));
    let series = &mut document.series[0];
    series.nodules[0].clinical = Some(NoduleAssessment {
        number: 1,
        risks: vec![RiskAssessment {
            model: "brock2a".to_owned(),
            probability: None,
            range: Some([0.081, 0.124]),
            undetermined: true,
            basis: basis("Brock (PanCan) 2a", AnswerStatus::Range, &["emphysema"]),
        }],
        guidelines: vec![lead.clone(), guideline("fleischner_2017", "Fleischner Society 2017", None)],
        agreement: "fewer than two guidelines answer; nothing to compare".to_owned(),
    });
    series.clinical = Some(ExamAssessment {
        context: ExamContext::Screening,
        why: "screening rules applied: order code 71271; Lung-RADS v2022 leads".to_owned(),
        guideline: Some("lung_rads_2022".to_owned()),
        category: Some(lead),
        decided_by: Some(1),
        beside: None,
        at_least: None,
        proposed: vec!["modifier S (row LR22-S): aneurysm".to_owned()],
        inputs: vec![SourcedInput {
            name: "age".to_owned(),
            value: InputValue::Number(68.0),
            source: InputSource::Dicom,
            origin: "PatientAge (0010,1010)".to_owned(),
        }],
        site_version: Some(2),
        warnings: Vec::new(),
    });
    series.triage = Some(ExamTriage {
        status: TriageStatus::Calibrated,
        score: Some(8),
        exam_score: 0.914,
        calibration_version: Some(3),
        exams_count: 812,
        exams_count_min: 500,
        reason: None,
        intended_use: TRIAGE_USE.to_owned(),
    });
    document
}

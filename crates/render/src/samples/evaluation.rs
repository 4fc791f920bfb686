//! An evaluation with every part.

use domain::{
    AgreementMeans, CalibrationBin, CalibrationDocument, ClassificationDocument, DetectionDocument, Estimate,
    EvaluationDocument, FalseMarkDocument, FalseMarkUnit, LpsPoint, MarkCounts, NoduleOutcomeDocument,
    OperatingPointDocument, OutlineGroup, RateDocument, ReasonDocument, ScanReason, SegmentationDocument,
    Share, SubgroupDocument,
};

fn estimate(value: f64) -> Estimate {
    Estimate { value, mean: Some(value), low: Some(value - 0.1), high: Some(value + 0.1) }
}

fn share(found: usize, total: usize) -> Share {
    Share { found, total, interval: Some([0.1, 0.9]) }
}

fn calibration() -> CalibrationDocument {
    let bin = |score_mean, found| CalibrationBin { score_mean, share: share(found, 10) };
    CalibrationDocument {
        bins: vec![bin(0.2, 1), bin(0.8, 7)],
        brier: 0.1,
        error: 0.1,
        slope: 0.9,
        intercept: 0.0,
    }
}

fn detection() -> DetectionDocument {
    let rate =
        |rate, value| RateDocument { rate, sensitivity: estimate(value), found: 3, threshold: Some(0.4) };
    let rates = [(0.125, 0.3), (0.25, 0.4), (0.5, 0.5), (1.0, 0.6), (2.0, 0.7), (4.0, 0.8), (8.0, 0.9)];
    let center_lps_mm = LpsPoint { x: -80.5, y: 4.0, z: 12.0 };
    DetectionDocument {
        unit: FalseMarkUnit::Scan,
        units_count: 4.0,
        searched_litres: None,
        scans_count: 4,
        patients_count: 4,
        nodules_count: 5,
        counts: MarkCounts { hits: 4, missed: 1, false_marks: 40, doubles: 1, irrelevant: 2, cut: 0 },
        rates: rates.map(|(r, v)| rate(r, v)).to_vec(),
        cpm: Some(estimate(0.612)),
        cpm_within_4_mm: Some(0.65),
        draws_count: 1000,
        seed: 1,
        curve: vec![[0.0, 0.2, 0.9], [0.5, 0.5, 0.7], [8.0, 0.9, 0.1]],
        operating_points: vec![OperatingPointDocument {
            name: "balanced".to_owned(),
            threshold: 0.5,
            sensitivity: share(3, 5),
            false_marks: estimate(1.25),
        }],
        subgroups: vec![SubgroupDocument {
            by: "size".to_owned(),
            group: "4 to 6 mm".to_owned(),
            scans_count: 2,
            nodules_count: 3,
            cpm: Some(estimate(0.5)),
            at_one: share(2, 3),
            false_marks_at_one: None,
            too_few: true,
        }],
        nodules: vec![NoduleOutcomeDocument {
            scan: "1.2.3".to_owned(),
            id: "n1".to_owned(),
            center_lps_mm,
            diameter_mm: 6.5,
            score: None,
            rank: None,
        }],
        false_marks: vec![FalseMarkDocument { scan: "1.2.3".to_owned(), center_lps_mm, score: 0.9 }],
        compared: None,
    }
}

/// One of everything.
pub(crate) fn evaluation() -> EvaluationDocument {
    let means = AgreementMeans {
        count: 3,
        dice: 0.8,
        dice_p10_p90: [0.7, 0.9],
        iou: 0.67,
        surface_mm_mean: 0.4,
        surface_mm_p95: 1.2,
        volume_error: -0.04,
        volume_error_absolute: 0.1,
    };
    EvaluationDocument {
        schema: domain::EVALUATION_SCHEMA.to_owned(),
        lungcad_version: "0.1.0".to_owned(),
        truth: "annotations.csv".to_owned(),
        marks: "submission.csv".to_owned(),
        pack: super::document().series[0].pack.clone(),
        not_analyzed: vec![ScanReason {
            scan: "1.2.3".to_owned(),
            reason: ReasonDocument { code: "TOO_FEW_SLICES".to_owned(), message: "only 12".to_owned() },
        }],
        other_scans_count: 0,
        detection: Some(detection()),
        segmentation: Some(SegmentationDocument {
            outlines_count: 3,
            groups: vec![OutlineGroup {
                by: "all".to_owned(),
                group: "all".to_owned(),
                count: 3,
                consensus: means,
                against_readers: Some(means),
                between_readers: Some(means),
                volume_within_readers: share(2, 3),
            }],
            outlines: Vec::new(),
        }),
        classification: vec![ClassificationDocument {
            task: "calcified".to_owned(),
            classes: vec!["0".to_owned(), "1".to_owned()],
            count: 10,
            confusion: vec![vec![4, 1], vec![1, 4]],
            accuracy: share(8, 10),
            kappa: Some(estimate(0.6)),
            auc: Some(estimate(0.8)),
            roc: vec![[0.0, 0.0], [0.2, 0.8], [1.0, 1.0]],
            calibration: None,
        }],
        calibration: Some(calibration()),
    }
}

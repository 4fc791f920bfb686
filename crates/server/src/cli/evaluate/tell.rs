//! The evaluation as tables for a terminal.

use crate::cli::{say, table};
use domain::{
    ClassificationDocument, DetectionDocument, Estimate, EvaluationDocument, SegmentationDocument, Share,
};

/// Everything, the most wanted first.
pub(super) fn document(document: &EvaluationDocument) {
    for scan in &document.not_analyzed {
        say(format_args!("{}: {} {}", scan.scan, scan.reason.code, scan.reason.message));
    }
    if document.other_scans_count > 0 {
        say(format_args!(
            "{} scans with marks are not in the truth and were ignored",
            document.other_scans_count
        ));
    }
    if let Some(detection) = &document.detection {
        tell_detection(detection);
    }
    if let Some(segmentation) = &document.segmentation {
        tell_segmentation(segmentation);
    }
    for classification in &document.classification {
        tell_classification(classification);
    }
    if let Some(calibration) = &document.calibration {
        say(format_args!(
            "scores of marks: Brier {:.3}, calibration error {:.3}, slope {:.2}, intercept {:.2}",
            calibration.brier, calibration.error, calibration.slope, calibration.intercept
        ));
    }
}

fn interval(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{low:.3} to {high:.3}"),
        _ => String::new(),
    }
}

fn share(share: &Share) -> String {
    format!("{} of {}", share.found, share.total)
}

fn tell_detection(detection: &DetectionDocument) {
    let searched = detection.searched_litres.map(|l| format!(", {l:.1} litres searched")).unwrap_or_default();
    say(format_args!(
        "{} nodules in {} scans of {} patients{searched}",
        detection.nodules_count, detection.scans_count, detection.patients_count
    ));
    let counts = &detection.counts;
    say(format_args!(
        "{} hit, {} missed, {} false marks, {} doubles, {} on irrelevant findings, {} beyond the hundred of a scan",
        counts.hits, counts.missed, counts.false_marks, counts.doubles, counts.irrelevant, counts.cut
    ));
    if detection.rates.is_empty() {
        say("no nodule counts: sensitivity is not defined");
    } else {
        let unit = format!("false marks per {}", detection.unit.words());
        let mut rows = table(&[&unit, "sensitivity", "95 % by patient", "found", "score from"]);
        for rate in &detection.rates {
            rows.add_row([
                rate.rate.to_string(),
                format!("{:.3}", rate.sensitivity.value),
                interval(&rate.sensitivity),
                format!("{} of {}", rate.found, detection.nodules_count),
                rate.threshold.map(|t| format!("{t:.4}")).unwrap_or_default(),
            ]);
        }
        say(rows);
    }
    if let Some(cpm) = &detection.cpm {
        let friendly = detection.cpm_within_4_mm.unwrap_or(cpm.value);
        say(format_args!("CPM {:.3} ({}); within max(radius, 4 mm) {friendly:.3}", cpm.value, interval(cpm)));
    }
    if let Some(compared) = &detection.compared {
        say(format_args!(
            "against {}: CPM {:.3}, difference {:+.3} ({}), not better in {:.3} of the draws",
            compared.other,
            compared.cpm,
            compared.difference.value,
            interval(&compared.difference),
            compared.p_not_better
        ));
    }
    tell_points_and_groups(detection);
}

fn tell_points_and_groups(detection: &DetectionDocument) {
    let unit = format!("false marks per {}", detection.unit.words());
    if !detection.operating_points.is_empty() {
        let mut rows = table(&["operating point", "score from", "found", &unit, "95 % by patient"]);
        for point in &detection.operating_points {
            rows.add_row([
                point.name.clone(),
                format!("{:.4}", point.threshold),
                share(&point.sensitivity),
                format!("{:.2}", point.false_marks.value),
                interval(&point.false_marks),
            ]);
        }
        say(rows);
    }
    if !detection.subgroups.is_empty() {
        let found = format!("found at 1 per {}", detection.unit.words());
        let mut rows = table(&["by", "group", "nodules", "scans", &found, "CPM", "95 % by patient", ""]);
        for group in &detection.subgroups {
            rows.add_row([
                group.by.clone(),
                group.group.clone(),
                group.nodules_count.to_string(),
                group.scans_count.to_string(),
                share(&group.at_one),
                group.cpm.map(|c| format!("{:.3}", c.value)).unwrap_or_default(),
                group.cpm.as_ref().map(interval).unwrap_or_default(),
                if group.too_few { "too few" } else { "" }.to_owned(),
            ]);
        }
        say(rows);
    }
}

fn tell_segmentation(segmentation: &SegmentationDocument) {
    let header = [
        "outlines",
        "n",
        "Dice",
        "10 to 90 %",
        "IoU",
        "surface mm",
        "HD95 mm",
        "volume bias",
        "to single readers",
        "between readers",
        "volume within readers",
    ];
    let mut rows = table(&header);
    for group in &segmentation.groups {
        let own = &group.consensus;
        let dice = |means: Option<domain::AgreementMeans>| means.map(|m| format!("{:.3}", m.dice));
        rows.add_row([
            group.group.clone(),
            group.count.to_string(),
            format!("{:.3}", own.dice),
            format!("{:.2} to {:.2}", own.dice_p10_p90[0], own.dice_p10_p90[1]),
            format!("{:.3}", own.iou),
            format!("{:.2}", own.surface_mm_mean),
            format!("{:.2}", own.surface_mm_p95),
            format!("{:+.1} %", 100.0 * own.volume_error),
            dice(group.against_readers).unwrap_or_default(),
            dice(group.between_readers).unwrap_or_default(),
            share(&group.volume_within_readers),
        ]);
    }
    say(rows);
}

fn tell_classification(classification: &ClassificationDocument) {
    let kappa = classification.kappa.as_ref().map(|k| format!(", kappa {:.2} ({})", k.value, interval(k)));
    let auc = classification.auc.as_ref().map(|a| format!(", AUC {:.3} ({})", a.value, interval(a)));
    say(format_args!(
        "{}: {} right{}{}",
        classification.task,
        share(&classification.accuracy),
        kappa.unwrap_or_default(),
        auc.unwrap_or_default()
    ));
    let mut header = vec!["readers \\ system"];
    header.extend(classification.classes.iter().map(String::as_str));
    let mut rows = table(&header);
    for (class, counts) in classification.classes.iter().zip(&classification.confusion) {
        let mut row = vec![class.clone()];
        row.extend(counts.iter().map(ToString::to_string));
        rows.add_row(row);
    }
    say(rows);
}

//! Tables of the evaluation page.

use crate::overview_html::escaped;
use domain::{
    AgreementMeans, ClassificationDocument, DetectionDocument, Estimate, ScanReason, SegmentationDocument,
    Share,
};
use std::fmt::Write;

/// Missed nodules and false marks that are listed.
const ROWS_MAX: usize = 60;

/// "(0.51 to 0.72)", or nothing.
pub(super) fn interval(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("({low:.3} to {high:.3})"),
        _ => String::new(),
    }
}

fn of(share: &Share) -> String {
    let interval = share.interval.map(|[l, h]| format!(" ({l:.2} to {h:.2})")).unwrap_or_default();
    format!("{} of {}{interval}", share.found, share.total)
}

fn open(html: &mut String, title: &str, columns: &[&str]) {
    let _ = write!(html, "<h3>{title}</h3>\n<table>\n<thead><tr>");
    for (index, column) in columns.iter().enumerate() {
        let class = if index == 0 { "" } else { " class=\"n\"" };
        let _ = write!(html, "<th{class}>{column}");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
}

fn row(html: &mut String, class: &str, cells: &[String]) {
    let _ = write!(html, "<tr class=\"{class}\">");
    for (index, cell) in cells.iter().enumerate() {
        let class = if index == 0 { "" } else { " class=\"n\"" };
        let _ = write!(html, "<td{class}>{}", escaped(cell));
    }
    html.push_str("</tr>\n");
}

fn close(html: &mut String) {
    html.push_str("</tbody>\n</table>\n");
}

pub(super) fn rates(html: &mut String, detection: &DetectionDocument) {
    if detection.rates.is_empty() {
        html.push_str("<p class=\"none\">No nodule counts: sensitivity is not defined.</p>\n");
        return;
    }
    let unit = format!("False marks per {}", detection.unit.words());
    open(html, "Sensitivity", &[&unit, "Sensitivity", "95 %", "Mean of draws", "Found", "Score from"]);
    for rate in &detection.rates {
        let cells = [
            format!("{}", rate.rate),
            format!("{:.3}", rate.sensitivity.value),
            interval(&rate.sensitivity),
            rate.sensitivity.mean.map(|m| format!("{m:.3}")).unwrap_or_default(),
            format!("{} of {}", rate.found, detection.nodules_count),
            rate.threshold.map(|t| format!("{t:.4}")).unwrap_or_default(),
        ];
        row(html, "", &cells);
    }
    close(html);
    let counts = &detection.counts;
    let _ = writeln!(
        html,
        "<p class=\"dim\">{} nodules hit, {} missed at any score; {} false marks, {} doubles, {} marks on irrelevant findings, \
         {} beyond the hundred of a scan that count.</p>",
        counts.hits, counts.missed, counts.false_marks, counts.doubles, counts.irrelevant, counts.cut
    );
    if let Some(cpm) = detection.cpm_within_4_mm {
        let _ = writeln!(
            html,
            "<p class=\"dim\">CPM with centres within max(radius, 4 mm): {cpm:.3} (not LUNA16).</p>"
        );
    }
    if let Some(compared) = &detection.compared {
        let _ = writeln!(
            html,
            "<p>Against {}: its CPM {:.3}, difference {:+.3} {}; not better in {:.3} of the draws.</p>",
            escaped(&compared.other),
            compared.cpm,
            compared.difference.value,
            interval(&compared.difference),
            compared.p_not_better
        );
    }
}

pub(super) fn operating_points(html: &mut String, detection: &DetectionDocument) {
    if detection.operating_points.is_empty() {
        return;
    }
    let unit = format!("False marks per {}", detection.unit.words());
    open(html, "Operating points", &["Point", "Score from", "Found", &unit, "95 %"]);
    for point in &detection.operating_points {
        let cells = [
            point.name.clone(),
            format!("{:.4}", point.threshold),
            of(&point.sensitivity),
            format!("{:.2}", point.false_marks.value),
            interval(&point.false_marks),
        ];
        row(html, "", &cells);
    }
    close(html);
}

pub(super) fn subgroups(html: &mut String, detection: &DetectionDocument) {
    if detection.subgroups.is_empty() {
        return;
    }
    let found = format!("Found at 1 false mark per {}", detection.unit.words());
    open(html, "Subgroups", &["By", "Group", "Nodules", "Scans", &found, "False marks there", "CPM", "95 %"]);
    for group in &detection.subgroups {
        let few = if group.too_few { " (too few)" } else { "" };
        let cells = [
            group.by.clone(),
            format!("{}{few}", group.group),
            group.nodules_count.to_string(),
            group.scans_count.to_string(),
            of(&group.at_one),
            group.false_marks_at_one.map(|v| format!("{v:.2}")).unwrap_or_default(),
            group.cpm.map(|c| format!("{:.3}", c.value)).unwrap_or_default(),
            group.cpm.as_ref().map(interval).unwrap_or_default(),
        ];
        row(html, if group.too_few { "few" } else { "" }, &cells);
    }
    close(html);
}

pub(super) fn missed(html: &mut String, detection: &DetectionDocument) {
    // Lowest scores first: those are missed at most thresholds.
    let mut nodules: Vec<_> = detection.nodules.iter().collect();
    nodules.sort_by(|a, b| {
        a.score.unwrap_or(f64::NEG_INFINITY).total_cmp(&b.score.unwrap_or(f64::NEG_INFINITY))
    });
    if nodules.is_empty() {
        return;
    }
    let title = if nodules.len() > ROWS_MAX { "Nodules with the lowest scores" } else { "Nodules" };
    open(html, title, &["Scan", "Nodule", "Diameter mm", "LPS x, y, z mm", "Score", "Rank in its scan"]);
    for nodule in nodules.into_iter().take(ROWS_MAX) {
        let c = nodule.center_lps_mm;
        let cells = [
            nodule.scan.clone(),
            nodule.id.clone(),
            format!("{:.1}", nodule.diameter_mm),
            format!("{:.1}, {:.1}, {:.1}", c.x, c.y, c.z),
            nodule.score.map_or("missed".to_owned(), |s| format!("{s:.4}")),
            nodule.rank.map(|r| r.to_string()).unwrap_or_default(),
        ];
        row(html, "", &cells);
    }
    close(html);
}

pub(super) fn false_marks(html: &mut String, detection: &DetectionDocument) {
    if detection.false_marks.is_empty() {
        return;
    }
    open(html, "Strongest false marks", &["Scan", "LPS x, y, z mm", "Score"]);
    for mark in detection.false_marks.iter().take(ROWS_MAX) {
        let c = mark.center_lps_mm;
        let place = format!("{:.1}, {:.1}, {:.1}", c.x, c.y, c.z);
        row(html, "", &[mark.scan.clone(), place, format!("{:.4}", mark.score)]);
    }
    close(html);
}

pub(super) fn segmentation(html: &mut String, segmentation: &SegmentationDocument) {
    let _ = writeln!(html, "<section>\n<h2>Outlines</h2>\n<p>{} outlines.</p>", segmentation.outlines_count);
    let columns = [
        "By",
        "Group",
        "n",
        "Dice to consensus",
        "10 to 90 %",
        "IoU",
        "Surface mm",
        "HD95 mm",
        "Volume bias",
        "Dice to single readers",
        "Dice between readers",
        "Volume within readers",
    ];
    open(html, "Agreement", &columns);
    for group in &segmentation.groups {
        let own = &group.consensus;
        let dice =
            |means: &Option<AgreementMeans>| means.map(|m| format!("{:.3}", m.dice)).unwrap_or_default();
        let cells = [
            group.by.clone(),
            group.group.clone(),
            group.count.to_string(),
            format!("{:.3}", own.dice),
            format!("{:.2} to {:.2}", own.dice_p10_p90[0], own.dice_p10_p90[1]),
            format!("{:.3}", own.iou),
            format!("{:.2}", own.surface_mm_mean),
            format!("{:.2}", own.surface_mm_p95),
            format!("{:+.1} %", 100.0 * own.volume_error),
            dice(&group.against_readers),
            dice(&group.between_readers),
            if group.volume_within_readers.total > 0 {
                of(&group.volume_within_readers)
            } else {
                String::new()
            },
        ];
        row(html, "", &cells);
    }
    close(html);
    html.push_str("</section>\n");
}

pub(super) fn confusion(html: &mut String, classification: &ClassificationDocument) {
    let mut columns = vec!["Readers \\ system".to_owned()];
    columns.extend(classification.classes.iter().map(|c| escaped(c)));
    open(html, "Confusion", &columns.iter().map(String::as_str).collect::<Vec<_>>());
    for (class, counts) in classification.classes.iter().zip(&classification.confusion) {
        let mut cells = vec![class.clone()];
        cells.extend(counts.iter().map(ToString::to_string));
        row(html, "", &cells);
    }
    close(html);
}

pub(super) fn not_analyzed(html: &mut String, scans: &[ScanReason]) {
    if scans.is_empty() {
        return;
    }
    html.push_str("<section>\n<h2>Not analysed</h2>\n<p>These scans count as scans without marks.</p>\n");
    open(html, "Reasons", &["Scan", "Code", "Reason"]);
    for scan in scans {
        row(html, "", &[scan.scan.clone(), scan.reason.code.clone(), scan.reason.message.clone()]);
    }
    close(html);
    html.push_str("</section>\n");
}

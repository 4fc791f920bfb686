//! The page of an evaluation: curves, tables, what was missed. No script, no outside resource.

mod tables;

use crate::overview_html::{STYLE, escaped};
use crate::plots::{AxisLine, Plot, Scale};
use domain::{
    CalibrationDocument, ClassificationDocument, DetectionDocument, EvaluationDocument, INTENDED_USE,
};
use std::fmt::Write;

/// What this page adds to the style.
const OWN_STYLE: &str = include_str!("evaluation.css");

/// The page, UTF-8.
#[must_use]
pub fn evaluation_html(document: &EvaluationDocument) -> String {
    let mut html = String::with_capacity(32 * 1024);
    html.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    let _ = writeln!(
        html,
        "<title>lungcad evaluation</title>\n<style>\n{STYLE}{OWN_STYLE}</style>\n</head>\n<body>\n\
         <header>\n<div><h1>Evaluation</h1>\n<p class=\"source\">{} against {}</p></div>\n<p class=\"use\">{INTENDED_USE}</p>\n</header>",
        escaped(&document.marks),
        escaped(&document.truth)
    );
    if let Some(pack) = &document.pack {
        let _ = writeln!(
            html,
            "<p>Model pack {} {} <span class=\"dim\">(pack.toml sha256 {}, {})</span></p>",
            escaped(&pack.name),
            escaped(&pack.version),
            escaped(&pack.sha256),
            escaped(&pack.runtime)
        );
    }
    if let Some(detection) = &document.detection {
        detection_section(&mut html, detection, document.calibration.as_ref());
    }
    if let Some(segmentation) = &document.segmentation {
        tables::segmentation(&mut html, segmentation);
    }
    for classification in &document.classification {
        classification_section(&mut html, classification);
    }
    tables::not_analyzed(&mut html, &document.not_analyzed);
    let _ = writeln!(
        html,
        "<footer><p>lungcad {}. Rules and definitions: docs/EVALUATION.md. Places are DICOM patient coordinates (LPS, \
         mm).</p></footer>\n</body>\n</html>",
        escaped(&document.lungcad_version)
    );
    html
}

fn detection_section(
    html: &mut String,
    detection: &DetectionDocument,
    calibration: Option<&CalibrationDocument>,
) {
    html.push_str("<section>\n<h2>Detection</h2>\n<ul class=\"sums\">");
    if let Some(cpm) = &detection.cpm {
        let _ = write!(html, "<li class=\"main\"><b>{:.3}</b> CPM {}</li>", cpm.value, tables::interval(cpm));
    }
    for (count, words) in [
        (detection.nodules_count, "nodules"),
        (detection.scans_count, "scans"),
        (detection.patients_count, "patients"),
        (detection.counts.false_marks, "false marks at any score"),
    ] {
        let _ = write!(html, "<li><b>{count}</b> {words}</li>");
    }
    if let Some(litres) = detection.searched_litres {
        let _ = write!(html, "<li><b>{litres:.1}</b> litres searched</li>");
    }
    html.push_str("</ul>\n<div class=\"plots\">\n");
    if !detection.rates.is_empty() {
        froc_figure(html, detection);
    }
    if let Some(calibration) = calibration {
        calibration_figure(html, calibration, "Scores of marks against the share of nodules among them");
    }
    html.push_str("</div>\n");
    tables::rates(html, detection);
    tables::operating_points(html, detection);
    tables::subgroups(html, detection);
    tables::missed(html, detection);
    tables::false_marks(html, detection);
    html.push_str("</section>\n");
}

fn froc_figure(html: &mut String, detection: &DetectionDocument) {
    let title = format!("false marks per {}", detection.unit.words());
    let ticks = [(0.125, "1/8"), (0.25, "1/4"), (0.5, "1/2"), (1.0, "1"), (2.0, "2"), (4.0, "4"), (8.0, "8")];
    let x = AxisLine {
        title: &title,
        ends: [0.125, 8.0],
        scale: Scale::Log2,
        ticks: ticks.map(|(v, t)| (v, t.to_owned())).to_vec(),
    };
    let y = AxisLine { title: "sensitivity", ends: [0.0, 1.0], scale: Scale::Linear, ticks: Plot::tenths() };
    let mut plot = Plot::new(x, y);
    let ends = |end: fn(&domain::Estimate) -> Option<f64>| {
        let points = detection.rates.iter().filter_map(|r| Some([r.rate, end(&r.sensitivity)?]));
        points.collect::<Vec<_>>()
    };
    plot.band(&ends(|e| e.low), &ends(|e| e.high));
    // The curve is a straight line between points on an even axis; on this one it is drawn at many places.
    let steps = (0..=240).map(|i| 0.125 * 2f64.powf(f64::from(i) / 40.0));
    plot.line(steps.map(|at| [at, on_curve(&detection.curve, at)]), "curve");
    for rate in &detection.rates {
        plot.dot([rate.rate, rate.sensitivity.value], None);
    }
    let picture = plot.svg("Sensitivity against false marks, with the interval of the seven rates");
    let note = if detection.draws_count > 0 {
        format!("Band: 95 % of {} draws of patients, at the seven rates.", detection.draws_count)
    } else {
        String::new()
    };
    let _ = writeln!(
        html,
        "<figure>{picture}<figcaption>FROC by the rules of LUNA16. {note}</figcaption></figure>"
    );
}

/// Sensitivity of the curve at a rate: straight between points, flat beyond the last.
fn on_curve(curve: &[[f64; 3]], at: f64) -> f64 {
    let after = curve.partition_point(|p| p[0] <= at);
    let low = after.checked_sub(1).and_then(|i| curve.get(i)).map_or([0.0, 0.0], |p| [p[0], p[1]]);
    match curve.get(after) {
        Some(high) => low[1] + (high[1] - low[1]) * (at - low[0]) / (high[0] - low[0]),
        None => low[1],
    }
}

fn share_axis(title: &str) -> AxisLine<'_> {
    AxisLine { title, ends: [0.0, 1.0], scale: Scale::Linear, ticks: Plot::tenths() }
}

fn calibration_figure(html: &mut String, calibration: &CalibrationDocument, words: &str) {
    let mut plot = Plot::new(share_axis("mean score"), share_axis("share that came true"));
    plot.line([[0.0, 0.0], [1.0, 1.0]], "chance");
    for bin in &calibration.bins {
        let value = bin.share.found as f64 / bin.share.total.max(1) as f64;
        plot.dot([bin.score_mean, value], bin.share.interval);
    }
    let picture = plot.svg("Score against the share that came true");
    let _ = writeln!(
        html,
        "<figure>{picture}<figcaption>{words}. Brier {:.3}, calibration error {:.3}, slope {:.2}, intercept {:.2}. Bars: \
         Wilson 95 %.</figcaption></figure>",
        calibration.brier, calibration.error, calibration.slope, calibration.intercept
    );
}

fn classification_section(html: &mut String, classification: &ClassificationDocument) {
    let _ = writeln!(html, "<section>\n<h2>Classification: {}</h2>", escaped(&classification.task));
    let accuracy = &classification.accuracy;
    let _ = write!(html, "<p>{} of {} right", accuracy.found, accuracy.total);
    if let Some(kappa) = &classification.kappa {
        let _ = write!(html, "; kappa {:.2} {}", kappa.value, tables::interval(kappa));
    }
    if let Some(auc) = &classification.auc {
        let _ = write!(html, "; AUC {:.3} {}", auc.value, tables::interval(auc));
    }
    html.push_str("</p>\n");
    tables::confusion(html, classification);
    html.push_str("<div class=\"plots\">\n");
    if !classification.roc.is_empty() {
        let mut plot = Plot::new(share_axis("share of negatives called positive"), share_axis("sensitivity"));
        plot.line([[0.0, 0.0], [1.0, 1.0]], "chance");
        plot.line(classification.roc.iter().copied(), "curve");
        let picture = plot.svg("ROC curve");
        let _ = writeln!(
            html,
            "<figure>{picture}<figcaption>ROC; the interval is DeLong's.</figcaption></figure>"
        );
    }
    if let Some(calibration) = &classification.calibration {
        calibration_figure(html, calibration, "Scores against outcomes");
    }
    html.push_str("</div>\n</section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    /// Goal: figures and tables are on the page, nothing comes from outside, names cannot become markup.
    #[test]
    fn the_page_says_everything_and_loads_nothing_from_outside() {
        let mut document = samples::evaluation();
        document.truth = "<script>x</script>".to_owned();
        let html = evaluation_html(&document);
        for text in
            ["0.612", "CPM", "4 to 6 mm", "FROC", "1.2.3", "TOO_FEW_SLICES", "AUC 0.800", "Dice", "balanced"]
        {
            assert!(html.contains(text), "{text} is not on the page");
        }
        assert_eq!(html.matches("<svg").count(), 3, "FROC, calibration, ROC");
        for outside in ["http:", "https:", "<script", "@import", "url("] {
            assert!(!html.contains(outside), "{outside} is on the page");
        }
    }

    /// Goal: the drawn curve is the measured one between its points.
    #[test]
    fn the_curve_is_straight_between_points() {
        let curve = [[0.0, 0.2, 0.9], [1.0, 0.6, 0.5], [1.0, 0.8, 0.4]];
        for (at, value) in [(0.5, 0.4), (1.0, 0.8), (7.0, 0.8)] {
            assert!((on_curve(&curve, at) - value).abs() < 1e-12, "{at}");
        }
    }
}

//! The nodules of a document as CSV (RFC 4180), one row a nodule, for spreadsheets.

use domain::{FindingsDocument, NoduleDocument, SeriesDocument};

/// First line.
const HEADER: &str = "study_instance_uid,series_instance_uid,number,x_lps_mm,y_lps_mm,z_lps_mm,score,long_axis_mm,short_axis_mm,\
                      mean_diameter_mm,volume_mm3,hu_mean,hu_sd,attenuation,side,tracking_uid,key_sop_instance_uid,pack,\
                      risk_model,risk_min,risk_max,guideline,category,guideline_row,exam_triage_score,lobe,fissure_mm,lobe_sure";

/// The CSV text, lines end in CR LF. Series without nodules have no row.
#[must_use]
pub fn findings_csv(document: &FindingsDocument) -> String {
    let mut text = format!("{HEADER}\r\n");
    for series in &document.series {
        for nodule in &series.nodules {
            text.push_str(&row(series, nodule));
        }
    }
    text
}

fn row(series: &SeriesDocument, n: &NoduleDocument) -> String {
    let pack = series.pack.as_ref().map(|p| format!("{} {}", p.name, p.version)).unwrap_or_default();
    let [model, low, high] = risk(n);
    let [guideline, category, row] = leading(series, n);
    let cells = [
        series.study_instance_uid.clone(),
        series.series_instance_uid.clone(),
        n.number.to_string(),
        n.center_lps_mm.x.to_string(),
        n.center_lps_mm.y.to_string(),
        n.center_lps_mm.z.to_string(),
        n.score.to_string(),
        n.long_axis_mm.to_string(),
        n.short_axis_mm.to_string(),
        n.mean_diameter_mm.to_string(),
        n.volume_mm3.to_string(),
        n.hu_mean.to_string(),
        n.hu_sd.to_string(),
        n.attenuation.as_str().to_owned(),
        n.side.as_str().to_owned(),
        n.tracking_uid.clone(),
        n.key_sop_instance_uid.clone(),
        pack,
        model,
        low,
        high,
        guideline,
        category,
        row,
        series
            .triage
            .as_ref()
            .and_then(|triage| triage.score)
            .map(|score| score.to_string())
            .unwrap_or_default(),
        n.lobe.map(|found| found.lobe.as_str().to_owned()).unwrap_or_default(),
        n.lobe.map(|found| found.fissure_mm.to_string()).unwrap_or_default(),
        n.lobe.map(|found| found.sure.to_string()).unwrap_or_default(),
    ];
    let cells: Vec<String> = cells.iter().map(|c| quoted(c)).collect();
    format!("{}\r\n", cells.join(","))
}

/// First risk model with both ends of its answer (the same twice for a result); empty where it gave none.
fn risk(n: &NoduleDocument) -> [String; 3] {
    let Some(risk) = n.clinical.as_ref().and_then(|clinical| clinical.risks.first()) else {
        return Default::default();
    };
    let ends = risk.range.or(risk.probability.map(|p| [p, p])).map(|ends| ends.map(|end| end.to_string()));
    let [low, high] = ends.unwrap_or_default();
    [risk.model.clone(), low, high]
}

/// Leading guideline with its category and row; these two are empty where it is not settled.
fn leading(series: &SeriesDocument, n: &NoduleDocument) -> [String; 3] {
    let id = series.clinical.as_ref().and_then(|exam| exam.guideline.as_deref());
    let Some(answer) = id.zip(n.clinical.as_ref()).and_then(|(id, clinical)| clinical.guideline(id)) else {
        return Default::default();
    };
    let category = answer.category.as_ref().map(|one| [one.category.clone(), one.row.clone()]);
    let [category, row] = category.unwrap_or_default();
    [answer.guideline.clone(), category, row]
}

/// A cell; quotes where RFC 4180 asks for them.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    /// Every row has as many cells as the header; cells with commas stay one cell.
    #[test]
    fn rows_fit_the_header() {
        let mut document = samples::document();
        document.series[0].pack.as_mut().unwrap().name = "a \"b\", c".to_owned();
        let csv = findings_csv(&document);
        let lines: Vec<&str> = csv.trim_end().split("\r\n").collect();
        assert_eq!(lines.len(), 1 + document.series.iter().map(|s| s.nodules.len()).sum::<usize>());
        assert!(lines[1].ends_with(",\"a \"\"b\"\", c 1\",,,,,,,,RUL,21,true"), "{}", lines[1]);
        let plain = lines[1].rsplit_once(",\"").unwrap().0;
        assert_eq!(plain.split(',').count() + 11, HEADER.split(',').count());
        let judged = findings_csv(&samples::judged());
        assert!(
            judged.contains(",brock2a,0.081,0.124,lung_rads_2022,3,LR22-3a,8,RUL,21,true\r\n"),
            "{judged}"
        );
        assert!(lines[1].contains(",part-solid,right,"));
    }
}

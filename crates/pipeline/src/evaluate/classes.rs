//! Classes against readers' classes: those that come with findings, and those of a table.

use super::EvaluatedScan;
use super::detection::{calibration_of, share};
use cad::evaluate::bootstrap::Draws;
use cad::evaluate::classification::{Distance, auc, confusion, kappa, roc};
use cad::evaluate::luna16::ScanOutcome;
use domain::{Attenuation, ClassificationDocument, Estimate};
use std::collections::{BTreeMap, BTreeSet};

/// Score at and above which a scored row is said to be positive in the confusion table.
const SAID_POSITIVE: f64 = 0.5;
/// Classes of one task.
const CLASSES_COUNT_MAX: usize = 64;

/// One row of a table of classes.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassRow {
    /// Which task, where a table holds several.
    pub task: String,
    /// Class by the readers; `1` or `0` where there is a score.
    pub truth: String,
    /// Class by the system.
    pub said: Option<String>,
    /// Chance of class `1` by the system.
    pub score: Option<f64>,
}

/// Each task of a table.
pub(super) fn classified(rows: &[ClassRow], draws: Draws) -> Vec<ClassificationDocument> {
    let mut tasks: BTreeMap<&str, Vec<&ClassRow>> = BTreeMap::new();
    for row in rows {
        tasks.entry(&row.task).or_default().push(row);
    }
    tasks.into_iter().map(|(task, rows)| of_rows(task, &rows, draws)).collect()
}

fn of_rows(task: &str, rows: &[&ClassRow], draws: Draws) -> ClassificationDocument {
    let said = |row: &ClassRow| match (&row.said, row.score) {
        (Some(said), _) => said.clone(),
        (None, Some(score)) => if score >= SAID_POSITIVE { "1" } else { "0" }.to_owned(),
        (None, None) => String::new(),
    };
    let pairs: Vec<(String, String)> = rows.iter().map(|row| (row.truth.clone(), said(row))).collect();
    let names: BTreeSet<&String> = pairs.iter().flat_map(|(t, s)| [t, s]).collect();
    let classes: Vec<String> = names.into_iter().take(CLASSES_COUNT_MAX).cloned().collect();
    let mut document = of_pairs(task, classes, &pairs, draws);
    let scored: Vec<(f64, bool)> = rows.iter().filter_map(|r| Some((r.score?, r.truth == "1"))).collect();
    if let Some(area) = auc(&scored) {
        document.auc =
            Some(Estimate { value: area.value, mean: None, low: Some(area.low), high: Some(area.high) });
        document.roc = roc(&scored);
        document.calibration = calibration_of(&scored);
    }
    document
}

fn of_pairs(
    task: &str,
    classes: Vec<String>,
    pairs: &[(String, String)],
    draws: Draws,
) -> ClassificationDocument {
    let index = |name: &String| classes.iter().position(|c| c == name);
    let indexed: Vec<(usize, usize)> =
        pairs.iter().filter_map(|(t, s)| Some((index(t)?, index(s)?))).collect();
    let right = indexed.iter().filter(|(t, s)| t == s).count();
    let kappa = kappa(&indexed, classes.len(), Distance::Nominal, draws).map(|(value, interval)| Estimate {
        value,
        mean: Some(interval.mean),
        low: Some(interval.low),
        high: Some(interval.high),
    });
    ClassificationDocument {
        task: task.to_owned(),
        count: indexed.len(),
        confusion: confusion(&indexed, classes.len()),
        classes,
        accuracy: share(right, indexed.len()),
        kappa,
        auc: None,
        roc: Vec::new(),
        calibration: None,
    }
}

/// Type and calcium of found nodules, where both readers and system give them.
pub(super) fn of_findings(
    scans: &[EvaluatedScan],
    outcomes: &[ScanOutcome],
    draws: Draws,
) -> Vec<ClassificationDocument> {
    let (mut types, mut calcium) = (Vec::new(), Vec::new());
    let word = |is: bool| if is { "calcified" } else { "not calcified" }.to_owned();
    for (scan, outcome) in scans.iter().zip(outcomes) {
        for (nodule, hit) in scan.truth.nodules.iter().zip(&outcome.hits) {
            let said = hit.and_then(|mark| scan.marks.marks.get(mark)).and_then(|mark| mark.attenuation);
            let Some(said) = said else { continue };
            if let Some(truth) = nodule.attenuation {
                // A calcified nodule is a solid one here; calcium is judged by itself.
                let said = if said == Attenuation::Calcified { Attenuation::Solid } else { said };
                types.push((truth.as_str().to_owned(), said.as_str().to_owned()));
            }
            if let Some(truth) = nodule.is_calcified {
                calcium.push((word(truth), word(said == Attenuation::Calcified)));
            }
        }
    }
    let types_of = [Attenuation::NonSolid, Attenuation::PartSolid, Attenuation::Solid];
    let classes: Vec<String> = types_of.iter().map(|a| a.as_str().to_owned()).collect();
    let calcium_classes = vec![word(false), word(true)];
    [("type", classes, types), ("calcium", calcium_classes, calcium)]
        .into_iter()
        .filter(|(_, _, pairs)| !pairs.is_empty())
        .map(|(task, classes, pairs)| of_pairs(task, classes, &pairs, draws))
        .collect()
}

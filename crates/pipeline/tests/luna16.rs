//! The rules of LUNA16 against an independent implementation (`tests/foreign/luna16.py`, written from the protocol's
//! text in another language): random sets of marks with ties, doubles, exclusions and caps.

use pipeline::evaluate::tables::{Table, marks, truth};
use pipeline::evaluate::{Absent, DetectionSettings, EvaluationNames, evaluate, joined};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Sets of marks.
const SETS_COUNT: usize = 1000;
/// Seed of the sets.
const SEED: &str = "20261124";

/// The referee's sets with its verdicts.
fn sets() -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign/luna16.py");
    let ran = Command::new("python3").arg(script).args([&SETS_COUNT.to_string(), SEED]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let document: Value = serde_json::from_slice(&ran.stdout).unwrap();
    document["sets"].as_array().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Goal: for every set the same hits, false marks, missed, doubles, irrelevant and cut marks, the same seven
/// sensitivities and the same CPM; `None` where the referee says "not defined".
#[test]
fn a_thousand_random_sets_are_judged_as_by_the_referee() {
    let settings = DetectionSettings { draws_count: 0, seed: 1, operating_points: Vec::new() };
    let sets = sets();
    assert_eq!(sets.len(), SETS_COUNT);
    let (mut defined, mut with_ties) = (0, 0);
    for (number_of_set, set) in sets.iter().enumerate() {
        let table = |name: &str| Table::of(name, set[name].as_str().unwrap());
        let (list, excluded) = (table("seriesuids"), table("excluded"));
        let scans = truth(&table("annotations"), Some(&excluded), Some(&list)).unwrap();
        let submission = marks(&table("submission")).unwrap();
        let (scans, _) = joined(scans, submission, Absent::SeenWithoutMarks).unwrap();
        let expected = &set["expected"];
        let document = evaluate(&scans, None, &[], &settings, EvaluationNames::default());
        let detection = document.detection.unwrap();
        for (name, found) in [
            ("hits", detection.counts.hits),
            ("missed", detection.counts.missed),
            ("false_marks", detection.counts.false_marks),
            ("doubles", detection.counts.doubles),
            ("irrelevant", detection.counts.irrelevant),
            ("cut", detection.counts.cut),
        ] {
            assert_eq!(Value::from(found), expected[name], "set {number_of_set}: {name}");
        }
        let mut scores: Vec<f64> = detection.nodules.iter().filter_map(|n| n.score).collect();
        scores.sort_by(f64::total_cmp);
        let theirs: Vec<f64> = expected["hit_scores"].as_array().unwrap().iter().map(number).collect();
        assert_eq!(scores, theirs, "set {number_of_set}");
        with_ties += usize::from(scores.windows(2).any(|w| w[0].total_cmp(&w[1]).is_eq()));
        match expected["sensitivities"].as_array() {
            None => assert!(detection.rates.is_empty() && detection.cpm.is_none(), "set {number_of_set}"),
            Some(theirs) => {
                defined += 1;
                assert_eq!(detection.rates.len(), 7);
                for (ours, theirs) in detection.rates.iter().zip(theirs) {
                    let difference = (ours.sensitivity.value - number(theirs)).abs();
                    assert!(difference < 1e-12, "set {number_of_set} at {}: {ours:?} {theirs}", ours.rate);
                }
                let cpm = detection.cpm.unwrap().value;
                assert!((cpm - number(&expected["cpm"])).abs() < 1e-12, "set {number_of_set}: {cpm}");
            }
        }
    }
    assert!(
        defined > 800 && with_ties > 100,
        "{defined} defined, {with_ties} with ties: the sets are too tame"
    );
}

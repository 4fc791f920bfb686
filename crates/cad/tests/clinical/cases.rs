//! The vectors of the design (`clinical-vectors.json`) and our own cases (`clinical-cases.json`, worked out a
//! second time in Python by `tests/foreign/clinical_cases.py`), one strict loader for both.

use cad::clinical::wire::{self, Request};
use cad::clinical::{Evaluation, Rule, Unconfirmed, evaluate_rule, find};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// One question with its answer.
pub(crate) struct Case {
    /// What is asked.
    pub(crate) request: Request,
    /// Status of the answer.
    status: String,
    /// Value of a result.
    expected: Value,
    /// Ends of a range.
    range: Option<(f64, f64)>,
    /// Names of what is missing.
    missing: Option<Vec<String>>,
    /// What the reason says.
    reason: Option<String>,
    /// Whether a range crosses a guideline's limit.
    undetermined: Option<bool>,
    /// How far a number may be off.
    tolerance: f64,
    /// Line for a failure.
    label: String,
}

/// A file of the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

#[allow(clippy::disallowed_methods, reason = "tests of a pure crate read their vectors from files")]
pub(crate) fn text(name: &str) -> String {
    String::from_utf8(std::fs::read(path(name)).unwrap()).unwrap()
}

fn case(entry: &Value, known: &[&str]) -> Result<Case, String> {
    let members = entry.as_object().ok_or("a case is not an object")?;
    if let Some(other) = members.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("unknown key \"{other}\" in {entry}"));
    }
    let request = serde_json::json!({"model": entry["model"], "inputs": entry["inputs"]});
    let names = |value: &Value| value.as_str().map(str::to_owned).ok_or("a name is no text");
    let missing = match &entry["missing"] {
        Value::Array(list) => Some(list.iter().map(names).collect::<Result<Vec<_>, _>>()?),
        _ => None,
    };
    let range = entry["range"].as_array().map(|ends| (ends[0].as_f64().unwrap(), ends[1].as_f64().unwrap()));
    Ok(Case {
        request: Request::from_json(&request).map_err(|e| e.to_string())?,
        status: entry["status"].as_str().unwrap_or(expected_status(entry)).to_owned(),
        expected: entry["expected"].clone(),
        range,
        missing,
        reason: entry["reason"].as_str().map(str::to_owned),
        undetermined: entry["undetermined"].as_bool(),
        tolerance: entry["tolerance"].as_f64().unwrap_or(0.0),
        label: entry.to_string(),
    })
}

/// A vector of a row that refuses expects its category; on the wire that is a status.
fn expected_status(entry: &Value) -> &'static str {
    if entry["expected"]["category"] == "not_applicable" { "not_applicable" } else { "result" }
}

/// The design's vectors.
pub(crate) fn vectors() -> Vec<Case> {
    const KEYS: [&str; 6] = ["model", "inputs", "expected", "tolerance", "source", "cross_check"];
    load(&text("tests/data/clinical-vectors.json"), &KEYS).unwrap()
}

/// Our own cases.
pub(crate) fn own() -> Vec<Case> {
    const KEYS: [&str; 10] = [
        "model",
        "inputs",
        "status",
        "expected",
        "range",
        "missing",
        "reason",
        "undetermined",
        "tolerance",
        "why",
    ];
    load(&text("tests/data/clinical-cases.json"), &KEYS).unwrap()
}

fn load(text: &str, known: &[&str]) -> Result<Vec<Case>, String> {
    let list: Vec<Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    list.iter().map(|entry| case(entry, known)).collect()
}

fn near(got: &Value, wanted: &Value, tolerance: f64) -> bool {
    match (got.as_f64(), wanted.as_f64()) {
        (Some(got), Some(wanted)) => (got - wanted).abs() <= tolerance,
        _ => got == wanted,
    }
}

impl Case {
    /// Whether an answer on the wire is the expected one; what differs otherwise.
    pub(crate) fn compare(&self, answer: &Value) -> Result<(), String> {
        let fail = |what: &str| Err(format!("{what}: {answer} for {}", self.label));
        if answer["status"] != self.status.as_str() {
            return fail("status");
        }
        if !self.expected.is_null() && !near(&answer["value"], &self.expected, self.tolerance) {
            return fail("value");
        }
        if let Some((low, high)) = self.range {
            let ends = [(&answer["range"][0], low), (&answer["range"][1], high)];
            if ends.iter().any(|(got, end)| !near(got, &Value::from(*end), self.tolerance)) {
                return fail("range");
            }
        }
        if self.missing.as_ref().is_some_and(|missing| answer["missing"] != serde_json::json!(missing)) {
            return fail("missing");
        }
        let told = answer["warnings"].to_string().contains("undetermined");
        if self.undetermined.is_some_and(|crosses| crosses != told) {
            return fail("undetermined");
        }
        match &self.reason {
            Some(reason) if !answer["reason"].as_str().unwrap_or_default().contains(reason) => fail("reason"),
            _ => Ok(()),
        }
    }

    /// Whether `rule` answers as expected.
    pub(crate) fn check(&self, rule: &dyn Rule) -> Result<(), String> {
        let evaluated: Result<Evaluation, _> =
            evaluate_rule(rule, &self.request.inputs, Unconfirmed::Allowed);
        self.compare(&match evaluated {
            Ok(evaluation) => wire::evaluation_json(rule, &evaluation),
            Err(error) => wire::error_json(Some(&self.request.model), &error),
        })
    }
}

fn failures(cases: &[Case]) -> Vec<String> {
    let check =
        |case: &Case| find(&case.request.model).map_err(|e| e.to_string()).and_then(|rule| case.check(rule));
    cases.iter().filter_map(|case| check(case).err()).collect()
}

/// Goal: all 200 published vectors, guidelines too. Method: the strict loader and the library.
#[test]
fn every_vector_of_the_design() {
    let cases = vectors();
    assert!(cases.len() >= 198, "{} vectors", cases.len());
    let failures = failures(&cases);
    assert!(failures.is_empty(), "{} of {}: {failures:#?}", failures.len(), cases.len());
}

/// Goal: boundaries, missing inputs, contradictions. Method: cases of the second implementation.
#[test]
fn every_case_of_the_second_implementation() {
    let cases = own();
    assert!(cases.len() > 500, "{} cases", cases.len());
    let failures = failures(&cases);
    assert!(failures.is_empty(), "{} of {}: {failures:#?}", failures.len(), cases.len());
}

/// Goal: every model, measure and eligibility rule has cases. Method: ids of the registry.
#[test]
fn every_rule_has_cases() {
    let (vectors, own) = (vectors(), own());
    let asked: Vec<&str> = vectors.iter().chain(&own).map(|case| case.request.model.as_str()).collect();
    let bare: Vec<_> =
        cad::clinical::rules().map(|rule| rule.spec().id).filter(|id| !asked.contains(id)).collect();
    assert!(bare.is_empty(), "{bare:?}");
}

/// Goal: a typo in a vector cannot pass unseen. Method: each kind of wrong entry.
#[test]
fn the_loader_refuses_what_it_does_not_know() {
    let keys = ["model", "inputs", "expected", "tolerance", "source", "cross_check"];
    for wrong in [
        r#"[{"model": "va", "inputs": {}, "expected": 1, "tolerence": 0}]"#,
        r#"[{"model": "va", "inputs": [], "expected": 1}]"#,
        r#"[{"inputs": {}, "expected": 1}]"#,
        r#"[1]"#,
    ] {
        assert!(load(wrong, &keys).is_err(), "{wrong}");
    }
    let stray = load(r#"[{"model": "va", "inputs": {"agee": 60}, "expected": 1}]"#, &keys).unwrap();
    let told = stray[0].check(find("va").unwrap()).unwrap_err();
    assert!(told.contains("the nearest is \\\"age\\\""), "{told}");
}

/// Goal: what is off does not speak unless asked to. Method: the parsimonious Brock model, both ways.
#[test]
fn the_unconfirmed_model_is_off() {
    let cases: Vec<Case> = vectors().into_iter().filter(|case| case.request.model == "brock1b").collect();
    assert_eq!(cases.len(), 3);
    let rule = find("brock1b").unwrap();
    for case in cases {
        let answer =
            wire::evaluation_json(rule, &cad::clinical::evaluate("brock1b", &case.request.inputs).unwrap());
        assert_eq!(answer["status"], "not_applicable");
        assert!(answer["reason"].as_str().unwrap().contains("switched off"), "{answer}");
        let allowed = evaluate_rule(rule, &case.request.inputs, Unconfirmed::Allowed).unwrap();
        assert!(allowed.warnings[0].contains("off by default"), "{:?}", allowed.warnings);
    }
}

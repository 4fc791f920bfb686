//! The form of requests and answers, and the working on paper.

use cad::clinical::wire::{Request, answer, answer_line, rule_json};
use cad::clinical::{Inputs, Unconfirmed, explain, rules};
use serde_json::{Value, json};

fn ask(line: &str) -> Value {
    serde_json::from_str(&answer_line(line, Unconfirmed::Refused)).unwrap()
}

/// Goal: the documented form, every key always there. Method: one answer of each status.
#[test]
fn every_answer_has_the_same_keys() {
    let keys = [
        "model", "version", "status", "value", "range", "missing", "reason", "terms", "warnings", "citation",
    ];
    for (line, status) in [
        (
            r#"{"model": "mayo", "inputs": {"age": 55, "ever_smoker": 0, "extrathoracic_cancer_over_5y": 0, "diameter_mm": 20, "spiculation": 0, "upper_lobe": 0}}"#,
            "result",
        ),
        (r#"{"model": "brock2a", "inputs": {"age": 60, "diameter_mm": 8, "nodule_count": 1}}"#, "range"),
        (r#"{"model": "brock2a", "inputs": {"diameter_mm": 31}}"#, "not_applicable"),
        (r#"{"model": "brock2a", "inputs": {"diameter_mm": 8}}"#, "insufficient"),
        (r#"{"model": "brock2a"}"#, "insufficient"),
        (r#"{"model": "brock3"}"#, "error"),
        (r#"{"model": 3}"#, "error"),
        ("[]", "error"),
        ("nonsense", "error"),
    ] {
        let answer = ask(line);
        let found: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, keys, "{line}");
        assert_eq!(answer["status"], status, "{line}");
        assert_eq!(answer["reason"].is_null(), status == "result", "{answer}");
    }
}

/// Goal: values of each kind stand on the wire as documented. Method: one of each.
#[test]
fn values_of_each_kind() {
    let value = |model: &str, inputs: Value| {
        answer(&json!({"model": model, "inputs": inputs}), Unconfirmed::Refused)["value"].clone()
    };
    assert_eq!(value("eligibility:NLST", json!({"age": 54})), json!(false));
    assert_eq!(value("measure:tnm_t_by_size", json!({"invasive_or_solid_mm": 12})), json!("T1b"));
    assert_eq!(
        value("measure:vdt_days", json!({"volume1_mm3": 9, "volume2_mm3": 9, "days": 90})),
        Value::Null
    );
    let row = json!({"category": "3", "row": "LR22-3a", "interval_months": 6});
    assert_eq!(value("guideline:lung_rads_2022", json!({"type": "solid", "mean_mm": 6.0})), row);
    let nelson = json!({"category": "NODCAT3", "row": "NEL-N3"});
    assert_eq!(value("guideline:nelson", json!({"type": "solid", "volume_mm3": 500})), nelson);
}

/// Goal: a row that refuses is no category but a reason, with the row. Method: every such row of a guideline.
#[test]
fn rows_that_refuse_are_not_applicable() {
    for (model, inputs, row) in [
        ("guideline:fleischner_2017", json!({"age": 30, "type": "solid", "mean_mm": 9}), "FL17-X1"),
        ("guideline:fleischner_2017", json!({"age": 60, "known_cancer": true, "type": "solid"}), "FL17-X2"),
        ("guideline:fleischner_2017", json!({"age": 60, "immunosuppressed": 1, "type": "solid"}), "FL17-X3"),
        ("guideline:fleischner_2017", json!({"age": 60, "screening_exam": true, "type": "solid"}), "FL17-X4"),
        ("guideline:lung_rads_2022", json!({"screening_exam": false, "type": "solid"}), "LR22-X1"),
    ] {
        let answer = answer(&json!({"model": model, "inputs": inputs}), Unconfirmed::Refused);
        assert_eq!(answer["status"], "not_applicable", "{answer}");
        assert_eq!(answer["value"]["row"], row, "{answer}");
        assert!(answer["reason"].as_str().unwrap().ends_with(&format!("(row {row})")), "{answer}");
    }
}

/// Goal: what a script wrote wrongly is told by field. Method: what JSON cannot say, and stray members.
#[test]
fn malformed_requests_name_the_field() {
    for (line, part) in [
        (r#"{"model": "va", "inputs": {"age": NaN, "ever_smoker": 1}}"#, "age: "),
        (r#"{"model": "va", "inputs": {"ever_smoker": 1, "age": 1e999}}"#, "age: "),
        (r#"{"model": "va", "inputs": {"age": "sixty"}}"#, "age must be a number"),
        (r#"{"model": "va", "inputs": {"age": [60]}}"#, "age must be a number"),
        (r#"{"model": "va", "inputs": {"age": {}}}"#, "not an object"),
        (r#"{"model": "va", "inputs": [1]}"#, "inputs is not an object"),
        (r#"{"model": "va", "input": {}}"#, "no member \"input\""),
        (r#"{"inputs": {}}"#, "model is missing"),
    ] {
        let answer = ask(line);
        assert_eq!(answer["status"], "error", "{line}");
        let reason = answer["reason"].as_str().unwrap();
        assert!(reason.contains(part), "{reason} for {line}");
    }
    let long = format!(r#"{{"model": "va", "inputs": {{"{}": 1}}}}"#, "x".repeat(70_000));
    assert!(Request::from_line(&long).is_err());
}

/// Goal: null is missing, not zero. Method: spiculation null and not given.
#[test]
fn null_is_missing() {
    let with = r#"{"model": "mayo", "inputs": {"age": 55, "ever_smoker": 0, "extrathoracic_cancer_over_5y": 0, "diameter_mm": 20, "spiculation": null, "upper_lobe": 0}}"#;
    assert_eq!(ask(with)["status"], "insufficient");
    assert_eq!(ask(with)["missing"], json!(["spiculation"]));
}

/// Goal: the working of the design document, term by term. Method: its worked example.
#[test]
fn the_worked_example_on_paper() {
    let inputs = Inputs::new()
        .with("age", 68.0)
        .with("female", true)
        .with("family_history_lung_cancer", false)
        .with("emphysema", true)
        .with("diameter_mm", 8.0)
        .with("type", "solid")
        .with("upper_lobe", true)
        .with("nodule_count", 1.0)
        .with("spiculation", false);
    let text = explain::explain("brock2b", &inputs, Unconfirmed::Refused).unwrap();
    for part in [
        "0.0287 x 6.0000 =   +0.1722",
        "+2.4940",
        "+0.6581",
        "+0.2472",
        "-2.3213",
        "0.08937459",
        "8.9 %",
        "McWilliams",
        "not a diagnosis",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

/// Goal: the list has what a person needs. Method: every rule, every used input.
#[test]
fn the_list_shows_every_rule() {
    let list = explain::list();
    for rule in rules() {
        let spec = rule.spec();
        assert!(
            list.contains(spec.id) && list.contains(spec.citation) && list.contains(spec.population),
            "{}",
            spec.id
        );
        let json = rule_json(rule);
        assert_eq!(json["model"], spec.id);
        assert_eq!(json["inputs"].as_array().unwrap().len(), rule.uses().len(), "{}", spec.id);
    }
}

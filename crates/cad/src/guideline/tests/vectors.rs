//! The vectors of the design.

use super::super::{ALL, evaluate};
use crate::clinical::{Answer, Inputs, Interval, Outcome, Value};
use serde_json::{Value as Json, json};

/// Vectors of guidelines; `None` where the file is absent.
#[allow(clippy::disallowed_methods, reason = "a test reads its vectors")]
pub(super) fn vectors() -> Option<Vec<Json>> {
    let here = env!("CARGO_MANIFEST_DIR");
    let text = std::fs::read_to_string(format!("{here}/../../tests/data/clinical-vectors.json")).ok()?;
    let all: Vec<Json> = serde_json::from_str(&text).expect("the vectors are JSON");
    Some(
        all.into_iter()
            .filter(|one| one["model"].as_str().is_some_and(|id| id.starts_with("guideline:")))
            .collect(),
    )
}

pub(super) fn inputs(json: &Json) -> Inputs {
    let mut inputs = Inputs::new();
    for (name, value) in json.as_object().expect("inputs are an object") {
        let value = match value {
            Json::Null => Value::Missing,
            Json::Bool(flag) => Value::Flag(*flag),
            Json::Number(number) => Value::Number(number.as_f64().unwrap()),
            Json::String(text) => Value::Text(text.clone()),
            other => panic!("{other} is no input"),
        };
        inputs.set(name, value);
    }
    inputs
}

/// Goal: all vectors of guidelines pass. Method: category, row and interval of each; every guideline has some.
#[test]
fn all_vectors_of_guidelines_pass() {
    let vectors = vectors().expect("tests/data/clinical-vectors.json");
    for vector in &vectors {
        let id = vector["model"].as_str().unwrap();
        let evaluation =
            evaluate(id, &inputs(&vector["inputs"])).unwrap_or_else(|error| panic!("{vector}: {error}"));
        let Answer::Result(Outcome::Category(category)) = &evaluation.answer else {
            panic!("{vector}: {:?}", evaluation.answer);
        };
        let mut got = json!({"category": category.category, "row": category.row});
        match &category.interval {
            Interval::Absent => {}
            Interval::None => got["interval_months"] = Json::Null,
            Interval::Months(months) => got["interval_months"] = json!(months),
            Interval::Text(text) => got["interval_months"] = json!(text),
        }
        assert_eq!(got, vector["expected"], "{vector}");
    }
    for guideline in ALL {
        assert!(vectors.iter().any(|vector| vector["model"] == guideline.spec.id), "{}", guideline.spec.id);
    }
}

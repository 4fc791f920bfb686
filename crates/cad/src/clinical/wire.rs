//! One JSON a line: `{"model": "...", "inputs": {...}}` in, one answer a line out, in the same order.
//!
//! An answer has always the same keys: `model`, `version`, `status` (`result`, `range`, `not_applicable`,
//! `insufficient`, `error`), `value` (probability, number, yes/no, class, or `{category, row,
//! interval_months}`; of a row that refuses, that row beside `not_applicable`), `range` (`[low, high]`), `missing`, `reason`, `terms` (what each adds), `warnings`,
//! `citation`. What does not apply is `null` or empty.

use super::answer::{Answer, Category, Evaluation, Interval, Outcome};
use super::error::ClinicalError;
use super::inputs::{Inputs, Value};
use super::registry::{Unconfirmed, evaluate_rule, find};
use super::rule::{Rule, Standing};
use crate::guideline::NOT_APPLICABLE;
use serde_json::{Map, Value as Json, json};

/// Longest request that is read.
pub const REQUEST_SIZE_MAX: usize = 64 * 1024;
/// Most requests in one list.
pub const REQUESTS_COUNT_MAX: usize = 10_000;

/// A request as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Id of the rule.
    pub model: String,
    /// Inputs by name.
    pub inputs: Inputs,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// When it is not an object of `model` (text) and `inputs` (object, may be left out where empty).
    pub fn from_json(request: &Json) -> Result<Self, ClinicalError> {
        const FORM: &str = "a request is {\"model\": \"...\", \"inputs\": {...}}";
        let malformed = |what: &str| ClinicalError::Malformed(format!("{what}; {FORM}"));
        let members = request.as_object().ok_or_else(|| malformed("it is not an object"))?;
        if let Some(other) = members.keys().find(|key| !["model", "inputs"].contains(&key.as_str())) {
            let other: String = other.chars().take(80).collect();
            return Err(malformed(&format!("it has no member \"{other}\"")));
        }
        let model = members.get("model").and_then(Json::as_str);
        let model = model.ok_or_else(|| malformed("model is missing or no text"))?.to_owned();
        let mut inputs = Inputs::new();
        match members.get("inputs") {
            None => {}
            Some(Json::Object(given)) => given.iter().for_each(|(name, value)| inputs.set(name, value)),
            Some(_) => return Err(malformed("inputs is not an object")),
        }
        Ok(Self { model, inputs })
    }

    /// Reads a line.
    ///
    /// # Errors
    /// When it is too long, no JSON, or no request; where a value is what is wrong, the error names its field.
    pub fn from_line(line: &str) -> Result<Self, ClinicalError> {
        if line.len() > REQUEST_SIZE_MAX {
            let text = format!("the request is longer than {REQUEST_SIZE_MAX} bytes");
            return Err(ClinicalError::Malformed(text));
        }
        Self::from_json(&parse(line)?)
    }
}

/// JSON, or an error that names the field whose value is none (`{"age": NaN}` names `age`).
fn parse(text: &str) -> Result<Json, ClinicalError> {
    serde_json::from_str(text).map_err(|error| {
        let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
        let field = key_before(line, error.column());
        let at = field.map_or_else(String::new, |field| format!("{field}: "));
        ClinicalError::Malformed(format!("{at}the request is no JSON: {error}"))
    })
}

/// The key whose value stands at `column` of a line (bytes, from 1).
fn key_before(line: &str, column: usize) -> Option<&str> {
    let before = line.get(..column.min(line.len()))?;
    let colon = before.rfind(':')?;
    let key = before.get(..colon)?.trim_end().strip_suffix('"')?;
    let start = key.rfind('"')?;
    key.get(start + 1..).filter(|key| key.len() <= 80)
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Missing,
            Json::Bool(flag) => Self::Flag(*flag),
            Json::Number(number) => number.as_f64().map_or(Self::Other("a number"), Self::Number),
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(_) => Self::Other("a list"),
            Json::Object(_) => Self::Other("an object"),
        }
    }
}

/// The answer to one request.
#[must_use]
pub fn answer(request: &Json, unconfirmed: Unconfirmed) -> Json {
    let model = request.get("model").and_then(Json::as_str);
    match Request::from_json(request) {
        Ok(request) => answer_request(&request, unconfirmed),
        Err(error) => error_json(model, &error),
    }
}

/// The answer to one line, as one line.
#[must_use]
pub fn answer_line(line: &str, unconfirmed: Unconfirmed) -> String {
    let answer = match Request::from_line(line) {
        Ok(request) => answer_request(&request, unconfirmed),
        Err(error) => {
            let request = serde_json::from_str::<Json>(line).unwrap_or_default();
            error_json(request.get("model").and_then(Json::as_str), &error)
        }
    };
    answer.to_string()
}

/// The answers to a list of requests, in its order.
///
/// # Errors
/// When `text` is no list, or one of more than [`REQUESTS_COUNT_MAX`] requests.
pub fn answer_list(text: &str, unconfirmed: Unconfirmed) -> Result<Vec<Json>, ClinicalError> {
    let Json::Array(requests) = parse(text)? else {
        let form = "the body is a list of requests: [{\"model\": \"...\", \"inputs\": {...}}, ...]";
        return Err(ClinicalError::Malformed(form.to_owned()));
    };
    if requests.len() > REQUESTS_COUNT_MAX {
        let (count, most) = (requests.len(), REQUESTS_COUNT_MAX);
        return Err(ClinicalError::Malformed(format!(
            "the list has {count} requests; at most {most} at a time"
        )));
    }
    Ok(requests.iter().map(|request| answer(request, unconfirmed)).collect())
}

fn answer_request(request: &Request, unconfirmed: Unconfirmed) -> Json {
    let found = find(&request.model).and_then(|rule| {
        evaluate_rule(rule, &request.inputs, unconfirmed).map(|evaluation| evaluation_json(rule, &evaluation))
    });
    found.unwrap_or_else(|error| error_json(Some(&request.model), &error))
}

/// An error in the form of an answer.
#[must_use]
pub fn error_json(model: Option<&str>, error: &ClinicalError) -> Json {
    let citation = model.and_then(|id| find(id).ok()).map(|rule| rule.spec().citation);
    let version = model.and_then(|id| find(id).ok()).map(|rule| rule.spec().version);
    json!({
        "model": model.map(|model| model.chars().take(80).collect::<String>()),
        "version": version,
        "status": "error",
        "value": null,
        "range": null,
        "missing": [],
        "reason": error.to_string(),
        "terms": {},
        "warnings": [],
        "citation": citation,
    })
}

/// An evaluation in the form of an answer.
#[must_use]
pub fn evaluation_json(rule: &dyn Rule, evaluation: &Evaluation) -> Json {
    let (mut value, mut range, mut missing, mut reason) = (Json::Null, Json::Null, json!([]), Json::Null);
    let status = match &evaluation.answer {
        // A row that says the guideline is not for this is no category; the row stays beside the reason.
        Answer::Result(Outcome::Category(category)) if category.category == NOT_APPLICABLE => {
            value = category_json(category);
            reason = json!(format!("{} (row {})", category.management, category.row));
            "not_applicable"
        }
        Answer::Result(outcome) => {
            value = outcome_json(outcome);
            "result"
        }
        Answer::Range { low, high, missing: open } => {
            range = json!([outcome_json(low), outcome_json(high)]);
            missing = json!(open);
            reason = json!(open_words(open));
            "range"
        }
        Answer::NotApplicable { reason: why } => {
            reason = json!(why);
            "not_applicable"
        }
        Answer::Insufficient { missing: names } => {
            missing = json!(names);
            reason = json!(format!("without {} there is no answer", names.join(", ")));
            "insufficient"
        }
    };
    let terms: Map<String, Json> =
        evaluation.terms.iter().map(|term| (term.name.to_string(), json!(term.value))).collect();
    json!({
        "model": rule.spec().id,
        "version": rule.spec().version,
        "status": status,
        "value": value,
        "range": range,
        "missing": missing,
        "reason": reason,
        "terms": terms,
        "warnings": evaluation.warnings,
        "citation": rule.spec().citation,
    })
}

/// Why an answer is a range. A guideline that was given a range names no input.
fn open_words(missing: &[&str]) -> String {
    if missing.is_empty() {
        return "undetermined: an input that was given is itself a range".to_owned();
    }
    format!("not known: {}; from the least to the greatest over all values", missing.join(", "))
}

/// A value on the wire.
#[must_use]
pub fn outcome_json(outcome: &Outcome) -> Json {
    match outcome {
        Outcome::Probability(value) | Outcome::Number(value) => json!(value),
        Outcome::Unbounded => Json::Null,
        Outcome::Flag(flag) => json!(flag),
        Outcome::Text(text) => json!(text),
        Outcome::Category(category) => category_json(category),
    }
}

fn category_json(category: &Category) -> Json {
    let mut members = Map::new();
    members.insert("category".to_owned(), json!(category.category));
    members.insert("row".to_owned(), json!(category.row));
    let interval = match category.interval {
        Interval::Absent => return Json::Object(members),
        Interval::None => Json::Null,
        Interval::Months(months) => json!(months),
        Interval::Text(text) => json!(text),
    };
    members.insert("interval_months".to_owned(), interval);
    Json::Object(members)
}

/// Everything about a rule that a reader of the list wants.
#[must_use]
pub fn rule_json(rule: &dyn Rule) -> Json {
    let spec = rule.spec();
    let uses = rule.uses();
    let inputs = spec.inputs.iter().filter(|input| uses.contains(&input.name)).map(|input| {
        json!({
            "name": input.name,
            "unit": input.unit,
            "need": input.need.word(),
            "accepts": input.accepted(),
            "usual": input.usual.map(|(low, high)| [low, high]),
            "meaning": input.meaning,
        })
    });
    let (standing, unconfirmed) = match spec.standing {
        Standing::Confirmed => ("confirmed", None),
        Standing::PartlyConfirmed(what) => ("partly_confirmed", Some(what)),
        Standing::Off(why) => ("off", Some(why)),
    };
    json!({
        "model": spec.id,
        "version": spec.version,
        "title": spec.title,
        "predicts": spec.predicts,
        "unit": spec.unit,
        "population": spec.population,
        "citation": spec.citation,
        "standing": standing,
        "unconfirmed": unconfirmed,
        "inputs": inputs.collect::<Vec<_>>(),
        "rows": rule.rows(),
        "notes": spec.notes,
    })
}

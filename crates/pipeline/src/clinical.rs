//! The door of the command line and of REST to the clinical rules: JSON in, JSON out. The rules are in `cad`;
//! nothing is decided here.

pub use cad::clinical::Unconfirmed;
pub use cad::clinical::wire::{REQUEST_SIZE_MAX, REQUESTS_COUNT_MAX};

use cad::clinical::wire::{self, Request};
use cad::clinical::{explain, rules};
use serde_json::Value;

/// The answer to one line, as one line.
#[must_use]
pub fn answer_line(line: &str, unconfirmed: Unconfirmed) -> String {
    wire::answer_line(line, unconfirmed)
}

/// The answers to a list of requests (JSON), in its order.
///
/// # Errors
/// When it is no list of at most [`REQUESTS_COUNT_MAX`] requests; a wrong request is an answer of its own.
pub fn answer_list(body: &str, unconfirmed: Unconfirmed) -> Result<Vec<Value>, String> {
    wire::answer_list(body, unconfirmed).map_err(|error| error.to_string())
}

/// One line's evaluation as a person would work it on paper.
///
/// # Errors
/// What is wrong with the request, by field.
pub fn explain_line(line: &str, unconfirmed: Unconfirmed) -> Result<String, String> {
    let request = Request::from_line(line).map_err(|error| error.to_string())?;
    explain::explain(&request.model, &request.inputs, unconfirmed).map_err(|error| error.to_string())
}

/// Every rule with citation, inputs, units, population and limits, for a person.
#[must_use]
pub fn list() -> String {
    explain::list()
}

/// The same for a script, a rule each.
#[must_use]
pub fn list_json() -> Vec<Value> {
    rules().map(wire::rule_json).collect()
}

/// Whether there is a guideline of this id.
#[must_use]
pub fn is_guideline(id: &str) -> bool {
    cad::guideline::find(id).is_some()
}

/// Ids of all guidelines.
#[must_use]
pub fn guideline_ids() -> Vec<&'static str> {
    let all = cad::guideline::ALL.into_iter();
    all.map(|one| one.spec.id.strip_prefix("guideline:").unwrap_or(one.spec.id)).collect()
}

/// Id of a guideline as the rules hold it; `None` where there is none.
#[must_use]
pub fn guideline_id(id: &str) -> Option<&'static str> {
    cad::guideline::find(id).map(|one| one.spec.id)
}

//! `/api/v1/clinical`: risk models, guidelines, measures and eligibility rules, asked by REST. The same
//! requests and answers as `lungcad clinical`.

use super::problems::Problems;
use super::query::Asked;
use super::{ApiError, AppState};
use axum::Json;
use axum::body::Bytes;
use pipeline::clinical::{self, Unconfirmed};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(evaluate)).routes(routes!(rules))
}

/// Options of an evaluation.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EvaluateQuery {
    /// Let models speak that are off because their coefficients were not seen in a source.
    unconfirmed: Option<bool>,
}

/// A question.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the body, which is read by the rules themselves")]
pub(crate) struct ClinicalRequest {
    /// Id of a risk model (`brock2b`), `guideline:<id>`, `measure:<name>` or `eligibility:<id>`.
    model: String,
    /// Inputs by name: numbers, yes/no (`true`, `false`, 1, 0), words; `null` is the same as left out.
    inputs: BTreeMap<String, Value>,
}

/// An answer.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the answer, which is written by the rules themselves")]
pub(crate) struct ClinicalAnswer {
    /// Id as asked.
    model: Option<String>,
    /// Version of the rule's table.
    version: Option<String>,
    /// `result`, `range`, `not_applicable`, `insufficient` or `error`.
    status: String,
    /// Of a result: probability, number, yes/no, class, or `{category, row, interval_months}`.
    value: Option<Value>,
    /// Of a range: least and greatest value over all values of what is missing.
    range: Option<Vec<Value>>,
    /// Names of missing inputs.
    missing: Vec<String>,
    /// Why there is no result.
    reason: Option<String>,
    /// What each term adds.
    terms: BTreeMap<String, f64>,
    /// What a reader should know.
    warnings: Vec<String>,
    /// Where the rule was published.
    citation: Option<String>,
}

/// A rule. Its inputs each have `name`, `unit`, `need`, `accepts`, `usual`, `meaning`.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the answer, which is written by the rules themselves")]
pub(crate) struct ClinicalRule {
    /// Id.
    model: String,
    /// Version of its table.
    version: String,
    /// Name.
    title: String,
    /// What it gives.
    predicts: String,
    /// Unit of a number.
    unit: String,
    /// For whom it was made.
    population: String,
    /// Where it was published.
    citation: String,
    /// `confirmed`, `partly_confirmed` or `off`.
    standing: String,
    /// What was not seen in a source.
    unconfirmed: Option<String>,
    /// Inputs.
    inputs: Vec<BTreeMap<String, Value>>,
    /// Rows or criteria as sentences.
    rows: Vec<String>,
    /// What a reader should know.
    notes: Vec<String>,
}

#[utoipa::path(post, path = "/api/v1/clinical/evaluate", tag = "clinical", operation_id = "evaluate_clinical",
    summary = "Ask risk models, guidelines, measures and eligibility rules",
    description = "A list of requests, answered in its order; a wrong request is an answer with status \"error\". \
                   Nothing is stored. Not a diagnosis.",
    params(EvaluateQuery), request_body = Vec<ClinicalRequest>,
    responses((status = 200, description = "One answer each", body = Vec<ClinicalAnswer>), Problems))]
async fn evaluate(Asked(query): Asked<EvaluateQuery>, body: Bytes) -> Result<Json<Vec<Value>>, ApiError> {
    let body = std::str::from_utf8(&body).map_err(|e| ApiError::BadRequest(format!("body: {e}")))?;
    let unconfirmed =
        if query.unconfirmed == Some(true) { Unconfirmed::Allowed } else { Unconfirmed::Refused };
    clinical::answer_list(body, unconfirmed).map(Json).map_err(ApiError::BadRequest)
}

#[utoipa::path(get, path = "/api/v1/clinical/rules", tag = "clinical", operation_id = "list_clinical_rules",
    summary = "Every rule with citation, inputs, units, population and limits",
    responses((status = 200, description = "All of them", body = Vec<ClinicalRule>), Problems))]
async fn rules() -> Json<Vec<Value>> {
    Json(clinical::list_json())
}

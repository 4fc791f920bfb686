//! `/api/v1/series/{uid}/reading`: what rules say to a series in a reader's words, as the worklist page shows it.

use super::problems::NamedProblems;
use super::query::{Asked, Named};
use super::series::{document, existing};
use super::{ApiError, AppState};
use axum::Json;
use axum::extract::State;
use domain::INTENDED_USE;
use pipeline::assess::{StatedOf, stated_of};
use pipeline::{Language, NoduleReading, Reading, reading};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(one))
}

/// In which language.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReadingQuery {
    /// en (default) or zh
    language: Option<String>,
}

/// A value that rules lacked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MissingValueView {
    /// Name by which `PUT /api/v1/studies/{uid}/clinical` takes it.
    input: String,
    /// The same for people.
    words: String,
    /// `person`, or `nodule` (under `nodules` and its tracking UID); null where a site cannot state it.
    #[schema(pattern = "^(person|nodule)$")]
    stated_of: Option<&'static str>,
}

/// A nodule in a reader's words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NoduleReadingView {
    /// Its number.
    number: usize,
    /// Risk model that is shown first.
    risk_model: String,
    /// What it says.
    risk: String,
    /// Leading guideline; empty where none leads.
    guideline: String,
    /// What it says.
    category: String,
    /// Row that gives it; empty where none does.
    row: String,
    /// What nobody stated and the category stands on.
    assumed: Vec<String>,
}

impl From<NoduleReading> for NoduleReadingView {
    fn from(n: NoduleReading) -> Self {
        Self {
            number: n.number,
            risk_model: n.risk_model,
            risk: n.risk,
            guideline: n.guideline,
            category: n.category,
            row: n.row,
            assumed: n.assumed,
        }
    }
}

/// A series in a reader's words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadingView {
    /// What the leading guideline says to the exam; empty where rules were not asked.
    exam: String,
    /// Number of the nodule that decides.
    decided_by: Option<usize>,
    /// Which rules were applied, and why.
    why: String,
    /// What is sure at least, what stands beside it, what is proposed, what was assumed.
    notes: Vec<String>,
    /// Exam triage: place, basis, use; empty without a result.
    triage: Vec<String>,
    /// Values that rules lacked and that a site can state.
    missing: Vec<MissingValueView>,
    /// One per nodule that was judged.
    nodules: Vec<NoduleReadingView>,
    /// What this may be used for.
    intended_use: &'static str,
}

impl From<Reading> for ReadingView {
    fn from(r: Reading) -> Self {
        let missing = r.missing.into_iter().map(|one| MissingValueView {
            stated_of: stated_of(&one.input).map(|of| match of {
                StatedOf::Person => "person",
                StatedOf::Nodule => "nodule",
            }),
            input: one.input,
            words: one.words,
        });
        Self {
            exam: r.exam,
            decided_by: r.decided_by,
            why: r.why,
            notes: r.notes,
            triage: r.triage,
            missing: missing.collect(),
            nodules: r.nodules.into_iter().map(NoduleReadingView::from).collect(),
            intended_use: INTENDED_USE,
        }
    }
}

#[utoipa::path(get, path = "/api/v1/series/{uid}/reading", tag = "series", operation_id = "get_reading",
    summary = "What rules say to the current result, in words for people",
    params(("uid" = String, Path, description = "Series Instance UID"), ReadingQuery),
    responses((status = 200, description = "Words", body = ReadingView), NamedProblems))]
async fn one(
    State(state): State<AppState>,
    Named(uid): Named<String>,
    Asked(asked): Asked<ReadingQuery>,
) -> Result<Json<ReadingView>, ApiError> {
    let tag = asked.language.as_deref().unwrap_or("en");
    let language = Language::of_tag(tag)
        .ok_or_else(|| ApiError::BadRequest(format!("query: language is en or zh, not {tag:?}")))?;
    let (uid, series) = existing(&state, &uid).await?;
    let found = document(&state, &uid, &series).await?;
    Ok(Json(reading(&found, language).into()))
}

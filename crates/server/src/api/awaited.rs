//! `/api/v1/clinical/awaited`: what the site states of patients and orders before their images come. The first analysis of
//! a study takes it over as version 1 of the study's clinical data.

use super::problems::{ChangeProblems, Problems};
use super::query::{Asked, PageQuery, page_of};
use super::study_clinical::{TRIES_MAX, json, short};
use super::{ApiError, AppState};
use archive::{AwaitedClinical, SubjectKind};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use pipeline::assess::changed;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest PatientID or AccessionNumber: LO holds 64 characters.
const SUBJECT_LENGTH_MAX: usize = 64;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, change))
}

/// Clinical data that waits for its study.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AwaitedView {
    /// PatientID (0010,0020); null where an accession number names the studies.
    patient_id: Option<String>,
    /// AccessionNumber (0008,0050); null where a patient names the studies.
    accession_number: Option<String>,
    /// By which door it came last.
    origin: String,
    /// Who stated it last; may be empty.
    author: String,
    /// Values by the names of the rules' inputs; empty: nothing waits.
    #[schema(value_type = Object)]
    data: Value,
}

impl From<AwaitedClinical> for AwaitedView {
    fn from(one: AwaitedClinical) -> Self {
        let (patient_id, accession_number) = match one.kind {
            SubjectKind::PatientId => (Some(one.subject), None),
            SubjectKind::AccessionNumber => (None, Some(one.subject)),
        };
        Self {
            patient_id,
            accession_number,
            origin: one.origin,
            author: one.author,
            data: json(&one.data_json),
        }
    }
}

/// A page of what waits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AwaitedPage {
    /// By accession number, then by patient.
    items: Vec<AwaitedView>,
    /// `offset` of the next page; null at the end.
    next_offset: Option<i64>,
}

/// Which.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AwaitedQuery {
    /// PatientID, exact
    patient_id: Option<String>,
    /// AccessionNumber, exact
    accession_number: Option<String>,
    /// Rows of the page
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Rows before the page
    #[param(minimum = 0, maximum = 2_147_483_647, default = 0)]
    offset: Option<u32>,
}

/// Of whom, and who states it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ChangeQuery {
    /// PatientID, exact: every study of the patient to come
    #[param(max_length = 64)]
    patient_id: Option<String>,
    /// AccessionNumber, exact: the order to come; stands over the patient
    #[param(max_length = 64)]
    accession_number: Option<String>,
    /// Who states it, for the record
    #[param(max_length = 64)]
    author: Option<String>,
    /// Door it comes by, for the record: the name of an imported table
    #[param(max_length = 64)]
    origin: Option<String>,
}

/// Patient or order, as one of both parameters names it; `None` where neither is given.
fn subject(
    patient_id: Option<String>,
    accession_number: Option<String>,
) -> Result<Option<(SubjectKind, String)>, ApiError> {
    let (kind, text) = match (patient_id, accession_number) {
        (None, None) => return Ok(None),
        (Some(id), None) => (SubjectKind::PatientId, id),
        (None, Some(number)) => (SubjectKind::AccessionNumber, number),
        (Some(_), Some(_)) => {
            return Err(ApiError::BadRequest("query: patient_id or accession_number, not both".into()));
        }
    };
    let length = text.chars().count();
    if text.trim().is_empty() || length > SUBJECT_LENGTH_MAX || text.chars().any(char::is_control) {
        let name = kind.as_str();
        let text = format!("query: {name} is a text of 1 to {SUBJECT_LENGTH_MAX} characters");
        return Err(ApiError::BadRequest(text));
    }
    Ok(Some((kind, text)))
}

#[utoipa::path(get, path = "/api/v1/clinical/awaited", tag = "clinical", operation_id = "list_awaited_clinical",
    summary = "What was stated of patients and orders whose images have not come", params(AwaitedQuery),
    responses((status = 200, description = "A page", body = AwaitedPage), Problems))]
async fn list(
    State(state): State<AppState>,
    Asked(asked): Asked<AwaitedQuery>,
) -> Result<Json<AwaitedPage>, ApiError> {
    let page = PageQuery { limit: asked.limit, offset: asked.offset }.checked()?;
    let (items, next_offset) = match subject(asked.patient_id, asked.accession_number)? {
        Some((kind, subject)) => {
            let one = state.archive.awaited(kind, &subject).await?;
            (one.into_iter().map(AwaitedView::from).collect(), None)
        }
        None => page_of(state.archive.all_awaited(page.one_more()).await?, page),
    };
    Ok(Json(AwaitedPage { items, next_offset }))
}

#[utoipa::path(put, path = "/api/v1/clinical/awaited", tag = "clinical", operation_id = "put_awaited_clinical",
    summary = "State something of a patient or an order before the images come",
    description = "The body is a JSON merge patch (RFC 7396) as for a study, without `nodules`: none is known yet. A study \
                   that comes and has no clinical data of its own takes it over as version 1 at its first analysis; what is \
                   stated of an accession number stands over what is stated of a patient. It waits until a patch \
                   takes its last value away. A study that has been analysed is changed under its UID.",
    params(ChangeQuery),
    request_body(content = std::collections::BTreeMap<String, Value>, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "What waits after the change", body = AwaitedView), ChangeProblems))]
async fn change(
    State(state): State<AppState>,
    Asked(asked): Asked<ChangeQuery>,
    body: Bytes,
) -> Result<Json<AwaitedView>, ApiError> {
    let patch: Value =
        serde_json::from_slice(&body).map_err(|e| ApiError::BadRequest(format!("body: no JSON: {e}")))?;
    let Some((kind, subject)) = subject(asked.patient_id, asked.accession_number)? else {
        return Err(ApiError::BadRequest("query: patient_id or accession_number says of whom".into()));
    };
    let author = short("author", asked.author)?;
    let origin = short("origin", asked.origin)?;
    let origin = if origin.is_empty() { "rest".to_owned() } else { origin };
    if patch.get("nodules").is_some() {
        let text = "body: nodules are stated of a study that is in the archive, under its UID";
        return Err(ApiError::BadRequest(text.into()));
    }
    for _ in 0..TRIES_MAX {
        let before = state.archive.awaited(kind, &subject).await?;
        let data = changed(before.as_ref().map(|one| one.data_json.as_str()), &patch);
        let data = data.map_err(ApiError::BadRequest)?;
        let new = AwaitedClinical {
            kind,
            subject: subject.clone(),
            data_json: data.to_string(),
            origin: origin.clone(),
            author: author.clone(),
        };
        let kept = (data != Value::Object(Map::new())).then_some(&new);
        match state.archive.store_awaited(kind, &subject, before.as_ref(), kept).await {
            Ok(()) => return Ok(Json(new.into())),
            // Somebody was quicker: their change first, then this one.
            Err(archive::Error::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::Conflict(format!(
        "what waits for {} {subject:?} changes all the time; try again",
        kind.as_str()
    )))
}

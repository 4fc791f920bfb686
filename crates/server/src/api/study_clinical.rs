//! `/api/v1/studies/{uid}/clinical`: what the site states of patient and nodules, version by version. A change lets
//! the findings of the study be judged again; no network runs for it.

use super::problems::{ChangeProblems, NamedProblems};
use super::query::{Asked, Named, study_uid};
use super::times::{optional, rfc3339};
use super::{ApiError, AppState};
use archive::{ClinicalRecord, NewClinical};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use domain::StudyInstanceUid;
use pipeline::assess::changed;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Versions shown at most.
const HISTORY_SHOWN: i64 = 200;
/// Tries against others who change the same at the same time.
pub(super) const TRIES_MAX: usize = 5;
/// Longest name of who states something.
const AUTHOR_LENGTH_MAX: usize = 64;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(shown, change))
}

/// One version of the clinical data.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClinicalVersionView {
    /// 1, then one more with each change.
    version: i64,
    /// When it was stored.
    #[schema(format = DateTime)]
    at: String,
    /// By which door it came.
    origin: String,
    /// Who stated it; may be empty.
    author: String,
    /// The change, a JSON merge patch (RFC 7396).
    #[schema(value_type = Object)]
    patch: Value,
    /// All values after the change.
    #[schema(value_type = Object)]
    data: Value,
}

/// Clinical data of a study.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClinicalView {
    /// Study Instance UID.
    study_instance_uid: String,
    /// Version in use; 0 where nothing was stated.
    version: i64,
    /// When it was stored; null where nothing was stated.
    #[schema(format = DateTime)]
    changed_at: Option<String>,
    /// Values in use, by the names of the rules' inputs; `nodules` by Tracking Unique Identifier.
    #[schema(value_type = Object)]
    data: Value,
    /// Every version, newest first, 200 at most.
    history: Vec<ClinicalVersionView>,
}

/// Who states it, and on which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ChangeQuery {
    /// Who states it, for the record
    #[param(max_length = 64)]
    author: Option<String>,
    /// Door it comes by, for the record: the name of an imported table
    #[param(max_length = 64)]
    origin: Option<String>,
    /// Version that the change was made to; another one in use is a conflict
    #[param(minimum = 0)]
    base_version: Option<i64>,
}

/// A stored text as JSON; what cannot be read is shown as null rather than hidden with the rest.
pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

async fn view(state: &AppState, uid: &StudyInstanceUid) -> Result<ClinicalView, ApiError> {
    let history = state.archive.clinical_history(uid, HISTORY_SHOWN).await?;
    let used: Option<&ClinicalRecord> = history.first();
    Ok(ClinicalView {
        study_instance_uid: uid.to_string(),
        version: used.map_or(0, |record| record.version),
        changed_at: optional(used.map(|record| record.created_at)),
        data: used.map_or(Value::Object(Map::new()), |record| json(&record.data_json)),
        history: history
            .iter()
            .map(|record| ClinicalVersionView {
                version: record.version,
                at: rfc3339(record.created_at),
                origin: record.origin.clone(),
                author: record.author.clone(),
                patch: json(&record.patch_json),
                data: json(&record.data_json),
            })
            .collect(),
    })
}

#[utoipa::path(get, path = "/api/v1/studies/{uid}/clinical", tag = "clinical", operation_id = "get_study_clinical",
    summary = "What the site states of patient and nodules, with every version",
    params(("uid" = String, Path, description = "Study Instance UID")),
    responses((status = 200, description = "Clinical data", body = ClinicalView), NamedProblems))]
async fn shown(
    State(state): State<AppState>,
    Named(uid): Named<String>,
) -> Result<Json<ClinicalView>, ApiError> {
    let uid = study_uid(&uid)?;
    if state.archive.study(&uid).await?.is_none() {
        return Err(ApiError::NotFound(format!("study {uid} is not in the archive")));
    }
    Ok(Json(view(&state, &uid).await?))
}

#[utoipa::path(put, path = "/api/v1/studies/{uid}/clinical", tag = "clinical", operation_id = "put_study_clinical",
    summary = "State something of patient and nodules",
    description = "The body is a JSON merge patch (RFC 7396): names of the rules' inputs with values, null to take one \
                   away. Each change is a version with its author; findings of the study are judged again and the new \
                   report supersedes the old one, without an analysis. A patch that changes nothing makes no version.",
    params(("uid" = String, Path, description = "Study Instance UID"), ChangeQuery),
    request_body(content = std::collections::BTreeMap<String, Value>, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "Clinical data after the change", body = ClinicalView), ChangeProblems))]
async fn change(
    State(state): State<AppState>,
    Named(uid): Named<String>,
    Asked(asked): Asked<ChangeQuery>,
    body: Bytes,
) -> Result<Json<ClinicalView>, ApiError> {
    let uid = study_uid(&uid)?;
    let patch: Value =
        serde_json::from_slice(&body).map_err(|e| ApiError::BadRequest(format!("body: no JSON: {e}")))?;
    let author = short("author", asked.author)?;
    let origin = short("origin", asked.origin)?;
    let origin = if origin.is_empty() { "rest".to_owned() } else { origin };
    for _ in 0..TRIES_MAX {
        let used = state.archive.clinical(&uid).await?;
        let base = used.as_ref().map_or(0, |record| record.version);
        if asked.base_version.is_some_and(|wanted| wanted != base) {
            let text = format!("clinical data of study {uid} is at version {base}; look again");
            return Err(ApiError::Conflict(text));
        }
        let before = used.as_ref().map(|record| record.data_json.as_str());
        let after = changed(before, &patch).map_err(ApiError::BadRequest)?;
        if before.map(json).unwrap_or(Value::Object(Map::new())) == after {
            return shown(State(state), Named(uid.to_string())).await;
        }
        let new = NewClinical {
            data_json: after.to_string(),
            patch_json: patch.to_string(),
            origin: origin.clone(),
            author: author.clone(),
        };
        match state.archive.store_clinical(&uid, base, &new).await {
            Ok(_) => return Ok(Json(view(&state, &uid).await?)),
            // Somebody was quicker: their change first, then this one.
            Err(archive::Error::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::Conflict(format!("clinical data of study {uid} changes all the time; try again")))
}

/// A text of the query, not too long for a log.
pub(super) fn short(name: &str, text: Option<String>) -> Result<String, ApiError> {
    let text = text.unwrap_or_default();
    if text.chars().count() > AUTHOR_LENGTH_MAX || text.chars().any(char::is_control) {
        let most = format!("query: {name} is a text of at most {AUTHOR_LENGTH_MAX} characters");
        return Err(ApiError::BadRequest(most));
    }
    Ok(text)
}

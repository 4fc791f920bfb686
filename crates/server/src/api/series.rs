//! `/api/v1/series/{uid}`: where a series stands, why, what was found, and the objects.

use super::deliveries::DeliveryView;
use super::problems::{ChangeProblems, NamedProblems};
use super::query::{Named, series_uid};
use super::series_view::{EventView, ObjectView, ResultView, SeriesDetail, reason};
use super::triage::ExamTriageView;
use super::{ApiError, AppState};
use crate::openapi;
use archive::{DeliveryFilter, ObjectRecord, Page, SeriesRecord};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{FindingsDocument, SeriesDocument, SeriesInstanceUid, SeriesState};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Deliveries of one series shown at most: destinations times results.
const DELIVERIES_SHOWN: i64 = 200;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(one))
        .routes(routes!(findings))
        .routes(routes!(results))
        .routes(routes!(picture))
        .routes(routes!(objects))
        .routes(routes!(object))
        .routes(routes!(requeue))
}

pub(super) async fn existing(
    state: &AppState,
    uid: &str,
) -> Result<(SeriesInstanceUid, SeriesRecord), ApiError> {
    let uid = series_uid(uid)?;
    let found = state.archive.series(&uid).await?;
    let series = found.ok_or_else(|| ApiError::NotFound(format!("series {uid} is not in the archive")))?;
    Ok((uid, series))
}

/// The findings of the current result under the present state of the series.
pub(super) async fn document(
    state: &AppState,
    uid: &SeriesInstanceUid,
    series: &SeriesRecord,
) -> Result<SeriesDocument, ApiError> {
    let study = series.study_uid.as_str();
    let without = || SeriesDocument::without_result(study, uid.as_str(), series.state, reason(series));
    if series.state == SeriesState::Skipped {
        return Ok(without());
    }
    let Some(current) = state.archive.current_result(uid).await? else { return Ok(without()) };
    let stored: SeriesDocument = serde_json::from_str(&current.document_json)
        .map_err(|e| ApiError::Internal(format!("document of result {}: {e}", current.result_id)))?;
    Ok(SeriesDocument { state: series.state, reason: reason(series), ..stored })
}

async fn current_objects(state: &AppState, uid: &SeriesInstanceUid) -> Result<Vec<ObjectRecord>, ApiError> {
    match state.archive.current_result(uid).await? {
        Some(current) => Ok(state.archive.objects(&current.result_id).await?),
        None => Ok(Vec::new()),
    }
}

#[utoipa::path(get, path = "/api/v1/series/{uid}", tag = "series", operation_id = "get_series",
    summary = "State, reason, log, timings, deliveries and objects of a series",
    params(("uid" = String, Path, description = "Series Instance UID")),
    responses((status = 200, description = "The series", body = SeriesDetail), NamedProblems))]
async fn one(
    State(state): State<AppState>,
    Named(uid): Named<String>,
) -> Result<Json<SeriesDetail>, ApiError> {
    let (uid, series) = existing(&state, &uid).await?;
    let found = document(&state, &uid, &series).await?;
    let filter = DeliveryFilter {
        series_uid: Some(uid.clone()),
        page: Page { limit: DELIVERIES_SHOWN, offset: 0 },
        ..DeliveryFilter::default()
    };
    let analyzed = found.pack.is_some();
    let deliveries = state.archive.deliveries(&filter).await?;
    let objects = current_objects(&state, &uid).await?;
    // The log last: whatever else is shown has its event in it.
    let events = state.archive.events(&uid).await?;
    Ok(Json(SeriesDetail {
        timings_ms: analyzed.then_some(found.timings_ms),
        finding_count: analyzed.then_some(found.nodules.len()),
        triage: found.triage.map(ExamTriageView::from),
        events: events.into_iter().map(EventView::from).collect(),
        deliveries: deliveries.into_iter().map(DeliveryView::from).collect(),
        objects: objects.into_iter().map(|o| ObjectView::of(uid.as_str(), o)).collect(),
        summary: series.into(),
    }))
}

#[utoipa::path(get, path = "/api/v1/series/{uid}/findings", tag = "series", operation_id = "get_findings",
    summary = "Findings of the current result, as in findings.json",
    params(("uid" = String, Path, description = "Series Instance UID")),
    responses((status = 200, description = "One series, analysed or not", body = openapi::FindingsDocument), NamedProblems))]
async fn findings(
    State(state): State<AppState>,
    Named(uid): Named<String>,
) -> Result<Json<FindingsDocument>, ApiError> {
    let (uid, series) = existing(&state, &uid).await?;
    let one = document(&state, &uid, &series).await?;
    Ok(Json(FindingsDocument::new(env!("CARGO_PKG_VERSION"), vec![one])))
}

#[utoipa::path(get, path = "/api/v1/series/{uid}/results", tag = "series", operation_id = "list_results",
    summary = "Every result of a series, oldest first, with what took its place",
    params(("uid" = String, Path, description = "Series Instance UID")),
    responses((status = 200, description = "Results", body = Vec<ResultView>), NamedProblems))]
async fn results(
    State(state): State<AppState>,
    Named(uid): Named<String>,
) -> Result<Json<Vec<ResultView>>, ApiError> {
    let (uid, _) = existing(&state, &uid).await?;
    let results = state.archive.results(&uid).await?;
    Ok(Json(results.into_iter().map(ResultView::from).collect()))
}

#[utoipa::path(get, path = "/api/v1/series/{uid}/nodules/{picture}", tag = "series", operation_id = "get_nodule_picture",
    summary = "Picture of a nodule with its outline",
    params(("uid" = String, Path, description = "Series Instance UID"),
        ("picture" = String, Path, description = "Number of the nodule and .png, for example 1.png", pattern = r"^[1-9][0-9]*\.png$")),
    responses((status = 200, description = "The picture", body = Vec<u8>, content_type = "image/png"), NamedProblems))]
async fn picture(
    State(state): State<AppState>,
    Named((uid, picture)): Named<(String, String)>,
) -> Result<Response, ApiError> {
    let (uid, _) = existing(&state, &uid).await?;
    let number = picture.strip_suffix(".png").and_then(|n| n.parse::<u32>().ok());
    let number =
        number.ok_or_else(|| ApiError::BadRequest(format!("{picture:?} is not a picture; ask for 1.png")))?;
    let objects = current_objects(&state, &uid).await?;
    let found = objects.into_iter().find(|o| o.role == "png" && number_in(&o.name) == Some(number));
    let found = found
        .ok_or_else(|| ApiError::NotFound(format!("series {uid} has no picture of a nodule {number}")))?;
    sent(&state, &found).await
}

/// The last run of digits in a name: `nodule-12.png` is picture 12.
fn number_in(name: &str) -> Option<u32> {
    name.split(|c: char| !c.is_ascii_digit()).rfind(|part| !part.is_empty())?.parse().ok()
}

#[utoipa::path(get, path = "/api/v1/series/{uid}/objects", tag = "series", operation_id = "list_objects",
    summary = "Objects of the current result", params(("uid" = String, Path, description = "Series Instance UID")),
    responses((status = 200, description = "In the order of sending", body = Vec<ObjectView>), NamedProblems))]
async fn objects(
    State(state): State<AppState>,
    Named(uid): Named<String>,
) -> Result<Json<Vec<ObjectView>>, ApiError> {
    let (uid, _) = existing(&state, &uid).await?;
    let objects = current_objects(&state, &uid).await?;
    Ok(Json(objects.into_iter().map(|o| ObjectView::of(uid.as_str(), o)).collect()))
}

#[utoipa::path(get, path = "/api/v1/series/{uid}/objects/{name}", tag = "series", operation_id = "get_object",
    summary = "SR, SEG or picture of the current result",
    params(("uid" = String, Path, description = "Series Instance UID"),
        ("name" = String, Path, description = "Name of the object")),
    responses((status = 200, description = "The bytes",
        content((Vec<u8> = "application/dicom"), (Vec<u8> = "image/png"), (Vec<u8> = "application/octet-stream"))), NamedProblems))]
async fn object(
    State(state): State<AppState>,
    Named((uid, name)): Named<(String, String)>,
) -> Result<Response, ApiError> {
    let (uid, _) = existing(&state, &uid).await?;
    let found = current_objects(&state, &uid).await?.into_iter().find(|o| o.name == name);
    let found = found.ok_or_else(|| ApiError::NotFound(format!("series {uid} has no object {name:?}")))?;
    sent(&state, &found).await
}

async fn sent(state: &AppState, object: &ObjectRecord) -> Result<Response, ApiError> {
    let bytes = state.archive.blob(&object.blob_key).await?;
    let kind = match (&object.sop_class_uid, object.role.as_str()) {
        (Some(_), _) => "application/dicom",
        (None, "png") => "image/png",
        _ => "application/octet-stream",
    };
    let mut response = bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // Names are ours, but a quote or a line break in a header would be a hole.
    let plain: String =
        object.name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    let way = if kind == "image/png" { "inline" } else { "attachment" };
    if let Ok(value) = HeaderValue::from_str(&format!("{way}; filename=\"{plain}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

#[utoipa::path(post, path = "/api/v1/series/{uid}/requeue", tag = "series", operation_id = "requeue_series",
    summary = "Analyse a finished series again", params(("uid" = String, Path, description = "Series Instance UID")),
    responses((status = 202, description = "Queued"), ChangeProblems))]
async fn requeue(State(state): State<AppState>, Named(uid): Named<String>) -> Result<StatusCode, ApiError> {
    let uid = series_uid(&uid)?;
    state.archive.requeue_series(&uid, "asked for over REST").await?;
    Ok(StatusCode::ACCEPTED)
}

//! `/api/v1/studies`: what arrived, with the state of each series.

use super::problems::{NamedProblems, Problems};
use super::query::{Asked, Named, PageQuery, page_of, parsed, study_uid};
use super::series_view::{SeriesSummary, SeriesWord};
use super::times::rfc3339;
use super::{ApiError, AppState};
use archive::{StudyFilter, StudyOrder, StudyRecord};
use axum::Json;
use axum::extract::State;
use domain::SeriesState;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one))
}

/// A study with its series.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StudyView {
    /// Study Instance UID.
    study_instance_uid: String,
    /// PatientID (0010,0020).
    patient_id: String,
    /// PatientName (0010,0010), components parted by ^.
    patient_name: String,
    /// PatientBirthDate (0010,0030), YYYYMMDD.
    patient_birth_date: String,
    /// PatientSex (0010,0040).
    patient_sex: String,
    /// StudyDate (0008,0020), YYYYMMDD.
    study_date: String,
    /// StudyTime (0008,0030).
    study_time: String,
    /// StudyDescription (0008,1030).
    study_description: String,
    /// AccessionNumber (0008,0050).
    accession_number: String,
    /// First image.
    #[schema(format = DateTime)]
    created_at: String,
    /// Latest image.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Highest exam triage of its series, 1 to 10; null where none has a score. Orders a list, is never a reason to skip a
    /// reading.
    #[schema(minimum = 1, maximum = 10)]
    triage_score: Option<i64>,
    /// Its series.
    series: Vec<SeriesSummary>,
}

impl From<StudyRecord> for StudyView {
    fn from(s: StudyRecord) -> Self {
        Self {
            study_instance_uid: s.study_uid.into(),
            patient_id: s.patient_id,
            patient_name: s.patient_name,
            patient_birth_date: s.patient_birth_date,
            patient_sex: s.patient_sex,
            study_date: s.study_date,
            study_time: s.study_time,
            study_description: s.study_description,
            accession_number: s.accession_number,
            created_at: rfc3339(s.created_at),
            updated_at: rfc3339(s.updated_at),
            triage_score: s.series.iter().filter_map(|series| series.triage_score).max(),
            series: s.series.into_iter().map(SeriesSummary::from).collect(),
        }
    }
}

/// Words of `order`, for the description.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)] // described, never built
enum OrderWord {
    Newest,
    Triage,
}

fn order(word: &str) -> Option<StudyOrder> {
    match word {
        "newest" => Some(StudyOrder::Newest),
        "triage" => Some(StudyOrder::Triage),
        _ => None,
    }
}

/// Which studies.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct StudyQuery {
    /// PatientID, exact
    patient_id: Option<String>,
    /// AccessionNumber, exact
    accession_number: Option<String>,
    /// With a series in this state
    #[param(inline, value_type = Option<SeriesWord>)]
    state: Option<String>,
    /// Part of name, ID, accession number, description or study UID
    search: Option<String>,
    /// `triage`: highest exam triage score first, then those without a score; nothing is left out
    #[param(inline, value_type = Option<OrderWord>)]
    order: Option<String>,
    /// Rows of the page
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Rows before the page
    #[param(minimum = 0, maximum = 2_147_483_647, default = 0)]
    offset: Option<u32>,
}

/// A page of studies.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StudyPage {
    /// In the order asked for, newest first without.
    items: Vec<StudyView>,
    /// `offset` of the next page; null at the end.
    next_offset: Option<i64>,
}

#[utoipa::path(get, path = "/api/v1/studies", tag = "studies", operation_id = "list_studies",
    summary = "List studies with their series, newest first or by exam triage", params(StudyQuery),
    responses((status = 200, description = "A page", body = StudyPage), Problems))]
async fn list(
    State(state): State<AppState>,
    Asked(asked): Asked<StudyQuery>,
) -> Result<Json<StudyPage>, ApiError> {
    let page = PageQuery { limit: asked.limit, offset: asked.offset }.checked()?;
    let filter = StudyFilter {
        patient_id: asked.patient_id,
        accession_number: asked.accession_number,
        state: parsed("state", asked.state.as_deref(), SeriesState::parse)?,
        text: asked.search,
        order: parsed("order", asked.order.as_deref(), order)?.unwrap_or_default(),
        page: page.one_more(),
    };
    let (items, next_offset) = page_of(state.archive.studies(&filter).await?, page);
    Ok(Json(StudyPage { items, next_offset }))
}

#[utoipa::path(get, path = "/api/v1/studies/{uid}", tag = "studies", operation_id = "get_study",
    summary = "A study with its series", params(("uid" = String, Path, description = "Study Instance UID")),
    responses((status = 200, description = "The study", body = StudyView), NamedProblems))]
async fn one(State(state): State<AppState>, Named(uid): Named<String>) -> Result<Json<StudyView>, ApiError> {
    let uid = study_uid(&uid)?;
    let study = state.archive.study(&uid).await?;
    study
        .map(|s| Json(s.into()))
        .ok_or_else(|| ApiError::NotFound(format!("study {uid} is not in the archive")))
}

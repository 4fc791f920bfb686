//! `/api/v1/jobs`: work that waits, runs or was given up.

use super::problems::{ChangeProblems, NamedProblems, Problems};
use super::query::{Asked, Named, PageQuery, page_of, parsed, series_uid};
use super::times::{optional, rfc3339};
use super::{ApiError, AppState};
use archive::{JobFilter, JobKind, JobRecord, JobState};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one)).routes(routes!(requeue))
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobView {
    /// Id.
    job_id: String,
    /// What it does.
    #[schema(inline, value_type = KindWord)]
    kind: &'static str,
    /// Where it stands.
    #[schema(inline, value_type = StateWord)]
    state: &'static str,
    /// Series.
    series_instance_uid: String,
    /// Its study.
    study_instance_uid: String,
    /// Destination of a delivery.
    destination: Option<String>,
    /// Delivery that it does.
    delivery_id: Option<String>,
    /// Process that has it or had it last.
    worker: Option<String>,
    /// Tries so far.
    attempt: i64,
    /// Tries allowed.
    attempts_max: i64,
    /// Last error.
    error: Option<String>,
    /// Not before.
    #[schema(format = DateTime)]
    run_at: String,
    /// When a silent worker loses it.
    #[schema(format = DateTime)]
    lease_until: Option<String>,
    /// When it was queued.
    #[schema(format = DateTime)]
    created_at: String,
    /// Latest start.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// End.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
}

/// Words of `kind`, for the description.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)] // described, never built
enum KindWord {
    AnalyzeSeries,
    ReportSeries,
    DeliverResult,
}

/// Words of `state`, for the description.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)] // described, never built
enum StateWord {
    Queued,
    Running,
    Done,
    Dead,
    Cancelled,
}

impl From<JobRecord> for JobView {
    fn from(job: JobRecord) -> Self {
        Self {
            job_id: job.job_id,
            kind: job.kind.as_str(),
            state: job.state.as_str(),
            series_instance_uid: job.series_uid.into(),
            study_instance_uid: job.study_uid.into(),
            destination: job.destination,
            delivery_id: job.delivery_id,
            worker: job.worker,
            attempt: job.attempt,
            attempts_max: job.attempts_max,
            error: job.error,
            run_at: rfc3339(job.run_at),
            lease_until: optional(job.lease_until),
            created_at: rfc3339(job.created_at),
            started_at: optional(job.started_at),
            finished_at: optional(job.finished_at),
        }
    }
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct JobQuery {
    /// analyze_series, report_series or deliver_result
    #[param(inline, value_type = Option<KindWord>)]
    kind: Option<String>,
    /// queued, running, done, dead or cancelled
    #[param(inline, value_type = Option<StateWord>)]
    state: Option<String>,
    /// Series Instance UID
    series: Option<String>,
    /// Rows of the page
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Rows before the page
    #[param(minimum = 0, maximum = 2_147_483_647, default = 0)]
    offset: Option<u32>,
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobPage {
    /// Newest first.
    items: Vec<JobView>,
    /// `offset` of the next page; null at the end.
    next_offset: Option<i64>,
}

#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", operation_id = "list_jobs", summary = "List jobs, newest first",
    params(JobQuery), responses((status = 200, description = "A page", body = JobPage), Problems))]
async fn list(
    State(state): State<AppState>,
    Asked(asked): Asked<JobQuery>,
) -> Result<Json<JobPage>, ApiError> {
    let page = PageQuery { limit: asked.limit, offset: asked.offset }.checked()?;
    let filter = JobFilter {
        kind: parsed("kind", asked.kind.as_deref(), JobKind::parse)?,
        state: parsed("state", asked.state.as_deref(), JobState::parse)?,
        series_uid: asked.series.as_deref().map(series_uid).transpose()?,
        page: page.one_more(),
    };
    let (items, next_offset) = page_of(state.archive.jobs(&filter).await?, page);
    Ok(Json(JobPage { items, next_offset }))
}

#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs", operation_id = "get_job", summary = "One job",
    params(("id" = String, Path, description = "Id of the job")),
    responses((status = 200, description = "The job", body = JobView), NamedProblems))]
async fn one(State(state): State<AppState>, Named(id): Named<String>) -> Result<Json<JobView>, ApiError> {
    let job = state.archive.job(&id).await?;
    job.map(|job| Json(job.into()))
        .ok_or_else(|| ApiError::NotFound(format!("job {id} is not in the archive")))
}

#[utoipa::path(post, path = "/api/v1/jobs/{id}/requeue", tag = "jobs", operation_id = "requeue_job",
    summary = "Try a dead job again", params(("id" = String, Path, description = "Id of the job")),
    responses((status = 202, description = "Queued"), ChangeProblems))]
async fn requeue(State(state): State<AppState>, Named(id): Named<String>) -> Result<StatusCode, ApiError> {
    state.archive.requeue_job(&id, "asked for over REST").await?;
    Ok(StatusCode::ACCEPTED)
}

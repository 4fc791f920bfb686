//! `/healthz`, `/readyz`, `/metrics` and the counts of the status page.

use super::error::Problem;
use super::problems::Problems;
use super::{ApiError, AppState};
use crate::telemetry::Metric;
use archive::{Counts, DeliveryState, JobKind, JobState};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use domain::SeriesState;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Behind the token: counts.
pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(status)).routes(routes!(metrics))
}

/// Open to everyone who can connect: nothing about patients.
pub(super) fn open_router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready))
}

/// One word.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// `ok`
    status: &'static str,
}

#[utoipa::path(get, path = "/healthz", tag = "operation", operation_id = "health", summary = "The process answers",
    security(()), responses((status = 200, description = "It does", body = HealthView)))]
async fn alive() -> Json<HealthView> {
    Json(HealthView { status: "ok" })
}

#[utoipa::path(get, path = "/readyz", tag = "operation", operation_id = "readiness",
    summary = "Database, store and the parts of this process are ready", security(()),
    responses((status = 200, description = "They are", body = HealthView),
        (status = 503, description = "One is not; the log says why", body = Problem, content_type = "application/problem+json")))]
async fn ready(State(state): State<AppState>) -> Result<Json<HealthView>, ApiError> {
    if !archive_answers(&state).await {
        return Err(ApiError::Unavailable("the archive does not answer; the log names the cause".to_owned()));
    }
    let problems = (state.readiness)().await;
    if problems.is_empty() {
        Ok(Json(HealthView { status: "ok" }))
    } else {
        Err(ApiError::Unavailable(problems.join("; ")))
    }
}

/// How long an answer of the archive stands: everyone may ask, and each look writes to the disk.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

async fn archive_answers(state: &AppState) -> bool {
    let mut last = state.last_look.lock().await;
    if let Some((at, answered)) = *last
        && at.elapsed() < LOOK_AGAIN
    {
        return answered;
    }
    let looked = state.archive.check().await;
    if let Err(error) = &looked {
        tracing::warn!(%error, "not ready: the archive does not answer");
    }
    *last = Some((Instant::now(), looked.is_ok()));
    looked.is_ok()
}

/// How many are where.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatusView {
    /// Version of lungcad.
    lungcad_version: &'static str,
    /// Studies.
    studies: i64,
    /// Instances.
    instances: i64,
    /// Series by state; every state is there.
    series: BTreeMap<&'static str, i64>,
    /// Jobs that wait or run.
    jobs_waiting: i64,
    /// Jobs given up.
    jobs_dead: i64,
    /// Deliveries by state; every state is there.
    deliveries: BTreeMap<&'static str, i64>,
    /// Deliveries given up.
    deliveries_dead: i64,
    /// DICOM associations open now, in all processes.
    associations_open: i64,
}

/// Counts with a zero for each word that has none.
fn with_zeros<T: Copy + PartialEq>(
    all: impl IntoIterator<Item = T>,
    counted: &[(T, i64)],
    word: fn(T) -> &'static str,
) -> BTreeMap<&'static str, i64> {
    let count = |one: T| counted.iter().find(|(t, _)| *t == one).map_or(0, |(_, n)| *n);
    all.into_iter().map(|one| (word(one), count(one))).collect()
}

fn jobs_in(counts: &Counts, states: &[JobState]) -> i64 {
    counts.jobs.iter().filter(|q| states.contains(&q.state)).map(|q| q.count).sum()
}

#[utoipa::path(get, path = "/api/v1/status", tag = "operation", operation_id = "status", summary = "How many are where",
    responses((status = 200, description = "Counts", body = StatusView), Problems))]
async fn status(State(state): State<AppState>) -> Result<Json<StatusView>, ApiError> {
    let counts = state.archive.counts().await?;
    let deliveries =
        with_zeros(DeliveryState::ALL.iter().copied(), &counts.deliveries, DeliveryState::as_str);
    Ok(Json(StatusView {
        lungcad_version: env!("CARGO_PKG_VERSION"),
        studies: counts.studies,
        instances: counts.instances,
        series: with_zeros(SeriesState::ALL, &counts.series, SeriesState::as_str),
        jobs_waiting: jobs_in(&counts, &[JobState::Queued, JobState::Running]),
        jobs_dead: jobs_in(&counts, &[JobState::Dead]),
        deliveries_dead: deliveries.get(DeliveryState::Dead.as_str()).copied().unwrap_or_default(),
        deliveries,
        associations_open: counts.open_associations,
    }))
}

#[utoipa::path(get, path = "/metrics", tag = "operation", operation_id = "metrics", summary = "Metrics for Prometheus",
    responses((status = 200, description = "Text exposition format 0.0.4", body = String, content_type = "text/plain"), Problems))]
async fn metrics(State(state): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    let counts = state.archive.counts().await?;
    let set = |metric, labels: &[(&'static str, String)], n: i64| {
        state.telemetry.set(metric, labels, u64::try_from(n).unwrap_or(0));
    };
    for (word, n) in with_zeros(SeriesState::ALL, &counts.series, SeriesState::as_str) {
        set(Metric::Series, &[("state", word.to_owned())], n);
    }
    for (word, n) in with_zeros(DeliveryState::ALL.iter().copied(), &counts.deliveries, DeliveryState::as_str)
    {
        set(Metric::Deliveries, &[("state", word.to_owned())], n);
    }
    for kind in JobKind::ALL {
        for job_state in [JobState::Queued, JobState::Running] {
            let found = counts.jobs.iter().find(|q| q.kind == *kind && q.state == job_state);
            let labels = [("kind", kind.as_str().to_owned()), ("state", job_state.as_str().to_owned())];
            set(Metric::Jobs, &labels, found.map_or(0, |q| q.count));
        }
    }
    set(Metric::JobsDead, &[], jobs_in(&counts, &[JobState::Dead]));
    set(Metric::InstancesStored, &[], counts.instances);
    set(Metric::BytesStored, &[], counts.instance_bytes);
    set(Metric::AssociationsOpen, &[], counts.open_associations);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.telemetry.render()))
}

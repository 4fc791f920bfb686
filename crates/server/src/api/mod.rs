//! REST v1. One resource a file, each with its own `router()`; every handler reads the archive only.
//!
//! Errors are problem documents ([`ApiError`]); times are RFC 3339 in UTC; lists are `{items, next_offset}`.

mod awaited;
mod clinical;
mod connections;
mod deliveries;
mod destinations;
mod error;
mod guard;
mod health;
mod jobs;
mod problems;
mod query;
mod reading;
mod series;
mod series_view;
mod studies;
mod study_clinical;
#[cfg(test)]
mod tests;
mod times;
mod triage;

pub(crate) use error::{ApiError, Problem};

use crate::config::{DestinationSettings, Secret};
use crate::openapi;
use crate::telemetry::Telemetry;
use crate::web;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router, middleware};
use futures::future::BoxFuture;
use serde_json::Value;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Calls a destination (C-ECHO): the time it took, or what went wrong and how to mend it.
pub(crate) type Echo =
    Arc<dyn Fn(DestinationSettings) -> BoxFuture<'static, Result<Duration, String>> + Send + Sync>;

/// Asks the other parts of this process: a sentence for each that is not ready. The archive is asked by
/// the handler itself.
pub(crate) type Readiness = Arc<dyn Fn() -> BoxFuture<'static, Vec<String>> + Send + Sync>;

/// What the handlers share.
pub(crate) struct Shared {
    /// Rows and bytes.
    pub(crate) archive: archive::Archive,
    /// Where results go.
    pub(crate) destinations: Vec<DestinationSettings>,
    /// Bearer token; `None` = not asked.
    pub(crate) token: Option<Secret>,
    /// Longest request.
    pub(crate) request_timeout: Duration,
    /// Metrics.
    pub(crate) telemetry: Telemetry,
    /// C-ECHO.
    pub(crate) echo: Echo,
    /// Other parts.
    pub(crate) readiness: Readiness,
    /// When the archive was last looked at for `/readyz`, and whether it answered.
    pub(crate) last_look: tokio::sync::Mutex<Option<(std::time::Instant, bool)>>,
}

/// Handle of [`Shared`].
#[derive(Clone)]
pub(crate) struct AppState(Arc<Shared>);

impl AppState {
    /// Wraps what wiring has built.
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for AppState {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Routes that a token protects, with their description.
fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::Head::openapi())
        .merge(studies::router())
        .merge(study_clinical::router())
        .merge(awaited::router())
        .merge(series::router())
        .merge(reading::router())
        .merge(jobs::router())
        .merge(deliveries::router())
        .merge(destinations::router())
        .merge(clinical::router())
        .merge(triage::router())
        .merge(health::router())
}

/// The OpenAPI document.
pub(crate) fn openapi_document() -> Value {
    let (_, api) = documented().merge(health::open_router()).split_for_parts();
    openapi::document(&api)
}

/// Everything that is served over HTTP.
pub(crate) fn router(state: AppState) -> Router {
    let (protected, _) = documented().split_for_parts();
    let (open, _) = health::open_router().split_for_parts();
    let document = Arc::new(openapi_document());
    let limit = state.request_timeout;
    let authorize = middleware::from_fn_with_state(state.clone(), guard::authorize);
    Router::new()
        .merge(protected.route_layer(authorize))
        .merge(open)
        .route("/api/openapi.json", get(move || async move { Json(Value::clone(&document)) }))
        .route("/api/findings.schema.json", get(findings_schema))
        .merge(web::router())
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .fallback(|| async { ApiError::NotFound("nothing is served under this path; see /api".to_owned()) })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(state.clone(), guard::admit))
        .layer(middleware::from_fn_with_state(limit, guard::around))
        .with_state(state)
}

async fn findings_schema() -> impl IntoResponse {
    ([("content-type", "application/schema+json")], openapi::FINDINGS_SCHEMA)
}

/// A panic costs one request; its text goes to the log.
#[allow(clippy::needless_pass_by_value)] // the layer gives it this way
fn panicked(cause: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    let text = cause.downcast_ref::<String>().cloned();
    let text = text.or_else(|| cause.downcast_ref::<&str>().map(|s| (*s).to_owned()));
    ApiError::Internal(format!("panic: {}", text.unwrap_or_default())).into_response()
}

/// Serves until `stop`, then lets the requests in hand end.
pub(crate) async fn serve(listener: tokio::net::TcpListener, state: AppState, stop: CancellationToken) {
    connections::serve(listener, router(state), stop).await;
}

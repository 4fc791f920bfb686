//! `/api/v1/destinations`: where results go, and whether it answers.

use super::problems::{ChangeProblems, Problems};
use super::query::Named;
use super::{ApiError, AppState};
use crate::config::{DestinationSettings, ObjectKind};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(echo))
}

/// A destination of the configuration.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DestinationView {
    /// Name.
    name: String,
    /// host:port.
    address: String,
    /// Its application entity title.
    ae_title: String,
    /// Title that we call ourselves there.
    calling_ae_title: String,
    /// Objects that it gets: sr, seg.
    objects: Vec<&'static str>,
}

impl From<&DestinationSettings> for DestinationView {
    fn from(d: &DestinationSettings) -> Self {
        let word = |kind: &ObjectKind| match kind {
            ObjectKind::Sr => "sr",
            ObjectKind::Seg => "seg",
        };
        Self {
            name: d.name.clone(),
            address: d.address.clone(),
            ae_title: d.ae_title.to_string(),
            calling_ae_title: d.calling_ae_title.to_string(),
            objects: d.objects.iter().map(word).collect(),
        }
    }
}

/// Answer of a destination.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EchoView {
    /// Name.
    name: String,
    /// Time from connecting to the answer, ms.
    ms: u64,
}

#[utoipa::path(get, path = "/api/v1/destinations", tag = "deliveries", operation_id = "list_destinations",
    summary = "Where results go", responses((status = 200, description = "All of them", body = Vec<DestinationView>), Problems))]
async fn list(State(state): State<AppState>) -> Json<Vec<DestinationView>> {
    Json(state.destinations.iter().map(DestinationView::from).collect())
}

#[utoipa::path(post, path = "/api/v1/destinations/{name}/echo", tag = "deliveries", operation_id = "echo_destination",
    summary = "Send a C-ECHO to a destination", params(("name" = String, Path, description = "Name in the configuration")),
    responses((status = 200, description = "It answered", body = EchoView),
        (status = 502, description = "It did not; the detail says what to mend", body = super::error::Problem,
         content_type = "application/problem+json"),
        ChangeProblems))]
async fn echo(State(state): State<AppState>, Named(name): Named<String>) -> Result<Json<EchoView>, ApiError> {
    let destination = state.destinations.iter().find(|d| d.name == name);
    let destination = destination.ok_or_else(|| {
        ApiError::NotFound(format!("no destination is named {name:?}; /api/v1/destinations lists them"))
    })?;
    match (state.echo)(destination.clone()).await {
        Ok(took) => Ok(Json(EchoView { name, ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX) })),
        Err(problem) => Err(ApiError::Peer(format!("{name}: {problem}"))),
    }
}

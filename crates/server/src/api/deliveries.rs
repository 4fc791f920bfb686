//! `/api/v1/deliveries`: results on their way to destinations.

use super::problems::{ChangeProblems, Problems};
use super::query::{Asked, Named, PageQuery, page_of, parsed, series_uid};
use super::times::{optional, rfc3339};
use super::{ApiError, AppState};
use archive::{DeliveryFilter, DeliveryRecord, DeliveryState};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(requeue))
}

/// One result on its way to one destination.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    /// Id.
    delivery_id: String,
    /// Series analysed.
    series_instance_uid: String,
    /// Destination.
    destination: String,
    /// `failed` is tried again at `next_try_at`; `dead` waits for a requeue.
    #[schema(inline, value_type = DeliveryWord)]
    state: &'static str,
    /// Failed tries.
    try_count: i64,
    /// Error of the latest failed try.
    last_error: Option<String>,
    /// Not before.
    #[schema(format = DateTime)]
    next_try_at: Option<String>,
    /// When the result was published.
    #[schema(format = DateTime)]
    created_at: String,
    /// When every object was acknowledged.
    #[schema(format = DateTime)]
    delivered_at: Option<String>,
}

/// Words of `state`, for the description.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)] // described, never built
enum DeliveryWord {
    Pending,
    Delivered,
    Failed,
    Dead,
    Cancelled,
}

impl From<DeliveryRecord> for DeliveryView {
    fn from(d: DeliveryRecord) -> Self {
        Self {
            delivery_id: d.delivery_id,
            series_instance_uid: d.series_uid.into(),
            destination: d.destination,
            state: d.state.as_str(),
            try_count: d.try_count,
            last_error: d.last_error,
            next_try_at: optional(d.next_try_at),
            created_at: rfc3339(d.created_at),
            delivered_at: optional(d.delivered_at),
        }
    }
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct DeliveryQuery {
    /// pending, delivered, failed, dead or cancelled
    #[param(inline, value_type = Option<DeliveryWord>)]
    state: Option<String>,
    /// Name of a destination
    destination: Option<String>,
    /// Series Instance UID
    series: Option<String>,
    /// Rows of the page
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Rows before the page
    #[param(minimum = 0, maximum = 2_147_483_647, default = 0)]
    offset: Option<u32>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryPage {
    /// Newest first.
    items: Vec<DeliveryView>,
    /// `offset` of the next page; null at the end.
    next_offset: Option<i64>,
}

#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", operation_id = "list_deliveries",
    summary = "List deliveries, newest first", params(DeliveryQuery),
    responses((status = 200, description = "A page", body = DeliveryPage), Problems))]
async fn list(
    State(state): State<AppState>,
    Asked(asked): Asked<DeliveryQuery>,
) -> Result<Json<DeliveryPage>, ApiError> {
    let page = PageQuery { limit: asked.limit, offset: asked.offset }.checked()?;
    let filter = DeliveryFilter {
        state: parsed("state", asked.state.as_deref(), DeliveryState::parse)?,
        destination: asked.destination,
        series_uid: asked.series.as_deref().map(series_uid).transpose()?,
        page: page.one_more(),
    };
    let (items, next_offset) = page_of(state.archive.deliveries(&filter).await?, page);
    Ok(Json(DeliveryPage { items, next_offset }))
}

#[utoipa::path(post, path = "/api/v1/deliveries/{id}/requeue", tag = "deliveries", operation_id = "requeue_delivery",
    summary = "Try a dead delivery again", params(("id" = String, Path, description = "Id of the delivery")),
    responses((status = 202, description = "Queued"), ChangeProblems))]
async fn requeue(State(state): State<AppState>, Named(id): Named<String>) -> Result<StatusCode, ApiError> {
    state.archive.requeue_delivery(&id, "asked for over REST").await?;
    Ok(StatusCode::ACCEPTED)
}

//! `/api/v1/triage`: the site's triage calibrations, every version of them.

use super::problems::Problems;
use super::times::rfc3339;
use super::{ApiError, AppState};
use archive::TriageCalibrationRecord;
use axum::Json;
use axum::extract::State;
use domain::{ExamTriage, TRIAGE_USE};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Versions shown at most.
const CALIBRATIONS_SHOWN: i64 = 200;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A calibration; it never changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TriageCalibrationView {
    /// 1, then one more with each calibration of any pack.
    version: i64,
    /// Name and version of the model pack; its highest version is the one in use.
    pack: String,
    /// Exams of the site that it was made of.
    exams_count: i64,
    /// Where their scores came from: archive, or the name of a table.
    origin: String,
    /// When it was stored.
    #[schema(format = DateTime)]
    created_at: String,
    /// Limits between the tenths (`cuts`), and the networks and threshold that they hold for.
    #[schema(value_type = Object)]
    calibration: Value,
}

impl From<TriageCalibrationRecord> for TriageCalibrationView {
    fn from(r: TriageCalibrationRecord) -> Self {
        Self {
            version: r.version,
            pack: r.pack,
            exams_count: r.exams_count,
            origin: r.origin,
            created_at: rfc3339(r.created_at),
            calibration: serde_json::from_str(&r.calibration_json).unwrap_or(Value::Null),
        }
    }
}

/// The site's triage calibrations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TriageView {
    /// What a score may be used for.
    intended_use: &'static str,
    /// Newest first, 200 at most; empty where the site is not calibrated.
    calibrations: Vec<TriageCalibrationView>,
}

/// Where an exam lies among the site's own, in few words and in full.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExamTriageView {
    /// For people: `8 of 10`, or `not calibrated` with the count.
    words: String,
    /// As in findings.json.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    triage: ExamTriage,
}

impl From<ExamTriage> for ExamTriageView {
    fn from(triage: ExamTriage) -> Self {
        Self { words: triage.short(), triage }
    }
}

#[utoipa::path(get, path = "/api/v1/triage", tag = "studies", operation_id = "list_triage_calibrations",
    summary = "Triage calibrations of the site, newest first",
    description = "Made by `lungcad calibrate --triage` of the site's own exams. A score orders a list; it is never a \
                   reason to skip a reading.",
    responses((status = 200, description = "Calibrations", body = TriageView), Problems))]
async fn list(State(state): State<AppState>) -> Result<Json<TriageView>, ApiError> {
    let calibrations = state.archive.triage_calibrations(CALIBRATIONS_SHOWN).await?;
    Ok(Json(TriageView {
        intended_use: TRIAGE_USE,
        calibrations: calibrations.into_iter().map(TriageCalibrationView::from).collect(),
    }))
}

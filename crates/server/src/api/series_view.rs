//! A series as REST shows it.

use super::deliveries::DeliveryView;
use super::times::{optional, rfc3339};
use super::triage::ExamTriageView;
use archive::{EventRecord, ObjectRecord, ResultRecord, SeriesRecord};
use domain::{ReasonDocument, SeriesState};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Words of `state`, for the description.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)] // described, never built
pub(crate) enum SeriesWord {
    Receiving,
    Queued,
    Analyzing,
    Reporting,
    Done,
    Skipped,
    Failed,
}

/// A coded reason with its sentence.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReasonView {
    /// Stable code for scripts.
    pub(super) code: String,
    /// Sentence for people, with the way out.
    pub(super) message: String,
}

/// Code of a series that went wrong for good; the sentence says why.
const FAILED: &str = "ANALYSIS_FAILED";

/// Why the series has no result, for skipped and failed ones.
pub(super) fn reason(series: &SeriesRecord) -> Option<ReasonDocument> {
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    match series.state {
        SeriesState::Skipped => {
            Some(ReasonDocument { code: text(&series.reason_code), message: text(&series.reason_message) })
        }
        SeriesState::Failed => {
            Some(ReasonDocument { code: FAILED.to_owned(), message: text(&series.failure_message) })
        }
        SeriesState::Receiving
        | SeriesState::Queued
        | SeriesState::Analyzing
        | SeriesState::Reporting
        | SeriesState::Done => None,
    }
}

/// A series and where it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeriesSummary {
    /// Series Instance UID.
    series_instance_uid: String,
    /// Its study.
    study_instance_uid: String,
    /// Modality (0008,0060).
    modality: String,
    /// SeriesNumber (0020,0011).
    series_number: Option<i64>,
    /// SeriesDescription (0008,103E).
    series_description: String,
    /// BodyPartExamined (0018,0015).
    body_part_examined: String,
    /// Where it stands.
    #[schema(inline, value_type = SeriesWord)]
    state: &'static str,
    /// Why it was skipped or failed; null otherwise.
    reason: Option<ReasonView>,
    /// 1, then one more each time a late image reopens it.
    revision: i64,
    /// Instances that are analysed.
    instance_count: i64,
    /// Instances kept apart: known SOP Instance UID, other bytes.
    conflict_count: i64,
    /// Bytes of the instances that are analysed.
    size_bytes: i64,
    /// First image.
    #[schema(format = DateTime)]
    first_arrival_at: String,
    /// Latest new image.
    #[schema(format = DateTime)]
    last_arrival_at: String,
    /// When it was judged complete.
    #[schema(format = DateTime)]
    completed_at: Option<String>,
    /// Why it was judged complete.
    completed_why: Option<String>,
    /// When it was done, skipped or failed.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// Milliseconds from the last image to the end; null before the end.
    turnaround_ms: Option<i64>,
    /// Exam triage of the current result, 1 to 10; null where not calibrated or without a result. Orders a list, is
    /// never a reason to skip a reading.
    #[schema(minimum = 1, maximum = 10)]
    pub(super) triage_score: Option<i64>,
}

impl From<SeriesRecord> for SeriesSummary {
    fn from(s: SeriesRecord) -> Self {
        Self {
            reason: reason(&s).map(|r| ReasonView { code: r.code, message: r.message }),
            series_instance_uid: s.series_uid.into(),
            study_instance_uid: s.study_uid.into(),
            modality: s.modality,
            series_number: s.series_number,
            series_description: s.series_description,
            body_part_examined: s.body_part,
            state: s.state.as_str(),
            revision: s.revision,
            instance_count: s.instance_count,
            conflict_count: s.conflict_count,
            size_bytes: s.size_bytes,
            first_arrival_at: rfc3339(s.first_arrival_at),
            last_arrival_at: rfc3339(s.last_arrival_at),
            completed_at: optional(s.completed_at),
            completed_why: s.completed_why,
            finished_at: optional(s.finished_at),
            triage_score: s.triage_score,
            turnaround_ms: s.finished_at.map(|end| end.saturating_sub(s.last_arrival_at) / 1_000),
        }
    }
}

/// A line of the log of a series.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// What kind.
    kind: &'static str,
    /// Sentence for a PACS administrator.
    message: String,
    /// The same for programs; its members depend on the kind.
    #[schema(value_type = Object)]
    fields: Value,
}

impl From<EventRecord> for EventView {
    fn from(e: EventRecord) -> Self {
        let fields = serde_json::from_str(&e.fields_json).ok().filter(Value::is_object);
        Self {
            at: rfc3339(e.at),
            kind: e.kind.as_str(),
            message: e.message,
            fields: fields.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        }
    }
}

/// Words of the state of a result, for the description.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code)] // described, never built
pub(crate) enum ResultWord {
    Prepared,
    Current,
    Superseded,
}

/// A result of a series, current or not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResultView {
    /// Id.
    result_id: String,
    /// Exactly one is `current` once the series is done; `prepared` has no objects yet.
    #[schema(inline, value_type = ResultWord)]
    state: &'static str,
    /// Revision of the series.
    revision: i64,
    /// Version of the clinical data that it was first judged with; 0 where the site stated nothing.
    clinical_version: i64,
    /// Version of the triage calibration that the exam was placed with; 0 where there was none.
    triage_calibration_version: i64,
    /// Exam triage, 1 to 10; null where not calibrated or not yet reported.
    #[schema(minimum = 1, maximum = 10)]
    triage_score: Option<i64>,
    /// Name and version of the model pack.
    pack: String,
    /// Findings in it.
    finding_count: i64,
    /// When its analysis finished, or when clinical data changed.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it became current.
    #[schema(format = DateTime)]
    published_at: Option<String>,
    /// When it stopped being current.
    #[schema(format = DateTime)]
    superseded_at: Option<String>,
    /// The result that took its place; null while none did.
    superseded_by: Option<String>,
}

impl From<ResultRecord> for ResultView {
    fn from(r: ResultRecord) -> Self {
        let shown = archive::shown_with(&r.config_digest);
        Self {
            clinical_version: shown.clinical,
            triage_calibration_version: shown.triage,
            triage_score: r.triage_score,
            result_id: r.result_id,
            state: r.state.as_str(),
            revision: r.revision,
            pack: r.pack,
            finding_count: r.finding_count,
            created_at: rfc3339(r.created_at),
            published_at: optional(r.published_at),
            superseded_at: optional(r.superseded_at),
            superseded_by: r.superseded_by,
        }
    }
}

/// An object of the current result.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ObjectView {
    /// File name, unique in the result.
    pub(super) name: String,
    /// sr, seg, png ...
    pub(super) role: String,
    /// Of a DICOM object.
    pub(super) sop_class_uid: Option<String>,
    /// Of a DICOM object.
    pub(super) sop_instance_uid: Option<String>,
    /// Series that the object is in.
    pub(super) series_instance_uid: Option<String>,
    /// Bytes.
    pub(super) size_bytes: i64,
    /// sha256 over the bytes, hex.
    pub(super) sha256: String,
    /// Where to get it.
    pub(super) url: String,
}

impl ObjectView {
    /// The view of an object of `series`.
    pub(super) fn of(series: &str, object: ObjectRecord) -> Self {
        Self {
            url: format!("/api/v1/series/{series}/objects/{}", object.name),
            name: object.name,
            role: object.role,
            sop_class_uid: object.sop_class_uid,
            sop_instance_uid: object.sop_instance_uid,
            series_instance_uid: object.series_uid,
            size_bytes: object.size_bytes,
            sha256: object.sha256,
        }
    }
}

/// A series with everything that is known of its way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeriesDetail {
    /// Where it stands.
    #[serde(flatten)]
    pub(super) summary: SeriesSummary,
    /// Wall time of each step of the current result, ms; null without one.
    #[schema(value_type = Option<Object>)]
    pub(super) timings_ms: Option<domain::Timings>,
    /// Findings of the current result; null without one.
    pub(super) finding_count: Option<usize>,
    /// Where the exam lies among the site's own; null without a result.
    pub(super) triage: Option<ExamTriageView>,
    /// Its log, oldest first.
    pub(super) events: Vec<EventView>,
    /// Where its result went.
    pub(super) deliveries: Vec<DeliveryView>,
    /// Objects of the current result.
    pub(super) objects: Vec<ObjectView>,
}

//! What happened to a series: the log that a PACS administrator reads.

use serde::{Deserialize, Serialize};

/// Kind of an event; the sentence and the fields stand beside it in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// First instance of the series arrived.
    SeriesOpened,
    /// An association that carried images of the series ended.
    AssociationEnded,
    /// The same instance arrived again with the same bytes.
    DuplicateReceived,
    /// The same SOP Instance UID arrived with other bytes; both are kept.
    ConflictingInstance,
    /// Judged complete and queued.
    Completed,
    /// A late image opened it again.
    Reopened,
    /// A worker took it.
    AnalysisStarted,
    /// Findings stored.
    Analyzed,
    /// Not analysed, with the reason.
    Skipped,
    /// A try failed.
    TryFailed,
    /// No more tries.
    Failed,
    /// Its objects became the current result.
    ResultPublished,
    /// An older result was superseded.
    ResultSuperseded,
    /// A destination acknowledged all objects.
    Delivered,
    /// A try to deliver failed.
    DeliveryFailed,
    /// Delivery given up; waits for a requeue.
    DeliveryDead,
    /// A person asked for it again.
    Requeued,
    /// The site's clinical data of the study changed; its findings are judged again.
    ClinicalChanged,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::SeriesOpened,
        Self::AssociationEnded,
        Self::DuplicateReceived,
        Self::ConflictingInstance,
        Self::Completed,
        Self::Reopened,
        Self::AnalysisStarted,
        Self::Analyzed,
        Self::Skipped,
        Self::TryFailed,
        Self::Failed,
        Self::ResultPublished,
        Self::ResultSuperseded,
        Self::Delivered,
        Self::DeliveryFailed,
        Self::DeliveryDead,
        Self::Requeued,
        Self::ClinicalChanged,
    ];

    /// Word as it stands in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SeriesOpened => "series_opened",
            Self::AssociationEnded => "association_ended",
            Self::DuplicateReceived => "duplicate_received",
            Self::ConflictingInstance => "conflicting_instance",
            Self::Completed => "completed",
            Self::Reopened => "reopened",
            Self::AnalysisStarted => "analysis_started",
            Self::Analyzed => "analyzed",
            Self::Skipped => "skipped",
            Self::TryFailed => "try_failed",
            Self::Failed => "failed",
            Self::ResultPublished => "result_published",
            Self::ResultSuperseded => "result_superseded",
            Self::Delivered => "delivered",
            Self::DeliveryFailed => "delivery_failed",
            Self::DeliveryDead => "delivery_dead",
            Self::Requeued => "requeued",
            Self::ClinicalChanged => "clinical_changed",
        }
    }

    /// The kind with that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }
}

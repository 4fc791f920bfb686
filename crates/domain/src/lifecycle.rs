//! Where a series stands.

use serde::{Deserialize, Serialize};

/// State of a series, as REST shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesState {
    /// Images arrive, or are awaited.
    Receiving,
    /// Complete; waits for a worker.
    Queued,
    /// A worker has it.
    Analyzing,
    /// Findings are stored; objects are being written.
    Reporting,
    /// A current result is there (deliveries have their own state).
    Done,
    /// Not analysed, on purpose; the reason is stored.
    Skipped,
    /// Went wrong for good; the cause is stored and the job can be requeued.
    Failed,
}

impl SeriesState {
    /// Every state, in the order of the way.
    pub const ALL: [Self; 7] = [
        Self::Receiving,
        Self::Queued,
        Self::Analyzing,
        Self::Reporting,
        Self::Done,
        Self::Skipped,
        Self::Failed,
    ];

    /// Word as it stands in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Queued => "queued",
            Self::Analyzing => "analyzing",
            Self::Reporting => "reporting",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }

    /// The state with that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }

    /// Whether the way may go from here to `next`.
    ///
    /// A late image leads back to `Receiving` from everywhere; a requeue leads back to `Queued`, or
    /// to `Reporting` when only the writing of the objects failed, or when clinical data changed.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use SeriesState::{Analyzing, Done, Failed, Queued, Receiving, Reporting, Skipped};
        match next {
            Receiving => true,
            Queued => matches!(self, Receiving | Analyzing | Reporting | Done | Skipped | Failed),
            Analyzing => matches!(self, Queued | Analyzing),
            Reporting => matches!(self, Analyzing | Failed | Done),
            Done => matches!(self, Reporting),
            Skipped => matches!(self, Receiving | Queued | Analyzing | Reporting | Done | Failed),
            Failed => matches!(self, Queued | Analyzing | Reporting),
        }
    }
}

/// A step on the way of a scan; names jobs, timings and failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// DIMSE or STOW intake.
    Receive,
    /// Instances to volume.
    Assemble,
    /// Volume to findings.
    Analyze,
    /// Findings to objects.
    Report,
    /// Objects to a destination.
    Deliver,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_a_late_image_always_reopens() {
        for state in SeriesState::ALL {
            assert_eq!(SeriesState::parse(state.as_str()), Some(state));
            assert!(state.may_become(SeriesState::Receiving));
        }
        assert!(!SeriesState::Receiving.may_become(SeriesState::Done));
        assert!(!SeriesState::Queued.may_become(SeriesState::Reporting));
    }
}

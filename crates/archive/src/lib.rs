//! What arrived, where it stands, what came of it and where it went: one API over SQLite or PostgreSQL and
//! a local folder or S3.
//!
//! It must **not** know: DICOM encoding, HTTP, what a stage does. Bytes and JSON texts are opaque here.
//!
//! | entry | for |
//! |---|---|
//! | [`Archive::open`] | everything; an [`Archive`] is cheap to clone |
//! | [`Archive::store_instance`] | intake: returns when the instance is durable |
//! | [`Archive::receiving_series`], [`Archive::complete_series`] | completion |
//! | [`Archive::claim`], [`Archive::renew`], [`Archive::fail_job`], [`Archive::release_worker`] | jobs with leases |
//! | [`Archive::finish_analysis`], [`Archive::finish_report`], [`Archive::finish_skip`] | results |
//! | [`Archive::clinical`], [`Archive::store_clinical`] | clinical data of a study, by version |
//! | [`Archive::store_awaited`], [`Archive::awaited_of`] | clinical data of studies that have not come |
//! | [`Archive::store_triage_calibration`], [`Archive::triage_calibration`] | the site's triage calibrations, by version |
//! | [`Archive::object_delivered`], [`Archive::finish_delivery`], [`Archive::fail_delivery`] | deliveries |
//! | [`Archive::studies`], [`Archive::series`], [`Archive::events`], [`Archive::counts`] | reading |
//!
//! Three rules hold it together:
//! - What is acknowledged is durable: bytes first (file and folder synced), then the row, then the answer.
//! - A result becomes visible in one transaction that switches "current", supersedes the older one and
//!   queues the deliveries; an index allows one current result per series.
//! - A job belongs to its claim (id, worker, attempt): who lost it cannot finish it. A late instance raises
//!   the series' revision, and work for an older revision ends as stale.
//!
//! Lock order in a transaction: instances, series, jobs, results, deliveries. Whoever needs the series row
//! takes it first (`series::lock`).
//!
//! ```no_run
//! # async fn example() -> archive::Result<()> {
//! let archive = archive::Archive::open(&archive::ArchiveSettings {
//!     database: "sqlite:///var/lib/lungcad/lungcad.sqlite".into(),
//!     blobs: archive::BlobSettings::Local { root: "/var/lib/lungcad/blobs".into(), direct_writes: true },
//!     migrate: true,
//!     process: "serve".into(),
//!     attempts: archive::AttemptLimits::default(),
//! })
//! .await?;
//! archive.check().await?;
//! # Ok(())
//! # }
//! ```

mod associations;
mod awaited;
mod clinical;
mod counts;
mod database;
mod deliveries;
mod direct;
mod error;
mod events;
pub mod faults;
mod files;
mod folder;
mod instances;
mod intake;
mod job_failures;
mod jobs;
mod mounts;
mod observed;
mod open;
mod publish;
mod result_key;
mod results;
mod series;
mod settings;
mod skips;
mod studies;
mod triage;

pub use associations::{AssociationOutcome, NewAssociation};
pub use awaited::{AwaitedClinical, SubjectKind};
pub use clinical::{ClinicalRecord, NewClinical};
pub use counts::{Counts, QueueCounts};
pub use deliveries::{DeliveryFilter, DeliveryObject, DeliveryRecord, DeliveryState};
pub use error::{Error, Result};
pub use events::EventRecord;
pub use instances::{InstanceRecord, NewInstance, SeriesTexts, StoreOutcome};
pub use job_failures::{FailOutcome, Released};
pub use jobs::{ClaimedJob, JobFilter, JobKind, JobRecord, JobState, Renewal};
pub use observed::ObservedSeries;
pub use open::{Archive, Health};
pub use publish::{Judged, NewObject};
pub use result_key::{ShownWith, config_digest_with, shown_with};
pub use results::{Finish, NewResult, ObjectRecord, ResultOutcome, ResultRecord, ResultState};
pub use series::{ReceivingSeries, SeriesRecord};
pub use settings::{ArchiveSettings, AttemptLimits, BlobSettings};
pub use skips::NewSkip;
pub use studies::{Page, StudyFilter, StudyOrder, StudyRecord};
pub use triage::{NewTriageCalibration, ScoredResult, TriageCalibrationRecord};

/// Microseconds since 1970-01-01 UTC by this machine's clock.
#[must_use]
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A new id that sorts by creation.
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// `duration` in microseconds.
pub(crate) fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Defines an enum whose words stand in the database and in JSON.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Word as it stands in JSON and in the database.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value with that word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }
    };
}
pub(crate) use words;

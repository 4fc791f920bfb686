//! Numbers for metrics.

use crate::Archive;
use crate::deliveries::DeliveryState;
use crate::error::Result;
use crate::jobs::{JobKind, JobState};
use domain::SeriesState;

/// Numbers of one kind of job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCounts {
    /// Kind.
    pub kind: JobKind,
    /// State.
    pub state: JobState,
    /// Jobs.
    pub count: i64,
    /// Age of the oldest by its creation, microseconds.
    pub oldest_age_us: i64,
}

/// How many are where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Studies.
    pub studies: i64,
    /// Instances, conflicting ones too.
    pub instances: i64,
    /// Bytes of instances as received.
    pub instance_bytes: i64,
    /// Associations that are open.
    pub open_associations: i64,
    /// Series per state (states without one are left out).
    pub series: Vec<(SeriesState, i64)>,
    /// Jobs per kind and state (those without one are left out).
    pub jobs: Vec<QueueCounts>,
    /// Deliveries per state (states without one are left out).
    pub deliveries: Vec<(DeliveryState, i64)>,
}

impl Archive {
    /// Counts everything that metrics show.
    ///
    /// # Errors
    /// What the database said.
    pub async fn counts(&self) -> Result<Counts> {
        let database = &self.inner.database;
        let doing = "counting";
        let now = crate::now();
        let mut counts = Counts::default();
        let sql = "SELECT (SELECT COUNT(*) FROM study), \
                   (SELECT CAST(COALESCE(SUM(instance_count + conflict_count), 0) AS BIGINT) FROM series), \
                   (SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM series), \
                   (SELECT COUNT(*) FROM association WHERE ended_at IS NULL)";
        if let Some(row) = database.row(doing, sql, &[]).await? {
            counts.studies = row.int(0)?;
            counts.instances = row.int(1)?;
            counts.instance_bytes = row.int(2)?;
            counts.open_associations = row.int(3)?;
        }
        let sql = "SELECT state, COUNT(*) FROM series GROUP BY state ORDER BY state";
        for row in database.rows(doing, sql, &[]).await? {
            counts.series.push((row.parsed(0, "series.state", SeriesState::parse)?, row.int(1)?));
        }
        let sql = "SELECT kind, state, COUNT(*), MIN(created_at) FROM job GROUP BY kind, state \
                   ORDER BY kind, state";
        for row in database.rows(doing, sql, &[]).await? {
            counts.jobs.push(QueueCounts {
                kind: row.parsed(0, "job.kind", JobKind::parse)?,
                state: row.parsed(1, "job.state", JobState::parse)?,
                count: row.int(2)?,
                oldest_age_us: now.saturating_sub(row.int(3)?).max(0),
            });
        }
        let sql = "SELECT state, COUNT(*) FROM delivery GROUP BY state ORDER BY state";
        for row in database.rows(doing, sql, &[]).await? {
            counts.deliveries.push((row.parsed(0, "delivery.state", DeliveryState::parse)?, row.int(1)?));
        }
        Ok(counts)
    }
}

//! `[worker]`: the supervised child processes.

use super::{ConfigError, seconds, within};
use serde::Deserialize;
use std::time::Duration;

/// `[worker]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    count: i64,
    memory_max_gb: f64,
    tries_max: i64,
    lease_s: i64,
    job_time_max_s: i64,
}

/// Limits of worker processes and their jobs.
#[derive(Debug, Clone)]
pub(crate) struct WorkerSettings {
    /// Processes.
    pub(crate) count: usize,
    /// Memory of one, bytes; `None` = no limit.
    pub(crate) memory_max: Option<u64>,
    /// Tries per job.
    pub(crate) tries_max: u32,
    /// Length of a lease.
    pub(crate) lease: Duration,
    /// Longest try.
    pub(crate) job_time_max: Duration,
}

impl WorkerSettings {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, ConfigError> {
        let count = within("worker.count", raw.count, 1, 256)?;
        let tries = within("worker.tries_max", raw.tries_max, 1, 100)?;
        let memory_gb = within("worker.memory_max_gb", raw.memory_max_gb, 0.0, 10_000.0)?;
        let whole = |key: &str, value: i64| {
            let value =
                u32::try_from(value).map_err(|_| ConfigError::invalid(key, "must be a number of seconds"))?;
            seconds(key, f64::from(value), 3.0, 604_800.0)
        };
        Ok(Self {
            count: usize::try_from(count).unwrap_or(1),
            memory_max: (memory_gb > 0.0).then(|| gigabytes(memory_gb)),
            tries_max: u32::try_from(tries).unwrap_or(1),
            lease: whole("worker.lease_s", raw.lease_s)?,
            job_time_max: whole("worker.job_time_max_s", raw.job_time_max_s)?,
        })
    }
}

/// Bytes of a checked, non-negative number of gigabytes (10^9).
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn gigabytes(value: f64) -> u64 {
    (value * 1e9).round() as u64
}

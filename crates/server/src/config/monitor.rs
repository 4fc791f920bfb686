//! `[monitor]`: has the site drifted from its reference?

use super::{ConfigError, within};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// `[monitor]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    reference_file: String,
    series: i64,
    every_s: f64,
}

/// What is compared, and how often.
#[derive(Debug, Clone)]
pub(crate) struct MonitorSettings {
    /// Reference; `None` = the server does not watch.
    pub(crate) reference_file: Option<PathBuf>,
    /// Latest results that are compared.
    pub(crate) series: u32,
    /// Between two looks of the server.
    pub(crate) every: Duration,
}

impl MonitorSettings {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, ConfigError> {
        let series = within("monitor.series", raw.series, 30, 100_000)?;
        Ok(Self {
            reference_file: (!raw.reference_file.is_empty()).then(|| PathBuf::from(&raw.reference_file)),
            series: u32::try_from(series).unwrap_or(300),
            every: super::seconds("monitor.every_s", raw.every_s, 1.0, 604_800.0)?,
        })
    }
}

//! `[completion]` and `[analysis]`: when a series is judged complete, and what is reported of it.

use super::{ConfigError, seconds, within};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// `[completion]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCompletion {
    quiet_s: f64,
    quiet_long_s: f64,
}

/// Quiet times.
#[derive(Debug, Clone)]
pub(crate) struct CompletionSettings {
    /// After the last image, when nothing is missing and the association was released.
    pub(crate) quiet: Duration,
    /// Otherwise.
    pub(crate) quiet_long: Duration,
}

impl CompletionSettings {
    pub(super) fn from_raw(raw: &RawCompletion) -> Result<Self, ConfigError> {
        let quiet = seconds("completion.quiet_s", raw.quiet_s, 0.0, 3_600.0)?;
        let quiet_long = seconds("completion.quiet_long_s", raw.quiet_long_s, 0.0, 86_400.0)?;
        if quiet_long < quiet {
            return Err(ConfigError::invalid(
                "completion.quiet_long_s",
                "must not be shorter than completion.quiet_s",
            ));
        }
        Ok(Self { quiet, quiet_long })
    }
}

/// `[analysis]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    operating_point: String,
    calibration_file: String,
    findings_max: i64,
}

/// What is reported.
#[derive(Debug, Clone)]
pub(crate) struct AnalysisSettings {
    /// Name of an operating point of the pack, or `default`.
    pub(crate) operating_point: String,
    /// The site's own threshold; goes before the pack's.
    pub(crate) calibration_file: Option<PathBuf>,
    /// Findings per series at most.
    pub(crate) findings_max: usize,
}

impl AnalysisSettings {
    pub(super) fn from_raw(raw: Raw) -> Result<Self, ConfigError> {
        let count = within("analysis.findings_max", raw.findings_max, 1, 1_000)?;
        if raw.operating_point.trim().is_empty() {
            return Err(ConfigError::invalid("analysis.operating_point", "is empty; write \"default\""));
        }
        let calibration_file =
            (!raw.calibration_file.is_empty()).then(|| PathBuf::from(raw.calibration_file));
        if calibration_file.is_some() && raw.operating_point != "default" {
            let cause = "goes before analysis.operating_point; leave that at \"default\"";
            return Err(ConfigError::invalid("analysis.calibration_file", cause));
        }
        let findings_max = usize::try_from(count).unwrap_or(1);
        Ok(Self { operating_point: raw.operating_point, calibration_file, findings_max })
    }
}

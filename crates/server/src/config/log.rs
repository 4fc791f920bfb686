//! `[log]`: what is written to standard error.

use super::ConfigError;
use serde::Deserialize;

/// `[log]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    format: String,
    level: String,
}

/// Shape of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Log output.
#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    /// Shape.
    pub(crate) format: LogFormat,
    /// Filter of `tracing-subscriber`, checked.
    pub(crate) level: String,
}

impl LogSettings {
    pub(super) fn from_raw(raw: Raw) -> Result<Self, ConfigError> {
        let format = match raw.format.as_str() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            other => {
                let cause = format!("{other:?} is not known; use text or json");
                return Err(ConfigError::invalid("log.format", cause));
            }
        };
        // A plain word that is no level would silently become the name of a module and log nothing.
        let levels = ["error", "warn", "info", "debug", "trace", "off"];
        let plain = !raw.level.contains(['=', ',']);
        let filter = tracing_subscriber::EnvFilter::builder().parse(&raw.level);
        if (plain && !levels.contains(&raw.level.as_str())) || filter.is_err() {
            let cause =
                format!("{:?} is not a level or filter; use error, warn, info, debug or trace", raw.level);
            return Err(ConfigError::invalid("log.level", cause));
        }
        Ok(Self { format, level: raw.level })
    }
}

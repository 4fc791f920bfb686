//! `[report]`: the objects that are written.

use super::ConfigError;
use serde::Deserialize;

/// `[report]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    preliminary: bool,
    sr_class: String,
    send_skipped_report: bool,
    seg_enabled: bool,
    language: String,
}

/// Language of pages for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// `en`
    English,
    /// `zh`
    Chinese,
}

/// SOP class of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SrClass {
    /// Comprehensive 3D SR (1.2.840.10008.5.1.4.1.1.88.34).
    Comprehensive3d,
    /// Comprehensive SR (1.2.840.10008.5.1.4.1.1.88.33).
    Comprehensive,
    /// Enhanced SR (1.2.840.10008.5.1.4.1.1.88.22).
    Enhanced,
}

/// What is written.
#[derive(Debug, Clone)]
pub(crate) struct ReportSettings {
    /// PreliminaryFlag.
    pub(crate) preliminary: bool,
    /// SR class.
    pub(crate) sr_class: SrClass,
    /// Whether a skipped series gets an SR.
    pub(crate) send_skipped_report: bool,
    /// Whether SEG objects are written.
    pub(crate) seg_enabled: bool,
    /// Language of pages.
    pub(crate) language: Language,
}

impl ReportSettings {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, ConfigError> {
        let sr_class = match raw.sr_class.as_str() {
            "comprehensive_3d" => SrClass::Comprehensive3d,
            "comprehensive" => SrClass::Comprehensive,
            "enhanced" => SrClass::Enhanced,
            other => {
                let cause =
                    format!("{other:?} is not known; use comprehensive_3d, comprehensive or enhanced");
                return Err(ConfigError::invalid("report.sr_class", cause));
            }
        };
        let language = match raw.language.as_str() {
            "en" => Language::English,
            "zh" => Language::Chinese,
            other => {
                let cause = format!("{other:?} is not known; use en or zh");
                return Err(ConfigError::invalid("report.language", cause));
            }
        };
        Ok(Self {
            language,
            preliminary: raw.preliminary,
            sr_class,
            send_skipped_report: raw.send_skipped_report,
            seg_enabled: raw.seg_enabled,
        })
    }
}

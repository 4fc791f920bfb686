//! The key of a result beside its input: pack and settings of the analysis, and what its findings are shown with.

/// What separates the parts of a `config_digest`.
const TRIAGE: &str = " triage ";
const CLINICAL: &str = " clinical ";

/// Versions of what a result's findings are shown with; 0 where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShownWith {
    /// Of the study's clinical data.
    pub clinical: i64,
    /// Of the site's triage calibration.
    pub triage: i64,
}

/// `config_digest` of a result: the analysis's own digest (`analysis`, or any made of it) with these versions.
#[must_use]
pub fn config_digest_with(analysis: &str, shown: ShownWith) -> String {
    let own = analysis.split(CLINICAL).next().unwrap_or_default();
    let own = own.split(TRIAGE).next().unwrap_or_default();
    let part = |name: &str, version: i64| {
        if version == 0 { String::new() } else { format!("{name}{version}") }
    };
    format!("{own}{}{}", part(TRIAGE, shown.triage), part(CLINICAL, shown.clinical))
}

/// The versions in a `config_digest`.
#[must_use]
pub fn shown_with(config_digest: &str) -> ShownWith {
    let (rest, clinical) = match config_digest.split_once(CLINICAL) {
        Some((rest, version)) => (rest, version.parse().unwrap_or(0)),
        None => (config_digest, 0),
    };
    let triage = rest.split_once(TRIAGE).and_then(|(_, version)| version.parse().ok()).unwrap_or(0);
    ShownWith { clinical, triage }
}

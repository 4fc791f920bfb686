//! Configuration: raw layers -> checked settings, one concern per file.
//!
//! `config/lungcad.toml` is embedded and is the manual; a site file and the environment lie over it.
//! What comes out of [`load`] is valid: addresses parsed, titles checked, secrets wrapped.

mod analysis;
mod assembly;
mod clinical;
mod destinations;
mod dicom;
mod error;
mod http;
mod layers;
mod log;
mod models;
mod monitor;
mod report;
mod secret;
mod storage;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use analysis::{AnalysisSettings, CompletionSettings};
pub(crate) use assembly::AssemblySettings;
pub(crate) use clinical::{BrockSize, ClinicalSettings, HerderForm};
pub(crate) use destinations::{DestinationSettings, ObjectKind};
pub(crate) use dicom::DicomSettings;
pub(crate) use error::ConfigError;
pub(crate) use http::HttpSettings;
pub(crate) use layers::DEFAULTS;
pub(crate) use log::{LogFormat, LogSettings};
pub(crate) use models::{ModelSettings, Provider};
pub(crate) use monitor::MonitorSettings;
pub(crate) use report::{Language, ReportSettings, SrClass};
pub(crate) use secret::Secret;
pub(crate) use storage::{Database, StorageSettings};
pub(crate) use worker::WorkerSettings;

use config::{Value, ValueKind};
use layers::Table;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Everything that a site can set, checked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Receiver.
    pub(crate) dicom: DicomSettings,
    /// Files and database.
    pub(crate) storage: StorageSettings,
    /// REST and pages.
    pub(crate) http: HttpSettings,
    /// When a series is complete.
    pub(crate) completion: CompletionSettings,
    /// Which series are analysed.
    pub(crate) assembly: AssemblySettings,
    /// Networks.
    pub(crate) models: ModelSettings,
    /// Findings.
    pub(crate) analysis: AnalysisSettings,
    /// Risks and categories.
    pub(crate) clinical: ClinicalSettings,
    /// Drift.
    pub(crate) monitor: MonitorSettings,
    /// Worker processes.
    pub(crate) worker: WorkerSettings,
    /// Objects.
    pub(crate) report: ReportSettings,
    /// Where objects go.
    pub(crate) destinations: Vec<DestinationSettings>,
    /// Log output.
    pub(crate) log: LogSettings,
    /// Site file in use, if any.
    pub(crate) site_file: Option<PathBuf>,
    /// What is allowed but unwise; logged at start and shown by `check`.
    pub(crate) warnings: Vec<String>,
}

/// The tree as it stands in the files, before any value is judged.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    dicom: dicom::Raw,
    storage: storage::Raw,
    http: http::Raw,
    completion: analysis::RawCompletion,
    assembly: assembly::Raw,
    models: models::Raw,
    analysis: analysis::Raw,
    clinical: clinical::Raw,
    monitor: monitor::Raw,
    worker: worker::Raw,
    report: report::Raw,
    #[serde(default)]
    destinations: Vec<destinations::Raw>,
    log: log::Raw,
}

/// Reads all layers of this process: `given` is the path of `--config`.
///
/// # Errors
/// [`ConfigError`] with file or variable, key and remedy.
pub(crate) fn load(given: Option<&Path>) -> Result<Settings, ConfigError> {
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .filter(|(k, _)| k.starts_with("LUNGCAD_"))
        .collect();
    let site = site_file(given, &variables);
    load_from(site.as_deref(), &variables)
}

/// Variables under our prefix that are not configuration keys: they belong to other parts of the program.
const OTHER_VARIABLES: [&str; 4] =
    ["LUNGCAD_CONFIG", "LUNGCAD_ORT", "LUNGCAD_TEST_DATA", "LUNGCAD_UPDATE_SNAPSHOTS"];

/// Variables of the fault points (`archive::faults`); a build without them refuses these as unknown.
const FAULT_VARIABLES: &[&str] =
    if cfg!(feature = "faults") { &["LUNGCAD_FAULT", "LUNGCAD_FAULT_ONCE"] } else { &[] };

/// Prefix of variables that one process of ours hands to a child of its own.
const INTERNAL_PREFIX: &str = "LUNGCAD_INTERNAL_";

fn site_file(given: Option<&Path>, variables: &[(String, String)]) -> Option<PathBuf> {
    if let Some(path) = given {
        return Some(path.to_owned());
    }
    if let Some((_, path)) = variables.iter().find(|(k, v)| k == "LUNGCAD_CONFIG" && !v.is_empty()) {
        return Some(PathBuf::from(path));
    }
    ["lungcad.toml", "/etc/lungcad/lungcad.toml"].map(PathBuf::from).into_iter().find(|p| p.is_file())
}

/// The same from named layers, so that tests do not depend on the process.
pub(crate) fn load_from(
    site: Option<&Path>,
    variables: &[(String, String)],
) -> Result<Settings, ConfigError> {
    let defaults = layers::parse(DEFAULTS, "built-in defaults")?;
    let mut tree = defaults.clone();
    if let Some(path) = site {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError::Unreadable { path: origin.clone(), cause: e.to_string() })?;
        layers::merge(&mut tree, layers::checked(layers::parse(&text, &origin)?, &defaults, &origin, "")?);
    }
    for (name, value) in variables {
        let others = [&OTHER_VARIABLES[..], FAULT_VARIABLES].concat();
        if others.contains(&name.as_str()) || name.starts_with(INTERNAL_PREFIX) {
            continue;
        }
        if let Some(table) = layers::of_variable(name, value) {
            let origin = format!("environment variable {name}");
            layers::merge(&mut tree, layers::checked(table, &defaults, &origin, "")?);
        }
    }
    Settings::from_raw(deserialize(tree)?, site)
}

fn deserialize<T: DeserializeOwned>(tree: Table) -> Result<T, ConfigError> {
    Value::new(None, ValueKind::Table(tree)).try_deserialize().map_err(|e| match e {
        config::ConfigError::At { key, error, .. } => {
            ConfigError::invalid(key.unwrap_or_default(), error.to_string())
        }
        config::ConfigError::Type { key, unexpected, expected, .. } => ConfigError::WrongType {
            origin: "configuration".to_owned(),
            key: key.unwrap_or_default(),
            expected: expected.to_owned(),
            found: unexpected.to_string(),
        },
        other => ConfigError::invalid("configuration", other.to_string()),
    })
}

impl Settings {
    fn from_raw(raw: RawSettings, site: Option<&Path>) -> Result<Self, ConfigError> {
        let dicom = DicomSettings::from_raw(&raw.dicom)?;
        let mut warnings = Vec::new();
        let destinations = destinations::checked(raw.destinations, &dicom.ae_title)?;
        let settings = Self {
            destinations,
            storage: StorageSettings::from_raw(raw.storage)?,
            http: HttpSettings::from_raw(&raw.http, &mut warnings)?,
            completion: CompletionSettings::from_raw(&raw.completion)?,
            assembly: AssemblySettings::from_raw(&raw.assembly)?,
            models: ModelSettings::from_raw(raw.models)?,
            analysis: AnalysisSettings::from_raw(raw.analysis)?,
            clinical: ClinicalSettings::from_raw(raw.clinical)?,
            monitor: MonitorSettings::from_raw(&raw.monitor)?,
            worker: WorkerSettings::from_raw(&raw.worker)?,
            report: ReportSettings::from_raw(&raw.report)?,
            log: LogSettings::from_raw(raw.log)?,
            dicom,
            site_file: site.map(Path::to_owned),
            warnings,
        };
        Ok(settings)
    }
}

/// First line of the file of a `*_file` key, without blanks around it.
fn first_line(key: &str, path: &str) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| ConfigError::invalid(key, format!("cannot read {path}: {e}")))?;
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    if line.is_empty() {
        return Err(ConfigError::invalid(key, format!("the first line of {path} is empty")));
    }
    Ok(line)
}

/// `value` when it lies between `low` and `high`.
fn within<T: PartialOrd + Copy + std::fmt::Display>(
    key: &str,
    value: T,
    low: T,
    high: T,
) -> Result<T, ConfigError> {
    if value >= low && value <= high {
        return Ok(value);
    }
    Err(ConfigError::invalid(key, format!("must lie between {low} and {high}, found {value}")))
}

/// Seconds as a duration; checked with [`within`] before.
fn seconds(key: &str, value: f64, low: f64, high: f64) -> Result<std::time::Duration, ConfigError> {
    let value = within(key, value, low, high)?;
    std::time::Duration::try_from_secs_f64(value).map_err(|e| ConfigError::invalid(key, e.to_string()))
}

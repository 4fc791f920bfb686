//! `lungcad analyze`: files in, findings out, without server or database.

use super::{CliError, ConfigArgument, quiet_telemetry};
use crate::wiring;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `analyze`.
#[derive(Debug, Args)]
pub(crate) struct AnalyzeArguments {
    /// Folders (searched to the bottom), DICOM files or ZIP files
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Folder for findings.json, findings.csv, SR, SEG, pictures and overview; made when absent
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
    /// Threads [default: models.threads, else all cores]; findings do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
}

/// Analyses every CT series found.
pub(crate) fn run(arguments: &AnalyzeArguments) -> Result<(), CliError> {
    let settings = arguments.config.load()?;
    let _telemetry = quiet_telemetry(&settings)?;
    wiring::analyze(&settings, arguments)
}

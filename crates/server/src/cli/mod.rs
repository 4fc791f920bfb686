//! Command line: one subcommand per file.
//!
//! Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 nothing was analysed although the
//! command ran (no CT series, or every series was skipped). A failure is one line and a hint.

pub(crate) mod analyze;
pub(crate) mod calibrate;
pub(crate) mod check;
pub(crate) mod clinical;
pub(crate) mod clinical_import;
pub(crate) mod evaluate;
pub(crate) mod findings;
pub(crate) mod migrate;
pub(crate) mod models;
pub(crate) mod monitor;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod simulate;
pub(crate) mod simulate_workload;
pub(crate) mod worker;

use crate::config::{self, ConfigError, Settings};
use crate::telemetry::Telemetry;
use clap::{Args, Parser, Subcommand};
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a command ends without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something went wrong.
    Failed = 1,
    /// The command or the configuration is wrong.
    Usage = 2,
    /// It ran, and there was nothing to analyse.
    NothingAnalyzed = 3,
}

/// A failure for a person at a terminal and a script that called.
#[derive(Debug)]
pub(crate) struct CliError {
    /// Exit code.
    pub(crate) exit: Exit,
    /// What failed, with object and cause; lower case, one line.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

impl CliError {
    /// Something went wrong.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), hint: None }
    }

    /// The command or the configuration is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hint: None }
    }

    /// It ran, and there was nothing to analyse.
    pub(crate) fn nothing_analyzed(message: impl Into<String>) -> Self {
        Self { exit: Exit::NothingAnalyzed, message: message.into(), hint: None }
    }

    /// The same with a way out.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string())
            .with_hint("`lungcad check --defaults` prints every key with its meaning")
    }
}

/// Finds lung nodules in CT: DICOM in, DICOM SR and SEG out. For research; not a diagnosis.
#[derive(Debug, Parser)]
#[command(name = "lungcad", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 nothing analysed.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive, analyse, deliver and show: the server
    Serve(serve::ServeArguments),
    /// Analyse files on disk, without server or database
    Analyze(analyze::AnalyzeArguments),
    /// Write a simulated chest CT with known nodules
    Simulate(simulate::SimulateArguments),
    /// What reading by exam score would have cost and found, on your own read exams
    SimulateWorkload(simulate_workload::SimulateWorkloadArguments),
    /// Send DICOM files to a receiver (C-STORE)
    Send(send::SendArguments),
    /// Check configuration, stores, networks and destinations
    Check(check::CheckArguments),
    /// Bring the database to the version of this binary
    Migrate(migrate::MigrateArguments),
    /// Measure marks, outlines and classes against truth: FROC by the rules of LUNA16, Dice, AUC
    Evaluate(Box<evaluate::EvaluateArguments>),
    /// Set a site's own operating point from its own scans
    Calibrate(Box<calibrate::CalibrateArguments>),
    /// Compare what comes in and out with a reference: has the site drifted?
    Monitor(monitor::MonitorArguments),
    /// List or verify model packs
    Models(models::ModelsArguments),
    /// Ask risk models, guidelines, measures and eligibility rules: one JSON a line
    Clinical(clinical::ClinicalArguments),
    /// State clinical data of many patients on a running server, from a table
    ClinicalImport(clinical_import::ClinicalImportArguments),
    /// Findings of a series on a running server, as a table
    Findings(findings::FindingsArguments),
    /// Child of `serve`: decodes and runs networks
    #[command(hide = true)]
    Worker(worker::WorkerArguments),
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgument {
    /// Site file [default: LUNGCAD_CONFIG, ./lungcad.toml, /etc/lungcad/lungcad.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl ConfigArgument {
    /// Loads every layer.
    pub(crate) fn load(&self) -> Result<Settings, CliError> {
        Ok(config::load(self.config.as_deref())?)
    }
}

/// Parses the command line and runs the command.
pub(crate) fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Analyze(arguments) => analyze::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::SimulateWorkload(arguments) => simulate_workload::run(&arguments),
        Command::Send(arguments) => send::run(arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Monitor(arguments) => monitor::run(&arguments),
        Command::Models(arguments) => models::run(&arguments),
        Command::Clinical(arguments) => clinical::run(&arguments),
        Command::ClinicalImport(arguments) => clinical_import::run(&arguments),
        Command::Findings(arguments) => findings::run(&arguments),
        Command::Worker(arguments) => worker::run(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit as u8)
        }
    }
}

#[allow(clippy::print_stderr)] // the one place where a command's failure is told
fn complain(error: &CliError) {
    eprintln!("lungcad: {}", error.message);
    if let Some(hint) = &error.hint {
        eprintln!("   hint: {hint}");
    }
}

/// A line for people on standard output.
#[allow(clippy::print_stdout)] // the one place where commands speak
pub(crate) fn say(line: impl std::fmt::Display) {
    println!("{line}");
}

/// Log of a command that speaks for itself: only warnings, unless the site asks for more.
pub(crate) fn quiet_telemetry(settings: &Settings) -> Result<Telemetry, CliError> {
    let mut log = settings.log.clone();
    if log.level == "info" {
        log.level = "warn".to_owned();
    }
    Telemetry::start(&log).map_err(CliError::failed)
}

/// Runs `work` on a runtime with all cores.
pub(crate) fn block_on<F: Future>(work: F) -> Result<F::Output, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::failed(format!("starting threads: {e}")))?;
    let output = runtime.block_on(work);
    // Blocking tasks of libraries must not hold a finished command.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    Ok(output)
}

/// A table without frame, for terminals and pipes alike.
pub(crate) fn table(header: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header.iter().copied());
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usage_of_every_command_parses() {
        for line in [
            "lungcad serve --config a.toml --roles receive,web",
            "lungcad analyze a b --out d --threads 2",
            "lungcad simulate --out d",
            "lungcad send folder 127.0.0.1:11112 --called A --calling B --associations 4",
            "lungcad check",
            "lungcad clinical requests.jsonl --explain",
            "lungcad clinical --list --json",
            "lungcad clinical-import table.csv --dry-run",
            "lungcad simulate-workload exams.csv",
            "lungcad analyze a --out d --clinical c.json",
            "lungcad evaluate --annotations a --excluded b --scans c --submission d --out e --json",
            "lungcad evaluate --truth a --truth b --search whole --rim-mm 4 scans",
            "lungcad evaluate --truth a --findings out",
            "lungcad evaluate --truth a --archive",
            "lungcad monitor --write-reference a",
            "lungcad monitor --reference a --json",
            "lungcad calibrate --fp-per-scan 1 --truth a --archive --out b",
            "lungcad calibrate --triage",
            "lungcad calibrate --triage --exams 5000",
            "lungcad calibrate --triage --scores a",
            "lungcad migrate",
            "lungcad models list",
            "lungcad models verify baseline-log",
        ] {
            Cli::try_parse_from(line.split(' ')).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        assert!(Cli::try_parse_from(["lungcad", "serve", "--roles", "cook"]).is_err());
        for wrong in [
            "lungcad calibrate --truth a --archive --out b",
            "lungcad calibrate --fp-per-scan 1 --truth a --archive",
            "lungcad calibrate --triage --exams 499",
            "lungcad calibrate --triage --fp-per-scan 1 --out b",
            "lungcad calibrate --fp-per-scan 1 --scores a --out b",
        ] {
            assert!(Cli::try_parse_from(wrong.split(' ')).is_err(), "{wrong}");
        }
        for twice in ["--annotations b --submission c", "--submission c scans", "--findings c scans"] {
            let line = format!("lungcad evaluate --truth a {twice}");
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}

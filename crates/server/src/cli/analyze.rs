//! `lungcad analyze`: files in, findings out, without server or database.

use super::send::progress_bar;
use super::{CliError, ConfigArgument, findings, quiet_telemetry, say};
use crate::wiring;
use clap::Args;
use domain::SeriesState;
use indicatif::ProgressBar;
use pipeline::analyze::Step;
use pipeline::batch::{BatchEvent, BatchOutcome};
use pipeline::truth::{Mark, TruthDocument};
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
    /// What is known of the patient, as PUT /api/v1/studies/{uid}/clinical takes it (JSON object)
    #[arg(long, value_name = "FILE")]
    pub(crate) clinical: Option<PathBuf>,
    /// Readers' truth (format lungcad-truth/1) to compare with [default: truth.json in the first PATH]
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: Option<PathBuf>,
}

/// Analyses every CT series found.
pub(crate) fn run(arguments: &AnalyzeArguments) -> Result<(), CliError> {
    let settings = arguments.config.load()?;
    let _telemetry = quiet_telemetry(&settings)?;
    let truth = truth(arguments)?;
    let bar = progress_bar("");
    let outcome = wiring::analyze(&settings, arguments, &|event| show(&bar, event));
    bar.finish_and_clear();
    let outcome = outcome?;
    tell(&outcome, truth.as_ref());
    say(format_args!("written to {}: open overview.html there", arguments.out.display()));
    verdict(&outcome)
}

/// An event on a progress bar.
pub(super) fn show(bar: &ProgressBar, event: BatchEvent) {
    let (done, total, words) = match event {
        BatchEvent::Reading { done, total } => (done, total, "reading files".to_owned()),
        BatchEvent::Series { number, total, name } => {
            bar.set_prefix(format!("series {number} of {total}: {name}"));
            return;
        }
        BatchEvent::Step { step, done, total } => {
            let words = match step {
                Step::Assemble => "decoding slices",
                Step::Lungs => "finding the lungs",
                Step::Detect => "looking for nodules",
                Step::Measure => "outlining and measuring",
            };
            (done, total, words.to_owned())
        }
    };
    bar.set_length(total as u64);
    bar.set_position(done as u64);
    bar.set_message(words);
}

/// The truth named, or the one beside the scan.
fn truth(arguments: &AnalyzeArguments) -> Result<Option<TruthDocument>, CliError> {
    let beside = arguments.paths.first().map(|p| p.join("truth.json")).filter(|p| p.is_file());
    let Some(path) = arguments.truth.clone().or(beside) else { return Ok(None) };
    let read = std::fs::read(&path).map_err(|e| e.to_string()).and_then(|bytes| TruthDocument::parse(&bytes));
    read.map(Some).map_err(|e| CliError::usage(format!("reading truth {}: {e}", path.display())))
}

fn tell(outcome: &BatchOutcome, truth: Option<&TruthDocument>) {
    for series in &outcome.document.series {
        findings::tell_series(series);
        let result =
            outcome.results.iter().find(|r| r.series_instance_uid.as_str() == series.series_instance_uid);
        let (Some(result), Some(truth)) = (result, truth.and_then(|t| t.series(&series.series_instance_uid)))
        else {
            continue;
        };
        let marks: Vec<Mark> = result
            .findings
            .iter()
            .map(|f| Mark { number: f.number, score: f.score, center: f.center, mask: f.mask.clone() })
            .collect();
        findings::tell_comparison(&truth.compare(&marks));
    }
    if outcome.not_dicom_count > 0 {
        say(format_args!("{} files are not DICOM and were left out", outcome.not_dicom_count));
    }
}

/// 0 when at least one series was analysed and none failed.
fn verdict(outcome: &BatchOutcome) -> Result<(), CliError> {
    let count = |state| outcome.document.series.iter().filter(|s| s.state == state).count();
    if count(SeriesState::Failed) > 0 {
        return Err(CliError::failed(format!(
            "{} series failed; see the reasons above",
            count(SeriesState::Failed)
        )));
    }
    if count(SeriesState::Done) == 0 {
        return Err(CliError::nothing_analyzed("no series was analysed; see the reasons above"));
    }
    Ok(())
}

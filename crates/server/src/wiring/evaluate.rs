//! `evaluate` and `calibrate`: the pack on scans with truth.

use super::convert;
use crate::cli::CliError;
use crate::cli::evaluate::{MarkArguments, SearchArgument, wrong};
use crate::config::Settings;
use domain::{PackDocument, SeriesDocument, SeriesInstanceUid};
use pipeline::Networks;
use pipeline::analyze::{AnalysisSettings, Search};
use pipeline::batch::BatchEvent;
use pipeline::evaluate::run::{RunSettings, run};
use pipeline::evaluate::{MarksByScan, TruthScan};
use pipeline::worker::thread_pool;

/// Marks of one scan that count in LUNA16; more would be cut.
const MARKS_COUNT_MAX: usize = 100;

/// What a run gave.
pub(crate) struct RunOnTruth {
    /// Marks of each scan that has truth.
    pub(crate) marks: MarksByScan,
    /// Networks.
    pub(crate) pack: PackDocument,
    /// Their operating points, by name.
    pub(crate) operating_points: Vec<(String, f64)>,
}

/// Runs the configured pack over scans with truth, every candidate kept.
pub(crate) fn run_on_truth(
    settings: &Settings,
    arguments: &MarkArguments,
    truth: &mut [TruthScan],
    events: &(dyn Fn(BatchEvent) + Sync),
) -> Result<RunOnTruth, CliError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let threads = arguments.threads.map(usize::from).or(settings.models.threads).unwrap_or(cores);
    // A threshold for an earlier pack must not be in the way of measuring the next one.
    let mut options = convert::networks(settings, threads);
    let calibration = options.calibration.take();
    let mut networks = Networks::load(&options).map_err(|e| {
        CliError::failed(e.to_string()).with_hint("`lungcad check` says what is missing and how to get it")
    })?;
    let run_settings = RunSettings {
        read: convert::read_options(settings),
        assembly: convert::assembly(settings),
        analysis: AnalysisSettings {
            findings_count_max: MARKS_COUNT_MAX,
            threshold: Some(0.0),
            search: match arguments.search {
                SearchArgument::Lungs => Search::Lungs,
                SearchArgument::Whole => Search::Whole,
            },
        },
        rim_mm: arguments.rim_mm,
    };
    let pool = thread_pool(threads).map_err(CliError::failed)?;
    let marks = pool
        .install(|| run(&arguments.paths, truth, &mut networks, &run_settings, events))
        .map_err(|e| wrong(&e))?;
    let identity = networks.identity();
    let pack = PackDocument {
        name: identity.name,
        version: identity.version,
        sha256: identity.sha256,
        threshold: identity.threshold,
        runtime: identity.runtime,
    };
    let mut operating_points = networks.operating_points();
    if let Some(path) = calibration {
        match networks.calibrated(&path) {
            Ok(threshold) => operating_points.push(("site".to_owned(), threshold)),
            Err(error) => tracing::warn!(%error, "the site's own threshold is left out"),
        }
    }
    Ok(RunOnTruth { marks, pack, operating_points })
}

/// Documents of the current results of these series, as far as there are any.
pub(crate) async fn stored_documents(
    settings: &Settings,
    names: &[String],
) -> Result<Vec<SeriesDocument>, CliError> {
    let archive = super::open_archive_as(settings, "evaluate".to_owned()).await?;
    let mut documents = Vec::new();
    for name in names {
        let Ok(series) = name.parse::<SeriesInstanceUid>() else { continue };
        let found = archive.current_result(&series).await.map_err(|e| CliError::failed(e.to_string()))?;
        let Some(result) = found else { continue };
        let document = serde_json::from_str(&result.document_json)
            .map_err(|e| CliError::failed(format!("series {series}: its stored findings: {e}")))?;
        documents.push(document);
    }
    Ok(documents)
}

//! `analyze` and `send`: files on disk.

use super::convert;
use crate::cli::CliError;
use crate::cli::analyze::AnalyzeArguments;
use crate::cli::send::{SendProgress, SendRequest, SendSummary};
use crate::config::Settings;
use dimse::PeerSettings;
use pipeline::Networks;
use pipeline::assess::{SiteData, changed};
use pipeline::batch::{BatchError, BatchEvent, BatchOutcome, BatchSettings, run};
use pipeline::worker::thread_pool;

/// Analyses files; `events` is called from any thread.
pub(crate) fn analyze(
    settings: &Settings,
    arguments: &AnalyzeArguments,
    events: &(dyn Fn(BatchEvent) + Sync),
) -> Result<BatchOutcome, CliError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let threads = arguments.threads.map(usize::from).or(settings.models.threads).unwrap_or(cores);
    let mut networks = Networks::load(&convert::networks(settings, threads)).map_err(|e| {
        CliError::failed(e.to_string()).with_hint("`lungcad check` says what is missing and how to get it")
    })?;
    let batch = BatchSettings {
        read: convert::read_options(settings),
        assembly: convert::assembly(settings),
        analysis: convert::analysis(settings),
        assess: convert::assess(settings),
        site: site_data(arguments)?,
        language: convert::language(settings),
        report: convert::report(settings, "lungcad analyze"),
        lungcad_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let pool = thread_pool(threads).map_err(CliError::failed)?;
    pool.install(|| run(&arguments.paths, &arguments.out, &mut networks, &batch, events)).map_err(|error| {
        let words = error.to_string();
        match error {
            BatchError::NothingFound { .. } => CliError::nothing_analyzed(words),
            BatchError::Discover(_) => CliError::usage(words),
            BatchError::Write { .. } => CliError::failed(words),
        }
    })
}

/// What the caller states of the patient, checked.
fn site_data(arguments: &AnalyzeArguments) -> Result<SiteData, CliError> {
    let Some(path) = &arguments.clinical else {
        return Ok(SiteData { version: 0, json: String::new() });
    };
    let wrong = |cause: String| CliError::usage(format!("reading clinical data {}: {cause}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let patch = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    let data = changed(None, &patch).map_err(wrong)?;
    Ok(SiteData { version: 1, json: data.to_string() })
}

/// Sends files; `progress` is called from any thread after each answer.
pub(crate) async fn send<P>(request: SendRequest, progress: P) -> Result<SendSummary, CliError>
where
    P: Fn(SendProgress) + Send + Sync + 'static,
{
    let mut peer = PeerSettings::new(request.address, request.calling.as_str(), request.called.as_str())
        .map_err(|e| CliError::usage(e.to_string()))?;
    peer.connect_timeout = request.timeout;
    peer.response_timeout = request.timeout;
    peer.operations_window = request.operations;
    peer.implementation = convert::implementation();
    let told = move |total, answered| progress(SendProgress { total, answered });
    let sent = pipeline::send::send(vec![request.path], peer, request.associations, told)
        .await
        .map_err(|e| CliError::failed(e.to_string()))?;
    Ok(SendSummary {
        sent: sent.sent_count,
        bytes: sent.sent_size,
        failed: sent.failed,
        not_dicom: sent.not_dicom_count,
    })
}

//! `lungcad send`: DICOM files to a receiver.

use super::{CliError, block_on, say};
use crate::wiring;
use clap::Args;
use domain::AeTitle;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Arguments of `send`.
#[derive(Debug, Args)]
pub(crate) struct SendArguments {
    /// Folder (searched to the bottom) or DICOM file
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
    /// Receiver
    #[arg(value_name = "HOST:PORT")]
    pub(crate) address: String,
    /// Application entity title of the receiver
    #[arg(long, value_name = "AE", default_value = "LUNGCAD", value_parser = title)]
    pub(crate) called: AeTitle,
    /// Application entity title that we call ourselves
    #[arg(long, value_name = "AE", default_value = "LUNGCAD_SCU", value_parser = title)]
    pub(crate) calling: AeTitle,
    /// Associations at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) associations: u16,
    /// Objects under way at once on each association, where the receiver grants it; 1 asks for nothing
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) operations: u16,
    /// Seconds to wait for the receiver
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

fn title(text: &str) -> Result<AeTitle, String> {
    AeTitle::new(text).map_err(|e| e.to_string())
}

/// What `wiring::send` is asked to do.
#[derive(Debug, Clone)]
pub(crate) struct SendRequest {
    /// File or folder.
    pub(crate) path: PathBuf,
    /// `host:port`.
    pub(crate) address: String,
    /// Receiver's title.
    pub(crate) called: AeTitle,
    /// Our title.
    pub(crate) calling: AeTitle,
    /// Associations at once, at least 1.
    pub(crate) associations: usize,
    /// Objects under way at once on each, at least 1.
    pub(crate) operations: u16,
    /// For connection and for each answer.
    pub(crate) timeout: Duration,
}

/// One step of a running send; `total` grows while the folder is searched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendProgress {
    /// Objects found so far.
    pub(crate) total: u64,
    /// Objects answered so far, with success or not.
    pub(crate) answered: u64,
}

/// What became of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SendSummary {
    /// Objects acknowledged with success or warning.
    pub(crate) sent: u64,
    /// Bytes of them.
    pub(crate) bytes: u64,
    /// Objects not acknowledged, each with its reason.
    pub(crate) failed: Vec<(String, String)>,
    /// Files that are not DICOM.
    pub(crate) not_dicom: u64,
}

/// Failures listed one by one; the rest is only counted.
const FAILURES_SHOWN: usize = 10;

/// Sends and says how it went.
pub(crate) fn run(arguments: SendArguments) -> Result<(), CliError> {
    if !arguments.path.exists() {
        return Err(CliError::usage(format!("{} does not exist", arguments.path.display())));
    }
    let (address, called) = (arguments.address.clone(), arguments.called.clone());
    let request = SendRequest {
        path: arguments.path,
        address: arguments.address,
        called: arguments.called,
        calling: arguments.calling,
        associations: usize::from(arguments.associations),
        operations: arguments.operations,
        timeout: Duration::from_secs(arguments.timeout),
    };
    let bar = progress_bar("sent");
    let shown = bar.clone();
    let started = Instant::now();
    let summary = block_on(wiring::send(request, move |step: SendProgress| {
        shown.set_length(step.total);
        shown.set_position(step.answered);
    }))??;
    bar.finish_and_clear();
    report(&summary, &address, &called, started.elapsed())
}

/// A bar on standard error; silent where that is not a terminal.
pub(crate) fn progress_bar(verb: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = format!("{{bar:40}} {{pos}}/{{len}} {verb}  {{elapsed}}  {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}

#[allow(clippy::cast_precision_loss)] // figures for people
fn report(summary: &SendSummary, address: &str, called: &AeTitle, took: Duration) -> Result<(), CliError> {
    let seconds = took.as_secs_f64().max(1e-3);
    let megabytes = summary.bytes as f64 / 1e6;
    say(format_args!(
        "{} objects, {megabytes:.1} MB sent to {called} at {address} in {seconds:.1} s ({:.1} MB/s, {:.0} objects/s)",
        summary.sent,
        megabytes / seconds,
        summary.sent as f64 / seconds,
    ));
    if summary.not_dicom > 0 {
        say(format_args!("{} files are not DICOM and were left out", summary.not_dicom));
    }
    for (object, reason) in summary.failed.iter().take(FAILURES_SHOWN) {
        say(format_args!("not sent: {object}: {reason}"));
    }
    if !summary.failed.is_empty() {
        let count = summary.failed.len();
        let message = format!(
            "{count} of {} objects were not accepted by {called} at {address}",
            count as u64 + summary.sent
        );
        return Err(CliError::failed(message)
            .with_hint("sending again is safe: what is there already is not stored twice"));
    }
    if summary.sent == 0 {
        return Err(CliError::failed("no DICOM objects found")
            .with_hint("name a folder or file with DICOM Part 10 files"));
    }
    Ok(())
}

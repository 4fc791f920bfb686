//! `lungcad monitor`: has what the site sends, or what comes out, drifted from the reference?

use super::{CliError, ConfigArgument, block_on, quiet_telemetry, say, table};
use crate::config::Settings;
use crate::wiring;
use clap::Args;
use pipeline::monitor::{DriftLevel, Observations, Reference, SignalDrift, compare};
use std::path::{Path, PathBuf};

/// Results below which a reference is a guess.
const SERIES_COUNT_FEW: usize = 300;

/// Arguments of `monitor`.
#[derive(Debug, Args)]
#[command(after_help = "First `lungcad monitor --write-reference reference.json` when all is well, then \
                        monitor.reference_file = \"reference.json\": the server then shows lungcad_drift_* at /metrics. \
                        Ends with 1 when a signal says act. Nothing is ever adjusted by itself.")]
pub(crate) struct MonitorArguments {
    /// Keep the latest results of the archive as the reference
    #[arg(long, value_name = "FILE", conflicts_with_all = ["reference", "json"])]
    write_reference: Option<PathBuf>,
    /// Compare with this [default: monitor.reference_file]
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// Latest results that are looked at [default: monitor.series]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    series: Option<u32>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
}

/// Looks, and tells or keeps.
pub(crate) fn run(arguments: &MonitorArguments) -> Result<(), CliError> {
    let settings = arguments.config.load()?;
    let _telemetry = quiet_telemetry(&settings)?;
    let count = arguments.series.unwrap_or(settings.monitor.series);
    if let Some(path) = &arguments.write_reference {
        let now = block_on(wiring::observations(&settings, count))??;
        return write(path, &now);
    }
    let path = reference_path(arguments, &settings)?;
    let reference = wiring::reference(&path)?;
    let now = block_on(wiring::observations(&settings, count))??;
    let drifts = compare(&reference, &now);
    if arguments.json {
        say(serde_json::to_string_pretty(&drifts).map_err(|e| CliError::failed(e.to_string()))?);
    } else {
        tell(&reference, &now, &drifts);
    }
    match drifts.iter().filter(|d| d.level == DriftLevel::Act).count() {
        0 => Ok(()),
        n => Err(CliError::failed(format!("{n} signals have drifted")).with_hint(
            "look for a new protocol, kernel, scanner or pack before anything else; docs/EVALUATION.md",
        )),
    }
}

fn reference_path(arguments: &MonitorArguments, settings: &Settings) -> Result<PathBuf, CliError> {
    arguments.reference.clone().or_else(|| settings.monitor.reference_file.clone()).ok_or_else(|| {
        CliError::usage("no reference is named").with_hint(
            "make one with --write-reference FILE and name it with --reference or monitor.reference_file",
        )
    })
}

fn write(path: &Path, now: &Observations) -> Result<(), CliError> {
    if now.series_count == 0 {
        return Err(CliError::nothing_analyzed("the archive holds no result to make a reference of"));
    }
    let made_at = time::OffsetDateTime::now_utc()
        .format(&time::format_description::well_known::Rfc3339)
        .map_err(|e| CliError::failed(format!("the clock: {e}")))?;
    let text = serde_json::to_string_pretty(&now.reference(&made_at))
        .map_err(|e| CliError::failed(e.to_string()))?;
    std::fs::write(path, text).map_err(|e| CliError::failed(format!("writing {}: {e}", path.display())))?;
    say(format_args!("reference of {} series written to {}", now.series_count, path.display()));
    if now.series_count < SERIES_COUNT_FEW {
        say(format_args!("note: take {SERIES_COUNT_FEW} series or more, or chance will look like drift"));
    }
    Ok(())
}

fn tell(reference: &Reference, now: &Observations, drifts: &[SignalDrift]) {
    say(format_args!(
        "latest {} series against the {} of {}",
        now.series_count, reference.series_count, reference.made_at
    ));
    let packs = [&reference.pack, &now.pack].map(|p| p.as_ref().map(|p| format!("{} {}", p.name, p.version)));
    if packs[0] != packs[1] {
        let [then, now] = packs.map(Option::unwrap_or_default);
        say(format_args!(
            "note: the reference was made with {then:?}, in use is {now:?}: scores are not comparable"
        ));
    }
    let mut rows = table(&[
        "signal",
        "",
        "PSI",
        "by chance",
        "KS",
        "by chance",
        "median then",
        "now",
        "n then",
        "now",
        "new",
    ]);
    let number = |v: Option<f64>, digits: usize| v.map(|v| format!("{v:.digits$}")).unwrap_or_default();
    for drift in drifts {
        rows.add_row([
            drift.signal.clone(),
            drift.level.as_str().to_owned(),
            number(drift.psi, 3),
            format!("{:.3}", drift.psi_limit),
            number(drift.ks, 3),
            number(drift.ks_limit, 3),
            number(drift.reference_median, 2),
            number(drift.now_median, 2),
            drift.reference_count.to_string(),
            drift.now_count.to_string(),
            drift.new_words.join(", "),
        ]);
    }
    say(rows);
}

//! `lungcad simulate-workload`: what reading by exam score would have cost and found, on a site's own list.

use super::{CliError, say, table};
use clap::Args;
use pipeline::workload::{CAUTION, Estimate, SCORE_MAX, simulate};
use std::path::PathBuf;

/// Arguments of `simulate-workload`.
#[derive(Debug, Args)]
#[command(
    after_help = "Columns: exam, score (1 to 10), cancer (0 or 1), reader1 and reader2 (1 = recalled). Exams up to a \
                  score are read once, the others twice; every exam is read. In brackets 95 % intervals by resampling \
                  exams."
)]
pub(crate) struct SimulateWorkloadArguments {
    /// The site's own exams: CSV, UTF-8
    #[arg(value_name = "CSV")]
    file: PathBuf,
}

/// Reads the list and prints the table.
pub(crate) fn run(arguments: &SimulateWorkloadArguments) -> Result<(), CliError> {
    let path = &arguments.file;
    let wrong = |cause: String| CliError::usage(format!("reading table {}: {cause}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let workload = simulate(&text).map_err(wrong)?;
    say(format_args!("{} exams, {} with cancer", workload.exams_count, workload.cancers_count));
    let mut rows = table(&["read once", "readings", "saved against double", "recalls", "found", "missed"]);
    for policy in &workload.policies {
        let name = match policy.once_up_to {
            0 => "none (double reading)".to_owned(),
            SCORE_MAX => "all (single reading)".to_owned(),
            score => format!("scores 1 to {score}"),
        };
        rows.add_row([
            name,
            count(policy.readings),
            format!(
                "{:.1} % [{:.1} to {:.1}]",
                policy.saved.value * 100.0,
                policy.saved.low * 100.0,
                policy.saved.high * 100.0
            ),
            count(policy.recalls),
            count(policy.found),
            count(policy.missed),
        ]);
    }
    say(rows);
    say(CAUTION);
    say(domain::INTENDED_USE);
    Ok(())
}

fn count(estimate: Estimate) -> String {
    format!("{:.0} [{:.0} to {:.0}]", estimate.value, estimate.low, estimate.high)
}

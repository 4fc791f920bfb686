//! `lungcad calibrate`: a site's own operating point from its own scans.

use super::evaluate::{Joined, MarkArguments, TruthArguments};
use super::{CliError, ConfigArgument, quiet_telemetry, say};
use clap::{ArgGroup, Args};
use pipeline::calibration::CalibrationFile;
use pipeline::evaluate::{EvaluationNames, OperatingPointError, operating_point};
use std::path::PathBuf;

/// Scans below which the result is a guess.
const SCANS_COUNT_FEW: usize = 50;

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["fp_per_scan"]))]
#[command(
    after_help = "Example:\n  lungcad calibrate --fp-per-scan 1 --truth site.json scans/ --out /etc/lungcad\nthen set \
                        analysis.calibration_file to the file that it names. Marks of `lungcad analyze` and of the \
                        archive end at the threshold they were made with: run the pack on the scans, or make them with \
                        analysis.operating_point = \"sensitive\"."
)]
pub(crate) struct CalibrateArguments {
    /// False marks a scan, at most, on these scans
    #[arg(long, value_name = "X")]
    fp_per_scan: Option<f64>,
    #[command(flatten)]
    truth: TruthArguments,
    #[command(flatten)]
    marks: MarkArguments,
    /// Draws of patients behind the interval; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1000)]
    draws: usize,
    /// Folder for calibration-v1.json, -v2 and so on; made when absent
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    config: ConfigArgument,
}

/// Measures and keeps.
pub(crate) fn run(arguments: &CalibrateArguments) -> Result<(), CliError> {
    let settings = arguments.config.load()?;
    let _telemetry = quiet_telemetry(&settings)?;
    let joined = Joined::of(&settings, &arguments.truth, &arguments.marks)?;
    let pack = joined.pack.clone().ok_or_else(|| {
        CliError::usage("these marks do not say which model pack made them")
            .with_hint("calibrate on scans, on findings.json, or on the archive")
    })?;
    let made_at = time::OffsetDateTime::now_utc()
        .format(&time::format_description::well_known::Rfc3339)
        .map_err(|e| CliError::failed(format!("the clock: {e}")))?;
    let mut file = CalibrationFile::new(&pack, env!("CARGO_PKG_VERSION"), &made_at);
    if let Some(wanted) = arguments.fp_per_scan {
        if !(wanted >= 0.0 && wanted.is_finite()) {
            return Err(CliError::usage(format!("--fp-per-scan {wanted} is no number of marks")));
        }
        let names = EvaluationNames {
            truth: joined.truth_name.clone(),
            marks: joined.marks_name.clone(),
            ..EvaluationNames::default()
        };
        let point = operating_point(&joined.scans, wanted, arguments.draws, 1, &names).map_err(|error| {
            let told = CliError::failed(error.to_string());
            match error {
                OperatingPointError::Exhausted { .. } => told.with_hint(
                    "run the pack on the scans themselves, or make the marks with a lower threshold",
                ),
                OperatingPointError::Crops | OperatingPointError::NoMarks => {
                    told.with_hint("name whole scans with truth")
                }
            }
        })?;
        let interval = point.false_marks_interval.map(|[l, h]| format!(" ({l:.2} to {h:.2} by patient)"));
        say(format_args!(
            "threshold {:.4}: {:.2} false marks a scan{}, {} of {} nodules found, on {} scans of {} patients",
            point.threshold,
            point.false_marks,
            interval.unwrap_or_default(),
            point.sensitivity.found,
            point.sensitivity.total,
            point.scans_count,
            point.patients_count
        ));
        if point.scans_count < SCANS_COUNT_FEW {
            say(format_args!("note: {} scans are few; take {SCANS_COUNT_FEW} or more", point.scans_count));
        }
        file.operating_point = Some(point);
    }
    let path = file
        .write_next(&arguments.out)
        .map_err(|e| CliError::failed(e.to_string()).with_hint("choose another folder with --out"))?;
    say(format_args!("written: set analysis.calibration_file = {:?}", path.display().to_string()));
    Ok(())
}

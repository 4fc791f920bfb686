//! `lungcad calibrate`: a site's own operating point from its own scans, or the triage of its own exams.

mod triage;

use super::evaluate::{Joined, MarkArguments, TruthArguments};
use super::{CliError, ConfigArgument, quiet_telemetry, say};
use clap::{ArgGroup, Args};
use pipeline::calibration::CalibrationFile;
use pipeline::evaluate::{EvaluationNames, OperatingPointError, operating_point};
use std::path::PathBuf;

/// Scans below which the result is a guess.
const SCANS_COUNT_FEW: usize = 50;
/// Exams that a triage calibration looks at, at most.
const EXAMS_COUNT_MAX: usize = 100_000;

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["fp_per_scan", "triage"]))]
#[command(
    after_help = "Example:\n  lungcad calibrate --fp-per-scan 1 --truth site.json scans/ --out /etc/lungcad\nthen set \
                        analysis.calibration_file to the file that it names. Marks of `lungcad analyze` and of the \
                        archive end at the threshold they were made with: run the pack on the scans, or make them with \
                        analysis.operating_point = \"sensitive\".\n\nlungcad calibrate --triage takes the highest nodule \
                        score of each of the site's own exams, from the archive or from a table, and keeps the tenths \
                        in the database under the next version. From 500 exams on; an exam's triage score (1 to 10) \
                        orders a list and is never a reason to skip a reading."
)]
pub(crate) struct CalibrateArguments {
    /// False marks a scan, at most, on these scans
    #[arg(long, value_name = "X")]
    fp_per_scan: Option<f64>,
    /// Tenths of the site's own exams, for the exam triage score
    #[arg(long, conflicts_with_all = ["truth", "annotations", "paths", "submission", "findings", "archive", "out"])]
    triage: bool,
    /// With --triage: table of scores [default: the archive that the configuration names]; columns exam, score
    #[arg(long, value_name = "CSV", requires = "triage", conflicts_with_all = ["exams", "fp_per_scan"])]
    scores: Option<PathBuf>,
    /// With --triage: latest exams of the archive that are looked at
    #[arg(long, value_name = "N", requires = "triage", conflicts_with = "fp_per_scan", default_value_t = 2000, value_parser = exams)]
    exams: usize,
    #[command(flatten)]
    truth: TruthArguments,
    #[command(flatten)]
    marks: MarkArguments,
    /// Draws of patients behind the interval; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1000)]
    draws: usize,
    /// Folder for calibration-v1.json, -v2 and so on; made when absent
    #[arg(long, value_name = "DIR", required_unless_present = "triage")]
    out: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgument,
}

/// A number of exams within bounds.
fn exams(text: &str) -> Result<usize, String> {
    let least = pipeline::triage::EXAMS_COUNT_MIN;
    let read = text.parse::<usize>().ok().filter(|n| (least..=EXAMS_COUNT_MAX).contains(n));
    read.ok_or_else(|| format!("a number from {least} to {EXAMS_COUNT_MAX} is needed"))
}

/// Measures and keeps.
pub(crate) fn run(arguments: &CalibrateArguments) -> Result<(), CliError> {
    let settings = arguments.config.load()?;
    let _telemetry = quiet_telemetry(&settings)?;
    let Some(out) = arguments.out.as_ref().filter(|_| !arguments.triage) else {
        return triage::run(&settings, arguments);
    };
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
        .write_next(out)
        .map_err(|e| CliError::failed(e.to_string()).with_hint("choose another folder with --out"))?;
    say(format_args!("written: set analysis.calibration_file = {:?}", path.display().to_string()));
    Ok(())
}

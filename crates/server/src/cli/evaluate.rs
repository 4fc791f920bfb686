//! `lungcad evaluate`: marks, outlines and classes against truth.

mod tell;

use super::send::progress_bar;
use super::{CliError, ConfigArgument, analyze, block_on, quiet_telemetry, say};
use crate::config::Settings;
use crate::wiring;
use clap::{Args, ValueEnum};
use domain::{EvaluationDocument, PackDocument};
use pipeline::evaluate::{
    Absent, DetectionSettings, EvaluateError, EvaluatedScan, EvaluationNames, MarksByScan, TruthScan,
    evaluate, joined, marks_of_documents, marks_of_findings, scans_of_truth, tables, write_files,
};
use pipeline::truth::TruthDocument;
use std::path::{Path, PathBuf};

/// What readers said.
#[derive(Debug, Args)]
pub(crate) struct TruthArguments {
    /// Readers' truth (format lungcad-truth/1); may be given several times
    #[arg(long, value_name = "FILE", conflicts_with = "annotations")]
    pub(crate) truth: Vec<PathBuf>,
    /// Nodules that count, as in LUNA16: seriesuid,coordX,coordY,coordZ,diameter_mm (LPS mm)
    #[arg(long, value_name = "CSV")]
    pub(crate) annotations: Option<PathBuf>,
    /// Findings that are neither right nor wrong: the same columns
    #[arg(long, value_name = "CSV", requires = "annotations")]
    pub(crate) excluded: Option<PathBuf>,
    /// Scans that count, one series UID a line [default: every scan of the tables]
    #[arg(long, value_name = "CSV", requires = "annotations")]
    pub(crate) scans: Option<PathBuf>,
    /// Facts of scans: seriesuid and any of patient, slice_mm, kernel, manufacturer
    #[arg(long, value_name = "CSV")]
    pub(crate) facts: Option<PathBuf>,
}

/// What the system said, or the scans to run it on.
#[derive(Debug, Args)]
pub(crate) struct MarkArguments {
    /// Scans to run the pack on: DICOM folders, .mhd, .mha, .nii, .nii.gz; those without truth are left alone
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Marks as in LUNA16: seriesuid,coordX,coordY,coordZ,probability
    #[arg(long, value_name = "CSV", conflicts_with_all = ["paths", "findings"])]
    pub(crate) submission: Option<PathBuf>,
    /// findings.json of `lungcad analyze`, or its folder; may be given several times
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    pub(crate) findings: Vec<PathBuf>,
    /// Current results of the archive that the configuration names
    #[arg(long, conflicts_with_all = ["paths", "submission", "findings"])]
    pub(crate) archive: bool,
    /// Where nodules are searched: in the lungs, or in the whole volume (crops)
    #[arg(long, value_enum, default_value_t = SearchArgument::Lungs)]
    pub(crate) search: SearchArgument,
    /// With --search whole: this rim of the volume counts neither way, mm
    #[arg(long, value_name = "MM", default_value_t = 4.0)]
    pub(crate) rim_mm: f64,
    /// Threads [default: models.threads, else all cores]; marks do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
}

/// Where nodules are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SearchArgument {
    /// In the lungs.
    Lungs,
    /// Everywhere.
    Whole,
}

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Rules of LUNA16: a mark hits when it lies strictly within a nodule's radius; docs/EVALUATION.md has \
                        them all. Examples:\n  lungcad evaluate --annotations annotations.csv --excluded \
                        annotations_excluded.csv --scans seriesuids.csv --submission marks.csv --out report\n  lungcad \
                        evaluate --truth truth.json scans/ --out report"
)]
pub(crate) struct EvaluateArguments {
    #[command(flatten)]
    pub(crate) truth: TruthArguments,
    #[command(flatten)]
    pub(crate) marks: MarkArguments,
    /// Marks of a second system on the same scans, to compare with (columns as --submission)
    #[arg(long, value_name = "CSV", conflicts_with = "findings")]
    against: Option<PathBuf>,
    /// Classes: truth, and of task, said, score those that are there (with a score, truth is 1 or 0)
    #[arg(long, value_name = "CSV")]
    classes: Option<PathBuf>,
    /// Draws of patients behind each interval; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1000)]
    draws: usize,
    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Folder for evaluation.json, evaluation.html and marks.csv; made when absent
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print evaluation.json instead of tables
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgument,
}

/// Measures and tells.
pub(crate) fn run(arguments: &EvaluateArguments) -> Result<(), CliError> {
    let settings = arguments.config.load()?;
    let _telemetry = quiet_telemetry(&settings)?;
    let rows = match &arguments.classes {
        None => Vec::new(),
        Some(path) => {
            tables::classes(&tables::Table::read(path).map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?
        }
    };
    let joined = if rows.is_empty() || arguments.truth.is_given() {
        Joined::of(&settings, &arguments.truth, &arguments.marks)?
    } else {
        Joined::default()
    };
    let other = arguments.against.as_deref().map(|path| other(path, &joined.scans)).transpose()?;
    let name = arguments.against.as_deref().map(shown).unwrap_or_default();
    let detection = DetectionSettings {
        draws_count: arguments.draws,
        seed: arguments.seed,
        operating_points: joined.operating_points.clone(),
    };
    let names = EvaluationNames {
        lungcad_version: env!("CARGO_PKG_VERSION").to_owned(),
        truth: joined.truth_name.clone(),
        marks: joined.marks_name.clone(),
        pack: joined.pack.clone(),
        other_scans_count: joined.other_scans_count,
    };
    let other = other.as_deref().map(|scans| (name.as_str(), scans));
    let document = evaluate(&joined.scans, other, &rows, &detection, names);
    if let Some(out) = &arguments.out {
        write_files(out, &document, &joined.marks()).map_err(|e| CliError::failed(e.to_string()))?;
    }
    told(&document, arguments)
}

fn told(document: &EvaluationDocument, arguments: &EvaluateArguments) -> Result<(), CliError> {
    if arguments.json {
        say(serde_json::to_string_pretty(document).map_err(|e| CliError::failed(e.to_string()))?);
        return Ok(());
    }
    tell::document(document);
    if let Some(out) = &arguments.out {
        say(format_args!("written to {}: open evaluation.html there", out.display()));
    }
    Ok(())
}

pub(crate) fn wrong(error: &EvaluateError) -> CliError {
    CliError::usage(error.to_string())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn all_shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| shown(p)).collect::<Vec<_>>().join(", ")
}

impl TruthArguments {
    fn is_given(&self) -> bool {
        !self.truth.is_empty() || self.annotations.is_some()
    }

    /// Scans with truth.
    pub(crate) fn read(&self) -> Result<Vec<TruthScan>, CliError> {
        let table = |path: &PathBuf| tables::Table::read(path).map_err(|e| wrong(&e));
        let mut scans = match &self.annotations {
            Some(annotations) => {
                let excluded = self.excluded.as_ref().map(table).transpose()?;
                let list = self.scans.as_ref().map(table).transpose()?;
                tables::truth(&table(annotations)?, excluded.as_ref(), list.as_ref())
                    .map_err(|e| wrong(&e))?
            }
            None if self.truth.is_empty() => {
                return Err(CliError::usage("no truth is named").with_hint(
                    "--truth FILE (lungcad-truth/1), or --annotations CSV with --excluded and --scans",
                ));
            }
            None => {
                let mut scans = Vec::new();
                for path in &self.truth {
                    let read = std::fs::read(path).map_err(|e| e.to_string());
                    let document = read
                        .and_then(|bytes| TruthDocument::parse(&bytes))
                        .map_err(|e| CliError::usage(format!("reading truth {}: {e}", path.display())))?;
                    scans.extend(scans_of_truth(&document));
                }
                scans
            }
        };
        if let Some(facts) = &self.facts {
            tables::add_facts(&mut scans, &table(facts)?).map_err(|e| wrong(&e))?;
        }
        Ok(scans)
    }

    fn shown(&self) -> String {
        self.annotations.as_deref().map_or_else(|| all_shown(&self.truth), shown)
    }
}

/// Truth and marks together, with where they came from.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// Scans, in the order of the truth.
    pub(crate) scans: Vec<EvaluatedScan>,
    /// Where the truth came from.
    pub(crate) truth_name: String,
    /// Where the marks came from.
    pub(crate) marks_name: String,
    /// Scans with marks that the truth does not name.
    pub(crate) other_scans_count: usize,
    /// Networks that made them.
    pub(crate) pack: Option<PackDocument>,
    /// Their operating points.
    pub(crate) operating_points: Vec<(String, f64)>,
}

impl Joined {
    /// Reads, or runs the pack.
    pub(crate) fn of(
        settings: &Settings,
        truth: &TruthArguments,
        marks: &MarkArguments,
    ) -> Result<Self, CliError> {
        let mut scans = truth.read()?;
        let mut joint = Self { truth_name: truth.shown(), ..Self::default() };
        let (found, absent) = if let Some(path) = &marks.submission {
            joint.marks_name = shown(path);
            let table = tables::Table::read(path).map_err(|e| wrong(&e))?;
            (tables::marks(&table).map_err(|e| wrong(&e))?, Absent::SeenWithoutMarks)
        } else if !marks.findings.is_empty() {
            joint.marks_name = all_shown(&marks.findings);
            let (found, pack) = marks_of_findings(&marks.findings, &scans).map_err(|e| wrong(&e))?;
            joint.pack = pack;
            (found, Absent::NotLookedAt)
        } else if marks.archive {
            "the archive".clone_into(&mut joint.marks_name);
            let names: Vec<String> = scans.iter().map(|s| s.name.clone()).collect();
            let (found, pack) = marks_of_documents(block_on(wiring::stored_documents(settings, &names))??);
            joint.pack = pack;
            (found, Absent::NotLookedAt)
        } else if marks.paths.is_empty() {
            return Err(CliError::usage("neither marks nor scans are named").with_hint(
                "--submission CSV, --findings FILE, --archive, or folders with scans to run the pack on",
            ));
        } else {
            let bar = progress_bar("");
            let ran = wiring::run_on_truth(settings, marks, &mut scans, &|event| analyze::show(&bar, event));
            bar.finish_and_clear();
            let ran = ran?;
            joint.marks_name =
                format!("{} {} on {}", ran.pack.name, ran.pack.version, all_shown(&marks.paths));
            joint.pack = Some(ran.pack);
            joint.operating_points = ran.operating_points;
            (ran.marks, Absent::NotLookedAt)
        };
        (joint.scans, joint.other_scans_count) = joined(scans, found, absent).map_err(|e| {
            wrong(&e)
                .with_hint("scans are known by their series UID, volumes by their file name without ending")
        })?;
        Ok(joint)
    }

    /// Marks of each scan.
    fn marks(&self) -> MarksByScan {
        self.scans.iter().map(|s| (s.truth.name.clone(), s.marks.clone())).collect()
    }
}

/// The same scans with the marks of another system.
fn other(path: &Path, scans: &[EvaluatedScan]) -> Result<Vec<EvaluatedScan>, CliError> {
    let table = tables::Table::read(path).map_err(|e| wrong(&e))?;
    let mut marks = tables::marks(&table).map_err(|e| wrong(&e))?;
    let swapped = scans.iter().map(|scan| {
        let mut own = scan.clone();
        own.marks.marks = marks.remove(&own.truth.name).unwrap_or_default().marks;
        own
    });
    Ok(swapped.collect())
}

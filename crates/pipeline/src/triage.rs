//! Exam triage of a site: its own exams to a calibration that never changes, and a result to its place among them. It
//! orders a list; nothing here says that an exam need not be read. The deciles are those of `cad`.

pub use cad::triage::EXAMS_COUNT_MIN;

use crate::comma_separated::records;
use archive::Archive;
use cad::triage::{Deciles, TooFewExams};
use domain::{AnalysisResult, ExamTriage, PackIdentity, TRIAGE_USE, TriageStatus};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Value of `schema`.
const SCHEMA: &str = "lungcad-triage/1";
/// Results read from the archive at a time; each holds its outlines.
const RESULTS_PAGE: i64 = 50;
/// Thresholds closer than this are the same: they went through text.
const THRESHOLD_TOLERANCE: f64 = 1e-9;
/// Columns of a table of scores.
const COLUMNS: [&str; 2] = ["exam", "score"];

/// Where the tenths of a site's exams end, and for which networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriageCalibration {
    /// Always `lungcad-triage/1`.
    pub schema: String,
    /// Name of the pack that gave the scores.
    pub pack_name: String,
    /// Its version.
    pub pack_version: String,
    /// sha256 of its `pack.toml`, hex.
    pub pack_sha256: String,
    /// Score at and above which it reported.
    pub threshold: f64,
    /// Highest score of the first, second ... ninth tenth, rising.
    pub cuts: [f64; 9],
    /// Exams that they come from.
    pub exams_count: u64,
    /// Those of them without a finding; they share the lowest scores.
    pub without_findings_count: u64,
}

/// Name and version of a pack, as results are stored under.
#[must_use]
pub fn pack_key(pack: &PackIdentity) -> String {
    format!("{} {}", pack.name, pack.version)
}

impl TriageCalibration {
    /// Of the highest nodule score of each exam (0 without a finding).
    ///
    /// # Errors
    /// [`TooFewExams`] below [`EXAMS_COUNT_MIN`].
    pub fn of(exam_scores: &[f64], pack: &PackIdentity) -> Result<Self, TooFewExams> {
        let deciles = Deciles::of(exam_scores)?;
        Ok(Self {
            schema: SCHEMA.to_owned(),
            pack_name: pack.name.clone(),
            pack_version: pack.version.clone(),
            pack_sha256: pack.sha256.clone(),
            threshold: pack.threshold,
            cuts: deciles.cuts,
            exams_count: count(deciles.exams_count),
            without_findings_count: count(exam_scores.iter().filter(|score| **score <= 0.0).count()),
        })
    }

    /// Reads a stored one.
    ///
    /// # Errors
    /// A sentence when it is something else.
    pub fn parse(json: &str) -> Result<Self, String> {
        let read: Self = serde_json::from_str(json).map_err(|e| format!("stored triage calibration: {e}"))?;
        if read.schema != SCHEMA {
            return Err(format!("stored triage calibration: schema is {:?}, expected {SCHEMA}", read.schema));
        }
        Ok(read)
    }

    /// Why scores of `pack` cannot be compared with it; `None` when they can.
    fn misfit(&self, pack: &PackIdentity) -> Option<String> {
        let own = format!("{} {}", self.pack_name, self.pack_version);
        if own != pack_key(pack) || self.pack_sha256 != pack.sha256 {
            return Some(format!(
                "it was made with {own} (pack.toml sha256 {}), these nodules were found with {} ({}); scores of another \
                 pack mean nothing",
                self.pack_sha256,
                pack_key(pack),
                pack.sha256
            ));
        }
        if (self.threshold - pack.threshold).abs() > THRESHOLD_TOLERANCE {
            return Some(format!(
                "it was made at threshold {}, these nodules are reported from {}",
                self.threshold, pack.threshold
            ));
        }
        None
    }

    /// The lowest and highest exam score that each triage score stands for, in words of a table: `above 0.41 to 0.57`.
    #[must_use]
    pub fn tenths(&self) -> Vec<String> {
        let cut = |i: usize| self.cuts.get(i).map(|cut| format!("{cut:.4}"));
        (0..=self.cuts.len())
            .map(|i| match (i.checked_sub(1).and_then(cut), cut(i)) {
                (None, Some(high)) => format!("to {high}"),
                (Some(low), Some(high)) if low == high => format!("none: as {low}"),
                (Some(low), Some(high)) => format!("above {low} to {high}"),
                (low, _) => format!("above {}", low.unwrap_or_default()),
            })
            .collect()
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// What a site has to compare an exam with.
#[derive(Debug, Clone, PartialEq)]
pub enum SiteTriage {
    /// A calibration for the pack.
    Calibrated {
        /// Its version.
        version: i64,
        /// What it says.
        calibration: TriageCalibration,
    },
    /// None yet.
    NotCalibrated {
        /// Earlier exams with a result of the pack.
        exams_count: u64,
    },
    /// Files were analysed, without an archive to compare with.
    NoArchive,
}

/// Where the exam of `result` lies.
#[must_use]
pub fn placed(result: &AnalysisResult, site: &SiteTriage) -> ExamTriage {
    let mut triage = ExamTriage {
        status: TriageStatus::NotCalibrated,
        score: None,
        exam_score: result.exam_score(),
        calibration_version: None,
        exams_count: 0,
        exams_count_min: count(EXAMS_COUNT_MIN),
        reason: None,
        intended_use: TRIAGE_USE.to_owned(),
    };
    match site {
        SiteTriage::NoArchive => {
            triage.reason =
                Some("analysed from files: there are no exams of a site to compare with".to_owned());
        }
        SiteTriage::NotCalibrated { exams_count } => {
            triage.exams_count = *exams_count;
            triage.reason = Some(format!(
                "{exams_count} earlier exams have a result of {}; {EXAMS_COUNT_MIN} are needed, then run `lungcad \
                 calibrate --triage`",
                pack_key(&result.pack)
            ));
        }
        SiteTriage::Calibrated { version, calibration } => {
            triage.calibration_version = Some(*version);
            triage.exams_count = calibration.exams_count;
            match calibration.misfit(&result.pack) {
                Some(why) => triage.reason = Some(format!("calibration {version} does not fit: {why}")),
                None => {
                    let deciles = Deciles { cuts: calibration.cuts, exams_count: EXAMS_COUNT_MIN };
                    triage.status = TriageStatus::Calibrated;
                    triage.score = Some(deciles.score(triage.exam_score));
                }
            }
        }
    }
    triage
}

/// Scores of a site's exams from its archive.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ArchiveScores {
    /// Highest nodule score of each exam, the newest first; 0 without a finding.
    pub scores: Vec<f64>,
    /// Exams left out: the same pack with other files or another threshold.
    pub other_settings_count: usize,
    /// Exams left out: results that this version cannot read.
    pub unreadable_count: usize,
}

/// What a calibration needs of a result.
#[derive(Deserialize)]
struct ScoredExam {
    findings: Vec<ScoredFinding>,
    pack: PackIdentity,
}

#[derive(Deserialize)]
struct ScoredFinding {
    score: f64,
}

/// Scores of the latest `exams_count_max` exams (studies) that `pack` analysed.
///
/// # Errors
/// What the database said.
pub async fn scores_of_archive(
    archive: &Archive,
    pack: &PackIdentity,
    exams_count_max: usize,
) -> Result<ArchiveScores, archive::Error> {
    let mut scores: BTreeMap<String, f64> = BTreeMap::new();
    let mut order = Vec::new();
    let (mut others, mut unreadable) = (BTreeSet::new(), BTreeSet::new());
    let mut offset = 0;
    'pages: loop {
        let page = archive.scored_results(&pack_key(pack), RESULTS_PAGE, offset).await?;
        if page.is_empty() {
            break;
        }
        offset += RESULTS_PAGE;
        for row in page {
            let study = row.study_uid.to_string();
            let Ok(exam) = serde_json::from_str::<ScoredExam>(&row.result_json) else {
                unreadable.insert(study);
                continue;
            };
            let same = exam.pack.sha256 == pack.sha256
                && (exam.pack.threshold - pack.threshold).abs() <= THRESHOLD_TOLERANCE;
            if !same {
                others.insert(study);
                continue;
            }
            let score = exam.findings.iter().map(|finding| finding.score).fold(0.0, f64::max);
            if let Some(known) = scores.get_mut(&study) {
                *known = known.max(score);
            } else if order.len() == exams_count_max {
                break 'pages;
            } else {
                scores.insert(study.clone(), score);
                order.push(study);
            }
        }
    }
    others.retain(|study| !scores.contains_key(study));
    unreadable.retain(|study| !scores.contains_key(study));
    Ok(ArchiveScores {
        scores: order.iter().filter_map(|study| scores.get(study).copied()).collect(),
        other_settings_count: others.len(),
        unreadable_count: unreadable.len(),
    })
}

/// Scores of a table: `exam` (any text, each once) and `score` (highest nodule score of the exam, 0 to 1; 0 without a
/// finding).
///
/// # Errors
/// The first mistake with its line.
pub fn scores_of_table(text: &str) -> Result<Vec<f64>, String> {
    let mut records = records(text)?.into_iter();
    let (_, heading) = records.next().ok_or("the table is empty; its first line names the columns")?;
    let heading: Vec<&str> = heading.iter().map(|name| name.trim()).collect();
    let place = |name: &str| {
        let found = heading.iter().position(|one| *one == name);
        found.ok_or_else(|| format!("line 1: no column {name:?}; the columns are {}", COLUMNS.join(", ")))
    };
    let (exam, score) = (place("exam")?, place("score")?);
    if let Some(other) = heading.iter().find(|name| !COLUMNS.contains(name)) {
        return Err(format!("line 1: column {other:?} is not known; the columns are {}", COLUMNS.join(", ")));
    }
    let mut names = BTreeSet::new();
    let mut scores = Vec::new();
    for (line, cells) in records {
        let cell = |index: usize| cells.get(index).map_or("", |cell| cell.trim());
        if !names.insert(cell(exam).to_owned()) {
            return Err(format!("line {line}: exam {:?} stands there twice", cell(exam)));
        }
        let read = cell(score).parse::<f64>().ok().filter(|score| (0.0..=1.0).contains(score));
        scores.push(
            read.ok_or_else(|| format!("line {line}: score is a number from 0 to 1, not {:?}", cell(score)))?,
        );
    }
    Ok(scores)
}

#[cfg(test)]
mod tests;

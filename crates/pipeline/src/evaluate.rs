//! Marks, outlines and classes against truth: what `lungcad evaluate` measures.
//!
//! Truth comes from tables of the LUNA16 challenge or from a truth document, marks from a table, from `findings.json`
//! or from a pack that is run here; both meet in [`EvaluatedScan`]. The rules are those of `cad::evaluate`.

mod classes;
mod detection;
mod files;
mod findings;
mod groups;
mod operating_point;
mod outlines;
pub mod run;
pub mod tables;
mod truth_scans;

pub use classes::ClassRow;
pub use detection::DetectionSettings;
pub use files::write_files;
pub use findings::{marks_of_documents, marks_of_findings};
pub use operating_point::{OperatingPointError, operating_point};
pub use truth_scans::scans_of_truth;

use cad::evaluate::luna16::TruthMark;
use domain::{
    Attenuation, EVALUATION_SCHEMA, EvaluationDocument, LpsPoint, Mask, PackDocument, ReasonDocument,
    ScanReason,
};
use std::collections::BTreeMap;

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A file cannot be read.
    #[error("reading {path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's words.
        cause: String,
    },
    /// A file cannot be written.
    #[error("writing {path}: {cause}; choose another folder with --out")]
    Unwritable {
        /// The file.
        path: String,
        /// The system's words.
        cause: String,
    },
    /// A file holds something else.
    #[error("{path}: {cause}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong, with the line where there is one.
        cause: String,
    },
    /// Files of a scan.
    #[error(transparent)]
    Discover(#[from] crate::discover::DiscoverError),
    /// Truth and marks speak of different scans.
    #[error("none of the {truth_count} scans of the truth is among the {marks_count} scans with marks")]
    Strangers {
        /// Scans with truth.
        truth_count: usize,
        /// Scans with marks.
        marks_count: usize,
    },
}

/// What is known of a scan's making.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScanFacts {
    /// Larger of slice thickness and distance, mm.
    pub slice_mm: Option<f64>,
    /// `ConvolutionKernel`.
    pub kernel: Option<String>,
    /// Manufacturer.
    pub maker: Option<String>,
}

impl ScanFacts {
    /// These, and what they lack from `other`.
    #[must_use]
    fn or(self, other: Self) -> Self {
        Self {
            slice_mm: self.slice_mm.or(other.slice_mm),
            kernel: self.kernel.or(other.kernel),
            maker: self.maker.or(other.maker),
        }
    }
}

/// Where slices of a truth document lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruthGrid {
    /// Lowest slice, LPS mm.
    pub first: LpsPoint,
    /// Spacing of slices, rows, columns, mm.
    pub spacing_mm_zyx: [f64; 3],
}

/// A nodule that counts.
#[derive(Debug, Clone)]
pub struct ReferenceNodule {
    /// Name in the truth, or its place in the list.
    pub id: String,
    /// Centre and diameter.
    pub mark: TruthMark,
    /// Type, where readers gave one; `Calcified` is kept apart in `is_calcified`.
    pub attenuation: Option<Attenuation>,
    /// Whether readers saw calcium.
    pub is_calcified: Option<bool>,
    /// Where it lies, in words.
    pub place: Option<String>,
    /// What most readers share, on the scan's grid.
    pub consensus: Mask,
    /// Each reader's outline.
    pub readers: Vec<Mask>,
}

/// What readers said of one scan.
#[derive(Debug, Clone, Default)]
pub struct TruthScan {
    /// Series UID or file name.
    pub name: String,
    /// Patient; empty means that this scan has one of its own.
    pub patient: String,
    /// As far as the truth tells.
    pub facts: ScanFacts,
    /// Grid of the outlines.
    pub grid: Option<TruthGrid>,
    /// Nodules that count.
    pub nodules: Vec<ReferenceNodule>,
    /// Findings whose marks are neither right nor wrong.
    pub irrelevant: Vec<TruthMark>,
}

/// One mark of the system.
#[derive(Debug, Clone)]
pub struct SystemMark {
    /// Centre, LPS mm.
    pub center: LpsPoint,
    /// Higher is more suspicious.
    pub score: f64,
    /// Type that was measured.
    pub attenuation: Option<Attenuation>,
    /// Outline on the scan's grid; empty where there is none.
    pub outline: Mask,
}

/// What the system said of one scan.
#[derive(Debug, Clone, Default)]
pub struct ScanMarks {
    /// Marks, in any order.
    pub marks: Vec<SystemMark>,
    /// As far as the scan itself tells.
    pub facts: ScanFacts,
    /// Spacing of the outlines' grid, mm.
    pub spacing_mm_zyx: Option<[f64; 3]>,
    /// Volume searched, ml; `None` where a scan is a scan.
    pub searched_ml: Option<f64>,
    /// Why it was not analysed.
    pub reason: Option<ReasonDocument>,
}

/// Marks of each scan, by name.
pub type MarksByScan = BTreeMap<String, ScanMarks>;

/// Truth and marks of one scan.
#[derive(Debug, Clone)]
pub struct EvaluatedScan {
    /// Truth; its facts are completed by those of the marks.
    pub truth: TruthScan,
    /// Marks.
    pub marks: ScanMarks,
}

/// Scans of the truth that have no marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The system saw them and marked nothing (a submission in the challenge).
    SeenWithoutMarks,
    /// They were not looked at (a folder of some scans).
    NotLookedAt,
}

/// Brings truth and marks together, in the order of the truth; says how many scans with marks the truth does not name.
///
/// # Errors
/// [`EvaluateError::Strangers`] when no scan is left to be measured.
pub fn joined(
    truth: Vec<TruthScan>,
    mut marks: MarksByScan,
    absent: Absent,
) -> Result<(Vec<EvaluatedScan>, usize), EvaluateError> {
    let (truth_count, marks_count) = (truth.len(), marks.len());
    let mut scans = Vec::new();
    for mut truth in truth {
        let marks = match (marks.remove(&truth.name), absent) {
            (Some(marks), _) => marks,
            (None, Absent::SeenWithoutMarks) => ScanMarks::default(),
            (None, Absent::NotLookedAt) => continue,
        };
        truth.facts = truth.facts.or(marks.facts.clone());
        scans.push(EvaluatedScan { truth, marks });
    }
    if scans.is_empty() {
        return Err(EvaluateError::Strangers { truth_count, marks_count });
    }
    Ok((scans, marks.len()))
}

/// Names for the report.
#[derive(Debug, Clone, Default)]
pub struct EvaluationNames {
    /// lungcad version.
    pub lungcad_version: String,
    /// Where the truth came from.
    pub truth: String,
    /// Where the marks came from.
    pub marks: String,
    /// Networks, where known.
    pub pack: Option<PackDocument>,
    /// Scans with marks that the truth does not name.
    pub other_scans_count: usize,
}

/// Measures `scans`; `other` are the marks of a second system with its name, `rows` are classes given as a table.
#[must_use]
pub fn evaluate(
    scans: &[EvaluatedScan],
    other: Option<(&str, &[EvaluatedScan])>,
    rows: &[ClassRow],
    settings: &DetectionSettings,
    names: EvaluationNames,
) -> EvaluationDocument {
    let not_analyzed = scans.iter().filter_map(|s| {
        let reason = s.marks.reason.clone()?;
        Some(ScanReason { scan: s.truth.name.clone(), reason })
    });
    let matched = detection::matched(scans);
    let mut classification = classes::of_findings(scans, &matched, settings.draws());
    classification.extend(classes::classified(rows, settings.draws()));
    EvaluationDocument {
        schema: EVALUATION_SCHEMA.to_owned(),
        lungcad_version: names.lungcad_version,
        truth: names.truth,
        marks: names.marks,
        pack: names.pack,
        not_analyzed: not_analyzed.collect(),
        other_scans_count: names.other_scans_count,
        detection: (!scans.is_empty()).then(|| detection::document(scans, &matched, other, settings)),
        segmentation: outlines::document(scans, &matched),
        classification,
        calibration: detection::calibration(scans, &matched),
    }
}

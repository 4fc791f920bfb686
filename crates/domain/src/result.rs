//! The findings of one series with where they came from.

use crate::{
    Affine, ClinicalAssessment, ExamTriage, Finding, SeriesInstanceUid, SeriesWarning, SopInstanceUid,
    StudyInstanceUid,
};
use serde::{Deserialize, Serialize};

/// The instance behind one slice of the volume: what SR and SEG refer to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceSlice {
    /// SOP Class UID of the instance.
    pub sop_class_uid: String,
    /// SOP Instance UID of the instance.
    pub sop_instance_uid: SopInstanceUid,
    /// 1-based frame of a multi-frame instance.
    pub frame_number: Option<u32>,
    /// ImagePositionPatient as sent, so that it can be copied to the last digit.
    pub image_position_patient: String,
    /// Key of the instance's bytes in the archive or on disk, opaque here.
    pub blob_key: String,
}

/// Which networks made the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackIdentity {
    /// Pack name, e.g. `baseline-log`.
    pub name: String,
    /// Pack version.
    pub version: String,
    /// sha256 over pack.toml (which holds the sha256 of each file), hex.
    pub sha256: String,
    /// Score at and above which a candidate is reported.
    pub threshold: f64,
    /// ONNX Runtime version, execution provider and number format really used, e.g. `onnxruntime 1.32.0 CPU, f32`.
    pub runtime: String,
}

/// Volumes of the lungs, millilitres.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LungVolumes {
    /// Left lung.
    pub left_ml: f64,
    /// Right lung.
    pub right_ml: f64,
}

/// Wall time of each step, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timings {
    /// Read, sort, decode.
    pub assemble: u64,
    /// Lung mask.
    pub lungs: u64,
    /// Networks and candidate extraction.
    pub detect: u64,
    /// Outlines, measures, character.
    pub measure: u64,
    /// SR, SEG, pictures.
    pub report: u64,
    /// All of it.
    pub total: u64,
}

/// Everything lungcad says about one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalysisResult {
    /// Study analysed.
    pub study_instance_uid: StudyInstanceUid,
    /// Series analysed.
    pub series_instance_uid: SeriesInstanceUid,
    /// Hash over the instances that went in, in order: the "input" of deterministic UIDs.
    pub input_digest: String,
    /// Hash of pack and of every setting that can change the findings.
    pub config_digest: String,
    /// Grid of masks and voxel coordinates.
    pub affine: Affine,
    /// Voxel counts `[z, y, x]` of that grid.
    pub shape: [usize; 3],
    /// One per slice of the grid, feet first. An interpolated slice repeats its lower neighbour.
    pub slices: Vec<SourceSlice>,
    /// By falling score, numbered from 1.
    pub findings: Vec<Finding>,
    /// Lung volumes.
    pub lungs: LungVolumes,
    /// What the reader should know.
    pub warnings: Vec<SeriesWarning>,
    /// Networks used.
    pub pack: PackIdentity,
    /// How long it took.
    pub timings_ms: Timings,
    /// What rules say to the findings; `None` until they were asked.
    #[serde(default)]
    pub clinical: Option<ClinicalAssessment>,
    /// Where the exam lies among the site's own; `None` until that was asked.
    #[serde(default)]
    pub triage: Option<ExamTriage>,
}

impl AnalysisResult {
    /// A UID that is the same for the same input, pack and settings, and differs by `role` and `n`.
    #[must_use]
    pub fn derived_uid(&self, role: &str, n: usize) -> String {
        crate::derived_uid(&[
            role,
            self.series_instance_uid.as_str(),
            &self.input_digest,
            &self.config_digest,
            &n.to_string(),
        ])
    }

    /// The same for an object that shows clinical assessment and triage too: other clinical data or another
    /// calibration, another UID.
    #[must_use]
    pub fn object_uid(&self, role: &str, n: usize) -> String {
        let clinical = self.clinical.iter().map(|clinical| format!("|{}", clinical.digest));
        let triage = self.triage.iter().map(|triage| format!("|{}", triage.key()));
        self.derived_uid(
            &std::iter::once(role.to_owned()).chain(clinical).chain(triage).collect::<String>(),
            n,
        )
    }

    /// Highest score of a finding; 0 without one.
    #[must_use]
    pub fn exam_score(&self) -> f64 {
        self.findings.iter().map(|finding| finding.score).fold(0.0, f64::max)
    }
}

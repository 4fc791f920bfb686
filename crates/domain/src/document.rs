//! `findings.json` version 3: the one serialised form of what lungcad says, in files and over REST.
//!
//! Readers must ignore members that they do not know. Version 2 added what risk models and guidelines say and the place
//! in the lung, version 3 the exam's triage; documents of versions 1 and 2 still read, without them.
//! The JSON Schema is `docs/findings.schema.json`.

use crate::{
    AnalysisResult, Attenuation, Character, ExamAssessment, ExamTriage, LobePlace, LpsPoint, LungPlace,
    NoduleAssessment, Rated, SeriesState, Side, SkipReason, Timings, TypeProbabilities, VoxelPoint,
};
use serde::{Deserialize, Serialize};

/// Value of `schema`.
pub const SCHEMA: &str = "lungcad-findings/4";

/// The whole document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingsDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Always the same sentence: what this may be used for.
    pub intended_use: String,
    /// lungcad version that wrote it.
    pub lungcad_version: String,
    /// One per series looked at, analysed or not.
    pub series: Vec<SeriesDocument>,
}

/// Sentence of [`FindingsDocument::intended_use`] and of every page a person reads.
pub const INTENDED_USE: &str =
    "Second reader for research use only. Not a diagnosis; every mark needs a radiologist's judgement.";

impl FindingsDocument {
    /// A document of these series.
    #[must_use]
    pub fn new(lungcad_version: &str, series: Vec<SeriesDocument>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            intended_use: INTENDED_USE.to_owned(),
            lungcad_version: lungcad_version.to_owned(),
            series,
        }
    }
}

/// One series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesDocument {
    /// Study Instance UID.
    pub study_instance_uid: String,
    /// Series Instance UID.
    pub series_instance_uid: String,
    /// Where the series stands.
    pub state: SeriesState,
    /// Why it was skipped or failed; `null` otherwise.
    pub reason: Option<ReasonDocument>,
    /// What a reader should know.
    pub warnings: Vec<ReasonDocument>,
    /// Wall time of each step, ms.
    pub timings_ms: Timings,
    /// Networks used; `null` when not analysed.
    pub pack: Option<PackDocument>,
    /// Lung volumes; `null` when not analysed.
    pub lungs: Option<LungsDocument>,
    /// By falling score.
    pub nodules: Vec<NoduleDocument>,
    /// What rules say to the exam; `null` when not analysed, and in version 1.
    #[serde(default)]
    pub clinical: Option<ExamAssessment>,
    /// Where the exam lies among the site's own; `null` when not analysed, and before version 3.
    #[serde(default)]
    pub triage: Option<ExamTriage>,
}

/// A coded reason with its sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonDocument {
    /// Stable upper-case code.
    pub code: String,
    /// Sentence for people.
    pub message: String,
}

/// Which networks, exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackDocument {
    /// Pack name.
    pub name: String,
    /// Pack version.
    pub version: String,
    /// sha256 of pack.toml, hex.
    pub sha256: String,
    /// Score at and above which candidates are reported.
    pub threshold: f64,
    /// Runtime, provider and number format used.
    pub runtime: String,
}

/// Lung volumes, ml.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LungsDocument {
    /// Left lung.
    pub left_ml: f64,
    /// Right lung.
    pub right_ml: f64,
}

/// One nodule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoduleDocument {
    /// 1-based, by falling score.
    pub number: usize,
    /// Shared by SR and SEG.
    pub tracking_uid: String,
    /// Centroid, LPS mm `[x, y, z]`.
    pub center_lps_mm: LpsPoint,
    /// Centroid, 0-based voxels `[z, y, x]` of the sorted volume.
    pub center_voxel_zyx: VoxelPoint,
    /// SOP Instance UID of the slice with the largest area.
    pub key_sop_instance_uid: String,
    /// 1-based frame of that slice in a multi-frame instance, else `null`.
    pub key_frame_number: Option<u32>,
    /// The pack's score, 0 to 1.
    pub score: f64,
    /// Longest extent in the key slice, mm.
    pub long_axis_mm: f64,
    /// Perpendicular extent in the key slice, mm.
    pub short_axis_mm: f64,
    /// Mean of the two, mm.
    pub mean_diameter_mm: f64,
    /// Volume, mm3.
    pub volume_mm3: f64,
    /// Mean HU.
    pub hu_mean: f64,
    /// Standard deviation of HU.
    pub hu_sd: f64,
    /// Class, by the pack's characterizer where it has one that tells classes apart, else by HU.
    pub attenuation: Attenuation,
    /// What the pack's characterizer says; `null` without one and before version 4.
    #[serde(default)]
    pub character: Option<Character>,
    /// Which lung.
    pub side: Side,
    /// Where in that lung; `null` when not known, and in version 1.
    #[serde(default)]
    pub place_in_lung: Option<LungPlace>,
    /// In which lobe; `null` when not known, and where an earlier lungcad wrote it.
    #[serde(default)]
    pub lobe: Option<LobePlace>,
    /// What risk models and guidelines say; `null` in version 1.
    #[serde(default)]
    pub clinical: Option<NoduleAssessment>,
}

/// Rounds for people and diffs; a thousandth of a millimetre is far below any error.
fn round3(v: f64) -> f64 {
    (v * 1000.0).round() / 1000.0
}

fn rounded(character: Character) -> Character {
    let rated = |one: Rated| Rated { probability: round3(one.probability), ..one };
    Character {
        types: character.types.map(|t| TypeProbabilities {
            solid: round3(t.solid),
            part_solid: round3(t.part_solid),
            non_solid: round3(t.non_solid),
        }),
        calcified: character.calcified.map(rated),
        spiculated: character.spiculated.map(rated),
    }
}

impl SeriesDocument {
    /// A series with a result.
    #[must_use]
    pub fn analyzed(result: &AnalysisResult, state: SeriesState) -> Self {
        let nodules = result.findings.iter().map(|f| {
            let key = result.slices.get(f.measures.key_slice_index);
            NoduleDocument {
                number: f.number,
                tracking_uid: f.tracking_uid.clone(),
                center_lps_mm: <[f64; 3]>::from(f.center).map(round3).into(),
                center_voxel_zyx: <[f64; 3]>::from(f.center_voxel).map(round3).into(),
                key_sop_instance_uid: key.map(|s| s.sop_instance_uid.to_string()).unwrap_or_default(),
                key_frame_number: key.and_then(|s| s.frame_number),
                score: round3(f.score),
                long_axis_mm: round3(f.measures.long_axis_mm),
                short_axis_mm: round3(f.measures.short_axis_mm),
                mean_diameter_mm: round3(f.measures.mean_diameter_mm),
                volume_mm3: round3(f.measures.volume_mm3),
                hu_mean: round3(f.measures.hu_mean),
                hu_sd: round3(f.measures.hu_sd),
                attenuation: f.attenuation,
                character: f.character.map(rounded),
                side: f.side,
                place_in_lung: f
                    .place
                    .map(|p| LungPlace { height: round3(p.height), depth: round3(p.depth) }),
                lobe: f.lobe.map(|l| LobePlace { fissure_mm: round3(l.fissure_mm), ..l }),
                clinical: result.clinical.as_ref().and_then(|c| c.nodule(f.number)).cloned(),
            }
        });
        Self {
            study_instance_uid: result.study_instance_uid.to_string(),
            series_instance_uid: result.series_instance_uid.to_string(),
            state,
            reason: None,
            warnings: result
                .warnings
                .iter()
                .map(|w| ReasonDocument { code: w.code().to_owned(), message: w.to_string() })
                .collect(),
            timings_ms: result.timings_ms,
            pack: Some(PackDocument {
                name: result.pack.name.clone(),
                version: result.pack.version.clone(),
                sha256: result.pack.sha256.clone(),
                threshold: result.pack.threshold,
                runtime: result.pack.runtime.clone(),
            }),
            lungs: Some(LungsDocument {
                left_ml: round3(result.lungs.left_ml),
                right_ml: round3(result.lungs.right_ml),
            }),
            nodules: nodules.collect(),
            clinical: result.clinical.as_ref().map(|c| c.exam.clone()),
            triage: result.triage.clone(),
        }
    }

    /// A series without a result: still on its way, or failed.
    #[must_use]
    pub fn without_result(
        study: &str,
        series: &str,
        state: SeriesState,
        reason: Option<ReasonDocument>,
    ) -> Self {
        Self {
            study_instance_uid: study.to_owned(),
            series_instance_uid: series.to_owned(),
            state,
            reason,
            warnings: Vec::new(),
            timings_ms: Timings::default(),
            pack: None,
            lungs: None,
            nodules: Vec::new(),
            clinical: None,
            triage: None,
        }
    }

    /// A series that was not analysed, on purpose.
    #[must_use]
    pub fn skipped(study: &str, series: &str, reason: &SkipReason) -> Self {
        let reason = ReasonDocument { code: reason.code().to_owned(), message: reason.to_string() };
        Self::without_result(study, series, SeriesState::Skipped, Some(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a document that an earlier version wrote still reads, and says nothing of what it did not know. Method:
    /// a document of version 1 as it was written, kept as a file.
    #[test]
    fn a_document_of_version_1_still_reads() {
        let text = include_str!("../tests/findings-1.json");
        let document: FindingsDocument = serde_json::from_str(text).unwrap();
        assert_eq!(document.schema, "lungcad-findings/1");
        let series = &document.series[0];
        assert_eq!((series.nodules.len(), series.clinical.as_ref()), (1, None));
        let nodule = &series.nodules[0];
        assert_eq!((nodule.place_in_lung, nodule.clinical.as_ref()), (None, None));
        assert!((nodule.mean_diameter_mm - 13.868).abs() < 1e-9);
        assert_eq!(series.triage, None);
    }

    /// The same of version 2: what rules said is there, the exam's triage is not.
    #[test]
    fn a_document_of_version_2_still_reads() {
        let text = include_str!("../tests/findings-2.json");
        let document: FindingsDocument = serde_json::from_str(text).unwrap();
        assert_eq!(document.schema, "lungcad-findings/2");
        let series = &document.series[0];
        assert_eq!(series.clinical.as_ref().unwrap().guideline.as_deref(), Some("fleischner_2017"));
        let clinical = series.nodules[0].clinical.as_ref().unwrap();
        assert_eq!((clinical.risks.len(), clinical.guidelines.len()), (4, 6));
        assert_eq!(series.triage, None);
    }

    /// The same of version 3: triage is there, what a network says of type and margin is not.
    #[test]
    fn a_document_of_version_3_still_reads() {
        let text = include_str!("../tests/findings-3.json");
        let document: FindingsDocument = serde_json::from_str(text).unwrap();
        assert_eq!(document.schema, "lungcad-findings/3");
        let series = &document.series[0];
        assert!(series.triage.is_some());
        assert_eq!(series.nodules[0].character, None);
    }
}

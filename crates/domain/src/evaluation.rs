//! `evaluation.json` version 1: how a pack's marks, outlines and classes compare with truth.
//!
//! Rates of false marks are per [`DetectionDocument::unit`]. Shares carry the counts behind them, because with few
//! scans "n of m" says more than a percentage.

use crate::{LpsPoint, PackDocument, ReasonDocument};
use serde::{Deserialize, Serialize};

/// Value of `schema`.
pub const EVALUATION_SCHEMA: &str = "lungcad-evaluation/1";

/// The whole document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationDocument {
    /// Always [`EVALUATION_SCHEMA`].
    pub schema: String,
    /// lungcad version that wrote it.
    pub lungcad_version: String,
    /// What was the truth, as named by the caller.
    pub truth: String,
    /// Where the marks came from, as named by the caller.
    pub marks: String,
    /// Networks that made the marks, where known.
    pub pack: Option<PackDocument>,
    /// Scans that were to be read and were not, with the reason. They count as scans without marks.
    pub not_analyzed: Vec<ScanReason>,
    /// Scans with marks that the truth does not name; they are ignored.
    pub other_scans_count: usize,
    /// Marks against nodules; `null` where only classes were given.
    pub detection: Option<DetectionDocument>,
    /// Outlines against readers' outlines; `null` where there are none to compare.
    pub segmentation: Option<SegmentationDocument>,
    /// Classes against readers' classes.
    pub classification: Vec<ClassificationDocument>,
    /// Score against outcome; `null` where all marks are right or all wrong, or scores are no shares.
    pub calibration: Option<CalibrationDocument>,
}

/// Why a scan has no marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanReason {
    /// Series UID or file name.
    pub scan: String,
    /// Code and sentence.
    pub reason: ReasonDocument,
}

/// A number with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The number on all that was measured.
    pub value: f64,
    /// Mean of the draws, where it was drawn.
    pub mean: Option<f64>,
    /// Lower end, where there is an interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// Found of all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Those that were.
    pub found: usize,
    /// Of how many.
    pub total: usize,
    /// Wilson's 95 % interval; `null` of none.
    pub interval: Option<[f64; 2]>,
}

/// Sensitivity at a rate of false marks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateDocument {
    /// False marks per unit.
    pub rate: f64,
    /// Sensitivity read off the curve, with the interval of the drawn curves.
    pub sensitivity: Estimate,
    /// Nodules found without going over the rate (the step below the curve).
    pub found: usize,
    /// Score threshold of that step; `null` when no mark may be shown.
    pub threshold: Option<f64>,
}

/// What a false mark is counted per.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FalseMarkUnit {
    /// A scan.
    Scan,
    /// Five litres of what was searched: about a chest.
    FiveLitres,
}

impl FalseMarkUnit {
    /// In words, after "per".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::FiveLitres => "5-litre chest",
        }
    }
}

/// How many of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MarkCounts {
    /// Nodules found at any score.
    pub hits: usize,
    /// Nodules without a mark.
    pub missed: usize,
    /// False marks at any score.
    pub false_marks: usize,
    /// Marks ignored because a better one hit the same nodule.
    pub doubles: usize,
    /// Marks on findings that are neither right nor wrong.
    pub irrelevant: usize,
    /// Marks beyond the hundred of a scan that count.
    pub cut: usize,
}

/// Marks against nodules, by the rules of LUNA16.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectionDocument {
    /// What false marks are counted per.
    pub unit: FalseMarkUnit,
    /// How many units were searched.
    pub units_count: f64,
    /// Volume searched, litres; `null` where scans are counted.
    pub searched_litres: Option<f64>,
    /// Scans.
    pub scans_count: usize,
    /// Patients.
    pub patients_count: usize,
    /// Nodules that count.
    pub nodules_count: usize,
    /// Counts over all scans.
    pub counts: MarkCounts,
    /// At 1/8, 1/4, 1/2, 1, 2, 4 and 8 false marks; empty without a nodule.
    pub rates: Vec<RateDocument>,
    /// Mean of the seven; `null` without a nodule.
    pub cpm: Option<Estimate>,
    /// The same with centres allowed within max(radius, 4 mm): friendlier to nodules of 3 to 8 mm, not LUNA16.
    pub cpm_within_4_mm: Option<f64>,
    /// Draws behind the intervals, 0 where there are none.
    pub draws_count: usize,
    /// Their seed.
    pub seed: u64,
    /// The curve: false marks per unit, sensitivity, score threshold.
    pub curve: Vec<[f64; 3]>,
    /// What the pack's own operating points do here, where its thresholds are known.
    pub operating_points: Vec<OperatingPointDocument>,
    /// Subgroups.
    pub subgroups: Vec<SubgroupDocument>,
    /// Every nodule.
    pub nodules: Vec<NoduleOutcomeDocument>,
    /// The strongest false marks.
    pub false_marks: Vec<FalseMarkDocument>,
    /// Against the marks of a second system on the same scans.
    pub compared: Option<ComparedDocument>,
}

/// A threshold and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatingPointDocument {
    /// `quiet`, `balanced`, `sensitive`, `site`.
    pub name: String,
    /// Marks of this score and above.
    pub threshold: f64,
    /// Nodules found.
    pub sensitivity: Share,
    /// False marks per unit.
    pub false_marks: Estimate,
}

/// Sensitivity within a subgroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubgroupDocument {
    /// `size`, `type`, `place`, `slices`, `kernel`, `maker`.
    pub by: String,
    /// Which.
    pub group: String,
    /// Scans in it.
    pub scans_count: usize,
    /// Nodules in it.
    pub nodules_count: usize,
    /// CPM; `null` without a nodule. Of groups of nodules, false marks are those of all scans.
    pub cpm: Option<Estimate>,
    /// Found at the threshold that gives one false mark per unit over all scans.
    pub at_one: Share,
    /// False marks per unit at that threshold, of groups of scans.
    pub false_marks_at_one: Option<f64>,
    /// Fewer than 20 nodules: too few to say anything.
    pub too_few: bool,
}

/// One nodule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoduleOutcomeDocument {
    /// Scan.
    pub scan: String,
    /// Name in the truth, or its place in the list.
    pub id: String,
    /// Centre, LPS mm.
    pub center_lps_mm: LpsPoint,
    /// Diameter, mm.
    pub diameter_mm: f64,
    /// Best score on it; `null` when missed.
    pub score: Option<f64>,
    /// Rank of that mark in its scan, from 1.
    pub rank: Option<usize>,
}

/// One false mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FalseMarkDocument {
    /// Scan.
    pub scan: String,
    /// Centre, LPS mm.
    pub center_lps_mm: LpsPoint,
    /// Score.
    pub score: f64,
}

/// Two systems on the same patients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedDocument {
    /// The other system's marks, as named by the caller.
    pub other: String,
    /// Its CPM.
    pub cpm: f64,
    /// CPM of the first less that of the other, with its interval.
    pub difference: Estimate,
    /// Share of draws in which the first is not better: one-sided p.
    pub p_not_better: f64,
}

/// Outlines against readers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentationDocument {
    /// Nodules that were found and outlined; missed ones have no outline.
    pub outlines_count: usize,
    /// Against what most readers share, and reader by reader, over all and by group.
    pub groups: Vec<OutlineGroup>,
    /// Every outline.
    pub outlines: Vec<OutlineDocument>,
}

/// Outlines of one group of nodules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutlineGroup {
    /// `all`, or as in [`SubgroupDocument::by`].
    pub by: String,
    /// Which.
    pub group: String,
    /// Outlines in it.
    pub count: usize,
    /// Against the consensus.
    pub consensus: AgreementMeans,
    /// Against each single reader, where there are several.
    pub against_readers: Option<AgreementMeans>,
    /// The readers against each other, pair by pair.
    pub between_readers: Option<AgreementMeans>,
    /// Outlines whose volume lies within the readers' own smallest and largest.
    pub volume_within_readers: Share,
}

/// Means over pairs of outlines.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AgreementMeans {
    /// Pairs.
    pub count: usize,
    /// Dice.
    pub dice: f64,
    /// 10th and 90th percentile of Dice.
    pub dice_p10_p90: [f64; 2],
    /// Intersection over union.
    pub iou: f64,
    /// Mean distance of the surfaces, mm.
    pub surface_mm_mean: f64,
    /// Hausdorff distance at 95 %, mm.
    pub surface_mm_p95: f64,
    /// Volume of the first less that of the second, over that of the second: the bias.
    pub volume_error: f64,
    /// Mean of its size without sign.
    pub volume_error_absolute: f64,
}

/// One outline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutlineDocument {
    /// Scan.
    pub scan: String,
    /// Name in the truth.
    pub id: String,
    /// Diameter, mm.
    pub diameter_mm: f64,
    /// Readers that outlined it.
    pub readers_count: usize,
    /// Dice against the consensus.
    pub dice: f64,
    /// Mean distance of the surfaces, mm.
    pub surface_mm_mean: f64,
    /// Hausdorff distance at 95 %, mm.
    pub surface_mm_p95: f64,
    /// Volume, mm3.
    pub volume_mm3: f64,
    /// Consensus volume, mm3.
    pub consensus_mm3: f64,
    /// Mean Dice of the readers against each other, where there are several.
    pub between_readers_dice: Option<f64>,
}

/// A classification against readers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassificationDocument {
    /// What was classified: `type`, `calcified`, or a name of the caller.
    pub task: String,
    /// Classes, in order.
    pub classes: Vec<String>,
    /// Nodules.
    pub count: usize,
    /// `[truth][said]`.
    pub confusion: Vec<Vec<usize>>,
    /// Share of nodules classed right.
    pub accuracy: Share,
    /// Cohen's kappa, unweighted.
    pub kappa: Option<Estimate>,
    /// Area under the ROC curve, of two classes by a score.
    pub auc: Option<Estimate>,
    /// ROC curve: share of negatives, share of positives.
    pub roc: Vec<[f64; 2]>,
    /// Score against outcome, of two classes by a score.
    pub calibration: Option<CalibrationDocument>,
}

/// Score against outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationDocument {
    /// Marks of nearly equal number in each, by rising score.
    pub bins: Vec<CalibrationBin>,
    /// Mean squared distance of score and outcome.
    pub brier: f64,
    /// Mean distance of a bin's score and share.
    pub error: f64,
    /// Slope of the outcome's log odds on the score's; 1 is right.
    pub slope: f64,
    /// Intercept of the same; 0 is right.
    pub intercept: f64,
}

/// One bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Mean score.
    pub score_mean: f64,
    /// Those that came true.
    pub share: Share,
}

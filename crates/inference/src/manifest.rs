//! `pack.toml`, format 1: its types; the checks are in `manifest/check.rs`.
//!
//! The format is documented for people in `docs/MODEL_PACKS.md`. Unknown keys, kinds and roles are
//! refused, so that a pack never means more than this program understands.

mod check;
mod retinanet;
mod segmentation;

pub(crate) use check::{check_format, version_numbers};
pub use retinanet::{AnchorOffset, RetinanetDecode};
pub use segmentation::{SegmentationDecode, SliceFit};
use serde::Deserialize;

/// Text of `pack.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version, 1.
    pub format: u32,
    /// Name of the pack: lower-case letters, digits, hyphens; equals the name of the folder's parent.
    pub name: String,
    /// Version of the pack, `major.minor.patch`; equals the folder's name.
    pub version: String,
    /// SPDX expression of the licence of the files.
    pub licence: String,
    /// What the networks were made for, in words that a reader of a report understands.
    pub intended_input: String,
    /// What the networks learned from, or that they learned from nothing.
    pub training: String,
    /// Score thresholds that go with a stated number of false marks.
    pub operating_points: OperatingPoints,
    /// Logit to score; without it the score is the logistic of the logit.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// The networks, one per role; of detectors of kind `center-point` there may be several, which take turns.
    #[serde(rename = "network")]
    pub networks: Vec<NetworkSpec>,
}

/// Which of the three operating points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatingPoint {
    /// Fewest false marks.
    Quiet,
    /// The middle.
    Balanced,
    /// Most nodules.
    Sensitive,
}

/// Scores at and above which a candidate is reported, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoints {
    /// The point taken when the site chooses none.
    pub default: OperatingPoint,
    /// Threshold of [`OperatingPoint::Quiet`].
    pub quiet: f64,
    /// Threshold of [`OperatingPoint::Balanced`].
    pub balanced: f64,
    /// Threshold of [`OperatingPoint::Sensitive`].
    pub sensitive: f64,
}

impl OperatingPoints {
    /// Score threshold of a point, 0 to 1.
    #[must_use]
    pub fn threshold(&self, point: OperatingPoint) -> f64 {
        match point {
            OperatingPoint::Quiet => self.quiet,
            OperatingPoint::Balanced => self.balanced,
            OperatingPoint::Sensitive => self.sensitive,
        }
    }

    /// Score threshold of the default point.
    #[must_use]
    pub fn default_threshold(&self) -> f64 {
        self.threshold(self.default)
    }
}

/// `score = logistic(slope * logit + intercept)` (Platt scaling).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Factor of the logit, above 0.
    pub slope: f64,
    /// Added to it.
    pub intercept: f64,
}

/// What a network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Tile of the scan to marks.
    Detector,
    /// Patch around a mark to a logit: nodule or not.
    Reducer,
    /// Patch around a mark to its outline.
    Segmenter,
    /// Patch around a mark to its type.
    Characterizer,
    /// Scan to lungs.
    Lungs,
}

impl Role {
    /// Word of `pack.toml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Reducer => "reducer",
            Self::Segmenter => "segmenter",
            Self::Characterizer => "characterizer",
            Self::Lungs => "lungs",
        }
    }
}

/// How the output tensors of a network are to be read, with the numbers that this needs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Kind {
    /// Head `[1, 5, d, h, w]` at a stride: centre logit, offset z, y, x in cells, ln(diameter / reference).
    CenterPoint(CenterPointDecode),
    /// Heads of a RetinaNet with anchors, as MONAI's detector writes them; any input size up to a window.
    Retinanet3d(RetinanetDecode),
    /// Map `[1, c, d, h, w]` of the same grid as the input, one channel per named class.
    ProbabilityPatch(PatchDecode),
    /// Vector `[1, n]`, one number per named class.
    Classifier(ClassifierDecode),
    /// Whole axial slices to one class per pixel, `[1, c, 1, h, w]`.
    Segmentation(SegmentationDecode),
}

impl Kind {
    /// Word of `pack.toml`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::CenterPoint(_) => "center-point",
            Self::Retinanet3d(_) => "retinanet3d",
            Self::ProbabilityPatch(_) => "probability-patch",
            Self::Classifier(_) => "classifier",
            Self::Segmentation(_) => "segmentation",
        }
    }
}

/// Numbers of kind `center-point`. Cell `k` covers input voxels `stride * k` to `stride * k + stride - 1`;
/// a centre is `stride * (cell + offset) - 0.5` input voxels, a diameter `reference_diameter_mm * exp(channel 4)`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterPointDecode {
    /// Input voxels per cell, each axis.
    pub stride: usize,
    /// Input voxels at each face of the tile whose cells are not read, because they see too little around them.
    pub margin_voxels: usize,
    /// The graph takes a tile of any size whose edges are multiples of [`CenterPointDecode::SIZE_DIVISOR`], up to so many
    /// voxels: each scan gets the one that fits it best. Without it the stated size is the only one.
    #[serde(default)]
    pub tile_voxels_max: Option<usize>,
    /// How often each detector looks at a scan, 1 (default) or 2. With several looks (several detectors, or one that
    /// looks twice) each has its cells moved further by an equal part of the stride along each axis, and a candidate's
    /// logit is the mean of all: a network that strides answers a centre in the middle of a cell otherwise than one on
    /// the border of eight, and two networks err in different places.
    #[serde(default = "one")]
    pub phases: usize,
    /// Diameter whose channel 4 is zero, mm.
    pub reference_diameter_mm: f64,
    /// Lowest score that becomes a candidate, 0 to 1.
    pub score_min: f64,
    /// Most candidates of one scan.
    pub top_k: usize,
    /// Of two candidates nearer than this the weaker goes, mm ...
    pub nms_distance_mm: f64,
    /// ... or nearer than this share of the stronger one's diameter.
    pub nms_diameter_fraction: f64,
}

const fn one() -> usize {
    1
}

/// Numbers of kind `probability-patch`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchDecode {
    /// Names of the output's channels; the first of a segmenter is `nodule`.
    pub channels: Vec<String>,
    /// Probability at and above which a voxel belongs to the class.
    pub threshold: f64,
    /// The patch is taken at a coarser spacing where its edge would be shorter than this many diameters.
    #[serde(default)]
    pub edge_diameters_min: Option<f64>,
}

impl PatchDecode {
    /// `probability` moved along its logit so that the threshold comes to lie at one half, which is where outlines are
    /// drawn.
    #[must_use]
    pub fn centred(&self, probability: f32) -> f32 {
        #[allow(clippy::cast_possible_truncation)] // a number between 0 and 1
        let threshold = self.threshold as f32;
        let inside = probability * (1.0 - threshold);
        inside / (inside + (1.0 - probability) * threshold)
    }
}

/// Numbers of kind `classifier`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierDecode {
    /// Names of the output's numbers; a reducer has one, `nodule`. A characterizer has some of
    /// [`ClassifierDecode::CHARACTER`], in any order: the three types all or none.
    pub classes: Vec<String>,
    /// Characterizer: a trait that stands alone is stated as there from this probability on, as absent from one minus this
    /// down, and is unsure between.
    #[serde(default)]
    pub sure: Option<f64>,
    /// Reducer: logit = `detector_weight` x detector logit + `reducer_weight` x own logit + `bias`.
    #[serde(default)]
    pub detector_weight: Option<f64>,
    /// See `detector_weight`.
    #[serde(default)]
    pub reducer_weight: Option<f64>,
    /// See `detector_weight`.
    #[serde(default)]
    pub bias: Option<f64>,
}

impl ClassifierDecode {
    /// Classes that a characterizer may have; the first three exclude each other.
    pub const CHARACTER: [&str; 5] = ["solid", "part-solid", "non-solid", "calcified", "spiculated"];
}

/// Numbers in which a network was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberFormat {
    /// 32-bit floats.
    F32,
    /// Quantised, u8 activations and s8 weights.
    Int8,
}

impl NumberFormat {
    /// Word of `pack.toml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }
}

/// One network of a pack.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// What it is for.
    pub role: Role,
    /// How its output is read.
    pub decode: Kind,
    /// File name inside the pack folder.
    pub file: String,
    /// sha256 of that file, 64 lower-case hex digits.
    pub sha256: String,
    /// ONNX opset of the graph.
    pub opset: u32,
    /// Numbers of the graph.
    pub number_format: NumberFormat,
    /// Input tensors, in the order in which they are given to `Network::run_all`.
    #[serde(rename = "input")]
    pub inputs: Vec<InputSpec>,
    /// Output tensors, in the order in which they come back.
    #[serde(rename = "output")]
    pub outputs: Vec<OutputSpec>,
    /// Known input and output.
    pub selftest: SelftestSpec,
}

/// Order of the three space axes of a tensor, slowest first, and where they point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AxisOrder {
    /// Slices to the head, rows to the back, columns to the left: the order of `domain::Volume`.
    #[serde(rename = "lps-zyx")]
    LpsZyx,
    /// First axis to the right, second to the front, third to the head (MONAI, NIfTI).
    #[serde(rename = "ras-xyz")]
    RasXyz,
}

/// One input tensor: what to cut from a scan, and how to scale it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Name in the graph.
    pub tensor: String,
    /// `[1, 1, d, h, w]`.
    pub shape: Vec<usize>,
    /// Order of the last three axes.
    pub axes: AxisOrder,
    /// Distance of voxels along the last three axes, mm. A network of kind `segmentation` has none: 0.
    #[serde(default)]
    pub spacing_mm: [f64; 3],
    /// HU that become 0 and 1; below and above is clipped.
    pub hu_clip: [f64; 2],
    /// Value, after scaling, of what lies outside the scan.
    pub pad_value: f64,
}

impl InputSpec {
    /// HU to the tensor's value, 0 to 1.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)]
    pub fn scale(&self, hu: f32) -> f32 {
        let [low, high] = self.hu_clip.map(|v| v as f32);
        ((hu - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// Shape as five numbers; checked when the pack was read.
    #[must_use]
    pub fn shape5(&self) -> [usize; 5] {
        let mut shape = [1; 5];
        for (to, from) in shape.iter_mut().zip(&self.shape) {
            *to = *from;
        }
        shape
    }

    /// Voxels along the last three axes.
    #[must_use]
    pub fn edge(&self) -> [usize; 3] {
        let [_, _, d, h, w] = self.shape5();
        [d, h, w]
    }
}

/// What the numbers of an output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Log odds: the logistic function makes them probabilities.
    Logit,
    /// 0 to 1.
    Probability,
    /// Whole numbers, each the place of a class among the labels (kind `segmentation`).
    Label,
}

impl Activation {
    /// The output's number as a probability, 0 to 1.
    #[must_use]
    pub fn probability(self, value: f32) -> f32 {
        match self {
            Self::Logit => 1.0 / (1.0 + (-value).exp()),
            Self::Probability | Self::Label => value,
        }
    }
}

/// One output tensor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// Name in the graph.
    pub tensor: String,
    /// Its fixed shape.
    pub shape: Vec<usize>,
    /// What its numbers are.
    pub values: Activation,
}

/// Known output for the input that [`crate::selftest::pattern`] makes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelftestSpec {
    /// Largest absolute difference that passes.
    pub tolerance: f64,
    /// Known numbers.
    pub probes: Vec<Probe>,
}

/// One known number: `[output index, flat index in row-major order, value]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Probe(pub usize, pub usize, pub f64);

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a pack's threshold lands on one half, order and ends stay. Method: thresholds on both sides.
    #[test]
    fn a_threshold_becomes_one_half() {
        for threshold in [0.2, 0.5, 0.9] {
            let decode = PatchDecode { channels: vec!["nodule".into()], threshold, edge_diameters_min: None };
            assert!((decode.centred(threshold as f32) - 0.5).abs() < 1e-6);
            assert_eq!((decode.centred(0.0), decode.centred(1.0)), (0.0, 1.0));
            let rising: Vec<f32> = (0..=100u8).map(|i| decode.centred(f32::from(i) / 100.0)).collect();
            assert!(rising.is_sorted(), "{threshold}");
        }
    }
}

//! What a network proposes and what lungcad reports.

use crate::{LobePlace, LpsPoint, Mask, VoxelPoint};
use serde::{Deserialize, Serialize};

/// What a detector proposes, before outline and measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Centre in voxels of the scan.
    pub center_voxel: VoxelPoint,
    /// Diameter that the detector believes in, mm.
    pub diameter_mm: f64,
    /// 0 to 1, higher is more likely a nodule; comparable only within one pack.
    pub score: f64,
}

/// Attenuation class (Fleischner glossary, doi:10.1148/radiol.2462070712).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attenuation {
    /// Soft tissue hides the vessels behind it.
    Solid,
    /// Both a solid and a ground-glass part.
    PartSolid,
    /// Hazy; vessels show through.
    NonSolid,
    /// Dense calcium throughout or in a benign pattern.
    Calcified,
}

impl Attenuation {
    /// Word as it stands in JSON and CSV.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Solid => "solid",
            Self::PartSolid => "part-solid",
            Self::NonSolid => "non-solid",
            Self::Calcified => "calcified",
        }
    }
}

/// Side of the patient's body, by which lung holds the nodule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Patient's left (LPS x rising).
    Left,
    /// Patient's right.
    Right,
}

impl Side {
    /// Word as it stands in JSON and CSV.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// Where in its lung a nodule lies, by the extent of the lung mask.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LungPlace {
    /// 0 at the lowest, 1 at the highest slice of that lung.
    pub height: f64,
    /// 0 at the front, 1 at the back of that lung in the nodule's slice.
    pub depth: f64,
}

/// Measures of one outline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoduleMeasures {
    /// Slice with the largest area; the axes lie in it.
    pub key_slice_index: usize,
    /// Longest extent in that slice, between outer pixel borders, mm.
    pub long_axis_mm: f64,
    /// Greatest extent perpendicular to the long axis in that slice, mm.
    pub short_axis_mm: f64,
    /// Mean of long and short axis, mm (the figure of Lung-RADS and Fleischner; unrounded).
    pub mean_diameter_mm: f64,
    /// Ends of the long axis, LPS mm.
    pub long_axis_ends: [LpsPoint; 2],
    /// Ends of the short axis, LPS mm.
    pub short_axis_ends: [LpsPoint; 2],
    /// Sum of voxel volumes, mm3.
    pub volume_mm3: f64,
    /// Mean HU over the outline.
    pub hu_mean: f64,
    /// Standard deviation of HU over the outline.
    pub hu_sd: f64,
}

/// What the characterizer of a pack says a nodule is like, as readers would rate it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Character {
    /// Probabilities of the attenuation classes; `None` where the pack does not tell them apart.
    pub types: Option<TypeProbabilities>,
    /// Whether there is calcium in it.
    pub calcified: Option<Rated>,
    /// Whether its margin is spiculated.
    pub spiculated: Option<Rated>,
}

/// Probabilities of classes that exclude each other; their sum is 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TypeProbabilities {
    /// Solid.
    pub solid: f64,
    /// Part-solid.
    pub part_solid: f64,
    /// Non-solid.
    pub non_solid: f64,
}

impl TypeProbabilities {
    /// The class of the highest one.
    #[must_use]
    pub fn most_likely(self) -> Attenuation {
        if self.solid >= self.part_solid && self.solid >= self.non_solid {
            Attenuation::Solid
        } else if self.part_solid >= self.non_solid {
            Attenuation::PartSolid
        } else {
            Attenuation::NonSolid
        }
    }
}

/// A trait that is there or not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rated {
    /// Probability of yes, 0 to 1.
    pub probability: f64,
    /// Yes or no where the pack is sure, else `None`: unsure.
    pub answer: Option<bool>,
}

/// One reported nodule candidate of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// 1-based, by falling score; "Nodule 1" in SR, SEG and pictures.
    pub number: usize,
    /// Tracking Unique Identifier shared by SR and SEG.
    pub tracking_uid: String,
    /// Centroid of the outline, LPS mm.
    pub center: LpsPoint,
    /// Centroid of the outline, voxels `[z, y, x]` of the volume.
    pub center_voxel: VoxelPoint,
    /// Outline in voxels of the volume.
    pub mask: Mask,
    /// Sizes, volume, densities.
    pub measures: NoduleMeasures,
    /// Class, by the pack's characterizer where it has one that tells classes apart, else by HU.
    pub attenuation: Attenuation,
    /// What the pack's characterizer says; `None` without one and in results of earlier versions.
    #[serde(default)]
    pub character: Option<Character>,
    /// Which lung.
    pub side: Side,
    /// Where in that lung; `None` in results of earlier versions.
    #[serde(default)]
    pub place: Option<LungPlace>,
    /// In which lobe, by the fissures; `None` where they were not found and in results of earlier versions.
    #[serde(default)]
    pub lobe: Option<LobePlace>,
    /// The pack's score, 0 to 1.
    pub score: f64,
}

impl Finding {
    /// "Nodule 1": the same words in SR tracking identifier, SEG label, pictures and tables.
    #[must_use]
    pub fn label(&self) -> String {
        format!("Nodule {}", self.number)
    }
}

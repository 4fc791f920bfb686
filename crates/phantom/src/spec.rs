//! What is to be simulated: the scan, the nodules, the scanner's quirks, the faults.

use domain::Lobe;
use domain::{Attenuation, LpsPoint};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// How the patient lies in the scanner (Patient Position, PS3.3 C.7.3.1.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PatientPosition {
    /// Head first, supine.
    #[default]
    Hfs,
    /// Feet first, supine.
    Ffs,
    /// Head first, prone.
    Hfp,
    /// Feet first, prone.
    Ffp,
}

impl PatientPosition {
    /// Value of (0018,5100).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hfs => "HFS",
            Self::Ffs => "FFS",
            Self::Hfp => "HFP",
            Self::Ffp => "FFP",
        }
    }

    /// Whether the patient lies on the belly.
    #[must_use]
    pub fn is_prone(self) -> bool {
        matches!(self, Self::Hfp | Self::Ffp)
    }

    /// Directions of a row and of a column in the patient, LPS, for a picture that is fixed in the
    /// gantry: turning the patient turns them.
    #[must_use]
    pub fn row_and_column(self) -> [[f64; 3]; 2] {
        match self {
            Self::Hfs => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            Self::Ffs => [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            Self::Hfp => [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]],
            Self::Ffp => [[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]],
        }
    }
}

impl FromStr for PatientPosition {
    type Err = SpecError;
    fn from_str(text: &str) -> Result<Self, SpecError> {
        [Self::Hfs, Self::Ffs, Self::Hfp, Self::Ffp]
            .into_iter()
            .find(|p| p.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| SpecError::Word {
                what: "patient position",
                word: text.to_owned(),
                known: "HFS, FFS, HFP, FFP",
            })
    }
}

/// Reconstruction kernel: sharpness of edges and spectrum of the noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kernel {
    /// Half of the contrast is left at 0.35 per mm.
    #[default]
    Soft,
    /// At 0.45 per mm.
    Medium,
    /// At 0.6 per mm, with overshoot.
    Sharp,
}

impl Kernel {
    /// Value of (0018,1210).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Soft => "SOFT",
            Self::Medium => "MEDIUM",
            Self::Sharp => "SHARP",
        }
    }
}

/// How noisy the scan is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dose {
    /// Tube current times time; noise follows `1 / sqrt(mAs x thickness)` and the kernel.
    Mas(f64),
    /// Standard deviation in the heart, HU.
    NoiseSdHu(f64),
    /// No noise at all.
    Noiseless,
}

/// Order in which the slices are numbered and handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceOrder {
    /// Instance Number 1 at the head.
    #[default]
    HeadFirst,
    /// Instance Number 1 at the feet.
    FeetFirst,
    /// Any order; Instance Number says nothing about the place.
    Shuffled,
}

/// How stored values are made of HU: quirks of manufacturers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelStorage {
    /// Unsigned, intercept -1024.
    #[default]
    Unsigned1024,
    /// Unsigned, intercept -8192.
    Unsigned8192,
    /// Signed, intercept 0, -2000 outside a circle around the reconstructed field.
    SignedPaddedCircle,
    /// Slope and intercept differ from slice to slice (as PET/CT makers do).
    SlopePerSlice,
}

/// One instance per slice or one for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// CT Image Storage.
    #[default]
    SingleFrame,
    /// Legacy Converted Enhanced CT Image Storage, one instance of all slices.
    Enhanced,
}

/// Planned defects; slice indices count from the feet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Faults {
    /// This slice is never handed out.
    pub missing_slice_index: Option<usize>,
    /// This slice comes twice, the second time as another instance with other noise.
    pub duplicate_slice_index: Option<usize>,
    /// This slice comes after all others.
    pub late_slice_index: Option<usize>,
}

/// Where a nodule is planted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Free in this lobe, away from pleura and large vessels.
    Lobe(Lobe),
    /// In this lobe, touching the pleura of the chest wall.
    Juxtapleural(Lobe),
    /// In this lobe, on a vessel.
    Perivascular(Lobe),
    /// In this lobe, on a fissure.
    Perifissural(Lobe),
    /// Centre exactly here.
    At(LpsPoint),
}

/// Material of a nodule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoduleKind {
    /// Soft tissue.
    #[default]
    Solid,
    /// Haze with a solid core of half the diameter.
    PartSolid,
    /// Haze through which vessels show.
    NonSolid,
    /// Soft tissue with dense calcium.
    Calcified,
    /// Soft tissue around air.
    Cavitary,
}

impl NoduleKind {
    /// Attenuation class that a reader would give.
    #[must_use]
    pub fn attenuation(self) -> Attenuation {
        match self {
            Self::Solid | Self::Cavitary => Attenuation::Solid,
            Self::PartSolid => Attenuation::PartSolid,
            Self::NonSolid => Attenuation::NonSolid,
            Self::Calcified => Attenuation::Calcified,
        }
    }

    /// Word as it stands in the truth document and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Solid => "solid",
            Self::PartSolid => "part-solid",
            Self::NonSolid => "non-solid",
            Self::Calcified => "calcified",
            Self::Cavitary => "cavitary",
        }
    }
}

/// A nodule to plant. Its volume is that of a sphere of `diameter_mm`, whatever its shape.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoduleSpec {
    /// Diameter of the sphere of the same volume, mm; 2 to 40.
    pub diameter_mm: f64,
    /// Material.
    pub kind: NoduleKind,
    /// Where.
    pub place: Place,
    /// Depth of lobulation as a share of the radius, 0 to 0.3.
    pub lobulation: f64,
    /// Number of spicules, 0 to 24 (they come on top of the volume).
    pub spicules: u32,
    /// Longest over shortest half-axis, 1 to 2.
    pub elongation: f64,
}

impl Default for NoduleSpec {
    fn default() -> Self {
        Self {
            diameter_mm: 8.0,
            kind: NoduleKind::Solid,
            place: Place::Lobe(Lobe::Rul),
            lobulation: 0.06,
            spicules: 0,
            elongation: 1.1,
        }
    }
}

/// The whole scan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeriesSpec {
    /// The same seed gives the same scan to the bit, with any number of threads.
    pub seed: u64,
    /// Slices.
    pub slices_count: usize,
    /// Rows and columns.
    pub matrix: usize,
    /// Pixel spacing, mm.
    pub pixel_mm: f64,
    /// Distance between slices, mm.
    pub spacing_mm: f64,
    /// Slice thickness, mm.
    pub thickness_mm: f64,
    /// Middle of the stack, LPS mm; the middle of the chest is the origin.
    pub center_lps_mm: LpsPoint,
    /// How the patient lies.
    pub position: PatientPosition,
    /// Slices turned about the patient's left-right axis, stacked along their own normal.
    pub oblique_degrees: f64,
    /// Slices turned about that axis, stacked along the table: a sheared stack.
    pub tilt_degrees: f64,
    /// Reconstruction kernel.
    pub kernel: Kernel,
    /// Noise.
    pub dose: Dose,
    /// Numbering.
    pub order: SliceOrder,
    /// Stored values.
    pub storage: PixelStorage,
    /// Single-frame or multi-frame.
    pub object: ObjectKind,
    /// Planned defects.
    pub faults: Faults,
    /// What to plant.
    pub nodules: Vec<NoduleSpec>,
    /// Patient ID and name part; also goes into the UIDs.
    pub patient_id: String,
}

impl Default for SeriesSpec {
    fn default() -> Self {
        Self {
            seed: 1,
            slices_count: 275,
            matrix: 512,
            pixel_mm: 0.7,
            spacing_mm: 1.0,
            thickness_mm: 1.0,
            center_lps_mm: LpsPoint { x: 0.0, y: 4.0, z: -10.0 },
            position: PatientPosition::Hfs,
            oblique_degrees: 0.0,
            tilt_degrees: 0.0,
            kernel: Kernel::Soft,
            dose: Dose::Mas(30.0),
            order: SliceOrder::HeadFirst,
            storage: PixelStorage::Unsigned1024,
            object: ObjectKind::SingleFrame,
            faults: Faults::default(),
            nodules: Vec::new(),
            patient_id: "PHANTOM".to_owned(),
        }
    }
}

/// What is wrong with a description.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// A number outside its range.
    #[error("{what} is {value}, it must be {allowed}")]
    Range {
        /// Which number.
        what: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// A word nobody knows.
    #[error("{what} `{word}` is unknown; use {known}")]
    Word {
        /// What was read.
        what: &'static str,
        /// The word.
        word: String,
        /// Words that are known.
        known: &'static str,
    },
}

impl SeriesSpec {
    /// A screening scan with four nodules of different kind, size and place.
    #[must_use]
    pub fn demo(seed: u64) -> Self {
        let nodule =
            |diameter_mm, kind, place| NoduleSpec { diameter_mm, kind, place, ..NoduleSpec::default() };
        let nodules = vec![
            NoduleSpec {
                spicules: 9,
                lobulation: 0.12,
                ..nodule(13.0, NoduleKind::Solid, Place::Lobe(Lobe::Rul))
            },
            nodule(7.0, NoduleKind::Solid, Place::Juxtapleural(Lobe::Lll)),
            nodule(15.0, NoduleKind::PartSolid, Place::Lobe(Lobe::Lul)),
            nodule(6.0, NoduleKind::Calcified, Place::Lobe(Lobe::Rll)),
        ];
        Self { seed, nodules, ..Self::default() }
    }

    /// Checks every number.
    ///
    /// # Errors
    /// [`SpecError::Range`] with the first number that is outside its range.
    pub fn check(&self) -> Result<(), SpecError> {
        let whole = |what, v: usize, low: usize, high: usize, allowed| {
            if (low..=high).contains(&v) {
                Ok(())
            } else {
                Err(SpecError::Range { what, value: v as f64, allowed })
            }
        };
        whole("slices_count", self.slices_count, 1, 2000, "1 to 2000")?;
        whole("matrix", self.matrix, 32, 1024, "32 to 1024")?;
        within("pixel_mm", self.pixel_mm, 0.2, 8.0, "0.2 to 8")?;
        within("spacing_mm", self.spacing_mm, 0.2, 20.0, "0.2 to 20")?;
        within("thickness_mm", self.thickness_mm, 0.2, 20.0, "0.2 to 20")?;
        within("oblique_degrees", self.oblique_degrees, -60.0, 60.0, "-60 to 60")?;
        within("tilt_degrees", self.tilt_degrees, -30.0, 30.0, "-30 to 30")?;
        match self.dose {
            Dose::Mas(v) => within("dose (mAs)", v, 0.5, 1000.0, "0.5 to 1000")?,
            Dose::NoiseSdHu(v) => within("dose (noise SD)", v, 0.0, 500.0, "0 to 500")?,
            Dose::Noiseless => {}
        }
        for nodule in &self.nodules {
            within("nodule diameter_mm", nodule.diameter_mm, 2.0, 40.0, "2 to 40")?;
            within("nodule lobulation", nodule.lobulation, 0.0, 0.3, "0 to 0.3")?;
            within("nodule elongation", nodule.elongation, 1.0, 2.0, "1 to 2")?;
            within("nodule spicules", f64::from(nodule.spicules), 0.0, 24.0, "0 to 24")?;
        }
        Ok(())
    }
}

fn within(
    what: &'static str,
    value: f64,
    low: f64,
    high: f64,
    allowed: &'static str,
) -> Result<(), SpecError> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(SpecError::Range { what, value, allowed }) }
}

//! Why a series was not analysed, and what a reader should know when it was.

use crate::SeriesInstanceUid;
use serde::{Deserialize, Serialize};

/// Why a series was not analysed, on purpose. Stored, shown, and sent where configured; never silence.
///
/// `code()` is stable and meant for scripts; `to_string()` is the sentence for people, with the way out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SkipReason {
    /// No CT image in the series (SR, SEG, PR, secondary capture and whatever else a study carries).
    #[error("series holds no CT images (SOP class {sop_class_uid}); only CT is analysed")]
    NotCt {
        /// SOP Class UID of the first instance.
        sop_class_uid: String,
    },
    /// Scout views only.
    #[error("series holds only localizer images; send the axial series")]
    Localizer,
    /// A dose report or screen save stored as an image.
    #[error("series is a dose report or screen save, not a scan")]
    DoseReport,
    /// A reformat, MIP or other image computed from the scan.
    #[error("series is a derived reformat ({image_type}); send the original axial series")]
    DerivedReformat {
        /// ImageType (0008,0008) as received.
        image_type: String,
    },
    /// Not enough slices to be a chest.
    #[error(
        "only {count} axial slices, at least {count_min} are needed; send the whole series or lower assembly.slices_count_min"
    )]
    TooFewSlices {
        /// Slices of the largest stack.
        count: usize,
        /// The configured minimum.
        count_min: usize,
    },
    /// The stack is shorter than a chest.
    #[error(
        "slices cover {coverage_mm:.0} mm, at least {coverage_mm_min:.0} mm are needed; send the whole series or lower assembly.coverage_mm_min"
    )]
    CoverageTooShort {
        /// First to last slice position.
        coverage_mm: f64,
        /// The configured minimum.
        coverage_mm_min: f64,
    },
    /// Slices are missing.
    #[error(
        "slice gap: {gap_mm:.2} mm after slice {after_slice_number} where the others are {spacing_mm:.2} mm apart; resend the missing slices"
    )]
    SliceGap {
        /// 1-based number, counted from the feet, of the slice before the gap.
        after_slice_number: usize,
        /// Width of the gap.
        gap_mm: f64,
        /// Usual spacing.
        spacing_mm: f64,
    },
    /// Spacing changes along the stack in a way that is not a gap.
    #[error(
        "slice spacing is uneven ({spacing_mm_min:.2} to {spacing_mm_max:.2} mm); send a reconstruction with even spacing"
    )]
    UnevenSpacing {
        /// Smallest distance between neighbours.
        spacing_mm_min: f64,
        /// Largest distance between neighbours.
        spacing_mm_max: f64,
    },
    /// Two different slices at the same place (several phases or reconstructions in one series).
    #[error(
        "{count} positions hold more than one image with different pixels (first at {position_mm:.2} mm along the normal); send each phase as its own series"
    )]
    DuplicatePosition {
        /// Positions concerned.
        count: usize,
        /// First such position.
        position_mm: f64,
    },
    /// Slices of different orientation.
    #[error(
        "slices have different orientations and no single stack is complete; send the axial series alone"
    )]
    MixedOrientation,
    /// Slices of different size or pixel spacing.
    #[error("slices have different matrix size or pixel spacing; send one reconstruction per series")]
    MixedMatrix,
    /// Slices do not lie across the body.
    #[error("slices are not axial ({tilt_degrees:.0} degrees from it); send the axial series")]
    NotAxial {
        /// Angle of the slice normal to the body axis.
        tilt_degrees: f64,
    },
    /// Gantry tilt shears the stack more than is corrected.
    #[error(
        "gantry tilt of {tilt_degrees:.1} degrees shears the stack; send a series without tilt or raise assembly.tilt_degrees_max"
    )]
    GantryTilt {
        /// Angle between slice normal and table movement.
        tilt_degrees: f64,
    },
    /// Slices too thick to see nodules.
    #[error(
        "slices are {thickness_mm:.1} mm thick or apart, at most {thickness_mm_max:.1} mm is analysed; send the thin reconstruction or raise assembly.thickness_mm_max"
    )]
    SlicesTooThick {
        /// Larger of spacing and SliceThickness.
        thickness_mm: f64,
        /// The configured maximum.
        thickness_mm_max: f64,
    },
    /// Position, orientation or pixel spacing is missing.
    #[error(
        "{attribute} is missing or malformed in instance {sop_instance_uid}; the scanner or a router dropped it"
    )]
    GeometryMissing {
        /// DICOM keyword.
        attribute: String,
        /// First instance concerned.
        sop_instance_uid: String,
    },
    /// Pixels are not a CT's: colour, wrong bit depth, inverted, not in HU.
    #[error("pixel format is not that of a CT ({detail})")]
    PixelFormat {
        /// What was found.
        detail: String,
    },
    /// A decoder refused a slice.
    #[error("pixels of instance {sop_instance_uid} cannot be decoded: {detail}; resend it")]
    DecodeFailed {
        /// Instance concerned.
        sop_instance_uid: String,
        /// The decoder's words.
        detail: String,
    },
    /// No two lungs in the picture.
    #[error("no chest found in the pixels ({detail})")]
    NotChest {
        /// What was measured.
        detail: String,
    },
    /// Another reconstruction of the same acquisition is better for nodules.
    #[error("series {better_series_instance_uid} of the same acquisition was analysed instead: {why}")]
    BetterReconstruction {
        /// The series that was taken.
        better_series_instance_uid: SeriesInstanceUid,
        /// In what it is better.
        why: String,
    },
}

impl SkipReason {
    /// Stable upper-case code for scripts, metrics and the SR's CompletionFlagDescription.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotCt { .. } => "NOT_CT",
            Self::Localizer => "LOCALIZER",
            Self::DoseReport => "DOSE_REPORT",
            Self::DerivedReformat { .. } => "DERIVED_REFORMAT",
            Self::TooFewSlices { .. } => "TOO_FEW_SLICES",
            Self::CoverageTooShort { .. } => "COVERAGE_TOO_SHORT",
            Self::SliceGap { .. } => "SLICE_GAP",
            Self::UnevenSpacing { .. } => "UNEVEN_SPACING",
            Self::DuplicatePosition { .. } => "DUPLICATE_POSITION",
            Self::MixedOrientation => "MIXED_ORIENTATION",
            Self::MixedMatrix => "MIXED_MATRIX",
            Self::NotAxial { .. } => "NOT_AXIAL",
            Self::GantryTilt { .. } => "GANTRY_TILT",
            Self::SlicesTooThick { .. } => "SLICES_TOO_THICK",
            Self::GeometryMissing { .. } => "GEOMETRY_MISSING",
            Self::PixelFormat { .. } => "PIXEL_FORMAT",
            Self::DecodeFailed { .. } => "DECODE_FAILED",
            Self::NotChest { .. } => "NOT_CHEST",
            Self::BetterReconstruction { .. } => "BETTER_RECONSTRUCTION",
        }
    }
}

/// What a reader should know of a series that was analysed all the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SeriesWarning {
    /// Slices of 3 mm and more: small nodules are missed, volumes are coarse.
    #[error(
        "slices are {thickness_mm:.1} mm thick or apart: small nodules may be missed and volumes are coarse"
    )]
    ThickSlices {
        /// Larger of spacing and SliceThickness.
        thickness_mm: f64,
    },
    /// Pixels went through lossy compression.
    #[error("pixels were compressed with loss: densities and small nodules may be off")]
    LossyCompression,
    /// A sheared stack was straightened.
    #[error("gantry tilt of {tilt_degrees:.1} degrees was corrected by resampling")]
    TiltCorrected {
        /// Angle that was removed.
        tilt_degrees: f64,
    },
    /// A single missing slice was interpolated.
    #[error("one missing slice after slice {after_slice_number} was interpolated from its neighbours")]
    SliceInterpolated {
        /// 1-based number, counted from the feet, of the slice before the gap.
        after_slice_number: usize,
    },
    /// Slices were left out (localizers in the series, stray tail).
    #[error("{count} images of the series were left out: {why}")]
    SlicesLeftOut {
        /// How many.
        count: usize,
        /// Why.
        why: String,
    },
    /// RescaleIntercept or RescaleSlope absent; the CT default was assumed.
    #[error("rescale values are missing; slope 1 and intercept {intercept} were assumed")]
    RescaleAssumed {
        /// Intercept used.
        intercept: f64,
    },
    /// Contrast agent given.
    #[error("contrast agent was given: densities are not those of a plain scan")]
    ContrastAgent,
}

impl SeriesWarning {
    /// Stable upper-case code for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ThickSlices { .. } => "THICK_SLICES",
            Self::LossyCompression => "LOSSY_COMPRESSION",
            Self::TiltCorrected { .. } => "TILT_CORRECTED",
            Self::SliceInterpolated { .. } => "SLICE_INTERPOLATED",
            Self::SlicesLeftOut { .. } => "SLICES_LEFT_OUT",
            Self::RescaleAssumed { .. } => "RESCALE_ASSUMED",
            Self::ContrastAgent => "CONTRAST_AGENT",
        }
    }
}

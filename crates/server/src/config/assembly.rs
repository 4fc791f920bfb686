//! `[assembly]`: which series become a volume.

use super::{ConfigError, within};
use serde::Deserialize;

/// `[assembly]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    slices_count_min: i64,
    coverage_mm_min: f64,
    thickness_mm_max: f64,
    thickness_mm_warn: f64,
    tilt_degrees_max: f64,
}

/// Limits of what is analysed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AssemblySettings {
    /// Slices needed.
    pub(crate) slices_count_min: usize,
    /// First to last slice, mm.
    pub(crate) coverage_mm_min: f64,
    /// Thickest slice analysed, mm.
    pub(crate) thickness_mm_max: f64,
    /// Thickness from which a warning stands in the result, mm.
    pub(crate) thickness_mm_warn: f64,
    /// Largest gantry tilt that is corrected, degrees.
    pub(crate) tilt_degrees_max: f64,
}

impl AssemblySettings {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, ConfigError> {
        let count = within("assembly.slices_count_min", raw.slices_count_min, 2, 10_000)?;
        Ok(Self {
            slices_count_min: usize::try_from(count).unwrap_or(2),
            coverage_mm_min: within("assembly.coverage_mm_min", raw.coverage_mm_min, 0.0, 2_000.0)?,
            thickness_mm_max: within("assembly.thickness_mm_max", raw.thickness_mm_max, 0.1, 20.0)?,
            thickness_mm_warn: within("assembly.thickness_mm_warn", raw.thickness_mm_warn, 0.1, 20.0)?,
            tilt_degrees_max: within("assembly.tilt_degrees_max", raw.tilt_degrees_max, 0.0, 45.0)?,
        })
    }
}

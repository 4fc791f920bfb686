//! Which instances make one stack, in what order, on what grid: pure, on headers alone.
//!
//! [`plan`] answers with a [`VolumePlan`] or the coded reason why the series is not analysed.
//! [`reconstruction`] says which of several reconstructions of one acquisition is best for nodules.

use crate::conformance::{self, Loss};
use crate::header::InstanceHeader;
use crate::volume::VolumePlan;
use domain::{SeriesWarning, SkipReason};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

mod completeness;
mod content;
mod grid;
pub mod reconstruction;
mod stack;

pub use completeness::geometry_is_gapless;
pub(crate) use grid::Grid as GridLayout;
pub use reconstruction::{AcquisitionKey, ReconstructionSummary, acquisition_key, better_reconstruction};

/// What is accepted as a chest scan. Lengths in mm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssemblyRules {
    /// Fewest slices of a stack.
    pub slices_count_min: usize,
    /// Shortest way from first to last slice.
    pub coverage_mm_min: f64,
    /// Slices of this thickness or spacing and above are analysed with a warning.
    pub thickness_mm_warn: f64,
    /// Slices thicker or farther apart are refused.
    pub thickness_mm_max: f64,
    /// Largest gantry tilt that is corrected by resampling, degrees.
    pub tilt_degrees_max: f64,
    /// Smallest z component of the slice normal (0.97 is 14 degrees from axial).
    pub normal_z_min: f64,
    /// Largest deviation of one slice distance from the usual one.
    pub spacing_tolerance_mm: f64,
    /// What to do about one single missing slice.
    pub single_gap: SingleGap,
}

/// What to do about one single missing slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SingleGap {
    /// Fill it with the mean of its neighbours, with a warning.
    Interpolate,
    /// Refuse the series.
    Refuse,
}

impl Default for AssemblyRules {
    fn default() -> Self {
        Self {
            slices_count_min: 40,
            coverage_mm_min: 150.0,
            thickness_mm_warn: 3.0,
            thickness_mm_max: 5.0,
            tilt_degrees_max: 10.0,
            normal_z_min: 0.97,
            spacing_tolerance_mm: 0.1,
            single_gap: SingleGap::Interpolate,
        }
    }
}

/// Picks the stack of a series and lays out its volume.
///
/// # Errors
/// [`SkipReason`] when the series cannot or should not be analysed.
pub fn plan(headers: &[InstanceHeader], rules: &AssemblyRules) -> Result<VolumePlan, SkipReason> {
    let content = content::choose(headers)?;
    let mut left_out = content.left_out;
    let slices = stack::slices(headers, &content.images, &mut left_out)?;
    let total = slices.len();
    let groups = stack::by_grid(slices);
    let group = groups.largest(rules.slices_count_min, total)?;
    left_out.add(total - group.len(), "another orientation, matrix size or pixel spacing");
    let stack = stack::without_duplicates(headers, group, rules, &mut left_out)?;
    check_pixels(headers, &stack)?;
    let grid = grid::lay_out(headers, stack, rules, &mut left_out)?;

    let used: BTreeSet<usize> = grid.slices.iter().map(|s| s.header).collect();
    let mut warnings = grid.warnings.clone();
    if grid.thickness_mm >= rules.thickness_mm_warn {
        warnings.push(SeriesWarning::ThickSlices { thickness_mm: grid.thickness_mm });
    }
    warnings.extend(left_out.into_warnings());
    warnings.extend(pixel_warnings(headers, &used));
    Ok(VolumePlan::new(headers, grid, warnings))
}

/// Sums up why images were not used.
#[derive(Debug, Clone, Default)]
struct LeftOut(Vec<(usize, String)>);

impl LeftOut {
    fn add(&mut self, count: usize, why: &str) {
        if count == 0 {
            return;
        }
        match self.0.iter_mut().find(|(_, w)| w == why) {
            Some((n, _)) => *n += count,
            None => self.0.push((count, why.to_owned())),
        }
    }

    fn into_warnings(self) -> impl Iterator<Item = SeriesWarning> {
        self.0.into_iter().map(|(count, why)| SeriesWarning::SlicesLeftOut { count, why })
    }
}

/// Every slice must be 16-bit monochrome in HU.
fn check_pixels(headers: &[InstanceHeader], stack: &[stack::Slice]) -> Result<(), SkipReason> {
    for header in stack.iter().filter_map(|s| headers.get(s.header)) {
        let Some(pixels) = &header.pixels else { continue };
        let wrong = |detail: String| Err(SkipReason::PixelFormat { detail });
        if pixels.samples_per_pixel != 1 || !pixels.photometric.starts_with("MONOCHROME") {
            return wrong(format!("{} with {} samples", pixels.photometric, pixels.samples_per_pixel));
        }
        if pixels.bits_allocated != 16 || pixels.bits_stored < 12 {
            return wrong(format!("{} bits stored in {}", pixels.bits_stored, pixels.bits_allocated));
        }
        // Absent means HU for original CT (PS3.3 C.8.2.1.1.2); `HU_MOD` is still HU.
        if header.rescale_type.as_deref().is_some_and(|t| !t.to_ascii_uppercase().starts_with("HU")) {
            return wrong(format!("RescaleType {}", header.rescale_type.as_deref().unwrap_or_default()));
        }
        if !crate::pixels::decodes(&header.transfer_syntax_uid) {
            return wrong(format!("transfer syntax {} has no decoder", header.transfer_syntax_uid));
        }
    }
    Ok(())
}

/// Warnings about what the pixels are.
fn pixel_warnings(headers: &[InstanceHeader], used: &BTreeSet<usize>) -> Vec<SeriesWarning> {
    let mut warnings = Vec::new();
    let used: Vec<&InstanceHeader> = used.iter().filter_map(|i| headers.get(*i)).collect();
    let lossy = |h: &&InstanceHeader| {
        h.lossy_image_compression.as_deref() == Some("01")
            || conformance::transfer_syntax(&h.transfer_syntax_uid).is_some_and(|t| t.lossy == Loss::Lossy)
    };
    if used.iter().any(lossy) {
        warnings.push(SeriesWarning::LossyCompression);
    }
    let assumed = used.iter().find(|h| h.frames.iter().any(|f| f.slope.is_none() || f.intercept.is_none()));
    if let Some(header) = assumed {
        warnings.push(SeriesWarning::RescaleAssumed { intercept: header.assumed_intercept() });
    }
    if used.iter().any(|h| h.contrast_bolus_agent.is_some()) {
        warnings.push(SeriesWarning::ContrastAgent);
    }
    warnings
}

#[cfg(test)]
#[path = "group/tests.rs"]
mod tests;

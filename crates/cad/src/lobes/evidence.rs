//! What the pixels say for and against a fissure at each place of a chart's columns.
//!
//! A fissure is a thin bright sheet, or, where slices are too thick to show it, the layer without vessels between
//! two lobes, which each have vessels of their own.

use super::atlas::{ACROSS, ALONG, LungFrame, Surface};
use crate::components::{Connectivity, label};
use crate::morphology;
use crate::resample::trilinear;
use domain::{Volume, VoxelPoint};
use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView3, Axis, s};

/// Aerated lung is darker than this, HU.
const AERATED_HU: f32 = -600.0;
/// Coarse voxels brighter than the lung's median by this much hold a vessel, HU.
const VESSEL_HU: f32 = 220.0;
/// Less than this is no vessel but noise, mm3.
const VESSEL_MM3_MIN: f64 = 48.0;
/// Further from vessels than this is as good as any distance, mm.
const VESSEL_FREE_MM: f32 = 14.0;
/// A sheet stands out against what lies this far on either side, mm.
const SHEET_MM: usize = 2;
/// A sheet that stands out by this much is as good as one can be, HU.
const SHEET_HU: f32 = 70.0;
/// Brighter than the median by more is cut off, so that a vessel does not pass for a strong sheet, HU.
const BRIGHT_HU: f32 = 100.0;
/// Weights of the sheet and of the distance to vessels.
const SHEET_WEIGHT: f32 = 2.0;
const FREE_WEIGHT: f32 = 1.5;
/// Every so manieth voxel along each axis stands for those around it.
const PLACES_STEP: usize = 3;
/// A sheet of this part of [`SHEET_HU`] can be seen.
pub(super) const SEEN: f32 = 0.3;

/// One lung, ready to be asked.
pub(super) struct Scene<'a> {
    volume: &'a Volume,
    pub(super) frame: LungFrame,
    lung: ArrayView3<'a, bool>,
    vessel_mm: Array3<f32>,
    median_hu: f32,
}

impl<'a> Scene<'a> {
    /// `hu` are block means on the grid of `lung`. `None` when there is no aerated lung.
    pub(super) fn of(
        volume: &'a Volume,
        hu: ArrayView3<'_, f32>,
        lung: ArrayView3<'a, bool>,
        frame: LungFrame,
    ) -> Option<Self> {
        let spacing = frame.spacing_mm;
        let core = morphology::erode(lung, spacing.into_iter().fold(0.0, f64::max) * 1.01, spacing);
        let aerated = core.iter().zip(hu).filter(|(inside, hu)| **inside && **hu < AERATED_HU);
        let mut values: Vec<f32> = aerated.map(|(_, hu)| *hu).collect();
        if values.is_empty() {
            return None;
        }
        let middle = values.len() / 2;
        let median_hu = *values.select_nth_unstable_by(middle, f32::total_cmp).1;
        let bright = ndarray::Zip::from(lung).and(hu).map_collect(|l, v| *l && *v - median_hu > VESSEL_HU);
        let found = label(bright.view(), Connectivity::TwentySix);
        let least = VESSEL_MM3_MIN / frame.affine.voxel_mm3();
        let vessels = found.labels.mapv(|l| l > 0 && found.voxel_counts[l as usize - 1] as f64 >= least);
        let vessel_mm = morphology::distance_squared_mm2(vessels.view(), spacing).mapv(f32::sqrt);
        Some(Self { volume, frame, lung, vessel_mm, median_hu })
    }

    /// Places all over the lung, in its frame.
    pub(super) fn places(&self) -> Vec<[f64; 3]> {
        let thin = self.lung.slice(s![..;PLACES_STEP, ..;PLACES_STEP, ..;PLACES_STEP]);
        let held = thin.indexed_iter().filter(|(_, inside)| **inside);
        let voxel = |v: usize| (v * PLACES_STEP) as f64;
        held.map(|((z, y, x), _)| self.frame.place_of_voxel([voxel(z), voxel(y), voxel(x)])).collect()
    }
}

/// Evidence along the columns of a chart: element `[across, along, k]` lies `k - reach` mm above `base`.
pub(super) struct Columns {
    pub(super) base: Surface,
    /// Steps of 1 mm on either side of the base.
    pub(super) reach: usize,
    /// Units of `u` in 1 mm.
    pub(super) height_per_mm: f64,
    /// Whether that place lies in the lung.
    pub(super) inside: Array3<bool>,
    /// Low where a fissure is likely; 0 outside the lung.
    pub(super) cost: Array3<f32>,
    /// How much of a sheet can be seen, 0 to 1.
    pub(super) sheet: Array3<f32>,
}

impl Columns {
    /// Asks `scene` for every place up to `reach` mm above and below `base`.
    pub(super) fn around(scene: &Scene<'_>, base: Surface, reach: usize) -> Self {
        let fissure = base.fissure;
        let height_per_mm = 1.0 / scene.frame.mm_per_height(fissure);
        let depth = 2 * reach + 1;
        let shape = (ACROSS, ALONG, depth);
        let mut inside = Array3::from_elem(shape, false);
        let (mut hu, mut free) = (Array3::zeros(shape), Array3::zeros(shape));
        inside
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(hu.axis_iter_mut(Axis(0)).into_par_iter())
            .zip(free.axis_iter_mut(Axis(0)).into_par_iter())
            .enumerate()
            .for_each(|(i, ((mut inside, mut hu), mut free))| {
                for j in 0..ALONG {
                    let [a, b] = fissure.column(i, j);
                    for k in 0..depth {
                        let u = base.height[[i, j]] + (k as f64 - reach as f64) * height_per_mm;
                        let voxel = scene.frame.voxel(fissure.lift([a, b, u]));
                        inside[[j, k]] = crate::lungs::at(scene.lung, voxel);
                        hu[[j, k]] = if inside[[j, k]] { scene.hu(voxel) } else { scene.median_hu };
                        free[[j, k]] = trilinear(scene.vessel_mm.view(), voxel).unwrap_or(0.0);
                    }
                }
            });
        let ceiling = scene.median_hu + BRIGHT_HU;
        let even = meaned(hu.mapv(|v: f32| v.min(ceiling)));
        let (mut cost, mut sheet) = (Array3::zeros(shape), Array3::zeros(shape));
        for i in 0..ACROSS {
            for j in 0..ALONG {
                for k in (0..depth).filter(|k| inside[[i, j, *k]]) {
                    let at = |k: usize| even[[i, j, k]];
                    if k >= SHEET_MM
                        && k + SHEET_MM < depth
                        && inside[[i, j, k - SHEET_MM]]
                        && inside[[i, j, k + SHEET_MM]]
                    {
                        let over = at(k) - at(k - SHEET_MM).max(at(k + SHEET_MM));
                        sheet[[i, j, k]] = (over / SHEET_HU).clamp(0.0, 1.0);
                    }
                    let free = (free[[i, j, k]] / VESSEL_FREE_MM).min(1.0);
                    cost[[i, j, k]] = -SHEET_WEIGHT * sheet[[i, j, k]] - FREE_WEIGHT * free;
                }
            }
        }
        Self { base, reach, height_per_mm, inside, cost, sheet }
    }

    /// The element that lies `offset` (units of `u`) above the base; `None` beyond the reach.
    pub(super) fn step(&self, offset: f64) -> Option<usize> {
        let step = (offset / self.height_per_mm).round() + self.reach as f64;
        (step >= 0.0 && step <= 2.0 * self.reach as f64).then_some(step as usize)
    }

    /// Height of element `[across, along, step]`.
    pub(super) fn height(&self, across: usize, along: usize, step: usize) -> f64 {
        self.base.height[[across, along]] + (step as f64 - self.reach as f64) * self.height_per_mm
    }
}

impl Scene<'_> {
    /// HU of the scan at a voxel of the lung's grid.
    fn hu(&self, voxel: VoxelPoint) -> f32 {
        let place = self.volume.affine.to_voxel(self.frame.affine.to_lps(voxel));
        trilinear(self.volume.hu.view(), place).unwrap_or(self.median_hu).max(-1000.0)
    }
}

/// Mean over each column and its eight neighbours, at equal steps; the rim repeats itself.
fn meaned(values: Array3<f32>) -> Array3<f32> {
    let pass = |values: &Array3<f32>, axis: Axis| {
        let mut out = Array3::zeros(values.dim());
        let last = values.len_of(axis) - 1;
        for (i, mut plane) in out.axis_iter_mut(axis).enumerate() {
            for neighbour in [i.saturating_sub(1), i, (i + 1).min(last)] {
                plane += &values.index_axis(axis, neighbour);
            }
        }
        out
    };
    pass(&pass(&values, Axis(0)), Axis(1)) / 9.0
}

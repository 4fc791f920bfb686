//! Trachea and main bronchi: the column of gas that must not count as lung and that joins the two.

use super::coarse::Coarse;
use crate::components::{Connectivity, Labels, label};
use crate::morphology;
use ndarray::{Array3, ArrayView3};

/// Largest volume of trachea and bronchi on the coarse grid, ml; more means the gas has leaked into lung.
const AIRWAYS_ML_MAX: f64 = 110.0;
/// Smallest, ml.
const AIRWAYS_ML_MIN: f64 = 3.0;
/// The trachea reaches at least over this height, mm.
const HEIGHT_MM_MIN: f64 = 35.0;
/// Median area of the trachea per slice, mm2.
const AREA_MM2: std::ops::RangeInclusive<f64> = 30.0..=900.0;
/// Wall and partial volume around the gas, mm.
const WALL_MM: f64 = 2.6;

/// Finds the airways within the enclosed `air`: the highest threshold at which a tall narrow column near the
/// middle of the body is not yet joined to a lung. Gas and wall; empty when there is no such column.
pub(super) fn find(coarse: &Coarse, air: ArrayView3<'_, bool>) -> Array3<bool> {
    let spacing = coarse.affine.spacing_mm_zyx();
    let middle = middle_column(air);
    for step in 0..14 {
        let threshold = -880.0 - 10.0 * step as f32;
        let gas = ndarray::Zip::from(&air).and(&coarse.hu).map_collect(|air, hu| *air && *hu < threshold);
        let found = label(gas.view(), Connectivity::Six);
        if let Some(one) = trachea(&found, coarse, middle) {
            let mut mask = morphology::dilate(found.mask(one).view(), WALL_MM, spacing);
            mask.zip_mut_with(&air, |m, air| *m = *m && *air);
            return mask;
        }
    }
    Array3::from_elem(air.dim(), false)
}

/// Mean column of all enclosed air: the middle of the body, roughly.
fn middle_column(air: ArrayView3<'_, bool>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for ((_, _, x), _) in air.indexed_iter().filter(|(_, inside)| **inside) {
        sum += x as f64;
        count += 1.0;
    }
    sum / f64::max(count, 1.0)
}

struct Shape {
    voxels: usize,
    sum_x: f64,
    slice_counts: Vec<usize>,
}

/// The component that looks like a trachea; the tallest of several.
fn trachea(found: &Labels, coarse: &Coarse, middle: f64) -> Option<u32> {
    let spacing = coarse.affine.spacing_mm_zyx();
    let ml = coarse.affine.voxel_mm3() / 1000.0;
    let in_range = |voxels: usize| (AIRWAYS_ML_MIN..=AIRWAYS_ML_MAX).contains(&(voxels as f64 * ml));
    let nz = found.labels.dim().0;
    let mut shapes: Vec<Option<Shape>> = found
        .voxel_counts
        .iter()
        .map(|n| in_range(*n).then(|| Shape { voxels: *n, sum_x: 0.0, slice_counts: vec![0; nz] }))
        .collect();
    for ((z, _, x), l) in found.labels.indexed_iter().filter(|(_, l)| **l != 0) {
        if let Some(shape) = &mut shapes[*l as usize - 1] {
            shape.sum_x += x as f64;
            shape.slice_counts[z] += 1;
        }
    }
    let mut best: Option<(usize, u32)> = None;
    for (i, shape) in shapes.iter().enumerate() {
        let Some(shape) = shape else { continue };
        let mut held: Vec<usize> = shape.slice_counts.iter().copied().filter(|n| *n > 0).collect();
        let height = held.len();
        held.sort_unstable();
        let area = held[height / 2] as f64 * spacing[1] * spacing[2];
        let aside_mm = (shape.sum_x / shape.voxels as f64 - middle).abs() * spacing[2];
        let fits = height as f64 * spacing[0] >= HEIGHT_MM_MIN && AREA_MM2.contains(&area) && aside_mm < 45.0;
        if fits && best.is_none_or(|(tallest, _)| height > tallest) {
            best = Some((height, i as u32 + 1));
        }
    }
    best.map(|(_, l)| l)
}

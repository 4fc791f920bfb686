//! Trilinear resampling between the scan's grid and the isotropic grids that networks want.
//!
//! Isotropic grids have their axes along the scan's own axes, in patient order: `z` rises to the head, `y` to
//! the back, `x` to the left, so that a prone or feet-first scan looks the same to a network. No low-pass is
//! applied before down-sampling; training uses the same plain trilinear rule.

use crate::orientation::{Orientation, rebuilt};
use domain::{Affine, BoundingBox, LpsPoint, Volume, VoxelPoint};
use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView3, Axis, s};

/// HU of a voxel outside the scan.
pub const OUTSIDE_HU: i16 = -1024;

/// Where output index `i` falls on an input axis: lower neighbour, upper neighbour, weight of the upper;
/// `None` beyond the outermost voxel centres by more than half a voxel.
type Tap = Option<(usize, usize, f32)>;

/// Taps for `count` outputs at input places `first + i * step` on an axis of `len` voxels.
fn taps(count: usize, first: f64, step: f64, len: usize) -> Vec<Tap> {
    let last = len as f64 - 1.0;
    (0..count)
        .map(|i| {
            let place = first + i as f64 * step;
            // The half voxel at the rim belongs to the rim voxel; a hair of tolerance keeps the last one in.
            if len == 0 || place < -0.5 - 1e-6 || place > last + 0.5 + 1e-6 {
                return None;
            }
            let place = place.clamp(0.0, last);
            let low = place.floor();
            Some((low as usize, (low as usize + 1).min(len - 1), (place - low) as f32))
        })
        .collect()
}

/// Resamples `source` (any strides) at the taps of each axis; rounds to the nearest HU.
fn separable(source: ArrayView3<'_, i16>, taps_zyx: &[Vec<Tap>; 3]) -> Array3<i16> {
    let [tz, ty, tx] = taps_zyx;
    let width = source.dim().2;
    let mut out = Array3::from_elem((tz.len(), ty.len(), tx.len()), OUTSIDE_HU);
    out.axis_iter_mut(Axis(0)).into_par_iter().zip(tz.par_iter()).for_each(|(mut plane, tap_z)| {
        let Some((z0, z1, wz)) = *tap_z else { return };
        let mut line = vec![0.0f32; width];
        for (mut row, tap_y) in plane.outer_iter_mut().zip(ty) {
            let Some((y0, y1, wy)) = *tap_y else { continue };
            let weights = [(1.0 - wz) * (1.0 - wy), (1.0 - wz) * wy, wz * (1.0 - wy), wz * wy];
            let rows = [(z0, y0), (z0, y1), (z1, y0), (z1, y1)].map(|(z, y)| source.slice(s![z, y, ..]));
            blend(&rows, weights, &mut line);
            for (value, tap_x) in row.iter_mut().zip(tx) {
                let Some((x0, x1, wx)) = *tap_x else { continue };
                let hu = line[x0] + wx * (line[x1] - line[x0]);
                *value = hu.round() as i16;
            }
        }
    });
    out
}

/// Weighted sum of four input rows into `line`.
fn blend(rows: &[ndarray::ArrayView1<'_, i16>; 4], weights: [f32; 4], line: &mut [f32]) {
    let [a, b, c, d] = rows;
    if let (Some(a), Some(b), Some(c), Some(d)) = (a.as_slice(), b.as_slice(), c.as_slice(), d.as_slice()) {
        for ((((out, a), b), c), d) in line.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *out = weights[0] * f32::from(*a)
                + weights[1] * f32::from(*b)
                + weights[2] * f32::from(*c)
                + weights[3] * f32::from(*d);
        }
        return;
    }
    for (i, out) in line.iter_mut().enumerate() {
        *out = weights[0] * f32::from(a[i])
            + weights[1] * f32::from(b[i])
            + weights[2] * f32::from(c[i])
            + weights[3] * f32::from(d[i]);
    }
}

/// The box `region` (scan voxels; clipped to the scan) of `volume` on a grid of `spacing_mm` in patient order.
/// The first grid voxel is the centre of the region's first voxel in patient order; the last lies at or just
/// before the region's outer border. HU are rounded.
#[must_use]
pub fn isotropic(volume: &Volume, region: BoundingBox, spacing_mm: f64) -> Volume {
    let source = volume.view(region.start, region.end);
    let (nz, ny, nx) = source.dim();
    let from = volume.affine.cropped_at(region.start);
    let orientation = Orientation::of(&from);
    let affine = orientation.affine(&from, [nz, ny, nx]);
    let view = orientation.view(source);
    let spacing = affine.spacing_mm_zyx();
    let lens = <[usize; 3]>::from(view.dim());
    let taps_zyx = [0, 1, 2].map(|p| {
        let step = spacing_mm / spacing[p];
        let count = if lens[p] == 0 { 0 } else { ((lens[p] as f64 - 0.5) / step).floor() as usize + 1 };
        taps(count, 0.0, step, lens[p])
    });
    let steps = rescaled_steps(&affine, spacing_mm);
    Volume { hu: separable(view, &taps_zyx), affine: rebuilt(affine.origin(), steps, &affine) }
}

/// A cube of `size` voxels of `spacing_mm` in patient order whose middle (`size / 2 - 0.5` voxels) is `center`.
/// Outside the scan it holds [`OUTSIDE_HU`].
#[must_use]
pub fn cube(volume: &Volume, center: LpsPoint, size: usize, spacing_mm: f64) -> Volume {
    let orientation = Orientation::of(&volume.affine);
    let affine = orientation.affine(&volume.affine, volume.shape());
    let view = orientation.view(volume.hu.view());
    let spacing = affine.spacing_mm_zyx();
    let lens = <[usize; 3]>::from(view.dim());
    let middle = <[f64; 3]>::from(affine.to_voxel(center));
    let half = size as f64 / 2.0 - 0.5;
    let first = [0, 1, 2].map(|p| middle[p] - half * spacing_mm / spacing[p]);
    let taps_zyx = [0, 1, 2].map(|p| taps(size, first[p], spacing_mm / spacing[p], lens[p]));
    let origin = affine.to_lps(VoxelPoint::from(first));
    let steps = rescaled_steps(&affine, spacing_mm);
    Volume { hu: separable(view, &taps_zyx), affine: rebuilt(origin, steps, &affine) }
}

/// The volume with `rim` voxels around it, its own mirrored at each face: for crops, whose surroundings are unknown and
/// not air.
#[must_use]
pub fn mirrored(volume: &Volume, rim: usize) -> Volume {
    let lens = volume.shape();
    if lens.contains(&0) {
        return volume.clone();
    }
    let source = |index: usize, len: usize| {
        let place = (index as isize - rim as isize).rem_euclid(2 * len as isize) as usize;
        place.min(2 * len - 1 - place)
    };
    let shape = lens.map(|n| n + 2 * rim);
    let hu = Array3::from_shape_fn(shape, |(z, y, x)| {
        volume.hu[[source(z, lens[0]), source(y, lens[1]), source(x, lens[2])]]
    });
    let first = -(rim as f64);
    let origin = volume.affine.to_lps(VoxelPoint { z: first, y: first, x: first });
    Volume { hu, affine: rebuilt(origin, volume.affine.steps_zyx(), &volume.affine) }
}

fn rescaled_steps(affine: &Affine, spacing_mm: f64) -> [[f64; 3]; 3] {
    let spacing = affine.spacing_mm_zyx();
    let steps = affine.steps_zyx();
    [0, 1, 2].map(|p| steps[p].map(|v| v * spacing_mm / spacing[p]))
}

/// `map` (axes of affine `from`) sampled trilinearly at every voxel centre of `region` on the grid `to`;
/// 0 outside the map. Output axes `[z, y, x]` start at `region.start`.
#[must_use]
pub fn onto(map: ArrayView3<'_, f32>, from: &Affine, to: &Affine, region: BoundingBox) -> Array3<f32> {
    let (start, end) = (region.start, region.end);
    let shape = (end.z.saturating_sub(start.z), end.y.saturating_sub(start.y), end.x.saturating_sub(start.x));
    let mut out = Array3::zeros(shape);
    let to = to.cropped_at(start);
    out.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(z, mut plane)| {
        for ((y, x), value) in plane.indexed_iter_mut() {
            let p = to.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 });
            *value = trilinear(map, from.to_voxel(p)).unwrap_or(0.0);
        }
    });
    out
}

/// Trilinear value at `place`; `None` further than half a voxel outside.
#[must_use]
pub fn trilinear<T: Copy + Into<f32>>(map: ArrayView3<'_, T>, place: VoxelPoint) -> Option<f32> {
    let dim = <[usize; 3]>::from(map.dim());
    let place = <[f64; 3]>::from(place);
    let mut tap = [(0usize, 0usize, 0.0f32); 3];
    for axis in 0..3 {
        let last = dim[axis] as f64 - 1.0;
        if dim[axis] == 0 || place[axis] < -0.5 || place[axis] > last + 0.5 {
            return None;
        }
        let p = place[axis].clamp(0.0, last);
        let low = p.floor();
        tap[axis] = (low as usize, (low as usize + 1).min(dim[axis] - 1), (p - low) as f32);
    }
    let [(z0, z1, wz), (y0, y1, wy), (x0, x1, wx)] = tap;
    let value = |z: usize, y: usize, x: usize| -> f32 { map[[z, y, x]].into() };
    let line = |z: usize, y: usize| value(z, y, x0) + wx * (value(z, y, x1) - value(z, y, x0));
    let plane = |z: usize| line(z, y0) + wy * (line(z, y1) - line(z, y0));
    Some(plane(z0) + wz * (plane(z1) - plane(z0)))
}

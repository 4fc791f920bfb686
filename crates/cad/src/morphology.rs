//! Exact distances and binary morphology with balls given in millimetres.
//!
//! Distances: Felzenszwalb PF, Huttenlocher DP, Theory of Computing 2012;8:415-428, made anisotropic. Beyond the
//! array nothing is known: a mask that touches the border is neither eroded nor stopped by it.

use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView3, ArrayViewMut1, ArrayViewMut2, Axis, s};

/// Squared distance, mm2, from each voxel centre to the nearest `true` voxel's centre; infinite when there is none.
#[must_use]
pub fn distance_squared_mm2(mask: ArrayView3<'_, bool>, spacing_mm_zyx: [f64; 3]) -> Array3<f32> {
    let mut field = Array3::from_elem(mask.dim(), f32::INFINITY);
    let [sz, sy, sx] = spacing_mm_zyx.map(|s| s as f32);
    field.axis_iter_mut(Axis(0)).into_par_iter().zip(mask.axis_iter(Axis(0)).into_par_iter()).for_each(
        |(mut plane, mask_plane)| {
            for (mut row, mask_row) in plane.outer_iter_mut().zip(mask_plane.outer_iter()) {
                sweep(&mut row, mask_row.iter().copied(), sx);
            }
            along_columns(plane, sy);
        },
    );
    field.axis_iter_mut(Axis(1)).into_par_iter().for_each(|plane| along_columns(plane, sz));
    field
}

/// Columns taken together, so that memory is read along rows.
const COLUMNS_TOGETHER: usize = 16;

/// Adds the distance along the first axis of `plane` to each of its columns.
fn along_columns(mut plane: ArrayViewMut2<'_, f32>, spacing: f32) {
    let mut work = Envelope::default();
    let mut block = Array2::zeros((COLUMNS_TOGETHER, plane.dim().0));
    for mut columns in plane.axis_chunks_iter_mut(Axis(1), COLUMNS_TOGETHER) {
        let mut part = block.slice_mut(s![..columns.dim().1, ..]);
        part.assign(&columns.t());
        for mut line in part.outer_iter_mut() {
            // A line that is all inside the mask is done.
            if line.iter().all(|v| *v <= 0.0) {
                continue;
            }
            if let Some(line) = line.as_slice_mut() {
                work.apply(line, spacing);
            }
        }
        columns.assign(&part.t());
    }
}

/// One-dimensional squared distances by a sweep each way.
fn sweep(row: &mut ArrayViewMut1<'_, f32>, mask: impl Iterator<Item = bool>, spacing: f32) {
    let mut last = f32::INFINITY;
    for (value, inside) in row.iter_mut().zip(mask) {
        last = if inside { 0.0 } else { last + 1.0 };
        *value = last;
    }
    last = f32::INFINITY;
    for value in row.iter_mut().rev() {
        last = value.min(last + 1.0);
        *value = (last * spacing).powi(2);
    }
}

/// Lower envelope of parabolas, with its buffers kept from line to line.
#[derive(Default)]
struct Envelope {
    line: Vec<f32>,
    vertices: Vec<usize>,
    borders: Vec<f32>,
}

impl Envelope {
    fn apply(&mut self, column: &mut [f32], spacing: f32) {
        self.line.clear();
        self.line.extend(column.iter().copied());
        self.vertices.clear();
        self.borders.clear();
        let squared = spacing * spacing;
        for q in 0..self.line.len() {
            if !self.line[q].is_finite() {
                continue;
            }
            let height = |i: usize, line: &[f32]| line[i] / squared + (i * i) as f32;
            let mut border = f32::NEG_INFINITY;
            while let Some(&v) = self.vertices.last() {
                border = (height(q, &self.line) - height(v, &self.line)) / (2.0 * (q - v) as f32);
                if self.borders.last().is_some_and(|b| border <= *b) {
                    self.vertices.pop();
                    self.borders.pop();
                    border = f32::NEG_INFINITY;
                } else {
                    break;
                }
            }
            self.vertices.push(q);
            self.borders.push(border);
        }
        if self.vertices.is_empty() {
            return;
        }
        let mut k = 0;
        for (i, value) in column.iter_mut().enumerate() {
            while k + 1 < self.vertices.len() && self.borders[k + 1] < i as f32 {
                k += 1;
            }
            let v = self.vertices[k];
            let apart = (i.abs_diff(v)) as f32 * spacing;
            *value = self.line[v] + apart * apart;
        }
    }
}

/// Voxels within `radius_mm` (centre to centre, inclusive) of the mask.
#[must_use]
pub fn dilate(mask: ArrayView3<'_, bool>, radius_mm: f64, spacing_mm_zyx: [f64; 3]) -> Array3<bool> {
    let limit = squared_limit(radius_mm);
    distance_squared_mm2(mask, spacing_mm_zyx).mapv(|d| d <= limit)
}

/// Voxels further than `radius_mm` from every voxel outside the mask.
#[must_use]
pub fn erode(mask: ArrayView3<'_, bool>, radius_mm: f64, spacing_mm_zyx: [f64; 3]) -> Array3<bool> {
    let limit = squared_limit(radius_mm);
    let outside = mask.mapv(|inside| !inside);
    distance_squared_mm2(outside.view(), spacing_mm_zyx).mapv(|d| d > limit)
}

/// Erosion, then dilation: removes what a ball of `radius_mm` does not fit into.
#[must_use]
pub fn open(mask: ArrayView3<'_, bool>, radius_mm: f64, spacing_mm_zyx: [f64; 3]) -> Array3<bool> {
    let core = erode(mask, radius_mm, spacing_mm_zyx);
    dilate(core.view(), radius_mm, spacing_mm_zyx)
}

/// Dilation, then erosion: fills what a ball of `radius_mm` cannot enter.
#[must_use]
pub fn close(mask: ArrayView3<'_, bool>, radius_mm: f64, spacing_mm_zyx: [f64; 3]) -> Array3<bool> {
    let grown = dilate(mask, radius_mm, spacing_mm_zyx);
    erode(grown.view(), radius_mm, spacing_mm_zyx)
}

/// Squared radius with a hair of room, so that a neighbour at exactly the radius counts on every machine.
fn squared_limit(radius_mm: f64) -> f32 {
    let r = radius_mm as f32;
    r * r * (1.0 + 1e-5)
}

//! From the rough place of a fissure to the surface that the pixels show.
//!
//! The columns of a chart are to a fissure what the lines of sight of two cameras are to a depth map, and the
//! surface is found as depth maps are: semi-global matching (Hirschmüller H, IEEE TPAMI 2008;30:328-341), which
//! makes the sum of evidence and roughness small along paths from eight directions.

use super::atlas::{ACROSS, ALONG, Surface};
use super::evidence::{Columns, SEEN, Scene};
use crate::filter::gaussian;
use domain::LpsPoint;
use ndarray::{Array2, Array3, Axis, s};

/// The surface is looked for this far from its rough place, mm.
const REACH_MM: usize = 30;
/// Weight and standard deviation of the distance from there, mm.
const PRIOR_WEIGHT: f32 = 0.05;
const PRIOR_SD_MM: f32 = 8.0;
/// What lies far away is not worse than so many halves of squared standard deviations.
const PRIOR_MAX: f32 = 6.0;
/// Cost of 1 mm of height between neighbouring columns, and of the largest jump, in mm.
const ROUGHNESS: f32 = 0.3;
const JUMP_MM: f32 = 8.5;
/// Standard deviation of the final smoothing, columns.
const SMOOTH_COLUMNS: f64 = 1.6;
/// Weight of columns that miss the lung in that smoothing.
const OUTSIDE_WEIGHT: f32 = 0.02;

/// A fissure as found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) surface: Surface,
    /// Places of it within the lung, one a column.
    pub(super) places: Vec<LpsPoint>,
    /// Part of the surface within the lung on which a sheet can be seen.
    pub(super) seen: f64,
}

impl Found {
    /// Distance from `point` to the part of the fissure that lies within the lung, mm; infinite where there is none. To
    /// about a millimetre: columns stand 3 mm apart.
    pub(super) fn distance_mm(&self, point: LpsPoint) -> f64 {
        self.places.iter().map(|place| place.distance_mm(point)).fold(f64::INFINITY, f64::min)
    }
}

/// The fissure near `rough`; the horizontal one has evidence only above the oblique one.
pub(super) fn refined(scene: &Scene<'_>, rough: Surface, oblique: Option<&Surface>) -> Found {
    let columns = Columns::around(scene, rough, REACH_MM);
    let mut cost = columns.cost.clone();
    for ((i, j, k), cost) in cost.indexed_iter_mut() {
        if oblique.is_some_and(|oblique| !lies_above(&columns, oblique, [i, j, k])) {
            *cost = 0.0;
        }
        let sd = (k as f32 - REACH_MM as f32) / PRIOR_SD_MM;
        *cost += PRIOR_WEIGHT * (sd * sd / 2.0).min(PRIOR_MAX);
    }
    let steps = matched(&cost);
    let on = |(i, j): (usize, usize)| columns.inside[[i, j, steps[[i, j]]]];
    let weight = Array2::from_shape_fn(steps.dim(), |at| if on(at) { 1.0 } else { OUTSIDE_WEIGHT });
    let moved = Array2::from_shape_fn(steps.dim(), |at| weight[at] * (steps[at] as f32 - REACH_MM as f32));
    let (moved, weight) = (smoothed(moved), smoothed(weight));
    let mut height = columns.base.height.clone();
    for (at, height) in height.indexed_iter_mut() {
        *height += f64::from(moved[at] / weight[at]) * columns.height_per_mm;
    }
    let surface = Surface { fissure: columns.base.fissure, height };
    let place = |at: (usize, usize)| {
        let [a, b] = surface.fissure.column(at.0, at.1);
        surface.fissure.lift([a, b, surface.height[at]])
    };
    let ends = |at: (usize, usize)| oblique.is_some_and(|oblique| oblique.above(place(at)) <= 0.0);
    let within: Vec<(usize, usize)> =
        ndarray::indices(steps.dim()).into_iter().filter(|at| on(*at) && !ends(*at)).collect();
    let seen = within.iter().filter(|(i, j)| columns.sheet[[*i, *j, steps[[*i, *j]]]] > SEEN).count();
    let seen = seen as f64 / within.len().max(1) as f64;
    let places =
        within.into_iter().map(|at| scene.frame.affine.to_lps(scene.frame.voxel(place(at)))).collect();
    Found { surface, places, seen }
}

fn lies_above(columns: &Columns, oblique: &Surface, [i, j, k]: [usize; 3]) -> bool {
    let fissure = columns.base.fissure;
    let [a, b] = fissure.column(i, j);
    oblique.above(fissure.lift([a, b, columns.height(i, j, k)])) > 0.0
}

/// The element of each column that lies on the surface.
fn matched(cost: &Array3<f32>) -> Array2<usize> {
    const DIRECTIONS: [[isize; 2]; 8] =
        [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1], [1, -1], [-1, 1]];
    let mut sum = Array3::<f32>::zeros(cost.dim());
    for [di, dj] in DIRECTIONS {
        let mut path = cost.clone();
        let order = |count: usize, step: isize| -> Vec<usize> {
            if step < 0 { (0..count).rev().collect() } else { (0..count).collect() }
        };
        for i in order(ACROSS, di) {
            for j in order(ALONG, dj) {
                let before = i.checked_add_signed(-di).zip(j.checked_add_signed(-dj));
                let Some((bi, bj)) = before.filter(|(bi, bj)| *bi < ACROSS && *bj < ALONG) else { continue };
                let mut carried = path.slice(s![bi, bj, ..]).to_vec();
                carry(&mut carried);
                path.slice_mut(s![i, j, ..]).iter_mut().zip(&carried).for_each(|(here, c)| *here += c);
            }
        }
        sum += &path;
    }
    sum.map_axis(Axis(2), |column| {
        let mut best = 0;
        for (k, value) in column.iter().enumerate() {
            if *value < column[best] {
                best = k;
            }
        }
        best
    })
}

/// What each element of the next column costs before its own evidence: the least over this column's elements of
/// their sums and the roughness between, less what all have in common.
fn carry(sums: &mut [f32]) {
    let least = sums.iter().copied().fold(f32::INFINITY, f32::min);
    for k in 1..sums.len() {
        sums[k] = sums[k].min(sums[k - 1] + ROUGHNESS);
    }
    for k in (1..sums.len()).rev() {
        sums[k - 1] = sums[k - 1].min(sums[k] + ROUGHNESS);
    }
    for value in sums {
        *value = (*value - least).min(ROUGHNESS * JUMP_MM);
    }
}

/// Smoothed over neighbouring columns.
fn smoothed(values: Array2<f32>) -> Array2<f32> {
    let one = values.insert_axis(Axis(0));
    gaussian(one.view(), SMOOTH_COLUMNS, [f64::INFINITY, 1.0, 1.0]).remove_axis(Axis(0))
}

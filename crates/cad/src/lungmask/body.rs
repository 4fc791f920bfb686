//! The body in an axial slice.

use crate::components::{Connectivity, label};
use crate::lungmask::zoom;
use ndarray::{Array2, ArrayView2, Axis};

/// The body is looked for on a grid of so many rows and columns.
const GRID: [usize; 2] = [128, 128];
/// HU above which a place belongs to the body.
const BODY_HU: i16 = -500;

/// A box of rows and columns of a slice, `start` inclusive, `end` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyBox {
    /// First row and column.
    pub start: [usize; 2],
    /// Row and column after the last.
    pub end: [usize; 2],
}

/// The box of the largest body in `slice`; the entire slice when there is none.
pub(super) fn body_box(slice: ArrayView2<'_, i16>) -> BodyBox {
    let dense = zoom::nearest(slice, GRID).mapv(|hu| hu > BODY_HU);
    let closed = eroded(&dilated(&dense));
    let core = eroded(&eroded(&without_holes(&closed)));
    let found = label(core.view().insert_axis(Axis(0)), Connectivity::Six);
    let body = match found.largest() {
        Some(largest) => dilated(&dilated(&found.mask(largest).index_axis_move(Axis(0), 0))),
        None => core,
    };
    let (rows, columns) = slice.dim();
    let body = zoom::nearest(body.view(), [rows, columns]);
    // A body may come apart where the slice is smaller than the grid; the piece met first counts.
    let found = label(body.view().insert_axis(Axis(0)), Connectivity::TwentySix);
    let mut bounds = BodyBox { start: [rows, columns], end: [0, 0] };
    for ((_, y, x), _) in found.labels.indexed_iter().filter(|(_, l)| **l == 1) {
        bounds.start = [bounds.start[0].min(y), bounds.start[1].min(x)];
        bounds.end = [bounds.end[0].max(y + 1), bounds.end[1].max(x + 1)];
    }
    if bounds.end[0] == 0 { BodyBox { start: [0, 0], end: [rows, columns] } } else { bounds }
}

/// Each place and its four neighbours; beyond the picture there is nothing.
fn cross(mask: &Array2<bool>, y: usize, x: usize) -> [bool; 5] {
    let at = |y: Option<usize>, x: Option<usize>| {
        y.zip(x).and_then(|place| mask.get(place)).copied().unwrap_or(false)
    };
    [
        at(Some(y), Some(x)),
        at(y.checked_sub(1), Some(x)),
        at(Some(y + 1), Some(x)),
        at(Some(y), x.checked_sub(1)),
        at(Some(y), Some(x + 1)),
    ]
}

fn dilated(mask: &Array2<bool>) -> Array2<bool> {
    Array2::from_shape_fn(mask.dim(), |(y, x)| cross(mask, y, x).contains(&true))
}

fn eroded(mask: &Array2<bool>) -> Array2<bool> {
    Array2::from_shape_fn(mask.dim(), |(y, x)| !cross(mask, y, x).contains(&false))
}

/// Fills what has no way to the picture's border, corners of pixels included.
fn without_holes(mask: &Array2<bool>) -> Array2<bool> {
    let (rows, columns) = mask.dim();
    let outside = mask.mapv(|inside| !inside).insert_axis(Axis(0));
    let found = label(outside.view(), Connectivity::TwentySix);
    let mut open = vec![false; found.voxel_counts.len() + 1];
    for ((_, y, x), l) in found.labels.indexed_iter() {
        if y == 0 || x == 0 || y + 1 == rows || x + 1 == columns {
            open[*l as usize] = true;
        }
    }
    found.labels.index_axis(Axis(0), 0).mapv(|l| l == 0 || !open[l as usize])
}

//! What lungmask does around its U-Net: a slice to the network's input, the answers back into the scan, and the tidying
//! between (JoHof/lungmask 0.2.22, Apache-2.0; Hofmanninger 2020, doi:10.1186/s41747-020-00173-2).
//!
//! The published weights learned behind exactly these steps, so they are done as there, to the voxel:
//! `scipy.ndimage.zoom` with its rounding included. `tests/foreign/lungmask_labels.py` compares.
//!
//! Slices are axial, in patient order: `z` to the head, rows to the back, columns to the left.

mod body;
mod tidy;
mod zoom;

use crate::orientation::Orientation;
pub use body::BodyBox;
use domain::Volume;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};
pub use tidy::tidied;

/// A slice as the network takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedSlice {
    /// HU of the body's box, resized, clipped, whole numbers.
    pub hu: Array2<i16>,
    /// Where that box lies in the slice.
    pub body: BodyBox,
}

/// The axial slices of `volume`, from the feet to the head: clipped to `hu_clip`, cut to the body, resized to
/// `[rows, columns]`.
#[must_use]
pub fn prepared(volume: &Volume, hu_clip: [i16; 2], size: [usize; 2]) -> Vec<PreparedSlice> {
    let slices = Orientation::of(&volume.affine).view(volume.hu.view());
    slices.axis_iter(Axis(0)).into_par_iter().map(|slice| prepared_slice(slice, hu_clip, size)).collect()
}

fn prepared_slice(slice: ArrayView2<'_, i16>, hu_clip: [i16; 2], size: [usize; 2]) -> PreparedSlice {
    let body = body::body_box(slice);
    let [low, high] = hu_clip;
    let part = slice.slice(s![body.start[0]..body.end[0], body.start[1]..body.end[1]]);
    let clipped = part.mapv(|hu| hu.max(low).min(high));
    PreparedSlice { hu: zoom::linear(clipped.view(), size), body }
}

/// The class with the largest of the numbers `[class, row, column]` at each place; the first of equals.
#[must_use]
pub fn strongest(map: ArrayView3<'_, f32>) -> Array2<usize> {
    let (_, rows, columns) = map.dim();
    let mut best = Array2::from_elem((rows, columns), (f32::NEG_INFINITY, 0));
    for (class, plane) in map.outer_iter().enumerate() {
        best.zip_mut_with(&plane, |best, value| {
            if *value > best.0 {
                *best = (*value, class);
            }
        });
    }
    best.mapv(|(_, class)| class)
}

/// Labels `[slice, row, column]` of the network's grid as labels of the voxels of `volume` in patient order, 0 outside
/// the boxes. `slices` are those of [`prepared`].
#[must_use]
pub fn placed(labels: ArrayView3<'_, u8>, slices: &[PreparedSlice], volume: &Volume) -> Array3<u8> {
    let shape = Orientation::of(&volume.affine).view(volume.hu.view()).dim();
    let mut whole = Array3::zeros(shape);
    let of_slices =
        whole.axis_iter_mut(Axis(0)).into_par_iter().zip(labels.axis_iter(Axis(0)).into_par_iter());
    of_slices.zip(slices.par_iter()).for_each(|((mut slice, labels), PreparedSlice { body, .. })| {
        let mut part = slice.slice_mut(s![body.start[0]..body.end[0], body.start[1]..body.end[1]]);
        let size = [part.dim().0, part.dim().1];
        part.assign(&zoom::nearest(labels, size));
    });
    whole
}

#[cfg(test)]
mod tests;

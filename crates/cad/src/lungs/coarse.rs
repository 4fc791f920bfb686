//! The coarse grid of block means, and the air that tissue encloses on it.

use super::AIR_HU;
use crate::components::{Connectivity, label};
use crate::orientation::{Orientation, rebuilt};
use domain::{Affine, Volume, VoxelIndex, VoxelPoint};
use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView1, ArrayView2, ArrayView3, ArrayViewMut2, Axis, s};

/// Spacing that the block means come near to, mm.
const SPACING_MM: f64 = 2.4;
/// At and below this a coarse voxel is padding, not air: scans clamp padding to -1024 HU.
const PADDING_HU: f32 = -1020.0;
/// Air that touches the border of the picture (or its padding) along more than this multiple of the square root
/// of its area surrounds the body. A lung that the field of view cuts touches along less.
const CONTACT_MAX: f64 = 1.5;

/// Block means in patient order.
pub(crate) struct Coarse {
    /// HU, axes `[z, y, x]` rising to head, back and left.
    pub(crate) hu: Array3<f32>,
    /// Coarse voxels to LPS.
    pub(crate) affine: Affine,
}

impl Coarse {
    /// Averages whole blocks of scan voxels (noise falls with the block). Blocks are counted in patient order, so that
    /// a scan stored in another order gives the same grid; the block at the far rim may be smaller.
    pub(crate) fn of(volume: &Volume) -> Self {
        let orientation = Orientation::of(&volume.affine);
        let spacing = volume.affine.spacing_mm_zyx();
        let shape = volume.shape();
        let mut blocks = [Blocks { size: 1, first: 1, len: 0 }; 3];
        for p in 0..3 {
            let a = orientation.axes[p];
            let size = (SPACING_MM / spacing[a]).round().clamp(1.0, 64.0) as usize;
            let rest = shape[a] % size;
            let first = if orientation.flipped[p] && rest > 0 { rest } else { size };
            blocks[a] = Blocks { size, first, len: shape[a] };
        }
        let [bz, by, bx] = blocks;
        let mut hu = Array3::zeros((bz.count(), by.count(), bx.count()));
        hu.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(z, mut plane)| {
            let slices = bz.range(z);
            for (y, mut row) in plane.outer_iter_mut().enumerate() {
                let rows = by.range(y);
                let lines = (slices.len() * rows.len()) as i32;
                let mut sums = vec![0i32; bx.count()];
                for source in volume.hu.slice(s![slices.clone(), rows, ..]).rows() {
                    bx.add(&mut sums, source);
                }
                for (x, value) in row.iter_mut().enumerate() {
                    *value = sums[x] as f32 / (lines * bx.range(x).len() as i32) as f32;
                }
            }
        });
        let steps = volume.affine.steps_zyx();
        let steps = [0, 1, 2].map(|a| steps[a].map(|v| v * blocks[a].size as f64));
        let origin = volume.affine.to_lps(VoxelPoint::from(blocks.map(|b| b.first_middle())));
        let affine = rebuilt(origin, steps, &volume.affine);
        let oriented = orientation.affine(&affine, hu.dim().into());
        Self { hu: orientation.view(hu.view()).as_standard_layout().into_owned(), affine: oriented }
    }

    /// The box `start..end` of it.
    pub(super) fn cropped(&self, start: [usize; 3], end: [usize; 3]) -> Self {
        Self {
            hu: cropped(self.hu.view(), start, end),
            affine: self.affine.cropped_at(VoxelIndex::from(start)),
        }
    }
}

/// Blocks along one axis of the scan: all of `size`, but the first may be smaller, and the last.
#[derive(Clone, Copy)]
struct Blocks {
    size: usize,
    first: usize,
    len: usize,
}

impl Blocks {
    fn count(self) -> usize {
        (self.len + self.size - self.first).div_ceil(self.size)
    }

    /// Voxels of block `i`.
    fn range(self, i: usize) -> std::ops::Range<usize> {
        let end = (self.first + i * self.size).min(self.len);
        (self.first + i * self.size).saturating_sub(self.size).min(end)..end
    }

    /// Where the middle of block 0 lies, as if it were whole.
    fn first_middle(self) -> f64 {
        self.first as f64 - self.size as f64 + (self.size as f64 - 1.0) / 2.0
    }

    /// Adds the voxels of one line to the sums of their blocks.
    fn add(self, sums: &mut [i32], source: ArrayView1<'_, i16>) {
        if let Some(line) = source.as_slice() {
            let (first, rest) = line.split_at(self.first.min(line.len()));
            let blocks = std::iter::once(first).chain(rest.chunks(self.size));
            for (sum, block) in sums.iter_mut().zip(blocks) {
                *sum += block.iter().map(|v| i32::from(*v)).sum::<i32>();
            }
        } else {
            for (x, v) in source.iter().enumerate() {
                sums[(x + self.size - self.first) / self.size] += i32::from(*v);
            }
        }
    }
}

/// Box of the voxels of `mask`, widened by `margin_mm` within the array; `None` when there are none.
pub(super) fn bounds(
    mask: ArrayView3<'_, bool>,
    margin_mm: f64,
    spacing_mm_zyx: [f64; 3],
) -> Option<([usize; 3], [usize; 3])> {
    let (mut start, mut end) = ([usize::MAX; 3], [0usize; 3]);
    for ((z, y, x), _) in mask.indexed_iter().filter(|(_, inside)| **inside) {
        let p = [z, y, x];
        for a in 0..3 {
            start[a] = start[a].min(p[a]);
            end[a] = end[a].max(p[a] + 1);
        }
    }
    if end[0] == 0 {
        return None;
    }
    let dim = <[usize; 3]>::from(mask.dim());
    let margin = spacing_mm_zyx.map(|s| (margin_mm / s).ceil() as usize);
    Some((
        [0, 1, 2].map(|a| start[a].saturating_sub(margin[a])),
        [0, 1, 2].map(|a| (end[a] + margin[a]).min(dim[a])),
    ))
}

/// The box `start..end` of an array, copied.
pub(super) fn cropped<T: Clone>(array: ArrayView3<'_, T>, start: [usize; 3], end: [usize; 3]) -> Array3<T> {
    array.slice(s![start[0]..end[0], start[1]..end[1], start[2]..end[2]]).to_owned()
}

/// Air that tissue encloses within its axial slice: lungs, airways, bowel gas; not what surrounds the body.
pub(super) fn enclosed_air(coarse: &Coarse) -> Array3<bool> {
    let mut air = coarse.hu.mapv(|v| v < AIR_HU && v > PADDING_HU);
    air.axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(coarse.hu.axis_iter(Axis(0)).into_par_iter())
        .for_each(|(plane, hu)| drop_outside(plane, hu));
    air
}

/// Takes the air around the body out of one slice.
fn drop_outside(mut air: ArrayViewMut2<'_, bool>, hu: ArrayView2<'_, f32>) {
    let (ny, nx) = air.dim();
    let found = label(air.view().insert_axis(Axis(0)), Connectivity::Six);
    let mut contacts = vec![0usize; found.voxel_counts.len() + 1];
    for ((_, y, x), l) in found.labels.indexed_iter().filter(|(_, l)| **l != 0) {
        let at_border = y == 0 || x == 0 || y + 1 == ny || x + 1 == nx;
        let at_padding = || {
            let around = [[y - 1, x], [y + 1, x], [y, x - 1], [y, x + 1]];
            around.iter().any(|p| hu[*p] <= PADDING_HU)
        };
        contacts[*l as usize] += usize::from(at_border || at_padding());
    }
    let outside: Vec<bool> = contacts
        .iter()
        .enumerate()
        .map(|(l, n)| l == 0 || *n as f64 > CONTACT_MAX * (found.voxel_counts[l - 1] as f64).sqrt())
        .collect();
    for ((_, y, x), l) in found.labels.indexed_iter() {
        air[[y, x]] = !outside[*l as usize];
    }
}

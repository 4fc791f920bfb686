//! The coarse grid of block means, and the air that tissue encloses on it.

use super::{AIR_HU, orientation};
use crate::components::{Connectivity, label};
use crate::orientation::rebuilt;
use domain::{Affine, Volume, VoxelPoint};
use ndarray::parallel::prelude::*;
use ndarray::{Array3, Axis, s};

/// Spacing that the block means come near to, mm.
const SPACING_MM: f64 = 2.1;

/// Block means in patient order.
pub(super) struct Coarse {
    /// HU, axes `[z, y, x]` rising to head, back and left.
    pub(super) hu: Array3<f32>,
    /// Coarse voxels to LPS.
    pub(super) affine: Affine,
}

impl Coarse {
    /// Averages whole blocks of scan voxels (noise falls with the block); a block at the far rim may be smaller.
    pub(super) fn of(volume: &Volume) -> Self {
        let factors =
            volume.affine.spacing_mm_zyx().map(|s| (SPACING_MM / s).round().clamp(1.0, 64.0) as usize);
        let shape = volume.shape();
        let [cz, cy, cx] = [0, 1, 2].map(|a| shape[a].div_ceil(factors[a]));
        let mut hu = Array3::zeros((cz, cy, cx));
        hu.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(z, mut plane)| {
            let slices = z * factors[0]..((z + 1) * factors[0]).min(shape[0]);
            for (y, mut row) in plane.outer_iter_mut().enumerate() {
                let rows = y * factors[1]..((y + 1) * factors[1]).min(shape[1]);
                let lines = (slices.len() * rows.len()) as i32;
                let mut sums = vec![0i32; cx];
                for source in volume.hu.slice(s![slices.clone(), rows, ..]).rows() {
                    add_blocks(&mut sums, source, factors[2]);
                }
                for (x, value) in row.iter_mut().enumerate() {
                    let columns = ((x + 1) * factors[2]).min(shape[2]) - x * factors[2];
                    *value = sums[x] as f32 / (lines * columns as i32) as f32;
                }
            }
        });
        let middle = factors.map(|f| (f as f64 - 1.0) / 2.0);
        let steps = volume.affine.steps_zyx();
        let steps = [0, 1, 2].map(|a| steps[a].map(|v| v * factors[a] as f64));
        let origin = volume.affine.to_lps(VoxelPoint::from(middle));
        let affine = rebuilt(origin, steps, &volume.affine);
        let orientation = orientation(&affine);
        let oriented = orientation.affine(&affine, [cz, cy, cx]);
        Self { hu: orientation.view(hu.view()).as_standard_layout().into_owned(), affine: oriented }
    }
}

fn add_blocks(sums: &mut [i32], source: ndarray::ArrayView1<'_, i16>, factor: usize) {
    if let Some(line) = source.as_slice() {
        for (sum, block) in sums.iter_mut().zip(line.chunks(factor)) {
            *sum += block.iter().map(|v| i32::from(*v)).sum::<i32>();
        }
    } else {
        for (x, v) in source.iter().enumerate() {
            sums[x / factor] += i32::from(*v);
        }
    }
}

/// Air that tissue encloses within its axial slice: lungs, airways, bowel gas; not what surrounds the body.
pub(super) fn enclosed_air(coarse: &Coarse) -> Array3<bool> {
    let mut air = coarse.hu.mapv(|v| v < AIR_HU);
    air.axis_iter_mut(Axis(0)).into_par_iter().for_each(|mut plane| {
        let (ny, nx) = plane.dim();
        let found = label(plane.view().insert_axis(Axis(0)), Connectivity::Six);
        let mut outside = vec![false; found.voxel_counts.len() + 1];
        for ((_, y, x), l) in found.labels.indexed_iter() {
            if y == 0 || x == 0 || y + 1 == ny || x + 1 == nx {
                outside[*l as usize] = true;
            }
        }
        for ((_, y, x), l) in found.labels.indexed_iter() {
            plane[[y, x]] = *l != 0 && !outside[*l as usize];
        }
    });
    air
}

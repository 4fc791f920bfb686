//! A CT volume in memory.

use crate::{Affine, VoxelIndex};
use ndarray::{Array3, ArrayView3, s};

/// HU array `[z, y, x]` with its place in the patient.
///
/// Slices are sorted along the slice normal, feet to head where the scan is axial; values are HU,
/// clamped to `[-1024, 3071]`, padding set to -1024.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// HU, axes `[z, y, x]`.
    pub hu: Array3<i16>,
    /// Voxel to LPS mm.
    pub affine: Affine,
}

impl Volume {
    /// Voxel counts `[z, y, x]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        let (z, y, x) = self.hu.dim();
        [z, y, x]
    }

    /// The box from `start` (inclusive) to `end` (exclusive), clipped to the volume.
    #[must_use]
    pub fn view(&self, start: VoxelIndex, end: VoxelIndex) -> ArrayView3<'_, i16> {
        let [nz, ny, nx] = self.shape();
        let (z1, y1, x1) = (end.z.min(nz), end.y.min(ny), end.x.min(nx));
        self.hu.slice(s![start.z.min(z1)..z1, start.y.min(y1)..y1, start.x.min(x1)..x1])
    }
}

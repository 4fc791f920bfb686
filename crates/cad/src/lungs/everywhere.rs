//! The search region of a volume that need not be a chest.

use super::Lungs;
use domain::{BoundingBox, LungVolumes, Volume, VoxelPoint};
use ndarray::Array3;

/// Scan voxels per voxel of the region, each axis.
const BLOCK: usize = 4;

impl Lungs {
    /// A region that is the entire volume, without lungs: for crops whose marks are measured. Volumes are 0 and
    /// [`Lungs::side`] means nothing.
    #[must_use]
    pub fn everywhere(volume: &Volume) -> Self {
        let shape = volume.shape();
        let blocks = shape.map(|n| n.div_ceil(BLOCK).max(1));
        let middle = (BLOCK as f64 - 1.0) / 2.0;
        let origin = volume.affine.to_lps(VoxelPoint { z: middle, y: middle, x: middle });
        let steps = volume.affine.steps_zyx().map(|step| step.map(|v| v * BLOCK as f64));
        let affine = crate::orientation::rebuilt(origin, steps, &volume.affine);
        Self {
            left: Array3::from_elem(blocks, false),
            right: Array3::from_elem(blocks, false),
            search: Array3::from_elem(blocks, true),
            affine,
            volumes: LungVolumes { left_ml: 0.0, right_ml: 0.0 },
            region: BoundingBox { start: [0; 3].into(), end: shape.into() },
            doubts: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Affine, LpsPoint};

    /// Goal: every voxel of an uneven volume is searched, none beyond it by more than a block.
    #[test]
    fn every_voxel_is_searched() {
        let affine = Affine::axial(LpsPoint { x: 5.0, y: -7.0, z: 30.0 }, [2.5, 0.7, 0.6]).unwrap();
        let volume = Volume { hu: Array3::zeros((9, 14, 7)), affine };
        let lungs = Lungs::everywhere(&volume);
        let at = |z: f64, y: f64, x: f64| lungs.searches(affine.to_lps(VoxelPoint { z, y, x }));
        for (z, y, x) in [(0.0, 0.0, 0.0), (8.0, 13.0, 6.0), (4.0, 7.0, 3.0), (0.0, 13.0, 0.0)] {
            assert!(at(z, y, x), "{z} {y} {x}");
        }
        assert!(!at(-6.0, 0.0, 0.0) && !at(0.0, 0.0, 14.0));
        assert_eq!(lungs.region.end, [9, 14, 7].into());
    }
}

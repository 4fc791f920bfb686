//! Noise of a scan, from the pixels.

use crate::lungs::Lungs;
use domain::{Volume, VoxelPoint};

/// Standard deviation of noise within the lungs, HU: median absolute difference of neighbours in a row, which
/// vessels hardly touch, scaled to a standard deviation of independent noise (1 / (0.6745 * sqrt 2)). Correlated
/// noise reads lower than it is. `None` when there is no lung.
#[must_use]
pub fn noise_sd_hu(volume: &Volume, lungs: &Lungs) -> Option<f64> {
    let mut differences: Vec<i32> = Vec::new();
    let (_, _, nx) = volume.hu.dim();
    for mask in [&lungs.left, &lungs.right] {
        for ((z, y, x), _) in mask.indexed_iter().filter(|(_, inside)| **inside) {
            let place = lungs.affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 });
            let v = <[f64; 3]>::from(volume.affine.to_voxel(place)).map(|p| p.round().max(0.0) as usize);
            if v[2] + 1 >= nx {
                continue;
            }
            if let (Some(a), Some(b)) = (volume.hu.get(v), volume.hu.get([v[0], v[1], v[2] + 1])) {
                differences.push((i32::from(*a) - i32::from(*b)).abs());
            }
        }
    }
    differences.sort_unstable();
    let median = *differences.get(differences.len() / 2)?;
    Some(f64::from(median) / (0.6745 * std::f64::consts::SQRT_2))
}

//! Gaussian smoothing with widths in millimetres.

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array3, ArrayView3, ArrayViewMut1, Axis};

/// Weights of half a kernel, from the middle outwards, cut at three standard deviations; sum of the whole is 1.
fn half_kernel(sigma_voxels: f64) -> Vec<f32> {
    let reach = (3.0 * sigma_voxels).ceil() as usize;
    let weights: Vec<f64> =
        (0..=reach).map(|i| (-0.5 * (i as f64 / sigma_voxels.max(1e-9)).powi(2)).exp()).collect();
    let sum: f64 = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    weights.iter().map(|w| (w / sum) as f32).collect()
}

/// Convolves one line; its ends are repeated outwards.
fn convolve(mut line: ArrayViewMut1<'_, f32>, kernel: &[f32]) {
    let source: Array1<f32> = line.to_owned();
    let last = source.len().saturating_sub(1);
    for (i, value) in line.iter_mut().enumerate() {
        let mut sum = kernel[0] * source[i];
        for (k, weight) in kernel.iter().enumerate().skip(1) {
            sum += weight * (source[i.saturating_sub(k)] + source[(i + k).min(last)]);
        }
        *value = sum;
    }
}

/// `values` smoothed by a Gaussian of `sigma_mm`; the border is repeated outwards.
#[must_use]
pub fn gaussian(values: ArrayView3<'_, f32>, sigma_mm: f64, spacing_mm_zyx: [f64; 3]) -> Array3<f32> {
    let mut out = values.to_owned();
    if values.is_empty() || sigma_mm <= 0.0 {
        return out;
    }
    let kernels = spacing_mm_zyx.map(|s| half_kernel(sigma_mm / s));
    out.axis_iter_mut(Axis(0)).into_par_iter().for_each(|mut plane| {
        for row in plane.axis_iter_mut(Axis(0)) {
            convolve(row, &kernels[2]);
        }
        for column in plane.axis_iter_mut(Axis(1)) {
            convolve(column, &kernels[1]);
        }
    });
    out.axis_iter_mut(Axis(1)).into_par_iter().for_each(|mut plane| {
        for column in plane.axis_iter_mut(Axis(1)) {
            convolve(column, &kernels[0]);
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: an impulse keeps its sum and gets the asked width in mm on an anisotropic grid.
    #[test]
    fn impulse_spreads_by_sigma_mm() {
        let mut values = Array3::zeros((41, 41, 41));
        values[[20, 20, 20]] = 1.0;
        let spacing = [0.5, 0.8, 0.7];
        let out = gaussian(values.view(), 1.5, spacing);
        assert!((out.sum() - 1.0).abs() < 1e-4);
        for axis in 0..3 {
            let variance: f32 =
                out.indexed_iter().map(|((z, y, x), v)| ([z, y, x][axis] as f32 - 20.0).powi(2) * v).sum();
            let sigma_mm = variance.sqrt() * spacing[axis] as f32;
            assert!((sigma_mm - 1.5).abs() < 0.06, "axis {axis}: {sigma_mm}");
        }
    }
}

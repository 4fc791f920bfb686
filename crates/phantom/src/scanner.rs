//! The scanner: blur of the kernel, noise with the kernel's spectrum at a chosen dose.
//!
//! Filtered back projection leaves noise with power `f exp(-f^2 / (2 s^2))`, which peaks at `f = s`
//! (Kijewski & Judy, Phys Med Biol 1987;32:565); its variance goes with `1 / (mAs x thickness)`.

use crate::shape::{Vec3, smooth_step};
use crate::spec::{Dose, Kernel, SeriesSpec};
use ndarray::Array2;
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};
use std::sync::Arc;

/// What a kernel does.
struct Response {
    /// Standard deviation of the point spread, mm: 0.187 / (frequency where half the contrast is left).
    blur_mm: f64,
    /// Frequency of the strongest noise, per mm.
    noise_peak: f64,
    /// Noise at 30 mAs and 1 mm, HU.
    noise_sd_hu: f64,
    /// Overshoot at edges, as a share of the step.
    overshoot: f32,
}

fn response(kernel: Kernel) -> Response {
    match kernel {
        Kernel::Soft => {
            Response { blur_mm: 0.187 / 0.35, noise_peak: 0.22, noise_sd_hu: 26.0, overshoot: 0.0 }
        }
        Kernel::Medium => {
            Response { blur_mm: 0.187 / 0.45, noise_peak: 0.30, noise_sd_hu: 42.0, overshoot: 0.08 }
        }
        Kernel::Sharp => {
            Response { blur_mm: 0.187 / 0.60, noise_peak: 0.45, noise_sd_hu: 85.0, overshoot: 0.25 }
        }
    }
}

/// Standard deviation of the noise in the heart that a specification asks for, HU.
#[must_use]
pub fn noise_sd_hu(spec: &SeriesSpec) -> f64 {
    match spec.dose {
        Dose::Noiseless => 0.0,
        Dose::NoiseSdHu(sd) => sd,
        Dose::Mas(mas) => response(spec.kernel).noise_sd_hu * (30.0 / mas).sqrt() / spec.thickness_mm.sqrt(),
    }
}

/// A scanner set up for one series.
pub(crate) struct Scanner {
    seed: u64,
    size: usize,
    taps: Vec<f32>,
    wide_taps: Vec<f32>,
    overshoot: f32,
    noise_sd: f32,
    /// Amplitude for each frequency, rows then columns, unit variance in space.
    plain: Vec<f32>,
    /// The same with streaks along the rows.
    streaky: Vec<f32>,
    /// Share of neighbouring slabs in a slice's noise, from `-reach` to `reach`; unit power.
    slabs: Vec<f32>,
    inverse: Arc<dyn Fft<f32>>,
}

impl Scanner {
    /// For a checked specification.
    pub(crate) fn new(spec: &SeriesSpec) -> Self {
        let response = response(spec.kernel);
        let amplitude = |streak: f64| amplitudes(spec.matrix, spec.pixel_mm, response.noise_peak, streak);
        Self {
            seed: spec.seed,
            size: spec.matrix,
            taps: gaussian(response.blur_mm / spec.pixel_mm),
            wide_taps: gaussian(2.2 * response.blur_mm / spec.pixel_mm),
            overshoot: response.overshoot,
            noise_sd: noise_sd_hu(spec) as f32,
            plain: amplitude(0.0),
            streaky: amplitude(3.0),
            slabs: slab_shares(spec.thickness_mm / spec.spacing_mm),
            inverse: FftPlanner::new().plan_fft_inverse(spec.matrix),
        }
    }

    /// Whether there is any noise to add.
    pub(crate) fn is_noisy(&self) -> bool {
        self.noise_sd > 0.0
    }

    /// Blurs a slice as the kernel does.
    pub(crate) fn blur(&self, slice: &mut Array2<f32>) {
        if self.overshoot > 0.0 {
            let mut wide = slice.clone();
            convolve(&mut wide, &self.wide_taps);
            convolve(slice, &self.taps);
            slice.zip_mut_with(&wide, |sharp, wide| *sharp += self.overshoot * (*sharp - wide));
        } else {
            convolve(slice, &self.taps);
        }
    }

    /// Noise of slice `slice`, standard deviation 1; `streaks` mixes in horizontal ones, 0 to 1.
    pub(crate) fn noise(&self, slice: usize, streaks: f32, scratch: &mut NoiseScratch) -> Array2<f32> {
        let mut sum = Array2::<f32>::zeros((self.size, self.size));
        for (j, share) in self.slabs.iter().enumerate() {
            // Two slabs come out of each transform, as its real and its imaginary part.
            let slab = slice + j;
            let pair = slab / 2;
            if scratch.pair != Some((pair, streaks.to_bits())) {
                self.pair_of_slabs(pair, streaks, scratch);
            }
            for (out, v) in sum.iter_mut().zip(&scratch.field) {
                *out += share * if slab.is_multiple_of(2) { v.re } else { v.im };
            }
        }
        sum
    }

    fn pair_of_slabs(&self, pair: usize, streaks: f32, scratch: &mut NoiseScratch) {
        let n = self.size;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(1_000_000 + pair as u64);
        let NoiseScratch { field, turned, fft, pair: held } = scratch;
        field.clear();
        field.extend(self.plain.iter().zip(&self.streaky).map(|(plain, streaky)| {
            let a = plain + (streaky - plain) * streaks;
            let (re, im): (f32, f32) = (rng.sample(StandardNormal), rng.sample(StandardNormal));
            Complex32::new(a * re, a * im)
        }));
        fft.resize(self.inverse.get_inplace_scratch_len(), Complex32::default());
        self.inverse.process_with_scratch(field, fft);
        turned.resize(n * n, Complex32::default());
        transpose(field, turned, n);
        self.inverse.process_with_scratch(turned, fft);
        transpose(turned, field, n);
        *held = Some((pair, streaks.to_bits()));
    }

    /// How strong the noise is at a patient place, HU: most in the middle, more between the shoulders.
    pub(crate) fn noise_sd_at(&self, p: Vec3) -> f32 {
        let (x, y) = ((p[0] - 10.0) / 115.0, (p[1] + 14.0) / 85.0);
        let middle = 0.60 + 0.40 * (-(x * x + y * y)).exp();
        self.noise_sd * middle * Self::along_body(p[2])
    }

    fn along_body(z: f32) -> f32 {
        1.0 + 0.7 * smooth_step(80.0, 130.0, z) + 0.2 * smooth_step(-60.0, -130.0, z)
    }

    /// Share of streaks at a height: only through the shoulders.
    pub(crate) fn streaks_at(z: f32) -> f32 {
        (smooth_step(75.0, 125.0, z) * 8.0).round() / 8.0
    }
}

/// Memory of a thread for making noise.
#[derive(Default)]
pub(crate) struct NoiseScratch {
    field: Vec<Complex32>,
    turned: Vec<Complex32>,
    fft: Vec<Complex32>,
    pair: Option<(usize, u32)>,
}

/// Square root of the noise power for each frequency, normalised to variance 1 in space.
fn amplitudes(n: usize, pixel_mm: f64, peak: f64, streak: f64) -> Vec<f32> {
    let frequency = |i: usize| {
        let signed = if i <= n / 2 { i as f64 } else { i as f64 - n as f64 };
        signed / (n as f64 * pixel_mm)
    };
    let power = |row: usize, column: usize| {
        let (fy, fx) = (frequency(row), frequency(column));
        let f = (fx * fx + fy * fy).sqrt();
        // Streaks run along the rows: low frequencies along them, any across.
        let along = (-(fx / 0.035).powi(2)).exp();
        f * (-f * f / (2.0 * peak * peak)).exp() * (1.0 + streak * 6.0 * along)
    };
    let all: Vec<f64> = (0..n * n).map(|i| power(i / n, i % n)).collect();
    let total: f64 = all.iter().sum();
    all.iter().map(|p| (p / total).sqrt() as f32).collect()
}

/// Shares of the slabs that a slice of `ratio` slabs thickness holds, with squares that sum to 1.
fn slab_shares(ratio: f64) -> Vec<f32> {
    let half = (ratio / 2.0).max(0.5);
    let reach = ((half - 0.5).ceil() as i32).max(0);
    let overlap = |j: i32| {
        let (low, high) = (f64::from(j) - 0.5, f64::from(j) + 0.5);
        (high.min(half) - low.max(-half)).max(0.0)
    };
    let shares: Vec<f64> = (-reach..=reach).map(overlap).collect();
    let power = shares.iter().map(|s| s * s).sum::<f64>().sqrt();
    shares.iter().map(|s| (s / power) as f32).collect()
}

/// Taps of a Gaussian of standard deviation `sigma` pixels, sum 1.
fn gaussian(sigma: f64) -> Vec<f32> {
    let reach = (3.5 * sigma).ceil() as i32;
    let taps: Vec<f64> =
        (-reach..=reach).map(|i| (-f64::from(i * i) / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|t| (t / sum) as f32).collect()
}

/// Convolves rows, then columns; outside is as the border.
fn convolve(slice: &mut Array2<f32>, taps: &[f32]) {
    let (rows, columns) = slice.dim();
    let reach = taps.len() / 2;
    let mut padded = vec![0.0_f32; columns + 2 * reach];
    for mut line in slice.rows_mut() {
        let Some(line) = line.as_slice_mut() else { continue };
        padded[..reach].fill(line[0]);
        padded[reach..reach + columns].copy_from_slice(line);
        padded[reach + columns..].fill(line[columns - 1]);
        for (x, out) in line.iter_mut().enumerate() {
            *out = taps.iter().zip(&padded[x..]).map(|(t, v)| t * v).sum();
        }
    }
    let source = slice.clone();
    for (y, mut line) in slice.rows_mut().into_iter().enumerate() {
        line.fill(0.0);
        for (j, tap) in taps.iter().enumerate() {
            let from = (y + j).saturating_sub(reach).min(rows - 1);
            line.zip_mut_with(&source.row(from), |out, v| *out += tap * v);
        }
    }
}

/// Turns an `n` by `n` array, in blocks that fit the cache.
fn transpose(from: &[Complex32], to: &mut [Complex32], n: usize) {
    const BLOCK: usize = 16;
    for by in (0..n).step_by(BLOCK) {
        for bx in (0..n).step_by(BLOCK) {
            for y in by..(by + BLOCK).min(n) {
                for x in bx..(bx + BLOCK).min(n) {
                    to[x * n + y] = from[y * n + x];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise has variance 1, no mean, and its spectrum is strongest near the kernel's peak.
    #[test]
    fn noise_has_unit_variance_and_the_spectrum_of_the_kernel() {
        let spec = SeriesSpec {
            matrix: 128,
            dose: Dose::NoiseSdHu(20.0),
            thickness_mm: 2.5,
            ..SeriesSpec::default()
        };
        let scanner = Scanner::new(&spec);
        let mut scratch = NoiseScratch::default();
        let mut power = 0.0_f64;
        let mut neighbour = 0.0_f64;
        for slice in 0..12 {
            let noise = scanner.noise(slice, 0.0, &mut scratch);
            let next = scanner.noise(slice + 1, 0.0, &mut scratch);
            let mean = noise.mean().unwrap();
            assert!(mean.abs() < 0.02, "{mean}");
            power += f64::from(noise.mapv(|v| v * v).mean().unwrap()) / 12.0;
            neighbour += f64::from((&noise * &next).mean().unwrap()) / 12.0;
        }
        assert!((power - 1.0).abs() < 0.04, "{power}");
        // A 2.5 mm slice every 1 mm shares most of its noise with its neighbour.
        assert!((0.4..0.75).contains(&neighbour), "{neighbour}");
    }

    /// Blur keeps the mean and turns a step into one whose half is left at the kernel's frequency.
    #[test]
    fn blur_keeps_the_mean() {
        let scanner = Scanner::new(&SeriesSpec { matrix: 64, ..SeriesSpec::default() });
        let mut slice = Array2::from_shape_fn((64, 64), |(_, x)| if x < 32 { 0.0 } else { 100.0 });
        scanner.blur(&mut slice);
        assert!((slice[[30, 5]]).abs() < 1e-3 && (slice[[30, 60]] - 100.0).abs() < 1e-3);
        assert!((slice[[30, 31]] + slice[[30, 32]] - 100.0).abs() < 0.01);
        assert!(slice[[30, 31]] > 10.0);
    }
}

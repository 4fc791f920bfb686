//! The grid of a RetinaNet: RAS, its own spacing, padded at the end, cut in windows when it is large.

use crate::orientation::Orientation;
use domain::{Affine, LpsPoint, Volume, VoxelPoint};
use ndarray::parallel::prelude::*;
use ndarray::{Array3, Axis, s};

/// A scan on the network's grid.
#[derive(Debug, Clone)]
pub struct RasGrid {
    /// Scaled values `[x, y, z]`: x to the right, y to the front, z to the head; padded at the end of each axis.
    pub values: Array3<f32>,
    /// Voxels that are the scan, `[x, y, z]`.
    pub size: [usize; 3],
    /// Voxel `[z, y, x]` of this grid to LPS.
    pub affine: Affine,
}

impl RasGrid {
    /// Place of `[x, y, z]` voxels, LPS mm.
    #[must_use]
    pub fn to_lps(&self, [x, y, z]: [f64; 3]) -> LpsPoint {
        self.affine.to_lps(VoxelPoint { z, y, x })
    }
}

/// `volume` at `spacing_mm` `[x, y, z]`, values from `hu_clip` to 0 to 1, padded with `pad_value` to multiples of
/// `divisor`. The centre of voxel 0 stays; an axis of n voxels becomes round((n - 1) s_in / s_out + 1), halves to even;
/// trilinear, the border repeated.
#[must_use]
pub fn resample(
    volume: &Volume,
    spacing_mm: [f64; 3],
    hu_clip: [f64; 2],
    pad_value: f32,
    divisor: [usize; 3],
) -> RasGrid {
    // Patient order [z, y, x] in LPS, then x and y turned round: RAS.
    let orientation = Orientation::of(&volume.affine);
    let patient = orientation.affine(&volume.affine, volume.shape());
    let mut view = orientation.view(volume.hu.view());
    let lens = <[usize; 3]>::from(view.dim());
    view.invert_axis(Axis(1));
    view.invert_axis(Axis(2));
    let ras = view.permuted_axes([2, 1, 0]);
    let last = |axis: usize| lens[axis].saturating_sub(1) as f64;
    let origin = patient.to_lps(VoxelPoint { z: 0.0, y: last(1), x: last(2) });
    let [step_z, step_y, step_x] = patient.steps_zyx();
    let spacing_in = patient.spacing_mm_zyx();
    let spacing_xyz = [spacing_in[2], spacing_in[1], spacing_in[0]];
    let lens_xyz = [lens[2], lens[1], lens[0]];
    let size = [0, 1, 2].map(|a| {
        let length = (lens_xyz[a].saturating_sub(1) as f64) * spacing_xyz[a] / spacing_mm[a] + 1.0;
        length.round_ties_even() as usize
    });
    let taps = [0, 1, 2].map(|a| taps(size[a], spacing_mm[a] / spacing_xyz[a], lens_xyz[a]));
    let padded = [0, 1, 2].map(|a| size[a].next_multiple_of(divisor[a].max(1)));
    let mut values = Array3::from_elem(padded, pad_value);
    let [low, high] = hu_clip.map(|v| v as f32);
    let scaled = |hu: f32| ((hu - low) / (high - low)).clamp(0.0, 1.0);
    let mut inner = values.slice_mut(s![..size[0], ..size[1], ..size[2]]);
    inner.axis_iter_mut(Axis(0)).into_par_iter().zip(&taps[0]).for_each(|(mut plane, (x0, x1, wx))| {
        for (mut row, (y0, y1, wy)) in plane.outer_iter_mut().zip(&taps[1]) {
            for (value, (z0, z1, wz)) in row.iter_mut().zip(&taps[2]) {
                let at = |x: usize, y: usize, z: usize| f32::from(ras[[x, y, z]]);
                let line = |x: usize, y: usize| at(x, y, *z0) * (1.0 - wz) + at(x, y, *z1) * wz;
                let side = |x: usize| line(x, *y0) * (1.0 - wy) + line(x, *y1) * wy;
                *value = scaled(side(*x0) * (1.0 - wx) + side(*x1) * wx);
            }
        }
    });
    let along = |step: [f64; 3], axis: usize, sign: f64| {
        step.map(|v| sign * v * spacing_mm[axis] / spacing_xyz[axis])
    };
    let steps = [along(step_z, 2, 1.0), along(step_y, 1, -1.0), along(step_x, 0, -1.0)];
    RasGrid { values, size, affine: crate::orientation::rebuilt(origin, steps, &patient) }
}

/// Lower neighbour, upper neighbour, weight of the upper for each output.
fn taps(count: usize, step: f64, len: usize) -> Vec<(usize, usize, f32)> {
    let last = len.saturating_sub(1);
    (0..count)
        .map(|i| {
            let place = (i as f64 * step).min(last as f64);
            let low = place.floor() as usize;
            (low, (low + 1).min(last), (place - low as f64) as f32)
        })
        .collect()
}

/// First voxels of the windows of `roi` over `size` along each axis, MONAI's dense patches: a step of
/// `int(roi (1 - overlap))`, the last window moved back to the end. All combinations, the last axis fastest.
#[must_use]
pub fn windows(size: [usize; 3], roi: [usize; 3], overlap: f64) -> Vec<[usize; 3]> {
    let starts = [0, 1, 2].map(|a| {
        if size[a] <= roi[a] {
            return vec![0];
        }
        let step = ((roi[a] as f64 * (1.0 - overlap)) as usize).max(1);
        let last = size[a] - roi[a];
        let mut starts: Vec<usize> = (0..).map(|i| i * step).take_while(|s| *s < last).collect();
        starts.push(last);
        starts
    });
    let mut all = Vec::new();
    for x in &starts[0] {
        for y in &starts[1] {
            all.extend(starts[2].iter().map(|z| [*x, *y, *z]));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: output lengths that were checked against MONAI, and places in the patient: an off-centre bright voxel
    /// comes out at its own place, right and left not exchanged.
    #[test]
    fn lengths_and_places() {
        for (n, from, to, expected) in [
            (512, 0.7, 0.703_125, 510),
            (300, 1.0, 1.25, 240),
            (133, 2.5, 1.25, 265),
            (120, 3.0, 1.25, 287),
            (512, 0.8, 0.703_125, 582),
        ] {
            let volume = Volume {
                hu: Array3::zeros((n, 2, 2)),
                affine: Affine::axial(LpsPoint { x: 0.0, y: 0.0, z: 0.0 }, [from, 1.0, 1.0]).unwrap(),
            };
            let grid = resample(&volume, [1.0, 1.0, to], [-1024.0, 300.0], 0.0, [16, 16, 8]);
            assert_eq!(grid.size[2], expected, "{n} at {from}");
            assert_eq!(grid.values.dim().2 % 8, 0);
        }
        let affine = Affine::axial(LpsPoint { x: -30.0, y: -20.0, z: 100.0 }, [2.5, 0.7, 0.7]).unwrap();
        let mut hu = Array3::from_elem((9, 40, 50), -1024i16);
        hu[[3, 10, 40]] = 300;
        let place = affine.to_lps(VoxelPoint { z: 3.0, y: 10.0, x: 40.0 });
        let grid = resample(&Volume { hu, affine }, [0.7, 0.7, 1.25], [-1024.0, 300.0], 0.0, [16, 16, 8]);
        let (at, _) = grid.values.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        assert!(grid.to_lps([at.0 as f64, at.1 as f64, at.2 as f64]).distance_mm(place) < 1e-6, "{at:?}");
        // The patient's left is the end of the x axis in LPS and the beginning in RAS.
        assert_eq!(at, (9, 29, 6));
    }

    /// Goal: MONAI's windows: overlap a quarter, the last one at the end.
    #[test]
    fn windows_are_dense() {
        let starts = windows([128, 64, 40], [64, 64, 32], 0.25);
        assert_eq!(starts, [[0, 0, 0], [0, 0, 8], [48, 0, 0], [48, 0, 8], [64, 0, 0], [64, 0, 8]]);
    }
}

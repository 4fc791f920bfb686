//! Where the slices lie in the patient.

use crate::shape::Vec3;
use crate::spec::SeriesSpec;
use domain::{Affine, AffineError, LpsPoint};

/// The scan's voxels; slices are counted from the feet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    origin: [f64; 3],
    slice_step: [f64; 3],
    /// Direction along a row (to the next column).
    pub(crate) row_direction: [f64; 3],
    /// Direction along a column (to the next row).
    pub(crate) column_direction: [f64; 3],
    /// Across the slice, towards the head.
    pub(crate) normal: [f64; 3],
    /// Pixel spacing, mm.
    pub(crate) pixel_mm: f64,
    /// Slices, rows and columns.
    pub(crate) shape: [usize; 3],
}

/// One plane of a slice, for drawing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plane {
    /// Centre of the first pixel, patient LPS mm.
    pub(crate) origin: Vec3,
    /// Along a row.
    pub(crate) u: Vec3,
    /// Along a column.
    pub(crate) v: Vec3,
    /// Across.
    pub(crate) n: Vec3,
    /// Pixel spacing, mm.
    pub(crate) pixel_mm: f32,
}

/// `v` turned about the patient's left-right axis.
fn turned(v: [f64; 3], degrees: f64) -> [f64; 3] {
    let (s, c) = degrees.to_radians().sin_cos();
    [v[0], c * v[1] - s * v[2], s * v[1] + c * v[2]]
}

impl Grid {
    /// The grid of a checked specification.
    pub(crate) fn of(spec: &SeriesSpec) -> Self {
        let [row, column] = spec.position.row_and_column();
        let turn = spec.oblique_degrees + spec.tilt_degrees;
        let column = turned(column, turn);
        let normal = turned([0.0, 0.0, 1.0], turn);
        let step = turned([0.0, 0.0, 1.0], spec.oblique_degrees).map(|v| v * spec.spacing_mm);
        let half_field = (spec.matrix - 1) as f64 / 2.0 * spec.pixel_mm;
        let half_stack = (spec.slices_count - 1) as f64 / 2.0;
        let center: [f64; 3] = spec.center_lps_mm.into();
        let origin =
            std::array::from_fn(|i| center[i] - half_stack * step[i] - half_field * (row[i] + column[i]));
        Self {
            origin,
            slice_step: step,
            row_direction: row,
            column_direction: column,
            normal,
            pixel_mm: spec.pixel_mm,
            shape: [spec.slices_count, spec.matrix, spec.matrix],
        }
    }

    /// Voxel to patient.
    pub(crate) fn affine(&self) -> Result<Affine, AffineError> {
        let per_pixel = |d: [f64; 3]| d.map(|v| v * self.pixel_mm);
        Affine::new(
            LpsPoint::from(self.origin),
            self.slice_step,
            per_pixel(self.column_direction),
            per_pixel(self.row_direction),
        )
    }

    /// ImagePositionPatient of a slice.
    pub(crate) fn position(&self, slice: usize) -> [f64; 3] {
        let k = slice as f64;
        std::array::from_fn(|i| self.origin[i] + k * self.slice_step[i])
    }

    /// Cosines of row and column, as ImageOrientationPatient.
    pub(crate) fn orientation(&self) -> [f64; 6] {
        let ([a, b, c], [d, e, f]) = (self.row_direction, self.column_direction);
        [a, b, c, d, e, f]
    }

    /// The plane `across_mm` above the middle of a slice.
    pub(crate) fn plane(&self, slice: usize, across_mm: f64) -> Plane {
        let p = self.position(slice);
        let narrow = |v: [f64; 3]| v.map(|c| c as f32);
        Plane {
            origin: narrow(std::array::from_fn(|i| p[i] + across_mm * self.normal[i])),
            u: narrow(self.row_direction),
            v: narrow(self.column_direction),
            n: narrow(self.normal),
            pixel_mm: self.pixel_mm as f32,
        }
    }

    /// Distance between slices across them, mm.
    pub(crate) fn spacing_mm(&self) -> f64 {
        (0..3).map(|i| self.slice_step[i] * self.normal[i]).sum()
    }

    /// Box of the patient that the scan covers for certain: low and high corner.
    pub(crate) fn covered(&self) -> [Vec3; 2] {
        let (n, m) = ((self.shape[0] - 1) as f64, (self.shape[1] - 1) as f64 * self.pixel_mm);
        let low = |i: usize| {
            let ends = [0.0, n * self.slice_step[i]];
            let spans = [self.row_direction[i] * m, self.column_direction[i] * m];
            let base = self.origin[i];
            let all = [0.0, spans[0], spans[1], spans[0] + spans[1]];
            let min = ends[0].min(ends[1]) + all.into_iter().fold(f64::MAX, f64::min);
            let max = ends[0].max(ends[1]) + all.into_iter().fold(f64::MIN, f64::max);
            ((base + min) as f32, (base + max) as f32)
        };
        let (x, y, z) = (low(0), low(1), low(2));
        [[x.0, y.0, z.0], [x.1, y.1, z.1]]
    }
}

impl Plane {
    /// Patient place of pixel `(row, column)`.
    pub(crate) fn at(&self, row: f32, column: f32) -> Vec3 {
        std::array::from_fn(|i| self.origin[i] + self.pixel_mm * (row * self.v[i] + column * self.u[i]))
    }

    /// A patient place as (along the row, along the column, across), mm from the plane's first pixel.
    pub(crate) fn local(&self, p: Vec3) -> Vec3 {
        let d = crate::shape::sub(p, self.origin);
        [crate::shape::dot(d, self.u), crate::shape::dot(d, self.v), crate::shape::dot(d, self.n)]
    }
}

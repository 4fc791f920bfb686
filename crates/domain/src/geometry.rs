//! Axis and frame conventions, in one place.
//!
//! - Array axes are `[z, y, x]`: slice, row, column.
//! - Patient space is DICOM's LPS: x to the patient's Left, y to Posterior, z to Superior (head), in mm.
//! - A point names a voxel's **centre**: voxel index 0 lies at the ImagePositionPatient itself.

use serde::{Deserialize, Serialize};

/// A place in patient space, LPS millimetres.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 3]", into = "[f64; 3]")]
pub struct LpsPoint {
    /// Towards the patient's left, mm.
    pub x: f64,
    /// Towards the patient's back, mm.
    pub y: f64,
    /// Towards the patient's head, mm.
    pub z: f64,
}

impl LpsPoint {
    /// Distance in mm.
    #[must_use]
    pub fn distance_mm(self, other: Self) -> f64 {
        let d = [self.x - other.x, self.y - other.y, self.z - other.z];
        d.iter().map(|v| v * v).sum::<f64>().sqrt()
    }
}

impl From<[f64; 3]> for LpsPoint {
    fn from([x, y, z]: [f64; 3]) -> Self {
        Self { x, y, z }
    }
}

impl From<LpsPoint> for [f64; 3] {
    fn from(p: LpsPoint) -> Self {
        [p.x, p.y, p.z]
    }
}

/// A voxel of a volume: 0-based slice, row and column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "[usize; 3]", into = "[usize; 3]")]
pub struct VoxelIndex {
    /// Slice.
    pub z: usize,
    /// Row.
    pub y: usize,
    /// Column.
    pub x: usize,
}

impl From<[usize; 3]> for VoxelIndex {
    fn from([z, y, x]: [usize; 3]) -> Self {
        Self { z, y, x }
    }
}

impl From<VoxelIndex> for [usize; 3] {
    fn from(v: VoxelIndex) -> Self {
        [v.z, v.y, v.x]
    }
}

/// A place between voxels, in units of voxels; whole numbers are voxel centres.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 3]", into = "[f64; 3]")]
pub struct VoxelPoint {
    /// Slice.
    pub z: f64,
    /// Row.
    pub y: f64,
    /// Column.
    pub x: f64,
}

impl From<[f64; 3]> for VoxelPoint {
    fn from([z, y, x]: [f64; 3]) -> Self {
        Self { z, y, x }
    }
}

impl From<VoxelPoint> for [f64; 3] {
    fn from(p: VoxelPoint) -> Self {
        [p.z, p.y, p.x]
    }
}

/// Why an affine cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AffineError {
    /// A number is not finite, a spacing is not positive, or the axes lie in one plane.
    #[error("voxel axes are not three independent finite directions")]
    Degenerate,
}

/// Voxel to patient: `p = origin + z * slice_step + y * row_step + x * column_step`.
///
/// Steps are mm per voxel: `column_step` is the move to the next column (along a row),
/// `row_step` the move to the next row, `slice_step` the move to the next slice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Affine {
    origin: [f64; 3],
    slice_step: [f64; 3],
    row_step: [f64; 3],
    column_step: [f64; 3],
    /// Rows of the inverse 3 x 3 matrix: patient offset to (x, y, z) voxels.
    inverse: [[f64; 3]; 3],
}

impl Affine {
    /// From the centre of voxel (0,0,0) and the three steps, all LPS mm.
    ///
    /// # Errors
    /// [`AffineError::Degenerate`] when the steps do not span space or a number is not finite.
    pub fn new(
        origin: LpsPoint,
        slice_step: [f64; 3],
        row_step: [f64; 3],
        column_step: [f64; 3],
    ) -> Result<Self, AffineError> {
        let origin: [f64; 3] = origin.into();
        let all = [origin, slice_step, row_step, column_step];
        if all.iter().flatten().any(|v| !v.is_finite()) {
            return Err(AffineError::Degenerate);
        }
        let det = dot(cross(column_step, row_step), slice_step);
        let scale = norm(column_step) * norm(row_step) * norm(slice_step);
        if scale <= 0.0 || (det / scale).abs() < 1e-3 {
            return Err(AffineError::Degenerate);
        }
        let by = |v: [f64; 3]| v.map(|c| c / det);
        let inverse = [
            by(cross(row_step, slice_step)),
            by(cross(slice_step, column_step)),
            by(cross(column_step, row_step)),
        ];
        Ok(Self { origin, slice_step, row_step, column_step, inverse })
    }

    /// Axis-aligned in LPS: columns to the left, rows to the back, slices to the head.
    ///
    /// # Errors
    /// [`AffineError::Degenerate`] when a spacing is not positive and finite.
    pub fn axial(origin: LpsPoint, spacing_mm_zyx: [f64; 3]) -> Result<Self, AffineError> {
        let [z, y, x] = spacing_mm_zyx;
        if spacing_mm_zyx.iter().any(|s| *s <= 0.0) {
            return Err(AffineError::Degenerate);
        }
        Self::new(origin, [0.0, 0.0, z], [0.0, y, 0.0], [x, 0.0, 0.0])
    }

    /// Patient place of a voxel place.
    #[must_use]
    pub fn to_lps(&self, p: VoxelPoint) -> LpsPoint {
        let axis = |i: usize| {
            self.origin[i] + p.z * self.slice_step[i] + p.y * self.row_step[i] + p.x * self.column_step[i]
        };
        LpsPoint { x: axis(0), y: axis(1), z: axis(2) }
    }

    /// Voxel place of a patient place; may lie outside the volume.
    #[must_use]
    pub fn to_voxel(&self, p: LpsPoint) -> VoxelPoint {
        let d = [p.x - self.origin[0], p.y - self.origin[1], p.z - self.origin[2]];
        VoxelPoint { x: dot(self.inverse[0], d), y: dot(self.inverse[1], d), z: dot(self.inverse[2], d) }
    }

    /// Distance between neighbouring voxel centres along `[z, y, x]`, mm.
    #[must_use]
    pub fn spacing_mm_zyx(&self) -> [f64; 3] {
        [norm(self.slice_step), norm(self.row_step), norm(self.column_step)]
    }

    /// Volume of one voxel, mm3 (right for sheared grids too).
    #[must_use]
    pub fn voxel_mm3(&self) -> f64 {
        dot(cross(self.column_step, self.row_step), self.slice_step).abs()
    }

    /// Centre of voxel (0,0,0).
    #[must_use]
    pub fn origin(&self) -> LpsPoint {
        self.origin.into()
    }

    /// Move to the next slice, row and column, LPS mm.
    #[must_use]
    pub fn steps_zyx(&self) -> [[f64; 3]; 3] {
        [self.slice_step, self.row_step, self.column_step]
    }

    /// The same frame with the origin moved to voxel `v`: the affine of a crop that starts there.
    #[must_use]
    pub fn cropped_at(&self, v: VoxelIndex) -> Self {
        #[allow(clippy::cast_precision_loss)]
        let p = self.to_lps(VoxelPoint { z: v.z as f64, y: v.y as f64, x: v.x as f64 });
        Self { origin: p.into(), ..*self }
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn norm(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_on_an_oblique_grid() {
        let a = Affine::new(
            LpsPoint { x: -100.0, y: -120.0, z: 40.0 },
            [0.0, 0.4, 2.4],
            [0.0, 0.69, -0.1],
            [-0.7, 0.0, 0.0],
        )
        .unwrap();
        let v = VoxelPoint { z: 12.5, y: 100.0, x: 7.25 };
        let back = a.to_voxel(a.to_lps(v));
        assert!((back.z - v.z).abs() < 1e-9 && (back.y - v.y).abs() < 1e-9 && (back.x - v.x).abs() < 1e-9);
    }

    #[test]
    fn flat_and_infinite_grids_are_refused() {
        let o = LpsPoint { x: 0.0, y: 0.0, z: 0.0 };
        assert!(Affine::new(o, [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]).is_err());
        assert!(Affine::axial(o, [0.0, 1.0, 1.0]).is_err());
        assert!(Affine::axial(o, [f64::NAN, 1.0, 1.0]).is_err());
    }
}

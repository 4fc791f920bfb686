//! Where fissures lie in an average chest, in a lung's own frame.
//!
//! Each fissure is a height `u` over a chart `(a, b)`: the horizontal one over the lung seen from above, the
//! oblique ones over a plane that rises from the front of the base to the back of the apex.

use domain::{Affine, LpsPoint, Side, VoxelPoint};
use ndarray::{Array2, ArrayView3, Axis};
use std::f64::consts::FRAC_1_SQRT_2;

/// One of the three fissures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fissure {
    /// Between left upper and left lower lobe.
    LeftOblique,
    /// Between right lower lobe and the other two.
    RightOblique,
    /// Between right upper and right middle lobe.
    RightHorizontal,
}

/// Columns of a chart across (lateral to medial).
pub(super) const ACROSS: usize = 44;
/// Columns of a chart along it.
pub(super) const ALONG: usize = 72;
/// First and last place across.
const A_RANGE: [f64; 2] = [-0.03, 1.03];
/// Part of a lung's voxels that lies outside its frame at either end of each axis.
const OUTSIDE: f64 = 0.01;

/// A fissure moved from its mean place: shift, and tilt along both axes of the chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pose {
    pub(super) shift: f64,
    pub(super) tilt_a: f64,
    pub(super) tilt_b: f64,
}

impl Fissure {
    /// All three; the right oblique one before the horizontal one, which ends at it.
    pub const ALL: [Self; 3] = [Self::LeftOblique, Self::RightOblique, Self::RightHorizontal];

    /// Which lung.
    #[must_use]
    pub fn side(self) -> Side {
        match self {
            Self::LeftOblique => Side::Left,
            Self::RightOblique | Self::RightHorizontal => Side::Right,
        }
    }

    /// `left oblique`, `right oblique`, `right horizontal`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeftOblique => "left oblique",
            Self::RightOblique => "right oblique",
            Self::RightHorizontal => "right horizontal",
        }
    }

    fn is_oblique(self) -> bool {
        self != Self::RightHorizontal
    }

    /// Coefficients of 1, a, b, a², ab, b² of the mean height: least squares through the points that readers marked
    /// on ten chests.
    fn mean_height(self) -> [f64; 6] {
        match self {
            Self::LeftOblique => [-0.052, -0.114, 0.022, -0.080, 0.295, -0.111],
            Self::RightOblique => [0.025, 0.081, -0.149, -0.149, 0.162, -0.035],
            Self::RightHorizontal => [0.654, -0.300, -0.678, 0.222, 0.668, 0.714],
        }
    }

    /// Between these places `b` points were marked; the mean height beyond is that of the nearest.
    fn marked_b(self) -> [f64; 2] {
        if self.is_oblique() { [0.25, 1.2] } else { [0.12, 0.55] }
    }

    /// Where tilts along `b` turn.
    fn pivot_b(self) -> f64 {
        if self.is_oblique() { 0.8 } else { 0.3 }
    }

    /// First and last place along the chart.
    fn b_range(self) -> [f64; 2] {
        if self.is_oblique() { [0.0, 1.5] } else { [-0.05, 1.05] }
    }

    /// Mean height at `(a, b)`, moved by `pose`.
    pub(super) fn height(self, pose: Pose, a: f64, b: f64) -> f64 {
        let [c, ca, cb, caa, cab, cbb] = self.mean_height();
        let known = b.clamp(self.marked_b()[0], self.marked_b()[1]);
        let mean = c + ca * a + cb * known + caa * a * a + cab * a * known + cbb * known * known;
        mean + self.moved(pose, a, b)
    }

    /// What `pose` adds to the mean height at `(a, b)`.
    pub(super) fn moved(self, pose: Pose, a: f64, b: f64) -> f64 {
        pose.shift + pose.tilt_a * (a - 0.5) + pose.tilt_b * (b - self.pivot_b())
    }

    /// `(a, b)` of a column of the chart.
    pub(super) fn column(self, across: usize, along: usize) -> [f64; 2] {
        let at = |[first, last]: [f64; 2], i: usize, count: usize| {
            first + (last - first) * i as f64 / (count - 1) as f64
        };
        [at(A_RANGE, across, ACROSS), at(self.b_range(), along, ALONG)]
    }

    /// `[a, b, u]` of a place `[z, y, x]` in the lung's frame.
    pub(super) fn project(self, [z, y, x]: [f64; 3]) -> [f64; 3] {
        if self.is_oblique() { [x, (y + z) * FRAC_1_SQRT_2, (z - y) * FRAC_1_SQRT_2] } else { [x, y, z] }
    }

    /// The reverse of [`Self::project`].
    pub(super) fn lift(self, [a, b, u]: [f64; 3]) -> [f64; 3] {
        if self.is_oblique() { [(b + u) * FRAC_1_SQRT_2, (b - u) * FRAC_1_SQRT_2, a] } else { [u, b, a] }
    }
}

/// A lung's own frame: `z` from base 0 to apex 1, `y` from front 0 to back 1, `x` from the side 0 to the middle of
/// the body 1, whichever lung it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LungFrame {
    side: Side,
    /// Grid of the mask to LPS; its axes rise to head, back and left.
    pub(super) affine: Affine,
    pub(super) spacing_mm: [f64; 3],
    low_mm: [f64; 3],
    size_mm: [f64; 3],
}

impl LungFrame {
    /// `None` for a mask that is all but empty.
    pub(super) fn of(mask: ArrayView3<'_, bool>, affine: &Affine, side: Side) -> Option<Self> {
        let spacing_mm = affine.spacing_mm_zyx();
        let (mut low_mm, mut size_mm) = ([0.0; 3], [0.0; 3]);
        for axis in 0..3 {
            let counts: Vec<usize> =
                mask.axis_iter(Axis(axis)).map(|plane| plane.iter().filter(|v| **v).count()).collect();
            let all = counts.iter().sum::<usize>() as f64;
            let mut below = 0.0;
            let (mut first, mut last) = (None, 0);
            for (i, count) in counts.iter().enumerate() {
                below += *count as f64;
                if first.is_none() && below > all * OUTSIDE {
                    first = Some(i);
                }
                if below < all * (1.0 - OUTSIDE) {
                    last = i + 1;
                }
            }
            let first = first?;
            if last <= first {
                return None;
            }
            low_mm[axis] = first as f64 * spacing_mm[axis];
            size_mm[axis] = (last - first) as f64 * spacing_mm[axis];
        }
        Some(Self { side, affine: *affine, spacing_mm, low_mm, size_mm })
    }

    /// Voxel of the mask's grid at a place of the frame.
    pub(super) fn voxel(&self, [z, y, x]: [f64; 3]) -> VoxelPoint {
        let x = if self.side == Side::Left { 1.0 - x } else { x };
        let p = [z, y, x];
        VoxelPoint::from([0, 1, 2].map(|a| (self.low_mm[a] + p[a] * self.size_mm[a]) / self.spacing_mm[a]))
    }

    /// The place of the frame at a place of the patient.
    pub(super) fn place(&self, point: LpsPoint) -> [f64; 3] {
        self.place_of_voxel(self.affine.to_voxel(point).into())
    }

    /// The place of the frame at a voxel `[z, y, x]` of the mask's grid.
    pub(super) fn place_of_voxel(&self, voxel: [f64; 3]) -> [f64; 3] {
        let [z, y, x] = [0, 1, 2].map(|a| (voxel[a] * self.spacing_mm[a] - self.low_mm[a]) / self.size_mm[a]);
        [z, y, if self.side == Side::Left { 1.0 - x } else { x }]
    }

    /// Millimetres along `u` for 1.
    pub(super) fn mm_per_height(&self, fissure: Fissure) -> f64 {
        let [z, y, _] = self.size_mm;
        if fissure.is_oblique() { z.hypot(y) * FRAC_1_SQRT_2 } else { z }
    }
}

/// A fissure as a height over its chart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Surface {
    pub(super) fissure: Fissure,
    /// `[across, along]`.
    pub(super) height: Array2<f64>,
}

impl Surface {
    /// The mean fissure, moved by `pose`.
    pub(super) fn posed(fissure: Fissure, pose: Pose) -> Self {
        let height = Array2::from_shape_fn((ACROSS, ALONG), |(i, j)| {
            let [a, b] = fissure.column(i, j);
            fissure.height(pose, a, b)
        });
        Self { fissure, height }
    }

    /// Height at `(a, b)`, bilinear; beyond the chart that of its rim.
    pub(super) fn at(&self, a: f64, b: f64) -> f64 {
        let tap = |value: f64, [first, last]: [f64; 2], count: usize| {
            let place = ((value - first) / (last - first)).clamp(0.0, 1.0) * (count - 1) as f64;
            let low = (place.floor() as usize).min(count - 2);
            (low, place - low as f64)
        };
        let (i, wi) = tap(a, A_RANGE, ACROSS);
        let (j, wj) = tap(b, self.fissure.b_range(), ALONG);
        let along = |i: usize| self.height[[i, j]] * (1.0 - wj) + self.height[[i, j + 1]] * wj;
        along(i) * (1.0 - wi) + along(i + 1) * wi
    }

    /// How far a place `[z, y, x]` of the frame lies above (in front of) the fissure, in units of `u`.
    pub(super) fn above(&self, place: [f64; 3]) -> f64 {
        let [a, b, u] = self.fissure.project(place);
        u - self.at(a, b)
    }
}

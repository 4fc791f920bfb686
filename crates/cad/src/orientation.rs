//! Scan axes to patient axes: which array axis runs to the head, to the back, to the left.

use domain::{Affine, LpsPoint, VoxelPoint};
use ndarray::{ArrayView3, Axis};

/// How to read a scan's array so that its axes `[z, y, x]` rise to the head, the back and the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orientation {
    /// Scan axis (0 slice, 1 row, 2 column) behind each patient axis `[z, y, x]`.
    pub(crate) axes: [usize; 3],
    /// Whether that scan axis is walked backwards.
    pub(crate) flipped: [bool; 3],
}

impl Orientation {
    /// The signed permutation of scan axes that lies nearest to LPS.
    pub(crate) fn of(affine: &Affine) -> Self {
        let steps = affine.steps_zyx();
        let spacing = affine.spacing_mm_zyx();
        // Cosine of scan axis `a` with the patient axis z, y or x.
        let cosine = |a: usize, patient: usize| steps[a][2 - patient] / spacing[a];
        const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let fit = |order: &[usize; 3]| (0..3).map(|p| cosine(order[p], p).abs()).sum::<f64>();
        let mut axes = ORDERS[0];
        for order in &ORDERS[1..] {
            if fit(order) > fit(&axes) + 1e-9 {
                axes = *order;
            }
        }
        let flipped = [0, 1, 2].map(|p| cosine(axes[p], p) < 0.0);
        Self { axes, flipped }
    }

    /// The array seen in patient order.
    pub(crate) fn view<'a, T>(&self, array: ArrayView3<'a, T>) -> ArrayView3<'a, T> {
        let mut view = array.permuted_axes(self.axes);
        for (axis, flipped) in self.flipped.iter().enumerate() {
            if *flipped {
                view.invert_axis(Axis(axis));
            }
        }
        view
    }

    /// Affine of [`Self::view`] of an array of `shape` (scan order).
    pub(crate) fn affine(&self, affine: &Affine, shape: [usize; 3]) -> Affine {
        let mut first = [0.0; 3];
        for (axis, _) in self.axes.iter().zip(self.flipped).filter(|(_, flipped)| *flipped) {
            first[*axis] = shape[*axis] as f64 - 1.0;
        }
        let steps = [0, 1, 2].map(|p| {
            let step = affine.steps_zyx()[self.axes[p]];
            if self.flipped[p] { step.map(|v| -v) } else { step }
        });
        let origin = affine.to_lps(VoxelPoint::from(first));
        rebuilt(origin, steps, affine)
    }
}

/// An affine of steps that are known to span space, because they come from `source`.
pub(crate) fn rebuilt(origin: LpsPoint, steps_zyx: [[f64; 3]; 3], source: &Affine) -> Affine {
    let [z, y, x] = steps_zyx;
    Affine::new(origin, z, y, x).unwrap_or(*source)
}

//! One outline against another, on the scan's grid: overlap, distance of surfaces, volume.
//!
//! The surface of a set is its voxels that have one of their six neighbours outside; distances are between voxel
//! centres, mm. The mean is over both surfaces together; HD95 is the larger of the two directed 95th percentiles
//! (linear between ranks), as in MONAI.

use domain::{Mask, VoxelIndex};
use ndarray::{Array3, ArrayViewMut1, Axis};

/// Voxels of the box that holds both sets, at most: a nodule fits a hundred times, a forged outline does not.
const BOX_VOXELS_MAX: usize = 1 << 26;
/// Distance where there is no surface at all.
const NOWHERE: f64 = 1e18;

/// How well two outlines agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// 2 |A and B| / (|A| + |B|).
    pub dice: f64,
    /// |A and B| / |A or B|.
    pub iou: f64,
    /// Mean distance of the surfaces, both ways, mm.
    pub surface_mm_mean: f64,
    /// Hausdorff distance at 95 %, mm.
    pub surface_mm_p95: f64,
    /// Volume of the first less that of the second, over that of the second.
    pub volume_error: f64,
}

/// `first` against `second` on one grid; `None` when one is empty or they lie absurdly far apart.
#[must_use]
pub fn compare(first: &Mask, second: &Mask, spacing_mm_zyx: [f64; 3]) -> Option<Agreement> {
    let (a, b) = (first.voxel_count() as f64, second.voxel_count() as f64);
    let shared = first.overlap_count(second) as f64;
    let (start, end) = frame(first, second)?;
    let [to_second, to_first] = [(first, second), (second, first)].map(|(from, to)| {
        let mut squared = Array3::from_elem(end, NOWHERE);
        for voxel in surface(to) {
            squared[offset(voxel, start)] = 0.0;
        }
        distances_squared(&mut squared, spacing_mm_zyx);
        let mut found: Vec<f64> = surface(from).map(|voxel| squared[offset(voxel, start)].sqrt()).collect();
        found.sort_by(f64::total_cmp);
        found
    });
    let count = (to_second.len() + to_first.len()) as f64;
    Some(Agreement {
        dice: 2.0 * shared / (a + b),
        iou: shared / (a + b - shared),
        surface_mm_mean: (to_second.iter().sum::<f64>() + to_first.iter().sum::<f64>()) / count,
        surface_mm_p95: quantile(&to_second, 0.95)?.max(quantile(&to_first, 0.95)?),
        volume_error: (a - b) / b,
    })
}

fn offset(voxel: VoxelIndex, start: VoxelIndex) -> [usize; 3] {
    [voxel.z - start.z, voxel.y - start.y, voxel.x - start.x]
}

/// Box around both: first voxel and size.
fn frame(first: &Mask, second: &Mask) -> Option<(VoxelIndex, [usize; 3])> {
    let (a, b) = (first.bounding_box()?, second.bounding_box()?);
    let (start_a, start_b) = (<[usize; 3]>::from(a.start), <[usize; 3]>::from(b.start));
    let (end_a, end_b) = (<[usize; 3]>::from(a.end), <[usize; 3]>::from(b.end));
    let start = [0, 1, 2].map(|i| start_a[i].min(start_b[i]));
    let size = [0, 1, 2].map(|i| end_a[i].max(end_b[i]) - start[i]);
    let voxels = size.iter().try_fold(1usize, |n, s| n.checked_mul(*s))?;
    (voxels <= BOX_VOXELS_MAX).then_some((start.into(), size))
}

/// Voxels of the set with a face neighbour outside it.
fn surface(mask: &Mask) -> impl Iterator<Item = VoxelIndex> + '_ {
    mask.voxels().filter(|v| {
        let lower = [v.z.checked_sub(1), v.y.checked_sub(1), v.x.checked_sub(1)];
        let [z, y, x] = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
            .map(|(z, y, x)| mask.contains(VoxelIndex { z: v.z + z, y: v.y + y, x: v.x + x }));
        let before = [
            lower[0].map(|z| VoxelIndex { z, ..*v }),
            lower[1].map(|y| VoxelIndex { y, ..*v }),
            lower[2].map(|x| VoxelIndex { x, ..*v }),
        ];
        !(z && y && x && before.iter().all(|n| n.is_some_and(|n| mask.contains(n))))
    })
}

/// Exact squared Euclidean distance to the nearest zero, axis by axis (Felzenszwalb PF, Huttenlocher DP, Theory of
/// Computing 2012;8:415-428, doi:10.4086/toc.2012.v008a019).
fn distances_squared(values: &mut Array3<f64>, spacing_mm_zyx: [f64; 3]) {
    for (axis, spacing) in spacing_mm_zyx.into_iter().enumerate() {
        let mut envelope = Envelope::default();
        for lane in values.lanes_mut(Axis(axis)) {
            envelope.transform(lane, spacing);
        }
    }
}

/// Lower envelope of parabolas over one row.
#[derive(Default)]
struct Envelope {
    row: Vec<f64>,
    /// Index of each parabola and where it begins to be the lowest, mm.
    parabolas: Vec<(usize, f64)>,
}

impl Envelope {
    fn transform(&mut self, mut lane: ArrayViewMut1<'_, f64>, spacing: f64) {
        self.row.clear();
        self.row.extend(lane.iter());
        self.parabolas.clear();
        for (index, height) in self.row.iter().enumerate().filter(|(_, h)| **h < NOWHERE) {
            let place = index as f64 * spacing;
            let mut begin = f64::NEG_INFINITY;
            while let Some((other, other_begin)) = self.parabolas.last().copied() {
                let other_place = other as f64 * spacing;
                let meet = (height + place * place - self.row[other] - other_place * other_place)
                    / (2.0 * (place - other_place));
                if meet > other_begin {
                    begin = meet;
                    break;
                }
                self.parabolas.pop();
            }
            self.parabolas.push((index, begin));
        }
        let mut current = 0;
        for (index, value) in lane.iter_mut().enumerate() {
            let place = index as f64 * spacing;
            while self.parabolas.get(current + 1).is_some_and(|(_, begin)| *begin <= place) {
                current += 1;
            }
            if let Some((other, _)) = self.parabolas.get(current) {
                let distance = (index as f64 - *other as f64) * spacing;
                *value = distance * distance + self.row[*other];
            }
        }
    }
}

/// Value at `share` of the sorted `values`, linear between ranks; `None` of none.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let low = place.floor() as usize;
    let high = (low + 1).min(last);
    Some(sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Run;
    use proptest::prelude::*;

    fn block(start: [usize; 3], end: [usize; 3]) -> Mask {
        let runs = (start[0]..end[0])
            .flat_map(|z| (start[1]..end[1]).map(move |y| Run { z, y, x_start: start[2], x_end: end[2] }));
        Mask::from(runs.collect::<Vec<_>>())
    }

    /// Goal: numbers that can be done by hand: a block moved by one column.
    #[test]
    fn a_moved_block() {
        let (a, b) = (block([0; 3], [4, 4, 4]), block([0, 0, 1], [4, 4, 5]));
        let found = compare(&a, &b, [2.0, 1.0, 0.5]).unwrap();
        assert!((found.dice - 0.75).abs() < 1e-12 && (found.iou - 0.6).abs() < 1e-12);
        assert!(found.volume_error.abs() < 1e-12);
        assert!((found.surface_mm_p95 - 0.5).abs() < 1e-12, "{found:?}");
        let same = compare(&a, &a, [1.0; 3]).unwrap();
        assert!((same.dice - 1.0).abs() < 1e-12 && same.surface_mm_mean.abs() < 1e-12);
        assert!(compare(&a, &Mask::default(), [1.0; 3]).is_none());
        let far = block([5000, 5000, 5000], [5001, 5001, 5001]);
        assert!(compare(&a, &far, [1.0; 3]).is_none(), "a box of 5000^3 is not allocated");
    }

    proptest! {
        /// Goal: the transform finds the distances of brute force. Method: random sets on an uneven grid.
        #[test]
        fn distances_are_those_of_brute_force(
            a in proptest::collection::vec(any::<bool>(), 5 * 6 * 7),
            b in proptest::collection::vec(any::<bool>(), 5 * 6 * 7),
        ) {
            let mask = |bits: Vec<bool>| {
                Mask::from_dense(VoxelIndex { z: 1, y: 0, x: 2 }, Array3::from_shape_vec((5, 6, 7), bits).unwrap().view())
            };
            let (a, b) = (mask(a), mask(b));
            let spacing = [2.5, 0.7, 0.6];
            prop_assume!(a.voxel_count() > 0 && b.voxel_count() > 0);
            let nearest = |from: &Mask, to: &Mask| -> Vec<f64> {
                let mut all: Vec<f64> = surface(from).map(|p| surface(to).map(|q| {
                    let d = [p.z.abs_diff(q.z), p.y.abs_diff(q.y), p.x.abs_diff(q.x)];
                    (0..3).map(|i| (d[i] as f64 * spacing[i]).powi(2)).sum::<f64>().sqrt()
                }).fold(f64::INFINITY, f64::min)).collect();
                all.sort_by(f64::total_cmp);
                all
            };
            let (there, back) = (nearest(&a, &b), nearest(&b, &a));
            let mean = there.iter().chain(&back).sum::<f64>() / (there.len() + back.len()) as f64;
            let p95 = quantile(&there, 0.95).unwrap().max(quantile(&back, 0.95).unwrap());
            let found = compare(&a, &b, spacing).unwrap();
            prop_assert!((found.surface_mm_mean - mean).abs() < 1e-9);
            prop_assert!((found.surface_mm_p95 - p95).abs() < 1e-9);
        }
    }
}

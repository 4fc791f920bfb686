//! Voxel sets as runs: small to keep, quick to walk, the same on every machine.

use crate::VoxelIndex;
use ndarray::ArrayView3;
use serde::{Deserialize, Serialize};

/// Voxels `(z, y, x_start)` to `(z, y, x_end)`, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "[usize; 4]", into = "[usize; 4]")]
pub struct Run {
    /// Slice.
    pub z: usize,
    /// Row.
    pub y: usize,
    /// First column.
    pub x_start: usize,
    /// Column after the last.
    pub x_end: usize,
}

impl From<[usize; 4]> for Run {
    fn from([z, y, x_start, x_end]: [usize; 4]) -> Self {
        Self { z, y, x_start, x_end }
    }
}

impl From<Run> for [usize; 4] {
    fn from(r: Run) -> Self {
        [r.z, r.y, r.x_start, r.x_end]
    }
}

/// A box of voxels, `start` inclusive, `end` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundingBox {
    /// Lowest voxel.
    pub start: VoxelIndex,
    /// One past the highest voxel on each axis.
    pub end: VoxelIndex,
}

/// A set of voxels of one volume: runs in ascending order, none empty, none touching another in its row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Run>", into = "Vec<Run>")]
pub struct Mask {
    runs: Vec<Run>,
}

impl From<Vec<Run>> for Mask {
    /// Sorts and joins; empty runs are dropped.
    fn from(mut runs: Vec<Run>) -> Self {
        runs.retain(|r| r.x_start < r.x_end);
        runs.sort_unstable();
        let mut joined: Vec<Run> = Vec::with_capacity(runs.len());
        for run in runs {
            match joined.last_mut() {
                Some(last) if last.z == run.z && last.y == run.y && run.x_start <= last.x_end => {
                    last.x_end = last.x_end.max(run.x_end);
                }
                _ => joined.push(run),
            }
        }
        Self { runs: joined }
    }
}

impl From<Mask> for Vec<Run> {
    fn from(mask: Mask) -> Self {
        mask.runs
    }
}

impl Mask {
    /// The voxels that are `true` in `dense`, an array `[z, y, x]` whose first voxel is `origin` of the volume.
    #[must_use]
    #[allow(clippy::needless_pass_by_value)] // a view is a handle
    pub fn from_dense(origin: VoxelIndex, dense: ArrayView3<'_, bool>) -> Self {
        let mut runs = Vec::new();
        for (z, slice) in dense.outer_iter().enumerate() {
            for (y, row) in slice.outer_iter().enumerate() {
                let mut start = None;
                for (x, &inside) in row.iter().enumerate() {
                    match (inside, start) {
                        (true, None) => start = Some(x),
                        (false, Some(first)) => {
                            runs.push(run_at(origin, z, y, first, x));
                            start = None;
                        }
                        _ => {}
                    }
                }
                if let Some(first) = start {
                    runs.push(run_at(origin, z, y, first, row.len()));
                }
            }
        }
        Self { runs }
    }

    /// The runs, ascending by slice, row, column.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Number of voxels.
    #[must_use]
    pub fn voxel_count(&self) -> usize {
        self.runs.iter().map(|r| r.x_end - r.x_start).sum()
    }

    /// Every voxel, ascending.
    pub fn voxels(&self) -> impl Iterator<Item = VoxelIndex> + '_ {
        self.runs.iter().flat_map(|r| (r.x_start..r.x_end).map(|x| VoxelIndex { z: r.z, y: r.y, x }))
    }

    /// Whether `v` is in the set.
    #[must_use]
    pub fn contains(&self, v: VoxelIndex) -> bool {
        let after = self.runs.partition_point(|r| (r.z, r.y, r.x_start) <= (v.z, v.y, v.x));
        after > 0 && {
            let r = self.runs[after - 1];
            r.z == v.z && r.y == v.y && v.x < r.x_end
        }
    }

    /// Smallest box that holds the set; `None` when it is empty.
    #[must_use]
    pub fn bounding_box(&self) -> Option<BoundingBox> {
        let first = self.runs.first()?;
        let mut start = VoxelIndex { z: first.z, y: first.y, x: first.x_start };
        let mut end = start;
        for r in &self.runs {
            start = VoxelIndex { z: start.z.min(r.z), y: start.y.min(r.y), x: start.x.min(r.x_start) };
            end = VoxelIndex { z: end.z.max(r.z + 1), y: end.y.max(r.y + 1), x: end.x.max(r.x_end) };
        }
        Some(BoundingBox { start, end })
    }

    /// Slices that hold at least one voxel, ascending.
    #[must_use]
    pub fn slices(&self) -> Vec<usize> {
        let mut slices: Vec<usize> = self.runs.iter().map(|r| r.z).collect();
        slices.dedup();
        slices
    }

    /// Runs of one slice.
    #[must_use]
    pub fn slice_runs(&self, z: usize) -> &[Run] {
        let from = self.runs.partition_point(|r| r.z < z);
        let to = self.runs.partition_point(|r| r.z <= z);
        &self.runs[from..to]
    }

    /// Number of voxels that both sets hold.
    #[must_use]
    pub fn overlap_count(&self, other: &Self) -> usize {
        self.voxels().filter(|v| other.contains(*v)).count()
    }
}

fn run_at(origin: VoxelIndex, z: usize, y: usize, x_start: usize, x_end: usize) -> Run {
    Run { z: origin.z + z, y: origin.y + y, x_start: origin.x + x_start, x_end: origin.x + x_end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use proptest::prelude::*;

    proptest! {
        /// A dense array and its runs hold the same voxels.
        #[test]
        fn dense_and_runs_agree(bits in proptest::collection::vec(any::<bool>(), 3 * 4 * 5)) {
            let dense = Array3::from_shape_vec((3, 4, 5), bits).unwrap();
            let origin = VoxelIndex { z: 2, y: 3, x: 4 };
            let mask = Mask::from_dense(origin, dense.view());
            prop_assert_eq!(mask.voxel_count(), dense.iter().filter(|b| **b).count());
            for ((z, y, x), inside) in dense.indexed_iter() {
                prop_assert_eq!(mask.contains(VoxelIndex { z: z + 2, y: y + 3, x: x + 4 }), *inside);
            }
            let again = Mask::from(Vec::from(mask.clone()));
            prop_assert_eq!(&again, &mask);
            prop_assert_eq!(mask.overlap_count(&again), mask.voxel_count());
        }
    }
}

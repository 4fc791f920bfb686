//! A reader's outlines to voxels.

use domain::VoxelIndex;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Width of the largest outline, pixels.
const PIXELS_MAX: i64 = 8192;

/// What one reader drew.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Reader {
    pub(super) outlines: Vec<Outline>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Outline {
    pub(super) slice: usize,
    pub(super) inclusion: bool,
    pub(super) col_row: Vec<[i64; 2]>,
}

impl Reader {
    /// An outline runs on the first pixels outside the nodule: the nodule is what lies strictly inside. The outline
    /// of a hole is part of the hole, for the same reason.
    pub(super) fn voxels(&self) -> BTreeSet<VoxelIndex> {
        let mut inside = BTreeSet::new();
        for outline in self.outlines.iter().filter(|o| o.inclusion) {
            inside.extend(outline.voxels());
        }
        for hole in self.outlines.iter().filter(|o| !o.inclusion) {
            for voxel in hole.voxels().into_iter().chain(hole.border()) {
                inside.remove(&voxel);
            }
        }
        inside
    }
}

impl Outline {
    fn voxels(&self) -> Vec<VoxelIndex> {
        let border: BTreeSet<[i64; 2]> = self.col_row.iter().copied().collect();
        let range = |axis: usize| {
            let values = || self.col_row.iter().map(|p| p[axis]);
            values().min().unwrap_or(0)..=values().max().unwrap_or(-1)
        };
        let mut found = Vec::new();
        // A slice has no more pixels than this; a forged outline must not keep us busy.
        if [range(0), range(1)].iter().any(|r| r.end().saturating_sub(*r.start()) > PIXELS_MAX) {
            return found;
        }
        for row in range(1) {
            for column in range(0) {
                if !border.contains(&[column, row])
                    && self.holds(column, row)
                    && let (Ok(y), Ok(x)) = (usize::try_from(row), usize::try_from(column))
                {
                    found.push(VoxelIndex { z: self.slice, y, x });
                }
            }
        }
        found
    }

    fn border(&self) -> impl Iterator<Item = VoxelIndex> + '_ {
        self.col_row.iter().filter_map(|[column, row]| {
            Some(VoxelIndex {
                z: self.slice,
                y: usize::try_from(*row).ok()?,
                x: usize::try_from(*column).ok()?,
            })
        })
    }

    /// Even-odd rule on pixel centres.
    #[allow(clippy::cast_precision_loss)] // pixel numbers
    fn holds(&self, column: i64, row: i64) -> bool {
        let (x, y) = (column as f64, row as f64);
        let mut inside = false;
        let next = self.col_row.iter().cycle().skip(1);
        for ([ax, ay], [bx, by]) in self.col_row.iter().zip(next) {
            let (ax, ay, bx, by) = (*ax as f64, *ay as f64, *bx as f64, *by as f64);
            if (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax {
                inside = !inside;
            }
        }
        inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the strict inside of an outline, holes cut, half of the readers. Method: a 5 x 5 square by hand.
    #[test]
    fn outlines_become_the_strict_inside() {
        let square = |slice, inclusion, from: i64, to: i64| {
            let mut points = Vec::new();
            points.extend((from..to).map(|c| [c, from]));
            points.extend((from..to).map(|r| [to, r]));
            points.extend((from + 1..=to).rev().map(|c| [c, to]));
            points.extend((from + 1..=to).rev().map(|r| [from, r]));
            Outline { slice, inclusion, col_row: points }
        };
        let reader = Reader { outlines: vec![square(4, true, 10, 16), square(4, false, 11, 13)] };
        // 5 x 5 inside, minus the 3 x 3 of the hole and its outline.
        assert_eq!(reader.voxels().len(), 16);
        assert!(!reader.voxels().contains(&VoxelIndex { z: 4, y: 12, x: 12 }));
        assert!(reader.voxels().contains(&VoxelIndex { z: 4, y: 15, x: 15 }));
    }
}

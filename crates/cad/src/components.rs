//! Connected components of 3-D masks, by runs and union-find: linear, the same on every machine.

use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView3, Axis, s};

/// Which voxels touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Faces only.
    Six,
    /// Faces, edges and corners.
    TwentySix,
}

/// Components of a mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// 0 outside, else the component's number, counted from 1 in array order of its first voxel.
    pub labels: Array3<u32>,
    /// Voxels of each component; element 0 belongs to component 1.
    pub voxel_counts: Vec<usize>,
}

impl Labels {
    /// The component with most voxels (the first of equals); `None` when there is none.
    #[must_use]
    pub fn largest(&self) -> Option<u32> {
        let most = self.voxel_counts.iter().max()?;
        self.voxel_counts.iter().position(|c| c == most).map(|i| i as u32 + 1)
    }

    /// Voxels of component `label`.
    #[must_use]
    pub fn mask(&self, label: u32) -> Array3<bool> {
        self.labels.mapv(|l| l == label)
    }
}

struct RunOf {
    x_start: usize,
    x_end: usize,
}

/// Root of `i`, shortening the path on the way.
fn root(parents: &mut [u32], mut i: u32) -> u32 {
    while parents[i as usize] != i {
        parents[i as usize] = parents[parents[i as usize] as usize];
        i = parents[i as usize];
    }
    i
}

/// Joins two trees; the smaller root wins, so that a component is named after its first run.
fn join(parents: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(parents, a), root(parents, b));
    if a < b {
        parents[b as usize] = a;
    } else {
        parents[a as usize] = b;
    }
}

/// Runs of the mask and, per row, where its runs begin in the list.
fn runs_of(mask: ArrayView3<'_, bool>) -> (Vec<RunOf>, Vec<usize>) {
    let mut runs = Vec::new();
    let mut row_starts = Vec::with_capacity(mask.dim().0 * mask.dim().1 + 1);
    for plane in mask.outer_iter() {
        for row in plane.outer_iter() {
            row_starts.push(runs.len());
            let mut start = None;
            for (x, inside) in row.iter().enumerate() {
                match (*inside, start) {
                    (true, None) => start = Some(x),
                    (false, Some(x_start)) => {
                        runs.push(RunOf { x_start, x_end: x });
                        start = None;
                    }
                    _ => {}
                }
            }
            if let Some(x_start) = start {
                runs.push(RunOf { x_start, x_end: row.len() });
            }
        }
    }
    row_starts.push(runs.len());
    (runs, row_starts)
}

/// Labels the connected components of `mask`.
#[must_use]
pub fn label(mask: ArrayView3<'_, bool>, connectivity: Connectivity) -> Labels {
    let (nz, ny, _) = mask.dim();
    let (runs, row_starts) = runs_of(mask);
    let mut parents: Vec<u32> = (0..runs.len() as u32).collect();
    let (reach, earlier): (usize, &[(isize, isize)]) = match connectivity {
        Connectivity::Six => (0, &[(0, -1), (-1, 0)]),
        Connectivity::TwentySix => (1, &[(0, -1), (-1, -1), (-1, 0), (-1, 1)]),
    };
    for z in 0..nz {
        for y in 0..ny {
            let row = z * ny + y;
            for (dz, dy) in earlier {
                let (oz, oy) = (z as isize + dz, y as isize + dy);
                if oz < 0 || oy < 0 || oy >= ny as isize {
                    continue;
                }
                let other = oz as usize * ny + oy as usize;
                let (here, there) =
                    (row_starts[row]..row_starts[row + 1], row_starts[other]..row_starts[other + 1]);
                join_rows(&runs, &mut parents, here, there, reach);
            }
        }
    }
    paint(mask, &runs, &row_starts, &mut parents)
}

/// Joins the touching runs of two rows (both ascending).
fn join_rows(
    runs: &[RunOf],
    parents: &mut [u32],
    here: std::ops::Range<usize>,
    there: std::ops::Range<usize>,
    reach: usize,
) {
    let (mut i, mut j) = (here.start, there.start);
    while i < here.end && j < there.end {
        let (a, b) = (&runs[i], &runs[j]);
        if a.x_start < b.x_end + reach && b.x_start < a.x_end + reach {
            join(parents, i as u32, j as u32);
        }
        if a.x_end < b.x_end { i += 1 } else { j += 1 }
    }
}

fn paint(mask: ArrayView3<'_, bool>, runs: &[RunOf], row_starts: &[usize], parents: &mut [u32]) -> Labels {
    let (_, ny, _) = mask.dim();
    let mut labels = Array3::zeros(mask.dim());
    let mut voxel_counts: Vec<usize> = Vec::new();
    let mut number_of_root = vec![0u32; runs.len()];
    for (z, mut plane) in labels.outer_iter_mut().enumerate() {
        for (y, mut row) in plane.outer_iter_mut().enumerate() {
            let (first, last) = (row_starts[z * ny + y], row_starts[z * ny + y + 1]);
            for (i, run) in runs[first..last].iter().enumerate() {
                let r = root(parents, (first + i) as u32) as usize;
                if number_of_root[r] == 0 {
                    voxel_counts.push(0);
                    number_of_root[r] = voxel_counts.len() as u32;
                }
                let number = number_of_root[r];
                voxel_counts[number as usize - 1] += run.x_end - run.x_start;
                row.slice_mut(s![run.x_start..run.x_end]).fill(number);
            }
        }
    }
    Labels { labels, voxel_counts }
}

/// Fills every cavity of `mask` that has no way (by faces) to the border of the array.
#[must_use]
pub fn fill_holes(mask: ArrayView3<'_, bool>) -> Array3<bool> {
    let outside = mask.mapv(|inside| !inside);
    let found = label(outside.view(), Connectivity::Six);
    let dim = <[usize; 3]>::from(mask.dim());
    let mut open = vec![false; found.voxel_counts.len() + 1];
    for ((z, y, x), l) in found.labels.indexed_iter() {
        let at = [z, y, x];
        if (0..3).any(|a| at[a] == 0 || at[a] + 1 == dim[a]) {
            open[*l as usize] = true;
        }
    }
    found.labels.mapv(|l| l == 0 || !open[l as usize])
}

/// Fills, slice by slice along `z`, every hole of at most `area_voxels_max` pixels that has no way (by edges of
/// pixels) to the slice's border.
#[must_use]
pub fn fill_holes_by_slice(mask: ArrayView3<'_, bool>, area_voxels_max: usize) -> Array3<bool> {
    let mut filled = mask.to_owned();
    filled.axis_iter_mut(Axis(0)).into_par_iter().for_each(|mut plane| {
        let (ny, nx) = plane.dim();
        let outside = plane.mapv(|inside| !inside).insert_axis(Axis(0));
        let found = label(outside.view(), Connectivity::Six);
        let mut open = vec![false; found.voxel_counts.len() + 1];
        for ((_, y, x), l) in found.labels.indexed_iter() {
            if y == 0 || x == 0 || y + 1 == ny || x + 1 == nx {
                open[*l as usize] = true;
            }
        }
        for ((_, y, x), l) in found.labels.indexed_iter().filter(|(_, l)| **l != 0) {
            let l = *l as usize;
            plane[[y, x]] = !open[l] && found.voxel_counts[l - 1] <= area_voxels_max;
        }
    });
    filled
}

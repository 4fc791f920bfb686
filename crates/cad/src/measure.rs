//! Axes, volume and densities of one outline.
//!
//! Definitions (those of `lungcad-truth/1`): the key slice is the one with the largest area; the long axis is the
//! greatest distance of two pixel corners of the outline in it; the short axis is the extent, over the same
//! corners, perpendicular to the long axis (of equal long axes, the one with the greater short axis); volume is voxel count times voxel volume.

use domain::{Affine, LpsPoint, Mask, NoduleMeasures, Volume, VoxelPoint};

/// Lengths that differ by less than this part are equal: they differ by rounding only.
const TIE: f64 = 1e-9;

/// A corner in the slice, mm `[along rows' step (y), along columns' step (x)]`.
type Corner = [f64; 2];

/// Centroid of `mask`, voxels; `None` when it is empty.
#[must_use]
pub fn centroid(mask: &Mask) -> Option<VoxelPoint> {
    let mut sum = [0.0; 3];
    for run in mask.runs() {
        let n = (run.x_end - run.x_start) as f64;
        sum[0] += run.z as f64 * n;
        sum[1] += run.y as f64 * n;
        sum[2] += n * ((run.x_start + run.x_end) as f64 - 1.0) / 2.0;
    }
    let count = mask.voxel_count();
    (count > 0).then(|| VoxelPoint::from(sum.map(|s| s / count as f64)))
}

/// Measures of `mask` on `volume`; `None` when the mask is empty or reaches out of the volume.
#[must_use]
pub fn measure(mask: &Mask, volume: &Volume) -> Option<NoduleMeasures> {
    let [nz, ny, nx] = volume.shape();
    let within = mask.bounding_box()?.end;
    if within.z > nz || within.y > ny || within.x > nx {
        return None;
    }
    let axes = axes(mask, &volume.affine)?;
    let count = mask.voxel_count() as f64;
    let hu = |f: fn(f64, f64) -> f64, mean: f64| {
        mask.voxels().map(|v| f(f64::from(volume.hu[[v.z, v.y, v.x]]), mean)).sum::<f64>() / count
    };
    let hu_mean = hu(|v, _| v, 0.0);
    let hu_variance = hu(|v, mean| (v - mean) * (v - mean), hu_mean);
    Some(NoduleMeasures {
        key_slice_index: axes.slice,
        long_axis_mm: axes.long_mm,
        short_axis_mm: axes.short_mm,
        mean_diameter_mm: f64::midpoint(axes.long_mm, axes.short_mm),
        long_axis_ends: axes.long_ends,
        short_axis_ends: axes.short_ends,
        volume_mm3: count * volume.affine.voxel_mm3(),
        hu_mean,
        hu_sd: hu_variance.sqrt(),
    })
}

/// Long and short axis in the key slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axes {
    /// Slice of the largest area (the lowest of equals).
    pub slice: usize,
    /// Greatest distance of two pixel corners, mm.
    pub long_mm: f64,
    /// Extent perpendicular to it, mm.
    pub short_mm: f64,
    /// Ends of the long axis.
    pub long_ends: [LpsPoint; 2],
    /// Ends of a line of the short axis' length, perpendicular to the long axis.
    pub short_ends: [LpsPoint; 2],
}

/// Axes of `mask` on the grid `affine` (rows and columns perpendicular); `None` when it is empty.
#[must_use]
pub fn axes(mask: &Mask, affine: &Affine) -> Option<Axes> {
    let slice = key_slice(mask)?;
    let [_, row_mm, column_mm] = affine.spacing_mm_zyx();
    let mut corners: Vec<Corner> = Vec::new();
    for run in mask.slice_runs(slice) {
        for y in [run.y as f64 - 0.5, run.y as f64 + 0.5] {
            for x in [run.x_start as f64 - 0.5, run.x_end as f64 - 0.5] {
                corners.push([y * row_mm, x * column_mm]);
            }
        }
    }
    let hull = convex_hull(corners);
    let long_mm = longest(&hull)?;
    // Equal longest pairs occur on the pixel grid. The one with the greater short axis is taken: a choice that
    // does not depend on how the scan is stored.
    let mut best: Option<(f64, Corner, Corner)> = None;
    for (i, a) in hull.iter().enumerate() {
        for b in hull[i + 1..].iter().filter(|b| distance(*a, **b) >= long_mm * (1.0 - TIE)) {
            let short_mm = extent(&hull, across(*a, *b)).1 - extent(&hull, across(*a, *b)).0;
            if best.is_none_or(|(most, _, _)| short_mm > most * (1.0 + TIE)) {
                best = Some((short_mm, *a, *b));
            }
        }
    }
    let (short_mm, from, to) = best?;
    let across = across(from, to);
    let along = [across[1], -across[0]];
    let low = hull.iter().min_by(|a, b| project(a, across).total_cmp(&project(b, across)))?;
    let high = hull.iter().max_by(|a, b| project(a, across).total_cmp(&project(b, across)))?;
    let middle = f64::midpoint(project(low, along), project(high, along));
    let place =
        |c: Corner| affine.to_lps(VoxelPoint { z: slice as f64, y: c[0] / row_mm, x: c[1] / column_mm });
    let short_end = |t: f64| place([middle * along[0] + t * across[0], middle * along[1] + t * across[1]]);
    Some(Axes {
        slice,
        long_mm,
        short_mm,
        long_ends: [place(from), place(to)],
        short_ends: [short_end(project(low, across)), short_end(project(high, across))],
    })
}

/// The slice with most voxels, the lowest of equals.
fn key_slice(mask: &Mask) -> Option<usize> {
    let area = |z: usize| mask.slice_runs(z).iter().map(|r| r.x_end - r.x_start).sum::<usize>();
    mask.slices().into_iter().max_by_key(|z| (area(*z), std::cmp::Reverse(*z)))
}

fn distance(a: Corner, b: Corner) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Convex hull, counter-clockwise from the lowest corner (Andrew's monotone chain).
fn convex_hull(mut corners: Vec<Corner>) -> Vec<Corner> {
    corners.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    corners.dedup();
    let turn =
        |o: Corner, a: Corner, b: Corner| (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
    let chain = |corners: &mut dyn Iterator<Item = Corner>| {
        let mut half: Vec<Corner> = Vec::new();
        for c in corners {
            while half.len() >= 2 && turn(half[half.len() - 2], half[half.len() - 1], c) <= 0.0 {
                half.pop();
            }
            half.push(c);
        }
        half.pop();
        half
    };
    let mut hull = chain(&mut corners.iter().copied());
    hull.extend(chain(&mut corners.iter().rev().copied()));
    hull
}

/// Greatest distance of two corners; `None` when there are fewer than two.
fn longest(hull: &[Corner]) -> Option<f64> {
    let pairs = hull.iter().enumerate().flat_map(|(i, a)| hull[i + 1..].iter().map(|b| distance(*a, *b)));
    pairs.max_by(f64::total_cmp)
}

/// Unit vector perpendicular to the line from `a` to `b`.
fn across(a: Corner, b: Corner) -> Corner {
    let length = distance(a, b);
    [-(b[1] - a[1]) / length, (b[0] - a[0]) / length]
}

fn project(c: &Corner, direction: Corner) -> f64 {
    c[0] * direction[0] + c[1] * direction[1]
}

/// Least and greatest projection of the corners on `direction`.
fn extent(hull: &[Corner], direction: Corner) -> (f64, f64) {
    hull.iter()
        .map(|c| project(c, direction))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

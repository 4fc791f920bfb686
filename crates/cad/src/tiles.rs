//! Tiles of one fixed shape over a grid: halo for context, cores that share out the grid.
//!
//! Tile origins and core borders are multiples of [`ALIGNMENT`] voxels, so that the cells of every network
//! stride up to 16 fall on the same voxels in every tile.

use ndarray::{Array3, ArrayView3, s};

/// Tile origins are multiples of this many voxels.
pub const ALIGNMENT: usize = 16;

/// Shape of a tile, voxels `[z, y, x]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileShape {
    /// Whole tile; what the network takes.
    pub size: [usize; 3],
    /// Context on each side, outside the core: of a neighbour, of the grid around the box that is searched, or
    /// padding. A network may say nothing there. Rounded up to a multiple of [`ALIGNMENT`] where the tile is large
    /// enough.
    pub halo: [usize; 3],
}

/// One tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// Grid voxel of the tile's first voxel; negative or beyond the grid where the tile is padded.
    pub origin: [isize; 3],
    /// Voxels of the tile.
    pub size: [usize; 3],
    /// First grid voxel of the part this tile answers for.
    pub core_start: [usize; 3],
    /// One past the last grid voxel of that part.
    pub core_end: [usize; 3],
}

/// Linear map of HU to network input: `low` to 0, `high` to 1, clipped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HuWindow {
    /// HU that becomes 0.
    pub low: f32,
    /// HU that becomes 1.
    pub high: f32,
    /// Network input outside the grid (after scaling).
    pub pad: f32,
}

impl HuWindow {
    /// Network input for `hu`.
    #[must_use]
    pub fn scaled(&self, hu: i16) -> f32 {
        ((f32::from(hu) - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// Largest multiple of [`ALIGNMENT`] that is at most `v`, but `v` itself when that is 0.
fn aligned_down(v: usize) -> usize {
    if v >= ALIGNMENT { v / ALIGNMENT * ALIGNMENT } else { v.max(1) }
}

/// `(origin, core start, core end)` along one axis for cores that share out `first..last`. Every core has its
/// halo, at the rim of the grid too: what a network says within the halo is not to be trusted anywhere.
fn axis_spans(first: usize, last: usize, size: usize, halo: usize) -> Vec<(isize, usize, usize)> {
    let rounded = halo.next_multiple_of(ALIGNMENT);
    let halo = if size > 2 * rounded { rounded } else { aligned_down(size) / 2 / ALIGNMENT * ALIGNMENT };
    let halo = if size > 2 * halo { halo } else { 0 };
    let core = aligned_down(size - 2 * halo);
    let mut spans = Vec::new();
    let mut start = first / ALIGNMENT * ALIGNMENT;
    while start < last {
        let end = (start + core).min(last);
        spans.push((start as isize - halo as isize, start.max(first), end));
        start += core;
    }
    spans
}

/// The tile of at most `voxels_max` voxels whose copies cover a box `start..end` (grid voxels) with the least work, for
/// networks that take any size in steps of [`ALIGNMENT`]: a fixed tile computes up to twice the voxels of a chest. Of
/// equal ones the larger, whose neighbours overlap less. Where none is small enough, the smallest there is.
#[must_use]
pub fn fitted(start: [usize; 3], end: [usize; 3], halo: usize, voxels_max: usize) -> TileShape {
    let halo = halo.next_multiple_of(ALIGNMENT);
    let extent = [0, 1, 2].map(|a| end[a].saturating_sub(start[a] / ALIGNMENT * ALIGNMENT).max(1));
    // (tiles along the axis, edge of a tile), fewer tiles first
    let choices = extent.map(|length| {
        let mut edges: Vec<(usize, usize)> = Vec::new();
        for count in 1..=length.div_ceil(ALIGNMENT) {
            let core = length.div_ceil(count).next_multiple_of(ALIGNMENT);
            let needed = length.div_ceil(core);
            if edges.last().is_none_or(|(_, edge)| *edge != core + 2 * halo) {
                edges.push((needed, core + 2 * halo));
            }
        }
        edges
    });
    let smallest =
        choices.each_ref().map(|edges| edges.last().map_or(ALIGNMENT + 2 * halo, |(_, edge)| *edge));
    let mut best = (usize::MAX, smallest);
    for &(count_z, z) in &choices[0] {
        for &(count_y, y) in &choices[1] {
            for &(count_x, x) in &choices[2] {
                let voxels = z * y * x;
                let work = count_z * count_y * count_x * voxels;
                if voxels <= voxels_max && work < best.0 {
                    best = (work, [z, y, x]);
                }
            }
        }
    }
    TileShape { size: best.1, halo: [halo; 3] }
}

/// Tiles whose cores share out a grid of `shape`; see [`plan_box`].
pub fn plan(
    shape: [usize; 3],
    tile: TileShape,
    wanted: impl Fn([usize; 3], [usize; 3]) -> bool,
) -> Vec<Tile> {
    plan_box([0; 3], shape, tile, wanted)
}

/// Tiles whose cores share out the box `start..end` of a grid (voxels), in ascending order; only those whose core is
/// `wanted` (given as start and end, grid voxels). Halos reach beyond the box, and beyond the grid where it ends.
pub fn plan_box(
    start: [usize; 3],
    end: [usize; 3],
    tile: TileShape,
    wanted: impl Fn([usize; 3], [usize; 3]) -> bool,
) -> Vec<Tile> {
    let spans = [0, 1, 2].map(|a| axis_spans(start[a], end[a], tile.size[a].max(1), tile.halo[a]));
    let mut tiles = Vec::new();
    for z in &spans[0] {
        for y in &spans[1] {
            for x in &spans[2] {
                let core_start = [z.1, y.1, x.1];
                let core_end = [z.2, y.2, x.2];
                if wanted(core_start, core_end) {
                    tiles.push(Tile { origin: [z.0, y.0, x.0], size: tile.size, core_start, core_end });
                }
            }
        }
    }
    tiles
}

/// Whether `mask` (grid voxels) holds a voxel in the box `start..end`: the usual `wanted` of [`plan`].
#[must_use]
pub fn holds_any(mask: ArrayView3<'_, bool>, start: [usize; 3], end: [usize; 3]) -> bool {
    let (nz, ny, nx) = mask.dim();
    let (z1, y1, x1) = (end[0].min(nz), end[1].min(ny), end[2].min(nx));
    let part = mask.slice(s![start[0].min(z1)..z1, start[1].min(y1)..y1, start[2].min(x1)..x1]);
    part.iter().any(|inside| *inside)
}

/// The tile's network input `[z, y, x]`; `window.pad` where it reaches out of the grid.
#[must_use]
pub fn cut(grid: ArrayView3<'_, i16>, tile: &Tile, window: HuWindow) -> Array3<f32> {
    let dim = <[usize; 3]>::from(grid.dim());
    let mut out = Array3::from_elem(tile.size, window.pad);
    let from = [0, 1, 2].map(|a| tile.origin[a].clamp(0, dim[a] as isize) as usize);
    let to = [0, 1, 2].map(|a| (tile.origin[a] + tile.size[a] as isize).clamp(0, dim[a] as isize) as usize);
    if (0..3).any(|a| from[a] >= to[a]) {
        return out;
    }
    let at = [0, 1, 2].map(|a| (from[a] as isize - tile.origin[a]) as usize);
    let source = grid.slice(s![from[0]..to[0], from[1]..to[1], from[2]..to[2]]);
    let mut target = out.slice_mut(s![
        at[0]..at[0] + to[0] - from[0],
        at[1]..at[1] + to[1] - from[1],
        at[2]..at[2] + to[2] - from[2]
    ]);
    target.zip_mut_with(&source, |value, hu| *value = window.scaled(*hu));
    out
}

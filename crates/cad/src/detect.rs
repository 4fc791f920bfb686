//! Heads of a centre-point detector to candidates (CenterNet: Zhou X et al., arXiv:1904.07850, in 3-D).
//!
//! Conventions, shared with training: a voxel index is the voxel's centre; cell `k` of stride `s` covers voxels
//! `s*k .. s*k + s - 1`; the head holds, per cell, the centre logit, the offset of the centre within the cell
//! `[z, y, x]` in cells (0 to 1) and `ln(diameter / 8 mm)`. So a centre is `s * (cell + offset) - 0.5` voxels.
//! Leaving out the half voxel costs 1.5 mm at stride 4.

use crate::lungs::Lungs;
use crate::tiles::Tile;
use domain::{Affine, Candidate, VoxelPoint};
use ndarray::{ArrayView3, ArrayView4, Axis};

/// Channels of the head: centre logit, offset z, y, x, log diameter.
pub const HEAD_CHANNELS: usize = 5;
/// Diameter whose logarithm the head counts from, mm.
const DIAMETER_UNIT_MM: f64 = 8.0;
/// Diameters are held within what can be a nodule or mass, mm.
const DIAMETER_LIMITS_MM: [f64; 2] = [1.0, 100.0];
/// Closest distance of two candidates, mm.
const NMS_DISTANCE_MM_MIN: f64 = 4.0;

/// Score (before calibration) of a look that has no candidate at a place; nothing below it is told apart.
pub const SCORE_SILENT: f64 = 3e-4;

/// How to read a head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecodeOptions {
    /// Voxels per cell: 1, 2, 4, 8 or 16 (so that it divides [`crate::tiles::ALIGNMENT`]).
    pub stride: usize,
    /// Spacing of the isotropic grid, mm.
    pub spacing_mm: f64,
    /// Cells at or below this probability are not looked at; 0.05 by convention.
    pub score_min: f64,
    /// Cells kept per tile and candidates kept per scan; 100 by convention.
    pub count_max: usize,
}

/// A candidate on the isotropic grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridCandidate {
    /// Centre, voxels `[z, y, x]` of the grid.
    pub center: [f64; 3],
    /// Diameter, mm.
    pub diameter_mm: f64,
    /// Sigmoid of the centre logit, 0 to 1.
    pub score: f64,
    /// Distance from the middle of the tile it was seen in, voxels: the nearer of two equals wins.
    pub off_center: f64,
}

/// Why a head cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The tensor has another shape than tile and stride say.
    #[error(
        "detector head has shape {found:?}, expected {expected:?}; check stride and output of the model pack"
    )]
    Shape {
        /// Shape of the tensor.
        found: Vec<usize>,
        /// Shape that tile and stride ask for.
        expected: Vec<usize>,
    },
    /// A number that is not finite came out of the network.
    #[error("detector head holds a value that is not finite; the model or its execution provider is broken")]
    NotFinite,
}

/// Candidates of one tile: cells of its core (and one cell around it) that are the maximum of their 3 x 3 x 3
/// neighbours and above the score, the best [`DecodeOptions::count_max`] of them, thinned by [`merge`]'s rule.
///
/// `head` is `[5, d, h, w]` with `d = tile z / stride` and so on.
///
/// # Errors
/// [`HeadError`] when the tensor does not fit the tile or is not finite.
pub fn decode(
    head: ArrayView4<'_, f32>,
    tile: &Tile,
    options: &DecodeOptions,
) -> Result<Vec<GridCandidate>, HeadError> {
    let stride = options.stride.max(1);
    let cells = tile.size.map(|n| n.div_ceil(stride));
    let expected = [HEAD_CHANNELS, cells[0], cells[1], cells[2]];
    if head.shape() != expected {
        return Err(HeadError::Shape { found: head.shape().to_vec(), expected: expected.to_vec() });
    }
    if head.iter().any(|v| !v.is_finite()) {
        return Err(HeadError::NotFinite);
    }
    let logits = head.index_axis(Axis(0), 0);
    let logit_min = logit(options.score_min);
    let mut found = Vec::new();
    for ((z, y, x), value) in logits.indexed_iter() {
        let cell = [z, y, x];
        if f64::from(*value) > logit_min && answers_for(tile, cell, stride) && is_peak(logits, cell, *value) {
            let part = |c: usize| f64::from(head[[c, z, y, x]]);
            found.push(candidate(tile, cell, [part(0), part(1), part(2), part(3), part(4)], stride));
        }
    }
    found.sort_by(stronger);
    found.truncate(options.count_max);
    Ok(merge(found, options))
}

/// Strongest candidates of all tiles: one is dropped when its centre is nearer to a stronger one than
/// `max(4 mm, half the stronger one's diameter)`; equals are decided by the distance to the tile's middle.
/// At most [`DecodeOptions::count_max`] remain, by falling score; the order of the input does not matter.
#[must_use]
pub fn merge(mut found: Vec<GridCandidate>, options: &DecodeOptions) -> Vec<GridCandidate> {
    found.sort_by(stronger);
    let mut kept: Vec<GridCandidate> = Vec::new();
    for one in found {
        if kept.len() == options.count_max {
            break;
        }
        if !kept.iter().any(|strong| is_near(&one, strong, options)) {
            kept.push(one);
        }
    }
    kept
}

/// What several looks at the same grid say together: the strongest candidates of all, each with the mean of the logits
/// that the looks gave within its own reach (that of [`merge`]); a look without a candidate there counts as
/// [`SCORE_SILENT`]. Place and diameter are the mean of the looks' own, weighted by score: no look has the centre alone.
/// Those above the score remain, by falling score.
#[must_use]
pub fn agreed(looks: &[Vec<GridCandidate>], options: &DecodeOptions) -> Vec<GridCandidate> {
    let all = DecodeOptions { count_max: usize::MAX, ..*options };
    let mut kept = merge(looks.concat(), &all);
    for one in &mut kept {
        let (mut logits, mut weight, mut center, mut diameter_mm) = (0.0, 0.0, [0.0; 3], 0.0);
        for look in looks {
            let near = look.iter().filter(|other| is_near(other, one, options));
            let Some(best) = near.min_by(|a, b| stronger(a, b)) else {
                logits += logit(SCORE_SILENT);
                continue;
            };
            logits += logit(best.score.max(SCORE_SILENT));
            weight += best.score;
            center = [0, 1, 2].map(|axis| center[axis] + best.score * best.center[axis]);
            diameter_mm += best.score * best.diameter_mm;
        }
        one.score = sigmoid(logits / looks.len() as f64);
        if weight > 0.0 {
            one.center = center.map(|sum| sum / weight);
            one.diameter_mm = diameter_mm / weight;
        }
    }
    kept.retain(|one| one.score > options.score_min);
    kept.sort_by(stronger);
    kept.truncate(options.count_max);
    kept
}

/// Whether `other` is too near to the stronger `strong` to be a candidate of its own.
fn is_near(other: &GridCandidate, strong: &GridCandidate, options: &DecodeOptions) -> bool {
    let apart: f64 = (0..3).map(|a| (other.center[a] - strong.center[a]).powi(2)).sum();
    apart.sqrt() * options.spacing_mm < NMS_DISTANCE_MM_MIN.max(0.5 * strong.diameter_mm)
}

/// Places the candidates on the scan's grid; drops those outside the lungs' search region.
#[must_use]
pub fn to_scan(found: &[GridCandidate], grid: &Affine, scan: &Affine, lungs: &Lungs) -> Vec<Candidate> {
    found
        .iter()
        .filter_map(|one| {
            let place = grid.to_lps(VoxelPoint::from(one.center));
            lungs.searches(place).then(|| Candidate {
                center_voxel: scan.to_voxel(place),
                diameter_mm: one.diameter_mm,
                score: one.score,
            })
        })
        .collect()
}

/// By falling score, then nearer to its tile's middle, then by place: a total order.
fn stronger(a: &GridCandidate, b: &GridCandidate) -> std::cmp::Ordering {
    let place = |c: &GridCandidate| c.center;
    b.score
        .total_cmp(&a.score)
        .then(a.off_center.total_cmp(&b.off_center))
        .then_with(|| place(a)[0].total_cmp(&place(b)[0]))
        .then_with(|| place(a)[1].total_cmp(&place(b)[1]))
        .then_with(|| place(a)[2].total_cmp(&place(b)[2]))
}

/// Whether `cell` touches the tile's core or is its direct neighbour. The rim of one cell keeps a peak that
/// two tiles see on either side of the border between their cores.
fn answers_for(tile: &Tile, cell: [usize; 3], stride: usize) -> bool {
    (0..3).all(|a| {
        let first = tile.origin[a] + (cell[a] * stride) as isize;
        let rim = stride as isize;
        first + rim > tile.core_start[a] as isize - rim && first < tile.core_end[a] as isize + rim
    })
}

/// Whether no neighbour is greater. Of equal neighbours the first in array order is the peak.
fn is_peak(logits: ArrayView3<'_, f32>, cell: [usize; 3], value: f32) -> bool {
    let dim = <[usize; 3]>::from(logits.dim());
    let range = |a: usize| cell[a].saturating_sub(1)..(cell[a] + 2).min(dim[a]);
    for z in range(0) {
        for y in range(1) {
            for x in range(2) {
                let other = logits[[z, y, x]];
                let earlier = [z, y, x] < cell;
                if other > value || (earlier && other >= value) {
                    return false;
                }
            }
        }
    }
    true
}

fn candidate(tile: &Tile, cell: [usize; 3], head: [f64; 5], stride: usize) -> GridCandidate {
    let [centre_logit, oz, oy, ox, log_diameter] = head;
    let offset = [oz, oy, ox];
    let in_tile = [0, 1, 2].map(|a| stride as f64 * (cell[a] as f64 + offset[a]) - 0.5);
    let off_center: f64 =
        (0..3).map(|a| (in_tile[a] - (tile.size[a] as f64 / 2.0 - 0.5)).powi(2)).sum::<f64>().sqrt();
    let [low, high] = DIAMETER_LIMITS_MM;
    GridCandidate {
        center: [0, 1, 2].map(|a| in_tile[a] + tile.origin[a] as f64),
        diameter_mm: (DIAMETER_UNIT_MM * log_diameter.exp()).clamp(low, high),
        score: sigmoid(centre_logit),
        off_center,
    }
}

/// Logistic function.
#[must_use]
pub fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// Its inverse; infinite at 0 and 1.
#[must_use]
pub fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

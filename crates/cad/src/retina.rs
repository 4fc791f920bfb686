//! Heads of a RetinaNet in 3-D to boxes, as MONAI's detector reads them (Project-MONAI/MONAI
//! `apps/detection/networks/retinanet_detector.py`, Apache-2.0; rewritten), to the last rounding.
//!
//! Tensors have their axes `[x, y, z]` in RAS; boxes are in voxels of that grid, a voxel index being its centre, the
//! upper edge excluded. Numbers are f32 where MONAI's are, because scores and boxes at a limit fall to one side only.

mod grid;

pub use grid::{RasGrid, resample, windows};

use ndarray::{ArrayView4, Axis};

/// Anchors a place: as many as base shapes.
pub const ANCHORS: usize = 3;
/// Largest logarithm of a size over its anchor, ln(1000 / 16).
const LOG_SIZE_MAX: f32 = 4.135_166_6;

/// Where an anchor's middle lies in its cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchorOffset {
    /// On the cell's first voxel: MONAI before 1.6, and the published weights.
    None,
    /// Half a cell further: MONAI 1.6 and later.
    Half,
}

/// How heads are read.
#[derive(Debug, Clone, PartialEq)]
pub struct RetinaOptions {
    /// Anchor shapes of level 0, voxels `[x, y, z]`.
    pub base_anchors: [[f64; 3]; ANCHORS],
    /// Factor of each level.
    pub level_scales: Vec<f64>,
    /// Middle of the anchors.
    pub anchor_offset: AnchorOffset,
    /// Scores at or below this are dropped.
    pub score_min: f64,
    /// Boxes kept of each level, the highest scores first.
    pub level_top_k: usize,
    /// Of two boxes that overlap by more than this the weaker goes.
    pub nms_iou: f64,
    /// Boxes kept of a scan.
    pub count_max: usize,
}

/// A box on the network's grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetinaBox {
    /// Lower corner `[x, y, z]`, voxels.
    pub low: [f32; 3],
    /// Upper corner, excluded.
    pub high: [f32; 3],
    /// Sigmoid of the logit.
    pub score: f32,
}

/// Maps of one level.
#[derive(Debug, Clone)]
pub struct Level<'a> {
    /// Logits `[anchor, x, y, z]`.
    pub logits: ArrayView4<'a, f32>,
    /// Offsets `[anchor * 6 + k, x, y, z]`: middle x, y, z, then log size x, y, z.
    pub offsets: ArrayView4<'a, f32>,
}

/// Why heads cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("detector heads do not fit: {0}; check anchors and outputs of the model pack")]
pub struct RetinaError(String);

/// Boxes of a scan whose network input has `padded` voxels `[x, y, z]`, of which the first `size` are the scan.
///
/// # Errors
/// [`RetinaError`] when the maps have other shapes than the anchors ask for, or hold what is not a number.
pub fn decode(
    levels: &[Level<'_>],
    padded: [usize; 3],
    size: [usize; 3],
    options: &RetinaOptions,
) -> Result<Vec<RetinaBox>, RetinaError> {
    if levels.len() != options.level_scales.len() {
        return Err(RetinaError(format!("{} levels, {} scales", levels.len(), options.level_scales.len())));
    }
    let mut all = Vec::new();
    for (level, scale) in levels.iter().zip(&options.level_scales) {
        let (anchors, nx, ny, nz) = level.logits.dim();
        let expected = (6 * ANCHORS, nx, ny, nz);
        if anchors != ANCHORS || level.offsets.dim() != expected || [nx, ny, nz].contains(&0) {
            let found = (level.logits.dim(), level.offsets.dim());
            return Err(RetinaError(format!("a level has maps {found:?}")));
        }
        if level.logits.iter().chain(level.offsets.iter()).any(|v| !v.is_finite()) {
            return Err(RetinaError("a map holds a value that is not finite".to_owned()));
        }
        let stride = [padded[0] / nx, padded[1] / ny, padded[2] / nz];
        all.extend(level_boxes(level, *scale, stride, size, options));
    }
    Ok(suppressed(all, options))
}

/// The best of one level, clipped to the scan, in the order of their scores.
fn level_boxes(
    level: &Level<'_>,
    scale: f64,
    stride: [usize; 3],
    size: [usize; 3],
    options: &RetinaOptions,
) -> Vec<RetinaBox> {
    let mut chosen: Vec<(f32, [usize; 4])> = Vec::new();
    let (anchors, nx, ny, nz) = level.logits.dim();
    // The order of MONAI's flattened maps: x slowest, then y, z, anchor fastest; equal scores stay in it.
    for x in 0..nx {
        for y in 0..ny {
            for z in 0..nz {
                for a in 0..anchors {
                    let score = 1.0 / (1.0 + (-level.logits[[a, x, y, z]]).exp());
                    if f64::from(score) > options.score_min {
                        chosen.push((score, [a, x, y, z]));
                    }
                }
            }
        }
    }
    chosen.sort_by(|a, b| b.0.total_cmp(&a.0));
    chosen.truncate(options.level_top_k);
    let halves = half_sizes(&options.base_anchors, scale);
    let boxes = chosen.into_iter().map(|(score, [a, x, y, z])| {
        let offsets = level.offsets.index_axis(Axis(1), x);
        let code: [f32; 6] = std::array::from_fn(|k| offsets[[6 * a + k, y, z]]);
        let mut low = [0.0; 3];
        let mut high = [0.0; 3];
        for (axis, index) in [x, y, z].into_iter().enumerate() {
            let middle = index * stride[axis]
                + if options.anchor_offset == AnchorOffset::Half { stride[axis] / 2 } else { 0 };
            let width = 2.0 * halves[a][axis];
            let center = code[axis] * width + middle as f32;
            let half = 0.5 * (code[3 + axis].min(LOG_SIZE_MAX).exp() * width);
            low[axis] = (center - half).clamp(0.0, size[axis] as f32);
            high[axis] = (center + half).clamp(0.0, size[axis] as f32);
        }
        RetinaBox { low, high, score }
    });
    // Less than a voxel along an axis is nothing.
    boxes.filter(|b| (0..3).all(|axis| b.high[axis] >= b.low[axis] + 1.0)).collect()
}

/// Half sizes of the anchors of a level, rounded half to even: 2.5 becomes 2.
fn half_sizes(base: &[[f64; 3]; ANCHORS], scale: f64) -> [[f32; 3]; ANCHORS] {
    base.map(|shape| shape.map(|edge| ((edge * scale) as f32 / 2.0).round_ties_even()))
}

/// One non-maximum suppression over all levels.
fn suppressed(mut boxes: Vec<RetinaBox>, options: &RetinaOptions) -> Vec<RetinaBox> {
    boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<RetinaBox> = Vec::new();
    for one in boxes {
        if kept.len() >= options.count_max {
            break;
        }
        if kept.iter().all(|stronger| f64::from(iou(&one, stronger)) <= options.nms_iou) {
            kept.push(one);
        }
    }
    kept
}

/// Intersection over union, in f32 as in MONAI.
fn iou(a: &RetinaBox, b: &RetinaBox) -> f32 {
    let volume =
        |low: &[f32; 3], high: &[f32; 3]| (high[0] - low[0]) * (high[1] - low[1]) * (high[2] - low[2]);
    let shared: [f32; 3] =
        std::array::from_fn(|i| (a.high[i].min(b.high[i]) - a.low[i].max(b.low[i])).max(0.0));
    let inter = shared[0] * shared[1] * shared[2];
    let union = volume(&a.low, &a.high) + volume(&b.low, &b.high) - inter;
    inter / (union + f32::EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array4;

    pub(super) fn options(anchor_offset: AnchorOffset) -> RetinaOptions {
        RetinaOptions {
            base_anchors: [[6.0, 8.0, 4.0], [8.0, 6.0, 5.0], [10.0, 10.0, 6.0]],
            level_scales: vec![1.0],
            anchor_offset,
            score_min: 0.02,
            level_top_k: 1000,
            nms_iou: 1.0,
            count_max: 300,
        }
    }

    /// Goal: the golden anchors of an image of 16 x 12 x 4 voxels on a grid of 4 x 3 x 2, without and with the half
    /// stride. Method: heads of zeros give the anchors themselves; one logit at a time picks one.
    #[test]
    #[allow(clippy::float_cmp)] // whole and half numbers
    fn golden_anchors() {
        let picked = |offset, a: usize, at: [usize; 3]| {
            let mut logits = Array4::from_elem((3, 4, 3, 2), -20.0f32);
            logits[[a, at[0], at[1], at[2]]] = 3.0;
            let offsets = Array4::zeros((18, 4, 3, 2));
            let level = Level { logits: logits.view(), offsets: offsets.view() };
            // A scan large enough that nothing is clipped at the upper end.
            let boxes = level_boxes(&level, 1.0, [4, 4, 2], [99; 3], &options(offset));
            boxes.first().map(|b| (b.low, b.high))
        };
        // Lower corners are clipped at 0; the upper ones tell the anchor.
        assert_eq!(picked(AnchorOffset::None, 0, [0; 3]).unwrap().1, [3.0, 4.0, 2.0]);
        assert_eq!(picked(AnchorOffset::None, 1, [0; 3]).unwrap().1, [4.0, 3.0, 2.0], "5 / 2 rounds to 2");
        assert_eq!(picked(AnchorOffset::None, 2, [0; 3]).unwrap().1, [5.0, 5.0, 3.0]);
        assert_eq!(picked(AnchorOffset::None, 0, [0, 0, 1]).unwrap().1, [3.0, 4.0, 4.0]);
        assert_eq!(picked(AnchorOffset::Half, 0, [0; 3]).unwrap().1, [5.0, 6.0, 3.0]);
        assert_eq!(picked(AnchorOffset::Half, 2, [3, 2, 1]).unwrap(), ([9.0, 5.0, 0.0], [19.0, 15.0, 6.0]));
        let halves = half_sizes(&options(AnchorOffset::None).base_anchors, 2.0);
        assert_eq!(halves, [[6.0, 8.0, 4.0], [8.0, 6.0, 5.0], [10.0, 10.0, 6.0]]);
    }

    /// Goal: a box that overlaps a stronger one by exactly the limit stays, by more goes; order is by score.
    #[test]
    fn suppression_keeps_the_limit() {
        let one = |x: f32, score| RetinaBox { low: [x, 0.0, 0.0], high: [x + 4.0, 4.0, 4.0], score };
        let run = |nms_iou| {
            let options = RetinaOptions { nms_iou, ..options(AnchorOffset::None) };
            suppressed(vec![one(2.0, 0.5), one(0.0, 0.9), one(30.0, 0.7)], &options)
        };
        // Shifted by half: 1/3 in common.
        assert_eq!(run(0.3333).iter().map(|b| b.score).collect::<Vec<_>>(), [0.9, 0.7]);
        assert_eq!(run(0.3334).len(), 3);
    }
}

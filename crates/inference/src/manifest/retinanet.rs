//! Kind `retinanet3d`.

use super::{Activation, AxisOrder, InputSpec, OutputSpec};
use serde::Deserialize;

/// Anchors a place.
const ANCHORS: usize = 3;
/// Voxels of a window, at most (f32: 256 MiB).
const WINDOW_VOXELS_MAX: usize = 64 << 20;

/// Where an anchor's middle lies in its cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnchorOffset {
    /// On the cell's first voxel: networks trained with MONAI before 1.6, the published weights among them.
    None,
    /// Half a stride further: networks trained with MONAI 1.6 and later.
    Half,
}

/// Numbers of kind `retinanet3d`. The outputs are the classification maps of all levels, then their regression maps.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetinanetDecode {
    /// Anchor shapes of the first level, voxels along the input's axes; halves of them are rounded half to even.
    pub base_anchors: [[f64; 3]; ANCHORS],
    /// Factor of each level's anchors, one per level.
    pub level_scales: Vec<f64>,
    /// Where anchors lie in their cells.
    pub anchor_offset: AnchorOffset,
    /// The input's axes are padded at their end to multiples of these.
    pub size_divisor: [usize; 3],
    /// Inputs of fewer voxels than this window go through in one piece; larger ones window by window.
    pub window: [usize; 3],
    /// Share of a window that its neighbour covers again; maps are averaged there.
    pub overlap: f64,
    /// Scores at or below this are dropped, 0 to 1.
    pub score_min: f64,
    /// Boxes kept of each level.
    pub level_top_k: usize,
    /// Of two boxes whose intersection over union is above this the weaker goes.
    pub nms_iou: f64,
    /// Most boxes of one scan.
    pub top_k: usize,
}

impl RetinanetDecode {
    /// Numbers in range, and tensors that fit them: the stated input is that of the self-test.
    pub(super) fn check(&self, input: &InputSpec, outputs: &[OutputSpec]) -> Result<(), String> {
        if input.axes != AxisOrder::RasXyz {
            return Err("kind retinanet3d needs axes = \"ras-xyz\"".to_owned());
        }
        let levels = self.level_scales.len();
        let anchors = self.base_anchors.iter().flatten().chain(&self.level_scales);
        if !(1..=4).contains(&levels) || !anchors.into_iter().all(|v| *v > 0.0 && *v <= 1000.0) {
            return Err("base_anchors or level_scales is out of range; 1 to 4 levels".to_owned());
        }
        let window_voxels = self.window.iter().try_fold(1usize, |n, w| n.checked_mul(*w));
        let divides =
            |edge: [usize; 3]| (0..3).all(|a| edge[a] > 0 && edge[a].is_multiple_of(self.size_divisor[a]));
        if !self.size_divisor.iter().all(|d| (1..=64).contains(d))
            || !divides(self.window)
            || !divides(input.edge())
        {
            return Err("size_divisor must be 1 to 64 and divide window and input".to_owned());
        }
        if window_voxels.is_none_or(|n| n > WINDOW_VOXELS_MAX) {
            return Err(format!("window {:?} has more than {WINDOW_VOXELS_MAX} voxels", self.window));
        }
        let numbers = (0.0..0.9).contains(&self.overlap)
            && (0.0..1.0).contains(&self.score_min)
            && (0.0..=1.0).contains(&self.nms_iou)
            && (1..=10_000).contains(&self.level_top_k)
            && (1..=10_000).contains(&self.top_k);
        if !numbers {
            return Err("overlap, score_min, nms_iou, level_top_k or top_k is out of range".to_owned());
        }
        if outputs.len() != 2 * levels || outputs.iter().any(|o| o.values != Activation::Logit) {
            return Err(format!(
                "kind retinanet3d with {levels} levels needs {} outputs of values = \"logit\"",
                2 * levels
            ));
        }
        let (classes, boxes) = outputs.split_at(levels);
        for (class, offsets) in classes.iter().zip(boxes) {
            let fits = |shape: &[usize], channels: usize| {
                shape.len() == 5
                    && shape[..2] == [1, channels]
                    && shape[2..].iter().zip(input.edge()).all(|(o, i)| *o > 0 && i.is_multiple_of(*o))
            };
            if !fits(&class.shape, ANCHORS)
                || !fits(&offsets.shape, 6 * ANCHORS)
                || class.shape.get(2..) != offsets.shape.get(2..)
            {
                return Err(format!(
                    "outputs {:?} and {:?} are not [1, {ANCHORS}, x, y, z] and [1, {}, x, y, z] of one level",
                    class.shape,
                    offsets.shape,
                    6 * ANCHORS
                ));
            }
        }
        Ok(())
    }
}

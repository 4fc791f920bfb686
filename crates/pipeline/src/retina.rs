//! A RetinaNet over a scan (pack kind `retinanet3d`), as MONAI's detector does it: whole where it fits a window, else
//! window by window with averaged maps; then boxes, then candidates.

use crate::analyze::{AnalyzeError, Progress, Step};
use crate::networks::Networks;
use cad::lungs::Lungs;
use cad::retina::{AnchorOffset, Level, RasGrid, RetinaBox, RetinaOptions, decode, resample, windows};
use domain::{Candidate, Volume};
use inference::{Kind, Network, RetinanetDecode};
use ndarray::{Array3, Array4, ArrayView3, Axis, Ix5, s};

/// Candidates in the lungs; strongest first.
pub(crate) fn candidates(
    volume: &Volume,
    lungs: &Lungs,
    networks: &mut Networks,
    progress: Progress<'_>,
) -> Result<Vec<Candidate>, AnalyzeError> {
    let (grid, boxes) = boxes(volume, &mut networks.detectors.first, progress)?;
    let spacing = grid.affine.spacing_mm_zyx();
    let voxel_mm = [spacing[2], spacing[1], spacing[0]];
    let found = boxes.into_iter().filter_map(|b| {
        let corner = |i: usize| [f64::from(b.low[i]), f64::from(b.high[i])];
        let place = grid.to_lps([0, 1, 2].map(|i| f64::midpoint(corner(i)[0], corner(i)[1])));
        let volume_mm3: f64 = (0..3).map(|i| (corner(i)[1] - corner(i)[0]) * voxel_mm[i]).product();
        lungs.searches(place).then(|| Candidate {
            center_voxel: volume.affine.to_voxel(place),
            // Boxes were learned around spheres: width, height and depth are about the diameter.
            diameter_mm: volume_mm3.cbrt(),
            score: networks.pack.score(cad::detect::logit(f64::from(b.score))),
        })
    });
    Ok(found.collect())
}

/// Boxes of the whole scan with the grid that they lie on, strongest first.
pub(crate) fn boxes(
    volume: &Volume,
    network: &mut Network,
    progress: Progress<'_>,
) -> Result<(RasGrid, Vec<RetinaBox>), AnalyzeError> {
    let spec = network.spec().clone();
    let (Kind::Retinanet3d(kind), Some(input)) = (&spec.decode, spec.inputs.first()) else {
        return Err(AnalyzeError::Unfit("detector is not of kind retinanet3d".to_owned()));
    };
    #[allow(clippy::cast_possible_truncation)] // 0 to 1
    let pad = input.pad_value as f32;
    let grid = resample(volume, input.spacing_mm, input.hu_clip, pad, kind.size_divisor);
    let maps = maps(grid.values.view(), kind, network, progress)?;
    let (logits, offsets) = maps.split_at(maps.len() / 2);
    let levels: Vec<Level<'_>> =
        logits.iter().zip(offsets).map(|(l, o)| Level { logits: l.view(), offsets: o.view() }).collect();
    let padded = <[usize; 3]>::from(grid.values.dim());
    let boxes = decode(&levels, padded, grid.size, &options(kind))?;
    Ok((grid, boxes))
}

fn options(kind: &RetinanetDecode) -> RetinaOptions {
    RetinaOptions {
        base_anchors: kind.base_anchors,
        level_scales: kind.level_scales.clone(),
        anchor_offset: match kind.anchor_offset {
            inference::AnchorOffset::None => AnchorOffset::None,
            inference::AnchorOffset::Half => AnchorOffset::Half,
        },
        score_min: kind.score_min,
        level_top_k: kind.level_top_k,
        nms_iou: kind.nms_iou,
        count_max: kind.top_k,
    }
}

/// All maps of the input, in the order of the pack.
#[allow(clippy::needless_pass_by_value)] // a view is a handle
fn maps(
    values: ArrayView3<'_, f32>,
    kind: &RetinanetDecode,
    network: &mut Network,
    progress: Progress<'_>,
) -> Result<Vec<Array4<f32>>, AnalyzeError> {
    if values.len() < kind.window.iter().product() {
        progress(Step::Detect, 0, 1);
        let maps = run(values, network)?;
        progress(Step::Detect, 1, 1);
        return Ok(maps);
    }
    // An axis shorter than the window is padded on both sides, with zeros as MONAI does, whatever the pad value.
    let shape = <[usize; 3]>::from(values.dim());
    let spare = [0, 1, 2].map(|a| kind.window[a].saturating_sub(shape[a]) / 2);
    let whole = [0, 1, 2].map(|a| shape[a].max(kind.window[a]));
    let mut wide = Array3::zeros(whole);
    let inner =
        s![spare[0]..spare[0] + shape[0], spare[1]..spare[1] + shape[1], spare[2]..spare[2] + shape[2]];
    wide.slice_mut(inner).assign(&values);
    let mut sums: Vec<(Array4<f32>, Array3<f32>)> = Vec::new();
    let starts = windows(whole, kind.window, kind.overlap);
    for (done, start) in starts.iter().enumerate() {
        progress(Step::Detect, done, starts.len());
        let end = [0, 1, 2].map(|a| start[a] + kind.window[a]);
        let window = wide.slice(s![start[0]..end[0], start[1]..end[1], start[2]..end[2]]);
        for (index, map) in run(window, network)?.into_iter().enumerate() {
            let (channels, mx, my, mz) = map.dim();
            let size = [mx, my, mz];
            // Stride of this level; windows and divisors are multiples of it.
            let scaled = |v: usize, a: usize| v * size[a] / kind.window[a];
            if sums.len() == index {
                let [x, y, z] = [0, 1, 2].map(|a| scaled(whole[a], a));
                sums.push((Array4::zeros((channels, x, y, z)), Array3::zeros((x, y, z))));
            }
            let Some((sum, count)) = sums.get_mut(index) else { continue };
            let [x, y, z] = [0, 1, 2].map(|a| scaled(start[a], a)..scaled(start[a], a) + size[a]);
            let mut here = sum.slice_mut(s![.., x.clone(), y.clone(), z.clone()]);
            here += &map;
            let mut here = count.slice_mut(s![x, y, z]);
            here += 1.0;
        }
    }
    progress(Step::Detect, starts.len(), starts.len());
    let cut = sums.into_iter().map(|(mut sum, count)| {
        for mut channel in sum.outer_iter_mut() {
            channel /= &count;
        }
        let dims = [count.dim().0, count.dim().1, count.dim().2];
        // Rounded as Python rounds, halves to even.
        let at = |v: usize, a: usize| {
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            // voxels
            let place = (v as f64 * (dims[a] as f64 / kind.window[a] as f64)).round_ties_even() as usize;
            place.min(dims[a])
        };
        if spare == [0; 3] && whole == shape {
            return sum;
        }
        let [x, y, z] = [0, 1, 2].map(|a| at(spare[a], a)..at(spare[a] + shape[a], a));
        sum.slice(s![.., x, y, z]).to_owned()
    });
    Ok(cut.collect())
}

#[allow(clippy::needless_pass_by_value)] // a view is a handle
fn run(values: ArrayView3<'_, f32>, network: &mut Network) -> Result<Vec<Array4<f32>>, AnalyzeError> {
    let whole = values.as_standard_layout();
    let outputs = network.run_any_size(whole.view().insert_axis(Axis(0)).insert_axis(Axis(0)))?;
    let maps = outputs.into_iter().map(|output| {
        let output = output.into_dimensionality::<Ix5>();
        let output = output.map_err(|e| AnalyzeError::Unfit(format!("detector head: {e}")))?;
        Ok(output.index_axis_move(Axis(0), 0))
    });
    maps.collect()
}

#[cfg(test)]
mod tests;

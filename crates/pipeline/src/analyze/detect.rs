//! The detector over a scan's tiles.

use super::{AnalyzeError, Progress, Search, Step, clamp_index, first_input, window};
use crate::networks::Networks;
use cad::detect::{DecodeOptions, GridCandidate, SCORE_SILENT};
use cad::lungs::Lungs;
use cad::tiles::{HuWindow, Tile, TileShape};
use domain::{Affine, BoundingBox, Candidate, Volume, VoxelPoint};
use inference::{Kind, Network};
use ndarray::{Axis, Ix4, Ix5};

/// Fitted tiles reach beyond the lungs by their halo and what rounding to multiples of 16 adds: 15 voxels at the low
/// end, 15 more for each of at most five tiles at the high one.
const FITTED_REACH_VOXELS: usize = 96;
/// Candidates that each look of a detector with several may hold, times those of the scan.
const CANDIDATES_PER_LOOK: usize = 10;

/// The detector over every tile that meets the lungs; candidates of the scan, strongest first.
pub(super) fn candidates(
    volume: &Volume,
    lungs: &Lungs,
    networks: &mut Networks,
    search: Search,
    progress: Progress<'_>,
) -> Result<Vec<Candidate>, AnalyzeError> {
    let Kind::CenterPoint(decode) = networks.detectors.first.spec().decode else {
        return Err(AnalyzeError::Unfit("detector is not of kind center-point".to_owned()));
    };
    let input = first_input(&networks.detectors.first)?;
    let looks_count = networks.detectors.count() * decode.phases;
    let moved_by = |look: usize| look * decode.stride / looks_count;
    let spacing_mm = input.spacing_mm[0];
    let fixed = TileShape { size: input.edge(), halo: [decode.margin_voxels; 3] };
    // As far as a tile can reach beyond the lungs: air that is none, 16 mm outside of them, moves scores by half.
    let rim = match decode.tile_voxels_max {
        None => fixed.size.into_iter().max().unwrap_or(0),
        Some(_) => decode.margin_voxels + FITTED_REACH_VOXELS,
    } + moved_by(looks_count - 1);
    #[allow(clippy::cast_precision_loss)] // voxels of a tile
    let rim_mm = rim as f64 * spacing_mm;
    let grid = cad::resample::isotropic(volume, widened(lungs.region, volume, rim_mm), spacing_mm);
    // Around a crop there is more body, not air: a network that sees air there calls everything by other names.
    let grid = match search {
        Search::Lungs => grid,
        Search::Whole => cad::resample::mirrored(&grid, decode.margin_voxels),
    };
    let (start, end) = box_on_grid(lungs.region, &volume.affine, &grid);
    let shape = match decode.tile_voxels_max {
        None => fixed,
        Some(voxels_max) => cad::tiles::fitted(start, end, decode.margin_voxels, voxels_max),
    };
    let tiles =
        cad::tiles::plan_box(start, end, shape, |start, end| lungs.searches_box(&grid.affine, start, end));
    // The pack states its lowest score after calibration; cells are judged before it.
    let raw_min = match networks.pack.manifest().calibration {
        None => decode.score_min,
        Some(c) => cad::detect::sigmoid((cad::detect::logit(decode.score_min) - c.intercept) / c.slope),
    };
    let options =
        DecodeOptions { stride: decode.stride, spacing_mm, score_min: raw_min, count_max: decode.top_k };
    // One look is judged by itself; of several, a weak one may be lifted by the others.
    let own = match looks_count {
        1 => options,
        _ => DecodeOptions {
            score_min: SCORE_SILENT.min(raw_min),
            count_max: CANDIDATES_PER_LOOK * decode.top_k,
            ..options
        },
    };
    let (mut looks, work) = (Vec::new(), looks_count * tiles.len());
    for look in 0..looks_count {
        let mut found = Vec::new();
        let detector = networks.detectors.at_turn(look);
        for (done, tile) in tiles.iter().enumerate() {
            progress(Step::Detect, look * tiles.len() + done, work);
            let tile = moved(tile, moved_by(look));
            found.extend(run_tile(&grid, &tile, window(&input), detector, &own)?);
        }
        looks.push(cad::detect::merge(found, &own));
    }
    progress(Step::Detect, work, work);
    let merged = match looks.as_mut_slice() {
        [only] => std::mem::take(only),
        several => cad::detect::agreed(several, &options),
    };
    let mut candidates = cad::detect::to_scan(&merged, &grid.affine, &volume.affine, lungs);
    for candidate in &mut candidates {
        candidate.diameter_mm *= decode.reference_diameter_mm / 8.0;
        candidate.score = networks.pack.score(cad::detect::logit(candidate.score));
    }
    Ok(candidates)
}

/// The tile with its network's cells `voxels` nearer to the grid's first voxel; it answers for the same part.
fn moved(tile: &Tile, voxels: usize) -> Tile {
    Tile { origin: tile.origin.map(|first| first - voxels as isize), ..*tile }
}

/// The box with `rim_mm` around it, as far as the scan reaches: what a network sees around its marks is the body
/// and not padding.
fn widened(inner: BoundingBox, volume: &Volume, rim_mm: f64) -> BoundingBox {
    let spacing = volume.affine.spacing_mm_zyx();
    let shape = volume.shape();
    let (start, end) = (<[usize; 3]>::from(inner.start), <[usize; 3]>::from(inner.end));
    let rim = spacing.map(|mm| clamp_index((rim_mm / mm).ceil(), usize::MAX >> 16));
    BoundingBox {
        start: [0, 1, 2].map(|a| start[a].saturating_sub(rim[a])).into(),
        end: [0, 1, 2].map(|a| (end[a] + rim[a]).min(shape[a])).into(),
    }
}

/// Voxels `start..end` of `grid` that cover a box of scan voxels; axes may run the other way.
#[allow(clippy::cast_precision_loss)] // indices of voxels
fn box_on_grid(inner: BoundingBox, scan: &Affine, grid: &Volume) -> ([usize; 3], [usize; 3]) {
    let place =
        |corner: [f64; 3]| <[f64; 3]>::from(grid.affine.to_voxel(scan.to_lps(VoxelPoint::from(corner))));
    let a = place(<[usize; 3]>::from(inner.start).map(|v| v as f64 - 0.5));
    let b = place(<[usize; 3]>::from(inner.end).map(|v| v as f64 - 0.5));
    let shape = grid.shape();
    let start = [0, 1, 2].map(|i| clamp_index(a[i].min(b[i]).floor(), shape[i]));
    let end = [0, 1, 2].map(|i| clamp_index(a[i].max(b[i]).ceil() + 1.0, shape[i]));
    (start, end)
}

fn run_tile(
    grid: &Volume,
    tile: &Tile,
    window: HuWindow,
    detector: &mut Network,
    options: &DecodeOptions,
) -> Result<Vec<GridCandidate>, AnalyzeError> {
    let input = cad::tiles::cut(grid.hu.view(), tile, window);
    let view = input.view().insert_axis(Axis(0)).insert_axis(Axis(0));
    let takes_any_size =
        matches!(detector.spec().decode, Kind::CenterPoint(decode) if decode.tile_voxels_max.is_some());
    let outputs = if takes_any_size { detector.run_any_size(view)? } else { detector.run(view)? };
    let head = outputs
        .into_iter()
        .next()
        .ok_or_else(|| AnalyzeError::Unfit("detector has no output".to_owned()))?
        .into_dimensionality::<Ix5>()
        .map_err(|e| AnalyzeError::Unfit(format!("detector head: {e}")))?;
    let head = head
        .index_axis_move(Axis(0), 0)
        .into_dimensionality::<Ix4>()
        .map_err(|e| AnalyzeError::Unfit(format!("detector head: {e}")))?;
    Ok(cad::detect::decode(head.view(), tile, options)?)
}

//! A segmenter's probability map to an outline on the scan's grid.

use crate::components::{Connectivity, fill_holes, label};
use crate::lungs::Lungs;
use crate::morphology;
use crate::resample::onto;
use domain::{Affine, BoundingBox, LpsPoint, Mask, Volume, VoxelIndex, VoxelPoint};
use ndarray::{Array3, ArrayView3};

/// Probability at and above which a voxel belongs to the nodule.
pub const THRESHOLD: f32 = 0.5;
/// How far from the mark the nearest component may lie, mm.
const MARK_DISTANCE_MM_MAX: f64 = 3.0;
/// Radius of the opening that cuts vessels, mm.
const OPENING_RADIUS_MM: f64 = 0.6;
/// Openings tried, in turn, on an outline that runs out of the map, mm.
const DETACHING_RADII_MM: [f32; 5] = [0.8, 1.2, 1.8, 2.5, 3.5];
/// The opening stands when it takes less than this part of the volume (vessels); more means it ate the nodule.
const OPENING_LOSS_MAX: f64 = 0.15;

/// The outline of the nodule at `mark` on the grid of `scan`, from a `probability` map (0 to 1) on the grid
/// `map_affine` around it (isotropic, or the scan's own). `None` when nothing of it is at the mark, or when it runs
/// into the border of the map and no opening up to 3.5 mm cuts it off (it leaked, or is larger than the map: try a
/// coarser, wider one).
///
/// On the map: threshold, component that holds the mark (else the nearest within 3 mm), holes filled, vessels cut by
/// an opening of 0.6 mm where that costs under 15 %. Then the probability, not the mask, is resampled to the scan,
/// without what was cut and with what was filled; threshold and component again; clipped to the search region of
/// `lungs`.
#[must_use]
pub fn outline(
    probability: ArrayView3<'_, f32>,
    map_affine: &Affine,
    scan: &Volume,
    mark: LpsPoint,
    lungs: Option<&Lungs>,
) -> Option<Mask> {
    let region = region_in_scan(probability.dim().into(), map_affine, scan)?;
    let mut probability = probability.to_owned();
    if let Some(lungs) = lungs {
        for ((z, y, x), p) in probability.indexed_iter_mut() {
            if *p >= THRESHOLD && !lungs.searches(map_affine.to_lps(voxel_point([z, y, x]))) {
                *p = 0.0;
            }
        }
    }
    let cleaned = cleaned(probability.view(), map_affine, mark)?;
    let mut inside = onto(cleaned.view(), map_affine, &scan.affine, region).mapv(|p| p >= THRESHOLD);
    let here = scan.affine.cropped_at(region.start);
    if let Some(lungs) = lungs {
        for ((z, y, x), inside) in inside.indexed_iter_mut() {
            *inside = *inside && lungs.searches(here.to_lps(voxel_point([z, y, x])));
        }
    }
    let one = component_at(inside.view(), here.to_voxel(mark), scan.affine.spacing_mm_zyx())?;
    Some(Mask::from_dense(region.start, one.view()))
}

/// The probability map with only the nodule at `mark` above the threshold.
fn cleaned(probability: ArrayView3<'_, f32>, affine: &Affine, mark: LpsPoint) -> Option<Array3<f32>> {
    let spacing = affine.spacing_mm_zyx();
    let place = affine.to_voxel(mark);
    let above = probability.mapv(|p| p >= THRESHOLD);
    let one = component_at(above.view(), place, spacing)?;
    let one = if touches_border(one.view()) { detached(one.view(), place, spacing)? } else { one };
    let kept = without_vessels(fill_holes(one.view()), place, spacing);
    let mut cleaned = probability.to_owned();
    ndarray::Zip::from(&mut cleaned).and(&above).and(&kept).for_each(|p, above, kept| match (above, kept) {
        // Cut off, or another component.
        (true, false) => *p = 0.0,
        // Filled.
        (false, true) => *p = 1.0,
        _ => {}
    });
    Some(cleaned)
}

fn voxel_point([z, y, x]: [usize; 3]) -> VoxelPoint {
    VoxelPoint { z: z as f64, y: y as f64, x: x as f64 }
}

/// Box of scan voxels that holds the whole map, clipped to the scan; `None` when they do not meet.
fn region_in_scan(shape: [usize; 3], map_affine: &Affine, scan: &Volume) -> Option<BoundingBox> {
    let mut low = [f64::INFINITY; 3];
    let mut high = [f64::NEG_INFINITY; 3];
    for corner in 0..8usize {
        let at = [0, 1, 2].map(|a| if corner >> a & 1 == 1 { shape[a] as f64 - 0.5 } else { -0.5 });
        let p = <[f64; 3]>::from(scan.affine.to_voxel(map_affine.to_lps(VoxelPoint::from(at))));
        for a in 0..3 {
            low[a] = low[a].min(p[a]);
            high[a] = high[a].max(p[a]);
        }
    }
    let dim = scan.shape();
    let start = [0, 1, 2].map(|a| low[a].ceil().clamp(0.0, dim[a] as f64) as usize);
    let end = [0, 1, 2].map(|a| (high[a].floor() + 1.0).clamp(0.0, dim[a] as f64) as usize);
    (0..3)
        .all(|a| start[a] < end[a])
        .then(|| BoundingBox { start: VoxelIndex::from(start), end: VoxelIndex::from(end) })
}

/// The component that holds `place`, else the one whose voxel lies nearest within 3 mm.
fn component_at(
    mask: ArrayView3<'_, bool>,
    place: VoxelPoint,
    spacing_mm_zyx: [f64; 3],
) -> Option<Array3<bool>> {
    let found = label(mask, Connectivity::TwentySix);
    let place = <[f64; 3]>::from(place);
    let mut best: Option<(f64, u32)> = None;
    for ((z, y, x), l) in found.labels.indexed_iter().filter(|(_, l)| **l != 0) {
        let at = [z as f64, y as f64, x as f64];
        // Distance to the voxel's box, so that a mark within any voxel of the mask has distance 0.
        let apart: f64 = (0..3)
            .map(|a| (((at[a] - place[a]).abs() - 0.5).max(0.0) * spacing_mm_zyx[a]).powi(2))
            .sum::<f64>()
            .sqrt();
        if best.is_none_or(|(nearest, _)| apart < nearest) {
            best = Some((apart, *l));
        }
    }
    best.filter(|(apart, _)| *apart <= MARK_DISTANCE_MM_MAX).map(|(_, l)| found.mask(l))
}

/// Whether the mask holds an outermost voxel of its array.
fn touches_border(mask: ArrayView3<'_, bool>) -> bool {
    let dim = <[usize; 3]>::from(mask.dim());
    mask.indexed_iter().filter(|(_, inside)| **inside).any(|((z, y, x), _)| {
        let at = [z, y, x];
        (0..3).any(|a| at[a] == 0 || at[a] + 1 == dim[a])
    })
}

/// The nodule cut off from what leads out of the map (a vessel, the pleura beside it), by the smallest opening that
/// does it; `None` when none does.
fn detached(
    whole: ArrayView3<'_, bool>,
    place: VoxelPoint,
    spacing_mm_zyx: [f64; 3],
) -> Option<Array3<bool>> {
    let outside = whole.mapv(|inside| !inside);
    let depth = morphology::distance_squared_mm2(outside.view(), spacing_mm_zyx);
    DETACHING_RADII_MM.into_iter().find_map(|radius| {
        let core = depth.mapv(|d| d > radius * radius);
        let core = component_at(core.view(), place, spacing_mm_zyx)?;
        let grown = morphology::dilate(core.view(), f64::from(radius), spacing_mm_zyx);
        (!touches_border(grown.view())).then_some(grown)
    })
}

/// The mask without what the opening cuts off, where that is little.
fn without_vessels(whole: Array3<bool>, place: VoxelPoint, spacing_mm_zyx: [f64; 3]) -> Array3<bool> {
    let count = |mask: &Array3<bool>| mask.iter().filter(|inside| **inside).count();
    // On a grid coarser than the radius the opening would do nothing: it takes at least one voxel in plane.
    let finest = spacing_mm_zyx.iter().copied().fold(f64::INFINITY, f64::min);
    let opened = morphology::open(whole.view(), OPENING_RADIUS_MM.max(finest), spacing_mm_zyx);
    let Some(core) = component_at(opened.view(), place, spacing_mm_zyx) else { return whole };
    let lost = 1.0 - count(&core) as f64 / count(&whole).max(1) as f64;
    if lost < OPENING_LOSS_MAX { core } else { whole }
}

//! Lungs of a chest CT: left and right mask, volumes, and the region in which nodules are searched.
//!
//! Classical: air enclosed by tissue in each axial slice, less the airways, less gas that is not lung (stomach,
//! bowel, sinuses), split where the lungs touch. Everything runs on a coarse grid of block means (about 2 mm),
//! in patient order, so that prone, feet-first and mirrored grids come out the same. The masks serve as search
//! region, sides and volumes; they are not an anatomical segmentation of diseased lungs. Where a model pack has a network
//! for them, [`Lungs::of_labels`] takes its labels through the same steps.

mod airways;
mod coarse;
mod everywhere;
mod of_labels;
mod select;

use crate::components::{fill_holes, fill_holes_by_slice};
use crate::morphology;
pub(crate) use coarse::Coarse;
use coarse::{bounds, cropped, enclosed_air};
use domain::{Affine, BoundingBox, LpsPoint, LungPlace, LungVolumes, Side, Volume, VoxelIndex, VoxelPoint};
use ndarray::{Array3, ArrayView3};
use select::Pair;

/// HU below which a coarse voxel is air or aerated lung.
const AIR_HU: f32 = -400.0;
/// Each lung is closed by a ball of this radius to make the search region, mm. With 4 mm, six of ten real nodules
/// lay outside; at least 12 mm are needed for those on the pleura, more for masses.
pub const SEARCH_CLOSING_MM: f64 = 20.0;
/// The closed lungs are widened by this much, so that a centre on the rim of the mask is inside, mm.
const SEARCH_MARGIN_MM: f64 = 3.5;
/// Vessels up to about twice this radius count as lung, mm.
const VESSEL_CLOSING_MM: f64 = 4.0;
/// A hole in a slice of a lung up to this area is filled (large vessels, nodules), mm2; the dome of the diaphragm is
/// larger in most of the slices that it shows in.
const HOLE_MM2_MAX: f64 = 900.0;
/// Room around the lungs in which the search region grows, mm.
const MARGIN_MM: f64 = SEARCH_CLOSING_MM + 5.0;
/// Less aerated lung than this is not a chest, ml.
const LUNGS_ML_MIN: f64 = 400.0;
/// Lungs lower than this are not a chest, mm.
const LUNGS_HEIGHT_MM_MIN: f64 = 60.0;

/// The pixels do not show a chest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no chest found in the pixels ({detail})")]
pub struct NotChest {
    /// What was measured, and what was expected.
    pub detail: String,
}

/// A doubt about the masks (rules of plausibility); the analysis goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum LungDoubt {
    /// A lung has a volume outside 0.8 to 4.5 litres.
    Volume {
        /// Which lung.
        side: Side,
        /// Its volume.
        ml: f64,
    },
    /// Left to right lies outside 0.6 to 1.4.
    Ratio {
        /// Left volume over right volume.
        left_to_right: f64,
    },
    /// A lung is absent from many slices between apex and base.
    Gaps {
        /// Which lung.
        side: Side,
        /// Part of the slices between apex and base of both that hold it.
        fraction: f64,
    },
}

/// Lungs on a coarse grid around them (axes `[z, y, x]` rising to head, back and left; about 2.5 mm).
#[derive(Debug, Clone, PartialEq)]
pub struct Lungs {
    /// Left lung.
    pub left: Array3<bool>,
    /// Right lung.
    pub right: Array3<bool>,
    /// Where nodules are searched: each lung closed by [`SEARCH_CLOSING_MM`], a little widened.
    pub search: Array3<bool>,
    /// Coarse grid to LPS.
    pub affine: Affine,
    /// Volumes, vessels within the lungs included, airways down to the lobes excluded.
    pub volumes: LungVolumes,
    /// Box of scan voxels that holds the search region.
    pub region: BoundingBox,
    /// Rules of plausibility that do not hold.
    pub doubts: Vec<LungDoubt>,
}

impl Lungs {
    /// Whether `place` lies in the search region.
    #[must_use]
    pub fn searches(&self, place: LpsPoint) -> bool {
        at(self.search.view(), self.affine.to_voxel(place))
    }

    /// Whether the box `start..end` of voxels of `grid` meets the search region (judged on the coarse grid; a box
    /// that only just misses may be called met). For [`crate::tiles::plan`].
    #[must_use]
    pub fn searches_box(&self, grid: &Affine, start: [usize; 3], end: [usize; 3]) -> bool {
        let mut low = [f64::INFINITY; 3];
        let mut high = [f64::NEG_INFINITY; 3];
        for corner in 0..8usize {
            let p = [0, 1, 2]
                .map(|a| if corner >> a & 1 == 1 { end[a] as f64 - 0.5 } else { start[a] as f64 - 0.5 });
            let p = <[f64; 3]>::from(self.affine.to_voxel(grid.to_lps(VoxelPoint::from(p))));
            for a in 0..3 {
                low[a] = low[a].min(p[a]);
                high[a] = high[a].max(p[a]);
            }
        }
        let dim = <[usize; 3]>::from(self.search.dim());
        let from = [0, 1, 2].map(|a| low[a].round().clamp(0.0, dim[a] as f64) as usize);
        let to = [0, 1, 2].map(|a| (high[a].round() + 1.0).clamp(0.0, dim[a] as f64) as usize);
        crate::tiles::holds_any(self.search.view(), from, to)
    }

    /// Which lung holds `place`, or lies nearest (nodules on the pleura, in the hilum).
    #[must_use]
    pub fn side(&self, place: LpsPoint) -> Side {
        let here = self.affine.to_voxel(place);
        let spacing = self.affine.spacing_mm_zyx();
        let left = nearest_squared(self.left.view(), here, spacing);
        let right = nearest_squared(self.right.view(), here, spacing);
        if left < right { Side::Left } else { Side::Right }
    }

    /// Where `point` lies between base and apex of the lung of `side`, and between front and back of it in the
    /// slice of `point` (the nearest one that holds the lung). `None` for an empty mask.
    #[must_use]
    pub fn place(&self, side: Side, point: LpsPoint) -> Option<LungPlace> {
        let mask = match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        };
        let held = slices_held(mask);
        let (first, last) = (held.iter().position(|h| *h)?, held.iter().rposition(|h| *h)?);
        let here = self.affine.to_voxel(point);
        let part = |value: f64, from: usize, to: usize| {
            if to == from { 0.5 } else { ((value - from as f64) / (to - from) as f64).clamp(0.0, 1.0) }
        };
        let wanted = here.z.round();
        let nearest = (first..=last)
            .filter(|z| held[*z])
            .min_by(|a, b| (*a as f64 - wanted).abs().total_cmp(&(*b as f64 - wanted).abs()))?;
        let plane = mask.index_axis(ndarray::Axis(0), nearest);
        let rows: Vec<bool> = plane.outer_iter().map(|row| row.iter().any(|inside| *inside)).collect();
        let (front, back) = (rows.iter().position(|r| *r)?, rows.iter().rposition(|r| *r)?);
        Some(LungPlace { height: part(here.z, first, last), depth: part(here.y, front, back) })
    }
}

/// Squared distance to the nearest `true` voxel, mm2.
fn nearest_squared(mask: ArrayView3<'_, bool>, place: VoxelPoint, spacing_mm_zyx: [f64; 3]) -> f64 {
    let place = <[f64; 3]>::from(place);
    let mut best = f64::INFINITY;
    for (z, plane) in mask.outer_iter().enumerate() {
        let dz = ((z as f64 - place[0]) * spacing_mm_zyx[0]).powi(2);
        if dz >= best {
            continue;
        }
        for ((y, x), _) in plane.indexed_iter().filter(|(_, inside)| **inside) {
            let dy = ((y as f64 - place[1]) * spacing_mm_zyx[1]).powi(2);
            let dx = ((x as f64 - place[2]) * spacing_mm_zyx[2]).powi(2);
            best = best.min(dz + dy + dx);
        }
    }
    best
}

/// The voxel nearest to `place`; `false` outside the array.
pub(crate) fn at(mask: ArrayView3<'_, bool>, place: VoxelPoint) -> bool {
    let p = <[f64; 3]>::from(place).map(f64::round);
    if p.iter().any(|v| *v < 0.0) {
        return false;
    }
    mask.get(p.map(|v| v as usize)).copied().unwrap_or(false)
}

/// Finds the lungs of `volume`.
///
/// # Errors
/// [`NotChest`] when there is too little aerated lung, with what was measured.
pub fn segment(volume: &Volume) -> Result<Lungs, NotChest> {
    let coarse = Coarse::of(volume);
    let air = enclosed_air(&coarse);
    let spacing = coarse.affine.spacing_mm_zyx();
    let (start, end) = bounds(air.view(), MARGIN_MM, spacing)
        .ok_or_else(|| NotChest { detail: "no air inside the body".to_owned() })?;
    let (coarse, mut air) = (coarse.cropped(start, end), cropped(air.view(), start, end));
    let airways = airways::find(&coarse, air.view());
    air.zip_mut_with(&airways, |air, airway| *air = *air && !airway);
    let pair = select::lungs(&coarse, air.view())?;
    let both = ndarray::Zip::from(&pair.left).and(&pair.right).map_collect(|l, r| *l || *r);
    let (start, end) = bounds(both.view(), MARGIN_MM, spacing)
        .ok_or_else(|| NotChest { detail: "no aerated lung inside the body".to_owned() })?;
    let affine = coarse.affine.cropped_at(VoxelIndex::from(start));
    let pair =
        Pair { left: cropped(pair.left.view(), start, end), right: cropped(pair.right.view(), start, end) };
    let pair = filled(pair, spacing, &cropped(airways.view(), start, end));
    completed(pair, affine, volume)
}

/// Search region, volumes and doubts of two lungs on the coarse grid `affine` around them.
fn completed(pair: Pair, affine: Affine, volume: &Volume) -> Result<Lungs, NotChest> {
    let Pair { left, right } = pair;
    let spacing = affine.spacing_mm_zyx();
    let search = search_region(left.view(), right.view(), spacing);
    let ml = |mask: &Array3<bool>| count(mask) as f64 * affine.voxel_mm3() / 1000.0;
    let volumes = LungVolumes { left_ml: ml(&left), right_ml: ml(&right) };
    let height_mm = extent(&left, &right, spacing[0]);
    if volumes.left_ml + volumes.right_ml < LUNGS_ML_MIN || height_mm < LUNGS_HEIGHT_MM_MIN {
        let sum = volumes.left_ml + volumes.right_ml;
        return Err(NotChest {
            detail: format!(
                "{sum:.0} ml of aerated lung over {height_mm:.0} mm, at least {LUNGS_ML_MIN:.0} ml over {LUNGS_HEIGHT_MM_MIN:.0} mm are needed"
            ),
        });
    }
    let region = region_in_scan(&search, &affine, volume);
    let doubts = doubts(&left, &right, volumes);
    Ok(Lungs { left, right, search, affine, volumes, region, doubts })
}

/// Vessels and small nodules within a lung are filled; a voxel that both would take stays with the right one.
fn filled(pair: Pair, spacing: [f64; 3], airways: &Array3<bool>) -> Pair {
    let hole_voxels = (HOLE_MM2_MAX / (spacing[1] * spacing[2])) as usize;
    let fill = |mask: Array3<bool>| {
        let closed = morphology::close(mask.view(), VESSEL_CLOSING_MM, spacing);
        let filled = fill_holes_by_slice(closed.view(), hole_voxels);
        fill_holes(filled.view())
    };
    let (mut left, mut right) = rayon::join(|| fill(pair.left), || fill(pair.right));
    ndarray::Zip::from(&mut left).and(&right).and(airways).for_each(|l, r, a| *l = *l && !r && !a);
    right.zip_mut_with(airways, |r, a| *r = *r && !a);
    Pair { left, right }
}

fn search_region(left: ArrayView3<'_, bool>, right: ArrayView3<'_, bool>, spacing: [f64; 3]) -> Array3<bool> {
    // Each lung by itself: closing both at once would fill the mediastinum between them.
    let close = |mask| {
        let grown = morphology::dilate(mask, SEARCH_CLOSING_MM, spacing);
        morphology::erode(grown.view(), SEARCH_CLOSING_MM - SEARCH_MARGIN_MM, spacing)
    };
    let (mut search, other) = rayon::join(|| close(left), || close(right));
    search.zip_mut_with(&other, |a, b| *a |= *b);
    search
}

fn count(mask: &Array3<bool>) -> usize {
    mask.iter().filter(|inside| **inside).count()
}

/// Whether each slice holds a voxel of `mask`.
fn slices_held(mask: &Array3<bool>) -> Vec<bool> {
    mask.outer_iter().map(|plane| plane.iter().any(|inside| *inside)).collect()
}

/// Height of both together, mm.
fn extent(left: &Array3<bool>, right: &Array3<bool>, slice_mm: f64) -> f64 {
    let held: Vec<bool> = slices_held(left).iter().zip(slices_held(right)).map(|(l, r)| *l || r).collect();
    let first = held.iter().position(|h| *h);
    let last = held.iter().rposition(|h| *h);
    first.zip(last).map_or(0.0, |(a, b)| (b + 1 - a) as f64 * slice_mm)
}

fn doubts(left: &Array3<bool>, right: &Array3<bool>, volumes: LungVolumes) -> Vec<LungDoubt> {
    let mut doubts = Vec::new();
    for (side, ml) in [(Side::Left, volumes.left_ml), (Side::Right, volumes.right_ml)] {
        if !(800.0..=4500.0).contains(&ml) {
            doubts.push(LungDoubt::Volume { side, ml });
        }
    }
    let left_to_right = volumes.left_ml / volumes.right_ml.max(1e-6);
    if !(0.6..=1.4).contains(&left_to_right) {
        doubts.push(LungDoubt::Ratio { left_to_right });
    }
    let (l, r) = (slices_held(left), slices_held(right));
    let both = l.iter().zip(&r).filter(|(l, r)| **l || **r).count().max(1) as f64;
    for (side, held) in [(Side::Left, l), (Side::Right, r)] {
        let fraction = held.iter().filter(|h| **h).count() as f64 / both;
        if fraction <= 0.6 {
            doubts.push(LungDoubt::Gaps { side, fraction });
        }
    }
    doubts
}

/// Box of scan voxels around a coarse mask.
fn region_in_scan(mask: &Array3<bool>, affine: &Affine, volume: &Volume) -> BoundingBox {
    let mut low = [f64::INFINITY; 3];
    let mut high = [f64::NEG_INFINITY; 3];
    let (from, to) = bounds(mask.view(), 0.0, [1.0; 3]).unwrap_or_default();
    for corner in 0..8usize {
        let p =
            [0, 1, 2].map(|a| if corner >> a & 1 == 1 { to[a] as f64 - 0.5 } else { from[a] as f64 - 0.5 });
        let p = <[f64; 3]>::from(volume.affine.to_voxel(affine.to_lps(VoxelPoint::from(p))));
        for a in 0..3 {
            low[a] = low[a].min(p[a]);
            high[a] = high[a].max(p[a]);
        }
    }
    let dim = volume.shape();
    BoundingBox {
        start: [0, 1, 2].map(|a| low[a].floor().clamp(0.0, dim[a] as f64) as usize).into(),
        end: [0, 1, 2].map(|a| (high[a].ceil() + 1.0).clamp(0.0, dim[a] as f64) as usize).into(),
    }
}

//! Lobes of the lungs: where the fissures run, and which lobe a place lies in.
//!
//! Classical, no network. A fissure is a height over a chart of its lung ([`Fissure`]); the mean of ten
//! chests is moved to where vessel-free layers and bright sheets speak for it, the two of the right lung together,
//! and then drawn to what can be seen of it. Measured against points that readers marked: `docs/LOBES.md`.
//! Incomplete fissures, collapse and surgery are where it errs; a place near a fissure is stated as unsure.

mod atlas;
mod evidence;
mod pose;
mod refine;

use crate::lungs::{Coarse, Lungs};
pub use atlas::Fissure;
use atlas::LungFrame;
use domain::{Lobe, LobePlace, LpsPoint, Side, Volume, VoxelPoint};
use evidence::Scene;
use ndarray::Array3;
use refine::Found;

/// A place further than this from a fissure lies in the lobe that is stated, mm (see `docs/LOBES.md`).
const SURE_OBLIQUE_MM: f64 = 8.0;
const SURE_HORIZONTAL_MM: f64 = 12.0;

/// The fissures of one chest.
#[derive(Debug, Clone, PartialEq)]
pub struct Lobes {
    left: Option<LeftLung>,
    right: Option<RightLung>,
}

#[derive(Debug, Clone, PartialEq)]
struct LeftLung {
    frame: LungFrame,
    oblique: Found,
}

#[derive(Debug, Clone, PartialEq)]
struct RightLung {
    frame: LungFrame,
    oblique: Found,
    horizontal: Found,
}

/// Finds the fissures of `volume` in its `lungs`, found without or by a network.
#[must_use]
pub fn find(volume: &Volume, lungs: &Lungs) -> Lobes {
    let hu = block_means(volume, lungs);
    let (left, right) = rayon::join(
        || {
            let frame = LungFrame::of(lungs.left.view(), &lungs.affine, Side::Left)?;
            let scene = Scene::of(volume, hu.view(), lungs.left.view(), frame)?;
            Some(LeftLung { frame, oblique: refine::refined(&scene, pose::left(&scene), None) })
        },
        || {
            let frame = LungFrame::of(lungs.right.view(), &lungs.affine, Side::Right)?;
            let scene = Scene::of(volume, hu.view(), lungs.right.view(), frame)?;
            let [oblique, horizontal] = pose::right(&scene);
            let oblique = refine::refined(&scene, oblique, None);
            let horizontal = refine::refined(&scene, horizontal, Some(&oblique.surface));
            Some(RightLung { frame, oblique, horizontal })
        },
    );
    Lobes { left, right }
}

impl Lobes {
    /// The lobe of the lung of `side` in which `place` lies, or would lie if the lung reached there. `None` where that
    /// lung was not found.
    #[must_use]
    pub fn lobe(&self, side: Side, place: LpsPoint) -> Option<LobePlace> {
        let lobe = self.name(side, place)?;
        let oblique_mm = self.distance_mm(oblique(side), place)?;
        let horizontal_mm = match lobe {
            Lobe::Rul | Lobe::Rml => self.distance_mm(Fissure::RightHorizontal, place)?,
            Lobe::Rll | Lobe::Lul | Lobe::Lll => f64::INFINITY,
        };
        Some(LobePlace {
            lobe,
            fissure_mm: oblique_mm.min(horizontal_mm),
            sure: oblique_mm >= SURE_OBLIQUE_MM && horizontal_mm >= SURE_HORIZONTAL_MM,
        })
    }

    fn name(&self, side: Side, place: LpsPoint) -> Option<Lobe> {
        let above_oblique = self.above_mm(oblique(side), place)? > 0.0;
        Some(match (side, above_oblique) {
            (Side::Left, true) => Lobe::Lul,
            (Side::Left, false) => Lobe::Lll,
            (Side::Right, false) => Lobe::Rll,
            (Side::Right, true) if self.above_mm(Fissure::RightHorizontal, place)? > 0.0 => Lobe::Rul,
            (Side::Right, true) => Lobe::Rml,
        })
    }

    /// Distance from `place` to a fissure, mm.
    fn distance_mm(&self, fissure: Fissure, place: LpsPoint) -> Option<f64> {
        let along_column = self.above_mm(fissure, place)?.abs();
        self.found(fissure).map(|(_, found)| found.distance_mm(place).min(along_column))
    }

    /// How far `place` lies above (in front of) a fissure, mm, negative below it; measured along the chart's columns,
    /// which cross a fissure steeply.
    #[must_use]
    pub fn above_mm(&self, fissure: Fissure, place: LpsPoint) -> Option<f64> {
        let (frame, found) = self.found(fissure)?;
        Some(found.surface.above(frame.place(place)) * frame.mm_per_height(fissure))
    }

    /// Part of a fissure within its lung on which a sheet can be seen, 0 to 1; the rest was placed by what is around.
    #[must_use]
    pub fn seen(&self, fissure: Fissure) -> Option<f64> {
        self.found(fissure).map(|(_, found)| found.seen)
    }

    /// Volume of each lobe in the order of [`Lobe::ALL`], ml; `lungs` are those in which the fissures were found.
    #[must_use]
    pub fn volumes_ml(&self, lungs: &Lungs) -> [f64; 5] {
        let mut volumes = [0.0; 5];
        for (side, mask) in [(Side::Left, &lungs.left), (Side::Right, &lungs.right)] {
            for ((z, y, x), _) in mask.indexed_iter().filter(|(_, inside)| **inside) {
                let place = lungs.affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 });
                let Some(name) = self.name(side, place) else { break };
                let index = Lobe::ALL.iter().position(|lobe| *lobe == name);
                if let Some(volume) = index.and_then(|index| volumes.get_mut(index)) {
                    *volume += lungs.affine.voxel_mm3() / 1000.0;
                }
            }
        }
        volumes
    }

    fn found(&self, fissure: Fissure) -> Option<(&LungFrame, &Found)> {
        match fissure {
            Fissure::LeftOblique => self.left.as_ref().map(|left| (&left.frame, &left.oblique)),
            Fissure::RightOblique => self.right.as_ref().map(|right| (&right.frame, &right.oblique)),
            Fissure::RightHorizontal => self.right.as_ref().map(|right| (&right.frame, &right.horizontal)),
        }
    }
}

fn oblique(side: Side) -> Fissure {
    match side {
        Side::Left => Fissure::LeftOblique,
        Side::Right => Fissure::RightOblique,
    }
}

/// Block means of the scan on the grid of the lungs, HU.
fn block_means(volume: &Volume, lungs: &Lungs) -> Array3<f32> {
    let coarse = Coarse::of(volume);
    let first = coarse.affine.to_voxel(lungs.affine.to_lps(VoxelPoint { z: 0.0, y: 0.0, x: 0.0 }));
    let first = <[f64; 3]>::from(first).map(|v| v.round() as usize);
    Array3::from_shape_fn(lungs.left.dim(), |(z, y, x)| {
        coarse.hu.get([z + first[0], y + first[1], x + first[2]]).copied().unwrap_or(0.0)
    })
}

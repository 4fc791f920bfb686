//! Attenuation class and side of a nodule.
//!
//! Rules of thumb on HU, not a reading: solid means mostly above -400 HU (the cut that told invasion best in PLoS ONE
//! 2018;13:e0205490), calcified means more than 10 % of the inner outline above 200 HU or its mean above 164 HU
//! [both unconfirmed in the literature]. Sharp kernels overshoot by 50-150 HU, so everything is computed on a copy
//! smoothed by 0.6 mm.
//!
//! The fractions were chosen on 424 nodules that at least three LIDC readers marked and called not calcified: 39 of
//! 44 that they called non-solid, 10 of 21 part-solid and 270 of 322 solid ones come out as such, within their outlines.

use crate::detect::sigmoid;
use crate::filter::gaussian;
use crate::morphology::erode;
use domain::{Attenuation, BoundingBox, Character, Mask, Rated, TypeProbabilities, Volume, VoxelIndex};
use ndarray::Array3;

/// Smoothing before densities are read, mm.
const SMOOTHING_SIGMA_MM: f64 = 0.6;
/// Margin around the outline that the smoothing sees, mm.
const MARGIN_MM: f64 = 3.0;
/// A voxel above this is solid, HU.
const SOLID_HU: f32 = -400.0;
/// A voxel above this is calcium, HU.
const CALCIUM_HU: f32 = 200.0;
/// Part of the inner outline above [`CALCIUM_HU`] that makes it calcified.
const CALCIUM_FRACTION: f64 = 0.10;
/// Mean of the inner outline that makes it calcified, HU.
const CALCIFIED_MEAN_HU: f64 = 164.0;
/// Part of solid voxels in the inner outline from which it is solid.
const SOLID_FRACTION: f64 = 0.80;
/// Part of solid voxels below which it is non-solid.
const NON_SOLID_FRACTION: f64 = 0.15;
/// What is taken off the rim, where partial volume with air darkens every nodule, mm.
const RIM_MM: f64 = 1.0;

/// Class of the nodule outlined by `mask`; an empty mask is called solid.
#[must_use]
pub fn attenuation(mask: &Mask, volume: &Volume) -> Attenuation {
    let Some(bounds) = mask.bounding_box() else { return Attenuation::Solid };
    let spacing = volume.affine.spacing_mm_zyx();
    let region = widened(bounds, volume.shape(), spacing);
    let hu = volume.view(region.start, region.end).mapv(f32::from);
    let smooth = gaussian(hu.view(), SMOOTHING_SIGMA_MM, spacing);
    let whole = dense(mask, region);
    let inner = inner(&whole, spacing);
    let values: Vec<f32> =
        smooth.iter().zip(&inner).filter(|(_, inside)| **inside).map(|(v, _)| *v).collect();
    if values.is_empty() {
        return Attenuation::Solid;
    }
    let part = |limit: f32| values.iter().filter(|v| **v > limit).count() as f64 / values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
    if part(CALCIUM_HU) > CALCIUM_FRACTION || mean > CALCIFIED_MEAN_HU {
        Attenuation::Calcified
    } else if part(SOLID_HU) >= SOLID_FRACTION {
        Attenuation::Solid
    } else if part(SOLID_HU) >= NON_SOLID_FRACTION {
        Attenuation::PartSolid
    } else {
        Attenuation::NonSolid
    }
}

/// What a network says of a nodule by its logits, named by `classes`; a trait is answered from probability `sure` on.
/// Types exclude each other (softmax), the others stand alone (sigmoid). A name it does not know is left out.
#[must_use]
pub fn character(classes: &[String], logits: &[f32], sure: f64) -> Character {
    let of = |name: &str| {
        let found = classes.iter().zip(logits).find(|(class, _)| *class == name);
        found.map(|(_, logit)| f64::from(*logit)).filter(|logit| logit.is_finite())
    };
    let rated = |name: &str| {
        of(name).map(sigmoid).map(|probability| Rated {
            probability,
            answer: if probability >= sure {
                Some(true)
            } else if probability <= 1.0 - sure {
                Some(false)
            } else {
                None
            },
        })
    };
    let types = match (of("solid"), of("part-solid"), of("non-solid")) {
        (Some(solid), Some(part_solid), Some(non_solid)) => {
            let top = solid.max(part_solid).max(non_solid);
            let [solid, part_solid, non_solid] = [solid, part_solid, non_solid].map(|v| (v - top).exp());
            let sum = solid + part_solid + non_solid;
            Some(TypeProbabilities {
                solid: solid / sum,
                part_solid: part_solid / sum,
                non_solid: non_solid / sum,
            })
        }
        _ => None,
    };
    Character { types, calcified: rated("calcified"), spiculated: rated("spiculated") }
}

/// The class to report: calcified by the network where it is sure either way, else by HU; where it is not, the network's
/// type, or the one by HU where there is none.
#[must_use]
pub fn class(by_hu: Attenuation, character: Option<&Character>) -> Attenuation {
    let Some(character) = character else { return by_hu };
    let is_calcified = match character.calcified.map(|rated| rated.answer) {
        Some(Some(answer)) => answer,
        Some(None) | None => by_hu == Attenuation::Calcified,
    };
    match (is_calcified, character.types) {
        (true, _) => Attenuation::Calcified,
        (false, Some(types)) => types.most_likely(),
        (false, None) if by_hu == Attenuation::Calcified => Attenuation::Solid,
        (false, None) => by_hu,
    }
}

/// The outline without its rim; where that leaves nothing, its deepest voxels.
fn inner(whole: &Array3<bool>, spacing_mm_zyx: [f64; 3]) -> Array3<bool> {
    let eroded = erode(whole.view(), RIM_MM, spacing_mm_zyx);
    if eroded.iter().any(|inside| *inside) {
        return eroded;
    }
    let outside = whole.mapv(|inside| !inside);
    let depth = crate::morphology::distance_squared_mm2(outside.view(), spacing_mm_zyx);
    let deepest = depth.iter().copied().fold(0.0f32, f32::max);
    depth.mapv(|d| d > 0.0 && d >= deepest * 0.999)
}

fn widened(bounds: BoundingBox, shape: [usize; 3], spacing_mm_zyx: [f64; 3]) -> BoundingBox {
    let margin = spacing_mm_zyx.map(|s| (MARGIN_MM / s).ceil() as usize);
    let (start, end) = (<[usize; 3]>::from(bounds.start), <[usize; 3]>::from(bounds.end));
    BoundingBox {
        start: [0, 1, 2].map(|a| start[a].saturating_sub(margin[a])).into(),
        end: [0, 1, 2].map(|a| (end[a] + margin[a]).min(shape[a])).into(),
    }
}

/// The mask as an array over `region`.
fn dense(mask: &Mask, region: BoundingBox) -> Array3<bool> {
    let (start, end) = (region.start, region.end);
    let mut out = Array3::from_elem((end.z - start.z, end.y - start.y, end.x - start.x), false);
    let within = |v: &VoxelIndex| {
        (start.z..end.z).contains(&v.z) && (start.y..end.y).contains(&v.y) && (start.x..end.x).contains(&v.x)
    };
    for v in mask.voxels().filter(within) {
        out[[v.z - start.z, v.y - start.y, v.x - start.x]] = true;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(classes: &[&str], logits: &[f32]) -> Character {
        let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
        character(&classes, logits, 0.7)
    }

    /// Goal: types add up to one, traits stand alone and are unsure between, in any order of names. Method: logits whose
    /// probabilities are known.
    #[test]
    fn logits_become_probabilities_and_answers() {
        let names = ["spiculated", "non-solid", "solid", "part-solid", "calcified", "shiny"];
        let one = said(&names, &[0.0, 1.0, 3.0, 2.0, -2.0, 9.0]);
        let types = one.types.unwrap();
        let sum = 1f64.exp() + 2f64.exp() + 3f64.exp();
        assert!(
            (types.solid - 3f64.exp() / sum).abs() < 1e-12
                && (types.non_solid - 1f64.exp() / sum).abs() < 1e-12
        );
        assert!((types.solid + types.part_solid + types.non_solid - 1.0).abs() < 1e-12);
        assert_eq!(types.most_likely(), Attenuation::Solid);
        assert_eq!(one.spiculated, Some(Rated { probability: 0.5, answer: None }));
        assert_eq!(one.calcified.unwrap().answer, Some(false));
        assert_eq!(said(&["spiculated"], &[1.0]).spiculated.unwrap().answer, Some(true));
        assert_eq!(said(&["solid", "calcified"], &[1.0, f32::NAN]), Character::default());
    }

    /// Goal: what is reported where HU and network differ. Method: a table.
    #[test]
    fn the_class_goes_by_the_network_where_it_says_something() {
        use Attenuation::{Calcified, NonSolid, PartSolid, Solid};
        let types = ["solid", "part-solid", "non-solid", "calcified"];
        assert_eq!(class(PartSolid, None), PartSolid);
        for (by_hu, logits, expected) in [
            (Solid, [0.0, 0.0, 2.0, -3.0], NonSolid),
            (NonSolid, [0.0, 2.0, 1.0, -3.0], PartSolid),
            (Solid, [2.0, 0.0, 0.0, 3.0], Calcified),
            (Calcified, [2.0, 0.0, 0.0, -3.0], Solid),
            (Calcified, [2.0, 0.0, 0.0, 0.1], Calcified),
            (Solid, [2.0, 0.0, 0.0, 0.1], Solid),
        ] {
            assert_eq!(class(by_hu, Some(&said(&types, &logits))), expected, "{by_hu:?} {logits:?}");
        }
        let without_types = said(&["calcified"], &[-3.0]);
        assert_eq!(
            (class(Calcified, Some(&without_types)), class(NonSolid, Some(&without_types))),
            (Solid, NonSolid)
        );
    }
}

//! Which pieces of enclosed air are the lungs, and which lung is which.

use super::NotChest;
use super::coarse::Coarse;
use crate::components::{Connectivity, Labels, label};
use crate::morphology::{distance_squared_mm2, erode};
use ndarray::{Array3, ArrayView3};

/// Away from its rim, lung has vessels and parenchyma denser than this, HU; gas in bowel or stomach has not. Over
/// fifteen scans of eight makers and protocols the 90th percentile was -860 to -690 in lungs (hyperinflated ones
/// too) and -990 to -900 in pieces of gas.
const DENSER_HU: f32 = -890.0;
/// Part of a piece's inside that must be denser.
const DENSER_FRACTION_MIN: f64 = 0.1;
/// The same for a small piece to count as a cut-off part of lung.
const DENSER_FRACTION_OF_PART_MIN: f64 = 0.3;
/// Rim where partial volume hides what is inside, mm.
const RIM_MM: f64 = 4.0;
/// Smaller pieces are not looked at, ml.
const PIECE_ML_MIN: f64 = 15.0;
/// The smaller lung has at least this part of the larger one's volume.
const SMALLER_LUNG_MIN: f64 = 0.12;
/// Middles of the two lungs lie at least this far apart from side to side, mm.
const APART_MM_MIN: f64 = 60.0;
/// Radii tried to part lungs that touch, mm.
const SPLIT_RADII_MM: [f32; 9] = [2.2, 3.2, 4.3, 6.4, 8.5, 10.6, 12.7, 15.0, 18.0];

/// The two lungs; one of them may be empty.
pub(super) struct Pair {
    pub(super) left: Array3<bool>,
    pub(super) right: Array3<bool>,
}

/// One piece of enclosed air.
#[derive(Debug, Clone, Copy)]
struct Piece {
    label: u32,
    ml: f64,
    middle_x_mm: f64,
    denser_fraction: f64,
    z_first: usize,
    z_last: usize,
}

/// Picks and parts the lungs among the pieces of `air`.
pub(super) fn lungs(coarse: &Coarse, air: ArrayView3<'_, bool>) -> Result<Pair, NotChest> {
    let found = label(air, Connectivity::Six);
    let pieces = lung_like(&found, coarse);
    let Some(first) = pieces.first().copied() else {
        return Err(NotChest { detail: "no aerated lung inside the body".to_owned() });
    };
    let apart = |p: &Piece| (p.middle_x_mm - first.middle_x_mm).abs();
    let second = pieces[1..].iter().find(|p| {
        apart(p) >= APART_MM_MIN && p.ml >= SMALLER_LUNG_MIN * first.ml && overlap(p, &first) > 0.3
    });
    let mut pair = match second {
        Some(second) => {
            let (a, b) = (found.mask(first.label), found.mask(second.label));
            if first.middle_x_mm < second.middle_x_mm {
                Pair { right: a, left: b }
            } else {
                Pair { right: b, left: a }
            }
        }
        None => split(&found.mask(first.label), coarse),
    };
    let second = second.map(|p| p.label);
    for piece in &pieces[1..] {
        if Some(piece.label) != second && belongs(piece, &first) {
            add_to_nearest(&mut pair, &found.mask(piece.label), coarse);
        }
    }
    Ok(pair)
}

/// Part of the lower one's height that both share.
fn overlap(a: &Piece, b: &Piece) -> f64 {
    let shared = (a.z_last.min(b.z_last) + 1).saturating_sub(a.z_first.max(b.z_first));
    let height = |p: &Piece| p.z_last + 1 - p.z_first;
    shared as f64 / height(a).min(height(b)).max(1) as f64
}

/// Whether a further piece is a cut-off part of lung: clearly not gas, and not below the lungs, where bowel lies.
fn belongs(piece: &Piece, first: &Piece) -> bool {
    let height = (first.z_last + 1 - first.z_first) as f64;
    let bottom = first.z_first as f64 + 0.15 * height;
    piece.denser_fraction > DENSER_FRACTION_OF_PART_MIN
        && piece.z_first as f64 >= bottom
        && piece.z_first <= first.z_last
}

/// What is summed over one piece.
#[derive(Clone, Copy)]
struct Sums {
    x: f64,
    inside: usize,
    denser: usize,
    z_first: usize,
    z_last: usize,
}

/// Pieces that are lung rather than gas, by falling volume.
fn lung_like(found: &Labels, coarse: &Coarse) -> Vec<Piece> {
    let voxel_ml = coarse.affine.voxel_mm3() / 1000.0;
    let spacing = coarse.affine.spacing_mm_zyx();
    let inner = erode(found.labels.mapv(|l| l != 0).view(), RIM_MM, spacing);
    let nothing = Sums { x: 0.0, inside: 0, denser: 0, z_first: usize::MAX, z_last: 0 };
    let mut sums = vec![nothing; found.voxel_counts.len()];
    let voxels = found.labels.indexed_iter().zip(inner.iter().zip(&coarse.hu));
    for (((z, _, x), l), (inside, hu)) in voxels.filter(|((_, l), _)| **l != 0) {
        let s = &mut sums[*l as usize - 1];
        s.x += x as f64;
        s.inside += usize::from(*inside);
        s.denser += usize::from(*inside && *hu > DENSER_HU);
        s.z_first = s.z_first.min(z);
        s.z_last = s.z_last.max(z);
    }
    let mut pieces: Vec<Piece> = sums
        .iter()
        .zip(&found.voxel_counts)
        .enumerate()
        .map(|(i, (s, n))| Piece {
            label: i as u32 + 1,
            ml: *n as f64 * voxel_ml,
            middle_x_mm: s.x / *n as f64 * spacing[2],
            denser_fraction: s.denser as f64 / s.inside.max(1) as f64,
            z_first: s.z_first,
            z_last: s.z_last,
        })
        .filter(|p| p.ml >= PIECE_ML_MIN && p.denser_fraction >= DENSER_FRACTION_MIN)
        .collect();
    pieces.sort_by(|a, b| b.ml.total_cmp(&a.ml).then(a.label.cmp(&b.label)));
    pieces
}

/// Parts a mask that holds both lungs: the smallest erosion that leaves two large cores side by side; each voxel
/// goes to the nearer core. A single lung stays whole, on the side of the body it lies in.
fn split(both: &Array3<bool>, coarse: &Coarse) -> Pair {
    let spacing = coarse.affine.spacing_mm_zyx();
    let whole = both.iter().filter(|inside| **inside).count() as f64;
    let outside = both.mapv(|inside| !inside);
    let depth = distance_squared_mm2(outside.view(), spacing);
    for radius in SPLIT_RADII_MM {
        let core = depth.mapv(|d| d > radius * radius);
        let cores = label(core.view(), Connectivity::Six);
        let Some((a, b)) = two_cores(&cores, whole, spacing[2]) else { continue };
        let to_a = distance_squared_mm2(cores.mask(a).view(), spacing);
        let to_b = distance_squared_mm2(cores.mask(b).view(), spacing);
        let right = ndarray::Zip::from(both).and(&to_a).and(&to_b).map_collect(|m, a, b| *m && a <= b);
        let left = ndarray::Zip::from(both).and(&right).map_collect(|m, r| *m && !r);
        return Pair { left, right };
    }
    let empty = Array3::from_elem(both.dim(), false);
    if mean_column(both) < body_middle(coarse) {
        Pair { right: both.clone(), left: empty }
    } else {
        Pair { left: both.clone(), right: empty }
    }
}

/// The two largest cores when both are large and lie side by side: right one first.
fn two_cores(cores: &Labels, whole: f64, column_mm: f64) -> Option<(u32, u32)> {
    let mut order: Vec<usize> = (0..cores.voxel_counts.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(cores.voxel_counts[*i]));
    let (a, b) = (*order.first()?, *order.get(1)?);
    if (cores.voxel_counts[b] as f64) < 0.08 * whole {
        return None;
    }
    let mut sum_x = [0.0f64; 2];
    for ((_, _, x), l) in cores.labels.indexed_iter().filter(|(_, l)| **l != 0) {
        if *l as usize - 1 == a {
            sum_x[0] += x as f64;
        } else if *l as usize - 1 == b {
            sum_x[1] += x as f64;
        }
    }
    let middle = [sum_x[0] / cores.voxel_counts[a] as f64, sum_x[1] / cores.voxel_counts[b] as f64];
    if (middle[0] - middle[1]).abs() * column_mm < APART_MM_MIN {
        return None;
    }
    let (a, b) = (a as u32 + 1, b as u32 + 1);
    Some(if middle[0] < middle[1] { (a, b) } else { (b, a) })
}

fn mean_column(mask: &Array3<bool>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for ((_, _, x), _) in mask.indexed_iter().filter(|(_, inside)| **inside) {
        sum += x as f64;
        count += 1.0;
    }
    sum / f64::max(count, 1.0)
}

/// Mean column of tissue.
fn body_middle(coarse: &Coarse) -> f64 {
    mean_column(&coarse.hu.mapv(|v| v > -300.0))
}

/// Gives `piece` to the lung whose nearest voxel is nearer.
fn add_to_nearest(pair: &mut Pair, piece: &Array3<bool>, coarse: &Coarse) {
    let spacing = coarse.affine.spacing_mm_zyx();
    let nearest = |lung: &Array3<bool>| {
        let field = distance_squared_mm2(lung.view(), spacing);
        piece.iter().zip(&field).filter(|(p, _)| **p).map(|(_, d)| *d).fold(f32::INFINITY, f32::min)
    };
    let to_left = nearest(&pair.left);
    let to_right = nearest(&pair.right);
    let lung = if to_left < to_right { &mut pair.left } else { &mut pair.right };
    lung.zip_mut_with(piece, |l, p| *l |= *p);
}

//! What lungmask does to a label volume after the network: one piece per label.

use crate::components::{Connectivity, fill_holes, label};
use ndarray::{Array3, ArrayView3};

/// Smaller pieces are not given to a neighbour.
const GIVEN_VOXELS_MIN: usize = 3;

/// A piece of one label, with what was given to it.
struct Piece {
    label: u8,
    /// Voxels, row-major places.
    voxels: Vec<u32>,
}

/// One piece per label (0 is background): all but the largest piece of each (faces, edges and corners touch) go, from
/// the smallest on, to the neighbour that they share the longest border with; then the largest piece that each label
/// has stays, its holes filled. A volume of one slice is left without the filling that lungmask has for that case, and gaps in
/// the first row of the first slice are none of the holes (`fill_voids` 2.1.2 takes some for such).
#[must_use]
pub fn tidied(labels: ArrayView3<'_, u8>) -> Array3<u8> {
    let given = given_away(labels);
    let mut tidy = Array3::zeros(labels.dim());
    for of in 1..=highest(given.view()) {
        let found = label(given.mapv(|l| l == of).view(), Connectivity::TwentySix);
        let Some(largest) = found.largest() else { continue };
        let whole = fill_holes(found.mask(largest).view());
        tidy.zip_mut_with(&whole, |l, inside| *l = if *inside { of } else { *l });
    }
    tidy
}

fn highest(labels: ArrayView3<'_, u8>) -> u8 {
    labels.iter().max().copied().unwrap_or(0)
}

/// Pieces in the order of their first voxels.
fn pieces(labels: ArrayView3<'_, u8>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for of in 1..=highest(labels) {
        let found = label(labels.mapv(|l| l == of).view(), Connectivity::TwentySix);
        let first = pieces.len();
        let empty = |voxels: &usize| Piece { label: of, voxels: Vec::with_capacity(*voxels) };
        pieces.extend(found.voxel_counts.iter().map(empty));
        for (place, l) in found.labels.iter().enumerate().filter(|(_, l)| **l != 0) {
            pieces[first + *l as usize - 1].voxels.push(place as u32);
        }
    }
    pieces.sort_by_key(|piece| piece.voxels.first().copied());
    pieces
}

/// Labels after small pieces were given to their neighbours.
fn given_away(labels: ArrayView3<'_, u8>) -> Array3<u8> {
    let mut pieces = pieces(labels);
    // 0, or the number of the piece that holds a voxel, from 1.
    let mut holder = vec![0u32; labels.len()];
    for (number, piece) in (1..).zip(&pieces) {
        piece.voxels.iter().for_each(|place| holder[*place as usize] = number);
    }
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|i| pieces[*i].voxels.len());
    // A piece keeps its label if it is larger than all before it; of equals the later ones lose it, as in lungmask.
    let mut most = [0usize; 256];
    let mut kept = vec![0u8; pieces.len() + 1];
    for i in &order {
        let (of, size) = (pieces[*i].label, pieces[*i].voxels.len());
        if size > most[usize::from(of)] {
            most[usize::from(of)] = size;
            kept[*i + 1] = of;
        }
    }
    let dim = <[usize; 3]>::from(labels.dim());
    for i in order {
        let size = pieces[i].voxels.len();
        if size >= most[usize::from(pieces[i].label)] || size < GIVEN_VOXELS_MIN {
            continue;
        }
        let Some(to) = longest_border(&pieces[i].voxels, i as u32 + 1, &holder, dim) else { continue };
        let voxels = std::mem::take(&mut pieces[i].voxels);
        voxels.iter().for_each(|place| holder[*place as usize] = to);
        let to = &mut pieces[to as usize - 1];
        if to.voxels.len() == most[usize::from(to.label)] {
            most[usize::from(to.label)] += size;
        }
        to.voxels.extend(voxels);
    }
    let places = holder.into_iter().map(|number| kept[number as usize]);
    Array3::from_shape_vec(labels.dim(), places.collect()).unwrap_or_else(|_| labels.to_owned())
}

/// Which piece holds most of the voxels that touch those of piece `own` by a face; the first of equals.
fn longest_border(voxels: &[u32], own: u32, holder: &[u32], dim: [usize; 3]) -> Option<u32> {
    let [nz, ny, nx] = dim;
    let mut touched: Vec<usize> = Vec::new();
    for place in voxels {
        let place = *place as usize;
        let (z, y, x) = (place / (ny * nx), place / nx % ny, place % nx);
        let steps = [
            (z > 0).then(|| place - ny * nx),
            (z + 1 < nz).then_some(place + ny * nx),
            (y > 0).then(|| place - nx),
            (y + 1 < ny).then_some(place + nx),
            (x > 0).then(|| place - 1),
            (x + 1 < nx).then_some(place + 1),
        ];
        touched.extend(steps.into_iter().flatten().filter(|p| holder[*p] != 0 && holder[*p] != own));
    }
    touched.sort_unstable();
    touched.dedup();
    let mut holders: Vec<u32> = touched.into_iter().map(|p| holder[p]).collect();
    holders.sort_unstable();
    let runs = holders.chunk_by(|a, b| a == b);
    runs.rev().max_by_key(|run| run.len()).and_then(|run| run.first().copied())
}

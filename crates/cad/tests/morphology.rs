//! Components, distances and morphology against brute force.

use cad::components::{Connectivity, fill_holes, fill_holes_by_slice, label};
use cad::morphology;
use ndarray::Array3;
use proptest::prelude::*;

const SHAPE: (usize, usize, usize) = (4, 6, 19);
const SPACING: [f64; 3] = [2.5, 0.75, 0.5];

fn bits() -> impl Strategy<Value = Array3<bool>> {
    let n = SHAPE.0 * SHAPE.1 * SHAPE.2;
    (proptest::collection::vec(0u8..100, n), 1u8..99)
        .prop_map(|(v, p)| Array3::from_shape_vec(SHAPE, v.into_iter().map(|b| b < p).collect()).unwrap())
}

/// Label of every voxel by flooding from each voxel in array order.
fn flooded(mask: &Array3<bool>, connectivity: Connectivity) -> Array3<u32> {
    let mut out = Array3::zeros(mask.dim());
    let mut next = 0;
    for (at, inside) in mask.indexed_iter() {
        if !inside || out[at] != 0 {
            continue;
        }
        next += 1;
        let mut stack = vec![at];
        out[at] = next;
        while let Some((z, y, x)) = stack.pop() {
            for dz in -1isize..=1 {
                for dy in -1isize..=1 {
                    for dx in -1isize..=1 {
                        let faces = dz.abs() + dy.abs() + dx.abs();
                        if faces == 0 || (connectivity == Connectivity::Six && faces > 1) {
                            continue;
                        }
                        let p =
                            [z.wrapping_add_signed(dz), y.wrapping_add_signed(dy), x.wrapping_add_signed(dx)];
                        if mask.get(p) == Some(&true) && out[p] == 0 {
                            out[p] = next;
                            stack.push(p.into());
                        }
                    }
                }
            }
        }
    }
    out
}

proptest! {
    /// Labels and counts are those of a flood fill.
    #[test]
    fn labels_equal_a_flood_fill(mask in bits()) {
        for connectivity in [Connectivity::Six, Connectivity::TwentySix] {
            let found = label(mask.view(), connectivity);
            let expected = flooded(&mask, connectivity);
            prop_assert_eq!(&found.labels, &expected);
            for (i, n) in found.voxel_counts.iter().enumerate() {
                prop_assert_eq!(*n, expected.iter().filter(|l| **l == i as u32 + 1).count());
            }
        }
    }

    /// Distances are those of comparing every pair of voxels, and morphology follows from them.
    #[test]
    fn distances_equal_brute_force(mask in bits(), radius in 0.3f64..4.0) {
        let distance = morphology::distance_squared_mm2(mask.view(), SPACING);
        let brute = |(z, y, x): (usize, usize, usize), value: bool| {
            mask.indexed_iter()
                .filter(|(_, inside)| **inside == value)
                .map(|((a, b, c), _)| {
                    let d = [z.abs_diff(a), y.abs_diff(b), x.abs_diff(c)];
                    (0..3).map(|i| (d[i] as f64 * SPACING[i]).powi(2)).sum::<f64>()
                })
                .fold(f64::INFINITY, f64::min)
        };
        let dilated = morphology::dilate(mask.view(), radius, SPACING);
        let eroded = morphology::erode(mask.view(), radius, SPACING);
        for (at, found) in distance.indexed_iter() {
            let expected = brute(at, true);
            if expected.is_finite() {
                prop_assert!((f64::from(*found) - expected).abs() <= 1e-4 * expected.max(1.0));
            } else {
                prop_assert!(!found.is_finite());
            }
            let r2 = radius * radius;
            if (expected - r2).abs() > 1e-3 {
                prop_assert_eq!(dilated[at], expected < r2);
            }
            let outside = brute(at, false);
            if (outside - r2).abs() > 1e-3 {
                prop_assert_eq!(eroded[at], outside > r2);
            }
        }
    }

    /// Opening only removes, closing only adds, holes are only filled.
    #[test]
    fn opening_and_closing_are_ordered(mask in bits(), radius in 0.3f64..4.0) {
        let opened = morphology::open(mask.view(), radius, SPACING);
        let closed = morphology::close(mask.view(), radius, SPACING);
        let filled = fill_holes(mask.view());
        for (((m, o), c), f) in mask.iter().zip(&opened).zip(&closed).zip(&filled) {
            prop_assert!(*o <= *m && *m <= *c && *m <= *f);
        }
    }
}

/// Goal: a cavity is filled, a pit that is open to the border is not; by slice, only small holes are.
#[test]
fn holes_are_filled_and_pits_are_not() {
    let mut mask = Array3::from_elem((7, 12, 12), false);
    mask.slice_mut(ndarray::s![1..6, 1..11, 1..11]).fill(true);
    mask[[3, 3, 3]] = false;
    mask.slice_mut(ndarray::s![0..4, 8, 8]).fill(false);
    let filled = fill_holes(mask.view());
    assert!(filled[[3, 3, 3]] && !filled[[3, 8, 8]] && !filled[[0, 0, 0]]);
    let by_slice = fill_holes_by_slice(mask.view(), 1);
    assert!(by_slice[[3, 3, 3]] && by_slice[[3, 8, 8]], "both are holes within their slice");
    mask[[3, 3, 4]] = false;
    let by_slice = fill_holes_by_slice(mask.view(), 1);
    assert!(!by_slice[[3, 3, 3]] && by_slice[[2, 8, 8]], "two pixels are more than one");
}

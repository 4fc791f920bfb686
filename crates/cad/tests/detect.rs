//! Golden vectors of the decode, and tiling that leaves no seam.

use cad::detect::{
    DecodeOptions, GridCandidate, HeadError, SCORE_SILENT, agreed, decode, logit, merge, sigmoid,
};
use cad::tiles::{ALIGNMENT, HuWindow, Tile, TileShape, cut, fitted, plan, plan_box};
use ndarray::{Array3, Array4, Axis};

fn options(stride: usize) -> DecodeOptions {
    DecodeOptions { stride, spacing_mm: 1.0, score_min: 0.05, count_max: 100 }
}

fn tile(size: usize) -> Tile {
    Tile { origin: [0; 3], size: [size; 3], core_start: [0; 3], core_end: [size; 3] }
}

/// A head of `cells` cells with logit -9 everywhere.
fn empty_head(cells: usize) -> Array4<f32> {
    let mut head = Array4::zeros((5, cells, cells, cells));
    head.index_axis_mut(Axis(0), 0).fill(-9.0);
    head
}

/// Writes the target of training for a nodule: cell `floor((c + 0.5) / s)`, offset `(c + 0.5) / s - cell`,
/// `ln(d / 8)`.
fn plant(head: &mut Array4<f32>, origin: [isize; 3], center: [f64; 3], d_mm: f64, score: f64, stride: usize) {
    let scaled = [0, 1, 2].map(|a| (center[a] - origin[a] as f64 + 0.5) / stride as f64);
    let cell = scaled.map(|v| v.floor());
    if (0..3).any(|a| cell[a] < 0.0 || cell[a] >= head.shape()[a + 1] as f64) {
        return;
    }
    let [z, y, x] = cell.map(|c| c as usize);
    head[[0, z, y, x]] = logit(score) as f32;
    for a in 0..3 {
        head[[a + 1, z, y, x]] = (scaled[a] - cell[a]) as f32;
    }
    head[[4, z, y, x]] = (d_mm / 8.0).ln() as f32;
}

/// Goal: centres, diameters and scores as the convention gives them, worked out by hand for strides 1, 2 and 4.
#[test]
fn golden_vectors() {
    // Cell (2, 3, 1), offset (0, .5, .25), ln(d/8) = ln 2, logit 0.
    for (stride, center) in [(4, [7.5, 13.5, 4.5]), (2, [3.5, 6.5, 2.0]), (1, [1.5, 3.0, 0.75])] {
        let mut head = empty_head(8);
        head[[0, 2, 3, 1]] = 0.0;
        head[[2, 2, 3, 1]] = 0.5;
        head[[3, 2, 3, 1]] = 0.25;
        head[[4, 2, 3, 1]] = std::f32::consts::LN_2;
        let found = decode(head.view(), &tile(8 * stride), &options(stride)).unwrap();
        assert_eq!(found.len(), 1, "stride {stride}");
        let close = found[0].center.iter().zip(&center).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close, "stride {stride}: {:?}", found[0]);
        assert!((found[0].diameter_mm - 16.0).abs() < 1e-5 && (found[0].score - 0.5).abs() < 1e-12);
    }
    // A voxel's own index comes back: voxel 0 lies at cell 0, offset .5 / 4.
    let mut head = empty_head(8);
    plant(&mut head, [0; 3], [0.0, 31.0, 16.0], 4.0, 0.9, 4);
    let found = decode(head.view(), &tile(32), &options(4)).unwrap();
    for (a, expected) in [0.0, 31.0, 16.0].into_iter().enumerate() {
        assert!((found[0].center[a] - expected).abs() < 1e-5, "{:?}", found[0]);
    }
}

/// Goal: only maxima of 3 x 3 x 3 above the score count; a plateau gives one; the count is held.
#[test]
fn maxima_threshold_and_count() {
    let mut head = empty_head(8);
    head[[0, 2, 2, 2]] = 2.0;
    head[[0, 3, 3, 3]] = 1.9; // corner neighbour of a greater one
    head[[0, 6, 6, 6]] = logit(0.049) as f32; // just below
    head[[0, 6, 1, 1]] = logit(0.051) as f32; // just above
    head[[0, 0, 6, 5]] = 1.0; // plateau of two
    head[[0, 0, 6, 6]] = 1.0;
    let found = decode(head.view(), &tile(32), &options(4)).unwrap();
    let scores: Vec<f64> = found.iter().map(|c| (logit(c.score) * 1e3).round() / 1e3).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!((scores[0] - 2.0).abs() < 1e-3 && (scores[1] - 1.0).abs() < 1e-3);
    let two = DecodeOptions { count_max: 2, ..options(4) };
    assert_eq!(decode(head.view(), &tile(32), &two).unwrap().len(), 2);
}

/// Goal: a head of the wrong shape or with NaN is an error, not a finding and not a panic.
#[test]
fn wrong_heads_are_refused() {
    let head = empty_head(8);
    assert!(matches!(decode(head.view(), &tile(36), &options(4)), Err(HeadError::Shape { .. })));
    let mut head = empty_head(8);
    head[[4, 0, 0, 0]] = f32::NAN;
    assert_eq!(decode(head.view(), &tile(32), &options(4)), Err(HeadError::NotFinite));
}

/// Goal: the suppression radius is max(4 mm, half the stronger diameter), in mm, whatever the input order.
#[test]
fn nearer_than_four_mm_or_half_the_stronger_one() {
    let one = |x: f64, diameter_mm: f64, score: f64| GridCandidate {
        center: [0.0, 0.0, x],
        diameter_mm,
        score,
        off_center: 0.0,
    };
    let mut found = vec![one(0.0, 5.0, 0.9), one(3.9, 5.0, 0.8), one(8.1, 20.0, 0.7), one(18.0, 5.0, 0.6)];
    let kept = merge(found.clone(), &options(4));
    assert_eq!(kept.iter().map(|c| c.score).collect::<Vec<_>>(), vec![0.9, 0.7]);
    found.reverse();
    assert_eq!(merge(found.clone(), &options(4)), kept);
    // At 2 mm spacing the same voxels lie twice as far apart.
    let wide = DecodeOptions { spacing_mm: 2.0, ..options(4) };
    assert_eq!(merge(found, &wide).len(), 4);
    // Ties: the one nearer the middle of its tile.
    let far = GridCandidate { off_center: 9.0, ..one(0.0, 5.0, 0.5) };
    let near = GridCandidate { off_center: 1.0, ..one(1.0, 5.0, 0.5) };
    assert_eq!(merge(vec![far, near], &options(4)), vec![near]);
}

/// Goal: nodules anywhere in the grid, on core borders too, come out once each over all tiles, at their place.
#[test]
fn tiles_leave_no_seam() {
    let shape = [100, 130, 70];
    let tiles = plan(shape, TileShape { size: [64; 3], halo: [16; 3] }, |_, _| true);
    assert!(tiles.len() > 8);
    let centers: Vec<[f64; 3]> = (0..9)
        .flat_map(|i| {
            (0..12).map(move |j| {
                [3.3 + 11.0 * f64::from(i), 2.1 + 11.0 * f64::from(j), 5.0 + 6.9 * f64::from(i)]
            })
        })
        .filter(|c| (0..3).all(|a| c[a] < shape[a] as f64 - 1.0))
        .collect();
    let mut found = Vec::new();
    for tile in &tiles {
        let mut head = empty_head(16);
        for (i, c) in centers.iter().enumerate() {
            plant(&mut head, tile.origin, *c, 6.0, 0.3 + 0.005 * i as f64, 4);
        }
        found.extend(decode(head.view(), tile, &options(4)).unwrap());
    }
    let all = DecodeOptions { count_max: 1000, ..options(4) };
    let merged = merge(found, &all);
    assert_eq!(merged.len(), centers.len());
    for c in &centers {
        let near = |m: &&GridCandidate| (0..3).all(|a| (m.center[a] - c[a]).abs() < 1e-4);
        assert_eq!(merged.iter().filter(near).count(), 1, "{c:?}");
    }
}

/// Goal: cores share out every grid exactly, lie within their tile with the halo around them, and tiles that
/// nobody wants are left out.
#[test]
fn cores_share_out_the_grid() {
    for shape in [[1, 1, 1], [64, 65, 63], [200, 310, 97], [16, 500, 33]] {
        for size in [64, 96, 128] {
            for halo in [0, 16, 24, 32] {
                let mut hits = Array3::<u8>::zeros(shape);
                for t in plan(shape, TileShape { size: [size; 3], halo: [halo; 3] }, |_, _| true) {
                    for a in 0..3 {
                        assert_eq!(t.origin[a].rem_euclid(16), 0);
                        let below = t.core_start[a] as isize - t.origin[a];
                        let above = t.origin[a] + size as isize - t.core_end[a] as isize;
                        let room = if size > 2 * halo.next_multiple_of(16) { halo as isize } else { 0 };
                        // At the rim of the grid too: a network says nothing within its halo.
                        assert!(below >= room && above >= room, "{t:?}");
                    }
                    let (s, e) = (t.core_start, t.core_end);
                    hits.slice_mut(ndarray::s![s[0]..e[0], s[1]..e[1], s[2]..e[2]]).map_inplace(|n| *n += 1);
                }
                assert!(hits.iter().all(|n| *n == 1), "{shape:?} {size} {halo}");
            }
        }
    }
    let shape = TileShape { size: [64; 3], halo: [16; 3] };
    assert!(plan([100; 3], shape, |_, _| false).is_empty());
    // A box within a grid: its voxels once each, and not one outside it.
    let mut hits = Array3::<u8>::zeros([100; 3]);
    for t in plan_box([7, 20, 33], [90, 52, 100], shape, |_, _| true) {
        let (s, e) = (t.core_start, t.core_end);
        hits.slice_mut(ndarray::s![s[0]..e[0], s[1]..e[1], s[2]..e[2]]).map_inplace(|n| *n += 1);
    }
    let inside = |z: usize, y: usize, x: usize| (7..90).contains(&z) && (20..52).contains(&y) && x >= 33;
    assert!(hits.indexed_iter().all(|((z, y, x), n)| *n == u8::from(inside(z, y, x))));
}

/// Goal: a cut tile holds scaled HU where the grid is and the pad value elsewhere.
#[test]
fn cut_scales_and_pads() {
    let grid = Array3::from_shape_fn((3, 4, 5), |(z, y, x)| (z * 100 + y * 10 + x) as i16);
    let t = Tile { origin: [-1, 2, 0], size: [4; 3], core_start: [0; 3], core_end: [3; 3] };
    let window = HuWindow { low: 0.0, high: 200.0, pad: -7.0 };
    let out = cut(grid.view(), &t, window);
    assert!((out[[0, 0, 0]] + 7.0).abs() < 1e-6 && (out[[1, 2, 0]] + 7.0).abs() < 1e-6);
    assert!((out[[2, 1, 3]] - 133.0 / 200.0).abs() < 1e-6);
    assert!((out[[3, 0, 0]] - 1.0).abs() < 1e-6, "clipped");
}

/// Goal: tiles made to measure cover the box in the fewest voxels. Method: boxes of chests, children and crops; the plan
/// with the fitted tile against the plan with every tile that is allowed.
#[test]
fn a_fitted_tile_is_the_cheapest() {
    const VOXELS_MAX: usize = 6_000_000;
    let work = |start, end, shape: TileShape| {
        plan_box(start, end, shape, |_, _| true).len() * shape.size.iter().product::<usize>()
    };
    for (start, end) in [
        ([96, 100, 97], [376, 320, 387]),
        ([0, 31, 160], [352, 301, 481]),
        ([112; 3], [240, 236, 300]),
        ([16; 3], [60, 61, 62]),
        ([5, 5, 5], [6, 6, 6]),
    ] {
        let shape = fitted(start, end, 16, VOXELS_MAX);
        let voxels: usize = shape.size.iter().product();
        assert!(voxels <= VOXELS_MAX && shape.size.iter().all(|n| n.is_multiple_of(ALIGNMENT)), "{shape:?}");
        let own = work(start, end, shape);
        let edges: Vec<usize> = (48..=512).step_by(ALIGNMENT).collect();
        for &z in &edges {
            for &y in &edges {
                for x in edges.iter().copied().filter(|x| z * y * x <= VOXELS_MAX) {
                    let other = TileShape { size: [z, y, x], halo: [16; 3] };
                    // Counted without planning: edges share out the box from the multiple of 16 below its start.
                    let count = |a: usize| (end[a] - start[a] / 16 * 16).div_ceil(other.size[a] - 32);
                    assert!(own <= count(0) * count(1) * count(2) * z * y * x, "{own}: {other:?} is cheaper");
                }
            }
        }
    }
    let chest = ([96, 100, 97], [376, 320, 387]);
    let fixed = TileShape { size: [160; 3], halo: [16; 3] };
    assert!(
        work(chest.0, chest.1, fitted(chest.0, chest.1, 16, VOXELS_MAX)) * 3
            < work(chest.0, chest.1, fixed) * 2
    );
    // Nothing is small enough: the smallest there is.
    assert_eq!(fitted([0; 3], [100; 3], 16, 1).size, [48; 3]);
}

/// Goal: several looks speak with the mean of their logits and of their places, a silent one counts against, and what is
/// left is what is above the score, whichever look saw it first.
#[test]
fn looks_agree() {
    let mark = |z: f64, score: f64| GridCandidate {
        center: [z, 0.0, 0.0],
        diameter_mm: 6.0,
        score,
        off_center: 0.0,
    };
    let mean = |a: f64, b: f64| sigmoid((logit(a) + logit(b)) / 2.0);
    let first = vec![mark(50.0, 0.95), mark(10.0, 0.9), mark(90.0, 0.06)];
    let second = vec![mark(12.0, 0.4), mark(91.0, 0.3), mark(130.0, 0.04)];
    let found = agreed(&[first.clone(), second.clone()], &options(4));
    let place = |a: (f64, f64), b: (f64, f64)| (a.0 * a.1 + b.0 * b.1) / (a.1 + b.1);
    let expected = [
        (place((10.0, 0.9), (12.0, 0.4)), mean(0.9, 0.4)),
        (place((90.0, 0.06), (91.0, 0.3)), mean(0.06, 0.3)),
        (50.0, mean(0.95, SCORE_SILENT)),
    ];
    assert_eq!(found.len(), 3, "{found:?}");
    for (one, (z, score)) in found.iter().zip(expected) {
        assert!((one.center[0] - z).abs() < 1e-9 && (one.score - score).abs() < 1e-12, "{one:?}");
    }
    assert_eq!(
        found,
        agreed(&[second, first.clone()], &options(4)),
        "the order of the looks does not matter"
    );
    let alone = agreed(std::slice::from_ref(&first), &options(4));
    assert!(alone.iter().zip(&first).all(|(a, b)| (a.score - b.score).abs() < 1e-12) && alone.len() == 3);
    let best = agreed(&[first], &DecodeOptions { count_max: 1, ..options(4) });
    assert_eq!(best.len(), 1);
}

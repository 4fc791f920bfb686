//! Axes and volumes against the readers' truth of whole scans, whose masks are rebuilt from their outlines.

use domain::{Affine, LpsPoint, Mask, Volume, VoxelIndex};
use ndarray::Array3;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn truth() -> Option<Value> {
    let root = std::env::var_os("LUNGCAD_TEST_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")));
    let text = std::fs::read_to_string(root.join("lidc-truth.json")).ok()?;
    Some(serde_json::from_str(&text).expect("lidc-truth.json is JSON"))
}

fn number(v: &Value) -> f64 {
    v.as_f64().expect("number")
}

fn array(v: &Value) -> &Vec<Value> {
    v.as_array().expect("array")
}

type Outline = Vec<[i64; 2]>;

/// Pixels strictly inside a closed chain of pixels `[column, row]`, with the chain's own where it goes round a hole:
/// a chain runs on the first pixels outside the nodule.
fn enclosed(outline: &Outline, is_hole: bool) -> Vec<[i64; 2]> {
    let xs = outline.iter().map(|p| p[0]);
    let ys = outline.iter().map(|p| p[1]);
    let (x0, x1) = (xs.clone().min().unwrap(), xs.max().unwrap());
    let (y0, y1) = (ys.clone().min().unwrap(), ys.max().unwrap());
    let mut found = Vec::new();
    for y in y0..=y1 {
        for x in x0..=x1 {
            let mut odd = false;
            let mut on_edge = false;
            for (i, a) in outline.iter().enumerate() {
                let b = &outline[(i + 1) % outline.len()];
                let cross = (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]);
                let within = (a[0].min(b[0])..=a[0].max(b[0])).contains(&x)
                    && (a[1].min(b[1])..=a[1].max(b[1])).contains(&y);
                on_edge |= cross == 0 && within;
                if (a[1] > y) != (b[1] > y) {
                    let at = a[0] as f64 + (y - a[1]) as f64 * (b[0] - a[0]) as f64 / (b[1] - a[1]) as f64;
                    odd ^= (x as f64) < at;
                }
            }
            if (odd && !on_edge) || (on_edge && is_hole) {
                found.push([x, y]);
            }
        }
    }
    found
}

/// Voxels `(slice, row, column)` in at least half of the nodule's readers.
fn consensus(nodule: &Value) -> Mask {
    let readers = array(&nodule["per_reader"]);
    let mut votes: BTreeMap<(usize, i64, i64), usize> = BTreeMap::new();
    for reader in readers {
        let mut voxels: BTreeMap<(usize, i64, i64), bool> = BTreeMap::new();
        for included in [true, false] {
            for outline in array(&reader["outlines"]).iter().filter(|o| o["inclusion"] == included) {
                let chain: Outline = array(&outline["col_row"])
                    .iter()
                    .map(|p| [p[0].as_i64().unwrap(), p[1].as_i64().unwrap()])
                    .collect();
                for [x, y] in enclosed(&chain, !included) {
                    voxels.insert((outline["slice"].as_u64().unwrap() as usize, y, x), included);
                }
            }
        }
        for (voxel, _) in voxels.iter().filter(|(_, v)| **v) {
            *votes.entry(*voxel).or_default() += 1;
        }
    }
    let runs = votes.iter().filter(|(_, n)| **n * 2 >= readers.len()).map(|((z, y, x), _)| domain::Run {
        z: *z,
        y: *y as usize,
        x_start: *x as usize,
        x_end: *x as usize + 1,
    });
    Mask::from(runs.collect::<Vec<_>>())
}

/// Goal: our definitions give the axes and volume of the truth within 0.1 %, for every nodule of every scan.
#[test]
fn consensus_masks_have_the_stated_axes_and_volume() {
    let Some(truth) = truth() else {
        eprintln!("skipped: lidc-truth.json is not there; set LUNGCAD_TEST_DATA");
        return;
    };
    let (mut nodules, mut ties) = (0, 0);
    for series in array(&truth["series"]) {
        let spacing = array(&series["pixel_spacing_row_col"]);
        let first = array(&series["first_ipp_lps"]);
        let affine = Affine::axial(
            LpsPoint { x: number(&first[0]), y: number(&first[1]), z: number(&first[2]) },
            [number(&series["slice_spacing"]), number(&spacing[0]), number(&spacing[1])],
        )
        .unwrap();
        let shape = ["slices", "rows", "columns"].map(|k| series[k].as_u64().unwrap() as usize);
        let volume = Volume { hu: Array3::from_elem(shape, 30), affine };
        for nodule in array(&series["nodules"]) {
            let stated = &nodule["consensus50"];
            let mask = consensus(nodule);
            assert_eq!(mask.voxel_count(), stated["voxels"].as_u64().unwrap() as usize);
            let measured = cad::measure::measure(&mask, &volume).unwrap();
            check("long axis", measured.long_axis_mm, number(&stated["long_axis_mm"]));
            let short_mm = number(&stated["short_axis_mm"]);
            if equal_longest(&mask, &affine) {
                // The truth took one of the equal pairs; ours is the one with the greater short axis.
                assert!(
                    measured.short_axis_mm >= short_mm - 0.0051 && measured.short_axis_mm < 1.05 * short_mm
                );
                ties += 1;
            } else {
                check("short axis", measured.short_axis_mm, short_mm);
                check("mean diameter", measured.mean_diameter_mm, number(&stated["mean_diameter_mm"]));
            }
            check("volume", measured.volume_mm3, number(&stated["volume_mm3"]));
            let center = affine.to_lps(cad::measure::centroid(&mask).unwrap());
            let place = array(&stated["centre_lps"]);
            let place = LpsPoint { x: number(&place[0]), y: number(&place[1]), z: number(&place[2]) };
            assert!(center.distance_mm(place) < 0.02, "centroid {center:?}, stated {place:?}");
            assert!((measured.hu_mean - 30.0).abs() < 1e-9 && measured.hu_sd < 1e-9);
            nodules += 1;
        }
    }
    assert!(nodules > 0 && ties * 2 < nodules, "{nodules} nodules, {ties} of them with equal longest axes");
}

/// Whether several pairs of pixel corners of the largest slice lie equally far apart.
fn equal_longest(mask: &Mask, affine: &Affine) -> bool {
    let slice = cad::measure::axes(mask, affine).unwrap().slice;
    let [_, row_mm, column_mm] = affine.spacing_mm_zyx();
    let mut corners: Vec<[usize; 2]> = Vec::new();
    for v in mask.voxels().filter(|v| v.z == slice) {
        corners.extend([[v.y, v.x], [v.y + 1, v.x], [v.y, v.x + 1], [v.y + 1, v.x + 1]]);
    }
    corners.sort_unstable();
    corners.dedup();
    let apart = |a: &[usize; 2], b: &[usize; 2]| {
        (a[0].abs_diff(b[0]) as f64 * row_mm).hypot(a[1].abs_diff(b[1]) as f64 * column_mm)
    };
    let pairs = corners.iter().enumerate().flat_map(|(i, a)| corners[..i].iter().map(move |b| (a, b)));
    let distances: Vec<f64> = pairs.map(|(a, b)| apart(a, b)).collect();
    let most = distances.iter().copied().fold(0.0, f64::max);
    distances.iter().filter(|d| **d > most * (1.0 - 1e-9)).count() > 1
}

/// Stated figures are rounded to two digits; on top of that 0.1 %.
fn check(what: &str, measured: f64, stated: f64) {
    assert!((measured - stated).abs() <= 0.001 * stated + 0.0051, "{what}: {measured}, stated {stated}");
}

/// Goal: a rectangle drawn by hand, on pixels that are not square, has the axes that geometry says.
#[test]
fn rectangle_on_rectangular_pixels() {
    let affine = Affine::axial(LpsPoint { x: 0.0, y: 0.0, z: 0.0 }, [2.0, 0.5, 1.0]).unwrap();
    let mut dense = Array3::from_elem((4, 10, 10), false);
    // 3 columns of 1 mm by 8 rows of 0.5 mm in slice 1 and 2 columns in slice 2.
    dense.slice_mut(ndarray::s![1, 1..9, 2..5]).fill(true);
    dense.slice_mut(ndarray::s![2, 1..9, 2..4]).fill(true);
    let mask = Mask::from_dense(VoxelIndex { z: 0, y: 0, x: 0 }, dense.view());
    let mut hu = Array3::from_elem((4, 10, 10), -800i16);
    hu.slice_mut(ndarray::s![1, .., ..]).fill(40);
    hu.slice_mut(ndarray::s![2, .., ..]).fill(90);
    let measured = cad::measure::measure(&mask, &Volume { hu, affine }).unwrap();
    assert_eq!(measured.key_slice_index, 1);
    assert!((measured.long_axis_mm - 5.0).abs() < 1e-9, "diagonal of 3 by 4 mm");
    assert!((measured.short_axis_mm - 4.8).abs() < 1e-9, "two triangles of height 12 / 5");
    assert!((measured.volume_mm3 - 40.0).abs() < 1e-9);
    assert!((measured.hu_mean - 60.0).abs() < 1e-9);
    assert!((measured.hu_sd - 24.494_897_427_831_78).abs() < 1e-9, "population SD of 24 x 40 and 16 x 90");
    let [a, b] = measured.long_axis_ends;
    assert!((a.distance_mm(b) - measured.long_axis_mm).abs() < 1e-9);
    let [c, d] = measured.short_axis_ends;
    assert!((c.distance_mm(d) - measured.short_axis_mm).abs() < 1e-9);
    let dot = (b.x - a.x) * (d.x - c.x) + (b.y - a.y) * (d.y - c.y);
    assert!(dot.abs() < 1e-9, "axes are perpendicular");
    assert!(
        cad::measure::measure(&Mask::default(), &Volume { hu: Array3::zeros((1, 1, 1)), affine }).is_none()
    );
}

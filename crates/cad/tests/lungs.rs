//! Lungs of a schematic chest: sides, volumes, search region, storage orders, inputs that are no chest.

mod chest;

use cad::lungs::Lungs;
use chest::Storage;
use domain::{LpsPoint, Side, Volume, VoxelPoint};

fn in_pools<T: PartialEq + std::fmt::Debug + Send>(what: impl Fn() -> T + Sync) -> T {
    let run = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&what);
    let one = run(1);
    assert!(one == run(3), "differs between 1 and 3 threads");
    one
}

/// Goal: both lungs have the volume they were drawn with, on their side, though they touch in front, hold vessels,
/// a trachea runs between them, gas lies below and a table behind; a nodule on the pleura is searched.
#[test]
fn schematic_chest() {
    let volume = chest::volume(Storage::Supine, chest::hu);
    let lungs = in_pools(|| cad::lungs::segment(&volume).unwrap());
    let voxel_ml = volume.affine.voxel_mm3() / 1000.0;
    let (mut left_ml, mut right_ml) = (0.0, 0.0);
    let (mut searched, mut total) = (0usize, 0usize);
    for ((z, y, x), _) in volume.hu.indexed_iter() {
        let p = volume.affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 });
        match chest::lung(p) {
            Some(Side::Left) => left_ml += voxel_ml,
            Some(Side::Right) => right_ml += voxel_ml,
            None => continue,
        }
        total += 1;
        searched += usize::from(lungs.searches(p));
    }
    assert!((lungs.volumes.left_ml / left_ml - 1.0).abs() < 0.04, "{:?} {left_ml}", lungs.volumes);
    assert!((lungs.volumes.right_ml / right_ml - 1.0).abs() < 0.04, "{:?} {right_ml}", lungs.volumes);
    assert!(searched as f64 > 0.999 * total as f64, "{searched} of {total} lung voxels are searched");
    let (nodule, _) = chest::JUXTAPLEURAL;
    assert!(lungs.searches(nodule), "nodule on the pleura");
    assert_eq!(lungs.side(nodule), Side::Left);
    assert_eq!(lungs.side(LpsPoint { x: -90.0, y: 0.0, z: 0.0 }), Side::Right);
    for (what, x, y, z) in
        [("stomach", 60.0, -30.0, -108.0), ("table", 0.0, 112.0, 0.0), ("outside", 150.0, -100.0, 0.0)]
    {
        assert!(!lungs.searches(LpsPoint { x, y, z }), "{what} is searched");
    }
    let inside = |p: LpsPoint| {
        let v = lungs.affine.to_voxel(p);
        let at = [v.z.round() as usize, v.y.round() as usize, v.x.round() as usize];
        (lungs.left[at], lungs.right[at])
    };
    assert_eq!(inside(LpsPoint { x: 0.0, y: 25.0, z: 60.0 }), (false, false), "trachea");
    assert_eq!(inside(LpsPoint { x: 20.0, y: -40.0, z: 40.0 }), (true, false), "left of the junction");
    assert_eq!(inside(LpsPoint { x: -20.0, y: -40.0, z: 40.0 }), (false, true), "right of the junction");
    assert_eq!(lungs.doubts, vec![]);
    // The box in scan voxels holds every searched voxel and is not the whole scan.
    let (from, to) = (<[usize; 3]>::from(lungs.region.start), <[usize; 3]>::from(lungs.region.end));
    for ((z, y, x), _) in lungs.search.indexed_iter().filter(|(_, s)| **s) {
        let p = lungs.affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 });
        let v = <[f64; 3]>::from(volume.affine.to_voxel(p));
        assert!((0..3).all(|a| v[a] >= from[a] as f64 - 1e-6 && v[a] <= to[a] as f64 - 1.0 + 1e-6), "{v:?}");
    }
    assert!((0..3).all(|a| from[a] > 0 || to[a] < volume.shape()[a]));
}

/// Goal: how the scan is stored changes nothing: same masks on the same grid in the patient.
#[test]
fn storage_order_changes_nothing() {
    let supine = cad::lungs::segment(&chest::volume(Storage::Supine, chest::hu)).unwrap();
    for storage in chest::ALL {
        let other = cad::lungs::segment(&chest::volume(storage, chest::hu)).unwrap();
        assert!(other.left == supine.left && other.right == supine.right, "{storage:?}");
        assert!(other.search == supine.search, "{storage:?}");
        let apart = other.affine.origin().distance_mm(supine.affine.origin());
        assert!(apart < 1e-6, "{storage:?}: grids lie {apart} mm apart");
    }
}

/// Goal: the box test agrees with asking every point, apart from near misses.
#[test]
fn boxes_meet_the_search_region() {
    let volume = chest::volume(Storage::Prone, chest::hu);
    let lungs = cad::lungs::segment(&volume).unwrap();
    let grid = cad::resample::isotropic(&volume, lungs.region, 2.0);
    let mut missed = 0;
    for z in (0..grid.shape()[0]).step_by(8) {
        for y in (0..grid.shape()[1]).step_by(8) {
            for x in (0..grid.shape()[2]).step_by(8) {
                let met = lungs.searches_box(&grid.affine, [z, y, x], [z + 8, y + 8, x + 8]);
                let points = (0..512).any(|i| {
                    let p = [z + i / 64, y + i / 8 % 8, x + i % 8].map(|v| v as f64);
                    lungs.searches(grid.affine.to_lps(VoxelPoint::from(p)))
                });
                assert!(met || !points, "box {z} {y} {x} is searched but was called missed");
                missed += usize::from(!met);
            }
        }
    }
    assert!(missed > 0, "some box of the grid lies outside");
}

/// Goal: what is no chest says so, with what was measured; nothing panics on tiny arrays.
#[test]
fn not_a_chest() {
    let water = |p: LpsPoint| if p.x.hypot(p.y) < 90.0 { 20 } else { -1000 };
    let head = |p: LpsPoint| {
        let sinus = p.x.hypot(p.y + 50.0).hypot(p.z) < 18.0;
        if sinus { -1000 } else { water(p) }
    };
    let gas = |p: LpsPoint| {
        let bowel = p.x.hypot(p.y).hypot(p.z) < 70.0;
        if bowel { -1000 } else { water(p) }
    };
    for (name, hu) in [("water", &water as &dyn Fn(LpsPoint) -> i16), ("head", &head), ("bowel gas", &gas)] {
        let found = cad::lungs::segment(&chest::volume(Storage::Supine, hu));
        let error = found.expect_err(name);
        assert!(error.to_string().starts_with("no chest found in the pixels ("), "{error}");
    }
    let (_, affine) = chest::grid(Storage::Supine);
    for shape in [(0, 0, 0), (1, 1, 1), (1, 512, 1), (3, 2, 2)] {
        for value in [-1024, -800, 3000] {
            let volume = Volume { hu: ndarray::Array3::from_elem(shape, value), affine };
            assert!(cad::lungs::segment(&volume).is_err());
        }
    }
}

/// Goal: with one lung only, the scan is still analysed, with a doubt.
#[test]
fn one_lung_is_doubted_not_refused() {
    let hu = |p: LpsPoint| if chest::lung(p) == Some(Side::Left) { 30 } else { chest::hu(p) };
    let lungs = cad::lungs::segment(&chest::volume(Storage::Supine, hu)).unwrap();
    assert!(lungs.volumes.left_ml < 100.0 && lungs.volumes.right_ml > 1000.0, "{:?}", lungs.volumes);
    assert!(!lungs.doubts.is_empty());
    let noise = cad::quality::noise_sd_hu(&chest::volume(Storage::Supine, hu), &lungs).unwrap();
    assert!(noise < 1.0, "a drawing has no noise, measured {noise}");
}

/// Goal: labels of a network become the lungs that they are, with the search region, volumes and doubts that the classical
/// masks have, however the scan is stored. Method: the chest as it was drawn as labels, in patient order.
#[test]
fn labels_become_lungs() {
    let supine = chest::volume(Storage::Supine, chest::hu);
    let mut drawn_ml = [0.0, 0.0];
    let labels = ndarray::Array3::from_shape_fn(supine.hu.dim(), |(z, y, x)| {
        let place = supine.affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 });
        match chest::lung(place) {
            Some(Side::Left) => 1u8,
            Some(Side::Right) => 3,
            None => 0,
        }
    });
    for (ml, of) in drawn_ml.iter_mut().zip([1, 3]) {
        let voxels = labels.iter().filter(|l| **l == of).count();
        *ml = voxels as f64 * supine.affine.voxel_mm3() / 1000.0;
    }
    for storage in chest::ALL {
        let volume = chest::volume(storage, chest::hu);
        let lungs = in_pools(|| Lungs::of_labels(&volume, labels.view(), 1, 3).unwrap());
        let classical = cad::lungs::segment(&volume).unwrap();
        for (found, drawn) in [(lungs.volumes.left_ml, drawn_ml[0]), (lungs.volumes.right_ml, drawn_ml[1])] {
            assert!((found / drawn - 1.0).abs() < 0.02, "{storage:?} {found} {drawn}");
        }
        let (nodule, _) = chest::JUXTAPLEURAL;
        assert!(lungs.searches(nodule) && lungs.side(nodule) == Side::Left, "{storage:?}");
        assert_eq!(lungs.doubts, vec![], "{storage:?}");
        let corners = |lungs: &Lungs| [lungs.region.start, lungs.region.end].map(<[usize; 3]>::from);
        let (ours, theirs) = (corners(&lungs), corners(&classical));
        let apart = ours.iter().flatten().zip(theirs.iter().flatten()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(apart <= Some(6), "{storage:?} {ours:?} {theirs:?}");
    }
}

/// Goal: too little lung is no chest, and one lung is a doubt. Method: no label, a few slices of both, one lung of two.
#[test]
fn labels_without_lungs_are_no_chest() {
    let volume = chest::volume(Storage::Supine, chest::hu);
    let labels = |from: usize, of: [u8; 2]| {
        ndarray::Array3::from_shape_fn(volume.hu.dim(), |(z, y, x)| {
            let place = volume.affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 });
            match chest::lung(place).filter(|_| z >= from) {
                Some(Side::Left) => of[0],
                Some(Side::Right) => of[1],
                None => 0,
            }
        })
    };
    let lungs = |labels: ndarray::Array3<u8>| Lungs::of_labels(&volume, labels.view(), 1, 2);
    let detail = |labels| lungs(labels).unwrap_err().detail;
    assert_eq!(detail(labels(0, [0, 0])), "the network found no lung");
    assert!(detail(labels(72, [1, 2])).contains("ml of aerated lung over"), "{}", detail(labels(72, [1, 2])));
    let right = lungs(labels(0, [0, 2])).unwrap();
    assert!(right.volumes.left_ml == 0.0 && !right.doubts.is_empty(), "{:?}", right.doubts);
}

//! Resampling: a linear field stays what it is at every place; networks see the same grid whatever the storage.

mod chest;

use cad::resample::{OUTSIDE_HU, cube, isotropic, onto};
use chest::ALL;
use domain::{Affine, BoundingBox, LpsPoint, Volume, VoxelPoint};
use ndarray::Array3;

fn linear(p: LpsPoint) -> f64 {
    3.0 * p.x - 2.0 * p.y + 1.5 * p.z + 100.0
}

fn whole(volume: &Volume) -> BoundingBox {
    BoundingBox { start: [0; 3].into(), end: volume.shape().into() }
}

fn places(volume: &Volume) -> impl Iterator<Item = (LpsPoint, i16)> + '_ {
    volume.hu.indexed_iter().map(|((z, y, x), hu)| {
        (volume.affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 }), *hu)
    })
}

/// Goal: every voxel of the isotropic grid holds the field's value at its own place (half a HU of rounding of the
/// source and half of the result), in every storage order; the rim, where values are held, excepted.
#[test]
fn linear_field_is_kept() {
    for storage in ALL {
        let volume = chest::volume(storage, |p| linear(p).round() as i16);
        for spacing in [1.1, 2.6] {
            let grid = isotropic(&volume, whole(&volume), spacing);
            assert!(grid.affine.spacing_mm_zyx().iter().all(|s| (s - spacing).abs() < 1e-9));
            let [up, back, left] = grid.affine.steps_zyx();
            assert!(up[2] > 0.0 && back[1] > 0.0 && left[0] > 0.0, "{storage:?} axes do not rise with LPS");
            for (p, hu) in places(&grid) {
                let v = <[f64; 3]>::from(volume.affine.to_voxel(p));
                if (0..3).all(|a| v[a] >= 0.0 && v[a] <= volume.shape()[a] as f64 - 1.0) {
                    assert!((f64::from(hu) - linear(p)).abs() <= 1.01, "{storage:?} {p:?} {hu}");
                }
            }
        }
    }
}

/// Goal: the lung box of every storage order gives the very same array at the same place.
#[test]
fn same_network_input_for_every_storage() {
    let grids = ALL.map(|storage| {
        let volume = chest::volume(storage, chest::hu);
        let lungs = cad::lungs::segment(&volume).unwrap();
        isotropic(&volume, lungs.region, 1.0)
    });
    for (grid, storage) in grids.iter().zip(ALL) {
        assert!(grid.affine.origin().distance_mm(grids[0].affine.origin()) < 1e-6, "{storage:?}");
        assert!(grid.hu.dim() == grids[0].hu.dim());
        let worst = grid.hu.iter().zip(&grids[0].hu).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(1), "{storage:?} differs by {worst:?} HU");
    }
}

/// Goal: a cube lies where it was asked for; outside the scan it is air.
#[test]
fn cubes_lie_around_their_center() {
    for storage in ALL {
        let volume = chest::volume(storage, |p| linear(p).round() as i16);
        let center = LpsPoint { x: 12.3, y: -45.6, z: 7.8 };
        let one = cube(&volume, center, 32, 0.6);
        let middle = one.affine.to_lps(VoxelPoint { z: 15.5, y: 15.5, x: 15.5 });
        assert!(middle.distance_mm(center) < 1e-9);
        assert!(places(&one).all(|(p, hu)| (f64::from(hu) - linear(p)).abs() <= 1.01));
        let corner = volume.affine.to_lps(VoxelPoint { z: 0.0, y: 0.0, x: 0.0 });
        let out = cube(&volume, corner, 32, 0.6);
        assert!(places(&out).any(|(_, hu)| hu == OUTSIDE_HU));
        let far = LpsPoint { x: 1e4, y: 1e4, z: 1e4 };
        assert!(cube(&volume, far, 8, 1.0).hu.iter().all(|hu| *hu == OUTSIDE_HU));
    }
}

/// Goal: a probability map comes back to an oblique scan grid at the right places.
#[test]
fn maps_come_back_to_an_oblique_scan() {
    let (sin, cos) = 0.15f64.sin_cos();
    let scan = Affine::new(
        LpsPoint { x: -20.0, y: -20.0, z: -20.0 },
        [0.0, -2.0 * sin, 2.0 * cos],
        [0.0, 0.8 * cos, 0.8 * sin],
        [0.8, 0.0, 0.0],
    )
    .unwrap();
    let map_affine = Affine::axial(LpsPoint { x: -15.0, y: -15.0, z: -15.0 }, [0.6; 3]).unwrap();
    let field = |p: LpsPoint| (p.x + 2.0 * p.y - p.z) as f32;
    let map = Array3::from_shape_fn((50, 50, 50), |(z, y, x)| {
        field(map_affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 }))
    });
    let region = BoundingBox { start: [2, 3, 4].into(), end: [20, 45, 46].into() };
    let back = onto(map.view(), &map_affine, &scan, region);
    let mut inside = 0;
    for ((z, y, x), value) in back.indexed_iter() {
        let p = scan.to_lps(VoxelPoint { z: (z + 2) as f64, y: (y + 3) as f64, x: (x + 4) as f64 });
        let v = <[f64; 3]>::from(map_affine.to_voxel(p));
        if v.iter().all(|c| (0.0..=49.0).contains(c)) {
            assert!((value - field(p)).abs() < 1e-3);
            inside += 1;
        } else if v.iter().any(|c| !(-0.51..=49.51).contains(c)) {
            assert!(*value == 0.0);
        }
    }
    assert!(inside > 5000);
}

/// Goal: a rim mirrors the voxels at each face, again and again where it is wider than the volume, and places stay.
#[test]
fn a_mirrored_rim_keeps_places() {
    let affine = Affine::axial(LpsPoint { x: 1.0, y: 2.0, z: 3.0 }, [2.0, 0.5, 0.5]).unwrap();
    let hu = ndarray::Array3::from_shape_fn((2, 3, 4), |(z, y, x)| (100 * z + 10 * y + x) as i16);
    let wide = cad::resample::mirrored(&Volume { hu: hu.clone(), affine }, 5);
    assert_eq!(wide.shape(), [12, 13, 14]);
    assert_eq!(wide.hu.slice(ndarray::s![5..7, 5..8, 5..9]), hu);
    let row: Vec<i16> = wide.hu.slice(ndarray::s![5, 5, ..]).to_vec();
    assert_eq!(row, [3, 3, 2, 1, 0, 0, 1, 2, 3, 3, 2, 1, 0, 0]);
    let inner = domain::VoxelPoint { z: 5.0, y: 5.0, x: 5.0 };
    assert!(wide.affine.to_lps(inner).distance_mm(affine.origin()) < 1e-9);
}

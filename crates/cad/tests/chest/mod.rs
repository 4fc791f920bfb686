//! A schematic chest in LPS, sampled on any grid.

use domain::{Affine, LpsPoint, Volume, VoxelPoint};
use ndarray::Array3;

/// Grid of the chest as a scanner would store it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Storage {
    /// Columns to the left, rows to the back, slices to the head.
    Supine,
    /// Columns to the right, rows to the front.
    Prone,
    /// Slices to the feet.
    FeetFirst,
    /// Columns to the right only: a left-handed grid.
    Mirrored,
    /// Slices to the left, rows to the feet, columns to the back.
    Sagittal,
}

/// Every storage order.
pub(crate) const ALL: [Storage; 5] =
    [Storage::Supine, Storage::Prone, Storage::FeetFirst, Storage::Mirrored, Storage::Sagittal];

/// Voxels `[z, y, x]` and spacing of the supine grid; its centre is LPS (0, 0, 0).
pub(crate) const SHAPE: [usize; 3] = [97, 190, 271];
pub(crate) const SPACING: [f64; 3] = [2.5, 1.3, 1.3];

/// A nodule on the pleura of the left lung, its centre 2.5 mm within the lung: centre and radius, mm.
pub(crate) const JUXTAPLEURAL: (LpsPoint, f64) = (LpsPoint { x: 126.5, y: 0.0, z: 0.0 }, 10.0);

fn in_ellipsoid(p: LpsPoint, c: [f64; 3], r: [f64; 3]) -> bool {
    ((p.x - c[0]) / r[0]).powi(2) + ((p.y - c[1]) / r[1]).powi(2) + ((p.z - c[2]) / r[2]).powi(2) < 1.0
}

/// Left lung, right lung (larger) as drawn; both reach the midline in front, a wall of 1 mm between them.
pub(crate) fn lung(p: LpsPoint) -> Option<domain::Side> {
    let nodule = p.distance_mm(JUXTAPLEURAL.0) < JUXTAPLEURAL.1;
    let heart = in_ellipsoid(p, [15.0, 5.0, -20.0], [42.0, 45.0, 55.0]);
    if nodule || heart || in_trachea_wall(p) {
        return None;
    }
    if p.x > 0.5 && in_ellipsoid(p, [65.0, 0.0, 0.0], [64.0, 80.0, 90.0]) {
        Some(domain::Side::Left)
    } else if p.x < -0.5 && in_ellipsoid(p, [-70.0, 0.0, 0.0], [69.0, 85.0, 92.0]) {
        Some(domain::Side::Right)
    } else {
        None
    }
}

fn trachea_radius(p: LpsPoint) -> f64 {
    p.x.hypot(p.y - 25.0)
}

fn in_trachea_wall(p: LpsPoint) -> bool {
    p.z > 20.0 && trachea_radius(p) < 11.0
}

/// HU at a place.
pub(crate) fn hu(p: LpsPoint) -> i16 {
    let table = (p.y - 112.0).abs() < 4.0 && p.x.abs() < 160.0;
    let body = (p.x / 165.0).powi(2) + (p.y / 108.0).powi(2) < 1.0;
    let stomach = in_ellipsoid(p, [60.0, -30.0, -105.0], [35.0, 30.0, 12.0]);
    if in_trachea_wall(p) && trachea_radius(p) < 8.0 || stomach {
        return -1000;
    }
    if lung(p).is_some() {
        // Vessels: a grid of rods.
        let rod = |a: f64, b: f64| (a.rem_euclid(24.0) - 12.0).hypot(b.rem_euclid(24.0) - 12.0) < 2.0;
        return if rod(p.y, p.z) || rod(p.x, p.y) { 20 } else { -860 };
    }
    if body {
        40
    } else if table {
        -200
    } else {
        -1000
    }
}

/// The grid of a storage: shape and affine.
pub(crate) fn grid(storage: Storage) -> ([usize; 3], Affine) {
    let [nz, ny, nx] = SHAPE;
    let [sz, sy, sx] = SPACING;
    let half = |n: usize, s: f64| (n as f64 - 1.0) / 2.0 * s;
    let (hz, hy, hx) = (half(nz, sz), half(ny, sy), half(nx, sx));
    let at = |x: f64, y: f64, z: f64| LpsPoint { x, y, z };
    let up = [0.0, 0.0, sz];
    let down = [0.0, 0.0, -sz];
    let (back, left) = ([0.0, sy, 0.0], [sx, 0.0, 0.0]);
    let (front, right) = ([0.0, -sy, 0.0], [-sx, 0.0, 0.0]);
    let (shape, affine) = match storage {
        Storage::Supine => (SHAPE, Affine::new(at(-hx, -hy, -hz), up, back, left)),
        Storage::Prone => (SHAPE, Affine::new(at(hx, hy, -hz), up, front, right)),
        Storage::FeetFirst => (SHAPE, Affine::new(at(-hx, -hy, hz), down, back, left)),
        Storage::Mirrored => (SHAPE, Affine::new(at(hx, -hy, -hz), up, back, right)),
        Storage::Sagittal => ([nx, nz, ny], Affine::new(at(-hx, -hy, hz), left, down, back)),
    };
    (shape, affine.unwrap())
}

/// A volume of `hu` on a storage's grid.
pub(crate) fn volume(storage: Storage, hu: impl Fn(LpsPoint) -> i16) -> Volume {
    let (shape, affine) = grid(storage);
    let hu = Array3::from_shape_fn(shape, |(z, y, x)| {
        hu(affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 }))
    });
    Volume { hu, affine }
}

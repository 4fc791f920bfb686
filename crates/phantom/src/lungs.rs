//! Where the lungs are: thoracic cavity, mediastinum, diaphragm, fissures, lobes.
//!
//! All in the body's own frame: LPS directions, mm, origin in the middle of the chest, before the
//! person's size is applied.

use crate::bones::{PROCESS_ROOT, PROCESS_TIP, kyphosis};
use crate::shape::{Vec3, capsule, ellipse, ellipsoid, smooth_step, smooth_union};
use domain::Lobe;

/// Where a lobe's bronchus and vessels enter, body frame.
pub(crate) fn hilum(lobe: Lobe) -> Vec3 {
    match lobe {
        Lobe::Rul => [-37.0, 12.0, 22.0],
        Lobe::Rml => [-44.0, 6.0, -8.0],
        Lobe::Rll => [-38.0, 22.0, -14.0],
        Lobe::Lul => [40.0, 8.0, 14.0],
        Lobe::Lll => [40.0, 26.0, -10.0],
    }
}

/// Height of the lung apex above the middle of the chest.
const APEX_Z: f32 = 117.0;
/// Above this height the cavity closes to two apical domes.
const DOME_Z: f32 = 38.0;

/// Cross-section of the cavity at one height; the left half, mirrored for the right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CavitySection {
    /// Centre of the ellipse of each side, mm from the midline.
    pub(crate) center_x: f32,
    /// Centre towards the back.
    pub(crate) center_y: f32,
    /// Half-axis across.
    pub(crate) a: f32,
    /// Half-axis front to back.
    pub(crate) b: f32,
    /// Turns the in-plane distance into one in space where walls slant.
    slant: f32,
}

impl CavitySection {
    /// Section at height `z`.
    pub(crate) fn at(z: f32) -> Self {
        let here = Self::flat(z);
        let (above, below) = (Self::flat(z + 1.0), Self::flat(z - 1.0));
        let slope = (above.center_x + above.a - below.center_x - below.a) * 0.5;
        Self { slant: 1.0 / (1.0 + slope * slope).sqrt(), ..here }
    }

    fn flat(z: f32) -> Self {
        let t = ((z - DOME_Z) / (APEX_Z - DOME_Z)).clamp(0.0, 1.0);
        let round = (1.0 - t.powf(2.2)).max(1e-4).sqrt();
        let wide = 133.0 + 4.0 * smooth_step(40.0, -60.0, z);
        let deep = 84.0 + 6.0 * smooth_step(30.0, -60.0, z);
        let center_x = 46.0 * t;
        let lateral = 46.0 + (wide - 46.0) * round;
        Self {
            center_x,
            center_y: 2.0 + 8.0 * t,
            a: (lateral - center_x).max(0.5),
            b: (deep * round).max(0.5),
            slant: 1.0,
        }
    }

    /// Distance to the cavity wall at `(x, y)`, negative inside.
    #[inline]
    pub(crate) fn distance(&self, x: f32, y: f32) -> f32 {
        // The front of the chest is narrower than its back.
        let x = x.abs() * (1.0 + 0.16 * smooth_step(10.0, -80.0, y));
        // Medially of the dome's centre the wall is the mediastinum, not this ellipse.
        let across = if self.center_x < 1.0 { x } else { x - self.center_x };
        let y = y - self.center_y;
        // Gutters beside the spine reach further back than an ellipse.
        let back = if y > 0.0 {
            y * (1.0 - 0.10 * smooth_step(12.0, 46.0, x) * smooth_step(118.0, 62.0, x))
        } else {
            y
        };
        ellipse(across, back, self.a, self.b) * self.slant
    }
}

/// Distance to the mediastinum (heart, great vessels, spine bed and the fat between), negative inside.
#[inline]
pub(crate) fn mediastinum(x: f32, y: f32, z: f32) -> f32 {
    let upper = smooth_step(10.0, 60.0, z);
    // Plate from the sternum to the spine: thin in front, wide around the trachea and great vessels.
    let half_width = 20.0 + 8.0 * upper;
    let plate = ellipse(x, y - 8.0, half_width, 66.0);
    let front = ellipse(x - 3.0, y + 60.0, 7.0 + 16.0 * smooth_step(20.0, -40.0, z), 34.0);
    let spine = ellipse(x, y - 56.0, 25.0, 28.0);
    let mut d = smooth_union(smooth_union(plate, front, 10.0), spine, 9.0);
    if y > 40.0 {
        // Rib necks and transverse processes lie behind the pleura, in muscle: no bone sticks into the lung.
        let (root, tip) = ([PROCESS_ROOT[0], PROCESS_ROOT[1], 0.0], [PROCESS_TIP[0], PROCESS_TIP[1], 0.0]);
        d = smooth_union(d, capsule([x.abs(), y + kyphosis(z), 0.0], root, tip, 8.0), 8.0);
    }
    if z < 60.0 {
        d = smooth_union(d, heart([x, y, z]), 8.0);
        d = smooth_union(d, capsule([x, y, z], [27.0, 44.0, -220.0], [27.0, 42.0, 42.0], 13.0), 5.0);
        let right = capsule([x, y, z], [-22.0, 10.0, 16.0], [-33.0, 14.0, -8.0], 9.0);
        let left = capsule([x, y, z], [24.0, 12.0, 20.0], [36.0, 17.0, -4.0], 9.0);
        d = smooth_union(d, right.min(left), 7.0);
    }
    if z > 25.0 {
        d = smooth_union(d, aortic_knob([x, y, z]), 6.0);
    }
    d
}

/// Heart with its fat, tilted to the left and front.
#[inline]
pub(crate) fn heart(p: Vec3) -> f32 {
    let q = heart_frame(p);
    let pads = ellipsoid([p[0] - 14.0, p[1] + 46.0, p[2] + 62.0], [54.0, 26.0, 20.0]);
    smooth_union(ellipsoid(q, [62.0, 45.0, 50.0]), pads, 12.0)
}

/// Heart's own axes: the long one points to the left, front and down.
#[inline]
pub(crate) fn heart_frame(p: Vec3) -> Vec3 {
    let (x, y, z) = (p[0] - 14.0, p[1] + 20.0, p[2] + 30.0);
    let (c, s) = (0.86, 0.51);
    let (u, v) = (c * x - s * y, s * x + c * y);
    let (ct, st) = (0.93, 0.37);
    [ct * u - st * z, v, st * u + ct * z]
}

/// Arch of the aorta where it bulges into the left lung.
#[inline]
fn aortic_knob(p: Vec3) -> f32 {
    capsule(p, [4.0, 2.0, 50.0], [24.0, 32.0, 47.0], 15.0)
}

/// Height of the diaphragm under the lung at `(x, y)`, mm; the right dome stands higher.
#[inline]
pub(crate) fn diaphragm_z(x: f32, y: f32) -> f32 {
    let (cx, top) = if x < 0.0 { (-68.0, -36.0) } else { (68.0, -47.0) };
    let dx = (x - cx) / 82.0;
    let dy = (y + 12.0) / 92.0;
    let dy = if y > -12.0 { dy * 1.05 } else { dy };
    let r2 = dx * dx + dy * dy;
    let fall = 78.0 * r2 + 28.0 * r2 * r2 * r2;
    let back = 22.0 * smooth_step(10.0, 70.0, y);
    let z = top - fall - back;
    // The recess behind tapers off instead of reaching the belly.
    if z > -105.0 { z } else { -105.0 - 40.0 * (1.0 - ((z + 105.0) / 40.0).exp()) }
}

/// Signed distance to the diaphragm surface, negative above it (on the lung's side).
#[inline]
pub(crate) fn below_diaphragm(x: f32, y: f32, z: f32) -> f32 {
    let here = diaphragm_z(x, y);
    let d = here - z;
    if d.abs() > 25.0 {
        return d * 0.7;
    }
    let gx = diaphragm_z(x + 1.0, y) - here;
    let gy = diaphragm_z(x, y + 1.0) - here;
    d / (1.0 + gx * gx + gy * gy).sqrt()
}

/// Distance to the surface of both lungs (visceral pleura, fissures not counted), negative inside.
#[inline]
pub(crate) fn lung(section: &CavitySection, x: f32, y: f32, z: f32) -> f32 {
    let wall = section.distance(x, y);
    if wall > 3.0 {
        return wall;
    }
    wall.max(below_diaphragm(x, y, z)).max(-mediastinum(x, y, z))
}

/// Distance to the oblique fissure, positive above and in front of it (upper or middle lobe).
#[inline]
pub(crate) fn oblique_fissure(x: f32, y: f32, z: f32) -> f32 {
    let left = x > 0.0;
    let lateral = (x.abs() - 70.0) / 60.0;
    let (slope, level) = if left { (1.12, 4.0) } else { (1.02, -4.0) };
    let bend = 7.0 * lateral * lateral - 6.0 * lateral + 5.0 * (y * 0.035).sin();
    (z - (level + slope * (y - 6.0) + bend)) / (1.0_f32 + slope * slope).sqrt()
}

/// Distance to the horizontal fissure of the right lung, positive above it.
#[inline]
pub(crate) fn horizontal_fissure(x: f32, y: f32, z: f32) -> f32 {
    let lateral = (x + 70.0) / 60.0;
    z - (-2.0 + 0.10 * y + 5.0 * lateral - 4.0 * lateral * lateral)
}

/// Distance to the nearest fissure, mm, never negative.
#[inline]
pub(crate) fn fissure(x: f32, y: f32, z: f32) -> f32 {
    let oblique = oblique_fissure(x, y, z);
    if x < 0.0 && oblique > 0.0 { oblique.min(horizontal_fissure(x, y, z).abs()) } else { oblique.abs() }
}

/// Lobe that `p` would belong to if it lies in a lung.
pub(crate) fn lobe_at(p: Vec3) -> Lobe {
    let [x, y, z] = p;
    match (x < 0.0, oblique_fissure(x, y, z) > 0.0) {
        (true, false) => Lobe::Rll,
        (true, true) if horizontal_fissure(x, y, z) > 0.0 => Lobe::Rul,
        (true, true) => Lobe::Rml,
        (false, true) => Lobe::Lul,
        (false, false) => Lobe::Lll,
    }
}

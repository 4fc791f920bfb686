//! Ribs, spine, sternum, shoulder blades.

use crate::lungs::CavitySection;
use crate::shape::{Vec3, capsule, coverage, ellipse, mix, smooth_step};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Distance between neighbouring ribs and between vertebrae, mm.
const LEVEL_MM: f32 = 23.5;
/// Space of the ribs outside the pleura, mm.
const RIB_DEPTH: f32 = 5.2;

/// Axis of a transverse process, mm: `[|x|, y before kyphosis, height in the vertebra]`.
pub(crate) const PROCESS_ROOT: Vec3 = [13.0, 75.0, 3.0];
/// Its tip.
pub(crate) const PROCESS_TIP: Vec3 = [33.0, 85.0, 6.0];

/// How far the spine is bent back at height `z`, mm.
#[inline]
pub(crate) fn kyphosis(z: f32) -> f32 {
    8.0 * smooth_step(60.0, 140.0, z) - 4.0 * smooth_step(-40.0, -140.0, z)
}

/// Bones of one person.
#[derive(Debug, Clone)]
pub(crate) struct Bones {
    /// Height of one rib head, mm.
    phase: f32,
    /// Bone density, about 1.
    density: f32,
}

/// What a row shares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoneRow {
    y: f32,
    z: f32,
    /// Height above the middle of the vertebral body at this level, mm.
    in_vertebra: f32,
}

/// A closed bone: cortex outside, marrow inside.
#[inline]
fn bone(value: f32, d: f32, cortex_mm: f32, cortex: f32, marrow: f32, h: f32) -> f32 {
    if d > h {
        return value;
    }
    let with_cortex = mix(value, cortex, coverage(d, h));
    mix(with_cortex, marrow, coverage(d + cortex_mm, h))
}

impl Bones {
    /// Bones drawn from `rng`.
    pub(crate) fn new(rng: &mut ChaCha8Rng) -> Self {
        Self { phase: rng.random_range(0.0..LEVEL_MM), density: rng.random_range(0.85..1.15) }
    }

    /// Prepares a row at `(y, z)`.
    pub(crate) fn row(&self, y: f32, z: f32) -> BoneRow {
        BoneRow { y, z, in_vertebra: nearest_level(z - self.phase) }
    }

    /// Draws the bones over `value` at `p`; `wall` is the distance outside the pleura.
    #[inline]
    pub(crate) fn paint(&self, row: &BoneRow, p: Vec3, wall: f32, value: f32, h: f32) -> f32 {
        let mut value = value;
        let x = p[0];
        if wall > -2.0 && wall < 14.0 {
            value = self.ribs(row, p, wall, value, h);
        }
        if x.abs() < 46.0 && row.y > 28.0 {
            value = self.spine(row, x, value, h);
        }
        if row.y < -40.0 && x.abs() < 40.0 && row.z > -62.0 && row.z < 85.0 {
            value = self.sternum(row, x, value, h);
        }
        if row.z > -10.0 && row.y > -20.0 && x.abs() > 48.0 {
            value = self.shoulder(p, value, h);
        }
        if row.z > 70.0 && row.y < 40.0 {
            value = self.clavicle(p, value, h);
        }
        value
    }

    /// Ribs run down and forward around the cavity, one per vertebra, and end in cartilage.
    #[inline]
    fn ribs(&self, row: &BoneRow, p: Vec3, wall: f32, value: f32, h: f32) -> f32 {
        let angle = p[0].abs().atan2(row.y + 6.0);
        // 0 at the spine, 1 at the sternum.
        let around = angle / std::f32::consts::PI;
        if !(0.16..=0.93).contains(&around) || row.z > 116.0 {
            return value;
        }
        // Steep at the side, flat again where the cartilage turns up to the sternum.
        let drop = 128.0 * smooth_step(0.05, 0.88, around) - 16.0 * smooth_step(0.84, 0.97, around);
        let across = nearest_level(row.z + drop - self.phase);
        let d = ellipse(wall - RIB_DEPTH, across, 3.7, 6.4);
        if d > h {
            return value;
        }
        let cartilage = smooth_step(0.80, 0.84, around);
        let cortex = mix(780.0 * self.density, 105.0, cartilage);
        let marrow = mix(170.0 * self.density, 95.0, cartilage);
        bone(value, d, 1.1, cortex, marrow, h)
    }

    fn spine(&self, row: &BoneRow, x: f32, value: f32, h: f32) -> f32 {
        let (y, level) = (row.y, row.in_vertebra);
        let y = y + kyphosis(row.z);
        let mut value = value;
        // Body with a waist, and the disc between two bodies.
        let waist = 1.6 * (1.0 - (level / 9.0).powi(2)).max(0.0);
        let body = ellipse(x, y - 52.0, 16.5 - waist, 14.0 - waist);
        let end_plate = level.abs() - 9.4;
        value = bone(value, body, 0.6, 100.0, 92.0, h);
        value = bone(value, body.max(end_plate), 1.0, 520.0 * self.density, 165.0 * self.density, h);
        // Arch: pedicles and laminae around the canal; it covers the upper two thirds of each level.
        let canal = ellipse(x, y - 76.0, 9.0, 8.5);
        let arch = ellipse(x, y - 76.0, 15.5, 14.0).max(-canal).max(level.abs() - 8.0);
        value = bone(value, arch, 1.3, 640.0 * self.density, 260.0 * self.density, h);
        value = mix(value, 28.0, coverage(canal, h));
        value = mix(value, -70.0, coverage((canal + 1.0).abs() - 0.8, h) * 0.6);
        value = mix(value, 36.0, coverage(ellipse(x, y - 76.0, 5.2, 4.4), h));
        // Transverse processes and the spinous process, which points down and back.
        let side = [x.abs(), y, level];
        let transverse = capsule(side, PROCESS_ROOT, PROCESS_TIP, 4.4);
        value = bone(value, transverse, 1.2, 620.0 * self.density, 220.0 * self.density, h);
        let spinous = capsule([x, y, level], [0.0, 90.0, 1.0], [0.0, 103.0, -9.0], 3.3);
        bone(value, spinous, 1.1, 600.0 * self.density, 240.0 * self.density, h)
    }

    fn sternum(&self, row: &BoneRow, x: f32, value: f32, h: f32) -> f32 {
        // Follows the front of the cavity, wider at the manubrium, pointed at the xiphoid.
        let front = CavitySection::at(row.z.min(34.0));
        let middle = front.center_y - front.b - 6.0 + 14.0 * smooth_step(38.0, 85.0, row.z);
        let half = 16.0 + 11.0 * smooth_step(42.0, 62.0, row.z) - 9.0 * smooth_step(-35.0, -60.0, row.z);
        let d = ellipse(x, row.y - middle, half, 5.8);
        let ends = (row.z - 80.0).max(-58.0 - row.z);
        bone(value, d.max(ends), 1.2, 460.0 * self.density, 120.0 * self.density, h)
    }

    /// Shoulder blade behind the ribs; above, the joint and the head of the humerus (arms raised).
    fn shoulder(&self, p: Vec3, value: f32, h: f32) -> f32 {
        let q = [p[0].abs(), p[1], p[2]];
        let mut value = value;
        let up = smooth_step(-10.0, 110.0, q[2]);
        // Blade: a plate that widens upwards, seen as a thin oblique bar in an axial slice.
        let inner = [72.0 - 6.0 * up, 96.0 - 10.0 * up, q[2]];
        let outer = [112.0 + 34.0 * up, 82.0 - 44.0 * up, q[2]];
        let tip = smooth_step(-8.0, 25.0, q[2]);
        let thick = (1.6 + 1.6 * smooth_step(60.0, 110.0, q[2])) * tip;
        if tip > 0.05 && q[2] < 128.0 {
            value = bone(value, capsule(q, inner, outer, thick + 0.6), 1.0, 640.0 * self.density, 320.0, h);
            let border = capsule(q, outer, [outer[0] + 4.0, outer[1] - 5.0, q[2]], 3.6 * tip);
            value = bone(value, border, 1.2, 640.0 * self.density, 230.0, h);
        }
        if q[2] > 60.0 {
            let ridge = capsule(q, [88.0, 92.0, 78.0], [150.0, 62.0, 112.0], 4.5);
            value = bone(value, ridge, 1.2, 620.0 * self.density, 230.0, h);
        }
        if q[2] > 96.0 {
            let head = capsule(q, [158.0, 22.0, 128.0], [176.0, 10.0, 190.0], 19.0);
            value = bone(value, head, 2.0, 700.0 * self.density, 190.0, h);
        }
        value
    }

    fn clavicle(&self, p: Vec3, value: f32, h: f32) -> f32 {
        let q = [p[0].abs(), p[1], p[2]];
        let near = capsule(q, [24.0, -66.0, 82.0], [70.0, -58.0, 104.0], 6.2);
        let far = capsule(q, [70.0, -58.0, 104.0], [138.0, 0.0, 126.0], 5.6);
        bone(value, near.min(far), 1.6, 760.0 * self.density, 260.0, h)
    }
}

/// Signed distance to the nearest of levels `LEVEL_MM` apart.
#[inline]
fn nearest_level(z: f32) -> f32 {
    z - (z / LEVEL_MM).round() * LEVEL_MM
}

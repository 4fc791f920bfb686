//! Value noise: a smooth random field that is a pure function of place and seed, so that every slice
//! can be drawn on its own, in any order, on any thread.

use crate::shape::Vec3;

/// A smooth random field, -1 to 1, with features of about `size_mm`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    seed: u32,
    per_mm: f32,
}

impl Field {
    /// A field of its own for each seed and size.
    pub(crate) fn new(seed: u64, size_mm: f32) -> Self {
        let folded = u32::try_from((seed ^ (seed >> 32)) & 0xffff_ffff).unwrap_or(0);
        Self { seed: hash(folded ^ size_mm.to_bits()), per_mm: 1.0 / size_mm }
    }

    /// Value at `p`, -1 to 1.
    #[inline]
    pub(crate) fn at(&self, p: Vec3) -> f32 {
        let q = p.map(|v| v * self.per_mm + 4096.0);
        let base = q.map(|v| v as u32);
        let [fx, fy, fz] = [q[0] - base[0] as f32, q[1] - base[1] as f32, q[2] - base[2] as f32]
            .map(|f| f * f * (3.0 - 2.0 * f));
        let corner = |dx: u32, dy: u32, dz: u32| self.lattice(base[0] + dx, base[1] + dy, base[2] + dz);
        let along = |dy: u32, dz: u32| {
            let (a, b) = (corner(0, dy, dz), corner(1, dy, dz));
            a + (b - a) * fx
        };
        let (front, back) =
            (along(0, 0) + (along(1, 0) - along(0, 0)) * fy, along(0, 1) + (along(1, 1) - along(0, 1)) * fy);
        front + (back - front) * fz
    }

    #[inline]
    fn lattice(&self, x: u32, y: u32, z: u32) -> f32 {
        let h = hash(
            x.wrapping_mul(0x9E37_79B1)
                ^ y.wrapping_mul(0x85EB_CA77)
                ^ z.wrapping_mul(0xC2B2_AE3D)
                ^ self.seed,
        );
        (h >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0
    }
}

/// Finaliser of MurmurHash3 (public domain): every input bit reaches every output bit.
#[inline]
fn hash(mut h: u32) -> u32 {
    h ^= h >> 16;
    h = h.wrapping_mul(0x85EB_CA6B);
    h ^= h >> 13;
    h = h.wrapping_mul(0xC2B2_AE35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The field is smooth at the grain of a voxel, differs by seed and stays within its range.
    #[test]
    fn smooth_bounded_and_seeded() {
        let (f, g) = (Field::new(7, 5.0), Field::new(8, 5.0));
        let mut differing = 0;
        for i in 0..2000 {
            let p = [i as f32 * 0.37 - 300.0, 12.0, -40.0];
            let v = f.at(p);
            assert!((-1.0..=1.0).contains(&v));
            assert!((v - f.at([p[0] + 0.05, p[1], p[2]])).abs() < 0.1);
            differing += usize::from((v - g.at(p)).abs() > 0.05);
        }
        assert!(differing > 1500, "{differing}");
    }
}

//! Signed distances and soft edges: the small geometry that all anatomy is drawn with.
//!
//! Distances are mm, negative inside. They need not be exact far away, only near the surface.

/// A place or direction, LPS mm.
pub(crate) type Vec3 = [f32; 3];

/// Sum of two vectors.
pub(crate) fn add(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// Difference of two vectors.
pub(crate) fn sub(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// A vector times a number.
pub(crate) fn scale(a: Vec3, k: f32) -> Vec3 {
    [a[0] * k, a[1] * k, a[2] * k]
}

/// Scalar product.
pub(crate) fn dot(a: Vec3, b: Vec3) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Vector product.
pub(crate) fn cross(a: Vec3, b: Vec3) -> Vec3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Length, mm.
pub(crate) fn length(a: Vec3) -> f32 {
    dot(a, a).sqrt()
}

/// Direction of `a`; a zero vector gives the head direction.
pub(crate) fn unit(a: Vec3) -> Vec3 {
    let l = length(a);
    if l > 1e-6 { scale(a, 1.0 / l) } else { [0.0, 0.0, 1.0] }
}

/// Distance to an ellipse around the origin with half-axes `a`, `b` (first-order, exact on the surface).
#[inline]
pub(crate) fn ellipse(x: f32, y: f32, a: f32, b: f32) -> f32 {
    let (p, q) = (x / a, y / b);
    let k0 = (p * p + q * q).sqrt();
    let (p, q) = (p / a, q / b);
    let k1 = (p * p + q * q).sqrt();
    if k1 > 1e-9 { k0 * (k0 - 1.0) / k1 } else { -a.min(b) }
}

/// Distance to an ellipsoid around the origin with half-axes `r` (first-order, exact on the surface).
#[inline]
pub(crate) fn ellipsoid(p: Vec3, r: Vec3) -> f32 {
    let q = [p[0] / r[0], p[1] / r[1], p[2] / r[2]];
    let k0 = length(q);
    let k1 = length([q[0] / r[0], q[1] / r[1], q[2] / r[2]]);
    if k1 > 1e-9 { k0 * (k0 - 1.0) / k1 } else { -r[0].min(r[1]).min(r[2]) }
}

/// Place along the segment from `a` to `b` nearest to `p` (0 to 1) and its distance, mm.
#[inline]
pub(crate) fn nearest_on_segment(p: Vec3, a: Vec3, b: Vec3) -> (f32, f32) {
    let (ap, ab) = (sub(p, a), sub(b, a));
    let t = (dot(ap, ab) / dot(ab, ab).max(1e-9)).clamp(0.0, 1.0);
    (t, length(sub(ap, scale(ab, t))))
}

/// Distance to a round-ended tube of radius `r`.
#[inline]
pub(crate) fn capsule(p: Vec3, a: Vec3, b: Vec3, r: f32) -> f32 {
    nearest_on_segment(p, a, b).1 - r
}

/// Union with a rounded seam of width `k` mm.
#[inline]
pub(crate) fn smooth_union(a: f32, b: f32, k: f32) -> f32 {
    let h = (k - (a - b).abs()).max(0.0) / k;
    a.min(b) - h * h * k * 0.25
}

/// Share of a sample of width `h` mm that lies inside a surface at distance `d`.
#[inline]
pub(crate) fn coverage(d: f32, h: f32) -> f32 {
    (0.5 - d / h).clamp(0.0, 1.0)
}

/// `from` replaced by `to` on the share `w`.
#[inline]
pub(crate) fn mix(from: f32, to: f32, w: f32) -> f32 {
    from + (to - from) * w
}

/// 0 below `a`, 1 above `b`, smooth between.
#[inline]
pub(crate) fn smooth_step(a: f32, b: f32, v: f32) -> f32 {
    let t = ((v - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

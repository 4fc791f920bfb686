//! A nodule's shape and material, with a volume that is known before it is drawn.

use crate::shape::{Vec3, add, dot, length, nearest_on_segment, scale, sub, unit};
use crate::spec::{NoduleKind, NoduleSpec};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f32::consts::{PI, TAU};

/// What a point of a nodule is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Material {
    /// Replaces the lung by this HU.
    Tissue(f32),
    /// Adds to the lung; vessels show through.
    Haze,
}

/// HU that haze adds to aerated lung (NETWORKS 4.3: ground glass -750 to -450).
pub(crate) const HAZE_HU: f32 = 265.0;

/// A bump of the surface.
#[derive(Debug, Clone, Copy)]
struct Lobule {
    direction: Vec3,
    height: f32,
}

/// A thin tapered line out of the surface.
#[derive(Debug, Clone, Copy)]
struct Spicule {
    root: Vec3,
    tip: Vec3,
    radius: f32,
}

/// A nodule with its place.
#[derive(Debug, Clone)]
pub(crate) struct Nodule {
    /// What was asked for.
    pub(crate) spec: NoduleSpec,
    /// Centre of the shape, patient LPS mm.
    pub(crate) center: Vec3,
    /// Own axes as rows, and their stretch; the stretches multiply to 1.
    axes: [Vec3; 3],
    stretch: Vec3,
    radius: f32,
    lobules: Vec<Lobule>,
    spicules: Vec<Spicule>,
    core_shift: Vec3,
    tissue_hu: f32,
    /// No part is further from the centre, mm.
    pub(crate) reach: f32,
}

/// A direction drawn evenly from the sphere.
fn any_direction(rng: &mut ChaCha8Rng) -> Vec3 {
    let z: f32 = rng.random_range(-1.0..1.0);
    let turn: f32 = rng.random_range(0.0..TAU);
    let r = (1.0 - z * z).max(0.0).sqrt();
    [r * turn.cos(), r * turn.sin(), z]
}

impl Nodule {
    /// The shape asked for, centred at the origin; chance decides what the specification leaves open.
    pub(crate) fn new(spec: NoduleSpec, rng: &mut ChaCha8Rng) -> Self {
        let first = any_direction(rng);
        let second = unit(sub(any_direction(rng), scale(first, 0.2)));
        let second = unit(sub(second, scale(first, dot(first, second))));
        let third = crate::shape::cross(first, second);
        let e = spec.elongation as f32;
        let middle = e.powf(rng.random_range(0.2..0.6));
        let volume_root = (e * middle).cbrt();
        let lobules = (0..7)
            .map(|_| Lobule {
                direction: any_direction(rng),
                height: spec.lobulation as f32 * rng.random_range(0.7..1.6),
            })
            .collect();
        let mut nodule = Self {
            spec,
            center: [0.0; 3],
            axes: [first, second, third],
            stretch: [e / volume_root, middle / volume_root, 1.0 / volume_root],
            radius: spec.diameter_mm as f32 * 0.5,
            lobules,
            spicules: Vec::new(),
            core_shift: scale(any_direction(rng), spec.diameter_mm as f32 * 0.06),
            tissue_hu: rng.random_range(22.0..48.0),
            reach: 0.0,
        };
        nodule.normalise();
        nodule.grow_spicules(rng);
        let bumps: f32 = nodule.lobules.iter().map(|l| l.height).sum();
        let tips = nodule.spicules.iter().map(|s| length(s.tip)).fold(0.0, f32::max);
        nodule.reach = tips.max(nodule.radius * (1.0 + bumps) * nodule.stretch[0]) + 1.0;
        nodule
    }

    /// Sets the radius so that the volume without spicules is that of the sphere asked for.
    ///
    /// The volume is the integral of `r(direction)^3 / 3` over the sphere; the stretches multiply to 1 and
    /// do not change it.
    fn normalise(&mut self) {
        let (bands, turns) = (64_u16, 128_u16);
        let mut sum = 0.0_f64;
        for i in 0..bands {
            let z = (f32::from(i) + 0.5) / f32::from(bands) * 2.0 - 1.0;
            let r = (1.0 - z * z).sqrt();
            for j in 0..turns {
                let turn = (f32::from(j) + 0.5) / f32::from(turns) * 2.0 * PI;
                sum += f64::from(self.surface([r * turn.cos(), r * turn.sin(), z])).powi(3);
            }
        }
        let mean_cube = sum / (f64::from(bands) * f64::from(turns)) / f64::from(self.radius).powi(3);
        self.radius /= mean_cube.cbrt() as f32;
    }

    /// Radius towards a unit direction of the nodule's own axes.
    fn surface(&self, direction: Vec3) -> f32 {
        let bumps: f32 =
            self.lobules.iter().map(|l| l.height * ((dot(l.direction, direction) - 1.0) * 7.0).exp()).sum();
        self.radius * (1.0 + bumps)
    }

    fn grow_spicules(&mut self, rng: &mut ChaCha8Rng) {
        for _ in 0..self.spec.spicules {
            let out = any_direction(rng);
            let bent = unit(add(out, scale(any_direction(rng), 0.25)));
            let long = self.radius * rng.random_range(0.5..1.3);
            let root = scale(out, self.radius * 0.8);
            let spicule = Spicule {
                root,
                tip: add(root, scale(bent, self.radius * 0.2 + long)),
                radius: rng.random_range(0.45..0.9),
            };
            self.spicules.push(spicule);
        }
    }

    /// Material at patient place `p`, `None` outside.
    #[inline]
    pub(crate) fn at(&self, p: Vec3) -> Option<Material> {
        let d = sub(p, self.center);
        let away = length(d);
        if away > self.reach {
            return None;
        }
        let q: Vec3 = std::array::from_fn(|i| dot(d, self.axes[i]) / self.stretch[i]);
        let r = length(q);
        let inside = r < 1e-3 || r < self.surface(scale(q, 1.0 / r));
        if inside {
            return Some(self.material(d, r));
        }
        let on_spicule = self.spicules.iter().any(|s| {
            let (t, distance) = nearest_on_segment(d, s.root, s.tip);
            distance < s.radius * (1.0 - 0.75 * t)
        });
        let material = match self.spec.kind {
            NoduleKind::NonSolid | NoduleKind::PartSolid => Material::Haze,
            NoduleKind::Solid | NoduleKind::Calcified | NoduleKind::Cavitary => {
                Material::Tissue(self.tissue_hu)
            }
        };
        on_spicule.then_some(material)
    }

    /// Material at offset `d` from the centre where the own radius is `r`.
    fn material(&self, d: Vec3, r: f32) -> Material {
        match self.spec.kind {
            NoduleKind::Solid => Material::Tissue(self.tissue_hu),
            NoduleKind::NonSolid => Material::Haze,
            NoduleKind::PartSolid => {
                let core = length(sub(d, self.core_shift)) < self.radius * 0.5;
                if core { Material::Tissue(self.tissue_hu) } else { Material::Haze }
            }
            NoduleKind::Calcified => Material::Tissue(if r < self.radius * 0.85 { 720.0 } else { 320.0 }),
            NoduleKind::Cavitary => {
                let wall = (self.radius * 0.3).clamp(2.0, 5.0);
                Material::Tissue(if r < self.radius - wall { -950.0 } else { self.tissue_hu })
            }
        }
    }

    /// Volume without spicules, mm3.
    pub(crate) fn analytic_volume_mm3(&self) -> f64 {
        std::f64::consts::PI / 6.0 * self.spec.diameter_mm.powi(3)
    }

    /// Radius of the sphere of the same volume, mm.
    pub(crate) fn sphere_radius(&self) -> f32 {
        self.spec.diameter_mm as f32 * 0.5
    }
}

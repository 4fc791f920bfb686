//! Branching trees: arteries and veins that divide until they have reached every part of a lobe.
//!
//! A tree is grown towards a cloud of end points: it walks to the middle of the cloud, splits the cloud
//! in two and goes on with each half (the volume-dividing idea of Kitaoka, J Appl Physiol
//! 1999;87:2207-2217). Radii follow Murray's law, so that each vessel carries what its ends need.

use crate::chest::Chest;
use crate::lungs;
use crate::shape::{Vec3, add, cross, dot, length, scale, sub, unit};
use domain::Lobe;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What a tube is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Pulmonary artery.
    Artery,
    /// Pulmonary vein.
    Vein,
    /// Windpipe or bronchus; radius is that of the lumen.
    Airway,
}

/// A straight piece of a tube with round ends, patient LPS mm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    /// Start.
    pub(crate) a: Vec3,
    /// End.
    pub(crate) b: Vec3,
    /// Radius at the start.
    pub(crate) radius_a: f32,
    /// Radius at the end.
    pub(crate) radius_b: f32,
    /// What it is.
    pub(crate) kind: Kind,
}

/// Exponent of Murray's law as measured in lungs (2.7 to 3; NETWORKS: 2.7).
const MURRAY: f32 = 2.9;
/// Radius of the last twigs drawn, mm: under what a 1 mm slice resolves.
const TWIG_RADIUS: f32 = 0.36;

/// How a tree grows.
pub(crate) struct Growth<'a> {
    /// Where the twigs end; reordered while growing.
    pub(crate) kind: Kind,
    /// Chance.
    pub(crate) rng: &'a mut ChaCha8Rng,
    /// Pieces so far.
    pub(crate) segments: &'a mut Vec<Segment>,
    /// Nodes of the tree with the number of ends behind them, for the airways beside it.
    pub(crate) branches: Vec<Branch>,
}

/// One branch between two forks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branch {
    /// Start.
    pub(crate) a: Vec3,
    /// End.
    pub(crate) b: Vec3,
    /// End points that the branch feeds.
    pub(crate) ends: usize,
    /// End points that its greatest child feeds.
    pub(crate) ends_after: usize,
}

/// Radius of a vessel that feeds `ends` twigs, mm.
pub(crate) fn radius_of(ends: usize) -> f32 {
    TWIG_RADIUS * (ends.max(1) as f32).powf(1.0 / MURRAY)
}

impl Growth<'_> {
    /// Grows from `from` to every one of `ends`.
    pub(crate) fn grow(&mut self, from: Vec3, ends: &mut [Vec3]) {
        let count = ends.len();
        if count == 0 {
            return;
        }
        if count == 1 {
            self.piece(from, ends[0], 1, 1);
            return;
        }
        let middle = scale(ends.iter().fold([0.0; 3], |s, p| add(s, *p)), 1.0 / count as f32);
        let reach = self.rng.random_range(0.42..0.62);
        let fork = add(from, scale(sub(middle, from), reach));
        let axis = widest_axis(ends, middle, sub(middle, from));
        ends.sort_unstable_by(|p, q| dot(*p, axis).total_cmp(&dot(*q, axis)));
        let cut = (count as f32 * self.rng.random_range(0.3..0.7)).round() as usize;
        let (left, right) = ends.split_at_mut(cut.clamp(1, count - 1));
        self.piece(from, fork, count, left.len().max(right.len()));
        self.grow(fork, left);
        self.grow(fork, right);
    }

    /// One branch, slightly bent.
    fn piece(&mut self, a: Vec3, b: Vec3, ends: usize, ends_after: usize) {
        self.branches.push(Branch { a, b, ends, ends_after });
        let (ra, rb) = (radius_of(ends), radius_of(ends_after));
        let long = length(sub(b, a));
        let rng = &mut *self.rng;
        let random = [rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0)];
        if long < 6.0 {
            self.segments.push(Segment { a, b, radius_a: ra, radius_b: rb, kind: self.kind });
            return;
        }
        let sideways = unit(cross(sub(b, a), random));
        let mid = add(scale(add(a, b), 0.5), scale(sideways, long * 0.07));
        let rm = 0.5 * (ra + rb);
        self.segments.push(Segment { a, b: mid, radius_a: ra, radius_b: rm, kind: self.kind });
        self.segments.push(Segment { a: mid, b, radius_a: rm, radius_b: rb, kind: self.kind });
    }
}

/// Direction in which the cloud is widest, across the way the tree comes from.
fn widest_axis(points: &[Vec3], middle: Vec3, along: Vec3) -> Vec3 {
    let along = unit(along);
    let across = |p: Vec3| {
        let d = sub(p, middle);
        sub(d, scale(along, 0.7 * dot(d, along)))
    };
    let mut axis = unit(cross(along, [0.31, 0.57, 0.76]));
    let step = (points.len() / 64).max(1);
    for _ in 0..6 {
        let mut next = [0.0; 3];
        for p in points.iter().step_by(step) {
            let d = across(*p);
            next = add(next, scale(d, dot(d, axis)));
        }
        axis = unit(next);
    }
    axis
}

/// `count` places in a lobe, at least `clear_mm` from pleura and fissures, patient LPS mm.
pub(crate) fn places_in_lobe(
    chest: &Chest,
    lobe: Lobe,
    count: usize,
    clear_mm: f32,
    rng: &mut ChaCha8Rng,
) -> Vec<Vec3> {
    let mut places = Vec::with_capacity(count);
    let side = if lobe.side() == domain::Side::Left { 1.0 } else { -1.0 };
    for _ in 0..count * 400 {
        if places.len() == count {
            break;
        }
        let body = [
            side * rng.random_range(8.0..136.0),
            rng.random_range(-90.0..92.0),
            rng.random_range(-185.0..122.0),
        ];
        let p = chest.to_patient(body);
        if lungs::lobe_at(body) == lobe
            && lungs::fissure(body[0], body[1], body[2]) > clear_mm
            && chest.lung_distance(p) < -clear_mm
        {
            places.push(p);
        }
    }
    places
}

/// Drops pieces that cut through what is not lung (heart, liver), but for the first way from the hilum.
pub(crate) fn keep_in_lung(chest: &Chest, lobe: Lobe, segments: &mut Vec<Segment>) {
    let hilum = chest.to_patient(lungs::hilum(lobe));
    segments.retain(|s| {
        let middle = scale(add(s.a, s.b), 0.5);
        let near = |p: Vec3| length(sub(p, hilum)) < 20.0 && lungs::heart(chest.to_body(p)) > 3.0;
        [s.a, middle, s.b].into_iter().all(|p| chest.lung_distance(p) < 2.0 || near(p))
    });
}

/// Arteries of one lobe; returns its branches for the airways to follow.
pub(crate) fn arteries(
    chest: &Chest,
    lobe: Lobe,
    rng: &mut ChaCha8Rng,
    segments: &mut Vec<Segment>,
) -> Vec<Branch> {
    let mut ends = places_in_lobe(chest, lobe, twigs(lobe), 1.2, rng);
    let mut growth = Growth { kind: Kind::Artery, rng, segments, branches: Vec::new() };
    let hilum = chest.to_patient(lungs::hilum(lobe));
    growth.grow(hilum, &mut ends);
    let branches = growth.branches;
    keep_in_lung(chest, lobe, segments);
    // From the main artery of the side to the lobe.
    let main = chest.to_patient(if lobe.side() == domain::Side::Left {
        [32.0, 8.0, 20.0]
    } else {
        [-30.0, 6.0, 12.0]
    });
    let r = radius_of(ends.len());
    segments.push(Segment { a: main, b: hilum, radius_a: r * 1.25, radius_b: r, kind: Kind::Artery });
    branches
}

/// Veins of one lobe: they lie between the arteries and enter lower and more in front.
pub(crate) fn veins(chest: &Chest, lobe: Lobe, rng: &mut ChaCha8Rng, segments: &mut Vec<Segment>) {
    let mut ends = places_in_lobe(chest, lobe, twigs(lobe) * 4 / 5, 1.2, rng);
    let side = if lobe.side() == domain::Side::Left { 1.0 } else { -1.0 };
    let entry = match lobe {
        Lobe::Rul | Lobe::Rml | Lobe::Lul => [side * 34.0, -10.0, 0.0],
        Lobe::Rll | Lobe::Lll => [side * 30.0, 22.0, -26.0],
    };
    let entry = chest.to_patient(entry);
    let mut growth = Growth { kind: Kind::Vein, rng, segments, branches: Vec::new() };
    growth.grow(entry, &mut ends);
    keep_in_lung(chest, lobe, segments);
    let atrium = chest.to_patient([side * 8.0, 16.0, -16.0]);
    let r = radius_of(ends.len());
    segments.push(Segment { a: atrium, b: entry, radius_a: r * 1.2, radius_b: r, kind: Kind::Vein });
}

/// Twigs of a lobe, by its share of the lung.
fn twigs(lobe: Lobe) -> usize {
    match lobe {
        Lobe::Rml => 800,
        Lobe::Rul => 1500,
        Lobe::Lul => 1800,
        Lobe::Rll | Lobe::Lll => 2000,
    }
}

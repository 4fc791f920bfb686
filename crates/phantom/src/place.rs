//! Finds a place for each nodule: in its lobe, on its structure, clear of what it must not touch.

use crate::chest::Chest;
use crate::lungs;
use crate::nodule::Nodule;
use crate::shape::{Vec3, add, cross, length, nearest_on_segment, scale, sub, unit};
use crate::spec::Place;
use crate::vessels::{Segment, places_in_lobe};
use crate::{Kind, PhantomError};
use domain::Lobe;
use domain::LpsPoint;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Vessels from this radius count as large: a free nodule keeps away from them.
const LARGE_VESSEL_MM: f32 = 1.3;
/// Places tried before giving up.
const TRIES: usize = 4000;

/// What a place is judged against.
pub(crate) struct Surroundings<'a> {
    /// The person.
    pub(crate) chest: &'a Chest,
    /// Vessels and airways.
    pub(crate) segments: &'a [Segment],
    /// Nodules already placed.
    pub(crate) placed: &'a [Nodule],
    /// Patient box that the scan covers, low and high corner.
    pub(crate) covered: [Vec3; 2],
}

impl Surroundings<'_> {
    /// Centre for `nodule`.
    ///
    /// # Errors
    /// [`PhantomError::NoPlace`] when chance finds none in the covered part of the lobe.
    pub(crate) fn find(
        &self,
        nodule: &Nodule,
        number: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec3, PhantomError> {
        if let Place::At(LpsPoint { x, y, z }) = nodule.spec.place {
            return Ok([x as f32, y as f32, z as f32]);
        }
        for _ in 0..TRIES {
            let Some(p) = self.propose(nodule, rng) else { continue };
            if self.in_scan(p, nodule) && self.clear_of_nodules(p, nodule) && self.suits(p, nodule) {
                return Ok(p);
            }
        }
        Err(PhantomError::NoPlace { number, diameter_mm: nodule.spec.diameter_mm })
    }

    fn propose(&self, nodule: &Nodule, rng: &mut ChaCha8Rng) -> Option<Vec3> {
        let r = nodule.sphere_radius();
        match nodule.spec.place {
            Place::Lobe(lobe) => places_in_lobe(self.chest, lobe, 1, r * 1.15 + 3.0, rng).pop(),
            Place::Juxtapleural(lobe) => places_in_lobe(self.chest, lobe, 1, r * 0.6, rng).pop(),
            Place::Perifissural(lobe) => places_in_lobe(self.chest, lobe, 1, r * 0.55, rng).pop(),
            Place::Perivascular(lobe) => self.beside_vessel(lobe, r, rng),
            Place::At(_) => None,
        }
    }

    fn beside_vessel(&self, lobe: Lobe, r: f32, rng: &mut ChaCha8Rng) -> Option<Vec3> {
        let segment = self.segments.get(rng.random_range(0..self.segments.len().max(1)))?;
        let wide = (0.6..1.7).contains(&segment.radius_a);
        if segment.kind == Kind::Airway || !wide || lungs::lobe_at(self.chest.to_body(segment.a)) != lobe {
            return None;
        }
        let random = [rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0)];
        let out = unit(cross(sub(segment.b, segment.a), random));
        Some(add(segment.a, scale(out, 0.8 * r + segment.radius_a)))
    }

    fn in_scan(&self, p: Vec3, nodule: &Nodule) -> bool {
        let margin = nodule.sphere_radius() + 4.0;
        (0..3).all(|i| p[i] > self.covered[0][i] + margin && p[i] < self.covered[1][i] - margin)
    }

    fn clear_of_nodules(&self, p: Vec3, nodule: &Nodule) -> bool {
        self.placed.iter().all(|n| length(sub(n.center, p)) > n.reach + nodule.reach + 6.0)
    }

    fn suits(&self, p: Vec3, nodule: &Nodule) -> bool {
        let r = nodule.sphere_radius();
        let body = self.chest.to_body(p);
        let depth = -self.chest.lung_distance(p);
        let hilum = |lobe: Lobe| length(sub(p, self.chest.to_patient(lungs::hilum(lobe))));
        match nodule.spec.place {
            Place::Lobe(lobe) => hilum(lobe) > 22.0 + r && self.nearest_large_vessel(p) > r + 0.8,
            Place::Juxtapleural(lobe) => {
                let wall = -lungs::CavitySection::at(body[2]).distance(body[0], body[1]);
                depth < r * 0.85 && wall < r * 0.85 && hilum(lobe) > 45.0
            }
            Place::Perifissural(lobe) => {
                let fissure = lungs::fissure(body[0], body[1], body[2]);
                fissure < r * 0.8 && depth > r + 2.0 && hilum(lobe) > 25.0
            }
            Place::Perivascular(lobe) => {
                depth > r + 2.0 && hilum(lobe) > 25.0 && lungs::lobe_at(body) == lobe
            }
            Place::At(_) => true,
        }
    }

    fn nearest_large_vessel(&self, p: Vec3) -> f32 {
        self.segments
            .iter()
            .filter(|s| s.radius_a > LARGE_VESSEL_MM)
            .map(|s| nearest_on_segment(p, s.a, s.b).1 - s.radius_a)
            .fold(f32::MAX, f32::min)
    }
}

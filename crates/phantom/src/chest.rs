//! The body drawn row by row: skin, fat, muscle, bones, mediastinum, abdomen, lungs, table.
//!
//! Everything is a pure function of place and seed. HU values are those of an unenhanced scan
//! (bone cortex 600 to 900, muscle 50, blood 40, fat -100, inspired lung about -860).

use crate::bones::{BoneRow, Bones};
use crate::lungs::{self, CavitySection};
use crate::organs;
use crate::shape::{Vec3, coverage, ellipse, mix, smooth_step};
use crate::texture::Field;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// HU of the materials.
pub(crate) mod hu {
    /// Air outside.
    pub(crate) const AIR: f32 = -1000.0;
    /// Skin.
    pub(crate) const SKIN: f32 = 10.0;
    /// Subcutaneous fat.
    pub(crate) const FAT: f32 = -104.0;
    /// Fat of the mediastinum.
    pub(crate) const INNER_FAT: f32 = -92.0;
    /// Muscle.
    pub(crate) const MUSCLE: f32 = 54.0;
    /// Blood without contrast agent.
    pub(crate) const BLOOD: f32 = 40.0;
    /// Inspired lung, middle of the gravity gradient.
    pub(crate) const LUNG: f32 = -862.0;
}

/// Which way the patient lies: where gravity and the table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gravity {
    /// Supine: table at the back.
    Back,
    /// Prone: table at the front.
    Front,
}

/// One person.
#[derive(Debug, Clone)]
pub(crate) struct Chest {
    /// Size of this person against the drawn one, `[x, y, z]`.
    pub(crate) size: Vec3,
    gravity: Gravity,
    /// Share of the fat layer, about 1.
    fatness: f32,
    bones: Bones,
    grain: Field,
    patches: Field,
    streaks: Field,
    waves: Field,
    /// Width of a sample, mm: soft edges are this wide.
    edge_mm: f32,
}

/// What a drawn row shares.
struct RowSection {
    y: f32,
    z: f32,
    body_a: f32,
    body_b: f32,
    cavity: CavitySection,
    bones: BoneRow,
    muscle_mm: f32,
}

impl Chest {
    /// A person drawn from `rng`.
    pub(crate) fn new(seed: u64, rng: &mut ChaCha8Rng, gravity: Gravity, edge_mm: f32) -> Self {
        let wide = rng.random_range(0.95..1.04);
        let size = [wide, wide * rng.random_range(0.96..1.05), rng.random_range(0.95..1.05)];
        Self {
            size,
            gravity,
            fatness: rng.random_range(0.75..1.3),
            bones: Bones::new(rng),
            grain: Field::new(seed ^ 0x11, 2.2),
            patches: Field::new(seed ^ 0x22, 9.0),
            streaks: Field::new(seed ^ 0x33, 5.0),
            waves: Field::new(seed ^ 0x44, 38.0),
            edge_mm,
        }
    }

    /// Patient LPS mm to the drawn body's frame.
    pub(crate) fn to_body(&self, p: Vec3) -> Vec3 {
        [p[0] / self.size[0], p[1] / self.size[1], p[2] / self.size[2]]
    }

    /// The drawn body's frame to patient LPS mm.
    pub(crate) fn to_patient(&self, p: Vec3) -> Vec3 {
        [p[0] * self.size[0], p[1] * self.size[1], p[2] * self.size[2]]
    }

    /// Distance of a patient place to the lung surface, mm, negative inside a lung.
    pub(crate) fn lung_distance(&self, p: Vec3) -> f32 {
        let b = self.to_body(p);
        lungs::lung(&CavitySection::at(b[2]), b[0], b[1], b[2])
    }

    /// Draws one row of HU: patient points `(x0 + i * dx, y, z)`.
    pub(crate) fn draw_row(&self, start: Vec3, dx: f32, out: &mut [f32]) {
        let body = self.to_body(start);
        let step = dx / self.size[0];
        let row = self.section(body[1], body[2]);
        for (i, value) in out.iter_mut().enumerate() {
            let x = body[0] + step * i as f32;
            *value = self.sample(&row, x);
        }
    }

    fn section(&self, y: f32, z: f32) -> RowSection {
        let shoulder = smooth_step(60.0, 125.0, z);
        let neck = smooth_step(135.0, 175.0, z);
        let waist = smooth_step(-60.0, -150.0, z);
        let fat = 9.0 * self.fatness;
        RowSection {
            y,
            z,
            body_a: 158.0 + fat + 26.0 * shoulder - 110.0 * neck - 4.0 * waist,
            body_b: 107.0 + fat * 0.9 - 14.0 * shoulder - 30.0 * neck + 5.0 * waist,
            cavity: CavitySection::at(z),
            bones: self.bones.row(y, z),
            // Above the lungs the neck's muscles fill what the cavity leaves.
            muscle_mm: 11.0
                + 70.0 * smooth_step(100.0, 122.0, z)
                + 26.0
                    * smooth_step(30.0, 100.0, z)
                    * (smooth_step(15.0, 60.0, y) + 0.55 * smooth_step(-20.0, -55.0, y)),
        }
    }

    #[inline]
    fn sample(&self, row: &RowSection, x: f32) -> f32 {
        let h = self.edge_mm;
        // A lying back is flat and a breast bone is a little hollow: exponents differ from an ellipse.
        let flat = if row.y > 0.0 { 1.0 - 0.10 * smooth_step(0.0, 90.0, x.abs()) } else { 1.0 };
        let body = ellipse(x, row.y * flat, row.body_a, row.body_b);
        if body > h {
            return self.outside(row, x);
        }
        let p = [x, row.y, row.z];
        let wall = row.cavity.distance(x, row.y);
        let mut value = if wall > h { self.wall(row, p, body, wall) } else { 0.0 };
        if wall < h {
            let inside = self.inside(p, wall);
            value = if wall > -h { mix(value, inside, coverage(wall, h)) } else { inside };
        }
        value = self.bones.paint(&row.bones, p, wall, value, h);
        if body > -h { mix(self.outside(row, x), value, coverage(body, h)) } else { value }
    }

    /// Air and table.
    fn outside(&self, row: &RowSection, x: f32) -> f32 {
        let down = match self.gravity {
            Gravity::Back => row.y,
            Gravity::Front => -row.y,
        };
        // Mattress and a hollow shell of carbon fibre, bent upwards at its sides.
        let top = 113.0 - x * x / 2400.0;
        let depth = down - top;
        if x.abs() > 200.0 || !(-1.0..46.0).contains(&depth) {
            return hu::AIR;
        }
        let mattress = coverage(depth - 14.0, 2.0) * coverage(-depth, 1.0);
        let plates = coverage((depth - 17.0).abs() - 0.9, 1.0).max(coverage((depth - 43.0).abs() - 0.9, 1.0));
        let core = if (17.0..43.0).contains(&depth) { 45.0 } else { 0.0 };
        hu::AIR + 30.0 * mattress + core + 620.0 * plates
    }

    /// Chest wall outside the cavity: skin, fat, muscle layers.
    #[inline]
    fn wall(&self, row: &RowSection, p: Vec3, body: f32, wall: f32) -> f32 {
        let depth = -body;
        if depth < 1.8 {
            return mix(hu::SKIN, hu::FAT, coverage(1.5 - depth, self.edge_mm));
        }
        let wavy = self.waves.at(p);
        let [x, y, _] = p;
        let behind = smooth_step(10.0, 70.0, y) * smooth_step(75.0, 35.0, x.abs()) * 18.0;
        let pectoral = smooth_step(-20.0, -70.0, y)
            * smooth_step(18.0, 45.0, x.abs())
            * smooth_step(-60.0, 30.0, row.z)
            * 9.0;
        let thick = 9.0 + (row.muscle_mm + behind + pectoral) * (1.0 + 0.25 * wavy);
        let subcutaneous = depth - (4.5 + 6.0 * self.fatness * (1.0 + 0.4 * wavy));
        let muscle_d = (wall - thick).max(-subcutaneous);
        let grain = self.streaks.at([p[0], p[1], p[2] * 0.35]);
        let muscle = hu::MUSCLE + 9.0 * grain - 75.0 * smooth_step(0.55, 0.8, grain);
        // Fat planes between the layers of muscle.
        let plane = (wall - 13.0 - 5.0 * wavy).abs().min((wall - 22.0 - 9.0 * wavy).abs());
        let muscle = mix(
            muscle,
            hu::FAT,
            coverage(plane - 0.7, 1.2) * 0.8 * smooth_step(-0.35, 0.25, grain + 0.4 * wavy),
        );
        let fat = hu::FAT + 6.0 * grain + 60.0 * smooth_step(0.72, 0.85, wavy * grain);
        mix(fat, muscle, coverage(muscle_d, self.edge_mm * 1.5))
    }

    /// Inside the cavity: lung, mediastinum or abdomen.
    #[inline]
    fn inside(&self, p: Vec3, wall: f32) -> f32 {
        let h = self.edge_mm;
        let [x, y, z] = p;
        let medial = lungs::mediastinum(x, y, z);
        let below = lungs::below_diaphragm(x, y, z);
        let lung = wall.max(below).max(-medial);
        let solid = if lung > -h {
            // The wall's own lining (pleura, endothoracic fascia) shows where lung meets rib.
            if medial < h && below < 0.5 || below < -h {
                organs::mediastinum(p, medial, &self.streaks, h)
            } else {
                organs::abdomen(p, wall, below, &self.streaks, h, self.gravity == Gravity::Back)
            }
        } else {
            0.0
        };
        if lung > h {
            return solid;
        }
        let air = self.parenchyma(p);
        if lung > -h { mix(solid, air, coverage(lung, h)) } else { air }
    }

    /// Lung tissue with its gradient along gravity, its grain and its fissures.
    #[inline]
    fn parenchyma(&self, p: Vec3) -> f32 {
        let dependent = match self.gravity {
            Gravity::Back => p[1],
            Gravity::Front => -p[1],
        };
        let mut value = hu::LUNG
            + 0.27 * dependent
            + 22.0 * smooth_step(55.0, 92.0, dependent)
            + 13.0 * self.patches.at(p)
            + 26.0 * self.grain.at(p);
        let fissure = lungs::fissure(p[0], p[1], p[2]);
        if fissure < 4.0 {
            // Few vessels reach the fissure: a darker band with the thin sheet in it.
            value -= 12.0 * smooth_step(4.0, 1.5, fissure);
            value += 330.0 * coverage(fissure - 0.35, self.edge_mm);
        }
        value
    }
}

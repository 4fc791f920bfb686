//! Windpipe, main bronchi and the bronchi that run beside the arteries.

use crate::chest::Chest;
use crate::lungs;
use crate::shape::{Vec3, add, scale, unit};
use crate::vessels::{Branch, Kind, Segment, radius_of};
use domain::Lobe;

/// Bronchi beside arteries with fewer ends than this are too thin to see.
const ENDS_MIN: usize = 34;

/// Thickness of the wall around a lumen of that radius, mm (10 to 15 % of the diameter, NETWORKS 4.5).
pub(crate) fn wall_mm(lumen_radius: f32) -> f32 {
    0.22 + 0.15 * lumen_radius
}

/// Radius of the lumen beside an artery that feeds `ends` twigs, mm.
fn lumen_of(ends: usize) -> f32 {
    0.72 * radius_of(ends)
}

/// Windpipe and main bronchi down to each lobe's hilum.
pub(crate) fn central(chest: &Chest, segments: &mut Vec<Segment>) {
    let mut tube = |points: &[(Vec3, f32)]| {
        for pair in points.windows(2) {
            if let [(a, ra), (b, rb)] = pair {
                let (a, b) = (chest.to_patient(*a), chest.to_patient(*b));
                segments.push(Segment { a, b, radius_a: *ra, radius_b: *rb, kind: Kind::Airway });
            }
        }
    };
    let carina = [0.0, 18.0, 34.0];
    tube(&[([-1.0, 6.0, 190.0], 9.0), ([-1.0, 10.0, 110.0], 8.8), ([0.0, 15.0, 60.0], 8.8), (carina, 8.6)]);
    let right = [-20.0, 18.0, 20.0];
    let left = [24.0, 20.0, 12.0];
    tube(&[(carina, 7.2), (right, 6.4)]);
    tube(&[(carina, 6.6), (left, 5.6)]);
    let lobar = |lobe: Lobe| chest.to_body(bronchus_start(chest, lobe));
    tube(&[(right, 5.0), (lobar(Lobe::Rul), 3.9)]);
    let intermediate = [-28.0, 18.0, 2.0];
    tube(&[(right, 5.6), (intermediate, 5.0), (lobar(Lobe::Rml), 2.8)]);
    tube(&[(intermediate, 4.8), (lobar(Lobe::Rll), 4.0)]);
    tube(&[(left, 4.8), (lobar(Lobe::Lul), 4.0)]);
    tube(&[(left, 5.0), (lobar(Lobe::Lll), 4.0)]);
}

/// Side on which the bronchi of a lobe lie beside the arteries.
fn offset_direction(lobe: Lobe) -> Vec3 {
    let side = if lobe.side() == domain::Side::Left { -1.0 } else { 1.0 };
    unit(match lobe {
        Lobe::Rul | Lobe::Lul => [side * 0.7, 0.6, -0.4],
        Lobe::Rml => [side * 0.5, 0.5, -0.7],
        Lobe::Rll | Lobe::Lll => [side * 0.6, -0.7, 0.3],
    })
}

/// First point of a lobe's bronchus, patient LPS mm.
fn bronchus_start(chest: &Chest, lobe: Lobe) -> Vec3 {
    let apart = radius_of(1600) + lumen_of(1600) + wall_mm(lumen_of(1600));
    add(chest.to_patient(lungs::hilum(lobe)), scale(offset_direction(lobe), apart))
}

/// Bronchi of a lobe along its arteries.
pub(crate) fn beside_arteries(lobe: Lobe, arteries: &[Branch], segments: &mut Vec<Segment>) {
    let direction = offset_direction(lobe);
    for branch in arteries.iter().filter(|b| b.ends >= ENDS_MIN) {
        // One direction for the whole lobe keeps neighbouring branches joined.
        let at = |p: Vec3, ends: usize| {
            let r = lumen_of(ends);
            let apart = radius_of(ends) + r + wall_mm(r) + 0.2;
            (add(p, scale(direction, apart)), r)
        };
        let (a, radius_a) = at(branch.a, branch.ends);
        let (b, radius_b) = at(branch.b, branch.ends_after.max(ENDS_MIN / 3));
        segments.push(Segment { a, b, radius_a, radius_b, kind: Kind::Airway });
    }
}

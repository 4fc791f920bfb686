//! Soft organs: heart and great vessels, gullet, nodes' fat; liver, spleen, stomach under the diaphragm.

use crate::chest::hu;
use crate::lungs;
use crate::shape::{Vec3, capsule, coverage, ellipsoid, mix, smooth_step};
use crate::texture::Field;

/// A tube of blood along corner points.
struct Tube {
    points: &'static [Vec3],
    radius: f32,
}

/// Great vessels of the mediastinum, body frame.
const TUBES: [Tube; 8] = [
    // Ascending aorta, arch, descending aorta.
    Tube {
        points: &[
            [2.0, -20.0, -12.0],
            [-14.0, -22.0, 12.0],
            [-12.0, -18.0, 38.0],
            [2.0, -2.0, 52.0],
            [20.0, 26.0, 50.0],
            [26.0, 40.0, 36.0],
            [26.0, 44.0, -60.0],
            [14.0, 44.0, -220.0],
        ],
        radius: 12.8,
    },
    // Superior vena cava with the right brachiocephalic vein.
    Tube {
        points: &[[-27.0, -8.0, -12.0], [-28.0, -12.0, 45.0], [-34.0, -22.0, 82.0], [-40.0, -20.0, 130.0]],
        radius: 8.6,
    },
    // Left brachiocephalic vein.
    Tube {
        points: &[[-27.0, -16.0, 52.0], [0.0, -30.0, 62.0], [30.0, -24.0, 80.0], [40.0, -18.0, 130.0]],
        radius: 5.6,
    },
    // Pulmonary trunk and left pulmonary artery.
    Tube {
        points: &[[16.0, -34.0, -8.0], [18.0, -28.0, 12.0], [28.0, 0.0, 24.0], [40.0, 14.0, 16.0]],
        radius: 11.5,
    },
    // Right pulmonary artery.
    Tube { points: &[[16.0, -16.0, 16.0], [-8.0, 0.0, 14.0], [-36.0, 8.0, 12.0]], radius: 9.0 },
    // Brachiocephalic trunk, left carotid, left subclavian.
    Tube { points: &[[-4.0, -10.0, 54.0], [-18.0, -8.0, 80.0], [-24.0, -2.0, 140.0]], radius: 5.6 },
    Tube { points: &[[6.0, -2.0, 54.0], [12.0, -2.0, 80.0], [20.0, 0.0, 140.0]], radius: 3.8 },
    Tube { points: &[[14.0, 12.0, 54.0], [24.0, 14.0, 82.0], [52.0, 4.0, 112.0]], radius: 4.6 },
];

impl Tube {
    #[inline]
    fn distance(&self, p: Vec3) -> f32 {
        let mut d = f32::MAX;
        for pair in self.points.windows(2) {
            if let [a, b] = pair {
                d = d.min(capsule(p, *a, *b, self.radius));
            }
        }
        d
    }
}

/// HU inside the mediastinum; `medial` is the distance to its surface.
pub(crate) fn mediastinum(p: Vec3, medial: f32, grain: &Field, h: f32) -> f32 {
    let texture = grain.at(p);
    let mut value = hu::INNER_FAT + 9.0 * texture + 55.0 * smooth_step(0.6, 0.85, texture);
    for tube in &TUBES {
        let d = tube.distance(p);
        if d < h {
            value = mix(value, hu::BLOOD + 2.0 * texture, coverage(d, h));
            value = calcified(p, value, d, tube.radius, texture);
        }
    }
    value = heart(p, value, texture, h);
    // Gullet, sometimes with a little air in it.
    let gullet = capsule(p, [4.0, 36.0, 160.0], [8.0, 34.0, -30.0], 6.5).min(capsule(
        p,
        [8.0, 34.0, -30.0],
        [18.0, 26.0, -110.0],
        6.5,
    ));
    if gullet < h {
        value = mix(value, 35.0, coverage(gullet, h));
        let gas = smooth_step(0.1, 0.6, (p[2] * 0.09).sin());
        value = mix(value, -700.0, coverage(gullet + 5.0 - 1.5 * gas, h) * gas);
    }
    // Azygos vein beside the spine, lymph nodes beside the windpipe.
    let azygos = capsule(p, [-9.0, 40.0, -200.0], [-9.0, 38.0, 36.0], 3.6);
    value = mix(value, hu::BLOOD, coverage(azygos, h));
    for node in [[-17.0, 8.0, 46.0], [-2.0, 20.0, 18.0], [18.0, 8.0, 36.0], [-24.0, 26.0, 4.0]] {
        let d = ellipsoid([p[0] - node[0], p[1] - node[1], p[2] - node[2]], [5.0, 3.6, 7.0]);
        value = mix(value, 38.0, coverage(d, h) * 0.9);
    }
    // Pleura and pericardium: the outermost millimetre is soft tissue, not fat.
    mix(value, 20.0, coverage(-medial - 1.2, 1.0) * 0.8)
}

/// A few calcified plaques in the wall of the arch.
fn calcified(p: Vec3, value: f32, d: f32, radius: f32, texture: f32) -> f32 {
    if radius < 12.0 || d < -2.2 || p[2] < 20.0 {
        return value;
    }
    mix(value, 480.0, smooth_step(0.68, 0.78, texture) * coverage((d + 1.2).abs() - 0.7, 1.0))
}

fn heart(p: Vec3, value: f32, texture: f32, h: f32) -> f32 {
    let q = lungs::heart_frame(p);
    let muscle = ellipsoid(q, [58.5, 41.5, 46.5]);
    if muscle > h {
        return value;
    }
    let mut value = mix(value, 46.0 + 2.0 * texture, coverage(muscle, h));
    // Blood is a little darker than muscle without contrast agent; fat lies in the grooves.
    let left = ellipsoid([q[0] - 16.0, q[1] - 6.0, q[2] + 2.0], [26.0, 18.0, 20.0]);
    let right = ellipsoid([q[0] + 2.0, q[1] + 22.0, q[2] + 4.0], [32.0, 14.0, 26.0]);
    let atria = ellipsoid([q[0] + 26.0, q[1] - 12.0, q[2] - 6.0], [22.0, 22.0, 26.0]);
    value = mix(value, hu::BLOOD - 2.0, coverage(left.min(right).min(atria), 2.0));
    let groove = (q[0] + 8.0 + 0.25 * q[1]).abs() - 2.2;
    let rim = -muscle - 9.0;
    mix(value, -70.0, coverage(groove, 1.5) * coverage(rim, 3.0) * 0.85)
}

/// HU under the diaphragm; `wall` and `below` are distances to the cavity wall and the diaphragm.
pub(crate) fn abdomen(p: Vec3, wall: f32, below: f32, grain: &Field, h: f32, supine: bool) -> f32 {
    let texture = grain.at(p);
    let [x, y, z] = p;
    let mut value = hu::FAT + 8.0 * texture;
    // Diaphragm and abdominal wall: a thin sheet of muscle.
    if below < 3.2 || wall > -4.0 {
        value = mix(value, 48.0, coverage(below - 2.6, 1.0).max(coverage(-wall - 3.0, 1.0)));
    }
    // Liver fills the right side and reaches over the middle, thinner to the left.
    let left_edge = x - 34.0 - 0.45 * (z + 62.0).min(0.0).abs().min(30.0) + 0.5 * (y + 20.0).max(0.0);
    let lower = -(z + 210.0 + 0.5 * x);
    let liver = (wall + 4.0).max(2.2 - below).max(left_edge * 0.8).max(lower).max((y - 62.0) * 0.8);
    if liver < h {
        value = mix(value, 56.0 + 3.0 * texture, coverage(liver, h));
        let vein = capsule(p, [-20.0, 18.0, -48.0], [-70.0, -6.0, -100.0], 4.0).min(capsule(
            p,
            [-18.0, 14.0, -50.0],
            [-30.0, -36.0, -92.0],
            4.0,
        ));
        value = mix(value, 41.0, coverage(vein, h));
    }
    let cava = capsule(p, [-20.0, 22.0, -30.0], [-22.0, 28.0, -220.0], 10.0);
    value = mix(value, hu::BLOOD, coverage(cava, h));
    let aorta = capsule(p, [26.0, 44.0, -60.0], [14.0, 44.0, -220.0], 11.5);
    value = mix(value, hu::BLOOD, coverage(aorta, h));
    let crus = capsule(p, [-14.0, 40.0, -90.0], [-14.0, 44.0, -220.0], 5.0).min(capsule(
        p,
        [34.0, 36.0, -80.0],
        [30.0, 44.0, -220.0],
        5.0,
    ));
    value = mix(value, 50.0, coverage(crus, h));
    let spleen =
        ellipsoid([x - 94.0, y - 46.0, z + 98.0], [34.0, 42.0, 46.0]).max(wall + 4.0).max(2.2 - below);
    value = mix(value, 49.0 + 2.0 * texture, coverage(spleen, h));
    stomach(p, value, below, h, supine)
}

/// Stomach with contents and a gas bubble that rises against gravity.
fn stomach(p: Vec3, value: f32, below: f32, h: f32, supine: bool) -> f32 {
    let q = [p[0] - 62.0, p[1] + 14.0, p[2] + 90.0];
    let wall = ellipsoid(q, [38.0, 44.0, 42.0]).max(3.0 - below);
    if wall > h {
        return value;
    }
    let inside = coverage(wall + 3.5, h);
    let up = if supine { -p[1] } else { p[1] };
    let level = if supine { 24.0 } else { 12.0 };
    let gas = smooth_step(level - 0.5, level + 0.5, up);
    mix(mix(value, 44.0, coverage(wall, h)), mix(14.0, -960.0, gas), inside)
}

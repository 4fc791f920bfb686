//! Where a person's fissures lie on the whole: of many shifts and tilts of the mean surfaces the ones that the
//! pixels speak for.
//!
//! The right lung's two fissures are placed together: each looks like the other, and they move together from one
//! person to the next.

use super::atlas::{ACROSS, ALONG, Fissure, Pose, Surface};
use super::evidence::{Columns, Scene};
use ndarray::{Array2, Array3};

/// Places that may be reached by poses, mm on either side of the mean surface.
const REACH_MM: usize = 60;
/// Standard deviation along the columns by which evidence is spread, mm: a pose is not exact.
const SPREAD_MM: f64 = 1.5;
/// Of the chart's columns every so manieth is asked.
const THIN: usize = 2;
/// Weight of what is known of fissures' places.
const PRIOR_WEIGHT: f64 = 0.008;
/// Weight of the horizontal fissure beside the oblique one.
const HORIZONTAL_WEIGHT: f64 = 0.8;
/// A mean over fewer columns than these counts as one over so many.
const COLUMNS_MIN: f64 = 50.0;
const HORIZONTAL_COLUMNS_MIN: f64 = 60.0;
/// Poses of the oblique fissure that are tried with each pose of the horizontal one.
const BEST_COUNT: usize = 100;
/// Weight of what is known of the lobes' sizes: without it the oblique fissure may take the horizontal one's place.
const SIZE_WEIGHT: f64 = 0.02;
/// Part of the right lung that middle and lower lobe fill, and its standard deviation over chests.
const MIDDLE_LOBE: [f64; 2] = [0.20, 0.05];
const LOWER_LOBE: [f64; 2] = [0.47, 0.06];
/// The horizontal fissure's shift differs from the oblique one's by no more.
const APART_MAX: f64 = 0.105;

/// Poses of an oblique fissure: steps on either side of zero, and the distance of steps.
const SHIFTS: (i32, f64) = (7, 0.02);
const TILTS_A: (i32, f64) = (2, 0.08);
const TILTS_B: (i32, f64) = (4, 0.1);
/// Standard deviations over chests of shift and tilts.
const OBLIQUE_SD: [f64; 3] = [0.05, 0.08, 0.17];
/// The same of the horizontal one, whose shift is counted from the oblique one's.
const HORIZONTAL_SHIFTS: (i32, f64) = (12, 0.02);
const HORIZONTAL_TILTS_A: (i32, f64) = (1, 0.08);
const HORIZONTAL_TILTS_B: (i32, f64) = (1, 0.1);
const HORIZONTAL_SD: [f64; 3] = [0.05, 0.05, 0.06];

/// The left oblique fissure, roughly.
pub(super) fn left(scene: &Scene<'_>) -> Surface {
    let fissure = Fissure::LeftOblique;
    let ranked = ranked(&Thinned::of(scene, fissure));
    Surface::posed(fissure, ranked.first().map_or(Pose::MEAN, |(_, pose)| *pose))
}

/// The right oblique and the horizontal fissure, roughly.
pub(super) fn right(scene: &Scene<'_>) -> [Surface; 2] {
    let places = scene.places();
    let (oblique, horizontal) = rayon::join(
        || ranked(&Thinned::of(scene, Fissure::RightOblique)),
        || {
            let columns = Thinned::of(scene, Fissure::RightHorizontal);
            let poses = poses(HORIZONTAL_SHIFTS, HORIZONTAL_TILTS_A, HORIZONTAL_TILTS_B);
            let one = |pose| {
                (pose, columns.crossed_over_oblique(pose), below(Fissure::RightHorizontal, pose, &places))
            };
            poses.map(one).collect::<Vec<_>>()
        },
    );
    let mut best = (f64::INFINITY, Pose::MEAN, Pose::MEAN);
    for (own, pose) in oblique.iter().take(BEST_COUNT) {
        let lower = below(Fissure::RightOblique, *pose, &places);
        let near = |other: &Pose| (other.shift - pose.shift).abs() <= APART_MAX;
        for (other, crossed, under) in horizontal.iter().filter(|(other, ..)| near(other)) {
            let apart = Pose { shift: other.shift - pose.shift, ..*other };
            let energy = own
                + HORIZONTAL_WEIGHT * mean_above(crossed, *pose)
                + PRIOR_WEIGHT * apart.surprise(HORIZONTAL_SD)
                + SIZE_WEIGHT * size_surprise(&lower, under);
            if energy < best.0 {
                best = (energy, *pose, *other);
            }
        }
    }
    [Surface::posed(Fissure::RightOblique, best.1), Surface::posed(Fissure::RightHorizontal, best.2)]
}

impl Pose {
    const MEAN: Self = Self { shift: 0.0, tilt_a: 0.0, tilt_b: 0.0 };

    /// Sum of squares of shift and tilts, each in standard deviations.
    fn surprise(self, [shift, tilt_a, tilt_b]: [f64; 3]) -> f64 {
        (self.shift / shift).powi(2) + (self.tilt_a / tilt_a).powi(2) + (self.tilt_b / tilt_b).powi(2)
    }
}

/// Every combination of steps.
fn poses(shifts: (i32, f64), tilts_a: (i32, f64), tilts_b: (i32, f64)) -> impl Iterator<Item = Pose> {
    let steps = |(count, step): (i32, f64)| (-count..=count).map(move |i| f64::from(i) * step);
    steps(shifts).flat_map(move |shift| {
        steps(tilts_a)
            .flat_map(move |tilt_a| steps(tilts_b).map(move |tilt_b| Pose { shift, tilt_a, tilt_b }))
    })
}

/// Which of `places` lie below a fissure in this pose.
fn below(fissure: Fissure, pose: Pose, places: &[[f64; 3]]) -> Vec<bool> {
    let lies_below = |place: &[f64; 3]| {
        let [a, b, u] = fissure.project(*place);
        u <= fissure.height(pose, a, b)
    };
    places.iter().map(lies_below).collect()
}

/// How unusual the sizes of middle and lower lobe are: squares of standard deviations. For places all over the right
/// lung, `lower` says which lie below the oblique fissure, `under` which lie below the horizontal one.
fn size_surprise(lower: &[bool], under: &[bool]) -> f64 {
    let all = lower.len().max(1) as f64;
    let lower_count = lower.iter().filter(|v| **v).count() as f64;
    let middle_count = lower.iter().zip(under).filter(|(lower, under)| !**lower && **under).count() as f64;
    let one = |count: f64, [mean, sd]: [f64; 2]| ((count / all - mean) / sd).powi(2);
    one(middle_count, MIDDLE_LOBE) + one(lower_count, LOWER_LOBE)
}

/// Poses of an oblique fissure with their energies, best first.
fn ranked(columns: &Thinned) -> Vec<(f64, Pose)> {
    let mut ranked: Vec<(f64, Pose)> = poses(SHIFTS, TILTS_A, TILTS_B)
        .map(|pose| {
            let crossed = columns.crossed(pose);
            let (sum, count) =
                crossed.iter().flatten().fold((0.0, 0.0), |(s, n), v| (s + f64::from(*v), n + 1.0));
            (sum / f64::max(count, COLUMNS_MIN) + PRIOR_WEIGHT * pose.surprise(OBLIQUE_SD), pose)
        })
        .collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    ranked
}

/// Some of a chart's columns.
struct Thinned {
    fissure: Fissure,
    columns: Columns,
    cost: Array3<f32>,
}

impl Thinned {
    fn of(scene: &Scene<'_>, fissure: Fissure) -> Self {
        let columns = Columns::around(scene, Surface::posed(fissure, Pose::MEAN), REACH_MM);
        let cost =
            crate::filter::gaussian(columns.cost.view(), SPREAD_MM, [f64::INFINITY, f64::INFINITY, 1.0]);
        Self { fissure, columns, cost }
    }

    /// Cost where the fissure in this pose crosses each column; `None` outside the lung.
    fn crossed(&self, pose: Pose) -> Array2<Option<f32>> {
        Array2::from_shape_fn((ACROSS / THIN, ALONG / THIN), |(i, j)| {
            let (i, j) = (i * THIN, j * THIN);
            let [a, b] = self.fissure.column(i, j);
            let step = self.columns.step(self.fissure.moved(pose, a, b))?;
            self.columns.inside[[i, j, step]].then(|| self.cost[[i, j, step]])
        })
    }

    /// What the horizontal fissure in this pose crosses within the lung, with where that lies to the oblique one's mean.
    fn crossed_over_oblique(&self, pose: Pose) -> Vec<Crossed> {
        let crossed = self.crossed(pose);
        let held = crossed.indexed_iter().filter_map(|((i, j), cost)| Some((i, j, (*cost)?)));
        held.map(|(i, j, cost)| {
            let [a, b] = self.fissure.column(i * THIN, j * THIN);
            let place = self.fissure.lift([a, b, self.fissure.height(pose, a, b)]);
            let [a, b, u] = Fissure::RightOblique.project(place);
            Crossed { cost, a, b, above_mean: u - Fissure::RightOblique.height(Pose::MEAN, a, b) }
        })
        .collect()
    }
}

/// A place on the horizontal fissure, on the oblique one's chart.
struct Crossed {
    cost: f32,
    a: f64,
    b: f64,
    above_mean: f64,
}

/// Mean cost of those that lie above the oblique fissure in this pose.
fn mean_above(crossed: &[Crossed], oblique: Pose) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for Crossed { cost, a, b, above_mean } in crossed {
        if *above_mean > Fissure::RightOblique.moved(oblique, *a, *b) {
            sum += f64::from(*cost);
            count += 1.0;
        }
    }
    sum / f64::max(count, HORIZONTAL_COLUMNS_MIN)
}

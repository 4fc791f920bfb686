//! Draws one slice before the scanner blurs it: body, tubes, nodules.

use crate::airways::wall_mm;
use crate::chest::{Chest, hu};
use crate::grid::{Grid, Plane};
use crate::nodule::{HAZE_HU, Material, Nodule};
use crate::shape::{Vec3, add, coverage, mix, nearest_on_segment, scale};
use crate::vessels::{Kind, Segment};
use ndarray::{Array2, Axis};

/// Samples per pixel and direction where a nodule's surface passes.
const SAMPLES: u16 = 4;

/// All that can be drawn.
pub(crate) struct Scene {
    /// The person.
    pub(crate) chest: Chest,
    /// Vessels and airways.
    pub(crate) segments: Vec<Segment>,
    /// Nodules in place.
    pub(crate) nodules: Vec<Nodule>,
}

/// Share of one voxel that a nodule fills.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// Index of the nodule.
    pub(crate) nodule: usize,
    /// Row.
    pub(crate) row: usize,
    /// Column.
    pub(crate) column: usize,
    /// 0 to 1.
    pub(crate) share: f32,
}

/// Sum over a voxel's samples.
#[derive(Default)]
struct Filling {
    tissue: f32,
    tissue_hu: f32,
    haze: f32,
}

impl Scene {
    /// HU of slice `slice` averaged over `thickness_mm`, and what the nodules fill of it.
    pub(crate) fn slice(&self, grid: &Grid, slice: usize, thickness_mm: f64) -> (Array2<f32>, Vec<Share>) {
        let planes = ((thickness_mm / 1.05).ceil() as usize).max(1);
        let mut sum = Array2::<f32>::zeros((grid.shape[1], grid.shape[2]));
        let mut one = Array2::<f32>::zeros(sum.dim());
        for i in 0..planes {
            let across = ((i as f64 + 0.5) / planes as f64 - 0.5) * thickness_mm;
            let plane = grid.plane(slice, across);
            self.body(&plane, &mut one);
            self.tubes(&plane, (thickness_mm / planes as f64) as f32, &mut one);
            sum += &one;
        }
        sum /= planes as f32;
        let shares = self.nodules(&grid.plane(slice, 0.0), thickness_mm as f32, &mut sum);
        (sum, shares)
    }

    fn body(&self, plane: &Plane, out: &mut Array2<f32>) {
        let dx = plane.u[0] * plane.pixel_mm;
        for (row, mut line) in out.axis_iter_mut(Axis(0)).enumerate() {
            if let Some(line) = line.as_slice_mut() {
                self.chest.draw_row(plane.at(row as f32, 0.0), dx, line);
            }
        }
    }

    /// Vessels first, then bronchi with their walls, so that a lumen stays open.
    fn tubes(&self, plane: &Plane, depth_mm: f32, out: &mut Array2<f32>) {
        let wide = (plane.pixel_mm * plane.pixel_mm * depth_mm).cbrt().max(plane.pixel_mm);
        let part = |kind: fn(Kind) -> bool| self.segments.iter().filter(move |s| kind(s.kind));
        for segment in part(|k| k != Kind::Airway) {
            each_pixel(plane, segment, wide, 0.0, out, |value, d, r| {
                // A twig thinner than a pixel keeps its cross-section, not its HU.
                let thin = r * r / (r * r + wide * wide / 12.0);
                let w = coverage(d - r, wide) * if r < wide { thin } else { 1.0 };
                if *value < hu::BLOOD { mix(*value, hu::BLOOD, w) } else { *value }
            });
        }
        for segment in part(|k| k == Kind::Airway) {
            each_pixel(plane, segment, wide, 1.9, out, |value, d, r| {
                let w = coverage(d - r - wall_mm(r), wide);
                if *value < 20.0 { mix(*value, 20.0, w) } else { *value }
            });
        }
        for segment in part(|k| k == Kind::Airway) {
            each_pixel(plane, segment, wide, 0.0, out, |value, d, r| {
                mix(*value, -985.0, coverage(d - r, wide))
            });
        }
    }

    fn nodules(&self, plane: &Plane, thickness_mm: f32, out: &mut Array2<f32>) -> Vec<Share> {
        let mut shares = Vec::new();
        for (index, nodule) in self.nodules.iter().enumerate() {
            let at = plane.local(nodule.center);
            if at[2].abs() > nodule.reach + thickness_mm {
                continue;
            }
            let touches = self.chest.lung_distance(nodule.center) > -nodule.reach;
            let (rows, columns) = pixel_box(plane, [at, at], nodule.reach, out.dim());
            for row in rows {
                for column in columns.clone() {
                    let filling = fill(nodule, plane, row, column, thickness_mm);
                    if filling.tissue + filling.haze <= 0.0 {
                        continue;
                    }
                    let p = plane.at(row as f32, column as f32);
                    let lung = if touches { coverage(self.chest.lung_distance(p) - 0.3, 1.0) } else { 1.0 };
                    let share = (filling.tissue + filling.haze) * lung;
                    out[[row, column]] = compose(out[[row, column]], &filling, lung);
                    if share > 0.0 {
                        shares.push(Share { nodule: index, row, column, share });
                    }
                }
            }
        }
        shares
    }
}

/// Lung with a nodule in it: haze adds, tissue replaces.
fn compose(value: f32, filling: &Filling, lung: f32) -> f32 {
    let room = ((20.0 - value) / 850.0).clamp(0.0, 1.0);
    let hazy = value + HAZE_HU * filling.haze * room * lung;
    if filling.tissue > 0.0 {
        mix(hazy, filling.tissue_hu / filling.tissue, filling.tissue * lung)
    } else {
        hazy
    }
}

/// Shares of one voxel by sampling; whole voxels are recognised by their corners.
fn fill(nodule: &Nodule, plane: &Plane, row: usize, column: usize, thickness_mm: f32) -> Filling {
    let deep = u16::try_from((thickness_mm.ceil() as i32).clamp(1, 12)).unwrap_or(1) * SAMPLES;
    let mut filling = Filling::default();
    let one = 1.0 / f32::from(SAMPLES * SAMPLES * deep);
    let offset = |i: u16, n: u16| (f32::from(i) + 0.5) / f32::from(n) - 0.5;
    for k in 0..deep {
        let across = scale(plane.n, offset(k, deep) * thickness_mm);
        for j in 0..SAMPLES {
            for i in 0..SAMPLES {
                let p = plane.at(row as f32 + offset(j, SAMPLES), column as f32 + offset(i, SAMPLES));
                match nodule.at(add(p, across)) {
                    Some(Material::Tissue(v)) => {
                        filling.tissue += one;
                        filling.tissue_hu += one * v;
                    }
                    Some(Material::Haze) => filling.haze += one,
                    None => {}
                }
            }
        }
    }
    filling
}

/// Rows and columns whose pixels lie within `reach` mm of the box around two local places.
fn pixel_box(
    plane: &Plane,
    ends: [Vec3; 2],
    reach: f32,
    (rows, columns): (usize, usize),
) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let range = |axis: usize, count: usize| {
        let low = (ends[0][axis].min(ends[1][axis]) - reach) / plane.pixel_mm;
        let high = (ends[0][axis].max(ends[1][axis]) + reach) / plane.pixel_mm;
        let from = low.floor().max(0.0) as usize;
        let to = (high.ceil().max(-1.0) + 1.0) as usize;
        from.min(count)..to.min(count)
    };
    (range(1, rows), range(0, columns))
}

/// Calls `change(value, distance from the axis, radius there)` for each pixel near a segment.
fn each_pixel(
    plane: &Plane,
    segment: &Segment,
    wide: f32,
    around: f32,
    out: &mut Array2<f32>,
    change: impl Fn(&f32, f32, f32) -> f32,
) {
    let (a, b) = (plane.local(segment.a), plane.local(segment.b));
    let reach = segment.radius_a.max(segment.radius_b) + around + wide;
    let Some(ends) = clip(a, b, reach) else { return };
    let (rows, columns) = pixel_box(plane, ends, reach, out.dim());
    for row in rows {
        for column in columns.clone() {
            let p = [column as f32 * plane.pixel_mm, row as f32 * plane.pixel_mm, 0.0];
            let (t, d) = nearest_on_segment(p, a, b);
            if d < reach {
                let r = segment.radius_a + (segment.radius_b - segment.radius_a) * t;
                let value = &mut out[[row, column]];
                *value = change(value, d, r);
            }
        }
    }
}

/// The part of a segment within `reach` of the plane.
fn clip(a: Vec3, b: Vec3, reach: f32) -> Option<[Vec3; 2]> {
    let (low, high) = (a[2].min(b[2]), a[2].max(b[2]));
    if low > reach || high < -reach {
        return None;
    }
    let rise = b[2] - a[2];
    if rise.abs() < 1e-6 {
        return Some([a, b]);
    }
    let t = |z: f32| ((z - a[2]) / rise).clamp(0.0, 1.0);
    let at = |t: f32| -> Vec3 { std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t) };
    Some([at(t(-reach)), at(t(reach))])
}

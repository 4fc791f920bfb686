//! From a sorted stack to the grid of the volume: spacing, gaps, tilt, thickness, coverage.

use super::stack::{Slice, dot};
use super::{AssemblyRules, LeftOut, SingleGap};
use crate::header::InstanceHeader;
use crate::volume::PlannedSlice;
use domain::{Affine, SeriesWarning, SkipReason};

/// A laid out stack.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    pub(crate) slices: Vec<PlannedSlice>,
    pub(crate) affine: Affine,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) spacing_mm: f64,
    /// Larger of spacing and SliceThickness.
    pub(crate) thickness_mm: f64,
    pub(crate) tilt_degrees: f64,
    pub(crate) warnings: Vec<SeriesWarning>,
}

/// Fewer slices than this have no usual spacing.
const SPACING_SLICES_MIN: usize = 5;

pub(super) fn lay_out(
    headers: &[InstanceHeader],
    stack: Vec<Slice>,
    rules: &AssemblyRules,
    left_out: &mut LeftOut,
) -> Result<Grid, SkipReason> {
    let count = stack.len();
    let (Some(first), true) = (stack.first().copied(), count >= SPACING_SLICES_MIN) else {
        return Err(SkipReason::TooFewSlices { count, count_min: rules.slices_count_min });
    };
    let lean = Lean::of(&stack, &first);
    lean.check(&first, rules)?;
    let spacing_mm = median(&steps(&stack));
    let thickness_mm =
        stack.iter().filter_map(|s| headers.get(s.header)?.slice_thickness_mm).fold(spacing_mm, f64::max);
    if thickness_mm > rules.thickness_mm_max + 0.01 {
        return Err(SkipReason::SlicesTooThick { thickness_mm, thickness_mm_max: rules.thickness_mm_max });
    }
    let stack = regular_run(stack, spacing_mm, rules, left_out);
    let count = stack.len();
    if count < rules.slices_count_min {
        return Err(SkipReason::TooFewSlices { count, count_min: rules.slices_count_min });
    }
    let coverage_mm = stack.first().zip(stack.last()).map_or(0.0, |(f, l)| l.along - f.along);
    if coverage_mm < rules.coverage_mm_min {
        return Err(SkipReason::CoverageTooShort { coverage_mm, coverage_mm_min: rules.coverage_mm_min });
    }
    let gap = spacing(&stack, spacing_mm, rules)?;
    let mut warnings = Vec::new();
    if let Some(index) = gap {
        warnings.push(SeriesWarning::SliceInterpolated { after_slice_number: index + 1 });
    }
    let lean = Lean::of(&stack, &first);
    lean.check_line(&stack)?;
    if lean.is_tilted() {
        warnings.push(SeriesWarning::TiltCorrected { tilt_degrees: lean.degrees });
    }
    let slices = planned(&stack, gap, &lean);
    let affine = affine(&stack, slices.len(), &lean)?;
    Ok(Grid {
        rows: first.rows,
        columns: first.columns,
        spacing_mm,
        thickness_mm,
        tilt_degrees: if lean.is_tilted() { lean.degrees } else { 0.0 },
        slices,
        affine,
        warnings,
    })
}

fn steps(stack: &[Slice]) -> Vec<f64> {
    stack.iter().zip(stack.iter().skip(1)).map(|(a, b)| b.along - a.along).collect()
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// How the stack leans: the way from first to last slice against the slice normal.
struct Lean {
    /// In-plane drift, mm per mm along the normal: towards rising columns, towards rising rows.
    drift: [f64; 2],
    /// Drift over the whole stack, pixels.
    pixels: f64,
    /// Angle between normal and way.
    degrees: f64,
    /// Unit vector from first to last slice.
    way: [f64; 3],
    normal: [f64; 3],
}

impl Lean {
    fn of(stack: &[Slice], first: &Slice) -> Self {
        let normal = first.normal();
        let (a, b) = stack
            .first()
            .zip(stack.last())
            .map_or((first.position, first.position), |(f, l)| (f.position, l.position));
        let d = difference(b, a);
        let along = dot(d, normal);
        let length = dot(d, d).sqrt();
        let (x, y) = (dot(d, first.row_axis), dot(d, first.column_axis));
        let [row_spacing, column_spacing] = first.spacing;
        let safe = |v: f64| if v.abs() < 1e-9 { 1e-9 } else { v };
        Self {
            drift: [x / safe(along), y / safe(along)],
            pixels: (x / column_spacing).abs().max((y / row_spacing).abs()),
            degrees: (along.abs() / safe(length)).clamp(0.0, 1.0).acos().to_degrees(),
            way: d.map(|v| v / safe(length)),
            normal,
        }
    }

    /// Half a pixel over the whole stack is rounding, not tilt.
    fn is_tilted(&self) -> bool {
        self.pixels > 0.5
    }

    /// Axial, or tilted by no more than is corrected. A tilted stack is judged by the table's way.
    fn check(&self, first: &Slice, rules: &AssemblyRules) -> Result<(), SkipReason> {
        let [_, _, normal_z] = self.normal;
        let [_, _, way_z] = self.way;
        if self.is_tilted() && self.degrees > rules.tilt_degrees_max && way_z.abs() >= rules.normal_z_min {
            return Err(SkipReason::GantryTilt { tilt_degrees: self.degrees });
        }
        let z = if self.is_tilted() { way_z.abs() } else { normal_z.abs() };
        if z < rules.normal_z_min || !first.along.is_finite() {
            return Err(SkipReason::NotAxial {
                tilt_degrees: normal_z.abs().clamp(0.0, 1.0).acos().to_degrees(),
            });
        }
        Ok(())
    }

    /// Every slice lies on the line from first to last, within a pixel: else two fields of view are mixed.
    fn check_line(&self, stack: &[Slice]) -> Result<(), SkipReason> {
        let Some(first) = stack.first() else { return Ok(()) };
        let [drift_x, drift_y] = self.drift;
        let [row_spacing, column_spacing] = first.spacing;
        let off = stack.iter().any(|s| {
            let d = difference(s.position, first.position);
            let along = s.along - first.along;
            (dot(d, first.row_axis) - drift_x * along).abs() > column_spacing
                || (dot(d, first.column_axis) - drift_y * along).abs() > row_spacing
        });
        if off { Err(SkipReason::MixedMatrix) } else { Ok(()) }
    }
}

fn difference(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    let ([ax, ay, az], [bx, by, bz]) = (a, b);
    [ax - bx, ay - by, az - bz]
}

/// Cuts a tail of other spacing (overlapping ends occur) when what stays is nine tenths of the stack.
fn regular_run(stack: Vec<Slice>, usual: f64, rules: &AssemblyRules, left_out: &mut LeftOut) -> Vec<Slice> {
    let regular =
        |d: f64| (d - usual).abs() <= rules.spacing_tolerance_mm || is_multiple(d, usual, rules).is_some();
    let mut best = (0, 0);
    let mut start = 0;
    let steps = steps(&stack);
    for (i, step) in steps.iter().chain([&f64::NAN]).enumerate() {
        if !regular(*step) {
            let (a, b) = best;
            if i + 1 - start > b - a {
                best = (start, i + 1);
            }
            start = i + 1;
        }
    }
    let (a, b) = best;
    if (b - a) * 10 >= stack.len() * 9 && b - a < stack.len() {
        left_out.add(stack.len() - (b - a), "other spacing at the end of the stack");
        return stack.get(a..b).unwrap_or(&[]).to_vec();
    }
    stack
}

/// `d` is a whole multiple (2 and more) of the usual spacing: how many slices are missing.
fn is_multiple(d: f64, usual: f64, rules: &AssemblyRules) -> Option<f64> {
    let times = (d / usual).round();
    let near = (d - times * usual).abs() <= rules.spacing_tolerance_mm * times;
    (times >= 2.0 && near).then_some(times - 1.0)
}

/// Even spacing, or one single missing slice: index of the slice before it.
fn spacing(stack: &[Slice], usual: f64, rules: &AssemblyRules) -> Result<Option<usize>, SkipReason> {
    let steps = steps(stack);
    let odd: Vec<(usize, f64)> = steps
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, d)| (d - usual).abs() > rules.spacing_tolerance_mm)
        .collect();
    let Some((index, gap_mm)) = odd.first().copied() else { return Ok(None) };
    let missing: Vec<f64> = odd.iter().filter_map(|(_, d)| is_multiple(*d, usual, rules)).collect();
    if missing.len() != odd.len() {
        let fold = |f: fn(f64, f64) -> f64| steps.iter().copied().fold(usual, f);
        return Err(SkipReason::UnevenSpacing {
            spacing_mm_min: fold(f64::min),
            spacing_mm_max: fold(f64::max),
        });
    }
    let single = missing.iter().sum::<f64>() < 1.5;
    if single && rules.single_gap == SingleGap::Interpolate {
        return Ok(Some(index));
    }
    Err(SkipReason::SliceGap { after_slice_number: index + 1, gap_mm, spacing_mm: usual })
}

/// One entry per slice of the volume, with the missing one filled in and each one's in-plane shift.
fn planned(stack: &[Slice], gap: Option<usize>, lean: &Lean) -> Vec<PlannedSlice> {
    let middle = stack.first().zip(stack.last()).map_or(0.0, |(f, l)| f64::midpoint(f.along, l.along));
    let mut planned = Vec::with_capacity(stack.len() + 1);
    for (i, slice) in stack.iter().enumerate() {
        let [drift_x, drift_y] = lean.drift;
        let [row_spacing, column_spacing] = slice.spacing;
        let away = slice.along - middle;
        let shift = if lean.is_tilted() {
            [-drift_y * away / row_spacing, -drift_x * away / column_spacing]
        } else {
            [0.0, 0.0]
        };
        let entry = PlannedSlice {
            header: slice.header,
            frame: slice.frame,
            interpolated: false,
            shift_pixels: shift,
        };
        planned.push(entry);
        if gap == Some(i) {
            planned.push(PlannedSlice { interpolated: true, ..entry });
        }
    }
    planned
}

/// Affine of the grid. Without tilt the step is the true way from first to last slice; with tilt the
/// stack is straightened about its middle and the step follows the normal.
fn affine(stack: &[Slice], count: usize, lean: &Lean) -> Result<Affine, SkipReason> {
    let broken = || SkipReason::GeometryMissing {
        attribute: "ImagePositionPatient".to_owned(),
        sop_instance_uid: String::new(),
    };
    let (first, last) = stack.first().zip(stack.last()).ok_or_else(broken)?;
    #[allow(clippy::cast_precision_loss)] // some thousand slices
    let steps = (count - 1).max(1) as f64;
    let [row_spacing, column_spacing] = first.spacing;
    let (mut origin, mut step) =
        (first.position, difference(last.position, first.position).map(|v| v / steps));
    if lean.is_tilted() {
        let along = last.along - first.along;
        let half = along / 2.0;
        let [drift_x, drift_y] = lean.drift;
        let shift: Vec<f64> = first
            .row_axis
            .iter()
            .zip(first.column_axis)
            .map(|(x, y)| half * (drift_x * x + drift_y * y))
            .collect();
        for (o, s) in origin.iter_mut().zip(shift) {
            *o += s;
        }
        step = lean.normal.map(|v| v * along / steps);
    }
    Affine::new(
        origin.into(),
        step,
        first.column_axis.map(|v| v * row_spacing),
        first.row_axis.map(|v| v * column_spacing),
    )
    .map_err(|_| broken())
}

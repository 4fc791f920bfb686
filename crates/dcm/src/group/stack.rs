//! Frames with their place, grouped by grid, without duplicates.

use super::{AssemblyRules, LeftOut};
use crate::header::{FrameGeometry, InstanceHeader};
use domain::SkipReason;
use std::collections::BTreeMap;

/// One frame with complete geometry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slice {
    pub(super) header: usize,
    pub(super) frame: usize,
    pub(super) position: [f64; 3],
    /// Direction of rising column index, unit length.
    pub(super) row_axis: [f64; 3],
    /// Direction of rising row index, unit length.
    pub(super) column_axis: [f64; 3],
    /// mm between rows, mm between columns.
    pub(super) spacing: [f64; 2],
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Place along the stack, rising towards the head.
    pub(super) along: f64,
}

pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

pub(super) fn cross([a, b, c]: [f64; 3], [d, e, f]: [f64; 3]) -> [f64; 3] {
    [b * f - c * e, c * d - a * f, a * e - b * d]
}

impl Slice {
    /// Slice normal, turned towards the head (towards rising y, then x, where it has no z).
    pub(super) fn normal(&self) -> [f64; 3] {
        let normal = cross(self.row_axis, self.column_axis);
        let [x, y, z] = normal;
        let up = if z.abs() > 1e-6 {
            z
        } else if y.abs() > 1e-6 {
            y
        } else {
            x
        };
        if up < 0.0 { normal.map(|v| -v) } else { normal }
    }
}

/// Frames of `images` with geometry. Frames without it are left out where others remain.
pub(super) fn slices(
    headers: &[InstanceHeader],
    images: &[usize],
    left_out: &mut LeftOut,
) -> Result<Vec<Slice>, SkipReason> {
    let mut slices = Vec::new();
    let mut first_missing = None;
    let mut missing = 0;
    for (index, header) in images.iter().filter_map(|i| Some((*i, headers.get(*i)?))) {
        for (frame, geometry) in header.frames.iter().enumerate() {
            match slice(index, frame, header, geometry) {
                Ok(slice) => slices.push(slice),
                Err(attribute) => {
                    missing += 1;
                    first_missing.get_or_insert_with(|| SkipReason::GeometryMissing {
                        attribute: attribute.to_owned(),
                        sop_instance_uid: header.sop_instance_uid.to_string(),
                    });
                }
            }
        }
    }
    match first_missing {
        // A few strays are left out; a hole that they leave is found later. A tenth is no stray.
        Some(reason) if missing * 10 > slices.len() => Err(reason),
        _ => {
            left_out.add(missing, "position, orientation or pixel spacing is missing");
            Ok(slices)
        }
    }
}

/// The frame's place, or the keyword of what is missing or malformed.
fn slice(
    index: usize,
    frame: usize,
    header: &InstanceHeader,
    geometry: &FrameGeometry,
) -> Result<Slice, &'static str> {
    let position = geometry.position.ok_or("ImagePositionPatient")?;
    let [a, b, c, d, e, f] = geometry.orientation.ok_or("ImageOrientationPatient")?;
    let spacing = geometry.pixel_spacing.filter(|s| s.iter().all(|v| *v > 0.0)).ok_or("PixelSpacing")?;
    let (row, column) = ([a, b, c], [d, e, f]);
    let (row_length, column_length) = (dot(row, row).sqrt(), dot(column, column).sqrt());
    // Cosines are rounded by senders; beyond a percent they are something else.
    let unit = |l: f64| (0.99..1.01).contains(&l);
    if !unit(row_length) || !unit(column_length) || dot(row, column).abs() > 0.01 {
        return Err("ImageOrientationPatient");
    }
    let mut slice = Slice {
        header: index,
        frame,
        position,
        row_axis: row.map(|v| v / row_length),
        column_axis: column.map(|v| v / column_length),
        spacing,
        rows: header.rows(),
        columns: header.columns(),
        along: 0.0,
    };
    slice.along = dot(position, slice.normal());
    Ok(slice)
}

/// Slices that share orientation, matrix and pixel spacing.
pub(super) struct Groups(Vec<Vec<Slice>>);

/// Groups by grid. FrameOfReferenceUID is no key: it may differ on every slice of one scan.
pub(super) fn by_grid(slices: Vec<Slice>) -> Groups {
    let mut groups: Vec<Vec<Slice>> = Vec::new();
    for slice in slices {
        let same = |g: &&mut Vec<Slice>| {
            g.first().is_some_and(|s| same_orientation(s, &slice) && same_matrix(s, &slice))
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(slice),
            None => groups.push(vec![slice]),
        }
    }
    Groups(groups)
}

fn same_orientation(a: &Slice, b: &Slice) -> bool {
    let near = |p: [f64; 3], q: [f64; 3]| p.iter().zip(q).all(|(x, y)| (x - y).abs() < 1e-3);
    near(a.row_axis, b.row_axis) && near(a.column_axis, b.column_axis)
}

fn same_matrix(a: &Slice, b: &Slice) -> bool {
    let near = a.spacing.iter().zip(b.spacing).all(|(x, y)| (x - y).abs() < 1e-4);
    a.rows == b.rows && a.columns == b.columns && near
}

impl Groups {
    /// The group with most slices; an error when none is large enough although all together would be.
    pub(super) fn largest(self, count_min: usize, total: usize) -> Result<Vec<Slice>, SkipReason> {
        let mixed_orientation = match self.0.split_first() {
            Some((first, rest)) => rest
                .iter()
                .any(|g| first.first().zip(g.first()).is_some_and(|(a, b)| !same_orientation(a, b))),
            None => false,
        };
        let mut groups = self.0;
        // Stable: of groups of equal size the first one sent wins.
        groups.sort_by_key(|g| std::cmp::Reverse(g.len()));
        let several = groups.len() > 1;
        let largest = groups.into_iter().next().unwrap_or_default();
        if several && largest.len() < count_min && total >= count_min {
            return Err(if mixed_orientation {
                SkipReason::MixedOrientation
            } else {
                SkipReason::MixedMatrix
            });
        }
        Ok(largest)
    }
}

/// Two slices nearer than this lie at the same place.
pub(super) const SAME_PLACE_MM: f64 = 0.01;

/// Sorts along the normal, keeps one of identical copies, and takes one phase where several lie at the
/// same places.
pub(super) fn without_duplicates(
    headers: &[InstanceHeader],
    mut group: Vec<Slice>,
    rules: &AssemblyRules,
    left_out: &mut LeftOut,
) -> Result<Vec<Slice>, SkipReason> {
    sort(headers, &mut group);
    let (unique, copies) = without_copies(headers, group);
    let doubles = doubled(&unique);
    let Some(first) = doubles.first() else {
        left_out.add(copies, "identical copy at the same position");
        return Ok(unique);
    };
    let positions = unique.len() - doubles.len();
    let keys: [fn(&InstanceHeader, usize) -> String; 6] = [
        |h, _| h.convolution_kernel.join("\\"),
        |h, f| format!("{:?}", h.frames.get(f).and_then(|g| g.acquisition_number).or(h.acquisition_number)),
        |h, f| {
            format!(
                "{:?}",
                h.frames.get(f).and_then(|g| g.temporal_position).or(h.temporal_position_identifier)
            )
        },
        |h, _| h.image_type.join("\\"),
        |h, _| format!("{:?}", h.contrast_bolus_agent),
        |h, _| format!("{:?}{:?}", h.acquisition_date_time, h.acquisition_time),
    ];
    for key in keys {
        if let Some(part) = best_part(headers, &unique, key) {
            // A split into crumbs (a time per slice) is none.
            if part.len() * 2 >= positions.max(rules.slices_count_min) {
                left_out.add(copies, "identical copy at the same position");
                left_out
                    .add(unique.len() - part.len(), "another phase or reconstruction at the same positions");
                return Ok(part);
            }
        }
    }
    Err(SkipReason::DuplicatePosition { count: doubles.len(), position_mm: *first })
}

/// Along the stack; at one place by InstanceNumber, so that the outcome does not hang on arrival order.
fn sort(headers: &[InstanceHeader], group: &mut [Slice]) {
    let rank = |s: &Slice| headers.get(s.header).map(|h| (h.instance_number, h.sop_instance_uid.clone()));
    group.sort_by(|a, b| {
        a.along.total_cmp(&b.along).then_with(|| rank(a).cmp(&rank(b))).then(a.frame.cmp(&b.frame))
    });
}

/// Without slices that repeat an earlier one at the same place byte for byte; and how many those were.
fn without_copies(headers: &[InstanceHeader], group: Vec<Slice>) -> (Vec<Slice>, usize) {
    let total = group.len();
    let print =
        |s: &Slice| headers.get(s.header).filter(|h| h.frames.len() == 1).and_then(|h| h.pixel_fingerprint);
    let mut unique: Vec<Slice> = Vec::with_capacity(total);
    for slice in group {
        let near = unique.iter().rev().take_while(|u| slice.along - u.along < SAME_PLACE_MM);
        let copied = near.into_iter().any(|u| print(u).is_some() && print(u) == print(&slice));
        if !copied {
            unique.push(slice);
        }
    }
    let copies = total - unique.len();
    (unique, copies)
}

/// Places at which a slice follows another one without a step.
fn doubled(sorted: &[Slice]) -> Vec<f64> {
    sorted
        .iter()
        .zip(sorted.iter().skip(1))
        .filter(|(a, b)| b.along - a.along < SAME_PLACE_MM)
        .map(|(_, b)| b.along)
        .collect()
}

/// Splits by `key`; the part without doubles that covers most, if there is one.
fn best_part(
    headers: &[InstanceHeader],
    sorted: &[Slice],
    key: fn(&InstanceHeader, usize) -> String,
) -> Option<Vec<Slice>> {
    let mut parts: BTreeMap<String, Vec<Slice>> = BTreeMap::new();
    for slice in sorted {
        let header = headers.get(slice.header)?;
        parts.entry(key(header, slice.frame)).or_default().push(*slice);
    }
    if parts.len() < 2 {
        return None;
    }
    let coverage = |p: &Vec<Slice>| p.last().zip(p.first()).map_or(0.0, |(l, f)| l.along - f.along);
    parts
        .into_values()
        .filter(|p| doubled(p).is_empty())
        // `max_by` keeps the last of equals; rev makes that the first phase.
        .rev()
        .max_by(|a, b| coverage(a).total_cmp(&coverage(b)).then(a.len().cmp(&b.len())))
}

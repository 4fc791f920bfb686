//! Is there a hole in what has arrived so far?

use super::content::{Kind, kind};
use super::grid::median;
use super::stack::{self, SAME_PLACE_MM};
use super::{AssemblyRules, LeftOut};
use crate::header::InstanceHeader;

/// `true` when the CT slices received so far form a stack without a hole; more may still come at its
/// ends. `false` is "cannot tell or has a hole", so that the longer quiet time applies.
///
/// Cheap: one sort. Slices that arrive every other one first look regular; slice thickness and holes in
/// InstanceNumber tell them from a finished stack.
#[must_use]
pub fn geometry_is_gapless(headers: &[InstanceHeader]) -> bool {
    let images: Vec<usize> = headers
        .iter()
        .enumerate()
        .filter(|(_, h)| h.is_ct_image() && h.pixels.is_some() && kind(h) == Kind::Scan)
        .map(|(i, _)| i)
        .collect();
    let mut left_out = LeftOut::default();
    let Ok(slices) = stack::slices(headers, &images, &mut left_out) else { return false };
    let total = slices.len();
    let Ok(mut group) = stack::by_grid(slices).largest(0, total) else { return false };
    group.sort_by(|a, b| a.along.total_cmp(&b.along));
    let steps: Vec<f64> = group
        .iter()
        .zip(group.iter().skip(1))
        .map(|(a, b)| b.along - a.along)
        .filter(|d| *d >= SAME_PLACE_MM)
        .collect();
    // Two slices have one distance, which proves nothing.
    if steps.len() < 2 {
        return false;
    }
    let usual = median(&steps);
    let tolerance = AssemblyRules::default().spacing_tolerance_mm;
    let even = steps.iter().all(|d| (d - usual).abs() <= tolerance);
    let thickness =
        group.iter().filter_map(|s| headers.get(s.header)?.slice_thickness_mm).fold(0.0, f64::max);
    let dense = thickness <= 0.0 || usual <= thickness * 1.5;
    even && dense && numbers_are_dense(headers, &images)
}

/// InstanceNumber has no hole, where every image carries its own. Numbers that repeat prove nothing.
fn numbers_are_dense(headers: &[InstanceHeader], images: &[usize]) -> bool {
    let mut numbers: Vec<i64> =
        images.iter().filter_map(|i| headers.get(*i)).filter_map(|h| h.instance_number).collect();
    numbers.sort_unstable();
    let distinct = numbers.iter().zip(numbers.iter().skip(1)).all(|(a, b)| a < b);
    if numbers.len() < images.len() || !distinct {
        return true;
    }
    numbers.iter().zip(numbers.iter().skip(1)).all(|(a, b)| b - a == 1)
}

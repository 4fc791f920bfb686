//! The scan from the front, like a radiograph, with each finding's number where it lies.

use crate::canvas::{Anchor, Canvas, DIM, Frame, MARK, RenderError, TEXT};
use crate::orientation::{EdgeLetters, direction_letter};
use crate::pictures::letters;
use domain::{Finding, Volume};
use ndarray::Array2;

/// Longer side of the picture of the scan, pixels.
const SIDE: f64 = 560.0;
/// Height of a finding's number, pixels.
const NUMBER: f32 = 26.0;
/// Space around it.
const GAP: f32 = 14.0;

/// A PNG: mean over the depth of the body, patient's right on the left, head up, findings as numbered rings.
///
/// # Errors
/// [`RenderError`] when the volume is empty or the PNG writer fails.
pub fn overview_picture(volume: &Volume, findings: &[Finding]) -> Result<Vec<u8>, RenderError> {
    let [slices, rows, columns] = volume.shape();
    if slices == 0 || rows == 0 || columns == 0 {
        return Err(RenderError::Size { width: columns as u32, height: slices as u32 });
    }
    let [slice_step, _, column_step] = volume.affine.steps_zyx();
    let [slice_mm, _, column_mm] = volume.affine.spacing_mm_zyx();
    let (mirror, head_up) = (column_step[0] < 0.0, slice_step[2] > 0.0);
    let (width_mm, height_mm) = (columns as f64 * column_mm, slices as f64 * slice_mm);
    let per_mm = SIDE / width_mm.max(height_mm);
    let frame =
        Frame { x: GAP, y: GAP, width: (width_mm * per_mm) as f32, height: (height_mm * per_mm) as f32 };

    let projection = projection(volume);
    let mut canvas = Canvas::new((frame.width + GAP * 2.0) as u32, (frame.height + GAP * 2.0 + 24.0) as u32)?;
    let across = |u: f64| if mirror { 1.0 - u } else { u };
    let down = |v: f64| if head_up { 1.0 - v } else { v };
    canvas.grey_image(frame, |u, v| {
        let z = down(v) * slices as f64 - 0.5;
        let x = across(u) * columns as f64 - 0.5;
        bilinear(&projection, z, x)
    });
    let (mut rings, mut taken) = (Vec::new(), Vec::new());
    for finding in findings {
        let u = across((finding.center_voxel.x + 0.5) / columns as f64);
        let v = down((finding.center_voxel.z + 0.5) / slices as f64);
        let at = (frame.x + frame.width * u as f32, frame.y + frame.height * v as f32);
        let radius = (finding.measures.long_axis_mm * per_mm * 0.5 + 5.0).clamp(8.0, 60.0) as f32;
        canvas.ring(at, radius, 2.6, MARK);
        rings.push((at, radius, finding.number.to_string()));
    }
    for (at, radius, words) in &rings {
        let place = free_place(*at, *radius, words, &rings, &mut taken);
        canvas.label(place, NUMBER, MARK, Anchor::Start, words);
    }
    let towards = |step: [f64; 3], flip: bool| direction_letter(if flip { step.map(|v| -v) } else { step });
    let edges = EdgeLetters {
        left: towards(column_step, !mirror),
        right: towards(column_step, mirror),
        top: towards(slice_step, !head_up),
        bottom: towards(slice_step, head_up),
    };
    letters(&mut canvas, frame, edges, 17.0);
    let y = frame.y + frame.height + 22.0;
    canvas.text((GAP, y), 14.0, TEXT, Anchor::Start, "Seen from the front");
    let words =
        if findings.len() == 1 { "1 finding".to_owned() } else { format!("{} findings", findings.len()) };
    canvas.text((frame.x + frame.width, y), 14.0, DIM, Anchor::End, &words);
    canvas.into_png()
}

/// Ring on the picture: centre, radius, number.
type Ring = ((f32, f32), f32, String);

/// Where the number of a ring is legible: beside, below or above it, wherever no other number and the fewest rings
/// are in the way. Baseline and left end.
fn free_place(
    at: (f32, f32),
    radius: f32,
    words: &str,
    rings: &[Ring],
    taken: &mut Vec<[f32; 4]>,
) -> (f32, f32) {
    let (width, height) = (words.len() as f32 * NUMBER * 0.64, NUMBER * 0.74);
    let (away, diagonal) = (radius + 4.0, radius * 0.72 + 3.0);
    let starts = [
        (at.0 + away, at.1 - height * 0.5),
        (at.0 - away - width, at.1 - height * 0.5),
        (at.0 + diagonal, at.1 + diagonal),
        (at.0 - diagonal - width, at.1 + diagonal),
        (at.0 + diagonal, at.1 - diagonal - height),
        (at.0 - diagonal - width, at.1 - diagonal - height),
        (at.0 - width * 0.5, at.1 + away),
        (at.0 - width * 0.5, at.1 - away - height),
    ];
    let cost = |(x, y): (f32, f32)| {
        let numbers =
            taken.iter().filter(|[a, b, c, d]| x < *c && x + width > *a && y < *d && y + height > *b).count();
        let crossed = rings.iter().filter(|(center, r, _)| {
            let dx = (center.0 - center.0.clamp(x, x + width)).abs();
            let dy = (center.1 - center.1.clamp(y, y + height)).abs();
            dx.hypot(dy) < *r + 1.0
        });
        numbers * 100 + crossed.count()
    };
    let (x, y) = starts.into_iter().min_by_key(|s| cost(*s)).unwrap_or(at);
    taken.push([x, y, x + width, y + height]);
    (x, y + height)
}

/// Mean attenuation over the rows `[z, x]`, scaled to grey: air black, the spine white.
fn projection(volume: &Volume) -> Array2<f64> {
    let [slices, rows, columns] = volume.shape();
    let mut sum = Array2::<f64>::zeros((slices, columns));
    for (z, slice) in volume.hu.outer_iter().enumerate() {
        for row in slice.outer_iter() {
            for (x, hu) in row.iter().enumerate() {
                // Relative to air; bone counts a little more so that ribs show.
                let density = (f64::from(*hu) + 1000.0).clamp(0.0, 2200.0);
                sum[[z, x]] += density;
            }
        }
    }
    sum /= rows as f64;
    let mut values: Vec<f64> = sum.iter().copied().collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| values.get(((values.len() - 1) as f64 * share) as usize).copied().unwrap_or(0.0);
    let (low, high) = (at(0.02), at(0.995));
    sum.mapv(|v| 255.0 * ((v - low) / (high - low).max(1.0)).clamp(0.0, 1.0).powf(0.85))
}

fn bilinear(image: &Array2<f64>, row: f64, column: f64) -> u8 {
    let (rows, columns) = image.dim();
    let (row, column) = (row.clamp(0.0, rows as f64 - 1.0), column.clamp(0.0, columns as f64 - 1.0));
    let (r, c) = (row.floor() as usize, column.floor() as usize);
    let (r1, c1) = ((r + 1).min(rows - 1), (c + 1).min(columns - 1));
    let (fr, fc) = (row - r as f64, column - c as f64);
    let upper = image[[r, c]] * (1.0 - fc) + image[[r, c1]] * fc;
    let lower = image[[r1, c]] * (1.0 - fc) + image[[r1, c1]] * fc;
    (upper * (1.0 - fr) + lower * fr).round() as u8
}

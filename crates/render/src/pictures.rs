//! Pictures of findings: the nodule with its outline and measures, and where it lies in the slice.

use crate::canvas::{Anchor, BACKGROUND, Canvas, DIM, Frame, LONG, MARK, RenderError, SHORT, TEXT};
use crate::orientation::{EdgeLetters, edge_letters};
use crate::sentences;
use domain::{Affine, Finding, LpsPoint, Run};
use ndarray::ArrayView2;

/// Line at the foot of every picture.
const RESEARCH_USE: &str = "Research use only. Not a diagnosis; every mark needs a radiologist's judgement.";
/// Side of a magnified view, pixels.
const VIEW: f32 = 430.0;
/// Side of the small whole slice, pixels.
const SMALL: f32 = 280.0;
/// Space between things, pixels.
const GAP: f32 = 16.0;
/// Distance between lines of text, pixels.
const LINE: f32 = 20.5;
/// Top of the views, under the title.
const TOP: f32 = 58.0;

/// How a picture looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureOptions {
    /// Middle of the grey scale, HU.
    pub window_center_hu: f64,
    /// Width of the grey scale, HU.
    pub window_width_hu: f64,
    /// Least width of the magnified view, mm; large nodules get three times their long axis.
    pub crop_mm_min: f64,
}

impl Default for PictureOptions {
    /// Lung window -600/1500, 40 mm.
    fn default() -> Self {
        Self { window_center_hu: -600.0, window_width_hu: 1500.0, crop_mm_min: 40.0 }
    }
}

/// What a picture of one nodule shows.
#[derive(Debug, Clone, Copy)]
pub struct NodulePicture<'a> {
    /// The slice, HU `[row, column]`.
    pub slice_hu: ArrayView2<'a, i16>,
    /// Distance between rows, between columns, mm.
    pub spacing_mm: [f64; 2],
    /// Outline in that slice; `z` is ignored.
    pub outline: &'a [Run],
    /// Ends of the long axis, `[row, column]`; whole numbers are pixel centres.
    pub long_axis: [[f64; 2]; 2],
    /// Ends of the short axis, likewise.
    pub short_axis: [[f64; 2]; 2],
    /// Patient directions at the edges.
    pub edges: EdgeLetters,
    /// Heading.
    pub title: &'a str,
    /// Text beside the picture, one line each.
    pub lines: &'a [String],
}

/// Picture of a finding in its key slice: `slice_hu` is slice `finding.measures.key_slice_index` of the
/// volume with `affine`; `slices_count` slices are in the volume.
///
/// # Errors
/// [`RenderError`] when the slice is empty or the PNG writer fails.
#[allow(clippy::needless_pass_by_value)] // a view is a reference already
pub fn finding_picture(
    finding: &Finding,
    slice_hu: ArrayView2<'_, i16>,
    affine: &Affine,
    slices_count: usize,
    options: &PictureOptions,
) -> Result<Vec<u8>, RenderError> {
    let [_, row_mm, column_mm] = affine.spacing_mm_zyx();
    let pixel = |p: LpsPoint| {
        let v = affine.to_voxel(p);
        [v.y, v.x]
    };
    let key = finding.measures.key_slice_index;
    let mut lines = sentences::finding_lines(finding);
    lines.push(format!("slice {} of {slices_count} from the feet", key + 1));
    nodule_picture(
        &NodulePicture {
            slice_hu,
            spacing_mm: [row_mm, column_mm],
            outline: finding.mask.slice_runs(key),
            long_axis: finding.measures.long_axis_ends.map(pixel),
            short_axis: finding.measures.short_axis_ends.map(pixel),
            edges: edge_letters(affine),
            title: &finding.label(),
            lines: &lines,
        },
        options,
    )
}

/// Part of the slice shown in a view: centre and width in pixels of the slice.
#[derive(Debug, Clone, Copy)]
struct Crop {
    frame: Frame,
    row: f64,
    column: f64,
    /// Rows and columns from edge to edge.
    rows: f64,
    columns: f64,
}

impl Crop {
    /// Place in the picture of a place in the slice.
    fn place(&self, row: f64, column: f64) -> (f32, f32) {
        let u = (column - self.column) / self.columns + 0.5;
        let v = (row - self.row) / self.rows + 0.5;
        (self.frame.x + self.frame.width * u as f32, self.frame.y + self.frame.height * v as f32)
    }
}

/// A PNG: magnified without and with outline and axes, the whole slice with a box, and the measures.
///
/// # Errors
/// [`RenderError`] when the slice is empty or the PNG writer fails.
pub fn nodule_picture(picture: &NodulePicture<'_>, options: &PictureOptions) -> Result<Vec<u8>, RenderError> {
    let (rows, columns) = picture.slice_hu.dim();
    if rows == 0 || columns == 0 || picture.spacing_mm.iter().any(|s| !s.is_finite() || *s <= 0.0) {
        return Err(RenderError::Size { width: columns as u32, height: rows as u32 });
    }
    let text_top = TOP + SMALL + GAP + 10.0;
    let bottom = (TOP + VIEW).max(text_top + LINE * (picture.lines.len() as f32 - 1.0).max(0.0) + 6.0);
    let width = GAP * 4.0 + VIEW * 2.0 + SMALL;
    let mut canvas = Canvas::new(width as u32, (bottom + 42.0) as u32)?;
    canvas.text((GAP, 38.0), 26.0, TEXT, Anchor::Start, picture.title);

    let crop = crop(picture, options, GAP);
    let marked = Crop { frame: Frame { x: GAP * 2.0 + VIEW, ..crop.frame }, ..crop };
    for view in [&crop, &marked] {
        view_of_slice(&mut canvas, picture, options, view);
        letters(&mut canvas, view.frame, picture.edges, 17.0);
    }
    scale_bar(&mut canvas, picture, &crop);
    outline(&mut canvas, picture, &marked);
    axes(&mut canvas, picture, &marked);

    let right = GAP * 3.0 + VIEW * 2.0;
    whole_slice(&mut canvas, picture, options, &crop, right);
    for (i, line) in picture.lines.iter().enumerate() {
        let color = if i == 0 { TEXT } else { DIM };
        canvas.text((right, text_top + LINE * i as f32), 16.0, color, Anchor::Start, line);
    }
    let window = format!("lung window {:.0}/{:.0} HU", options.window_center_hu, options.window_width_hu);
    canvas.text((width - GAP, bottom + 30.0), 14.0, DIM, Anchor::End, &window);
    canvas.text((GAP, bottom + 30.0), 14.0, DIM, Anchor::Start, RESEARCH_USE);
    canvas.into_png()
}

/// Middle of the outline, or of the long axis where there is none.
fn middle(picture: &NodulePicture<'_>) -> [f64; 2] {
    let (mut rows, mut columns) = ((f64::MAX, f64::MIN), (f64::MAX, f64::MIN));
    for run in picture.outline {
        rows = (rows.0.min(run.y as f64), rows.1.max(run.y as f64));
        columns = (columns.0.min(run.x_start as f64), columns.1.max(run.x_end as f64 - 1.0));
    }
    if picture.outline.is_empty() {
        let [a, b] = picture.long_axis;
        return [(a[0] + b[0]) * 0.5, (a[1] + b[1]) * 0.5];
    }
    [(rows.0 + rows.1) * 0.5, (columns.0 + columns.1) * 0.5]
}

fn crop(picture: &NodulePicture<'_>, options: &PictureOptions, x: f32) -> Crop {
    let [row_mm, column_mm] = picture.spacing_mm;
    let [a, b] = picture.long_axis;
    let long_mm = ((b[0] - a[0]) * row_mm).hypot((b[1] - a[1]) * column_mm);
    let side_mm = options.crop_mm_min.max(if long_mm.is_finite() { 3.0 * long_mm } else { 0.0 }).min(400.0);
    let [row, column] = middle(picture);
    Crop {
        frame: Frame { x, y: TOP, width: VIEW, height: VIEW },
        row,
        column,
        rows: side_mm / row_mm,
        columns: side_mm / column_mm,
    }
}

/// Grey value of an HU.
fn grey(hu: f64, options: &PictureOptions) -> u8 {
    let low = options.window_center_hu - options.window_width_hu * 0.5;
    (255.0 * ((hu - low) / options.window_width_hu.max(1.0)).clamp(0.0, 1.0)).round() as u8
}

/// HU between pixel centres, bilinear; outside is air.
fn sample(slice: &ArrayView2<'_, i16>, row: f64, column: f64) -> f64 {
    let (r, c) = (row.floor(), column.floor());
    let (fr, fc) = (row - r, column - c);
    let at = |r: f64, c: f64| {
        if r < 0.0 || c < 0.0 {
            -1024.0
        } else {
            slice.get((r as usize, c as usize)).map_or(-1024.0, |v| f64::from(*v))
        }
    };
    let upper = at(r, c) * (1.0 - fc) + at(r, c + 1.0) * fc;
    let lower = at(r + 1.0, c) * (1.0 - fc) + at(r + 1.0, c + 1.0) * fc;
    upper * (1.0 - fr) + lower * fr
}

fn view_of_slice(canvas: &mut Canvas, picture: &NodulePicture<'_>, options: &PictureOptions, view: &Crop) {
    canvas.grey_image(view.frame, |u, v| {
        let (row, column) = (view.row + (v - 0.5) * view.rows, view.column + (u - 0.5) * view.columns);
        grey(sample(&picture.slice_hu, row, column), options)
    });
}

/// Directions of the patient at the four edges.
pub(crate) fn letters(canvas: &mut Canvas, frame: Frame, edges: EdgeLetters, size: f32) {
    let (mid_x, mid_y) = (frame.x + frame.width * 0.5, frame.y + frame.height * 0.5 + size * 0.35);
    let inset = size * 0.4;
    canvas.label((frame.x + inset, mid_y), size, TEXT, Anchor::Start, edges.left);
    canvas.label((frame.x + frame.width - inset, mid_y), size, TEXT, Anchor::End, edges.right);
    canvas.label((mid_x, frame.y + size), size, TEXT, Anchor::Middle, edges.top);
    canvas.label((mid_x, frame.y + frame.height - inset), size, TEXT, Anchor::Middle, edges.bottom);
}

fn scale_bar(canvas: &mut Canvas, picture: &NodulePicture<'_>, view: &Crop) {
    let pixels = |mm: f64| (mm / picture.spacing_mm[1] / view.columns) as f32 * view.frame.width;
    let (x, y) = (view.frame.x + 14.0, view.frame.y + view.frame.height - 16.0);
    let end = x + pixels(10.0);
    let bar = [[(x, y), (end, y)], [(x, y - 5.0), (x, y + 5.0)], [(end, y - 5.0), (end, y + 5.0)]];
    // Dark under light: it must be seen over lung and over bone.
    canvas.lines(&bar, 5.0, BACKGROUND);
    canvas.lines(&bar, 2.0, TEXT);
    canvas.label((x, y - 10.0), 14.0, TEXT, Anchor::Start, "10 mm");
}

/// The border of the voxels, along their edges.
fn outline(canvas: &mut Canvas, picture: &NodulePicture<'_>, view: &Crop) {
    let inside = |row: i64, column: i64| {
        picture
            .outline
            .iter()
            .any(|r| r.y as i64 == row && (r.x_start as i64..r.x_end as i64).contains(&column))
    };
    let mut edges = Vec::new();
    for run in picture.outline {
        let y = run.y as i64;
        for x in run.x_start as i64..run.x_end as i64 {
            let (top, left) = (y as f64 - 0.5, x as f64 - 0.5);
            let corner = |down: f64, across: f64| view.place(top + down, left + across);
            for (neighbour, edge) in [
                ((y - 1, x), [corner(0.0, 0.0), corner(0.0, 1.0)]),
                ((y + 1, x), [corner(1.0, 0.0), corner(1.0, 1.0)]),
                ((y, x - 1), [corner(0.0, 0.0), corner(1.0, 0.0)]),
                ((y, x + 1), [corner(0.0, 1.0), corner(1.0, 1.0)]),
            ] {
                if !inside(neighbour.0, neighbour.1) {
                    edges.push(edge);
                }
            }
        }
    }
    canvas.lines(&edges, 1.6, MARK);
}

fn axes(canvas: &mut Canvas, picture: &NodulePicture<'_>, view: &Crop) {
    let [row_mm, column_mm] = picture.spacing_mm;
    for (name, [a, b], color, dy) in
        [("long", picture.long_axis, LONG, 22.0), ("short", picture.short_axis, SHORT, 44.0)]
    {
        if a.iter().chain(&b).any(|v| !v.is_finite()) {
            continue;
        }
        canvas.lines(&[[view.place(a[0], a[1]), view.place(b[0], b[1])]], 1.8, color);
        let mm = ((b[0] - a[0]) * row_mm).hypot((b[1] - a[1]) * column_mm);
        let at = (view.frame.x + 10.0, view.frame.y + dy);
        canvas.label(at, 15.0, color, Anchor::Start, &format!("{name} {mm:.1} mm"));
    }
}

/// The whole slice, small, with the crop as a box.
fn whole_slice(
    canvas: &mut Canvas,
    picture: &NodulePicture<'_>,
    options: &PictureOptions,
    crop: &Crop,
    x: f32,
) {
    let (rows, columns) = picture.slice_hu.dim();
    let [row_mm, column_mm] = picture.spacing_mm;
    let (height_mm, width_mm) = (rows as f64 * row_mm, columns as f64 * column_mm);
    let per_mm = f64::from(SMALL) / height_mm.max(width_mm);
    let frame = Frame { x, y: TOP, width: (width_mm * per_mm) as f32, height: (height_mm * per_mm) as f32 };
    let whole = Crop {
        frame,
        row: (rows as f64 - 1.0) * 0.5,
        column: (columns as f64 - 1.0) * 0.5,
        rows: rows as f64,
        columns: columns as f64,
    };
    // Several pixels fall on one: their mean, or thin things flicker.
    let step = (rows as f64 / f64::from(frame.height)).max(1.0);
    canvas.grey_image(frame, |u, v| {
        let (row, column) = (v * rows as f64 - 0.5, u * columns as f64 - 0.5);
        let quarter = step * 0.25;
        let sum: f64 = [(-quarter, -quarter), (-quarter, quarter), (quarter, -quarter), (quarter, quarter)]
            .iter()
            .map(|(dr, dc)| sample(&picture.slice_hu, row + dr, column + dc))
            .sum();
        grey(sum * 0.25, options)
    });
    let (left, top) = whole.place(crop.row - crop.rows * 0.5, crop.column - crop.columns * 0.5);
    let (right, bottom) = whole.place(crop.row + crop.rows * 0.5, crop.column + crop.columns * 0.5);
    let clip = |v: f32, low: f32, size: f32| v.clamp(low, low + size);
    let (left, right) = (clip(left, frame.x, frame.width), clip(right, frame.x, frame.width));
    let (top, bottom) = (clip(top, frame.y, frame.height), clip(bottom, frame.y, frame.height));
    canvas.border(Frame { x: left, y: top, width: right - left, height: bottom - top }, 1.8, MARK);
    letters(canvas, frame, picture.edges, 14.0);
    canvas.border(
        Frame { x: frame.x - 0.5, y: frame.y - 0.5, width: frame.width + 1.0, height: frame.height + 1.0 },
        1.0,
        BACKGROUND,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    const EDGES: EdgeLetters = EdgeLetters { left: "R", right: "L", top: "A", bottom: "P" };

    fn picture(outline: &[Run], options: &PictureOptions) -> image::RgbImage {
        let mut slice = Array2::from_elem((200, 200), -860_i16);
        for run in outline {
            slice.slice_mut(ndarray::s![run.y, run.x_start..run.x_end]).fill(40);
        }
        let png = nodule_picture(
            &NodulePicture {
                slice_hu: slice.view(),
                spacing_mm: [0.7, 0.7],
                outline,
                long_axis: [[100.0, 95.5], [100.0, 105.5]],
                short_axis: [[95.5, 100.0], [104.5, 100.0]],
                edges: EDGES,
                title: "Nodule 1",
                lines: &["7.0 × 6.3 mm".to_owned()],
            },
            options,
        )
        .unwrap();
        image::load_from_memory(&png).unwrap().to_rgb8()
    }

    /// The outline is drawn where the voxels end, in the marked view only.
    #[test]
    fn the_outline_lies_on_the_border_of_the_voxels() {
        let runs: Vec<Run> = (96..105).map(|y| Run { z: 0, y, x_start: 96, x_end: 106 }).collect();
        let image = picture(&runs, &PictureOptions::default());
        let per_pixel = VIEW * 0.7 / 40.0;
        let top = TOP + VIEW * 0.5 - 4.5 * per_pixel;
        let yellow = |x: f32, y: f32| {
            let [r, g, b] = image.get_pixel(x as u32, y as u32).0;
            r > 200 && g > 140 && b < 120
        };
        let (plain, marked) = (GAP + VIEW * 0.5 + 20.0, GAP * 2.0 + VIEW * 1.5 + 20.0);
        assert!(yellow(marked, top) && !yellow(marked, top - 8.0) && !yellow(marked, top + 8.0));
        assert!(!yellow(plain, top));
    }

    /// Grey follows the window: the lung is dark, the nodule bright, a narrower window darker still.
    #[test]
    fn grey_follows_the_window() {
        let runs: Vec<Run> = (96..105).map(|y| Run { z: 0, y, x_start: 96, x_end: 106 }).collect();
        let at = |options: &PictureOptions, dx: f32| {
            picture(&runs, options).get_pixel((GAP + VIEW * 0.5 + dx) as u32, (TOP + VIEW * 0.5) as u32).0[0]
        };
        let lung = PictureOptions::default();
        assert!(at(&lung, 8.0) > 220 && (70..100).contains(&at(&lung, 150.0)));
        let soft = PictureOptions { window_center_hu: 40.0, window_width_hu: 400.0, ..lung };
        assert_eq!(at(&soft, 150.0), 0);
    }

    /// An empty slice is an error, not a crash; an outline outside the slice is drawn as far as there is something.
    #[test]
    fn odd_input_is_survived() {
        let empty = Array2::<i16>::zeros((0, 0));
        let base = NodulePicture {
            slice_hu: empty.view(),
            spacing_mm: [0.7, 0.7],
            outline: &[],
            long_axis: [[f64::NAN; 2]; 2],
            short_axis: [[0.0; 2]; 2],
            edges: EDGES,
            title: "",
            lines: &[],
        };
        assert!(matches!(nodule_picture(&base, &PictureOptions::default()), Err(RenderError::Size { .. })));
        let slice = Array2::<i16>::zeros((8, 8));
        let far = [Run { z: 0, y: 500, x_start: 400, x_end: 420 }];
        let outside = NodulePicture { slice_hu: slice.view(), outline: &far, ..base };
        assert!(nodule_picture(&outside, &PictureOptions::default()).is_ok());
    }
}

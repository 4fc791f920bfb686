//! A picture being drawn: grey images, lines, text. Pixels are RGB, origin top left.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use tiny_skia::{Color, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

/// The one type face; covers Latin, Greek and Cyrillic.
const FONT: &[u8] = include_bytes!("../fonts/DejaVuSans.ttf");

/// Why a picture could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The slice has no pixels, or the picture is too large to hold.
    #[error("drawing a picture: a size of {width} x {height} pixels cannot be drawn")]
    Size {
        /// Width asked for.
        width: u32,
        /// Height asked for.
        height: u32,
    },
    /// The embedded font or the PNG writer failed.
    #[error("drawing a picture: {0}")]
    Library(String),
}

/// A colour.
pub(crate) type Rgb = [u8; 3];

/// Paper.
pub(crate) const BACKGROUND: Rgb = [17, 20, 24];
/// Main text.
pub(crate) const TEXT: Rgb = [236, 239, 241];
/// Secondary text.
pub(crate) const DIM: Rgb = [154, 165, 175];
/// Outlines and marks.
pub(crate) const MARK: Rgb = [255, 196, 0];
/// Long axis.
pub(crate) const LONG: Rgb = [64, 196, 255];
/// Short axis.
pub(crate) const SHORT: Rgb = [255, 110, 199];

/// A rectangle of the picture, pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    /// Left edge.
    pub(crate) x: f32,
    /// Top edge.
    pub(crate) y: f32,
    /// Width.
    pub(crate) width: f32,
    /// Height.
    pub(crate) height: f32,
}

/// Where text stands at its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// Starts there.
    Start,
    /// Centred there.
    Middle,
    /// Ends there.
    End,
}

/// The picture.
pub(crate) struct Canvas {
    pixmap: Pixmap,
    font: FontRef<'static>,
}

impl Canvas {
    /// An empty picture.
    pub(crate) fn new(width: u32, height: u32) -> Result<Self, RenderError> {
        let mut pixmap = Pixmap::new(width, height).ok_or(RenderError::Size { width, height })?;
        let [r, g, b] = BACKGROUND;
        pixmap.fill(Color::from_rgba8(r, g, b, 255));
        let font =
            FontRef::try_from_slice(FONT).map_err(|e| RenderError::Library(format!("embedded font: {e}")))?;
        Ok(Self { pixmap, font })
    }

    /// Fills `frame` with grey; `grey(u, v)` gets places from 0 to 1 across and down.
    pub(crate) fn grey_image(&mut self, frame: Frame, grey: impl Fn(f64, f64) -> u8) {
        let (width, height) = (self.pixmap.width() as usize, self.pixmap.height() as usize);
        let (x0, y0) = (frame.x.max(0.0) as usize, frame.y.max(0.0) as usize);
        let (w, h) = (frame.width.max(0.0) as usize, frame.height.max(0.0) as usize);
        let pixels = self.pixmap.data_mut();
        for y in 0..h.min(height.saturating_sub(y0)) {
            let v = (y as f64 + 0.5) / h as f64;
            for x in 0..w.min(width.saturating_sub(x0)) {
                let value = grey((x as f64 + 0.5) / w as f64, v);
                let at = ((y0 + y) * width + x0 + x) * 4;
                if let Some(pixel) = pixels.get_mut(at..at + 4) {
                    pixel.copy_from_slice(&[value, value, value, 255]);
                }
            }
        }
    }

    /// Straight lines, each from a point to a point.
    pub(crate) fn lines(&mut self, lines: &[[(f32, f32); 2]], width: f32, color: Rgb) {
        let mut path = PathBuilder::new();
        for [a, b] in lines {
            path.move_to(a.0, a.1);
            path.line_to(b.0, b.1);
        }
        if let Some(path) = path.finish() {
            self.stroke(&path, width, color);
        }
    }

    /// Border of a rectangle.
    pub(crate) fn border(&mut self, frame: Frame, width: f32, color: Rgb) {
        if let Some(rect) = Rect::from_xywh(frame.x, frame.y, frame.width, frame.height) {
            self.stroke(&PathBuilder::from_rect(rect), width, color);
        }
    }

    /// A ring around a point.
    pub(crate) fn ring(&mut self, (x, y): (f32, f32), radius: f32, width: f32, color: Rgb) {
        if let Some(path) = PathBuilder::from_circle(x, y, radius) {
            self.stroke(&path, width, color);
        }
    }

    fn stroke(&mut self, path: &Path, width: f32, color: Rgb) {
        let stroke = Stroke { width, line_cap: tiny_skia::LineCap::Round, ..Stroke::default() };
        self.pixmap.stroke_path(path, &paint(color), &stroke, Transform::identity(), None);
    }

    /// Width of `text` at `size` pixels height.
    pub(crate) fn text_width(&self, text: &str, size: f32) -> f32 {
        let font = self.font.as_scaled(PxScale::from(size));
        let mut width = 0.0;
        let mut last = None;
        for c in text.chars() {
            let glyph = font.glyph_id(c);
            width += last.map_or(0.0, |l| font.kern(l, glyph)) + font.h_advance(glyph);
            last = Some(glyph);
        }
        width
    }

    /// Text whose base line passes through `y`.
    pub(crate) fn text(&mut self, (x, y): (f32, f32), size: f32, color: Rgb, anchor: Anchor, text: &str) {
        let width = self.text_width(text, size);
        let mut at = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width * 0.5,
            Anchor::End => x - width,
        };
        let font = self.font.clone();
        let scaled = font.as_scaled(PxScale::from(size));
        let mut last = None;
        for c in text.chars() {
            let id = scaled.glyph_id(c);
            at += last.map_or(0.0, |l| scaled.kern(l, id));
            let glyph = id.with_scale_and_position(PxScale::from(size), point(at, y));
            if let Some(outlined) = font.outline_glyph(glyph) {
                let bounds = outlined.px_bounds();
                let (left, top) = (bounds.min.x as i64, bounds.min.y as i64);
                outlined.draw(|gx, gy, cover| {
                    self.blend(left + i64::from(gx), top + i64::from(gy), color, cover)
                });
            }
            at += scaled.h_advance(id);
            last = Some(id);
        }
    }

    /// Text with a dark rim, readable on any picture.
    pub(crate) fn label(&mut self, (x, y): (f32, f32), size: f32, color: Rgb, anchor: Anchor, text: &str) {
        for (dx, dy) in [(-1.2, 0.0), (1.2, 0.0), (0.0, -1.2), (0.0, 1.2)] {
            self.text((x + dx, y + dy), size, [0, 0, 0], anchor, text);
        }
        self.text((x, y), size, color, anchor, text);
    }

    fn blend(&mut self, x: i64, y: i64, color: Rgb, cover: f32) {
        let (width, height) = (i64::from(self.pixmap.width()), i64::from(self.pixmap.height()));
        if x < 0 || y < 0 || x >= width || y >= height {
            return;
        }
        let at = ((y * width + x) * 4) as usize;
        if let Some(pixel) = self.pixmap.data_mut().get_mut(at..at + 3) {
            for (p, c) in pixel.iter_mut().zip(color) {
                *p = (f32::from(*p) + (f32::from(c) - f32::from(*p)) * cover.clamp(0.0, 1.0)).round() as u8;
            }
        }
    }

    /// The picture as a PNG file.
    pub(crate) fn into_png(self) -> Result<Vec<u8>, RenderError> {
        let rgb: Vec<u8> = self.pixmap.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        let mut png = Vec::new();
        PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive)
            .write_image(&rgb, self.pixmap.width(), self.pixmap.height(), image::ExtendedColorType::Rgb8)
            .map_err(|e| RenderError::Library(format!("png: {e}")))?;
        Ok(png)
    }
}

fn paint(color: Rgb) -> Paint<'static> {
    let mut paint = Paint::default();
    let [r, g, b] = color;
    paint.set_color_rgba8(r, g, b, 255);
    paint.anti_alias = true;
    paint
}

//! Curves as inline SVG. Colours and fonts come from the page's style.

use std::fmt::Write;

/// Size of the whole picture, user units.
const SIZE: [f64; 2] = [520.0, 360.0];
/// Left, top, right, bottom of the frame.
const FRAME: [f64; 4] = [56.0, 16.0, 504.0, 312.0];

/// How an axis counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// Evenly.
    Linear,
    /// By powers of two.
    Log2,
}

/// One axis.
#[derive(Debug, Clone)]
pub(crate) struct AxisLine<'a> {
    /// Words below or beside it.
    pub(crate) title: &'a str,
    /// Lowest and highest value shown.
    pub(crate) ends: [f64; 2],
    /// How it counts.
    pub(crate) scale: Scale,
    /// Values with a tick, and their words.
    pub(crate) ticks: Vec<(f64, String)>,
}

impl AxisLine<'_> {
    /// 0 to 1 along the axis; values outside stop at the ends.
    fn share(&self, value: f64) -> f64 {
        let [low, high] = self.ends;
        let of = |v: f64| match self.scale {
            Scale::Linear => v,
            Scale::Log2 => v.max(low).log2(),
        };
        ((of(value) - of(low)) / (of(high) - of(low))).clamp(0.0, 1.0)
    }
}

/// A plot being drawn.
pub(crate) struct Plot<'a> {
    x: AxisLine<'a>,
    y: AxisLine<'a>,
    body: String,
}

impl<'a> Plot<'a> {
    /// Frame, ticks and titles.
    pub(crate) fn new(x: AxisLine<'a>, y: AxisLine<'a>) -> Self {
        Self { x, y, body: String::new() }
    }

    /// Ticks 0, 0.2 ... 1.
    pub(crate) fn tenths() -> Vec<(f64, String)> {
        (0..=5).map(|i| f64::from(i) / 5.0).map(|v| (v, format!("{v:.1}"))).collect()
    }

    fn at(&self, point: [f64; 2]) -> [f64; 2] {
        let [left, top, right, bottom] = FRAME;
        [left + (right - left) * self.x.share(point[0]), bottom - (bottom - top) * self.y.share(point[1])]
    }

    /// A line through points.
    pub(crate) fn line(&mut self, points: impl IntoIterator<Item = [f64; 2]>, class: &str) {
        let mut text = String::new();
        for point in points {
            let [x, y] = self.at(point);
            let _ = write!(text, "{x:.1},{y:.1} ");
        }
        let _ = writeln!(self.body, "<polyline class=\"{class}\" points=\"{}\"/>", text.trim_end());
    }

    /// An area between a lower and an upper line.
    pub(crate) fn band(&mut self, lower: &[[f64; 2]], upper: &[[f64; 2]]) {
        let mut text = String::new();
        for point in lower.iter().chain(upper.iter().rev()) {
            let [x, y] = self.at(*point);
            let _ = write!(text, "{x:.1},{y:.1} ");
        }
        let _ = writeln!(self.body, "<polygon class=\"band\" points=\"{}\"/>", text.trim_end());
    }

    /// A dot with a bar from `low` to `high`.
    pub(crate) fn dot(&mut self, point: [f64; 2], bar: Option<[f64; 2]>) {
        let [x, y] = self.at(point);
        if let Some([low, high]) = bar {
            let ([_, from], [_, to]) = (self.at([point[0], low]), self.at([point[0], high]));
            let _ = writeln!(
                self.body,
                "<line class=\"bar\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{from:.1}\" y2=\"{to:.1}\"/>"
            );
        }
        let _ = writeln!(self.body, "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>");
    }

    /// The picture; `words` describe it to who cannot see it. No text of a scan may come in here.
    pub(crate) fn svg(self, words: &str) -> String {
        let [left, top, right, bottom] = FRAME;
        let [width, height] = SIZE;
        let mut svg = format!(
            "<svg class=\"plot\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{words}\">\n"
        );
        for (value, label) in &self.x.ticks {
            let x = self.at([*value, 0.0])[0];
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                bottom + 18.0
            );
        }
        for (value, label) in &self.y.ticks {
            let y = self.at([self.x.ends[0], *value])[1];
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                left - 8.0,
                y + 4.0
            );
        }
        let middle = f64::midpoint(left, right);
        let _ = writeln!(
            svg,
            "<text class=\"title\" x=\"{middle}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"title\" transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            bottom + 40.0,
            self.x.title,
            f64::midpoint(top, bottom),
            self.y.title
        );
        svg.push_str(&self.body);
        svg.push_str("</svg>\n");
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: values land where the axes say: corners in the corners, a power of two evenly apart.
    #[test]
    #[allow(clippy::float_cmp)] // rounded
    fn places_follow_the_axes() {
        let x = AxisLine {
            title: "x",
            ends: [0.125, 8.0],
            scale: Scale::Log2,
            ticks: vec![(1.0, "1".to_owned())],
        };
        let y = AxisLine { title: "y", ends: [0.0, 1.0], scale: Scale::Linear, ticks: Plot::tenths() };
        let mut plot = Plot::new(x, y);
        assert_eq!(plot.at([0.125, 0.0]).map(f64::round), [56.0, 312.0]);
        assert_eq!(plot.at([8.0, 1.0]).map(f64::round), [504.0, 16.0]);
        assert_eq!(plot.at([1.0, 0.5]).map(f64::round), [280.0, 164.0]);
        assert_eq!(plot.at([0.0, -3.0]).map(f64::round), [56.0, 312.0], "outside stops at the frame");
        plot.line([[0.125, 0.0], [8.0, 1.0]], "curve");
        assert!(plot.svg("words").contains("points=\"56.0,312.0 504.0,16.0\""));
    }
}

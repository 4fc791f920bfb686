//! One page per run: what was looked at, what was found, what was not analysed and why. No script, no
//! outside resource; pictures are files beside it.

use crate::sentences::{attenuation_words, score_words, side_words, volume_words};
use domain::{FindingsDocument, NoduleDocument, SeriesDocument, SeriesState};
use std::fmt::Write;

/// Style of the page, screen and print.
const STYLE: &str = include_str!("overview.css");

/// Picture files of one series, as relative names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeriesPictures {
    /// Which series.
    pub series_instance_uid: String,
    /// The scan from the front.
    pub overview: Option<String>,
    /// Nodule number and its picture.
    pub nodules: Vec<(usize, String)>,
    /// Other files of the series to link: name shown, file (SR, SEG).
    pub files: Vec<(String, String)>,
}

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub struct OverviewPage<'a> {
    /// Findings of all series.
    pub document: &'a FindingsDocument,
    /// Pictures and files, for the series that have some.
    pub pictures: &'a [SeriesPictures],
    /// Where the scan came from, as the user wrote it.
    pub source: &'a str,
    /// When the page was made, for people; empty leaves it out.
    pub made_at: &'a str,
}

/// The page, UTF-8.
#[must_use]
pub fn overview_html(page: &OverviewPage<'_>) -> String {
    let document = page.document;
    let mut html = String::with_capacity(16 * 1024);
    html.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    let _ = writeln!(
        html,
        "<title>lungcad: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>",
        escaped(page.source)
    );
    head(&mut html, page);
    // Results first, then what still runs or failed, then what was left out on purpose.
    let analysed = |s: &&SeriesDocument| s.pack.is_some();
    for series in document.series.iter().filter(analysed) {
        let pictures = page.pictures.iter().find(|p| p.series_instance_uid == series.series_instance_uid);
        analysed_series(&mut html, series, pictures);
    }
    let rest: Vec<&SeriesDocument> = document.series.iter().filter(|s| s.pack.is_none()).collect();
    not_analysed(&mut html, &rest);
    let _ = writeln!(
        html,
        "<footer><p>{}</p><p>lungcad {}. All places are DICOM patient coordinates (LPS, mm). Scores rank the marks of one \
         pack; they are not probabilities of cancer.</p></footer>\n</body>\n</html>",
        escaped(&document.intended_use),
        escaped(&document.lungcad_version)
    );
    html
}

fn head(html: &mut String, page: &OverviewPage<'_>) {
    let document = page.document;
    let nodules: usize = document.series.iter().map(|s| s.nodules.len()).sum();
    let analysed = document.series.iter().filter(|s| s.pack.is_some()).count();
    let failed = document.series.iter().filter(|s| s.state == SeriesState::Failed).count();
    let left_out = document.series.len() - analysed - failed;
    let _ = writeln!(
        html,
        "<header>\n<div><h1>Lung nodule findings</h1>\n<p class=\"source\">{}</p></div>",
        escaped(page.source)
    );
    let _ = writeln!(html, "<p class=\"use\">{}</p>\n</header>", escaped(&document.intended_use));
    html.push_str("<ul class=\"sums\">");
    for (count, one, many, class) in [
        (nodules, "nodule marked", "nodules marked", "main"),
        (analysed, "series analysed", "series analysed", ""),
        (left_out, "series not analysed", "series not analysed", ""),
        (failed, "series failed", "series failed", "bad"),
    ] {
        if count > 0 || class == "main" {
            let _ = write!(
                html,
                "<li class=\"{class}\"><b>{count}</b> {}</li>",
                if count == 1 { one } else { many }
            );
        }
    }
    if !page.made_at.is_empty() {
        let _ = write!(html, "<li class=\"when\">{}</li>", escaped(page.made_at));
    }
    html.push_str("</ul>\n");
}

fn analysed_series(html: &mut String, series: &SeriesDocument, pictures: Option<&SeriesPictures>) {
    let _ =
        writeln!(html, "<section>\n<h2>Series <code>{}</code></h2>", escaped(&series.series_instance_uid));
    for warning in &series.warnings {
        let _ = writeln!(
            html,
            "<p class=\"warning\"><b>{}</b> {}</p>",
            escaped(&warning.code),
            escaped(&warning.message)
        );
    }
    html.push_str("<div class=\"two\">\n<div class=\"wide\">\n");
    if series.nodules.is_empty() {
        html.push_str("<p class=\"none\">No nodule reached the reporting threshold.</p>\n");
    } else {
        nodule_table(html, &series.nodules);
    }
    facts(html, series, pictures);
    html.push_str("</div>\n");
    if let Some(file) = pictures.and_then(|p| p.overview.as_deref()) {
        let _ = writeln!(
            html,
            "<img class=\"overview\" src=\"{}\" alt=\"The scan from the front with the findings\">",
            escaped(file)
        );
    }
    html.push_str("</div>\n");
    if let Some(pictures) = pictures {
        nodule_pictures(html, &series.nodules, pictures);
    }
    html.push_str("</section>\n");
}

fn nodule_table(html: &mut String, nodules: &[NoduleDocument]) {
    html.push_str(
        "<table>\n<thead><tr><th>#<th class=\"n\">Mean mm<th class=\"n\">Long &times; short mm<th class=\"n\">Volume\
         <th>Type<th>Where<th class=\"n\">HU mean (SD)<th class=\"n\">LPS x, y, z mm<th class=\"n\">Score</tr></thead>\n<tbody>\n",
    );
    for n in nodules {
        let c = n.center_lps_mm;
        let _ = writeln!(
            html,
            "<tr><td><b>{}</b><td class=\"n\"><b>{:.1}</b><td class=\"n\">{:.1} &times; {:.1}<td class=\"n\">{}<td>{}<td>{}\
             <td class=\"n\">{:.0} ({:.0})<td class=\"n\">{:.1}, {:.1}, {:.1}<td class=\"n\">{:.2}</tr>",
            n.number,
            n.mean_diameter_mm,
            n.long_axis_mm,
            n.short_axis_mm,
            volume_words(n.volume_mm3),
            attenuation_words(n.attenuation),
            side_words(n.side),
            n.hu_mean,
            n.hu_sd,
            c.x,
            c.y,
            c.z,
            n.score,
        );
    }
    html.push_str("</tbody>\n</table>\n");
}

/// Pack, lungs, time, files.
fn facts(html: &mut String, series: &SeriesDocument, pictures: Option<&SeriesPictures>) {
    html.push_str("<dl>\n");
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(html, "<dt>{name}</dt><dd>{value}</dd>");
    };
    fact("Study", format!("<code>{}</code>", escaped(&series.study_instance_uid)));
    if let Some(pack) = &series.pack {
        let short: String = pack.sha256.chars().take(12).collect();
        fact(
            "Model pack",
            format!(
                "{} {} <span class=\"dim\">(sha256 {}&hellip;, reports from {}, {})</span>",
                escaped(&pack.name),
                escaped(&pack.version),
                escaped(&short),
                score_words(pack.threshold),
                escaped(&pack.runtime)
            ),
        );
    }
    if let Some(lungs) = series.lungs {
        fact("Lung volume", format!("right {:.0} ml, left {:.0} ml", lungs.right_ml, lungs.left_ml));
    }
    if series.timings_ms.total > 0 {
        fact("Time", format!("{:.1} s", series.timings_ms.total as f64 / 1000.0));
    }
    if let Some(pictures) = pictures.filter(|p| !p.files.is_empty()) {
        let links: Vec<String> = pictures
            .files
            .iter()
            .map(|(name, file)| format!("<a href=\"{}\">{}</a>", escaped(file), escaped(name)))
            .collect();
        fact("Files", links.join(", "));
    }
    html.push_str("</dl>\n");
}

fn nodule_pictures(html: &mut String, nodules: &[NoduleDocument], pictures: &SeriesPictures) {
    let shown: Vec<(&NoduleDocument, &str)> = nodules
        .iter()
        .filter_map(|n| {
            pictures
                .nodules
                .iter()
                .find(|(number, _)| *number == n.number)
                .map(|(_, file)| (n, file.as_str()))
        })
        .collect();
    if shown.is_empty() {
        return;
    }
    html.push_str("<div class=\"pictures\">\n");
    for (nodule, file) in shown {
        let words = escaped(&crate::sentences::nodule_sentence(nodule));
        let file = escaped(file);
        let _ = writeln!(
            html,
            "<a href=\"{file}\"><img src=\"{file}\" alt=\"{words}\" title=\"{words}\" loading=\"lazy\"></a>"
        );
    }
    html.push_str("</div>\n");
}

fn not_analysed(html: &mut String, series: &[&SeriesDocument]) {
    if series.is_empty() {
        return;
    }
    html.push_str("<section>\n<h2>Not analysed</h2>\n<table class=\"reasons\">\n<thead><tr><th>Series<th>State<th>Reason</tr></thead>\n<tbody>\n");
    for s in series {
        let (code, message) =
            s.reason.as_ref().map_or(("", "no reason was stored"), |r| (r.code.as_str(), r.message.as_str()));
        let _ = writeln!(
            html,
            "<tr class=\"{}\"><td><code>{}</code><td>{}<td><b>{}</b> {}</tr>",
            s.state.as_str(),
            escaped(&s.series_instance_uid),
            s.state.as_str(),
            escaped(code),
            escaped(message)
        );
    }
    html.push_str("</tbody>\n</table>\n</section>\n");
}

/// Text that cannot become markup, in content or in a quoted attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn page(document: &FindingsDocument, pictures: &[SeriesPictures], source: &str) -> String {
        overview_html(&OverviewPage { document, pictures, source, made_at: "" })
    }

    /// Findings, pictures, reasons and warnings are on the page; nothing is loaded from elsewhere.
    #[test]
    fn the_page_says_everything_and_loads_nothing_from_outside() {
        let document = samples::document();
        let pictures = vec![SeriesPictures {
            series_instance_uid: document.series[0].series_instance_uid.clone(),
            overview: Some("o.png".to_owned()),
            nodules: vec![(1, "n1.png".to_owned())],
            files: vec![("SR".to_owned(), "sr.dcm".to_owned())],
        }];
        let html = page(&document, &pictures, "/scans/a");
        for text in [
            "8.2 &times; 6.1",
            "n1.png",
            "o.png",
            "sr.dcm",
            "THICK_SLICES",
            "SLICE_GAP",
            "resend the missing slices",
            "baseline-log 1",
        ] {
            assert!(html.contains(text), "{text} is not on the page");
        }
        for outside in ["http:", "https:", "<script", "@import", "url("] {
            assert!(!html.contains(outside), "{outside} is on the page");
        }
    }

    /// Texts of a scan or a path cannot become markup.
    #[test]
    fn texts_are_escaped() {
        let mut document = samples::document();
        let evil = "<script>alert('x')</script>\" onload=\"y";
        document.series[1].reason.as_mut().unwrap().message = evil.to_owned();
        document.series[0].warnings[0].message = evil.to_owned();
        let html = page(&document, &[], evil);
        assert!(!html.contains("<script") && !html.contains("\" onload"));
        assert_eq!(html.matches("&lt;script&gt;").count(), 4);
    }

    /// A scan without nodules says so.
    #[test]
    fn no_nodule_is_said_in_words() {
        let mut document = samples::document();
        document.series[0].nodules.clear();
        let html = page(&document, &[], "a");
        assert!(
            html.contains("No nodule reached the reporting threshold")
                && html.contains("<b>0</b> nodules marked")
        );
    }
}

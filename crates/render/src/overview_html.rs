//! One page per run: what was looked at, what was found, what was not analysed and why. No script, no
//! outside resource; pictures are files beside it.

use crate::clinical_html;
use crate::sentences::{score_number, volume_words};
use crate::words::{Language, Words};
use domain::{
    Attenuation, Character, FindingsDocument, Lobe, NoduleDocument, SeriesDocument, SeriesState, Side,
};
use std::fmt::Write;

/// Style of the page, screen and print.
pub(crate) const STYLE: &str = include_str!("overview.css");

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
    /// Its language.
    pub language: Language,
}

/// The page, UTF-8.
#[must_use]
pub fn overview_html(page: &OverviewPage<'_>) -> String {
    let document = page.document;
    let words = page.language.words();
    let mut html = String::with_capacity(16 * 1024);
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n",
        words.language_tag
    );
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    let _ = writeln!(
        html,
        "<title>lungcad: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>",
        escaped(page.source)
    );
    head(&mut html, page, words);
    // Results first, then what still runs or failed, then what was left out on purpose.
    let analysed = |s: &&SeriesDocument| s.pack.is_some();
    for series in document.series.iter().filter(analysed) {
        let pictures = page.pictures.iter().find(|p| p.series_instance_uid == series.series_instance_uid);
        analysed_series(&mut html, series, pictures, page.language);
    }
    let rest: Vec<&SeriesDocument> = document.series.iter().filter(|s| s.pack.is_none()).collect();
    not_analysed(&mut html, &rest, page.language);
    let _ = writeln!(
        html,
        "<footer><p>{}</p><p>lungcad {}. {}</p></footer>\n</body>\n</html>",
        use_words(document, words),
        escaped(&document.lungcad_version),
        words.footer
    );
    html
}

/// What the page may be used for.
fn use_words(document: &FindingsDocument, words: &Words) -> String {
    escaped(words.intended_use.unwrap_or(&document.intended_use))
}

fn head(html: &mut String, page: &OverviewPage<'_>, words: &Words) {
    let document = page.document;
    let nodules: usize = document.series.iter().map(|s| s.nodules.len()).sum();
    let analysed = document.series.iter().filter(|s| s.pack.is_some()).count();
    let failed = document.series.iter().filter(|s| s.state == SeriesState::Failed).count();
    let left_out = document.series.len() - analysed - failed;
    let _ = writeln!(
        html,
        "<header>\n<div><h1>{}</h1>\n<p class=\"source\">{}</p></div>",
        words.title,
        escaped(page.source)
    );
    let _ = writeln!(html, "<p class=\"use\">{}</p>\n</header>", use_words(document, words));
    html.push_str("<ul class=\"sums\">");
    for (count, [one, many], class) in [
        (nodules, words.nodules_marked, "main"),
        (analysed, words.series_analysed, ""),
        (left_out, words.series_left_out, ""),
        (failed, words.series_failed, "bad"),
    ] {
        if count > 0 || class == "main" {
            let noun = if count == 1 { one } else { many };
            let _ = write!(html, "<li class=\"{class}\"><b>{count}</b> {noun}</li>");
        }
    }
    if !page.made_at.is_empty() {
        let _ = write!(html, "<li class=\"when\">{}</li>", escaped(page.made_at));
    }
    html.push_str("</ul>\n");
}

fn analysed_series(
    html: &mut String,
    series: &SeriesDocument,
    pictures: Option<&SeriesPictures>,
    language: Language,
) {
    let words = language.words();
    let uid = escaped(&series.series_instance_uid);
    let _ = writeln!(html, "<section>\n<h2>{} <code>{uid}</code></h2>", words.series);
    for warning in &series.warnings {
        let _ = writeln!(
            html,
            "<p class=\"warning\"><b>{}</b> {}</p>",
            escaped(&warning.code),
            clinical_html::sentence(&warning.message, language)
        );
    }
    if let Some(exam) = &series.clinical {
        clinical_html::exam(html, exam, language);
        clinical_html::missing(html, &series.nodules, language);
    }
    if let Some(triage) = &series.triage {
        clinical_html::triage(html, triage, language);
    }
    html.push_str("<div class=\"two\">\n<div class=\"wide\">\n");
    if series.nodules.is_empty() {
        let _ = writeln!(html, "<p class=\"none\">{}</p>", words.none);
    } else {
        nodule_table(html, series, language);
    }
    facts(html, series, pictures, words);
    html.push_str("</div>\n");
    if let Some(file) = pictures.and_then(|p| p.overview.as_deref()) {
        let _ = writeln!(
            html,
            "<img class=\"overview\" src=\"{}\" alt=\"{}\">",
            escaped(file),
            words.from_the_front
        );
    }
    html.push_str("</div>\n");
    nodule_cards(html, series, pictures, language);
    html.push_str("</section>\n");
}

fn nodule_table(html: &mut String, series: &SeriesDocument, language: Language) {
    let words = language.words();
    html.push_str("<table>\n<thead><tr>");
    for (index, column) in words.columns.iter().enumerate() {
        let class = if [1, 2, 3, 8, 9, 10].contains(&index) { " class=\"n\"" } else { "" };
        let _ = write!(html, "<th{class}>{column}");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    let leading = series.clinical.as_ref().and_then(|exam| exam.guideline.as_deref());
    for n in &series.nodules {
        let c = n.center_lps_mm;
        let (risk, category) = clinical_html::cells(n, leading, language);
        let _ = writeln!(
            html,
            "<tr><td><b>{}</b><td class=\"n\"><b>{:.1}</b><td class=\"n\">{:.1} &times; {:.1}<td class=\"n\">{}<td>{}<td>{}\
             <td>{risk}<td class=\"g\">{category}\
             <td class=\"n\">{:.0} ({:.0})<td class=\"n\">{:.1}, {:.1}, {:.1}<td class=\"n\">{}</tr>",
            n.number,
            n.mean_diameter_mm,
            n.long_axis_mm,
            n.short_axis_mm,
            volume_words(n.volume_mm3),
            attenuation_words(n.attenuation, words),
            place_words(n, words),
            n.hu_mean,
            n.hu_sd,
            c.x,
            c.y,
            c.z,
            score_number(n.score),
        );
    }
    html.push_str("</tbody>\n</table>\n");
}

fn attenuation_words(attenuation: Attenuation, words: &Words) -> &'static str {
    match attenuation {
        Attenuation::Solid => words.solid,
        Attenuation::PartSolid => words.part_solid,
        Attenuation::NonSolid => words.non_solid,
        Attenuation::Calcified => words.calcified,
    }
}

fn side_words(side: Side, words: &Words) -> &'static str {
    match side {
        Side::Left => words.left_lung,
        Side::Right => words.right_lung,
    }
}

/// Lobe; near a fissure the lung, with the likelier lobe in brackets.
fn place_words(nodule: &NoduleDocument, words: &Words) -> String {
    let side = side_words(nodule.side, words);
    match nodule.lobe {
        None => side.to_owned(),
        Some(found) => {
            let names = Lobe::ALL.iter().zip(words.lobes);
            let name =
                names.into_iter().find(|(lobe, _)| **lobe == found.lobe).map_or(side, |(_, name)| name);
            if found.sure {
                name.to_owned()
            } else {
                format!("{side}, {} ({}?)", words.near_a_fissure, found.lobe.as_str())
            }
        }
    }
}

fn state_words(state: SeriesState, words: &Words) -> &'static str {
    SeriesState::ALL
        .iter()
        .zip(words.states)
        .find(|(one, _)| **one == state)
        .map_or(state.as_str(), |(_, word)| word)
}

/// The words of a picture.
fn caption(nodule: &NoduleDocument, language: Language) -> String {
    let (words, n) = (language.words(), nodule);
    match language {
        Language::English => crate::sentences::nodule_sentence(nodule),
        Language::Chinese => format!(
            "结节 {}：{}，{}，{:.1} × {:.1} mm（平均 {:.1} mm），体积 {}，评分 {}",
            n.number,
            attenuation_words(n.attenuation, words),
            place_words(n, words),
            n.long_axis_mm,
            n.short_axis_mm,
            n.mean_diameter_mm,
            volume_words(n.volume_mm3),
            score_number(n.score)
        ),
    }
}

/// What the pack's network says a nodule is like, in one line.
fn character_words(character: &Character, words: &Words) -> String {
    let mut parts = Vec::new();
    if let Some(types) = character.types {
        for (name, probability) in [
            (words.solid, types.solid),
            (words.part_solid, types.part_solid),
            (words.non_solid, types.non_solid),
        ] {
            parts.push(format!("{name} {:.0} %", probability * 100.0));
        }
    }
    let [yes, no, unsure] = words.answers;
    for (name, rated) in [(words.calcified, character.calcified), (words.spiculated, character.spiculated)] {
        if let Some(rated) = rated {
            parts.push(format!(
                "{name} {}",
                rated.answer.map_or(unsure, |answer| if answer { yes } else { no })
            ));
        }
    }
    format!("{}: {}", words.by_network, parts.join(", "))
}

/// Pack, lungs, time, files.
fn facts(html: &mut String, series: &SeriesDocument, pictures: Option<&SeriesPictures>, words: &Words) {
    html.push_str("<dl>\n");
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(html, "<dt>{name}</dt><dd>{value}</dd>");
    };
    fact(words.study, format!("<code>{}</code>", escaped(&series.study_instance_uid)));
    if let Some(pack) = &series.pack {
        let short: String = pack.sha256.chars().take(12).collect();
        fact(
            words.pack,
            format!(
                "{} {} <span class=\"dim\">(sha256 {}&hellip;, {} {} {}, {})</span>",
                escaped(&pack.name),
                escaped(&pack.version),
                escaped(&short),
                words.reports_from,
                words.score,
                score_number(pack.threshold),
                escaped(&pack.runtime)
            ),
        );
    }
    if let Some(lungs) = series.lungs {
        let (right, left) = (words.right, words.left);
        fact(words.lung_volume, format!("{right} {:.0} ml, {left} {:.0} ml", lungs.right_ml, lungs.left_ml));
    }
    if series.timings_ms.total > 0 {
        fact(words.time, format!("{:.1} s", series.timings_ms.total as f64 / 1000.0));
    }
    if let Some(pictures) = pictures.filter(|p| !p.files.is_empty()) {
        let links: Vec<String> = pictures
            .files
            .iter()
            .map(|(name, file)| format!("<a href=\"{}\">{}</a>", escaped(file), escaped(name)))
            .collect();
        fact(words.files, links.join(", "));
    }
    html.push_str("</dl>\n");
}

/// A card per nodule: its picture, and what risk models and guidelines say.
fn nodule_cards(
    html: &mut String,
    series: &SeriesDocument,
    pictures: Option<&SeriesPictures>,
    language: Language,
) {
    let picture = |number: usize| {
        let all = pictures.map(|p| p.nodules.iter()).into_iter().flatten();
        all.into_iter().find(|(n, _)| *n == number).map(|(_, file)| file.as_str())
    };
    let shown = |n: &&NoduleDocument| picture(n.number).is_some() || n.clinical.is_some();
    let leading = series.clinical.as_ref().and_then(|exam| exam.guideline.as_deref());
    let mut cards = series.nodules.iter().filter(shown).peekable();
    if cards.peek().is_none() {
        return;
    }
    html.push_str("<div class=\"pictures\">\n");
    for nodule in cards {
        html.push_str("<article>");
        if let Some(file) = picture(nodule.number) {
            let words = escaped(&caption(nodule, language));
            let file = escaped(file);
            let _ = writeln!(
                html,
                "<a href=\"{file}\"><img src=\"{file}\" alt=\"{words}\" title=\"{words}\" loading=\"lazy\"></a>"
            );
        }
        if let Some(character) = &nodule.character {
            let _ = writeln!(html, "<p class=\"rated\">{}</p>", character_words(character, language.words()));
        }
        if let Some(clinical) = &nodule.clinical {
            clinical_html::card(html, clinical, leading, language);
        }
        html.push_str("</article>\n");
    }
    html.push_str("</div>\n");
}

fn not_analysed(html: &mut String, series: &[&SeriesDocument], language: Language) {
    let words = language.words();
    if series.is_empty() {
        return;
    }
    let [uid, state, reason] = words.reasons;
    let _ = writeln!(
        html,
        "<section>\n<h2>{}</h2>\n<table class=\"reasons\">\n<thead><tr><th>{uid}<th>{state}<th>{reason}</tr></thead>\n<tbody>",
        words.not_analysed
    );
    for s in series {
        let (code, message) =
            s.reason.as_ref().map_or(("", words.no_reason), |r| (r.code.as_str(), r.message.as_str()));
        let _ = writeln!(
            html,
            "<tr class=\"{}\"><td><code>{}</code><td>{}<td><b>{}</b> {}</tr>",
            s.state.as_str(),
            escaped(&s.series_instance_uid),
            state_words(s.state, words),
            escaped(code),
            clinical_html::sentence(message, language)
        );
    }
    html.push_str("</tbody>\n</table>\n</section>\n");
}

/// Text that cannot become markup, in content or in a quoted attribute.
pub(crate) fn escaped(text: &str) -> String {
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
        overview_html(&OverviewPage { document, pictures, source, made_at: "", language: Language::English })
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
            "part-solid 60 %, non-solid (ground glass) 25 %, calcified no, spiculated margin unsure",
        ] {
            assert!(html.contains(text), "{text} is not on the page");
        }
        for outside in ["http:", "https:", "<script", "@import", "url("] {
            assert!(!html.contains(outside), "{outside} is on the page");
        }
    }

    /// The same in Chinese: nothing a reader sees but names and codes is left in English.
    #[test]
    fn the_chinese_page_is_chinese() {
        let document = samples::document();
        let uid = document.series[0].series_instance_uid.clone();
        let pictures = [SeriesPictures {
            series_instance_uid: uid,
            overview: None,
            nodules: vec![(1, "n1.png".to_owned())],
            files: Vec::new(),
        }];
        let language = Language::Chinese;
        let page =
            OverviewPage { document: &document, pictures: &pictures, source: "a", made_at: "", language };
        let html = overview_html(&page);
        for text in [
            "结节 1：",
            "缺层：第",
            "请重新发送缺失的图像",
            "<td>已跳过<td>",
            "小结节可能漏检",
            "毛刺边缘 不确定",
        ] {
            assert!(html.contains(text), "{text} is not on the page\n{html}");
        }
        assert!(!html.contains("lang=\"en\""), "a sentence stayed English\n{html}");
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

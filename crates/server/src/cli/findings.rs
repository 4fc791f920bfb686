//! `lungcad findings`: what a running server found, as a table, and how it compares with readers' truth.

use super::{CliError, block_on, say, table};
use clap::Args;
use domain::{FindingsDocument, Mask, NoduleDocument, Run, SeriesDocument, SeriesState};
use pipeline::rest::{Rest, RestError};
use pipeline::truth::{Comparison, FramePixels, Mark, TruthDocument, TruthSeries};
use pipeline::{Language, category_text, reading, risk_text, score_number};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Arguments of `findings`.
#[derive(Debug, Args)]
pub(crate) struct FindingsArguments {
    /// Series Instance UID
    #[arg(value_name = "SERIES")]
    series: String,
    /// Address of the server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// Bearer token, where the server asks for one
    #[arg(long, env = "LUNGCAD_HTTP__TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Seconds to wait until the series is analysed
    #[arg(long, value_name = "S", default_value_t = 0)]
    wait: u64,
    /// Readers' truth (format lungcad-truth/1) to compare with
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
}

/// Waits, fetches, prints.
pub(crate) fn run(arguments: &FindingsArguments) -> Result<(), CliError> {
    let truth = arguments.truth.as_ref().map(|path| {
        let read =
            std::fs::read(path).map_err(|e| e.to_string()).and_then(|bytes| TruthDocument::parse(&bytes));
        read.map_err(|e| CliError::usage(format!("reading truth {}: {e}", path.display())))
    });
    let truth = truth.transpose()?;
    let rest = Rest::new(&arguments.server, arguments.token.clone());
    block_on(async {
        let document = wait(&rest, arguments).await?;
        for series in &document.series {
            tell_series(series);
        }
        if let Some(truth) = truth.as_ref().and_then(|t| t.series(&arguments.series)) {
            let marks = marks(&rest, &arguments.series, &document, truth).await?;
            tell_comparison(&truth.compare(&marks));
        }
        match document.series.first().map(|s| s.state) {
            Some(SeriesState::Done) => Ok(()),
            Some(SeriesState::Skipped) => {
                Err(CliError::nothing_analyzed("the series was not analysed; see the reason above"))
            }
            Some(state) => Err(CliError::failed(format!("the series is {}", state.as_str()))),
            None => Err(CliError::failed("the server knows no such series")),
        }
    })?
}

pub(super) fn failed(error: &RestError) -> CliError {
    CliError::failed(error.to_string()).with_hint("name the server with --server and its token with --token")
}

async fn wait(rest: &Rest, arguments: &FindingsArguments) -> Result<FindingsDocument, CliError> {
    let until = Instant::now() + Duration::from_secs(arguments.wait);
    loop {
        let found = rest.findings(&arguments.series).await;
        let settled = |d: &FindingsDocument| {
            let end = [SeriesState::Done, SeriesState::Skipped, SeriesState::Failed];
            d.series.first().is_some_and(|s| end.contains(&s.state))
        };
        match found {
            Ok(document) if settled(&document) || Instant::now() >= until => return Ok(document),
            Err(error) if Instant::now() >= until => return Err(failed(&error)),
            _ => tokio::time::sleep(Duration::from_millis(300)).await,
        }
    }
}

/// Marks with the outlines of the SEG that went to the PACS.
async fn marks(
    rest: &Rest,
    series: &str,
    document: &FindingsDocument,
    truth: &TruthSeries,
) -> Result<Vec<Mark>, CliError> {
    let segments = match rest.segmentation(series).await.map_err(|e| failed(&e))? {
        None => Vec::new(),
        Some(bytes) => dcm_segments(&bytes)?,
    };
    let nodules = document.series.iter().flat_map(|s| &s.nodules);
    let marks = nodules.map(|nodule| {
        let segment = segments.iter().find(|s| s.tracking_uid == nodule.tracking_uid);
        let mut runs = Vec::new();
        for (position, pixels) in segment.iter().flat_map(|s| &s.frames) {
            let z = truth.slice_index(*position);
            runs.extend(pixels.iter().map(|&(y, x_start, x_end)| Run { z, y, x_start, x_end }));
        }
        Mark {
            number: nodule.number,
            score: nodule.score,
            center: nodule.center_lps_mm,
            mask: Mask::from(runs),
        }
    });
    Ok(marks.collect())
}

/// One outline of a SEG.
struct Outline {
    tracking_uid: String,
    frames: Vec<FramePixels>,
}

fn dcm_segments(bytes: &[u8]) -> Result<Vec<Outline>, CliError> {
    let read = pipeline::truth::outlines_of_seg(bytes).map_err(CliError::failed)?;
    Ok(read.into_iter().map(|(tracking_uid, frames)| Outline { tracking_uid, frames }).collect())
}

/// One series as lines and a table.
pub(crate) fn tell_series(series: &SeriesDocument) {
    say(format_args!("series {}: {}", series.series_instance_uid, series.state.as_str()));
    if let Some(reason) = &series.reason {
        say(format_args!("  {}: {}", reason.code, reason.message));
    }
    for warning in &series.warnings {
        say(format_args!("  note: {}", warning.message));
    }
    if let (Some(pack), Some(lungs)) = (&series.pack, &series.lungs) {
        say(format_args!(
            "  {} {} at score {} ({}); lungs left {:.1} l, right {:.1} l; {:.1} s",
            pack.name,
            pack.version,
            score_number(pack.threshold),
            pack.runtime,
            lungs.left_ml / 1000.0,
            lungs.right_ml / 1000.0,
            std::time::Duration::from_millis(series.timings_ms.total).as_secs_f64()
        ));
    }
    if series.nodules.is_empty() {
        tell_triage(series);
        return;
    }
    let mut rows = table(&[
        "",
        "score",
        "lobe",
        "type",
        "long x short",
        "mean",
        "volume",
        "HU",
        "risk (Brock)",
        "guideline",
        "centre x, y, z (LPS mm)",
    ]);
    let leading = series.clinical.as_ref().and_then(|exam| exam.guideline.as_deref());
    for n in &series.nodules {
        let c = n.center_lps_mm;
        rows.add_row([
            n.number.to_string(),
            score_number(n.score),
            lobe_words(n),
            n.attenuation.as_str().to_owned(),
            format!("{:.1} x {:.1} mm", n.long_axis_mm, n.short_axis_mm),
            format!("{:.1} mm", n.mean_diameter_mm),
            format!("{:.0} mm3", n.volume_mm3),
            format!("{:.0}", n.hu_mean),
            risk_words(n),
            category_words(n, leading),
            format!("{:.1}, {:.1}, {:.1}", c.x, c.y, c.z),
        ]);
    }
    say(rows);
    if series.clinical.is_some() {
        tell_exam(series);
    }
    tell_triage(series);
    say(format_args!("  {}", domain::INTENDED_USE));
}

/// Lobe, with a question mark near a fissure; the side where lobes are not known.
fn lobe_words(nodule: &NoduleDocument) -> String {
    match nodule.lobe {
        None => nodule.side.as_str().to_owned(),
        Some(found) => format!("{}{}", found.lobe.as_str(), if found.sure { "" } else { "?" }),
    }
}

/// Risk by the first model; empty where rules were not asked.
fn risk_words(nodule: &NoduleDocument) -> String {
    let first = nodule.clinical.as_ref().and_then(|clinical| clinical.risks.first());
    first.map(|risk| risk_text(risk, Language::English)).unwrap_or_default()
}

/// What the leading guideline says; empty where none leads.
fn category_words(nodule: &NoduleDocument, leading: Option<&str>) -> String {
    let answer = nodule.clinical.as_ref().zip(leading).and_then(|(clinical, id)| clinical.guideline(id));
    answer.map(|guideline| category_text(guideline, Language::English)).unwrap_or_default()
}

/// What the leading guideline says to the exam, why these rules, notes, and what was not known.
fn tell_exam(series: &SeriesDocument) {
    let words = reading(series, Language::English);
    say(format_args!("  {}", words.why));
    let by = words.decided_by.map_or_else(String::new, |number| format!(", by nodule {number}"));
    say(format_args!("  exam: {}{by}", words.exam));
    for note in &words.notes {
        say(format_args!("  note: {note}"));
    }
    let missing: Vec<&str> = words.missing.iter().map(|value| value.words.as_str()).collect();
    if !missing.is_empty() {
        say(format_args!("  not known here: {}", missing.join("; ")));
    }
}

/// Where the exam lies among the site's own, with what that may be used for.
fn tell_triage(series: &SeriesDocument) {
    let Some(triage) = &series.triage else { return };
    say(format_args!("  exam triage: {} ({})", triage.short(), triage.basis()));
    if triage.score.is_some() {
        say(format_args!("  {}", triage.intended_use));
    }
}

/// Found and missed, with the agreement of outlines.
pub(crate) fn tell_comparison(comparison: &Comparison) {
    let counting = || comparison.nodules.iter().filter(|n| n.counts);
    let found = counting().filter(|n| n.hit.is_some()).count();
    say(format_args!(
        "  truth: {found} of {} nodules that most readers marked were found",
        counting().count()
    ));
    let mut rows =
        table(&["", "readers", "size", "volume", "found as", "score", "off by", "Dice", "volume ratio"]);
    for nodule in &comparison.nodules {
        let mut row = vec![
            nodule.id.clone(),
            nodule.votes_count.to_string(),
            format!("{:.1} mm", nodule.diameter_mm),
            format!("{:.0} mm3", nodule.volume_mm3),
        ];
        row.extend(match &nodule.hit {
            Some(hit) => [
                format!("Nodule {}", hit.number),
                score_number(hit.score),
                format!("{:.1} mm", hit.distance_mm),
                format!("{:.2}", hit.dice),
                format!("{:.2}", hit.volume_ratio),
            ],
            None => ["missed", "", "", "", ""].map(str::to_owned),
        });
        rows.add_row(row);
    }
    say(rows);
    say(format_args!("  {} marks hit nothing that a reader marked", comparison.other_marks_count));
}

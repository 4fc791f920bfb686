//! Packs and the self test.

use super::convert;
use crate::cli::CliError;
use crate::cli::models::PackRow;
use crate::config::Settings;
use pipeline::analyze::{AnalysisSettings, analyze};
use pipeline::{Assembled, Networks, list_packs};
use std::time::Instant;

/// Every pack below models.folder, readable or not.
pub(crate) fn packs(settings: &Settings) -> Result<Vec<PackRow>, CliError> {
    let options = convert::networks(settings, 1);
    let found = list_packs(&options.folder).map_err(|e| {
        CliError::failed(e.to_string()).with_hint("set models.folder to the folder that holds the packs")
    })?;
    let of_name = || found.iter().filter(|p| p.name == settings.models.pack).rev();
    // With none that is sound the newest broken one is meant: its fault is what somebody must read.
    let newest = of_name().find(|p| p.problem.is_none()).or_else(|| of_name().next());
    let newest = newest.map(|p| p.version.clone());
    let wanted = settings.models.pack_version.clone().or(newest);
    let rows = found.into_iter().map(|p| PackRow {
        in_use: p.name == settings.models.pack && Some(&p.version) == wanted.as_ref(),
        name: p.name,
        version: p.version,
        licence: p.licence,
        intended_input: p.intended_input,
        folder: p.folder,
        problem: p.problem,
    });
    Ok(rows.collect())
}

/// Hashes, tensors and self-test of a pack; what was verified, or what is wrong and how to mend it.
pub(crate) fn verify_pack(settings: &Settings, pack: &PackRow) -> Result<String, String> {
    if let Some(problem) = &pack.problem {
        return Err(problem.clone());
    }
    let options = convert::networks(settings, convert::threads(settings));
    let ran = pipeline::verify_pack(&pack.folder, &options).map_err(|e| e.to_string())?;
    Ok(ran.join("; "))
}

/// One small simulated chest through lungs and networks; what ran and how long it took.
pub(crate) fn self_test(settings: &Settings) -> Result<String, CliError> {
    let threads = convert::threads(settings);
    let mut networks =
        Networks::load(&convert::networks(settings, threads)).map_err(|e| CliError::failed(e.to_string()))?;
    let spec = phantom::SeriesSpec {
        slices_count: 64,
        matrix: 160,
        pixel_mm: 2.2,
        spacing_mm: 4.5,
        thickness_mm: 2.5,
        nodules: vec!["RUL,14,solid".parse().map_err(|e| CliError::failed(format!("self test: {e}")))?],
        ..phantom::SeriesSpec::default()
    };
    let started = Instant::now();
    let scan = phantom::simulate(&spec, &|_, _| {}).map_err(|e| CliError::failed(e.to_string()))?;
    let uid = |text: &str| CliError::failed(format!("self test: {text}"));
    let uids = phantom::series_uids(&spec);
    let assembled = Assembled {
        study_instance_uid: uids.study.parse().map_err(|_| uid("study uid"))?,
        series_instance_uid: uids.series.parse().map_err(|_| uid("series uid"))?,
        volume: scan.volume,
        slices: Vec::new(),
        warnings: Vec::new(),
        input_digest: "self test".to_owned(),
        assemble_ms: 0,
    };
    let result = analyze(&assembled, &mut networks, &AnalysisSettings::default(), &|_, _, _| {})
        .map_err(|e| CliError::failed(format!("analysing a simulated chest: {e}")))?;
    let lungs_ml = result.lungs.left_ml + result.lungs.right_ml;
    Ok(format!(
        "{} {} on {}: simulated chest, {lungs_ml:.0} ml of lung, {} marks in {:.1} s",
        result.pack.name,
        result.pack.version,
        result.pack.runtime,
        result.findings.len(),
        started.elapsed().as_secs_f64()
    ))
}

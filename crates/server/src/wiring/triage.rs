//! `calibrate --triage`: the pack in use, the archive's scores, and where a calibration is kept.

use super::convert;
use crate::cli::CliError;
use crate::config::Settings;
use archive::NewTriageCalibration;
use domain::PackIdentity;
use pipeline::Networks;
use pipeline::triage::{ArchiveScores, scores_of_archive};

/// The configured pack with its threshold.
pub(crate) fn pack_in_use(settings: &Settings) -> Result<PackIdentity, CliError> {
    let networks = Networks::load(&convert::networks(settings, 1)).map_err(|e| {
        CliError::failed(e.to_string()).with_hint("`lungcad check` says what is missing and how to get it")
    })?;
    Ok(networks.identity())
}

/// Scores of the latest exams of the archive that `pack` analysed.
pub(crate) async fn triage_scores(
    settings: &Settings,
    pack: &PackIdentity,
    exams_count_max: usize,
) -> Result<ArchiveScores, CliError> {
    let archive = super::open_archive_as(settings, "calibrate".to_owned()).await?;
    let scores = scores_of_archive(&archive, pack, exams_count_max).await;
    archive.close().await;
    scores.map_err(|e| CliError::failed(e.to_string()))
}

/// Keeps a calibration; its version.
pub(crate) async fn store_triage(settings: &Settings, new: &NewTriageCalibration) -> Result<i64, CliError> {
    let archive = super::open_archive_as(settings, "calibrate".to_owned()).await?;
    let stored = archive.store_triage_calibration(new).await;
    archive.close().await;
    stored.map_err(|e| CliError::failed(e.to_string()))
}

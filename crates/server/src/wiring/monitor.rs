//! Drift: the archive's latest results against a reference, once or for as long as the server runs.

use crate::cli::CliError;
use crate::config::Settings;
use crate::telemetry::{Metric, Telemetry};
use archive::Archive;
use dcm::header::InstanceHeader;
use domain::SeriesDocument;
use pipeline::monitor::{DriftLevel, Observations, Reference, compare};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Size of a reference.
const REFERENCE_SIZE_MAX: u64 = 64 << 20;

/// Reads a reference.
pub(crate) fn reference(path: &Path) -> Result<Reference, CliError> {
    let name = path.display().to_string();
    let unreadable = |e: std::io::Error| CliError::usage(format!("reading reference {name}: {e}"));
    if std::fs::metadata(path).map_err(unreadable)?.len() > REFERENCE_SIZE_MAX {
        return Err(CliError::usage(format!("reference {name} is larger than {REFERENCE_SIZE_MAX} bytes")));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    Reference::parse(&name, &bytes).map_err(|e| CliError::usage(e.to_string()))
}

/// What the latest `count` results of the archive of these settings look like.
pub(crate) async fn observations(settings: &Settings, count: u32) -> Result<Observations, CliError> {
    let archive = super::open_archive_as(settings, "monitor".to_owned()).await?;
    let found = observed(&archive, count).await;
    archive.close().await;
    found.map_err(CliError::failed)
}

async fn observed(archive: &Archive, count: u32) -> Result<Observations, String> {
    let rows = archive.observed_series(count).await.map_err(|e| e.to_string())?;
    let parse = move || {
        // A document that this version cannot read says nothing; the others do.
        let parsed: Vec<(SeriesDocument, Option<InstanceHeader>)> = rows
            .iter()
            .filter_map(|row| {
                let facts = row.facts_json.as_ref().and_then(|json| serde_json::from_str(json).ok());
                Some((serde_json::from_str(&row.document_json).ok()?, facts))
            })
            .collect();
        Observations::of(parsed.iter().map(|(document, header)| (document, header.as_ref())))
    };
    tokio::task::spawn_blocking(parse).await.map_err(|e| e.to_string())
}

/// Compares every so often, sets the gauges, and says in the log what has drifted.
pub(super) async fn watch(
    archive: Archive,
    reference: Reference,
    settings: (u32, Duration),
    telemetry: Telemetry,
    cancel: CancellationToken,
) {
    let (count, every) = settings;
    loop {
        match observed(&archive, count).await {
            Ok(now) => {
                for drift in compare(&reference, &now) {
                    let labels = [("signal", drift.signal.clone())];
                    telemetry.set_value(Metric::DriftPsi, &labels, drift.psi.unwrap_or(0.0));
                    telemetry.set_value(Metric::DriftKs, &labels, drift.ks.unwrap_or(0.0));
                    let level = match drift.level {
                        DriftLevel::TooFew | DriftLevel::Stable => 0.0,
                        DriftLevel::Look => 1.0,
                        DriftLevel::Act => 2.0,
                    };
                    telemetry.set_value(Metric::DriftLevel, &labels, level);
                    if drift.level == DriftLevel::Act {
                        tracing::warn!(signal = %drift.signal, psi = drift.psi, ks = drift.ks, "drifted from the reference; `lungcad monitor` shows how");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "looking for drift failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = cancel.cancelled() => return,
        }
    }
}

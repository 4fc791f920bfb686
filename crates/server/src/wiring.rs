//! Everything is built here, in the order of the layers; the only place that knows all types.

use crate::cli::CliError;
use crate::cli::analyze::AnalyzeArguments;
use crate::cli::models::PackRow;
use crate::cli::send::{SendProgress, SendRequest, SendSummary};
use crate::cli::serve::Role;
use crate::config::{Database, DestinationSettings, Settings};
use crate::telemetry::Telemetry;
use std::time::Duration;

/// Database and store of these settings, with its tables brought to this version.
pub(crate) async fn open_archive(settings: &Settings) -> Result<archive::Archive, CliError> {
    let blobs = match &settings.storage.s3 {
        None => archive::BlobSettings::Local { root: settings.storage.root.join("blobs") },
        Some(s3) => archive::BlobSettings::S3 {
            bucket: s3.bucket.clone(),
            endpoint: s3.endpoint.clone(),
            region: s3.region.clone(),
            access_key: s3.access_key_id.clone(),
            secret_key: s3.secret_access_key.expose().to_owned(),
            allow_http: s3.allow_http,
        },
    };
    if let Database::Sqlite(path) = &settings.storage.database
        && let Some(folder) = path.parent()
        && let Err(e) = std::fs::create_dir_all(folder)
    {
        let message = format!("making folder {}: {e}", folder.display());
        return Err(CliError::failed(message).with_hint("set storage.root to a folder that lungcad may write to"));
    }
    let tries = i64::from(settings.worker.tries_max);
    let archive_settings = archive::ArchiveSettings {
        database: settings.storage.database.url(),
        blobs,
        migrate: true,
        process: format!("lungcad-{}", std::process::id()),
        attempts: archive::AttemptLimits { analyze: tries, ..archive::AttemptLimits::default() },
    };
    let opened = archive::Archive::open(&archive_settings).await;
    let archive = opened.map_err(|e| CliError::failed(format!("opening {}: {e}", settings.storage.database.shown())))?;
    let place = settings.storage.root.display();
    archive.check().await.map_err(|e| CliError::failed(format!("writing below {place}: {e}")))?;
    Ok(archive)
}

/// Runs the roles until a signal.
pub(crate) async fn serve(_settings: Settings, _roles: &[Role], _telemetry: Telemetry) -> Result<(), CliError> {
    Err(CliError::failed("serve is not joined yet"))
}

/// Analyses files.
pub(crate) fn analyze(_settings: &Settings, _arguments: &AnalyzeArguments) -> Result<(), CliError> {
    Err(CliError::failed("analyze is not joined yet"))
}

/// Sends files; `progress` is called from any thread after each answer.
pub(crate) async fn send<P>(_request: SendRequest, _progress: P) -> Result<SendSummary, CliError>
where
    P: Fn(SendProgress) + Send + Sync + 'static,
{
    Err(CliError::failed("send is not joined yet"))
}

/// C-ECHO; the time it took, or what went wrong and how to mend it.
pub(crate) async fn echo(_destination: &DestinationSettings) -> Result<Duration, String> {
    Err("echo is not joined yet".to_owned())
}

/// Every pack below models.folder, readable or not.
pub(crate) fn packs(_settings: &Settings) -> Result<Vec<PackRow>, CliError> {
    Err(CliError::failed("packs are not joined yet"))
}

/// Hashes of a pack; what was verified, or what is wrong and how to mend it.
pub(crate) fn verify_pack(_pack: &PackRow) -> Result<String, String> {
    Err("packs are not joined yet".to_owned())
}

/// One small volume through lungs and networks; what ran and how long it took.
pub(crate) fn self_test(_settings: &Settings) -> Result<String, CliError> {
    Err(CliError::failed("the self test is not joined yet"))
}

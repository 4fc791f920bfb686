//! Everything is built here, in the order of the layers; the only place that knows all types.

mod convert;
mod evaluate;
mod files;
mod models;
mod monitor;
mod serve;
mod triage;
mod worker;

pub(crate) use evaluate::{run_on_truth, stored_documents};
pub(crate) use files::{analyze, send};
pub(crate) use models::{packs, self_test, verify_pack};
pub(crate) use monitor::{observations, reference};
pub(crate) use serve::{echo, serve};
pub(crate) use triage::{pack_in_use, store_triage, triage_scores};
pub(crate) use worker::work;

use crate::cli::CliError;
use crate::config::{Database, Settings};

/// Name of a process in leases and associations. Over SQLite there is one server, so its name stays the same over
/// restarts and what its predecessor held is given back at once; over PostgreSQL there may be many.
pub(crate) fn process_name(settings: &Settings) -> String {
    match settings.storage.database {
        Database::Sqlite(_) => "local".to_owned(),
        Database::Postgres(_) => uuid::Uuid::now_v7().simple().to_string(),
    }
}

/// Database and store of these settings, with its tables brought to this version.
pub(crate) async fn open_archive(settings: &Settings) -> Result<archive::Archive, CliError> {
    open_archive_as(settings, process_name(settings)).await
}

/// The same under a name of its own.
pub(crate) async fn open_archive_as(
    settings: &Settings,
    process: String,
) -> Result<archive::Archive, CliError> {
    let blobs = match &settings.storage.s3 {
        None => archive::BlobSettings::Local {
            root: settings.storage.root.join("blobs"),
            direct_writes: settings.storage.direct_writes,
        },
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
        return Err(storage_error(settings, message));
    }
    let deliver = settings.destinations.iter().map(|d| i64::from(d.tries_max)).max();
    let usual = archive::AttemptLimits::default();
    let attempts = archive::AttemptLimits {
        analyze: i64::from(settings.worker.tries_max),
        deliver: deliver.unwrap_or(usual.deliver),
        ..usual
    };
    let database = settings.storage.database.url();
    let stores = archive::ArchiveSettings { database, blobs, migrate: true, process, attempts };
    let archive = archive::Archive::open(&stores).await.map_err(|e| {
        storage_error(settings, format!("opening {}: {e}", settings.storage.database.shown()))
    })?;
    let place = settings.storage.root.display();
    archive.check().await.map_err(|e| storage_error(settings, format!("writing below {place}: {e}")))?;
    Ok(archive)
}

/// A failure of database or store with the way out.
fn storage_error(settings: &Settings, message: String) -> CliError {
    let hint = match (&settings.storage.database, &settings.storage.s3) {
        (Database::Postgres(_), _) => {
            "check storage.database, that the server takes connections, and the keys of [storage]"
        }
        (Database::Sqlite(_), Some(_)) => {
            "check the keys of [storage.s3], and that lungcad may write to storage.root"
        }
        (Database::Sqlite(_), None) => {
            "set storage.root to a folder that lungcad may write to, on a disk with room"
        }
    };
    CliError::failed(message).with_hint(hint)
}

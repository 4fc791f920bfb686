//! The worker process: `lungcad worker`, a child of `serve`.

use super::{convert, open_archive_as};
use crate::cli::{CliError, say};
use crate::config::Settings;
use archive::Archive;
use pipeline::supervise::{READY, UNFIT, limit_memory, parent_gone};
use pipeline::worker::{WorkSettings, WorkerEnd, work as run};
use pipeline::{Networks, NetworksError};
use tokio_util::sync::CancellationToken;

/// Works under `name` until the parent is gone or a job hangs.
pub(crate) async fn work(settings: Settings, name: String) -> Result<(), CliError> {
    match prepare(&settings, &name).await {
        Ok((archive, networks)) => {
            say(READY);
            run_jobs(&settings, archive, networks, name).await
        }
        Err(error) => {
            say(format_args!("{UNFIT} {}", error.message));
            Err(error)
        }
    }
}

/// Everything that can be wrong before the first job is claimed.
async fn prepare(settings: &Settings, name: &str) -> Result<(Archive, Networks), CliError> {
    if let Some(bytes) = settings.worker.memory_max {
        limit_memory(bytes).map_err(|e| CliError::failed(format!("limiting the worker's memory: {e}")))?;
    }
    let archive = open_archive_as(settings, name.to_owned()).await?;
    let options = convert::networks(settings, convert::threads(settings));
    let loaded = tokio::task::spawn_blocking(move || Networks::load(&options)).await;
    let networks = loaded
        .map_err(|e| CliError::failed(format!("loading networks: {e}")))?
        .map_err(|e: NetworksError| CliError::failed(e.to_string()))?;
    Ok((archive, networks))
}

async fn run_jobs(
    settings: &Settings,
    archive: Archive,
    networks: Networks,
    name: String,
) -> Result<(), CliError> {
    let threads_count = convert::threads(settings);
    let installation = archive
        .installation_id(&convert::installation_id(settings))
        .await
        .map_err(|e| CliError::failed(e.to_string()))?;
    let work = WorkSettings {
        assembly: convert::assembly(settings),
        analysis: convert::analysis(settings),
        assess: convert::assess(settings),
        report: convert::report(settings, &installation),
        destinations: settings.destinations.iter().map(|d| d.name.clone()).collect(),
        lease: settings.worker.lease,
        job_time_max: settings.worker.job_time_max,
        threads_count,
    };
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = parent_gone() => {}
            () = super::serve::asked_to_stop() => {}
        }
        stop.cancel();
    });
    tracing::info!(worker = %name, threads = threads_count, pack = %networks.identity().name, "worker ready");
    match run(archive, networks, work, name, cancel).await {
        Ok(WorkerEnd::Cancelled) => Ok(()),
        Ok(WorkerEnd::Stuck) => {
            Err(CliError::failed("a job took too long; the worker process ends to stop it"))
        }
        Err(cause) => Err(CliError::failed(cause)),
    }
}

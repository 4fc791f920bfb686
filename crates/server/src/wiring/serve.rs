//! `lungcad serve`: which roles run here, and how they start and stop.

use super::{convert, open_archive_as, process_name};
use crate::api::{self, AppState, Echo, Shared};
use crate::cli::serve::Role;
use crate::cli::{CliError, say};
use crate::config::{DestinationSettings, Settings};
use crate::telemetry::{Metric, Telemetry, count};
use archive::Archive;
use dimse::{AbstractSyntax, AeRules, OtherStorage, Scp, ScpLimits, ScpSettings};
use futures::FutureExt as _;
use pipeline::receive::{ReceiveCounters, Receiver};
use pipeline::supervise::{WorkerCommand, WorkerHealth, supervise};
use pipeline::{deliver, watch};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Deliveries at once: a destination that does not answer must not hold up the others.
const DELIVERIES_AT_ONCE: usize = 4;
/// How often counters of the receiver go to the metrics.
const COUNTERS_EVERY: Duration = Duration::from_secs(1);

/// Takes over SIGTERM and SIGINT at once, and resolves on either.
pub(super) fn asked_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    async move {
        match signals {
            [Ok(mut term), Ok(mut interrupt)] => tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            },
            _ => std::future::pending().await,
        }
    }
}

/// Runs the roles until a signal.
pub(crate) async fn serve(settings: Settings, roles: &[Role], telemetry: Telemetry) -> Result<(), CliError> {
    // Before anybody is told that we are there: a stop that comes at once must be an orderly one.
    let asked_to_stop = asked_to_stop();
    let name = process_name(&settings);
    let archive = open_archive_as(&settings, name.clone()).await?;
    let cancel = CancellationToken::new();
    // Ports first: a taken one is an error at start, not a line in the log.
    let scp = if roles.contains(&Role::Receive) { Some(bind_dicom(&settings).await?) } else { None };
    let http = if roles.contains(&Role::Web) { Some(bind_http(&settings).await?) } else { None };
    announce(scp.as_ref(), http.as_ref());
    let mut tasks = JoinSet::new();
    if let Some(scp) = scp {
        receive(&settings, &archive, scp, &cancel, &mut tasks).await?;
    }
    let health = Arc::new(WorkerHealth::default());
    if roles.contains(&Role::Work) {
        start_workers(&settings, &archive, &name, &health, &cancel, &mut tasks).await?;
    }
    if roles.contains(&Role::Deliver) {
        start_deliveries(&settings, &archive, &name, &cancel, &mut tasks).await?;
    }
    if let Some(path) = settings.monitor.reference_file.as_ref().filter(|_| http.is_some()) {
        let (reference, monitor) = (super::monitor::reference(path)?, &settings.monitor);
        let every = (monitor.series, monitor.every);
        tasks.spawn(super::monitor::watch(
            archive.clone(),
            reference,
            every,
            telemetry.clone(),
            cancel.clone(),
        ));
    }
    if let Some(listener) = http {
        let state = app_state(&settings, &archive, telemetry, health);
        let stop = cancel.clone();
        tasks.spawn(api::serve(listener, state, stop));
    }
    tokio::select! {
        () = asked_to_stop => tracing::info!("stopping: finishing what is in hand"),
        Some(ended) = tasks.join_next() => {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the server failed; stopping");
            }
        }
    }
    cancel.cancel();
    while tasks.join_next().await.is_some() {}
    archive.close().await;
    Ok(())
}

/// One line for people and scripts, with the ports really used (port 0 is any free one).
fn announce(scp: Option<&Scp>, http: Option<&TcpListener>) {
    let mut parts = Vec::new();
    if let Some(scp) = scp {
        parts.push(format!("dicom={}", scp.local_addr()));
    }
    if let Some(Ok(address)) = http.map(TcpListener::local_addr) {
        parts.push(format!("http={address}"));
    }
    if !parts.is_empty() {
        say(format_args!("listening {}", parts.join(" ")));
    }
}

async fn bind_dicom(settings: &Settings) -> Result<Scp, CliError> {
    let dicom = &settings.dicom;
    let analyzed = |uid: &str| dcm::conformance::is_analyzed(uid);
    let abstract_syntaxes = dcm::conformance::STORAGE_CLASSES
        .iter()
        .map(|class| AbstractSyntax {
            uid: class.uid.to_owned(),
            kept: analyzed(class.uid) || dicom.keep_other_objects,
        })
        .collect();
    let limits = ScpLimits {
        associations_max: dicom.associations_max,
        associations_per_peer_max: dicom.associations_max,
        pdu_size_max: dicom.pdu_size_max,
        operations_max: dicom.operations_max,
        object_size_max: dicom.object_size_max,
        idle_timeout: dicom.idle_timeout,
        association_time_max: dicom.association_timeout,
        ..ScpLimits::default()
    };
    let scp = ScpSettings {
        listen: dicom.listen,
        abstract_syntaxes,
        other_storage: if dicom.keep_other_objects {
            OtherStorage::AcceptKept
        } else {
            OtherStorage::AcceptNotKept
        },
        transfer_syntaxes: dcm::conformance::TRANSFER_SYNTAXES.iter().map(|t| t.uid.to_owned()).collect(),
        implementation: convert::implementation(),
        limits,
    };
    Scp::bind(scp)
        .await
        .map_err(|e| CliError::failed(e.to_string()).with_hint("set dicom.listen to a free address"))
}

async fn bind_http(settings: &Settings) -> Result<TcpListener, CliError> {
    let listen = settings.http.listen;
    TcpListener::bind(listen).await.map_err(|e| {
        CliError::failed(format!("listening for HTTP on {listen}: {e}"))
            .with_hint("set http.listen to a free address")
    })
}

async fn receive(
    settings: &Settings,
    archive: &Archive,
    scp: Scp,
    cancel: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<(), CliError> {
    archive.start_receiving().await.map_err(|e| CliError::failed(e.to_string()))?;
    let receiver = Receiver::new(archive.clone(), convert::receive(settings));
    let rules = AeRules {
        called: settings.dicom.called_ae_titles.clone().unwrap_or_default(),
        calling: settings.dicom.calling_ae_allowed.clone().unwrap_or_default(),
    };
    tasks.spawn(export_counters(receiver.counters(), cancel.clone()));
    tasks.spawn(watch::watch(archive.clone(), convert::completion(settings), cancel.clone()));
    tasks.spawn(scp.serve(Arc::new(receiver), Arc::new(rules), cancel.clone()));
    Ok(())
}

/// Passes on what was counted since the last time.
async fn export_counters(counters: Arc<ReceiveCounters>, cancel: CancellationToken) {
    let mut before = [0_u64; 6];
    loop {
        let stop = cancel.cancelled().now_or_never().is_some();
        let now = [
            counters.instances_stored_count.load(Ordering::Relaxed),
            counters.instances_identical_count.load(Ordering::Relaxed),
            counters.instances_conflicting_count.load(Ordering::Relaxed),
            counters.instances_refused_count.load(Ordering::Relaxed),
            counters.stored_size.load(Ordering::Relaxed),
            counters.associations_rejected_count.load(Ordering::Relaxed),
        ];
        let since = |index: usize| now[index].saturating_sub(before[index]);
        for (index, status) in ["stored", "identical", "conflicting", "refused"].iter().enumerate() {
            if since(index) > 0 {
                count(Metric::InstancesReceived, &[("status", (*status).to_owned())], since(index));
            }
        }
        if since(4) > 0 {
            count(Metric::BytesReceived, &[], since(4));
        }
        if since(5) > 0 {
            count(Metric::AssociationsRejected, &[], since(5));
        }
        before = now;
        if stop {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(COUNTERS_EVERY) => {}
            () = cancel.cancelled() => {}
        }
    }
}

/// What a predecessor of this name held is free at once.
async fn give_back(archive: &Archive, name: &str) -> Result<(), CliError> {
    let released = archive.release_worker(name, "the server was restarted", Duration::ZERO).await;
    released.map(|_| ()).map_err(|e| CliError::failed(e.to_string()))
}

async fn start_workers(
    settings: &Settings,
    archive: &Archive,
    name: &str,
    health: &Arc<WorkerHealth>,
    cancel: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<(), CliError> {
    let program =
        std::env::current_exe().map_err(|e| CliError::failed(format!("finding this program: {e}")))?;
    let mut arguments = vec!["worker".to_owned()];
    if let Some(path) = &settings.site_file {
        arguments.extend(["--config".to_owned(), path.display().to_string()]);
    }
    for number in 1..=settings.worker.count {
        let worker = format!("{name}-work-{number}");
        give_back(archive, &worker).await?;
        let command = WorkerCommand { program: program.clone(), arguments: arguments.clone(), name: worker };
        tasks.spawn(supervise(command, archive.clone(), Arc::clone(health), cancel.clone()));
    }
    Ok(())
}

async fn start_deliveries(
    settings: &Settings,
    archive: &Archive,
    name: &str,
    cancel: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<(), CliError> {
    let mut destinations = BTreeMap::new();
    for destination in &settings.destinations {
        destinations.insert(destination.name.clone(), convert::destination(destination)?);
    }
    let destinations = Arc::new(destinations);
    for number in 1..=DELIVERIES_AT_ONCE {
        let worker = format!("{name}-deliver-{number}");
        give_back(archive, &worker).await?;
        let (archive, destinations) = (archive.clone(), Arc::clone(&destinations));
        tasks.spawn(deliver::run(archive, destinations, worker, settings.worker.lease, cancel.clone()));
    }
    Ok(())
}

fn app_state(
    settings: &Settings,
    archive: &Archive,
    telemetry: Telemetry,
    health: Arc<WorkerHealth>,
) -> AppState {
    let echo: Echo = Arc::new(|destination| async move { echo(&destination).await }.boxed());
    AppState::new(Shared {
        archive: archive.clone(),
        destinations: settings.destinations.clone(),
        token: settings.http.token.clone(),
        request_timeout: settings.http.request_timeout,
        telemetry,
        echo,
        readiness: Arc::new(move || {
            let problems = health.problems();
            async move { problems }.boxed()
        }),
        last_look: tokio::sync::Mutex::new(None),
    })
}

/// C-ECHO; the time it took, or what went wrong and how to mend it.
pub(crate) async fn echo(destination: &DestinationSettings) -> Result<Duration, String> {
    let peer = convert::peer(destination).map_err(|e| e.message)?;
    dimse::echo(&peer).await.map_err(|e| e.to_string())
}

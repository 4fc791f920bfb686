//! Worker processes: decoders in C and networks run in a child of the same binary, so that a crash there
//! costs one try and never the receiver (STYLE rule 15).
//!
//! The child is `lungcad worker`. Its standard input is a pipe that the parent never writes: when the parent
//! dies, however, the child reads its end and leaves. Its standard output is a pipe on which it says one line:
//! [`READY`], or [`UNFIT`] with the reason why it cannot work (a broken model pack, no ONNX Runtime). When the
//! child dies, its lease is given back at once and a new one starts after a back-off. A child that was never
//! ready has claimed nothing, so no try is counted: series wait, and the first sound child goes on with them.

use archive::{Archive, FailOutcome};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

/// First line of a child that takes jobs.
pub const READY: &str = "ready";
/// First word of the line of a child that cannot take jobs; the reason follows.
pub const UNFIT: &str = "unfit";
/// Bytes in which a child must have said its line; C libraries may chatter before it.
const LINE_WITHIN: u64 = 64 * 1024;

/// How to start a worker process.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The binary.
    pub program: PathBuf,
    /// Arguments; the worker's name is appended as `--name NAME`.
    pub arguments: Vec<String>,
    /// Name of the worker, unique over all machines; also the owner of its leases.
    pub name: String,
}

const BACK_OFF_FIRST: Duration = Duration::from_millis(500);
const BACK_OFF_LAST: Duration = Duration::from_secs(30);
/// A child that lived this long was healthy: the back-off starts anew.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// Heaps of the C library in a child.
const ARENAS_MAX: &str = "4";
/// Pause before the try of a dead worker is repeated.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A stopping child may finish its slice of work for this long before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Where one worker process stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum WorkerState {
    Starting,
    Ready,
    /// Cannot work until somebody mends the cause.
    Unfit(String),
    /// Died while it worked; a new one starts.
    Restarting,
}

/// Where the worker processes of this server stand.
#[derive(Debug, Default)]
pub struct WorkerHealth {
    states: Mutex<BTreeMap<String, WorkerState>>,
}

impl WorkerHealth {
    fn set(&self, worker: &str, state: WorkerState) -> Option<WorkerState> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.insert(worker.to_owned(), state)
    }

    fn is_ready(&self, worker: &str) -> bool {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.get(worker) == Some(&WorkerState::Ready)
    }

    /// A sentence for each thing that keeps series waiting; causes with paths stay in the log.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sentences: Vec<String> = states
            .values()
            .filter_map(|state| match state {
                WorkerState::Ready => None,
                WorkerState::Starting => Some("a worker process is starting"),
                WorkerState::Unfit(_) => Some(
                    "analysis cannot start: a worker process is unfit, most often by a broken model pack or a missing \
                     ONNX Runtime; images are received and wait; `lungcad check` and the log name the cause",
                ),
                WorkerState::Restarting => {
                    Some("a worker process ended and is started again; the log names the cause")
                }
            })
            .map(str::to_owned)
            .collect();
        sentences.dedup();
        sentences
    }
}

/// Keeps one worker process alive until `cancel`; returns when it is gone. `health` shows where it stands.
pub async fn supervise(
    command: WorkerCommand,
    archive: Archive,
    health: Arc<WorkerHealth>,
    cancel: CancellationToken,
) {
    health.set(&command.name, WorkerState::Starting);
    let mut back_off = BACK_OFF_FIRST;
    while !cancel.is_cancelled() {
        let started = Instant::now();
        match spawn(&command) {
            Ok(child) => {
                let Some(cause) = watch(child, &command.name, &health, &cancel).await else { return };
                ended(&command.name, &cause, &health, &archive).await;
            }
            Err(error) => {
                let cause = format!("starting {}: {error}", command.program.display());
                ended(&command.name, &cause, &health, &archive).await;
            }
        }
        if started.elapsed() > HEALTHY_AFTER {
            back_off = BACK_OFF_FIRST;
        }
        tokio::select! {
            () = tokio::time::sleep(back_off) => {}
            () = cancel.cancelled() => return,
        }
        back_off = (back_off * 2).min(BACK_OFF_LAST);
    }
}

/// Waits for the end of a child: why it ended, or `None` when it was asked to leave and did.
async fn watch(
    mut child: Child,
    name: &str,
    health: &Arc<WorkerHealth>,
    cancel: &CancellationToken,
) -> Option<String> {
    // Waiting would close the pipe, and its end asks the child to leave.
    let pipe = child.stdin.take();
    let heard = child.stdout.take().map(|out| tokio::spawn(listen(out, name.to_owned(), Arc::clone(health))));
    let status = tokio::select! {
        status = child.wait() => status,
        () = cancel.cancelled() => {
            drop(pipe);
            stop(child).await;
            return None;
        }
    };
    // The pipe ends with the child, so this does not wait.
    let unfit = match heard {
        Some(heard) => heard.await.ok().flatten(),
        None => None,
    };
    Some(unfit.unwrap_or_else(|| status.map_or_else(|e| e.to_string(), describe)))
}

/// Reads what a child says of itself, then throws away what libraries print: a full pipe would stop it. The
/// reason, when it said that it is unfit.
async fn listen(out: ChildStdout, name: String, health: Arc<WorkerHealth>) -> Option<String> {
    let mut out = BufReader::new(out);
    let mut unfit = None;
    let mut line = String::new();
    let mut first = (&mut out).take(LINE_WITHIN);
    while first.read_line(&mut line).await.is_ok_and(|count| count > 0) {
        if line.trim_end() == READY {
            health.set(&name, WorkerState::Ready);
            break;
        }
        if let Some(reason) = line.trim_end().strip_prefix(UNFIT) {
            unfit = Some(reason.trim().to_owned());
            break;
        }
        line.clear();
    }
    let _ = tokio::io::copy(&mut out, &mut tokio::io::sink()).await;
    unfit
}

/// Says why a worker ended, counts the try that it had in hand, and gives back its lease.
async fn ended(name: &str, cause: &str, health: &WorkerHealth, archive: &Archive) {
    if health.is_ready(name) {
        health.set(name, WorkerState::Restarting);
        tracing::error!(worker = name, cause, "worker process ended; a new one is started");
    } else {
        let before = health.set(name, WorkerState::Unfit(cause.to_owned()));
        // Said once, not at each try to start it.
        if before != Some(WorkerState::Unfit(cause.to_owned())) {
            tracing::error!(
                worker = name,
                cause,
                "analysis cannot start; images are received and wait, no try is counted; `lungcad check` tells more"
            );
        }
    }
    match archive.release_worker(name, cause, RETRY_AFTER).await {
        Ok(released) => {
            for one in released {
                let (series, attempt) = (&one.job.series_uid, one.job.attempt);
                let more = !matches!(one.outcome, FailOutcome::Dead);
                tracing::warn!(worker = name, %series, attempt, more, "the try of the worker that ended is counted");
            }
        }
        Err(error) => {
            tracing::error!(%error, "cannot give back the lease of a dead worker; it ends by itself");
        }
    }
}

fn spawn(command: &WorkerCommand) -> std::io::Result<Child> {
    Command::new(&command.program)
        .args(&command.arguments)
        .args(["--name", &command.name])
        // Each arena of glibc reserves 64 MB of the address space that `limit_memory` counts, by default eight per
        // core: on a large machine the limit would be reached by reserving alone.
        .env("MALLOC_ARENA_MAX", ARENAS_MAX)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Waits for a child that was asked to leave, and kills it when it does not.
async fn stop(mut child: Child) {
    if tokio::time::timeout(STOP_GRACE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// In words an administrator understands.
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (_, Some(9)) => "worker process was killed (signal 9): out of memory, or by hand".to_owned(),
        (_, Some(6)) => {
            "worker process aborted (signal 6): a library failed or worker.memory_max_gb was reached"
                .to_owned()
        }
        (_, Some(11)) => "worker process crashed (signal 11) in a decoder or network library".to_owned(),
        (_, Some(signal)) => format!("worker process ended by signal {signal}"),
        (Some(code), None) => format!("worker process ended with code {code}; see the log"),
        (None, None) => "worker process ended".to_owned(),
    }
}

/// Limits this process's address space, so that a decoder that asks for too much fails alone.
///
/// # Errors
/// The operating system's refusal.
pub fn limit_memory(bytes: u64) -> std::io::Result<()> {
    use nix::sys::resource::{Resource, setrlimit};
    setrlimit(Resource::RLIMIT_AS, bytes, bytes).map_err(std::io::Error::from)
}

/// Resolves when standard input ends: the parent process is gone or wants this one to leave.
pub async fn parent_gone() {
    use tokio::io::AsyncReadExt as _;
    let mut input = tokio::io::stdin();
    let mut byte = [0_u8; 64];
    while !matches!(input.read(&mut byte).await, Ok(0) | Err(_)) {}
}

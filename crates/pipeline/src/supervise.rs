//! Worker processes: decoders in C and networks run in a child of the same binary, so that a crash there
//! costs one try and never the receiver (STYLE rule 15).
//!
//! The child is `lungcad worker`. Its standard input is a pipe that the parent never writes: when the parent
//! dies, however, the child reads its end and leaves. When the child dies, its lease is given back at once and
//! a new one starts after a back-off.

use archive::Archive;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

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
/// Pause before the try of a dead worker is repeated.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A stopping child may finish its slice of work for this long before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Keeps one worker process alive until `cancel`; returns when it is gone. `alive` counts the living ones.
pub async fn supervise(
    command: WorkerCommand,
    archive: Archive,
    alive: Arc<AtomicUsize>,
    cancel: CancellationToken,
) {
    let mut back_off = BACK_OFF_FIRST;
    while !cancel.is_cancelled() {
        let started = Instant::now();
        match spawn(&command) {
            Ok(mut child) => {
                // Waiting would close the pipe, and its end asks the child to leave.
                let pipe = child.stdin.take();
                alive.fetch_add(1, Ordering::Relaxed);
                let ended = tokio::select! {
                    ended = child.wait() => Some(ended),
                    () = cancel.cancelled() => None,
                };
                alive.fetch_sub(1, Ordering::Relaxed);
                let Some(ended) = ended else {
                    drop(pipe);
                    stop(child).await;
                    return;
                };
                let cause = ended.map_or_else(|e| e.to_string(), describe);
                tracing::error!(worker = %command.name, %cause, "worker process ended; its try is counted");
                if let Err(error) = archive.release_worker(&command.name, &cause, RETRY_AFTER).await {
                    tracing::error!(%error, "cannot give back the lease of a dead worker; it ends by itself");
                }
            }
            Err(error) => {
                tracing::error!(program = %command.program.display(), %error, "cannot start a worker process");
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

fn spawn(command: &WorkerCommand) -> std::io::Result<Child> {
    Command::new(&command.program)
        .args(&command.arguments)
        .args(["--name", &command.name])
        .stdin(Stdio::piped())
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

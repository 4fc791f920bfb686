//! `lungcad worker`: the child of `serve` that decodes and runs networks. Not meant to be called by people.

use super::{CliError, ConfigArgument};
use crate::telemetry::Telemetry;
use crate::wiring;
use clap::Args;

/// Arguments of `worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Name under which jobs are held
    #[arg(long)]
    name: String,
}

/// Works until the parent is gone.
pub(crate) fn run(arguments: WorkerArguments) -> Result<(), CliError> {
    let settings = arguments.config.load()?;
    let _telemetry = Telemetry::start(&settings.log).map_err(CliError::failed)?;
    // It only waits for files and rows; the work has threads of its own. More would reserve address space.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| CliError::failed(format!("starting threads: {e}")))?;
    let outcome = runtime.block_on(wiring::work(settings, arguments.name));
    // A hanging job and the read of standard input sit in threads that nothing can stop but the end of the process.
    runtime.shutdown_background();
    outcome
}

//! `lungcad serve`: the server, all roles or some.

use super::{CliError, ConfigArgument, block_on};
use crate::telemetry::Telemetry;
use crate::wiring;
use clap::{Args, ValueEnum};

/// A part of the server that may run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Role {
    /// DICOM receiver and completion
    Receive,
    /// Analysis jobs, in supervised child processes
    Work,
    /// Results to destinations
    Deliver,
    /// REST and pages
    Web,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArgument,
    /// Parts that this process runs; several processes share one database and store
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Role::Receive, Role::Work, Role::Deliver, Role::Web])]
    pub(crate) roles: Vec<Role>,
}

/// Runs until a signal asks it to stop.
pub(crate) fn run(arguments: &ServeArguments) -> Result<(), CliError> {
    let settings = arguments.config.load()?;
    let telemetry = Telemetry::start(&settings.log).map_err(CliError::failed)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    block_on(wiring::serve(settings, &arguments.roles, telemetry))?
}

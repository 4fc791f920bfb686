//! `lungcad migrate`: the database to the version of this binary.

use super::{CliError, ConfigArgument, block_on, quiet_telemetry, say};
use crate::wiring;
use clap::Args;

/// Arguments of `migrate`.
#[derive(Debug, Args)]
pub(crate) struct MigrateArguments {
    #[command(flatten)]
    config: ConfigArgument,
}

/// Opens the archive, which brings its tables up to date.
pub(crate) fn run(arguments: &MigrateArguments) -> Result<(), CliError> {
    let settings = arguments.config.load()?;
    let _telemetry = quiet_telemetry(&settings)?;
    block_on(wiring::open_archive(&settings))??;
    say(format_args!(
        "{} has the tables of lungcad {}",
        settings.storage.database.shown(),
        env!("CARGO_PKG_VERSION")
    ));
    Ok(())
}

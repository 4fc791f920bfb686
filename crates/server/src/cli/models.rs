//! `lungcad models`: which packs are there, and are they what they were.

use super::{CliError, ConfigArgument, say, table};
use crate::wiring;
use clap::{Args, Subcommand};

/// Arguments of `models`.
#[derive(Debug, Args)]
pub(crate) struct ModelsArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Every pack in models.folder
    List {
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Compare the sha256 of every file of a pack with pack.toml
    Verify {
        /// NAME or NAME@VERSION [default: every pack]
        #[arg(value_name = "PACK")]
        pack: Option<String>,
        #[command(flatten)]
        config: ConfigArgument,
    },
}

/// A pack on disk, as far as `pack.toml` can be read.
#[derive(Debug, Clone)]
pub(crate) struct PackRow {
    /// Name.
    pub(crate) name: String,
    /// Version.
    pub(crate) version: String,
    /// Licence.
    pub(crate) licence: String,
    /// What it is for.
    pub(crate) intended_input: String,
    /// Whether this is the one in use.
    pub(crate) in_use: bool,
    /// Folder.
    pub(crate) folder: std::path::PathBuf,
    /// Problem found while reading or verifying, with its way out.
    pub(crate) problem: Option<String>,
}

/// Lists or verifies.
pub(crate) fn run(arguments: &ModelsArguments) -> Result<(), CliError> {
    match &arguments.action {
        Action::List { config } => list(config),
        Action::Verify { pack, config } => verify(config, pack.as_deref()),
    }
}

fn list(config: &ConfigArgument) -> Result<(), CliError> {
    let settings = config.load()?;
    let packs = wiring::packs(&settings)?;
    let mut rows = table(&["", "pack", "version", "licence", "input", "folder"]);
    for pack in &packs {
        let mark = if pack.in_use { "*" } else { "" };
        let folder = pack.folder.display().to_string();
        rows.add_row([mark, &pack.name, &pack.version, &pack.licence, &pack.intended_input, &folder]);
    }
    say(rows);
    let problems: Vec<&str> = packs.iter().filter_map(|p| p.problem.as_deref()).collect();
    for problem in &problems {
        say(problem);
    }
    if packs.is_empty() {
        let message = format!("no model pack in {}", settings.models.folder.display());
        return Err(
            CliError::failed(message).with_hint("set models.folder to the folder that holds the packs")
        );
    }
    if problems.is_empty() { Ok(()) } else { Err(CliError::failed("a pack cannot be read")) }
}

fn verify(config: &ConfigArgument, wanted: Option<&str>) -> Result<(), CliError> {
    let settings = config.load()?;
    let chosen: Vec<PackRow> = wiring::packs(&settings)?
        .into_iter()
        .filter(|p| wanted.is_none_or(|w| w == p.name || w == format!("{}@{}", p.name, p.version)))
        .collect();
    if chosen.is_empty() {
        let message =
            format!("no pack {} in {}", wanted.unwrap_or("at all"), settings.models.folder.display());
        return Err(CliError::usage(message).with_hint("`lungcad models list` shows what is there"));
    }
    let mut failed = 0_usize;
    for pack in &chosen {
        match wiring::verify_pack(&settings, pack) {
            Ok(what) => say(format_args!("ok    {} {}: {what}", pack.name, pack.version)),
            Err(problem) => {
                failed += 1;
                say(format_args!("WRONG {} {}: {problem}", pack.name, pack.version));
            }
        }
    }
    if failed > 0 {
        return Err(CliError::failed(format!(
            "{failed} of {} packs are not what pack.toml says",
            chosen.len()
        ))
        .with_hint("fetch the pack again; do not edit its files"));
    }
    Ok(())
}

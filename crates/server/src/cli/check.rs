//! `lungcad check`: does this configuration work, and if not, what to do.

use super::{CliError, ConfigArgument, block_on, quiet_telemetry, say};
use crate::config::{DEFAULTS, Settings};
use crate::wiring;
use clap::Args;
use std::net::SocketAddr;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Print every key with its default and meaning, and end
    #[arg(long)]
    defaults: bool,
}

/// How one step went.
enum Outcome {
    Fine(String),
    /// Works, but somebody should know.
    Unwise(String),
    /// What is wrong and how to mend it.
    Wrong(String),
}

struct Checklist {
    wrong: usize,
}

impl Checklist {
    fn tell(&mut self, step: &str, outcome: Outcome) {
        let (mark, text) = match outcome {
            Outcome::Fine(text) => ("ok   ", text),
            Outcome::Unwise(text) => ("note ", text),
            Outcome::Wrong(text) => {
                self.wrong += 1;
                ("WRONG", text)
            }
        };
        say(format_args!("{mark}  {step:<14} {text}"));
    }
}

/// Runs every step and says which are wrong.
pub(crate) fn run(arguments: &CheckArguments) -> Result<(), CliError> {
    if arguments.defaults {
        say(DEFAULTS.trim_end());
        return Ok(());
    }
    let settings = arguments.config.load()?;
    let _telemetry = quiet_telemetry(&settings)?;
    let mut list = Checklist { wrong: 0 };
    let source =
        settings.site_file.as_ref().map_or("built-in defaults".to_owned(), |p| p.display().to_string());
    list.tell("configuration", Outcome::Fine(source));
    for warning in &settings.warnings {
        list.tell("configuration", Outcome::Unwise(warning.clone()));
    }
    check_listener(&mut list, "dicom.listen", settings.dicom.listen);
    check_listener(&mut list, "http.listen", settings.http.listen);
    check_packs(&mut list, &settings);
    block_on(check_edges(&mut list, &settings))?;
    match wiring::self_test(&settings) {
        Ok(what) => list.tell("analysis", Outcome::Fine(what)),
        Err(error) => list.tell("analysis", Outcome::Wrong(joined(&error))),
    }
    if list.wrong == 0 {
        return Ok(());
    }
    Err(CliError::failed(format!("{} of the checks above are wrong", list.wrong))
        .with_hint("mend them and run `lungcad check` again"))
}

fn joined(error: &CliError) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    }
}

/// A port in use is a note: most often it is lungcad itself, which is running.
fn check_listener(list: &mut Checklist, key: &str, address: SocketAddr) {
    let outcome = match std::net::TcpListener::bind(address) {
        Ok(_) => Outcome::Fine(format!("{address} is free")),
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => Outcome::Unwise(format!(
            "{address} is in use, by a running lungcad or another program; choose another {key} if so"
        )),
        Err(e) => Outcome::Wrong(format!("cannot listen on {address}: {e}; change {key}")),
    };
    list.tell(key, outcome);
}

fn check_packs(list: &mut Checklist, settings: &Settings) {
    let packs = match wiring::packs(settings) {
        Ok(packs) => packs,
        Err(error) => return list.tell("models", Outcome::Wrong(joined(&error))),
    };
    if !packs.iter().any(|p| p.in_use) {
        let cause = format!(
            "pack {} is not in {}; set models.folder or models.pack",
            settings.models.pack,
            settings.models.folder.display()
        );
        list.tell("models", Outcome::Wrong(cause));
    }
    for pack in &packs {
        let name = format!("{} {}", pack.name, pack.version);
        match wiring::verify_pack(settings, pack) {
            Ok(what) => list.tell("models", Outcome::Fine(format!("{name}: {what}"))),
            Err(problem) if pack.in_use => list.tell("models", Outcome::Wrong(format!("{name}: {problem}"))),
            Err(problem) => list.tell("models", Outcome::Unwise(format!("{name} (not in use): {problem}"))),
        }
    }
}

async fn check_edges(list: &mut Checklist, settings: &Settings) {
    let place = match &settings.storage.s3 {
        Some(s3) => format!("{}, bucket {}", settings.storage.database.shown(), s3.bucket),
        None => format!("{}, folder {}", settings.storage.database.shown(), settings.storage.root.display()),
    };
    match wiring::open_archive(settings).await {
        Ok(_) => list.tell("storage", Outcome::Fine(place)),
        Err(error) => list.tell("storage", Outcome::Wrong(joined(&error))),
    }
    if settings.destinations.is_empty() {
        let text =
            "none; results are kept and shown by REST only, add [[destinations]] to send them to a PACS";
        list.tell("destination", Outcome::Unwise(text.to_owned()));
    }
    for destination in &settings.destinations {
        let peer = format!("{} ({} at {})", destination.name, destination.ae_title, destination.address);
        let outcome = match wiring::echo(destination).await {
            Ok(took) => Outcome::Fine(format!("{peer} answered C-ECHO in {} ms", took.as_millis())),
            Err(problem) => Outcome::Wrong(format!("{peer}: {problem}")),
        };
        list.tell("destination", outcome);
    }
}

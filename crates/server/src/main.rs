//! Binary `lungcad`: command line, configuration, REST; every calculation lives in the crates below.
//!
//! It must not know: how a nodule is found (`cad`), how a network runs (`inference`). Handlers in
//! [`api`] read the archive and nothing else; `wiring` is the only place that knows all types.

mod api;
mod cli;
mod config;
mod openapi;
mod telemetry;
mod web;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Two TLS providers are compiled in by dependencies; without a choice rustls panics at first use.
    // An error here only says that a choice was made already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    cli::run()
}

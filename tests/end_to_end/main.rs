//! Stories with the real binary and real peers. One test program: each would link all of lungcad again.

#![allow(clippy::print_stdout)] // a skipped story says so, a measured one its figures

#[path = "../support/mod.rs"]
mod support;

mod analyze;
mod backends;
mod clinical;
mod durability;
mod evaluate;
mod hostile;
mod hostile_disk;
mod hostile_http;
mod hostile_mutations;
mod hostile_peers;
mod hostile_setup;
mod hostile_worker;
mod monitor;
mod one_scan;
mod orientation;
mod pacs;
mod rest;
mod scale_out;
mod send;
mod triage;

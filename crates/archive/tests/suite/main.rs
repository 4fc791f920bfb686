//! One suite for both databases: every test runs on SQLite and on PostgreSQL.

#![allow(clippy::print_stdout)] // a skipped test says so

mod clinical;
mod deliveries;
mod full;
mod intake;
mod jobs;
mod kills;
mod reads;
mod results;
mod schema;
mod support;
mod triage;

//! The reading side on real and hostile bytes.
#![allow(clippy::disallowed_methods)] // tests read files and clocks; the crate does not

mod hostile;
mod parser_files;
mod support;
mod whole_series;

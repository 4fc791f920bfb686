//! Measures on truth.

pub mod luna16;
pub mod workload;

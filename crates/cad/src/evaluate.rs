//! Measures on truth.

pub mod luna16;

//! Stories with the real binary and real peers. One test program: each would link all of lungcad again.

#[path = "../support/mod.rs"]
mod support;

mod backends;
mod durability;
mod one_scan;
mod scale_out;

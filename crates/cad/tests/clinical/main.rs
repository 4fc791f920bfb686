//! Clinical rules against published vectors, against a second implementation, against their own mutants,
//! and against nonsense.

mod cases;
mod documentation;
mod mutants;
mod properties;
mod refusals;
mod wire;

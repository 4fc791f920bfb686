//! Tests of the guidelines: hand-written cases, the design's vectors, mutations of the tables, properties.

mod cases;
mod exam;
mod indication;
mod mutations;
mod properties;
mod rules;
mod side_by_side;
mod timing;
mod vectors;

//! Brock (PanCan) model 1b: parsimonious, with spiculation. Present and off.

use super::brock::{self, BTS, MASS, SIZE_CENTRE, SIZE_EXPONENT, SIZE_SCALE};
use crate::clinical::formula::{Constant, Formula, Link, constant};
use crate::clinical::{RuleSpec, Standing};

/// Coefficients.
const TABLE: &[Constant] = &[
    constant("intercept", -6.6144),
    constant("female", 0.6467),
    constant("diameter_mm", -5.5537),
    constant("upper_lobe", 0.6009),
    constant("spiculation", 0.9309),
    SIZE_CENTRE,
    SIZE_SCALE,
    SIZE_EXPONENT,
    MASS,
    BTS,
];

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "brock1b",
        version: "1",
        title: "Brock (PanCan) 1b, parsimonious with spiculation",
        predicts: "probability that the nodule is cancer, found within 2 to 4 years",
        unit: "",
        population: brock::POPULATION,
        citation: brock::CITATION,
        standing: Standing::Off(
            "the coefficients of the parsimonious model were not seen in a source; use brock2b or brock2a",
        ),
        inputs: brock::INPUTS_PARSIMONIOUS,
        notes: brock::NOTES,
    },
    table: TABLE,
    link: Link::Logistic,
    adds: Some(brock::adds),
    obstacle: brock::obstacle,
    work: brock::work,
};

//! Brock (PanCan) model 2b: full, with spiculation. The default where spiculation is known.
//!
//! The four-digit coefficients stand identically in eight public implementations and in Eur Radiol 2019;29:5367
//! Table 2.

use super::brock::{self, AGE_CENTRE, BTS, COUNT_CENTRE, MASS, SIZE_CENTRE, SIZE_EXPONENT, SIZE_SCALE};
use crate::clinical::formula::{Constant, Formula, Link, constant};
use crate::clinical::{RuleSpec, Standing};

/// Coefficients.
const TABLE: &[Constant] = &[
    AGE_CENTRE,
    COUNT_CENTRE,
    constant("intercept", -6.7892),
    constant("age", 0.0287),
    constant("female", 0.6011),
    constant("family_history_lung_cancer", 0.2961),
    constant("emphysema", 0.2953),
    constant("diameter_mm", -5.3854),
    constant("nonsolid", -0.1276),
    constant("part_solid", 0.377),
    constant("upper_lobe", 0.6581),
    constant("nodule_count", -0.0824),
    constant("spiculation", 0.7729),
    SIZE_CENTRE,
    SIZE_SCALE,
    SIZE_EXPONENT,
    MASS,
    BTS,
];

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "brock2b",
        version: "1",
        title: "Brock (PanCan) 2b, full with spiculation",
        predicts: "probability that the nodule is cancer, found within 2 to 4 years",
        unit: "",
        population: brock::POPULATION,
        citation: brock::CITATION,
        standing: Standing::Confirmed,
        inputs: brock::INPUTS_FULL,
        notes: brock::NOTES,
    },
    table: TABLE,
    link: Link::Logistic,
    adds: Some(brock::adds),
    obstacle: brock::obstacle,
    work: brock::work,
};

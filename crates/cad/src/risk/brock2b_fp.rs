//! Brock (PanCan) model 2b with coefficients of full precision: a variant to compare, not the default.
//!
//! It differs from `brock2b` by at most 3.0e-5 in probability.

use super::brock::{self, AGE_CENTRE, BTS, COUNT_CENTRE, MASS, SIZE_CENTRE, SIZE_EXPONENT, SIZE_SCALE};
use crate::clinical::formula::{Constant, Formula, Link, constant};
use crate::clinical::{RuleSpec, Standing};

/// Coefficients.
const TABLE: &[Constant] = &[
    AGE_CENTRE,
    COUNT_CENTRE,
    constant("intercept", -6.789_17),
    constant("age", 0.028_668_7),
    constant("female", 0.601_072_7),
    constant("family_history_lung_cancer", 0.296_109),
    constant("emphysema", 0.295_311_2),
    constant("diameter_mm", -5.385_484),
    constant("nonsolid", -0.127_617_3),
    constant("part_solid", 0.376_957_8),
    constant("upper_lobe", 0.658_138_3),
    constant("nodule_count", -0.082_415_6),
    constant("spiculation", 0.772_933_5),
    SIZE_CENTRE,
    SIZE_SCALE,
    SIZE_EXPONENT,
    MASS,
    BTS,
];

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "brock2b_fp",
        version: "1",
        title: "Brock (PanCan) 2b, coefficients of full precision",
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

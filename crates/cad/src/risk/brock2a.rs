//! Brock (PanCan) model 2a: full, without spiculation. The default where spiculation is not known.

use super::brock::{self, AGE_CENTRE, BTS, COUNT_CENTRE, MASS, SIZE_CENTRE, SIZE_EXPONENT, SIZE_SCALE};
use crate::clinical::formula::{Constant, Formula, Link, constant};
use crate::clinical::{RuleSpec, Standing};

/// Coefficients.
const TABLE: &[Constant] = &[
    AGE_CENTRE,
    COUNT_CENTRE,
    constant("intercept", -6.8071),
    constant("age", 0.0321),
    constant("female", 0.5635),
    constant("family_history_lung_cancer", 0.3013),
    constant("emphysema", 0.3462),
    constant("diameter_mm", -5.6693),
    // another source has -0.3055: the same odds ratio 0.74, at most 0.0013 in probability
    constant("nonsolid", -0.3005),
    constant("part_solid", 0.3395),
    constant("upper_lobe", 0.7116),
    constant("nodule_count", -0.0803),
    SIZE_CENTRE,
    SIZE_SCALE,
    SIZE_EXPONENT,
    MASS,
    BTS,
];

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "brock2a",
        version: "1",
        title: "Brock (PanCan) 2a, full without spiculation",
        predicts: "probability that the nodule is cancer, found within 2 to 4 years",
        unit: "",
        population: brock::POPULATION,
        citation: brock::CITATION,
        standing: Standing::Confirmed,
        inputs: brock::INPUTS_WITHOUT_SPICULATION,
        notes: brock::NOTES,
    },
    table: TABLE,
    link: Link::Logistic,
    adds: Some(brock::adds),
    obstacle: brock::obstacle,
    work: brock::work,
};

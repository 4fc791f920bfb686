//! Liverpool Lung Project model, version 3: lung cancer of a person within 5 years.
//!
//! The factors of v2 with baselines recalibrated to England 2017: men 0.78 lower, women 0.47 lower in every band.

use super::llp;
use crate::clinical::formula::{Constant, Formula, Link};
use crate::clinical::{RuleSpec, Standing};

/// Baselines by band 40-44, 45-49, ... 75-79, 80 and over; then the factors.
const TABLE: &[Constant] = &llp::table(
    [-9.84, -8.94, -8.09, -7.41, -6.75, -6.34, -6.09, -5.61, -5.46],
    [-10.37, -8.53, -7.93, -6.97, -6.69, -6.46, -5.96, -5.70, -5.89],
);

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "llpv3",
        version: "1",
        title: "Liverpool Lung Project v3",
        predicts: "probability of lung cancer of the person within 5 years",
        unit: "",
        population: "persons of 40 to 84 years, smokers or not; England 2017",
        citation: llp::CITATION,
        standing: Standing::PartlyConfirmed(
            "baselines from one source (a script whose parameters are said to come from the authors); the list of respiratory diseases was not seen in a source",
        ),
        inputs: llp::INPUTS,
        notes: &[
            "a property of a person, for eligibility; never of a nodule",
            "the limits of v2 do not carry over",
        ],
    },
    table: TABLE,
    link: Link::Logistic,
    adds: None,
    obstacle: |table, inputs| llp::obstacle("llpv3", table, inputs),
    work: llp::work,
};

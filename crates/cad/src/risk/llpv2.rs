//! Liverpool Lung Project model, version 2: lung cancer of a person within 5 years.

use super::llp;
use crate::clinical::formula::{Constant, Formula, Link};
use crate::clinical::{RuleSpec, Standing};

/// Baselines by band 40-44, 45-49, ... 75-79, 80 and over; then the factors.
const TABLE: &[Constant] = &llp::table(
    [-9.06, -8.16, -7.31, -6.63, -5.97, -5.56, -5.31, -4.83, -4.68],
    [-9.90, -8.06, -7.46, -6.50, -6.22, -5.99, -5.49, -5.23, -5.42],
);

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "llpv2",
        version: "1",
        title: "Liverpool Lung Project v2",
        predicts: "probability of lung cancer of the person within 5 years",
        unit: "",
        population: "persons of 40 to 84 years, smokers or not; Liverpool",
        citation: llp::CITATION,
        standing: Standing::PartlyConfirmed("the list of respiratory diseases was not seen in a source"),
        inputs: llp::INPUTS,
        notes: &[
            "a property of a person, for eligibility; never of a nodule",
            "limits in use: 5 % (UKLS), 2.5 % (lung health checks in England)",
        ],
    },
    table: TABLE,
    link: Link::Logistic,
    adds: None,
    obstacle: |table, inputs| llp::obstacle("llpv2", table, inputs),
    work: llp::work,
};

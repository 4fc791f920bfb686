//! The Peking University People's Hospital model. Li Y, et al. 2011; Li Y, Wang J. 2012.

use super::brock::one_if;
use super::inputs::{AGE, DIAMETER, SPICULATION};
use crate::clinical::formula::{Constant, Formula, Link, Table, Worked, constant, no_obstacle};
use crate::clinical::inputs::{Checked, InputSpec, Kind};
use crate::clinical::{RuleSpec, Standing, Term};

/// Coefficients, per year and per mm (0.676 per cm).
const TABLE: &[Constant] = &[
    constant("intercept", -4.496),
    constant("age", 0.07),
    constant("diameter_mm", 0.0676),
    constant("spiculation", 0.736),
    constant("family_history_cancer", 1.267),
    constant("calcification", -1.615),
    constant("clear_border", -1.408),
];

const INPUTS: &[InputSpec] = &[
    AGE,
    DIAMETER,
    SPICULATION,
    InputSpec::required("family_history_cancer", Kind::Flag, "", "any cancer in the family"),
    InputSpec::required("calcification", Kind::Flag, "", "calcified"),
    InputSpec::required("clear_border", Kind::Flag, "", "well-defined border"),
];

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "pkuph",
        version: "1",
        title: "Peking University People's Hospital (Li 2011)",
        predicts: "probability that a solitary nodule is malignant",
        unit: "",
        population: "resected solitary nodules in China: it overestimates in screening",
        citation: "Li Y, Chen KZ, Sui XZ, et al. J Peking Univ (Health Sci) 2011;43:450-454; Li Y, Wang J. World J Surg \
                   2012;36:830-835",
        standing: Standing::PartlyConfirmed(
            "coefficients seen in one secondary source only (Eur Radiol 2019;29:5367-5377 Table 2); the limit 0.463 \
             was not seen and is not used",
        ),
        inputs: INPUTS,
        notes: &[],
    },
    table: TABLE,
    link: Link::Logistic,
    adds: None,
    obstacle: no_obstacle,
    work,
};

fn work(table: Table<'_>, inputs: &Checked) -> Worked {
    let number =
        |name: &'static str| Term::product(name, table.at(name), inputs.number(name).unwrap_or(f64::NAN));
    let flag =
        |name: &'static str| Term::product(name, table.at(name), one_if(inputs.flag(name) == Some(true)));
    Worked::logistic(vec![
        Term::plain("intercept", table.at("intercept")),
        number("age"),
        number("diameter_mm"),
        flag("spiculation"),
        flag("family_history_cancer"),
        flag("calcification"),
        flag("clear_border"),
    ])
}

//! Herder: probability after FDG-PET, logistic form of the paper. Chest 2005;128:2490-2496.
//!
//! The pretest enters as a fraction, not as percent and not as log odds.

use super::inputs::FDG;
use crate::clinical::formula::{Constant, Formula, Link, Table, Worked, constant, no_obstacle};
use crate::clinical::inputs::{Checked, InputSpec, Kind};
use crate::clinical::{RuleSpec, Standing, Term};

/// Coefficients; the uptake `none` is the reference.
const TABLE: &[Constant] = &[
    constant("intercept", -4.739),
    constant("pretest", 3.691),
    constant("fdg_faint", 2.322),
    constant("fdg_moderate", 4.617),
    constant("fdg_intense", 4.771),
];

/// Inputs of both forms.
pub(super) const INPUTS: &[InputSpec] = &[
    InputSpec::required(
        "pretest",
        Kind::Number { min: 0.0, max: 1.0 },
        "",
        "probability before PET as a fraction (Mayo; BTS: Brock); never the score of a network",
    ),
    FDG,
];

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "herder2005_logistic",
        version: "1",
        title: "Herder 2005, logistic",
        predicts: "probability that a solitary nodule is malignant, after FDG-PET",
        unit: "",
        population: "solitary nodules with FDG-PET; pretest by Mayo",
        citation: "Herder GJ, van Tinteren H, Golding RP, et al. Clinical prediction model to characterize pulmonary \
                   nodules. Chest 2005;128:2490-2496. doi:10.1378/chest.128.4.2490",
        standing: Standing::Confirmed,
        inputs: INPUTS,
        notes: &[
            "differs strongly from herder_bts_lr (pretest 0.60, faint: 0.450 against 0.203); a report names the form",
        ],
    },
    table: TABLE,
    link: Link::Logistic,
    adds: None,
    obstacle: no_obstacle,
    work,
};

fn work(table: Table<'_>, inputs: &Checked) -> Worked {
    let mut terms = vec![
        Term::plain("intercept", table.at("intercept")),
        Term::product("pretest", table.at("pretest"), inputs.number("pretest").unwrap_or(f64::NAN)),
    ];
    let uptake = match inputs.word("fdg") {
        Some("faint") => Some("fdg_faint"),
        Some("moderate") => Some("fdg_moderate"),
        Some("intense") => Some("fdg_intense"),
        _ => None,
    };
    terms.push(uptake.map_or(Term::plain("fdg_none", 0.0), |name| Term::product(name, table.at(name), 1.0)));
    Worked::logistic(terms)
}

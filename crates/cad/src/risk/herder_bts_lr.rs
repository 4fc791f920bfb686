//! Herder as BTS calculators have it: likelihood ratios on the pretest odds. Not the equation of the paper
//! of 2005; shipped under an id of its own. Thorax 2015;70(S2):ii1-ii54.

use super::herder2005_logistic::INPUTS;
use crate::clinical::formula::{Constant, Formula, Link, Table, Worked, constant, no_obstacle};
use crate::clinical::inputs::Checked;
use crate::clinical::{Outcome, RuleSpec, Standing, Term};

/// Likelihood ratios.
const TABLE: &[Constant] = &[
    constant("lr_none", 0.08),
    constant("lr_faint", 0.17),
    constant("lr_moderate", 1.9),
    constant("lr_intense", 9.9),
];

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "herder_bts_lr",
        version: "1",
        title: "Herder, likelihood ratios of the BTS pathway",
        predicts: "probability that a nodule is malignant, after FDG-PET",
        unit: "",
        population: "BTS pathway: pretest by Brock of 10 % or more",
        citation: "Callister MEJ, Baldwin DR, Akram AR, et al. BTS guidelines for the investigation and management of \
                   pulmonary nodules. Thorax 2015;70(Suppl 2):ii1-ii54. doi:10.1136/thoraxjnl-2015-207168",
        standing: Standing::Confirmed,
        inputs: INPUTS,
        notes: &[
            "the likelihood ratios are not in Herder 2005; they come from the calculators of the BTS pathway",
        ],
    },
    table: TABLE,
    link: Link::Stated,
    adds: None,
    obstacle: no_obstacle,
    work,
};

fn work(table: Table<'_>, inputs: &Checked) -> Worked {
    let pretest = inputs.number("pretest").unwrap_or(f64::NAN);
    let name = match inputs.word("fdg") {
        Some("faint") => "lr_faint",
        Some("moderate") => "lr_moderate",
        Some("intense") => "lr_intense",
        _ => "lr_none",
    };
    let ratio = table.at(name);
    // odds/(1+odds) with odds = p/(1-p) * LR, without the division that fails at p = 1.
    let weighted = pretest * ratio;
    let probability = weighted / (weighted + (1.0 - pretest));
    Worked {
        outcome: Outcome::Probability(probability),
        terms: vec![Term::plain("pretest", pretest), Term::plain(name, ratio)],
        steps: vec![
            format!("odds before PET = {pretest} / (1 - {pretest})"),
            format!("odds after PET = odds before PET * {ratio}"),
            format!("p = odds / (1 + odds) = {probability:.6}"),
        ],
        warnings: Vec::new(),
    }
}

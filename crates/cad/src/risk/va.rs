//! The VA model. Gould MK, et al. Chest 2007;131:383-388.
//!
//! The coefficient of the years since quitting is negative (published odds ratio 0.6 per 10 years); a
//! reprint (Eur Radiol 2019;29:5367) lost the sign.

use super::brock::one_if;
use super::inputs::{AGE, DIAMETER, EVER_SMOKER};
use crate::clinical::formula::{Constant, Formula, Link, Obstacle, Table, Worked, constant};
use crate::clinical::inputs::{Checked, InputSpec, Kind};
use crate::clinical::{ClinicalError, RuleSpec, Standing, Term};

/// Coefficients, per year and per mm.
const TABLE: &[Constant] = &[
    constant("intercept", -8.404),
    constant("ever_smoker", 2.061),
    constant("age", 0.0779),
    constant("diameter_mm", 0.112),
    constant("years_since_quit", -0.0567),
];

const INPUTS: &[InputSpec] = &[
    AGE,
    EVER_SMOKER,
    InputSpec::optional(
        "years_since_quit",
        Kind::Number { min: 0.0, max: 100.0 },
        "years",
        "years since quitting; 0 for current smokers; by definition 0 for never smokers, who may leave it out",
    ),
    DIAMETER.usually(7.0, 30.0),
];

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "va",
        version: "1",
        title: "VA (Gould 2007)",
        predicts: "probability that a solitary nodule is malignant",
        unit: "",
        population: "375 veterans with a solitary nodule of 7 to 30 mm (malignant in 54 %)",
        citation: "Gould MK, Ananth L, Barnett PG. A clinical model to estimate the pretest probability of lung cancer \
                   in patients with solitary pulmonary nodules. Chest 2007;131:383-388. doi:10.1378/chest.06-1261",
        standing: Standing::Confirmed,
        inputs: INPUTS,
        notes: &[],
    },
    table: TABLE,
    link: Link::Logistic,
    adds: None,
    obstacle,
    work,
};

fn obstacle(_: Table<'_>, inputs: &Checked) -> Option<Obstacle> {
    let quit = inputs.number("years_since_quit");
    let wrong = |cause: &str| {
        Some(Obstacle::Wrong(ClinicalError::Contradiction {
            model: "va",
            field: "years_since_quit",
            cause: cause.to_owned(),
        }))
    };
    match (inputs.flag("ever_smoker"), quit) {
        (Some(false), Some(years)) if years > 0.0 => wrong("years since quitting of a never smoker"),
        (Some(true) | None, None) => Some(Obstacle::Lacks("years_since_quit")),
        (_, Some(years)) if inputs.number("age").is_some_and(|age| years > age) => {
            wrong("longer than the life")
        }
        _ => None,
    }
}

fn work(table: Table<'_>, inputs: &Checked) -> Worked {
    let number = |name: &'static str, input: Option<f64>| {
        Term::product(name, table.at(name), input.unwrap_or(f64::NAN))
    };
    let smoked = inputs.flag("ever_smoker") == Some(true);
    let quit = inputs.number("years_since_quit").or((!smoked).then_some(0.0));
    Worked::logistic(vec![
        Term::plain("intercept", table.at("intercept")),
        number("ever_smoker", Some(one_if(smoked))),
        number("age", inputs.number("age")),
        number("diameter_mm", inputs.number("diameter_mm")),
        number("years_since_quit", quit),
    ])
}

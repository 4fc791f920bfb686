//! The Mayo model. Swensen SJ, et al. Arch Intern Med 1997;157:849-855.
//!
//! The intercept is -6.8272; a reprint (Eur Radiol 2019;29:5367) has -6.872. The paper's Table 3 (55 years,
//! 20 mm, no factor: 0.11) agrees with the equation (0.1063).

use super::brock::one_if;
use super::inputs::{AGE, DIAMETER, EVER_SMOKER, SPICULATION, UPPER_LOBE, needed};
use crate::clinical::formula::{Constant, Formula, Link, Obstacle, Table, Worked, constant};
use crate::clinical::inputs::{Checked, InputSpec, Kind};
use crate::clinical::{RuleSpec, Standing, Term};

/// Coefficients.
const TABLE: &[Constant] = &[
    constant("intercept", -6.8272),
    constant("age", 0.0391),
    constant("ever_smoker", 0.7917),
    constant("extrathoracic_cancer_over_5y", 1.3388),
    constant("diameter_mm", 0.1274),
    constant("spiculation", 1.0407),
    constant("upper_lobe", 0.7838),
    constant("mass_mm", 30.0),
];

const INPUTS: &[InputSpec] = &[
    AGE,
    EVER_SMOKER,
    InputSpec::required(
        "extrathoracic_cancer_over_5y",
        Kind::Flag,
        "",
        "cancer outside the chest, diagnosed more than 5 years ago",
    ),
    DIAMETER.usually(4.0, 30.0),
    SPICULATION,
    needed(UPPER_LOBE),
    InputSpec::optional("cancer_within_5y", Kind::Flag, "", "any cancer within 5 years: then not applicable"),
    InputSpec::optional("prior_lung_cancer", Kind::Flag, "", "lung cancer at any time: then not applicable"),
];

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "mayo",
        version: "1",
        title: "Mayo (Swensen 1997)",
        predicts: "probability that a solitary nodule is malignant",
        unit: "",
        population: "incidental solitary nodules of 4 to 30 mm, indeterminate on the radiograph; without known lung \
                     cancer and without cancer within 5 years (malignant in 23 %)",
        citation: "Swensen SJ, Silverstein MD, Ilstrup DM, et al. The probability of malignancy in solitary pulmonary \
                   nodules. Arch Intern Med 1997;157:849-855. doi:10.1001/archinte.1997.00440290031002",
        standing: Standing::Confirmed,
        inputs: INPUTS,
        notes: &["above 30 mm, after lung cancer or within 5 years of any cancer: not applicable"],
    },
    table: TABLE,
    link: Link::Logistic,
    adds: None,
    obstacle,
    work,
};

fn obstacle(table: Table<'_>, inputs: &Checked) -> Option<Obstacle> {
    for (name, what) in
        [("cancer_within_5y", "a cancer within 5 years"), ("prior_lung_cancer", "lung cancer")]
    {
        if inputs.flag(name) == Some(true) {
            return Some(Obstacle::NotFor(format!(
                "{name}: the model was made without persons after {what}"
            )));
        }
    }
    super::brock::obstacle(table, inputs)
}

fn work(table: Table<'_>, inputs: &Checked) -> Worked {
    let number =
        |name: &'static str| Term::product(name, table.at(name), inputs.number(name).unwrap_or(f64::NAN));
    let flag =
        |name: &'static str| Term::product(name, table.at(name), one_if(inputs.flag(name) == Some(true)));
    let worked = Worked::logistic(vec![
        Term::plain("intercept", table.at("intercept")),
        number("age"),
        flag("ever_smoker"),
        flag("extrathoracic_cancer_over_5y"),
        number("diameter_mm"),
        flag("spiculation"),
        flag("upper_lobe"),
    ]);
    let unstated = inputs.missing_of(&["cancer_within_5y", "prior_lung_cancer"]);
    if unstated.is_empty() {
        return worked;
    }
    worked.warn(format!("not stated: {}; with either the model is not applicable", unstated.join(", ")))
}

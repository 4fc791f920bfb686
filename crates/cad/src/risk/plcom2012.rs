//! `PLCOm2012`: lung cancer of an ever smoker within 6 years. Tammemagi MC, et al. N Engl J Med 2013;368:728-736.
//!
//! It cannot be evaluated for never smokers (10 / cigarettes per day). The coefficient of education is
//! negative; that of Hispanic is -0.7434744 (a copied script has -0.734744).

use super::brock::one_if;
use super::inputs::AGE;
use crate::clinical::formula::{Constant, Formula, Link, Obstacle, Table, Worked, constant};
use crate::clinical::inputs::{Checked, InputSpec, Kind};
use crate::clinical::{ClinicalError, RuleSpec, Standing, Term};

/// Coefficients and centres.
const TABLE: &[Constant] = &[
    constant("intercept", -4.532_506),
    constant("age", 0.077_886_8),
    constant("age_centre", 62.0),
    constant("race_black", 0.394_477_8),
    constant("race_hispanic", -0.743_474_4),
    constant("race_asian", -0.466_585),
    constant("race_pacific_islander", 1.027_152),
    constant("education", -0.081_274_4),
    constant("education_centre", 4.0),
    constant("bmi", -0.027_419_4),
    constant("bmi_centre", 27.0),
    constant("copd", 0.355_306_3),
    constant("personal_cancer", 0.458_997_1),
    constant("family_history_lung_cancer", 0.587_185),
    constant("current_smoker", 0.259_743_1),
    constant("cigarettes_per_day", -1.822_606),
    constant("cigarettes_scale", 10.0),
    constant("cigarettes_centre", 0.402_154_161_3),
    constant("cigarettes_least", 1.0),
    constant("smoking_years", 0.031_732_1),
    constant("smoking_years_centre", 27.0),
    constant("quit_years", -0.030_857_2),
    constant("quit_years_centre", 10.0),
];

const INPUTS: &[InputSpec] = &[
    AGE.usually(50.0, 80.0),
    InputSpec::optional(
        "race",
        Kind::Choice(&[
            "white",
            "american_indian",
            "alaskan_native",
            "black",
            "hispanic",
            "asian",
            "native_hawaiian",
            "pacific_islander",
        ]),
        "",
        "sensitive and never required; where it is not given its term is 0 and the answer says so",
    ),
    InputSpec::required(
        "education",
        Kind::Integer { min: 1, max: 6 },
        "level",
        "1 less than high school, 2 high school, 3 some training after it, 4 some college, 5 college graduate, \
         6 postgraduate",
    ),
    InputSpec::required("bmi", Kind::Number { min: 10.0, max: 80.0 }, "kg/m2", "body mass index")
        .usually(15.0, 50.0),
    InputSpec::required("copd", Kind::Flag, "", "chronic obstructive pulmonary disease"),
    InputSpec::required("personal_cancer", Kind::Flag, "", "cancer before"),
    InputSpec::required("family_history_lung_cancer", Kind::Flag, "", "lung cancer in the family"),
    InputSpec::required("current_smoker", Kind::Flag, "", "smokes now; false = former smoker"),
    InputSpec::required(
        "cigarettes_per_day",
        Kind::Number { min: 0.0, max: 200.0 },
        "per day",
        "cigarettes a day, at least 1",
    ),
    InputSpec::required(
        "smoking_years",
        Kind::Number { min: 0.0, max: 100.0 },
        "years",
        "years of smoking in all",
    ),
    InputSpec::optional(
        "quit_years",
        Kind::Number { min: 0.0, max: 100.0 },
        "years",
        "years since quitting; by definition 0 for current smokers, who may leave it out",
    ),
    InputSpec::optional("ever_smoker", Kind::Flag, "", "false: not applicable"),
];

/// The model.
pub static MODEL: Formula = Formula {
    spec: RuleSpec {
        id: "plcom2012",
        version: "1",
        title: "PLCOm2012",
        predicts: "probability of lung cancer of the person within 6 years",
        unit: "",
        population: "ever smokers of 55 to 74 years (used for 50 to 80)",
        citation: "Tammemagi MC, Katki HA, Hocking WG, et al. Selection criteria for lung-cancer screening. N Engl J Med \
                   2013;368:728-736. doi:10.1056/NEJMoa1211776",
        standing: Standing::Confirmed,
        inputs: INPUTS,
        notes: &[
            "a property of a person, for eligibility; never of a nodule",
            "limit in use: 1.51 % (PLoS Med 2014, doi:10.1371/journal.pmed.1001764; England)",
            "not for never smokers",
        ],
    },
    table: TABLE,
    link: Link::Logistic,
    adds: None,
    obstacle,
    work,
};

fn obstacle(table: Table<'_>, inputs: &Checked) -> Option<Obstacle> {
    let model = "plcom2012";
    let wrong = |field: &'static str, cause: &str| {
        Some(Obstacle::Wrong(ClinicalError::Contradiction { model, field, cause: cause.to_owned() }))
    };
    if inputs.flag("ever_smoker") == Some(false) {
        return Some(Obstacle::NotFor(
            "ever_smoker is false: the model cannot be evaluated for never smokers".into(),
        ));
    }
    let least = table.at("cigarettes_least");
    if let Some(number) = inputs.number("cigarettes_per_day").filter(|number| *number < least) {
        return Some(Obstacle::Wrong(ClinicalError::OutOfRange {
            model,
            field: "cigarettes_per_day",
            given: number.to_string(),
            accepted: format!("[{least}, 200] per day; the model cannot be evaluated for never smokers"),
        }));
    }
    let quit = inputs.number("quit_years");
    let smoked = inputs.number("smoking_years").unwrap_or_default();
    if inputs.number("age").is_some_and(|age| smoked > age) {
        return wrong("smoking_years", "longer than the life");
    }
    match (inputs.flag("current_smoker"), quit) {
        (Some(true), Some(years)) if years > 0.0 => {
            wrong("quit_years", "years since quitting of a current smoker")
        }
        (Some(false) | None, None) => Some(Obstacle::Lacks("quit_years")),
        (_, Some(years)) if inputs.number("age").is_some_and(|age| years > age) => {
            wrong("quit_years", "longer than the life")
        }
        _ => None,
    }
}

fn race(inputs: &Checked) -> Option<&'static str> {
    match inputs.word("race") {
        Some("black") => Some("race_black"),
        Some("hispanic") => Some("race_hispanic"),
        Some("asian") => Some("race_asian"),
        Some("native_hawaiian" | "pacific_islander") => Some("race_pacific_islander"),
        _ => None,
    }
}

fn work(table: Table<'_>, inputs: &Checked) -> Worked {
    let number = |name: &str| inputs.number(name).unwrap_or(f64::NAN);
    let product = |name: &'static str, input: f64| Term::product(name, table.at(name), input);
    let flag = |name: &'static str| product(name, one_if(inputs.flag(name) == Some(true)));
    let per_day = table.at("cigarettes_scale") / number("cigarettes_per_day") - table.at("cigarettes_centre");
    let current = inputs.flag("current_smoker") == Some(true);
    let quit = if current { 0.0 } else { number("quit_years") };
    let worked = Worked::logistic(vec![
        Term::plain("intercept", table.at("intercept")),
        product("age", number("age") - table.at("age_centre")),
        race(inputs).map_or(Term::plain("race_reference", 0.0), |name| product(name, 1.0)),
        product("education", number("education") - table.at("education_centre")),
        product("bmi", number("bmi") - table.at("bmi_centre")),
        flag("copd"),
        flag("personal_cancer"),
        flag("family_history_lung_cancer"),
        flag("current_smoker"),
        product("cigarettes_per_day", per_day),
        product("smoking_years", number("smoking_years") - table.at("smoking_years_centre")),
        product("quit_years", quit - table.at("quit_years_centre")),
    ]);
    if inputs.has("race") {
        return worked;
    }
    worked.warn("race_not_given: its term is 0")
}

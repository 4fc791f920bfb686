//! The equation of the Brock (PanCan) models. McWilliams A, et al. N Engl J Med 2013;369:910-919.
//!
//! `x = b0 + b_age (age-62) + b_f female + b_fh family history + b_em emphysema
//!    + b_s ((mm/10)^-0.5 - 1.58113883) + b_type + b_ul upper lobe + b_n (count-4) + b_sp spiculation`
//!
//! 1.58113883 is `(4/10)^-0.5`: the reference nodule is 4 mm. The 4 mm are **not** subtracted from the size.
//! A model has the terms that its table has.

use super::inputs::{AGE, DIAMETER, FEMALE, UPPER_LOBE};
use crate::clinical::Term;
use crate::clinical::formula::{Constant, Obstacle, THRESHOLD, Table, Worked, constant};
use crate::clinical::inputs::{Checked, InputSpec, Kind, Known, Need};

pub(super) const CITATION: &str = "McWilliams A, Tammemagi MC, Mayo JR, et al. Probability of cancer in pulmonary \
    nodules detected on first screening CT. N Engl J Med 2013;369:910-919. doi:10.1056/NEJMoa1214726";

pub(super) const POPULATION: &str = "nodules 3-30 mm on the baseline low-dose screening CT of current and former \
    smokers of 50 to 75 years; on new nodules of a repeat scan it underestimates";

pub(super) const NOTES: &[&str] = &[
    "size is the longest axial diameter unless the site sets the mean; a report says which",
    "above 30 mm it is a mass: not applicable",
    "a range from below to above 10 % (BTS 2015) is undetermined",
    "performance outside screening: AUC 0.90/0.91 (Chung K, et al. Thorax 2018;73:857-863)",
];

/// Centres and limits that all variants share; the head of each table.
pub(super) const AGE_CENTRE: Constant = constant("age_centre", 62.0);
pub(super) const SIZE_CENTRE: Constant = constant("size_centre", 1.581_138_83);
pub(super) const SIZE_SCALE: Constant = constant("size_scale", 10.0);
pub(super) const SIZE_EXPONENT: Constant = constant("size_exponent", -0.5);
pub(super) const COUNT_CENTRE: Constant = constant("count_centre", 4.0);
/// BTS 2015 compares with 10 %.
pub(super) const BTS: Constant = constant(THRESHOLD, 0.1);
/// From here on it is a mass (exclusive).
pub(super) const MASS: Constant = constant("mass_mm", 30.0);

const FAMILY_HISTORY: InputSpec =
    InputSpec::ranged("family_history_lung_cancer", Kind::Flag, "lung cancer in a first-degree relative");
const EMPHYSEMA: InputSpec =
    InputSpec::ranged("emphysema", Kind::Flag, "emphysema visible on CT (not clinical COPD)");
const TYPE: InputSpec =
    InputSpec::ranged("type", Kind::Choice(&["solid", "part_solid", "nonsolid"]), "attenuation class");
const COUNT: InputSpec = InputSpec::required(
    "nodule_count",
    Kind::Integer { min: 1, max: 200 },
    "nodules",
    "all non-calcified nodules on the scan (a count by the server is allowed; the report says so)",
)
.usually(1.0, 30.0);
const SPICULATION: InputSpec = InputSpec::ranged(
    "spiculation",
    Kind::Flag,
    "spiculated margin; where it is not known, brock2a is the model that does without",
);
const SPICULATION_UNUSED: InputSpec = InputSpec::optional(
    "spiculation",
    Kind::Flag,
    "",
    "not used; where it is known, brock2b is the model that uses it",
);

pub(super) const INPUTS_FULL: &[InputSpec] = &[
    AGE.usually(50.0, 75.0),
    FEMALE,
    FAMILY_HISTORY,
    EMPHYSEMA,
    DIAMETER.usually(3.0, 30.0),
    TYPE,
    UPPER_LOBE,
    COUNT,
    SPICULATION,
];

pub(super) const INPUTS_WITHOUT_SPICULATION: &[InputSpec] = &[
    AGE.usually(50.0, 75.0),
    FEMALE,
    FAMILY_HISTORY,
    EMPHYSEMA,
    DIAMETER.usually(3.0, 30.0),
    TYPE,
    UPPER_LOBE,
    COUNT,
    SPICULATION_UNUSED,
];

pub(super) const INPUTS_PARSIMONIOUS: &[InputSpec] =
    &[FEMALE, DIAMETER.usually(3.0, 30.0), UPPER_LOBE, SPICULATION];

pub(super) fn obstacle(table: Table<'_>, inputs: &Checked) -> Option<Obstacle> {
    let mm = inputs.number("diameter_mm")?;
    let limit = table.at("mass_mm");
    // A measured length carries more digits than anybody measured.
    let shown = (mm * 1000.0).round() / 1000.0;
    (mm > limit).then(|| {
        Obstacle::NotFor(format!(
            "diameter_mm {shown} is above {limit}: a mass, for which the model was not made"
        ))
    })
}

/// An indicator as it enters a sum.
pub(super) fn one_if(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// What a value adds: a yes its coefficient, a type that of its name, everything else nothing.
pub(super) fn adds(table: Table<'_>, name: &str, value: Known) -> f64 {
    let term = match value {
        Known::Flag(true) => name,
        Known::Word(word) => word,
        Known::Flag(false) | Known::Number(_) => return 0.0,
    };
    table.find(term).unwrap_or(0.0)
}

pub(super) fn work(table: Table<'_>, inputs: &Checked) -> Worked {
    let mut terms = vec![Term::plain("intercept", table.at("intercept"))];
    let mut add = |name: &'static str, input: f64| {
        if let Some(coefficient) = table.find(name) {
            terms.push(Term::product(name, coefficient, input));
        }
    };
    let flag = |name: &str| one_if(inputs.flag(name) == Some(true));
    let mm = inputs.number("diameter_mm").unwrap_or(f64::NAN);
    let size = (mm / table.at("size_scale")).powf(table.at("size_exponent")) - table.at("size_centre");
    let kind = if table.find("nonsolid").is_some() { inputs.word("type") } else { None };
    let full = table.find("age").is_some();
    if full {
        add("age", inputs.number("age").unwrap_or(f64::NAN) - table.at("age_centre"));
    }
    add("female", flag("female"));
    if full {
        add("family_history_lung_cancer", flag("family_history_lung_cancer"));
        add("emphysema", flag("emphysema"));
    }
    add("diameter_mm", size);
    add("nonsolid", one_if(kind == Some("nonsolid")));
    add("part_solid", one_if(kind == Some("part_solid")));
    add("upper_lobe", flag("upper_lobe"));
    if full {
        add("nodule_count", inputs.number("nodule_count").unwrap_or(f64::NAN) - table.at("count_centre"));
    }
    add("spiculation", flag("spiculation"));
    let worked = Worked::logistic(terms);
    if table.find("spiculation").is_none() && inputs.has("spiculation") {
        return worked.warn("spiculation was given and is not used here; brock2b is the model that uses it");
    }
    worked
}

/// The needs of the parsimonious model are those of the specification.
const _: () = assert!(matches!(INPUTS_PARSIMONIOUS[1].need, Need::Required));

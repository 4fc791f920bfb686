//! The equation of the Liverpool Lung Project models: a baseline by age band and sex, carried over the five
//! years of the horizon, and factors. Cassidy A, et al. Br J Cancer 2008;98:270-276.
//!
//! With age A in whole years and `f = (A + 0.5) mod 5`, the baseline is
//! `((5-f) alpha[band of A] + f alpha[next band]) / 5`; the top band is its own next.

use super::brock::one_if;
use super::inputs::{AGE, FEMALE, needed};
use crate::clinical::formula::{Constant, Obstacle, Table, Worked, constant};
use crate::clinical::inputs::{Checked, InputSpec, Kind};
use crate::clinical::{ClinicalError, Term};

pub(super) const CITATION: &str = "Field JK, Vulkan D, Davies MPA, et al. Liverpool Lung Project lung cancer risk \
    stratification model: calibration and prospective validation. Thorax 2021;76:161-168 (equation: Cassidy A, et al. \
    Br J Cancer 2008;98:270-276. doi:10.1038/sj.bjc.6604158)";

/// Lower ends of the bands, years.
const BANDS: [&str; 9] =
    ["band_40", "band_45", "band_50", "band_55", "band_60", "band_65", "band_70", "band_75", "band_80"];
const MEN: [&str; 9] =
    ["men_40", "men_45", "men_50", "men_55", "men_60", "men_65", "men_70", "men_75", "men_80"];
const WOMEN: [&str; 9] = [
    "women_40", "women_45", "women_50", "women_55", "women_60", "women_65", "women_70", "women_75",
    "women_80",
];

/// Factors and limits, the same in v2 and v3: appended to each table.
pub(super) const FACTORS: [Constant; 23] = [
    constant("smoking_under_20", 0.7692),
    constant("smoking_20_to_39", 1.4516),
    constant("smoking_40_to_59", 2.5072),
    constant("smoking_60_and_over", 2.7243),
    constant("respiratory_disease", 0.6025),
    constant("asbestos", 0.6343),
    constant("prior_cancer", 0.6754),
    constant("family_history_early", 0.7034),
    constant("family_history_late", 0.1677),
    constant("years_20", 20.0),
    constant("years_40", 40.0),
    constant("years_60", 60.0),
    constant("band_40", 40.0),
    constant("band_45", 45.0),
    constant("band_50", 50.0),
    constant("band_55", 55.0),
    constant("band_60", 60.0),
    constant("band_65", 65.0),
    constant("band_70", 70.0),
    constant("band_75", 75.0),
    constant("band_80", 80.0),
    constant("band_years", 5.0),
    constant("age_shift", 0.5),
];

/// Baselines of men and women by band, then the factors.
pub(super) const fn table(men: [f64; 9], women: [f64; 9]) -> [Constant; 41] {
    let mut all = [constant("", 0.0); 41];
    let mut i = 0;
    while i < 9 {
        all[i] = constant(MEN[i], men[i]);
        all[i + 9] = constant(WOMEN[i], women[i]);
        i += 1;
    }
    let mut i = 0;
    while i < FACTORS.len() {
        all[18 + i] = FACTORS[i];
        i += 1;
    }
    all
}

pub(super) const INPUTS: &[InputSpec] = &[
    AGE.usually(40.0, 84.0),
    needed(FEMALE),
    InputSpec::required(
        "smoking_years",
        Kind::Number { min: 0.0, max: 100.0 },
        "years",
        "years of smoking in all; 0 = never smoked",
    ),
    InputSpec::required(
        "respiratory_disease",
        Kind::Flag,
        "",
        "pneumonia, COPD, emphysema, bronchitis or tuberculosis (the list was not seen in a source)",
    ),
    InputSpec::required("asbestos", Kind::Flag, "", "exposure to asbestos at work"),
    InputSpec::required("prior_cancer", Kind::Flag, "", "cancer before"),
    InputSpec::required(
        "family_history",
        Kind::Choice(&["none", "early", "late"]),
        "",
        "lung cancer in a first-degree relative: early = before the age of 60, late = at 60 or later",
    ),
];

/// Index of the band of `age`; `None` below the first.
fn band(table: Table<'_>, age: f64) -> Option<usize> {
    BANDS.iter().rposition(|name| age >= table.at(name))
}

pub(super) fn obstacle(model: &'static str, table: Table<'_>, inputs: &Checked) -> Option<Obstacle> {
    let age = inputs.number("age")?;
    if band(table, age).is_none() {
        let least = table.at("band_40");
        return Some(Obstacle::NotFor(format!("age {age} is below {least}, for which there is no baseline")));
    }
    inputs.number("smoking_years").is_some_and(|years| years > age).then(|| {
        Obstacle::Wrong(ClinicalError::Contradiction {
            model,
            field: "smoking_years",
            cause: "longer than the life".to_owned(),
        })
    })
}

/// The band's baseline, or not a number.
fn baseline(table: Table<'_>, woman: bool, index: usize) -> f64 {
    let names = if woman { &WOMEN } else { &MEN };
    names.get(index.min(names.len() - 1)).map_or(f64::NAN, |name| table.at(name))
}

pub(super) fn work(table: Table<'_>, inputs: &Checked) -> Worked {
    let age = inputs.number("age").unwrap_or(f64::NAN);
    let woman = inputs.flag("female") == Some(true);
    let years = inputs.number("smoking_years").unwrap_or(f64::NAN);
    let width = table.at("band_years");
    let index = band(table, age).unwrap_or_default();
    let (here, next) = (baseline(table, woman, index), baseline(table, woman, index + 1));
    let into = (age + table.at("age_shift")) % width;
    let alpha = ((width - into) * here + into * next) / width;
    let smoking = match years {
        y if y <= 0.0 => None,
        y if y < table.at("years_20") => Some("smoking_under_20"),
        y if y < table.at("years_40") => Some("smoking_20_to_39"),
        y if y < table.at("years_60") => Some("smoking_40_to_59"),
        _ => Some("smoking_60_and_over"),
    };
    let family = match inputs.word("family_history") {
        Some("early") => Some("family_history_early"),
        Some("late") => Some("family_history_late"),
        _ => None,
    };
    let class = |name: Option<&'static str>, none: &'static str| {
        name.map_or(Term::plain(none, 0.0), |name| Term::product(name, table.at(name), 1.0))
    };
    let flag =
        |name: &'static str| Term::product(name, table.at(name), one_if(inputs.flag(name) == Some(true)));
    Worked::logistic(vec![
        Term::plain("baseline", alpha),
        class(smoking, "smoking_never"),
        flag("respiratory_disease"),
        flag("asbestos"),
        flag("prior_cancer"),
        class(family, "family_history_none"),
    ])
    .step(format!("baseline = (({width} - {into}) * {here} + {into} * {next}) / {width} = {alpha:.5}"))
}

//! Screening eligibility of a person (`eligibility:<id>`): each program a criterion as data.
//!
//! Eligibility never blocks processing; it labels a report and picks the default guideline. Age is in
//! completed years on the day of the examination; pack-years are cigarettes a day / 20 times years. The
//! answer is yes or no as soon as the known inputs decide it, whatever else is missing.

mod criterion;
mod programs;

pub use criterion::{Criterion, Verdict};
pub use programs::PROGRAMS;

use crate::clinical::inputs::{Checked, InputSpec, Kind};
use crate::clinical::{Answer, ClinicalError, Evaluation, Outcome, Rule, RuleSpec, Term};

/// A program and whom it invites.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// What it is.
    pub spec: RuleSpec,
    /// Whom it invites.
    pub criterion: Criterion,
}

/// Every program as a rule.
pub fn rules() -> impl Iterator<Item = &'static dyn Rule> {
    PROGRAMS.iter().map(|program| program as &dyn Rule)
}

/// Cigarettes of a pack.
const PACK: f64 = 20.0;

const YEARS: Kind = Kind::Number { min: 0.0, max: 100.0 };
const FRACTION: Kind = Kind::Number { min: 0.0, max: 1.0 };

/// What is asked of a person, for every program: one person's data can be put to all of them.
pub(crate) const INPUTS: &[InputSpec] = &[
    InputSpec::optional(
        "age",
        Kind::Integer { min: 18, max: 110 },
        "years",
        "age in completed years on the day of the examination",
    ),
    InputSpec::optional("status", Kind::Choice(&["never", "former", "current"]), "", "smoking"),
    InputSpec::optional(
        "pack_years",
        Kind::Number { min: 0.0, max: 400.0 },
        "pack-years",
        "cigarettes a day / 20 times years; worked out from cpd and years_smoked where not given; 0 for never smokers",
    ),
    InputSpec::optional("quit_years", YEARS, "years", "years since quitting, of former smokers"),
    InputSpec::optional("cpd", Kind::Number { min: 0.0, max: 200.0 }, "per day", "cigarettes a day"),
    InputSpec::optional("years_smoked", YEARS, "years", "years of smoking in all"),
    InputSpec::optional("plcom2012", FRACTION, "", "answer of model plcom2012, a fraction"),
    InputSpec::optional("llpv2", FRACTION, "", "answer of model llpv2, a fraction"),
    InputSpec::optional("copd", Kind::Flag, "", "chronic obstructive pulmonary disease"),
    InputSpec::optional("passive_smoke_years", YEARS, "years", "years of passive smoking"),
    InputSpec::optional("occupational_exposure", Kind::Flag, "", "exposure to carcinogens at work"),
    InputSpec::optional(
        "occupational_exposure_years",
        YEARS,
        "years",
        "years of exposure to carcinogens at work",
    ),
    InputSpec::optional(
        "family_history_lung_cancer",
        Kind::Flag,
        "",
        "lung cancer in a first-degree relative",
    ),
    InputSpec::optional("pulmonary_fibrosis", Kind::Flag, "", "pulmonary fibrosis"),
    InputSpec::optional("tuberculosis", Kind::Flag, "", "tuberculosis"),
    InputSpec::optional("prior_cancer", Kind::Flag, "", "cancer before"),
];

/// Pack-years as given, or worked out from what was given.
fn pack_years(inputs: &Checked) -> Option<f64> {
    let derived = || Some(inputs.number("cpd")? / PACK * inputs.number("years_smoked")?);
    let never = (inputs.word("status") == Some("never")).then_some(0.0);
    inputs.number("pack_years").or_else(derived).or(never)
}

/// What contradicts what.
fn contradiction(inputs: &Checked) -> Option<(&'static str, &'static str)> {
    let positive = |name: &'static str| inputs.number(name).is_some_and(|number| number > 0.0);
    let age = inputs.number("age").unwrap_or(f64::INFINITY);
    if let Some(name) =
        ["years_smoked", "quit_years"].into_iter().find(|n| inputs.number(n).is_some_and(|y| y > age))
    {
        return Some((name, "longer than the life"));
    }
    match inputs.word("status") {
        Some("never") => {
            let smoked =
                ["pack_years", "quit_years", "cpd", "years_smoked"].into_iter().find(|name| positive(name));
            smoked.map(|name| (name, "more than 0 for a never smoker"))
        }
        Some("current") if positive("quit_years") => {
            Some(("quit_years", "years since quitting of a current smoker"))
        }
        _ => None,
    }
}

impl Rule for Program {
    fn spec(&self) -> &RuleSpec {
        &self.spec
    }

    fn rows(&self) -> Vec<String> {
        vec![self.criterion.words()]
    }

    fn uses(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        self.criterion.names(&mut names);
        if let Some(at) = names.iter().position(|name| *name == "pack_years") {
            for name in ["years_smoked", "cpd"] {
                if !names.contains(&name) {
                    names.insert(at + 1, name);
                }
            }
        }
        names
    }

    fn evaluate(&self, inputs: &Checked) -> Result<Evaluation, ClinicalError> {
        if let Some((field, cause)) = contradiction(inputs) {
            let cause = cause.to_owned();
            return Err(ClinicalError::Contradiction { model: self.spec.id, field, cause });
        }
        let pack_years = pack_years(inputs);
        let mut names = Vec::new();
        self.criterion.names(&mut names);
        let value = |name: &'static str| match name {
            "pack_years" => pack_years,
            _ => inputs.number(name).or_else(|| inputs.flag(name).map(|flag| f64::from(u8::from(flag)))),
        };
        let terms = names.iter().filter_map(|name| Some(Term::plain(name, value(name)?))).collect();
        let answer = match self.criterion.verdict(inputs, pack_years) {
            Verdict::Met => Answer::Result(Outcome::Flag(true)),
            Verdict::NotMet => Answer::Result(Outcome::Flag(false)),
            Verdict::Open(missing) => Answer::Insufficient { missing },
        };
        Ok(Evaluation::of(answer).with_terms(terms).with_step(format!("invited: {}", self.criterion.words())))
    }
}

//! A rule that is one table of numbers and one equation over it: risk models and measures.

use super::answer::{Answer, Evaluation, Outcome, Term};
use super::error::ClinicalError;
use super::inputs::{Checked, Known, Need};
use super::rule::{Rule, RuleSpec};

/// A number of a rule: coefficient, centre, limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant {
    /// Name; that of the input where it multiplies one.
    pub name: &'static str,
    /// Value, as published.
    pub value: f64,
}

/// A [`Constant`].
pub(crate) const fn constant(name: &'static str, value: f64) -> Constant {
    Constant { name, value }
}

/// The numbers of a rule, by name.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a>(pub &'a [Constant]);

impl Table<'_> {
    /// The number of this name, where the table has one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|c| c.name == name).map(|c| c.value)
    }

    /// The number of this name; not a number where the table lacks it, so that nothing is silently zero.
    #[must_use]
    pub fn at(&self, name: &str) -> f64 {
        self.find(name).unwrap_or(f64::NAN)
    }
}

/// What an equation gives for complete inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Worked {
    /// The value.
    pub outcome: Outcome,
    /// Terms of the sum, in order.
    pub terms: Vec<Term>,
    /// Working beyond the terms.
    pub steps: Vec<String>,
    /// What a reader should know.
    pub warnings: Vec<String>,
}

impl Worked {
    /// A number without terms.
    #[must_use]
    pub fn number(value: f64) -> Self {
        Self { outcome: Outcome::Number(value), terms: Vec::new(), steps: Vec::new(), warnings: Vec::new() }
    }

    /// `1/(1+exp(-sum of terms))`.
    #[must_use]
    pub fn logistic(terms: Vec<Term>) -> Self {
        let sum: f64 = terms.iter().map(|term| term.value).sum();
        let outcome = Outcome::Probability(1.0 / (1.0 + (-sum).exp()));
        Self { outcome, terms, steps: Vec::new(), warnings: Vec::new() }
    }

    /// The same with one more line of working.
    #[must_use]
    pub fn step(mut self, step: String) -> Self {
        self.steps.push(step);
        self
    }

    /// The same with one more warning.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }
}

/// What stands in the way of an equation, asked before it is evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The rule is not for this.
    NotFor(String),
    /// More is needed than the specification's required inputs: a former smoker's years since quitting.
    Lacks(&'static str),
    /// Inputs contradict each other.
    Wrong(ClinicalError),
}

/// Name of the number of a table that a guideline compares the value with: a range from below to at least it is
/// undetermined.
pub const THRESHOLD: &str = "guideline_threshold";

/// What to say of a range that crosses [`THRESHOLD`].
fn crossing(table: Table<'_>, low: &Outcome, high: &Outcome) -> Option<String> {
    let threshold = table.find(THRESHOLD)?;
    let crossed = magnitude(low) < threshold && magnitude(high) >= threshold;
    crossed.then(|| {
        format!("undetermined: it reaches from below to above {} %, a guideline's limit", threshold * 100.0)
    })
}

/// How the sum of the terms becomes the value; for the working on paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// `p = 1/(1+exp(-x))`.
    Logistic,
    /// The steps say it.
    Stated,
}

/// What a value of an input adds to the sum. Where each input adds for itself, a range over missing ones has its ends
/// where each adds least or most, and not every combination is worked.
pub type Adds = fn(Table<'_>, &str, Known) -> f64;

/// A table and its equation.
#[derive(Debug, Clone, Copy)]
pub struct Formula {
    /// What it is.
    pub spec: RuleSpec,
    /// Its numbers.
    pub table: &'static [Constant],
    /// How terms become the value.
    pub link: Link,
    /// What a value of a missing input adds to a sum with which the value rises; `None`: a range is found by going
    /// through all combinations.
    pub adds: Option<Adds>,
    /// What stands in the way; looked at before missing inputs, so that a mass is a mass whatever is missing.
    pub obstacle: fn(Table<'_>, &Checked) -> Option<Obstacle>,
    /// The equation, on inputs of which no required and no ranged one is missing.
    pub work: fn(Table<'_>, &Checked) -> Worked,
}

/// Nothing stands in the way.
pub(crate) fn no_obstacle(_: Table<'_>, _: &Checked) -> Option<Obstacle> {
    None
}

impl Formula {
    /// The terms that are the same whatever the missing inputs are.
    fn common_terms(all: &[Worked]) -> Vec<Term> {
        let Some((first, rest)) = all.split_first() else { return Vec::new() };
        let everywhere = |term: &&Term| rest.iter().all(|other| other.terms.contains(term));
        first.terms.iter().filter(everywhere).cloned().collect()
    }
}

/// The number in an outcome, to compare outcomes of one rule.
fn magnitude(outcome: &Outcome) -> f64 {
    match outcome {
        Outcome::Probability(value) | Outcome::Number(value) => *value,
        Outcome::Flag(flag) => f64::from(u8::from(*flag)),
        Outcome::Unbounded => f64::INFINITY,
        Outcome::Text(_) | Outcome::Category(_) => 0.0,
    }
}

impl Rule for Formula {
    fn spec(&self) -> &RuleSpec {
        &self.spec
    }

    fn constants(&self) -> &[Constant] {
        self.table
    }

    fn link(&self) -> Link {
        self.link
    }

    fn evaluate(&self, inputs: &Checked) -> Result<Evaluation, ClinicalError> {
        let table = Table(self.table);
        let mut missing = inputs.missing(Need::Required);
        match (self.obstacle)(table, inputs) {
            Some(Obstacle::NotFor(reason)) => return Ok(Evaluation::not_applicable(reason)),
            Some(Obstacle::Wrong(error)) => return Err(error),
            Some(Obstacle::Lacks(name)) => missing.push(name),
            None => {}
        }
        if !missing.is_empty() {
            return Ok(Evaluation::insufficient(missing));
        }
        let open = inputs.missing(Need::Ranged);
        if open.is_empty() {
            let Worked { outcome, terms, steps, warnings } = (self.work)(table, inputs);
            return Ok(Evaluation { answer: Answer::Result(outcome), terms, warnings, steps });
        }
        let ends = match self.adds {
            Some(adds) => self.ends(adds, inputs),
            None => inputs.combinations(),
        };
        Ok(self.range(&ends, inputs, open))
    }
}

impl Formula {
    /// The two completions of `inputs` where each missing input adds least and where each adds most.
    fn ends(&self, adds: Adds, inputs: &Checked) -> Vec<Checked> {
        let (mut least, mut most) = (inputs.clone(), inputs.clone());
        for spec in inputs.open() {
            let mut values = Checked::values_of(spec);
            let added = |value: &Known| adds(Table(self.table), spec.name, *value);
            values.sort_by(|a, b| added(a).total_cmp(&added(b)));
            if let (Some(low), Some(high)) = (values.first(), values.last()) {
                (least, most) = (least.with(spec.name, *low), most.with(spec.name, *high));
            }
        }
        vec![least, most]
    }

    /// The least and the greatest outcome over these completions of `inputs`.
    fn range(&self, completions: &[Checked], inputs: &Checked, open: Vec<&'static str>) -> Evaluation {
        let table = Table(self.table);
        let mut all: Vec<Worked> = completions.iter().map(|complete| (self.work)(table, complete)).collect();
        let terms = Self::common_terms(&all);
        all.sort_by(|a, b| magnitude(&a.outcome).total_cmp(&magnitude(&b.outcome)));
        let mut all = all.into_iter();
        let (Some(low), high) = (all.next(), all.next_back()) else {
            return Evaluation::insufficient(open);
        };
        let (low, mut warnings) = (low.outcome, low.warnings);
        let high = high.map_or_else(|| low.clone(), |worked| worked.outcome);
        warnings.extend(crossing(table, &low, &high));
        let count: usize = inputs.open().map(|spec| Checked::values_of(spec).len()).product();
        let steps = vec![format!(
            "least and greatest of the {count} combinations of what is missing: {}",
            open.join(", ")
        )];
        Evaluation { answer: Answer::Range { low, high, missing: open }, terms, warnings, steps }
    }
}

//! Answers that are honest about what is missing.

use std::borrow::Cow;

/// What a rule says to a set of inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Everything that was needed was there.
    Result(Outcome),
    /// A yes/no input, the sex or a type is missing: the least and the greatest outcome over all
    /// combinations of the missing ones. A range that crosses a threshold means "undetermined".
    Range {
        /// Least outcome.
        low: Outcome,
        /// Greatest outcome.
        high: Outcome,
        /// Names of the missing inputs over which it ranges.
        missing: Vec<&'static str>,
    },
    /// The rule is not for this person or nodule, or is switched off.
    NotApplicable {
        /// Why, in words.
        reason: String,
    },
    /// Inputs without which the rule says nothing.
    Insufficient {
        /// Their names.
        missing: Vec<&'static str>,
    },
}

/// A value that a rule gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Probability, 0 to 1.
    Probability(f64),
    /// A number; its unit is that of the rule ([`crate::clinical::RuleSpec::unit`]).
    Number(f64),
    /// A number without bound (a doubling time where nothing changed); `null` on the wire.
    Unbounded,
    /// Yes or no.
    Flag(bool),
    /// A class by name (`T1a`).
    Text(Cow<'static, str>),
    /// Category of a guideline.
    Category(Category),
}

/// What a guideline says: the row that fired and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Category in the guideline's own words (`4A`, `NODCAT3`, `ct_3m`).
    pub category: Cow<'static, str>,
    /// Stable id of the row (`LR22-4Aa`).
    pub row: &'static str,
    /// When to look again.
    pub interval: Interval,
    /// What the row recommends, in English, for people; not on the wire of the vectors.
    pub management: &'static str,
}

/// Months to the next examination, as the guideline states them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interval {
    /// The guideline has no such column (NELSON); left out on the wire.
    Absent,
    /// No interval; `null` on the wire.
    None,
    /// So many months.
    Months(u32),
    /// A range or a sequence, in months: `6-12;18-24`.
    Text(&'static str),
}

/// One term of a sum: coefficient times input. A guideline lists the sizes that it compared, after its own
/// rounding, with no coefficient.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// Name of the term, of the input where there is one.
    pub name: Cow<'static, str>,
    /// Coefficient; `None` where the term is not a product.
    pub coefficient: Option<f64>,
    /// Input as it entered (centred, transformed, 0/1).
    pub input: f64,
    /// What it adds.
    pub value: f64,
}

impl Term {
    /// `coefficient` times `input`.
    #[must_use]
    pub fn product(name: &'static str, coefficient: f64, input: f64) -> Self {
        // Plus zero: a coefficient below zero times nothing is nothing, not minus nothing.
        let value = coefficient * input + 0.0;
        Self { name: Cow::Borrowed(name), coefficient: Some(coefficient), input, value }
    }

    /// A value as it was compared or added, without coefficient.
    #[must_use]
    pub fn plain(name: &'static str, value: f64) -> Self {
        Self { name: Cow::Borrowed(name), coefficient: None, input: value, value }
    }
}

/// An answer with all that a reader needs to check it.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The answer.
    pub answer: Answer,
    /// Terms of the sum (risk models) or sizes compared (guidelines); empty for a range.
    pub terms: Vec<Term>,
    /// What a reader should know: an input outside the population, a choice of ours. English, one sentence
    /// each, lower case.
    pub warnings: Vec<String>,
    /// Working as a person would write it, in order; for `--explain`. Risk models leave it empty: their
    /// terms say it.
    pub steps: Vec<String>,
}

impl Evaluation {
    /// An answer with nothing else to say.
    #[must_use]
    pub fn of(answer: Answer) -> Self {
        Self { answer, terms: Vec::new(), warnings: Vec::new(), steps: Vec::new() }
    }

    /// A result.
    #[must_use]
    pub fn result(outcome: Outcome) -> Self {
        Self::of(Answer::Result(outcome))
    }

    /// The rule is not for this.
    #[must_use]
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self::of(Answer::NotApplicable { reason: reason.into() })
    }

    /// Inputs without which nothing can be said.
    #[must_use]
    pub fn insufficient(missing: Vec<&'static str>) -> Self {
        Self::of(Answer::Insufficient { missing })
    }

    /// The same with terms.
    #[must_use]
    pub fn with_terms(mut self, terms: Vec<Term>) -> Self {
        self.terms = terms;
        self
    }

    /// The same with one more step of the working.
    #[must_use]
    pub fn with_step(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }

    /// The same with one more warning.
    #[must_use]
    pub fn with_warning(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// The probability of a result; `None` for everything else.
    #[must_use]
    pub fn probability(&self) -> Option<f64> {
        match &self.answer {
            Answer::Result(Outcome::Probability(p)) => Some(*p),
            _ => None,
        }
    }
}

//! A rule: what it is, where it comes from, what it asks for, and how it is evaluated.

use super::answer::Evaluation;
use super::error::ClinicalError;
use super::formula::{Constant, Link};
use super::inputs::{Checked, InputSpec};

/// Whether a rule may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its numbers were seen in a source.
    Confirmed,
    /// In use, with parts that were not seen in a source; the text names them.
    PartlyConfirmed(&'static str),
    /// Present and off: evaluation answers "not applicable" with this reason.
    Off(&'static str),
}

/// What a rule is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleSpec {
    /// Id by which it is asked for, with its kind: `brock2b`, `guideline:lung_rads_2022`.
    pub id: &'static str,
    /// Version of our table; raised when a number of it changes.
    pub version: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// What the value means.
    pub predicts: &'static str,
    /// Unit of a numeric value; empty for classes, yes/no and probabilities.
    pub unit: &'static str,
    /// For whom it was made.
    pub population: &'static str,
    /// Where it was published.
    pub citation: &'static str,
    /// Whether it may speak.
    pub standing: Standing,
    /// Inputs that it takes; any other name is an error.
    pub inputs: &'static [InputSpec],
    /// What a reader of the list should know.
    pub notes: &'static [&'static str],
}

/// Something that can be asked by id. Implemented once per kind (risk table, guideline, measure,
/// eligibility rule), over data.
pub trait Rule: Sync {
    /// What it is.
    fn spec(&self) -> &RuleSpec;

    /// Its numbers, for a reader; a rule of rows shows rows instead ([`Rule::rows`]).
    fn constants(&self) -> &[Constant] {
        &[]
    }

    /// Its rows as sentences (`LR22-2b: solid baseline, d < 6 mm -> 2, 12 months`); empty for an equation.
    fn rows(&self) -> Vec<String> {
        Vec::new()
    }

    /// Names of the inputs that it looks at; all of the specification unless it says otherwise.
    fn uses(&self) -> Vec<&'static str> {
        self.spec().inputs.iter().map(|input| input.name).collect()
    }

    /// How the terms of its answer become the value.
    fn link(&self) -> Link {
        Link::Stated
    }

    /// What it says to `inputs`, which were checked against [`RuleSpec::inputs`]. Warnings about values
    /// outside an input's usual range are added by the registry.
    ///
    /// # Errors
    /// When inputs contradict each other; the error names them. A missing input is not an error but an
    /// answer.
    fn evaluate(&self, inputs: &Checked) -> Result<Evaluation, ClinicalError>;
}

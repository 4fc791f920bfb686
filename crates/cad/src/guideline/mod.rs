//! Guidelines for lung nodules as data: numbered rows, one file per guideline, one evaluator for all.
//!
//! | what | module |
//! |---|---|
//! | what a row is | [`table`] |
//! | inputs, the same list for every guideline | [`field`] |
//! | the evaluator | `walk` |
//! | one nodule through every guideline, with disagreement | [`compare`] |
//! | screening or incidental rules, and why | [`indication`] |
//! | Lung-RADS: growth, crossed limits, the exam's category | [`lung_rads_2022::timing`], [`lung_rads_2022::exam`] |
//! | answers as sentences | [`sentences`] |
//! | sets that are text only | [`display_only`] |
//!
//! Every answer names its row, and the row its guideline and version. Choices of ours and figures that were
//! not seen in a source say so beside the answer. Nothing here diagnoses: second reader, research use.
//!
//! ```
//! use cad::clinical::Inputs;
//!
//! let nodule = Inputs::new().with("type", "solid").with("mean_mm", 7.2);
//! let answer = cad::guideline::evaluate("guideline:lung_rads_2022", &nodule).unwrap();
//! let words = cad::guideline::sentences::sentence("Lung-RADS v2022", &answer);
//! assert!(words.starts_with("Lung-RADS v2022: category 3 (row LR22-3a)"), "{words}");
//! ```

mod assumed;
pub mod bts_2015;
pub mod c_lung_rads_2024;
pub mod compare;
pub mod display_only;
pub mod eu_position_2017;
mod facts;
pub mod field;
pub mod fleischner_2017;
pub mod indication;
pub mod lung_rads_2022;
pub mod nelson;
pub mod sentences;
pub mod table;
#[cfg(test)]
mod tests;
mod walk;
mod words;

pub use assumed::Assumed;
pub use table::Guideline;
pub use words::NOT_APPLICABLE;

use crate::clinical::{Checked, ClinicalError, Evaluation, Inputs, Rule};

/// Every guideline, in the order in which they are shown.
pub static ALL: [&Guideline; 6] = [
    &lung_rads_2022::LUNG_RADS_2022,
    &fleischner_2017::FLEISCHNER_2017,
    &bts_2015::BTS_2015,
    &nelson::NELSON,
    &eu_position_2017::EU_POSITION_2017,
    &c_lung_rads_2024::C_LUNG_RADS_2024,
];

/// Every guideline as a rule.
pub fn rules() -> impl Iterator<Item = &'static dyn Rule> {
    ALL.into_iter().map(|guideline| guideline as &dyn Rule)
}

/// The guideline of this id, with or without `guideline:`.
#[must_use]
pub fn find(id: &str) -> Option<&'static Guideline> {
    let name = |guideline: &Guideline| guideline.spec.id.strip_prefix("guideline:") == Some(id);
    ALL.into_iter().find(|guideline| guideline.spec.id == id || name(guideline))
}

/// What one guideline says to `inputs`.
///
/// # Errors
/// No such guideline (the error names the nearest), an unknown input, a value of the wrong type or outside
/// its limits, a contradiction.
pub fn evaluate(id: &str, inputs: &Inputs) -> Result<Evaluation, ClinicalError> {
    let Some(guideline) = find(id) else {
        let nearest = crate::clinical::inputs::nearest(id, ALL.iter().map(|guideline| guideline.spec.id));
        return Err(ClinicalError::UnknownModel { id: id.chars().take(80).collect(), nearest });
    };
    let checked = Checked::new(guideline.spec.id, guideline.spec.inputs, inputs)?;
    guideline.evaluate(&checked)
}

//! One door to every rule.

use super::answer::Evaluation;
use super::error::ClinicalError;
use super::inputs::{Checked, Inputs, nearest};
use super::rule::{Rule, Standing};
use crate::eligibility;
use crate::guideline;
use crate::risk;

/// Every rule: risk models, guidelines, measures, eligibility, each kind in its own order.
pub fn rules() -> impl Iterator<Item = &'static dyn Rule> {
    let (models, measures) = (risk::rules(), super::measures::rules());
    models.chain(guideline::rules()).chain(measures).chain(eligibility::rules())
}

/// The rule of this id.
///
/// # Errors
/// There is none; the error names the nearest.
pub fn find(id: &str) -> Result<&'static dyn Rule, ClinicalError> {
    if let Some(rule) = rules().find(|rule| rule.spec().id == id) {
        return Ok(rule);
    }
    let id: String = id.chars().take(80).collect();
    let nearest = nearest(&id, rules().map(|rule| rule.spec().id));
    Err(ClinicalError::UnknownModel { id, nearest })
}

/// Whether rules that are off because their numbers were not seen in a source may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unconfirmed {
    /// They answer "not applicable"; what reports and servers use.
    #[default]
    Refused,
    /// They answer, with a warning; for comparison by hand.
    Allowed,
}

/// What the rule `id` says to `inputs`. Rules that are off do not speak.
///
/// # Errors
/// An unknown id or input name, a value of the wrong type or outside its limits, a contradiction; the error
/// names the field.
pub fn evaluate(id: &str, inputs: &Inputs) -> Result<Evaluation, ClinicalError> {
    evaluate_rule(find(id)?, inputs, Unconfirmed::Refused)
}

/// What `rule` says to `inputs`: checked, refused where the rule is off, with warnings.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_rule(
    rule: &dyn Rule,
    inputs: &Inputs,
    unconfirmed: Unconfirmed,
) -> Result<Evaluation, ClinicalError> {
    let spec = rule.spec();
    let checked = Checked::new(spec.id, spec.inputs, inputs)?;
    let off = match spec.standing {
        Standing::Off(reason) => Some(reason),
        Standing::Confirmed | Standing::PartlyConfirmed(_) => None,
    };
    if let (Some(reason), Unconfirmed::Refused) = (off, unconfirmed) {
        return Ok(Evaluation::not_applicable(format!("switched off: {reason}")));
    }
    let mut evaluation = rule.evaluate(&checked)?;
    evaluation.warnings.extend(off.map(|reason| format!("off by default: {reason}")));
    evaluation.warnings.extend(checked.unusual());
    Ok(evaluation)
}

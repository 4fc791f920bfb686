//! One door to every rule.

use super::answer::Evaluation;
use super::error::ClinicalError;
use super::inputs::{Checked, Inputs, nearest};
use super::rule::{Rule, Standing};
use crate::eligibility;
use crate::risk;

/// Every rule: risk models, guidelines, measures, eligibility, each kind in its own order.
pub fn rules() -> impl Iterator<Item = &'static dyn Rule> {
    let guidelines: &[&'static dyn Rule] = &[];
    risk::rules()
        .chain(guidelines.iter().copied())
        .chain(super::measures::rules())
        .chain(eligibility::rules())
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

/// What the rule `id` says to `inputs`.
///
/// # Errors
/// An unknown id or input name, a value of the wrong type or outside its limits, a contradiction; the error
/// names the field.
pub fn evaluate(id: &str, inputs: &Inputs) -> Result<Evaluation, ClinicalError> {
    evaluate_rule(find(id)?, inputs)
}

/// What `rule` says to `inputs`: checked, refused where the rule is off, with warnings.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_rule(rule: &dyn Rule, inputs: &Inputs) -> Result<Evaluation, ClinicalError> {
    let spec = rule.spec();
    let checked = Checked::new(spec.id, spec.inputs, inputs)?;
    if let Standing::Off(reason) = spec.standing {
        return Ok(Evaluation::not_applicable(format!("switched off: {reason}")));
    }
    let mut evaluation = rule.evaluate(&checked)?;
    evaluation.warnings.extend(checked.unusual());
    Ok(evaluation)
}

//! Evaluations as the document carries them.

use super::known::Known;
use crate::clinical::formula::THRESHOLD;
use crate::clinical::{Answer, Category, ClinicalError, Evaluation, Inputs, Interval, Outcome, Rule, Term};
use crate::guideline::{Assumed, Guideline, NOT_APPLICABLE};
use domain::{
    AnswerBasis, AnswerStatus, AnswerTerm, AssumedInput, GuidelineAssessment, GuidelineCategory,
    IntervalMonths, RiskAssessment,
};

/// What a risk model said.
pub(super) fn risk(
    rule: &dyn Rule,
    known: &Known,
    evaluation: Result<Evaluation, ClinicalError>,
) -> RiskAssessment {
    let (mut probability, mut range, mut undetermined) = (None, None, false);
    if let Ok(evaluation) = &evaluation {
        probability = evaluation.probability();
        if let Answer::Range { low: Outcome::Probability(low), high: Outcome::Probability(high), .. } =
            evaluation.answer
        {
            range = Some([low, high]);
            let limit = rule.constants().iter().find(|constant| constant.name == THRESHOLD);
            undetermined = limit.is_some_and(|limit| low < limit.value && high >= limit.value);
        }
    }
    let basis = basis(rule, known, evaluation);
    RiskAssessment { model: rule.spec().id.to_owned(), probability, range, undetermined, basis }
}

/// What a guideline said.
pub(super) fn guideline(
    rule: &'static Guideline,
    known: &Known,
    evaluation: Result<Evaluation, ClinicalError>,
) -> GuidelineAssessment {
    let (mut category, mut range) = (None, None);
    match evaluation.as_ref().map(|evaluation| &evaluation.answer) {
        Ok(Answer::Result(Outcome::Category(one))) if one.category != NOT_APPLICABLE => {
            category = Some(category_of(one));
        }
        Ok(Answer::Range { low: Outcome::Category(low), high: Outcome::Category(high), .. }) => {
            range = Some([category_of(low), category_of(high)]);
        }
        _ => {}
    }
    let basis = basis(rule, known, evaluation);
    GuidelineAssessment { guideline: short_id(rule).to_owned(), category, range, assumed: Vec::new(), basis }
}

/// What a guideline took as no because nobody stated it, with what it would say otherwise.
pub(super) fn assumed(rule: &'static Guideline, inputs: &Inputs) -> Vec<AssumedInput> {
    let all = rule.assumed(inputs).unwrap_or_default();
    let one = |assumed: Assumed| AssumedInput {
        name: assumed.name.to_owned(),
        instead: match &assumed.instead.answer {
            Answer::Result(Outcome::Category(category)) if category.category != NOT_APPLICABLE => {
                Some(category_of(category))
            }
            _ => None,
        },
    };
    all.into_iter().map(one).collect()
}

/// Id without its kind.
pub(super) fn short_id(rule: &Guideline) -> &'static str {
    rule.spec.id.strip_prefix("guideline:").unwrap_or(rule.spec.id)
}

/// A category as the document carries it.
pub(super) fn category_of(category: &Category) -> GuidelineCategory {
    GuidelineCategory {
        category: category.category.to_string(),
        row: category.row.to_owned(),
        interval_months: match category.interval {
            Interval::Absent | Interval::None => None,
            Interval::Months(months) => Some(IntervalMonths::Whole(months)),
            Interval::Text(text) => Some(IntervalMonths::Text(text.to_owned())),
        },
        management: category.management.to_owned(),
    }
}

fn basis(rule: &dyn Rule, known: &Known, evaluation: Result<Evaluation, ClinicalError>) -> AnswerBasis {
    let spec = rule.spec();
    let mut basis = AnswerBasis {
        version: spec.version.to_owned(),
        title: spec.title.to_owned(),
        status: AnswerStatus::Error,
        missing: Vec::new(),
        reason: None,
        terms: Vec::new(),
        inputs: known.sourced(&rule.uses()),
        warnings: Vec::new(),
        citation: spec.citation.to_owned(),
    };
    let evaluation = match evaluation {
        Ok(evaluation) => evaluation,
        Err(error) => {
            basis.reason = Some(error.to_string());
            return basis;
        }
    };
    let (status, missing, reason) = told(&evaluation.answer);
    basis.status = status;
    basis.missing = missing.into_iter().map(str::to_owned).collect();
    basis.reason = reason;
    basis.terms = evaluation.terms.into_iter().map(term).collect();
    basis.warnings = evaluation.warnings;
    basis
}

/// Status, names of what is missing, reason.
fn told(answer: &Answer) -> (AnswerStatus, Vec<&'static str>, Option<String>) {
    match answer {
        Answer::Result(Outcome::Category(category)) if category.category == NOT_APPLICABLE => {
            let reason = format!("{} (row {})", category.management, category.row);
            (AnswerStatus::NotApplicable, Vec::new(), Some(reason))
        }
        Answer::Result(_) => (AnswerStatus::Result, Vec::new(), None),
        Answer::Range { missing, .. } if missing.is_empty() => {
            let reason = "undetermined: an input is itself a range".to_owned();
            (AnswerStatus::Range, Vec::new(), Some(reason))
        }
        Answer::Range { missing, .. } => {
            let reason = format!("not known: {}", missing.join(", "));
            (AnswerStatus::Range, missing.clone(), Some(reason))
        }
        Answer::NotApplicable { reason } => (AnswerStatus::NotApplicable, Vec::new(), Some(reason.clone())),
        Answer::Insufficient { missing } => {
            let reason = format!("not known: {}", missing.join(", "));
            (AnswerStatus::Insufficient, missing.clone(), Some(reason))
        }
    }
}

fn term(term: Term) -> AnswerTerm {
    AnswerTerm {
        name: term.name.into_owned(),
        coefficient: term.coefficient,
        input: term.input,
        value: term.value,
    }
}

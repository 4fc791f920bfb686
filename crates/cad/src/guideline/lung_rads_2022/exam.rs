//! Category of a whole exam: that of its most severe nodule, with what stands beside it.
//!
//! Order 0 < 1 < 2 < 3 < 4A < 4B < 4X. An exam that cannot be read to the end is 0, with the category of its
//! nodules beside it. With signs of inflammation a category 3 or 4 nodule keeps its category and the exam shows
//! both (ours). 4X and S are only proposed.

use super::super::Guideline;
use super::{LUNG_RADS_2022, S_MODIFIER};
use crate::clinical::{Answer, Category, ClinicalError, Evaluation, Inputs, Outcome, Value};

/// Why an exam cannot be read to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExamState {
    /// A prior chest CT is being located.
    PriorBeingLocated,
    /// Part or all of the lungs cannot be evaluated.
    NotEvaluable,
    /// Findings suggest inflammation or infection.
    Inflammatory,
}

impl ExamState {
    /// Value for the input `exam`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PriorBeingLocated => "prior_being_located",
            Self::NotEvaluable => "not_evaluable",
            Self::Inflammatory => "inflammatory",
        }
    }
}

/// More new nodules than this suggest inflammation.
const NEW_NODULES_MAX: usize = 6;

const ORDER: [&str; 7] = ["0", "1", "2", "3", "4A", "4B", "4X"];

/// Place of a category in the order of severity; `None` for what is none of them.
#[must_use]
pub fn severity(category: &str) -> Option<usize> {
    ORDER.iter().position(|one| *one == category)
}

/// What Lung-RADS says of a whole exam.
#[derive(Debug, Clone, PartialEq)]
pub struct ExamCategory {
    /// Answer for the exam.
    pub evaluation: Evaluation,
    /// Index of the nodule that decides; `None` where no nodule does.
    pub decided_by: Option<usize>,
    /// A second category to be shown beside the first.
    pub beside: Option<Category>,
    /// The most severe category that is sure, where the exam's is not determined.
    pub at_least: Option<Category>,
    /// Answers for the nodules, in their order, without the state of the exam.
    pub nodules: Vec<Evaluation>,
    /// What is proposed for a reader to confirm (4X, S, signs of inflammation).
    pub proposed: Vec<String>,
}

/// Category of an exam with these nodules (inputs of the guideline, one each). `other_findings` are
/// significant findings that are not lung cancer, as somebody stated them.
///
/// # Errors
/// As [`super::super::evaluate`], for the first nodule with a wrong input.
pub fn categorise(
    nodules: &[Inputs],
    state: Option<ExamState>,
    other_findings: &[&str],
) -> Result<ExamCategory, ClinicalError> {
    let rule: &Guideline = &LUNG_RADS_2022;
    let evaluate = |inputs: &Inputs| super::super::evaluate(rule.spec.id, inputs);
    let evaluations = nodules.iter().map(evaluate).collect::<Result<Vec<_>, _>>()?;
    let proposed = proposals(nodules, &evaluations, other_findings);
    let (decided_by, top) = most_severe(nodules, &evaluations);
    let mut missing: Vec<&'static str> = Vec::new();
    for evaluation in &evaluations {
        if let Answer::Insufficient { missing: here } = &evaluation.answer {
            missing.extend(here.iter().filter(|name| !missing.contains(*name)).copied().collect::<Vec<_>>());
        }
    }
    let mut exam = ExamCategory {
        evaluation: evaluate(&Inputs::new())?,
        decided_by,
        beside: None,
        at_least: None,
        nodules: evaluations,
        proposed,
    };
    let settled = missing.is_empty() || top.as_ref().is_some_and(|category| category.category == "4X");
    if !settled {
        exam.evaluation = Evaluation::insufficient(missing);
        exam.at_least = top.clone();
    } else if let Some(evaluation) = decided_by.and_then(|i| exam.nodules.get(i)) {
        exam.evaluation = evaluation.clone();
    } else if !exam.nodules.is_empty() {
        exam.evaluation =
            Evaluation::not_applicable("no nodule of the exam falls under a row of Lung-RADS v2022");
    }
    if let Some(state) = state {
        let zero = evaluate(&Inputs::new().with("exam", state.word()))?;
        let keeps =
            top.as_ref().and_then(|category| severity(&category.category)).is_some_and(|place| place >= 3);
        if state == ExamState::Inflammatory && keeps && settled {
            exam.beside = category_of(&zero).cloned();
        } else {
            exam.beside = top;
            exam.evaluation = zero;
            exam.decided_by = None;
        }
    }
    Ok(exam)
}

fn category_of(evaluation: &Evaluation) -> Option<&Category> {
    match &evaluation.answer {
        Answer::Result(Outcome::Category(category)) => Some(category),
        _ => None,
    }
}

/// The nodule with the most severe category, the larger one of equals, the first of equals again.
fn most_severe(nodules: &[Inputs], evaluations: &[Evaluation]) -> (Option<usize>, Option<Category>) {
    let size = |i: usize| match nodules.get(i).and_then(|inputs| inputs.value("mean_mm")) {
        Some(Value::Number(mm)) => *mm,
        _ => 0.0,
    };
    let mut best: Option<(usize, usize)> = None;
    for (i, evaluation) in evaluations.iter().enumerate() {
        let Some(place) = category_of(evaluation).and_then(|category| severity(&category.category)) else {
            continue;
        };
        if best.is_none_or(|(j, top)| place > top || (place == top && size(i) > size(j))) {
            best = Some((i, place));
        }
    }
    let index = best.map(|(i, _)| i);
    (index, index.and_then(|i| evaluations.get(i)).and_then(category_of).cloned())
}

fn proposals(nodules: &[Inputs], evaluations: &[Evaluation], other_findings: &[&str]) -> Vec<String> {
    let mut proposed = Vec::new();
    for (i, evaluation) in evaluations.iter().enumerate() {
        if category_of(evaluation).is_some_and(|category| category.category == "4X") {
            proposed.push(format!(
                "4X for nodule {} (row LR22-4X): a feature that raises suspicion was stated",
                i + 1
            ));
        }
    }
    let is_new = |inputs: &&Inputs| inputs.value("timing") == Some(&Value::Text("new".to_owned()));
    let new = nodules.iter().filter(is_new).count();
    if new > NEW_NODULES_MAX {
        proposed.push(format!(
            "category 0 for inflammation (row LR22-0c): {new} new nodules, more than {NEW_NODULES_MAX}"
        ));
    }
    for finding in other_findings {
        proposed.push(format!("modifier S (row {}): {finding}", S_MODIFIER.id));
    }
    proposed
}

//! Answers of guidelines as sentences in plain English, each with its row.

use crate::clinical::{Answer, Category, Evaluation, Outcome};

use super::words::NOT_APPLICABLE;

/// What stands under every such sentence.
pub const CAVEAT: &str = "Second reader, for research use; not a diagnosis.";

/// One answer as a sentence that starts with `title` (the guideline's name and version).
#[must_use]
pub fn sentence(title: &str, evaluation: &Evaluation) -> String {
    match &evaluation.answer {
        Answer::Result(Outcome::Category(category)) if category.category == NOT_APPLICABLE => {
            format!("{title}: does not apply (row {}): {}.", category.row, category.management)
        }
        Answer::Result(Outcome::Category(category)) => format!("{title}: {}.", stated(category)),
        Answer::Range { low: Outcome::Category(low), high: Outcome::Category(high), .. } => {
            format!("{title}: undetermined, between {} and {}.", stated(low), stated(high))
        }
        Answer::Result(_) | Answer::Range { .. } => format!("{title}: no category."),
        Answer::NotApplicable { reason } => format!("{title}: does not apply: {reason}."),
        Answer::Insufficient { missing } => {
            format!("{title}: cannot be said; not given: {}.", missing.join(", "))
        }
    }
}

fn stated(category: &Category) -> String {
    format!("category {} (row {}): {}", category.category, category.row, category.management)
}

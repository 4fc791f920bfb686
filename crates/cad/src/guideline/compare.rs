//! One nodule through every guideline, side by side, with disagreement shown.

use super::facts::Facts;
use super::sentences::sentence;
use super::table::Urgency;
use super::{ALL, Guideline};
use crate::clinical::{Answer, Checked, ClinicalError, Evaluation, Inputs, Outcome};

/// What one guideline says.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// Guideline.
    pub guideline: &'static Guideline,
    /// Its answer.
    pub evaluation: Evaluation,
    /// How soon it wants something done, from and to; the same twice for a settled answer. `None` where it
    /// says nothing on that.
    pub urgency: Option<(Urgency, Urgency)>,
}

impl Opinion {
    /// As a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        sentence(self.guideline.spec.title, &self.evaluation)
    }
}

/// Whether guidelines agree on how soon something should be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// At most one has something to say.
    NothingToCompare,
    /// All that answer want the same.
    Agree(Urgency),
    /// They differ.
    Differ {
        /// Least urgent.
        latest: Urgency,
        /// Most urgent.
        soonest: Urgency,
    },
}

/// Every guideline on one nodule.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// In the order of [`ALL`].
    pub opinions: Vec<Opinion>,
    /// Whether they agree.
    pub agreement: Agreement,
}

impl Comparison {
    /// Agreement or disagreement in words, with the guidelines at each end.
    #[must_use]
    pub fn sentence(&self) -> String {
        let who = |urgency: Urgency, high: bool| {
            let here = self.opinions.iter().filter(|opinion| {
                opinion.urgency.is_some_and(|(low, top)| if high { top == urgency } else { low == urgency })
            });
            here.map(|opinion| opinion.guideline.spec.title).collect::<Vec<_>>().join(", ")
        };
        match self.agreement {
            Agreement::NothingToCompare => "fewer than two guidelines answer; nothing to compare".to_owned(),
            Agreement::Agree(urgency) => format!("guidelines agree: {}", urgency.words()),
            Agreement::Differ { latest, soonest } => format!(
                "guidelines differ: from {} ({}) to {} ({})",
                latest.words(),
                who(latest, false),
                soonest.words(),
                who(soonest, true)
            ),
        }
    }
}

/// Puts a nodule through every guideline.
///
/// # Errors
/// An unknown input, a value of the wrong type or outside its limits, a contradiction between inputs.
pub fn compare(inputs: &Inputs) -> Result<Comparison, ClinicalError> {
    let checked = Checked::new("guideline:all", super::field::INPUTS, inputs)?;
    let facts = Facts::new("guideline:all", &checked)?;
    let opinions: Vec<Opinion> = ALL
        .into_iter()
        .map(|guideline| {
            let evaluation = guideline.answer(&facts);
            let urgency = urgency(guideline, &evaluation);
            Opinion { guideline, evaluation, urgency }
        })
        .collect();
    let agreement = agreement(&opinions);
    Ok(Comparison { opinions, agreement })
}

/// How soon an answer wants something done, from and to.
#[must_use]
pub fn urgency(guideline: &Guideline, evaluation: &Evaluation) -> Option<(Urgency, Urgency)> {
    let of = |outcome: &Outcome| match outcome {
        Outcome::Category(category) => guideline.row(category.row).and_then(|row| row.verdict.urgency),
        _ => None,
    };
    match &evaluation.answer {
        Answer::Result(outcome) => of(outcome).map(|urgency| (urgency, urgency)),
        Answer::Range { low, high, .. } => of(low).zip(of(high)),
        Answer::NotApplicable { .. } | Answer::Insufficient { .. } => None,
    }
}

fn agreement(opinions: &[Opinion]) -> Agreement {
    let stated: Vec<(Urgency, Urgency)> = opinions.iter().filter_map(|opinion| opinion.urgency).collect();
    let (latest, soonest) =
        (stated.iter().map(|(low, _)| *low).min(), stated.iter().map(|(_, high)| *high).max());
    match (stated.len(), latest, soonest) {
        (2.., Some(latest), Some(soonest)) if latest == soonest => Agreement::Agree(latest),
        (2.., Some(latest), Some(soonest)) => Agreement::Differ { latest, soonest },
        _ => Agreement::NothingToCompare,
    }
}

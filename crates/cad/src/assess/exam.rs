//! The exam as a whole: context, leading guideline, and the category that its nodules give it.

use super::SiteFacts;
use super::answers::{self, category_of};
use super::known::Known;
use super::nodule::Asked;
use crate::clinical::{Inputs, Value};
use crate::guideline::indication::Choice;
use crate::guideline::lung_rads_2022::{
    LUNG_RADS_2022,
    exam::{ExamState, categorise},
};
use crate::guideline::{ALL, Guideline};
use domain::{AnswerStatus, ExamAssessment, ExamContext, Finding, GuidelineAssessment, GuidelineCategory};

/// What holds for the exam.
#[derive(Default)]
struct Verdict {
    category: Option<GuidelineAssessment>,
    decided_by: Option<usize>,
    beside: Option<GuidelineCategory>,
    at_least: Option<GuidelineCategory>,
    proposed: Vec<String>,
}

/// The exam's part of the assessment.
pub(super) fn assess(
    findings: &[Finding],
    nodules: &[Asked],
    choice: &Choice,
    person: &Known,
    site: &SiteFacts,
) -> ExamAssessment {
    let mut warnings = person.contradictions.clone();
    for (finding, asked) in findings.iter().zip(nodules) {
        let of_nodule = |words: &String| format!("{}: {words}", finding.label());
        warnings.extend(asked.contradictions.iter().map(of_nodule));
    }
    let unknown = |uid: &&String| !findings.iter().any(|finding| finding.tracking_uid == **uid);
    warnings.extend(site.nodules.keys().filter(unknown).map(|uid| {
        format!("the site states values of a nodule {uid}, which is not among the findings: not used")
    }));
    let verdict = match choice.guideline {
        Some(rule) if rule.spec.id == LUNG_RADS_2022.spec.id => lung_rads(findings, nodules, person, site)
            .unwrap_or_else(|error| {
                warnings.push(format!("no category of the exam: {error}"));
                Verdict::default()
            }),
        Some(rule) => by_urgency(rule, findings, nodules),
        None => Verdict::default(),
    };
    let mut proposed = verdict.proposed;
    if let (ExamContext::Incidental, Some(finding)) = (choice.context, &site.significant_finding) {
        proposed.push(format!("other finding stated by the site: {finding}"));
    }
    ExamAssessment {
        context: choice.context,
        why: choice.why.clone(),
        guideline: choice.guideline.map(|rule| answers::short_id(rule).to_owned()),
        category: verdict.category,
        decided_by: verdict.decided_by,
        beside: verdict.beside,
        at_least: verdict.at_least,
        proposed,
        inputs: person.all_sourced(),
        site_version: (site.version > 0).then_some(site.version),
        warnings,
    }
}

/// Lung-RADS has a rule of its own for exams.
fn lung_rads(
    findings: &[Finding],
    nodules: &[Asked],
    person: &Known,
    site: &SiteFacts,
) -> Result<Verdict, crate::clinical::ClinicalError> {
    let inputs: Vec<Inputs> = nodules.iter().map(|asked| asked.inputs.clone()).collect();
    let state = match site.person.value("exam") {
        Some(Value::Text(word)) => {
            [ExamState::PriorBeingLocated, ExamState::NotEvaluable, ExamState::Inflammatory]
                .into_iter()
                .find(|state| state.word() == word)
        }
        _ => None,
    };
    let others: Vec<&str> = site.significant_finding.iter().map(String::as_str).collect();
    let exam = categorise(&inputs, state, &others)?;
    let number = |index: usize| findings.get(index).map(|finding| finding.number);
    let mut category = answers::guideline(&LUNG_RADS_2022, person, Ok(exam.evaluation));
    let is_settled = category.category.is_some();
    // What the deciding nodule's category stands on is what the exam's stands on.
    let decisive = exam.decided_by.filter(|_| is_settled).and_then(|index| nodules.get(index));
    if let Some(own) = decisive.and_then(|asked| asked.assessment.guideline(&category.guideline)) {
        category.assumed.clone_from(&own.assumed);
    }
    Ok(Verdict {
        category: Some(category),
        decided_by: exam.decided_by.filter(|_| is_settled).and_then(number),
        beside: exam.beside.as_ref().map(category_of),
        at_least: exam.at_least.as_ref().map(category_of),
        proposed: exam.proposed,
    })
}

/// Other guidelines: the answer of the nodule that wants something done soonest, the larger one of equals. Where a
/// nodule has no settled answer, that of the exam is not settled either, and the settled one is "at least".
fn by_urgency(rule: &'static Guideline, findings: &[Finding], nodules: &[Asked]) -> Verdict {
    let place = ALL.iter().position(|one| one.spec.id == rule.spec.id).unwrap_or_default();
    let size = |index: usize| findings.get(index).map_or(0.0, |finding| finding.measures.mean_diameter_mm);
    let answer = |index: usize| nodules.get(index).and_then(|asked| asked.assessment.guidelines.get(place));
    let settled = (0..nodules.len()).filter(|index| answer(*index).is_some_and(|one| one.category.is_some()));
    let urgency =
        |index: usize| nodules.get(index).and_then(|asked| asked.urgencies.get(place).copied().flatten());
    let best = settled.max_by(|a, b| urgency(*a).cmp(&urgency(*b)).then(size(*a).total_cmp(&size(*b))));
    let open = |index: &usize| {
        let status = answer(*index).map(|one| one.basis.status);
        matches!(status, Some(AnswerStatus::Insufficient | AnswerStatus::Range | AnswerStatus::Error))
    };
    // Of those without a settled answer the largest one says what is missing.
    let open = (0..nodules.len()).filter(open).max_by(|a, b| size(*a).total_cmp(&size(*b)));
    let shown = open.or(best).or_else(|| (!nodules.is_empty()).then_some(0));
    Verdict {
        category: shown.and_then(answer).cloned(),
        decided_by: if open.is_some() {
            None
        } else {
            best.and_then(|i| findings.get(i)).map(|one| one.number)
        },
        at_least: open.and(best).and_then(answer).and_then(|one| one.category.clone()),
        ..Verdict::default()
    }
}

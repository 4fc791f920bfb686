//! What risk models and guidelines say, as content items: a probability is a NUM with the model as its method, its
//! inputs and terms below it; a category carries guideline, version and row. What is not settled is said in words and
//! never as one number.

use super::content::{ContentItem, Quantity, Relationship};
use crate::codes::{self, Code};
use domain::{
    ClinicalAssessment, ExamAssessment, ExamTriage, GuidelineAssessment, GuidelineCategory, RiskAssessment,
    SourcedInput,
};

use Relationship::{Contains, HasConceptMod};

/// Id of the guideline whose categories RadLex codes.
const LUNG_RADS: &str = "lung_rads_2022";

/// Items of the nodule with that number; none where rules were not asked.
pub(super) fn nodule_items(clinical: Option<&ClinicalAssessment>, number: usize) -> Vec<ContentItem> {
    let Some(clinical) = clinical else { return Vec::new() };
    let Some(nodule) = clinical.nodule(number) else { return Vec::new() };
    let mut items: Vec<ContentItem> = nodule.risks.iter().flat_map(risk_items).collect();
    for guideline in &nodule.guidelines {
        let leads = clinical.exam.guideline.as_deref() == Some(guideline.guideline.as_str());
        items.extend(if leads { leading(guideline) } else { vec![beside(guideline)] });
    }
    items.push(ContentItem::text(Contains, codes::GUIDELINE_AGREEMENT, &nodule.agreement));
    items
}

/// Items of the exam: no NUM (one viewer stops at a number without a place).
pub(super) fn exam_items(clinical: Option<&ClinicalAssessment>) -> Vec<ContentItem> {
    let Some(ClinicalAssessment { exam, .. }) = clinical else { return Vec::new() };
    let text = |concept: Code, text: &str| ContentItem::text(Contains, concept, text);
    let mut items = vec![text(codes::EXAM_CONTEXT, &exam.why)];
    if let Some(category) = &exam.category {
        let decided = exam.decided_by.map(|number| format!("Nodule {number}"));
        items.extend(leading(category).into_iter().map(|item| match &decided {
            Some(words) => item.with(ContentItem::text(HasConceptMod, codes::DECIDED_BY, words)),
            None => item,
        }));
    }
    let also = |words: &str, category: &GuidelineCategory| {
        text(codes::GUIDELINE_ASSESSMENT, &format!("{words} {}", category.short()))
    };
    items.extend(exam.beside.iter().map(|category| also("beside it:", category)));
    items.extend(exam.at_least.iter().map(|category| also("at least:", category)));
    items.extend(exam.proposed.iter().map(|words| text(codes::PROPOSED, words)));
    items.extend(exam.inputs.iter().map(|input| text(codes::CLINICAL_INPUT, &input_words(input))));
    items.push(text(codes::CLINICAL_DATA, &data_words(exam)));
    items.extend(exam.warnings.iter().map(|words| text(codes::CLINICAL_WARNING, words)));
    items
}

/// Where the exam lies among the site's own: a code, not a NUM (as in [`exam_items`]), with where it comes from and what it
/// may be used for.
pub(super) fn triage_item(triage: &ExamTriage) -> ContentItem {
    let item = match triage.score {
        Some(score) => {
            let (value, meaning) = codes::triage_score(score);
            ContentItem::any_code(Contains, codes::EXAM_TRIAGE, &value, codes::PRIVATE_SCHEME, &meaning)
        }
        None => ContentItem::code(Contains, codes::EXAM_TRIAGE, codes::TRIAGE_NOT_CALIBRATED),
    };
    item.with(ContentItem::text(HasConceptMod, codes::TRIAGE_BASIS, &triage.basis())).with(ContentItem::text(
        HasConceptMod,
        codes::TRIAGE_USE,
        &triage.intended_use,
    ))
}

fn data_words(exam: &ExamAssessment) -> String {
    match exam.site_version {
        Some(version) => format!("stated by the site, version {version}"),
        None => "none stated by the site".to_owned(),
    }
}

/// `age = 68 (dicom: PatientAge (0010,1010))`.
fn input_words(input: &SourcedInput) -> String {
    format!("{} = {} ({}: {})", input.name, input.value, input.source.as_str(), input.origin)
}

/// A probability, both ends of a range, or why there is none.
fn risk_items(risk: &RiskAssessment) -> Vec<ContentItem> {
    match (risk.probability, risk.range) {
        (Some(probability), _) => vec![probability_item(risk, probability)],
        (None, Some([low, high])) => {
            let end = |value: f64, which: Code| {
                probability_item(risk, value)
                    .with(ContentItem::code(HasConceptMod, codes::DERIVATION, which))
                    .with(ContentItem::text(HasConceptMod, codes::RISK_OPEN, &open_words(risk)))
            };
            vec![end(low, codes::MINIMUM), end(high, codes::MAXIMUM)]
        }
        (None, None) => {
            let words = format!("{}: {}", risk.basis.title, risk.basis.why_not());
            vec![ContentItem::text(Contains, codes::RISK_NOT_COMPUTED, &words)]
        }
    }
}

fn open_words(risk: &RiskAssessment) -> String {
    let verdict =
        if risk.undetermined { "undetermined: the range reaches a guideline's limit; " } else { "" };
    format!("{verdict}over all values of {}", risk.basis.missing.join(", "))
}

/// NUM in percent with method, algorithm, inputs and terms (TID 1419, 4019).
fn probability_item(risk: &RiskAssessment, probability: f64) -> ContentItem {
    let basis = &risk.basis;
    let (value, meaning) = codes::risk_model(&risk.model, &basis.title);
    let quantity = Quantity { value: probability * 100.0, digits: 1, unit: codes::PERCENT };
    let method = ContentItem::any_code(
        HasConceptMod,
        codes::MEASUREMENT_METHOD,
        &value,
        codes::PRIVATE_SCHEME,
        &meaning,
    );
    let text = |concept: Code, text: &str| ContentItem::text(HasConceptMod, concept, text);
    let terms = basis.terms.iter().map(|term| {
        let product = match term.coefficient {
            Some(coefficient) => format!("{coefficient} x {:.4} = {:.4}", term.input, term.value),
            None => format!("{:.4}", term.value),
        };
        text(codes::RISK_TERM, &format!("{}: {product}", term.name))
    });
    ContentItem::number(Contains, codes::PROBABILITY_OF_CANCER, quantity)
        .with(method)
        .with(text(codes::ALGORITHM_NAME, &risk.model))
        .with(text(codes::ALGORITHM_VERSION, &basis.version))
        .with_all(basis.inputs.iter().map(|input| text(codes::ALGORITHM_PARAMETERS, &input_words(input))))
        .with_all(terms)
}

/// The leading guideline: coded where RadLex has a code, with its row; in words where nothing is settled.
fn leading(guideline: &GuidelineAssessment) -> Vec<ContentItem> {
    let Some(category) = &guideline.category else { return vec![beside(guideline)] };
    let coded = (guideline.guideline == LUNG_RADS).then(|| codes::lung_rads(&category.category)).flatten();
    let item = match coded {
        Some(code) => ContentItem::code(Contains, codes::LUNG_RADS_ASSESSMENT, code),
        None => ContentItem::text(Contains, codes::GUIDELINE_CATEGORY, &category.category),
    };
    vec![item.with_all(row_items(guideline, category))]
}

fn row_items(guideline: &GuidelineAssessment, category: &GuidelineCategory) -> Vec<ContentItem> {
    let text = |concept: Code, text: &str| ContentItem::text(HasConceptMod, concept, text);
    let version = format!("{} (table {})", guideline.basis.title, guideline.basis.version);
    let mut items = vec![
        text(codes::GUIDELINE_VERSION, &version),
        text(codes::GUIDELINE_ROW, &category.row),
        text(codes::GUIDELINE_MANAGEMENT, &category.management),
    ];
    if let Some(interval) = &category.interval_months {
        items.push(text(codes::GUIDELINE_INTERVAL, &interval.to_string()));
    }
    if category.category == "4X" {
        items.push(text(codes::PROPOSED, "4X is proposed: a reader confirms or rejects it"));
    }
    items.extend(guideline.basis.warnings.iter().map(|words| text(codes::CLINICAL_WARNING, words)));
    items
}

/// A guideline in one sentence.
fn beside(guideline: &GuidelineAssessment) -> ContentItem {
    ContentItem::text(Contains, codes::GUIDELINE_ASSESSMENT, &guideline.sentence())
}

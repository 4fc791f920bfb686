//! What a rule answered, in the notation of its guideline: shared by pages and tables. A guideline without categories of
//! its own (Fleischner, BTS) is told by what it recommends.

use crate::chinese;
use crate::figures::{percent, percent_range};
use crate::names::name;
use crate::words::Language;
use domain::{AnswerStatus, GuidelineAssessment, GuidelineCategory, NoduleDocument, RiskAssessment};

/// A category for readers.
pub(crate) struct Answered {
    /// Category in the guideline's notation; `None` where it has no categories.
    pub(crate) notation: Option<String>,
    /// What it recommends; `None` where the language has no words for it.
    pub(crate) management: Option<String>,
}

impl Answered {
    /// Of the guideline with this id.
    pub(crate) fn of(guideline: &str, category: &GuidelineCategory, language: Language) -> Self {
        let management = match language {
            Language::English => Some(category.management.clone()),
            Language::Chinese => chinese::management(&category.management).map(str::to_owned),
        };
        Self { notation: notation(guideline, &category.category, language), management }
    }
}

/// `category 4A`, `NODCAT 3`; `None` for guidelines that name no categories.
fn notation(guideline: &str, category: &str, language: Language) -> Option<String> {
    match guideline {
        "lung_rads_2022" | "c_lung_rads_2024" => Some(match language {
            Language::English => format!("category {category}"),
            Language::Chinese => format!("{category} 类"),
        }),
        "nelson" => {
            let number = category.strip_prefix("NODCAT").map(|number| format!("NODCAT {number}"));
            number.or_else(|| category.strip_prefix("GROWCAT_").map(|letter| format!("GROWCAT {letter}")))
        }
        "eu_position_2017" => {
            let (english, chinese) = match category.split('_').next().unwrap_or_default() {
                "negative" => ("negative", "阴性"),
                "indeterminate" => ("indeterminate", "不确定"),
                "positive" => ("positive", "阳性"),
                _ => return None,
            };
            Some(match language {
                Language::English => english.to_owned(),
                Language::Chinese => chinese.to_owned(),
            })
        }
        _ => None,
    }
}

/// Ids of values that any nodule's rules lacked and that a site can state, each once, in their order.
pub(crate) fn missing(nodules: &[NoduleDocument]) -> Vec<&str> {
    let assessed = nodules.iter().filter_map(|nodule| nodule.clinical.as_ref());
    let ids = assessed.flat_map(|one| {
        let guidelines = one.guidelines.iter().flat_map(|guideline| &guideline.basis.missing);
        one.risks.iter().flat_map(|risk| &risk.basis.missing).chain(guidelines)
    });
    // A probability is not stated: it follows from the others.
    let derived = ["brock", "herder", "pretest"];
    let mut found: Vec<&str> = Vec::new();
    for id in ids.map(String::as_str).filter(|id| !derived.contains(id)) {
        if !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

/// Beginning of the sentence that [`GuidelineAssessment::assumed`] says better.
pub(crate) const TAKEN_AS_NO: &str = "taken as no, because not given: ";

/// A risk in few words, without markup: `7.4 %`, `2–9 %, undetermined`, `not computed (not known: age)`.
#[must_use]
pub fn risk_text(risk: &RiskAssessment, language: Language) -> String {
    let words = language.words();
    match (risk.probability, risk.range) {
        (Some(probability), _) => percent(probability, language),
        (None, Some(range)) if risk.undetermined => {
            format!("{}, {}", percent_range(range, language), words.undetermined)
        }
        (None, Some(range)) => percent_range(range, language),
        (None, None) if risk.basis.status == AnswerStatus::NotApplicable => words.does_not_apply.to_owned(),
        (None, None) => without(words.not_computed, words.missing, &risk.basis.missing, language),
    }
}

/// A guideline's answer for a cell, without markup: the category where the guideline has some, else what it recommends.
#[must_use]
pub fn category_text(guideline: &GuidelineAssessment, language: Language) -> String {
    told(guideline, language, |category| {
        let answered = Answered::of(&guideline.guideline, category, language);
        answered.notation.or(answered.management).unwrap_or_else(|| category.management.clone())
    })
}

/// The same in full: `category 3: LDCT in 6 months`.
pub(crate) fn guideline_text(guideline: &GuidelineAssessment, language: Language) -> String {
    told(guideline, language, |category| answer_text(&guideline.guideline, category, language))
}

/// Category and recommendation, as far as the guideline has both.
pub(crate) fn answer_text(guideline: &str, category: &GuidelineCategory, language: Language) -> String {
    let Answered { notation, management } = Answered::of(guideline, category, language);
    let management = management.unwrap_or_else(|| category.management.clone());
    notation.map_or_else(|| management.clone(), |notation| format!("{notation}: {management}"))
}

fn told(
    guideline: &GuidelineAssessment,
    language: Language,
    of: impl Fn(&GuidelineCategory) -> String,
) -> String {
    let words = language.words();
    match (&guideline.category, &guideline.range) {
        (Some(category), _) => of(category),
        (None, Some([low, high])) => format!("{}: {} {} {}", words.undetermined, of(low), words.or, of(high)),
        (None, None) if guideline.basis.status == AnswerStatus::NotApplicable => {
            words.does_not_apply.to_owned()
        }
        (None, None) => without(words.no_category, words.missing, &guideline.basis.missing, language),
    }
}

fn without(label: &str, lacks: &str, missing: &[String], language: Language) -> String {
    if missing.is_empty() {
        return label.to_owned();
    }
    let names: Vec<String> = missing.iter().map(|id| name(id, language)).collect();
    format!("{label} ({lacks} {})", names.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: no reader meets an id: every category of every guideline is in its notation, or is told by its
    /// recommendation. Method: every row.
    #[test]
    fn no_category_is_an_id() {
        for guideline in cad::guideline::ALL {
            let id = guideline.spec.id.trim_start_matches("guideline:");
            for row in guideline.all_rows().filter(|row| !row.refuses()) {
                for language in [Language::English, Language::Chinese] {
                    let shown = notation(id, row.verdict.category, language).unwrap_or_default();
                    assert!(!shown.contains('_') && !shown.contains("NODCAT1"), "{} shows {shown}", row.id);
                    let told = !shown.is_empty() || !row.verdict.management.is_empty();
                    assert!(told, "{} says nothing", row.id);
                }
            }
        }
        let shown = |guideline, category| notation(guideline, category, Language::English);
        assert_eq!(shown("lung_rads_2022", "4A").as_deref(), Some("category 4A"));
        assert_eq!(shown("nelson", "NODCAT3").as_deref(), Some("NODCAT 3"));
        assert_eq!(shown("nelson", "GROWCAT_C").as_deref(), Some("GROWCAT C"));
        assert_eq!(shown("eu_position_2017", "indeterminate_3m").as_deref(), Some("indeterminate"));
        assert_eq!(shown("bts_2015", "ct_3m"), None);
    }
}

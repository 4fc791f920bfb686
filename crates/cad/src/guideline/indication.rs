//! Screening rules or incidental rules: chosen from the order code, the protocol name or the site's setting,
//! with the reason in words.
//!
//! It only picks which guideline the report leads with; it never decides whether a scan is processed.

use super::{Guideline, find};

pub use domain::ExamContext;

/// Order codes that mean lung cancer screening: (code, meaning).
pub const SCREENING_CODES: &[(&str, &str)] = &[
    ("71271", "CPT, CT thorax, low dose, for lung cancer screening (since 2021)"),
    ("G0297", "HCPCS, low-dose CT for lung cancer screening (until 2020)"),
    ("Z12.2", "ICD-10-CM, encounter for screening for malignant neoplasm of respiratory organs"),
];

/// Words of a protocol or study name that mean lung cancer screening, lower case. Short ones must stand alone.
const SCREENING_WORDS: &[&str] =
    &["screening", "screen", "ldct", "lcs", "vroegopsporing", "früherkennung", "depistage", "dépistage"];
/// The same in scripts without spaces between words.
const SCREENING_PHRASES: &[&str] =
    &["肺癌筛查", "肺结节筛查", "低剂量", "肺がん検診", "low dose lung", "low-dose lung"];
/// Words that turn the one after them round.
const NEGATIONS: &[&str] = &["non", "not", "no", "nicht", "kein", "geen", "pas"];

/// What a site has set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteSetting {
    /// Context of every exam that no code and no name decides.
    pub context: Option<ExamContext>,
    /// Further order codes that mean screening at this site.
    pub screening_codes: Vec<String>,
    /// Further words of protocol names that mean screening at this site.
    pub screening_words: Vec<String>,
    /// Guideline for screening; `None` = Lung-RADS v2022.
    pub screening_guideline: Option<&'static str>,
    /// Guideline for incidental nodules; `None` = Fleischner 2017.
    pub incidental_guideline: Option<&'static str>,
}

/// What is known of the exam.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ExamFacts<'a> {
    /// Codes of the order, the procedure and the reason.
    pub order_codes: &'a [&'a str],
    /// Names: protocol, study description, series description.
    pub protocol_names: &'a [&'a str],
    /// Completed years.
    pub age: Option<f64>,
    /// What the site says of this very exam; decides before everything else.
    pub stated: Option<ExamContext>,
}

/// What was chosen and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Context.
    pub context: ExamContext,
    /// Whether anything said so; otherwise nodules are taken as incidental for want of better knowledge.
    pub is_stated: bool,
    /// Guideline that the report leads with; `None` where none applies.
    pub guideline: Option<&'static Guideline>,
    /// Why, as a sentence.
    pub why: String,
}

/// Chooses the rules of an exam. What the site says of this exam decides first, then an order code, a protocol name,
/// the site's setting; with none of them nodules are taken as incidental.
#[must_use]
pub fn choose(exam: ExamFacts<'_>, site: &SiteSetting) -> Choice {
    let (context, because) = decide(exam, site);
    let is_stated = because != NOTHING_SAID;
    let (set, usual) = match context {
        ExamContext::Screening => (site.screening_guideline, "guideline:lung_rads_2022"),
        ExamContext::Incidental => (site.incidental_guideline, "guideline:fleischner_2017"),
    };
    let known = set.and_then(find);
    let guideline = known.or_else(|| find(usual));
    let mut why = format!("{}: {because}", context.words());
    if let (Some(name), None) = (set, known) {
        why.push_str(&format!("; the site's guideline \"{name}\" does not exist, the usual one is used"));
    }
    let too_young = exam.age.is_some_and(|age| age < 35.0);
    if too_young && guideline.is_some_and(|one| one.spec.id == "guideline:fleischner_2017") {
        why.push_str("; Fleischner 2017 is for 35 years or more, so no guideline leads");
        return Choice { context, is_stated, guideline: None, why };
    }
    if let Some(guideline) = guideline {
        why.push_str(&format!("; {} leads", guideline.spec.title));
    }
    Choice { context, is_stated, guideline, why }
}

/// Why, where nothing was said.
const NOTHING_SAID: &str = "no order code, protocol name or site setting says screening";

fn decide(exam: ExamFacts<'_>, site: &SiteSetting) -> (ExamContext, String) {
    if let Some(stated) = exam.stated {
        return (stated, "stated by the site for this exam".to_owned());
    }
    for code in exam.order_codes {
        if let Some((_, meaning)) = SCREENING_CODES.iter().find(|(known, _)| same_code(known, code)) {
            return (ExamContext::Screening, format!("order code {} ({meaning})", code.trim()));
        }
        if site.screening_codes.iter().any(|known| same_code(known, code)) {
            return (ExamContext::Screening, format!("order code {} (set by the site)", code.trim()));
        }
    }
    for name in exam.protocol_names {
        if let Some(word) = screening_word(name, &site.screening_words) {
            return (ExamContext::Screening, format!("\"{word}\" in the protocol name \"{}\"", name.trim()));
        }
    }
    match site.context {
        Some(context) => (context, "the site's setting".to_owned()),
        None => (ExamContext::Incidental, NOTHING_SAID.to_owned()),
    }
}

/// Codes compare without case, blanks and dots.
fn same_code(known: &str, given: &str) -> bool {
    let plain = |code: &str| -> String {
        code.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_uppercase()
    };
    plain(known) == plain(given) && !plain(known).is_empty()
}

/// The word that says screening, unless a negation stands right before it ("non-screening").
fn screening_word(name: &str, more: &[String]) -> Option<String> {
    let lower = name.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut before = "";
    for (i, word) in words.iter().enumerate() {
        let known = SCREENING_WORDS.contains(word) || more.iter().any(|one| one.to_lowercase() == *word);
        let two_before = i.checked_sub(2).and_then(|j| words.get(j)).copied().unwrap_or("");
        let negated = NEGATIONS.contains(&before) || (before == "for" && NEGATIONS.contains(&two_before));
        if known && !negated {
            return Some((*word).to_owned());
        }
        before = word;
    }
    let phrase = SCREENING_PHRASES.iter().map(|phrase| (*phrase).to_owned());
    phrase
        .chain(
            more.iter()
                .filter(|one| one.contains(|c: char| !c.is_ascii_alphanumeric()))
                .map(|one| one.to_lowercase()),
        )
        .find(|phrase| lower.contains(phrase.as_str()))
}

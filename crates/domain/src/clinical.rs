//! What risk models and guidelines say to a nodule and to an exam: the answer, what went in and from where,
//! what was missing, and the rule behind it. The rules themselves are not here.

use serde::{Deserialize, Serialize};

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputSource {
    /// Measured or counted by lungcad.
    Finding,
    /// An attribute of the scan.
    Dicom,
    /// Stated by the site for this study.
    Site,
    /// The answer of another rule.
    Rule,
}

impl InputSource {
    /// Word as it stands in JSON, SR and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finding => "finding",
            Self::Dicom => "dicom",
            Self::Site => "site",
            Self::Rule => "rule",
        }
    }
}

/// A number, yes/no or word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InputValue {
    /// Yes or no.
    Flag(bool),
    /// A number in the unit of the input.
    Number(f64),
    /// A word.
    Text(String),
}

impl std::fmt::Display for InputValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(true) => f.write_str("yes"),
            Self::Flag(false) => f.write_str("no"),
            // Sizes carry more digits than anybody measured.
            Self::Number(value) => write!(f, "{}", (value * 1000.0).round() / 1000.0),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A value that went into a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourcedInput {
    /// Name of the rule's input.
    pub name: String,
    /// The value.
    pub value: InputValue,
    /// Where it came from.
    pub source: InputSource,
    /// The same for people: attribute, measure, version of the site's data.
    pub origin: String,
}

/// How a rule answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerStatus {
    /// Everything that was needed was there.
    Result,
    /// From the least to the greatest answer over all values of what is missing.
    Range,
    /// The rule is not for this person or nodule.
    NotApplicable,
    /// Something is missing without which the rule says nothing.
    Insufficient,
    /// Inputs contradict each other.
    Error,
}

impl AnswerStatus {
    /// Word as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Range => "range",
            Self::NotApplicable => "not_applicable",
            Self::Insufficient => "insufficient",
            Self::Error => "error",
        }
    }
}

/// One term of a sum, or a size as a guideline compared it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerTerm {
    /// Name of the term.
    pub name: String,
    /// Coefficient; `null` where the term is no product.
    pub coefficient: Option<f64>,
    /// Input as it entered (centred, transformed, 0 or 1; for guidelines rounded by their own rule).
    pub input: f64,
    /// What it adds.
    pub value: f64,
}

/// Which rule answered, with what, and what a reader should know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerBasis {
    /// Version of our table of the rule.
    pub version: String,
    /// Name for people.
    pub title: String,
    /// How it answered.
    pub status: AnswerStatus,
    /// Names of what is missing.
    pub missing: Vec<String>,
    /// Why there is no settled answer.
    pub reason: Option<String>,
    /// Terms of the sum, or sizes compared.
    pub terms: Vec<AnswerTerm>,
    /// Values that went in.
    pub inputs: Vec<SourcedInput>,
    /// What a reader should know: outside the population, a choice of ours.
    pub warnings: Vec<String>,
    /// Where the rule was published.
    pub citation: String,
}

/// What a risk model says to a nodule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskAssessment {
    /// Id of the model, e.g. `brock2a`.
    pub model: String,
    /// Probability, 0 to 1, of a result.
    pub probability: Option<f64>,
    /// Least and greatest probability of a range.
    pub range: Option<[f64; 2]>,
    /// Whether the range reaches from below a guideline's limit to or above it.
    pub undetermined: bool,
    /// Rule and inputs.
    #[serde(flatten)]
    pub basis: AnswerBasis,
}

/// Months to the next examination as the guideline states them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntervalMonths {
    /// So many.
    Whole(u32),
    /// A range or a sequence: `6-12;18-24`.
    Text(String),
}

impl std::fmt::Display for IntervalMonths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(months) => write!(f, "{months}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A category with the row that gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuidelineCategory {
    /// In the guideline's own words.
    pub category: String,
    /// Stable id of the row.
    pub row: String,
    /// When to look again; `null` where the row names no time.
    pub interval_months: Option<IntervalMonths>,
    /// What the row recommends, in English.
    pub management: String,
}

/// A yes/no input that nobody stated and that a guideline therefore took as no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssumedInput {
    /// Name of the rule's input.
    pub name: String,
    /// What the guideline would say if it were yes; `null` where it would not be settled.
    pub instead: Option<GuidelineCategory>,
}

/// What a guideline says to a nodule or an exam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuidelineAssessment {
    /// Id of the guideline, e.g. `lung_rads_2022`.
    pub guideline: String,
    /// Category of a result.
    pub category: Option<GuidelineCategory>,
    /// Least and most urgent category where it is undetermined.
    pub range: Option<[GuidelineCategory; 2]>,
    /// What nobody stated, was taken as no, and would change the answer; empty before version 3 of the document.
    #[serde(default)]
    pub assumed: Vec<AssumedInput>,
    /// Rule and inputs.
    #[serde(flatten)]
    pub basis: AnswerBasis,
}

/// Everything that rules say to one nodule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoduleAssessment {
    /// Number of the nodule.
    pub number: usize,
    /// Risk models; the first is the one to show (Brock).
    pub risks: Vec<RiskAssessment>,
    /// Guidelines, side by side.
    pub guidelines: Vec<GuidelineAssessment>,
    /// Whether the guidelines agree on how soon something should be done.
    pub agreement: String,
}

impl NoduleAssessment {
    /// The guideline with that id.
    #[must_use]
    pub fn guideline(&self, id: &str) -> Option<&GuidelineAssessment> {
        self.guidelines.iter().find(|one| one.guideline == id)
    }
}

/// Why the scan was made, as far as guidelines care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExamContext {
    /// For lung cancer screening.
    Screening,
    /// For something else; nodules are incidental.
    Incidental,
}

impl ExamContext {
    /// In words, as it stands in a report.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Screening => "screening rules applied",
            Self::Incidental => "incidental rules applied",
        }
    }
}

/// What rules say to the exam as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExamAssessment {
    /// Screening or incidental rules.
    pub context: ExamContext,
    /// Why, and which guideline leads.
    pub why: String,
    /// Id of the leading guideline; `null` where none applies.
    pub guideline: Option<String>,
    /// Its answer for the exam.
    pub category: Option<GuidelineAssessment>,
    /// Number of the nodule that decides; `null` where none does.
    pub decided_by: Option<usize>,
    /// A second category to be shown beside the first.
    pub beside: Option<GuidelineCategory>,
    /// The most severe category that is sure, where that of the exam is not determined.
    pub at_least: Option<GuidelineCategory>,
    /// What is proposed for a reader to confirm or reject (4X, modifier S, inflammation).
    pub proposed: Vec<String>,
    /// What is known of person and exam.
    pub inputs: Vec<SourcedInput>,
    /// Version of the site's clinical data that was used; `null` where the site gave none.
    pub site_version: Option<i64>,
    /// What a reader should know.
    pub warnings: Vec<String>,
}

/// Everything that rules say to one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClinicalAssessment {
    /// Hash over all of it, hex: objects that show it get UIDs of their own.
    pub digest: String,
    /// The exam.
    pub exam: ExamAssessment,
    /// One per finding, in their order.
    pub nodules: Vec<NoduleAssessment>,
}

impl ClinicalAssessment {
    /// Of the nodule with that number.
    #[must_use]
    pub fn nodule(&self, number: usize) -> Option<&NoduleAssessment> {
        self.nodules.iter().find(|one| one.number == number)
    }
}

/// A fraction as a person reads it: `8.9 %`.
fn percent(fraction: f64) -> String {
    format!("{:.1} %", fraction * 100.0)
}

impl RiskAssessment {
    /// The answer in few English words: `8.9 %`, `4.1 % to 12.3 %, undetermined`, `not computed: age not known`.
    #[must_use]
    pub fn short(&self) -> String {
        match (self.probability, self.range) {
            (Some(probability), _) => percent(probability),
            (None, Some([low, high])) => {
                let end = if self.undetermined { ", undetermined" } else { "" };
                format!("{} to {}{end}", percent(low), percent(high))
            }
            (None, None) if self.basis.status == AnswerStatus::NotApplicable => "does not apply".to_owned(),
            (None, None) => format!("not computed: {}", self.basis.why_not()),
        }
    }
}

impl AnswerBasis {
    /// Why there is no settled answer, in few English words.
    #[must_use]
    pub fn why_not(&self) -> String {
        match (self.missing.as_slice(), &self.reason) {
            ([], Some(reason)) => reason.clone(),
            ([], None) => "no reason was stored".to_owned(),
            (missing, _) => format!("{} not known", missing.join(", ")),
        }
    }
}

impl GuidelineCategory {
    /// Category with its row: `3 (LR22-3a)`.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{} ({})", self.category, self.row)
    }
}

impl GuidelineAssessment {
    /// The answer in few English words: `3 (LR22-3a)`, `undetermined: ... to ...`, `not given: risk not known`.
    #[must_use]
    pub fn short(&self) -> String {
        match (&self.category, &self.range) {
            (Some(category), _) => category.short(),
            (None, Some([low, high])) => format!("undetermined: {} to {}", low.short(), high.short()),
            (None, None) => match self.basis.status {
                AnswerStatus::NotApplicable => "does not apply".to_owned(),
                _ => format!("not given: {}", self.basis.why_not()),
            },
        }
    }

    /// The answer as one English sentence that begins with the guideline's name and version.
    #[must_use]
    pub fn sentence(&self) -> String {
        let title = &self.basis.title;
        match (&self.category, &self.range) {
            (Some(one), _) => {
                format!("{title}: category {} (row {}): {}", one.category, one.row, one.management)
            }
            (None, Some([low, high])) => format!(
                "{title}: undetermined, between {} ({}) and {} ({})",
                low.short(),
                low.management,
                high.short(),
                high.management
            ),
            (None, None) => match self.basis.status {
                AnswerStatus::NotApplicable => format!("{title}: does not apply: {}", self.basis.why_not()),
                _ => format!("{title}: no category: {}", self.basis.why_not()),
            },
        }
    }
}

impl ExamAssessment {
    /// The category of the exam with what stands beside it, in few English words; empty where no guideline leads.
    #[must_use]
    pub fn short(&self) -> String {
        let Some(category) = &self.category else { return String::new() };
        let mut words = category.short();
        if let Some(at_least) = &self.at_least {
            words.push_str(&format!("; at least {}", at_least.short()));
        }
        if let Some(beside) = &self.beside {
            words.push_str(&format!("; beside it {}", beside.short()));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(status: AnswerStatus, missing: &[&str]) -> AnswerBasis {
        AnswerBasis {
            version: "1".into(),
            title: "Rule".into(),
            status,
            missing: missing.iter().map(|name| (*name).to_owned()).collect(),
            reason: None,
            terms: Vec::new(),
            inputs: Vec::new(),
            warnings: Vec::new(),
            citation: String::new(),
        }
    }

    /// Goal: a number is said as it is, a range is never its middle, what is missing is named. Method: a risk of each
    /// kind.
    #[test]
    fn risks_in_words() {
        let risk = |probability, range, undetermined, status, missing: &[&str]| RiskAssessment {
            model: "m".into(),
            probability,
            range,
            undetermined,
            basis: basis(status, missing),
        };
        assert_eq!(risk(Some(0.08938), None, false, AnswerStatus::Result, &[]).short(), "8.9 %");
        let range = risk(None, Some([0.041, 0.123]), true, AnswerStatus::Range, &["emphysema"]).short();
        assert_eq!(range, "4.1 % to 12.3 %, undetermined");
        let missing = risk(None, None, false, AnswerStatus::Insufficient, &["age"]).short();
        assert_eq!(missing, "not computed: age not known");
        assert_eq!(risk(None, None, false, AnswerStatus::NotApplicable, &[]).short(), "does not apply");
    }

    /// Goal: answers survive their serialised form. Method: one guideline's answer there and back.
    #[test]
    fn answers_round_trip() {
        let category = |interval| GuidelineCategory {
            category: "3".into(),
            row: "LR22-3a".into(),
            interval_months: interval,
            management: "LDCT".into(),
        };
        for interval in [None, Some(IntervalMonths::Whole(6)), Some(IntervalMonths::Text("6-12".into()))] {
            let one = GuidelineAssessment {
                guideline: "g".into(),
                category: Some(category(interval.clone())),
                range: None,
                assumed: vec![AssumedInput { name: "benign".into(), instead: Some(category(None)) }],
                basis: basis(AnswerStatus::Result, &[]),
            };
            let text = serde_json::to_string(&one).unwrap();
            assert_eq!(serde_json::from_str::<GuidelineAssessment>(&text).unwrap(), one, "{text}");
            assert!(text.contains("\"status\":\"result\""), "{text}");
        }
    }
}

//! Findings and what is known of person and exam -> what risk models and guidelines say, each value with its
//! source. Pure: no DICOM, no clock, no network. Rules are asked through [`crate::clinical`] and
//! [`crate::guideline`]; nothing is decided here but what goes into which rule.
//!
//! | what | module |
//! |---|---|
//! | values by name with their source; site over DICOM over finding | [`known`] |
//! | the site's clinical data: names, types, limits | [`site`] |
//! | one nodule through risk models and guidelines | [`nodule`] |
//! | the exam: context, leading guideline, category | [`exam`] |
//! | answers as [`domain::ClinicalAssessment`] | [`answers`] |
//!
//! Nothing here is a diagnosis: second reader, research use.

mod answers;
mod exam;
mod known;
mod nodule;
pub mod site;
#[cfg(test)]
mod tests;

pub use site::SiteFacts;

use crate::guideline::indication::{self, SiteSetting};
use domain::{Attenuation, ClinicalAssessment, ExamContext, Finding};
use known::Known;

/// Which diameter enters the Brock models (CLINICAL 1.2): the paper is silent, calculators differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BrockSize {
    /// Longest diameter in the key slice.
    #[default]
    LongestAxial,
    /// Mean of long and short axis.
    MeanAxial,
}

/// Which of the two rules named after Herder is asked after PET.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HerderForm {
    /// The paper's logistic equation; pretest by Mayo.
    #[default]
    Logistic,
    /// Likelihood ratios on odds; pretest by Brock.
    BtsLikelihoodRatio,
}

/// What a site sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AssessSettings {
    /// Diameter of the Brock models.
    pub brock_size: BrockSize,
    /// Rule after PET.
    pub herder_form: HerderForm,
    /// Screening or incidental rules.
    pub indication: SiteSetting,
}

/// What the scan's header says of person and exam.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DicomFacts {
    /// Completed years on the day of the examination, and from which attributes.
    pub age: Option<(u32, String)>,
    /// Whether PatientSex is F; `None` unless it is F or M.
    pub female: Option<bool>,
    /// Whether SmokingStatus (0010,21A0) is YES. NO says nothing of the past.
    pub smokes_now: bool,
    /// Codes of order, procedure and reason.
    pub order_codes: Vec<String>,
    /// Names of protocol, study and series.
    pub protocol_names: Vec<String>,
}

/// What the rules say to `findings`. The digest is left empty.
#[must_use]
pub fn assess(
    findings: &[Finding],
    dicom: &DicomFacts,
    site: &SiteFacts,
    settings: &AssessSettings,
) -> ClinicalAssessment {
    let mut person = Known::of_person(findings, dicom, site);
    let codes: Vec<&str> = dicom.order_codes.iter().map(String::as_str).collect();
    let names: Vec<&str> = dicom.protocol_names.iter().map(String::as_str).collect();
    let facts = indication::ExamFacts {
        order_codes: &codes,
        protocol_names: &names,
        age: person.number("age"),
        stated: site
            .screening()
            .map(|yes| if yes { ExamContext::Screening } else { ExamContext::Incidental }),
    };
    let choice = indication::choose(facts, &settings.indication);
    if choice.is_stated && !person.has("screening_exam") {
        person.set_screening(choice.context, &choice.why);
    }
    let nodules: Vec<nodule::Asked> =
        findings.iter().map(|finding| nodule::ask(finding, &person, site, settings)).collect();
    let exam = exam::assess(findings, &nodules, &choice, &person, site);
    let nodules = nodules.into_iter().map(|asked| asked.assessment).collect();
    ClinicalAssessment { digest: String::new(), exam, nodules }
}

/// Findings that count for the models: not the calcified ones.
fn not_calcified_count(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.attenuation != Attenuation::Calcified).count()
}

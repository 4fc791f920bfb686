//! `[clinical]`: which rules lead, and what enters them.

use super::ConfigError;
use domain::ExamContext;
use serde::Deserialize;

/// `[clinical]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    context: String,
    screening_codes: Vec<String>,
    screening_words: Vec<String>,
    screening_guideline: String,
    incidental_guideline: String,
    brock_size: String,
    herder_form: String,
}

/// Diameter of the Brock models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BrockSize {
    /// Longest diameter in the key slice.
    LongestAxial,
    /// Mean of both axes.
    MeanAxial,
}

/// Rule after PET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HerderForm {
    /// The paper's equation.
    Logistic,
    /// Likelihood ratios on odds.
    BtsLikelihoodRatio,
}

/// Rules that lead, and what enters them.
#[derive(Debug, Clone)]
pub(crate) struct ClinicalSettings {
    /// Context of exams that no code and no name decides.
    pub(crate) context: Option<ExamContext>,
    /// Further order codes that mean screening.
    pub(crate) screening_codes: Vec<String>,
    /// Further words of protocol names that mean screening.
    pub(crate) screening_words: Vec<String>,
    /// Guideline for screening.
    pub(crate) screening_guideline: String,
    /// Guideline for incidental nodules.
    pub(crate) incidental_guideline: String,
    /// Diameter of the Brock models.
    pub(crate) brock_size: BrockSize,
    /// Rule after PET.
    pub(crate) herder_form: HerderForm,
}

impl ClinicalSettings {
    pub(super) fn from_raw(raw: Raw) -> Result<Self, ConfigError> {
        let unknown = |key: &str, found: &str, words: &str| {
            ConfigError::invalid(format!("clinical.{key}"), format!("{found:?} is not known; use {words}"))
        };
        let guideline = |key: &str, id: String| {
            if pipeline::clinical::is_guideline(&id) {
                return Ok(id);
            }
            Err(unknown(key, &id, &pipeline::clinical::guideline_ids().join(", ")))
        };
        Ok(Self {
            context: match raw.context.as_str() {
                "auto" => None,
                "screening" => Some(ExamContext::Screening),
                "incidental" => Some(ExamContext::Incidental),
                other => return Err(unknown("context", other, "auto, screening or incidental")),
            },
            screening_guideline: guideline("screening_guideline", raw.screening_guideline)?,
            incidental_guideline: guideline("incidental_guideline", raw.incidental_guideline)?,
            brock_size: match raw.brock_size.as_str() {
                "longest_axial" => BrockSize::LongestAxial,
                "mean_axial" => BrockSize::MeanAxial,
                other => return Err(unknown("brock_size", other, "longest_axial or mean_axial")),
            },
            herder_form: match raw.herder_form.as_str() {
                "herder2005_logistic" => HerderForm::Logistic,
                "herder_bts_lr" => HerderForm::BtsLikelihoodRatio,
                other => return Err(unknown("herder_form", other, "herder2005_logistic or herder_bts_lr")),
            },
            screening_codes: raw.screening_codes,
            screening_words: raw.screening_words,
        })
    }
}

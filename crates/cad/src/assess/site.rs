//! The site's clinical data of one study: one JSON object with values of the person and, under `nodules`, of single
//! nodules by their Tracking Unique Identifier. Everything is checked by name, type and limits before it is kept.

use crate::clinical::inputs::{Checked, InputSpec, Kind, nearest};
use crate::clinical::{ClinicalError, Inputs, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Name under which errors speak of the data.
const NAME: &str = "clinical data";
/// Nodules that one study may name.
const NODULES_COUNT_MAX: usize = 200;
/// Characters of a text.
const TEXT_LENGTH_MAX: usize = 200;
/// Text about a finding that is not lung cancer: proposes the modifier S.
const SIGNIFICANT_FINDING: &str = "significant_finding";
/// Object of single nodules.
const NODULES: &str = "nodules";

const fn flag(name: &'static str, meaning: &'static str) -> InputSpec {
    InputSpec::optional(name, Kind::Flag, "", meaning)
}

/// Values of the person and the exam that a site may state. Names are those of the rules.
#[rustfmt::skip]
pub static PERSON: &[InputSpec] = &[
    InputSpec::optional("age", Kind::Integer { min: 0, max: 120 }, "years", "completed years on the day of the examination"),
    flag("female", "woman: true, man: false"),
    flag("family_history_lung_cancer", "lung cancer in a first-degree relative"),
    flag("family_history_cancer", "any cancer in the family (PKUPH)"),
    flag("emphysema", "emphysema visible on CT, as a reader saw it"),
    flag("ever_smoker", "current or former smoker"),
    InputSpec::optional("years_since_quit", Kind::Number { min: 0.0, max: 100.0 }, "years", "0 for current smokers"),
    flag("extrathoracic_cancer_over_5y", "cancer outside the chest, diagnosed more than 5 years ago"),
    flag("cancer_within_5y", "any cancer within 5 years"),
    flag("prior_lung_cancer", "lung cancer at any time"),
    flag("known_cancer", "known primary cancer (Fleischner)"),
    flag("immunosuppressed", "immunosuppressed (Fleischner)"),
    InputSpec::optional("risk", Kind::Choice(&["low", "high"]), "", "risk of the person as the reader judges it (Fleischner)"),
    InputSpec::optional("nodule_count", Kind::Integer { min: 1, max: 200 }, "nodules", "all non-calcified nodules, as a reader counted them"),
    flag("screening_exam", "whether the exam was made for lung cancer screening"),
    InputSpec::optional("exam", Kind::Choice(&["prior_being_located", "not_evaluable", "inflammatory"]), "", "why the exam cannot be read to the end (Lung-RADS 0)"),
];

/// Values of one nodule that a site may state.
#[rustfmt::skip]
pub static NODULE: &[InputSpec] = &[
    InputSpec::optional("type", Kind::Choice(&["solid", "part_solid", "nonsolid"]), "", "kind of nodule, as a reader saw it"),
    InputSpec::optional("solid_mm", Kind::Positive { max: 400.0 }, "mm", "mean of long and short axis of the solid part, unrounded"),
    flag("upper_lobe", "in an upper lobe (the lingula counts, the middle lobe does not)"),
    flag("spiculation", "spiculated margin"),
    flag("calcification", "calcified"),
    flag("clear_border", "well-defined border (PKUPH)"),
    flag("benign", "benign calcification (complete, central, popcorn, concentric) or fat"),
    flag("juxtapleural", "smooth, oval, lentiform or triangular, touching pleura or fissure"),
    flag("suspicious", "feature that raises suspicion (proposes Lung-RADS 4X)"),
    flag("proven_benign", "proven benign after work-up"),
    InputSpec::optional("timing", Kind::Choice(&["baseline", "new", "stable", "decreased", "growing", "slow_growing"]), "", "state against earlier CT"),
    InputSpec::optional("prior_category", Kind::Choice(&["0", "1", "2", "3", "4A", "4B", "4X"]), "", "Lung-RADS category at the earlier CT"),
    InputSpec::optional("months_since_prior", Kind::Number { min: 0.0, max: 600.0 }, "months", "from the CT of prior_category to this one"),
    InputSpec::optional("fdg", Kind::Choice(&["none", "faint", "moderate", "intense"]), "", "uptake in FDG-PET"),
];

/// What a site states of one study, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SiteFacts {
    /// Version of the data; 0 where nothing was stated.
    pub version: i64,
    /// Of the person and the exam, by the names of [`PERSON`].
    pub person: Inputs,
    /// Of single nodules, by Tracking Unique Identifier and the names of [`NODULE`].
    pub nodules: BTreeMap<String, Inputs>,
    /// A significant finding that is not lung cancer.
    pub significant_finding: Option<String>,
}

impl SiteFacts {
    /// Reads data of `version`.
    ///
    /// # Errors
    /// An unknown name (with the nearest), a wrong type, a value outside its limits; the error names the field.
    pub fn read(version: i64, json: &Json) -> Result<Self, ClinicalError> {
        let malformed = |text: &str| ClinicalError::Malformed(format!("{NAME}: {text}"));
        let members = json.as_object().ok_or_else(|| malformed("not an object of names and values"))?;
        let mut facts = Self { version, ..Self::default() };
        for (name, value) in members {
            match (name.as_str(), value) {
                (NODULES | SIGNIFICANT_FINDING, Json::Null) => {}
                (NODULES, Json::Object(nodules)) => facts.nodules = read_nodules(nodules)?,
                (NODULES, _) => {
                    return Err(malformed("nodules must be an object of tracking UIDs and their values"));
                }
                (SIGNIFICANT_FINDING, Json::String(text)) if text.chars().count() <= TEXT_LENGTH_MAX => {
                    facts.significant_finding = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
                }
                (SIGNIFICANT_FINDING, _) => {
                    let wanted =
                        format!("significant_finding must be a text of at most {TEXT_LENGTH_MAX} characters");
                    return Err(malformed(&wanted));
                }
                (name, _) if !PERSON.iter().any(|spec| spec.name == name) => return Err(unknown(name)),
                _ => facts.person.set(name, value),
            }
        }
        Checked::new(NAME, PERSON, &facts.person)?;
        Ok(facts)
    }

    /// Where these values came from, for people.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("stated by the site, version {}", self.version)
    }

    /// Whether the site says that the exam was made for screening.
    #[must_use]
    pub fn screening(&self) -> Option<bool> {
        match self.person.value("screening_exam")? {
            Value::Flag(flag) => Some(*flag),
            Value::Number(number) => Some(*number > 0.5),
            _ => None,
        }
    }
}

fn read_nodules(nodules: &serde_json::Map<String, Json>) -> Result<BTreeMap<String, Inputs>, ClinicalError> {
    if nodules.len() > NODULES_COUNT_MAX {
        return Err(ClinicalError::Malformed(format!("{NAME}: at most {NODULES_COUNT_MAX} nodules")));
    }
    let mut read = BTreeMap::new();
    for (uid, values) in nodules {
        let shown: String = uid.chars().take(64).collect();
        let plain =
            uid.len() <= 64 && !uid.is_empty() && uid.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if !plain {
            let text = format!("{NAME}: nodules are named by their tracking UID, and {shown:?} is no UID");
            return Err(ClinicalError::Malformed(text));
        }
        let Json::Object(values) = values else {
            return Err(ClinicalError::Malformed(format!("{NAME}: nodule {shown} is not an object")));
        };
        let mut inputs = Inputs::new();
        values.iter().for_each(|(name, value)| inputs.set(name, value));
        Checked::new("clinical data of a nodule", NODULE, &inputs)?;
        read.insert(uid.clone(), inputs);
    }
    Ok(read)
}

/// Everything at the top of the object.
fn names() -> impl Iterator<Item = &'static str> {
    PERSON.iter().map(|spec| spec.name).chain([NODULES, SIGNIFICANT_FINDING])
}

fn unknown(name: &str) -> ClinicalError {
    let field: String = name.chars().take(80).collect();
    let nearest = nearest(&field, names());
    ClinicalError::UnknownInput { model: NAME, field, nearest }
}

/// A value as a table has it: `yes`, `no`, `true`, `false`, 1, 0, a number, a word; the check of the whole data follows.
#[must_use]
pub fn value_of_text(spec: &InputSpec, text: &str) -> Json {
    let text = text.trim();
    let number = || text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Json::Number);
    let value = match spec.kind {
        Kind::Flag => match text.to_ascii_lowercase().as_str() {
            "yes" | "true" | "1" | "y" => Some(Json::Bool(true)),
            "no" | "false" | "0" | "n" => Some(Json::Bool(false)),
            _ => None,
        },
        // Whole numbers stay whole in the stored data.
        Kind::Integer { .. } => text.parse::<i64>().ok().map(Json::from).or_else(number),
        Kind::Number { .. } | Kind::Positive { .. } => number(),
        Kind::Choice(_) => None,
    };
    value.unwrap_or_else(|| Json::String(text.to_owned()))
}

/// Checks the name of a value of the person or of a nodule, as a table's heading has it.
///
/// # Errors
/// An unknown name, with the nearest.
pub fn check_name(name: &str) -> Result<&'static InputSpec, ClinicalError> {
    let known = || PERSON.iter().chain(NODULE);
    known().find(|spec| spec.name == name).ok_or_else(|| {
        let field: String = name.chars().take(80).collect();
        let nearest = nearest(&field, known().map(|spec| spec.name));
        ClinicalError::UnknownInput { model: NAME, field, nearest }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Goal: what is wrong is named with the field and the nearest name. Method: one of each mistake.
    #[test]
    fn mistakes_are_named() {
        for (data, part) in [
            (json!([]), "not an object"),
            (json!({"emphysemia": true}), "\"emphysema\""),
            (json!({"age": -1}), "age"),
            (json!({"age": 60.5}), "age"),
            (json!({"age": "old"}), "age must be"),
            (json!({"risk": "hihg"}), "high"),
            (json!({"nodules": []}), "tracking UIDs"),
            (json!({"nodules": {"one": {}}}), "no UID"),
            (json!({"nodules": {"2.25.1": {"spikulation": true}}}), "\"spiculation\""),
            (json!({"nodules": {"2.25.1": true}}), "not an object"),
            (json!({"significant_finding": "x".repeat(201)}), "at most 200"),
        ] {
            let error = SiteFacts::read(1, &data).expect_err(&data.to_string()).to_string();
            assert!(error.contains(part), "{error} lacks {part}");
        }
    }

    /// Goal: cells of a table become values of the input's type; what is none stays a text and is refused by the check.
    #[test]
    fn cells_of_a_table() {
        let value = |name: &str, text: &str| value_of_text(check_name(name).unwrap(), text);
        assert_eq!(value("emphysema", "Yes"), json!(true));
        assert_eq!(value("emphysema", " 0 "), json!(false));
        assert_eq!(value("age", "68"), json!(68));
        assert_eq!(value("years_since_quit", "2.5"), json!(2.5));
        assert_eq!(value("risk", "high"), json!("high"));
        assert_eq!(value("emphysema", "maybe"), json!("maybe"));
        assert!(check_name("emphysima").unwrap_err().to_string().contains("\"emphysema\""));
    }

    /// Goal: good data is kept as it was. Method: one value of each kind, and null.
    #[test]
    fn good_data_is_read() {
        let data = json!({
            "age": 68, "emphysema": true, "risk": "high", "ever_smoker": null, "screening_exam": false,
            "significant_finding": " aortic aneurysm ", "nodules": {"2.25.1": {"spiculation": false}},
        });
        let facts = SiteFacts::read(3, &data).unwrap();
        assert_eq!(facts.person.value("age"), Some(&Value::Number(68.0)));
        assert_eq!(facts.person.value("ever_smoker"), Some(&Value::Missing));
        assert_eq!(facts.nodules["2.25.1"].value("spiculation"), Some(&Value::Flag(false)));
        assert_eq!(facts.significant_finding.as_deref(), Some("aortic aneurysm"));
        assert_eq!(facts.screening(), Some(false));
        assert!(facts.origin().contains("version 3"));
    }
}

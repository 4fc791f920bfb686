//! Findings to what risk models and guidelines say: gathers what header and site know of the person, asks `cad`, and
//! puts the answers beside the findings. Runs no network, so that changed clinical data costs no analysis.

use cad::assess::site::{NODULE, PERSON, check_name, value_of_text};
use cad::assess::{DicomFacts, SiteFacts};
use cad::clinical::age::{completed_years, years_of_age_string};
use dcm::header::ReadOptions;
use dcm::source::SourceContext;
use domain::AnalysisResult;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

pub use cad::assess::{AssessSettings, BrockSize, HerderForm};
pub use cad::guideline::indication::SiteSetting;
pub use domain::ExamContext;

/// The site's data of one study as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteData {
    /// Version; 0 where the site stated nothing.
    pub version: i64,
    /// JSON object; empty where the site stated nothing.
    pub json: String,
}

/// Why findings cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum AssessError {
    /// The source instance cannot be read.
    #[error("reading the header of {instance}: {cause}")]
    Source {
        /// Series.
        instance: String,
        /// In words.
        cause: String,
    },
    /// Stored data that no version of this program accepts.
    #[error("clinical data of version {version}: {cause}")]
    Site {
        /// Version.
        version: i64,
        /// In words.
        cause: String,
    },
    /// The answers cannot be serialised.
    #[error("answers cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Judges the findings of `result` and puts the answers into it. `source_bytes` is one of its instances.
///
/// # Errors
/// [`AssessError`].
pub fn assess(
    result: &mut AnalysisResult,
    source_bytes: &[u8],
    site: &SiteData,
    settings: &AssessSettings,
    read: &ReadOptions,
) -> Result<(), AssessError> {
    let charset = read.charset_fallback.as_deref();
    let source = SourceContext::read(source_bytes, &read.limits, charset).map_err(|e| {
        AssessError::Source { instance: result.series_instance_uid.to_string(), cause: e.to_string() }
    })?;
    let stated = site_facts(site)?;
    let mut clinical = cad::assess::assess(&result.findings, &dicom_facts(&source), &stated, settings);
    let digest = Sha256::digest(serde_json::to_vec(&clinical)?);
    clinical.digest = digest.iter().map(|b| format!("{b:02x}")).collect();
    result.clinical = Some(clinical);
    Ok(())
}

fn site_facts(site: &SiteData) -> Result<SiteFacts, AssessError> {
    if site.version == 0 {
        return Ok(SiteFacts::default());
    }
    let wrong = |cause: String| AssessError::Site { version: site.version, cause };
    let json: Value = serde_json::from_str(&site.json).map_err(|e| wrong(e.to_string()))?;
    SiteFacts::read(site.version, &json).map_err(|e| wrong(e.to_string()))
}

/// What the header says of person and exam.
fn dicom_facts(source: &SourceContext) -> DicomFacts {
    let person = source.person();
    let origin = match years_of_age_string(person.age) {
        Some(_) => "PatientAge (0010,1010)",
        None => "PatientBirthDate (0010,0030) and StudyDate (0008,0020)",
    };
    DicomFacts {
        age: completed_years(Some(person.age), Some(person.birth_date), Some(person.study_date))
            .map(|years| (years, origin.to_owned())),
        female: match person.sex.trim() {
            "F" => Some(true),
            "M" => Some(false),
            _ => None,
        },
        smokes_now: person.smoking_status.trim() == "YES",
        order_codes: source.order_codes(),
        protocol_names: source.protocol_names(),
    }
}

/// `patch` applied to `target` (RFC 7396).
#[must_use]
pub fn merged(target: Value, patch: &Value) -> Value {
    let Value::Object(members) = patch else { return patch.clone() };
    let mut merged_members = match target {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, value) in members {
        if value.is_null() {
            merged_members.remove(name);
        } else {
            let before = merged_members.remove(name).unwrap_or(Value::Null);
            merged_members.insert(name.clone(), merged(before, value));
        }
    }
    Value::Object(merged_members)
}

/// The site's data after a change, checked.
///
/// # Errors
/// What is wrong, by field; an unknown name with the nearest.
pub fn changed(before: Option<&str>, patch: &Value) -> Result<Value, String> {
    if !patch.is_object() {
        return Err(
            "the body is a JSON merge patch: an object of names and values, null to take a value away".into(),
        );
    }
    let before = match before {
        Some(text) => serde_json::from_str(text).map_err(|e| format!("stored clinical data: {e}"))?,
        None => Value::Object(Map::new()),
    };
    let after = merged(before, patch);
    SiteFacts::read(1, &after).map_err(|error| error.to_string())?;
    Ok(after)
}

/// Of what a site states a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatedOf {
    /// Of the person and the exam.
    Person,
    /// Of one nodule, under its Tracking Unique Identifier.
    Nodule,
}

/// Of what a site states the value `name`; `None` where it cannot.
#[must_use]
pub fn stated_of(name: &str) -> Option<StatedOf> {
    if PERSON.iter().any(|spec| spec.name == name) {
        return Some(StatedOf::Person);
    }
    NODULE.iter().any(|spec| spec.name == name).then_some(StatedOf::Nodule)
}

/// A cell of a table as the value of `name`.
///
/// # Errors
/// No value of person or nodule has this name; the error names the nearest.
pub fn value_of_cell(name: &str, text: &str) -> Result<Value, String> {
    check_name(name).map(|spec| value_of_text(spec, text)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Goal: RFC 7396. Method: the examples of its appendix A.
    #[test]
    fn merge_patches_of_the_standard() {
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(merged(target.clone(), &patch), expected, "{target} {patch}");
        }
    }

    /// Goal: a change is checked as a whole. Method: good, unknown, wrong, no object.
    #[test]
    fn changes_are_checked() {
        let after = changed(Some(r#"{"age": 60, "emphysema": true}"#), &json!({"age": null, "risk": "high"}));
        assert_eq!(after.unwrap(), json!({"emphysema": true, "risk": "high"}));
        assert!(changed(None, &json!({"emphysemia": true})).unwrap_err().contains("emphysema"));
        assert!(changed(None, &json!({"age": 200})).unwrap_err().contains("age"));
        assert!(changed(None, &json!([])).unwrap_err().contains("merge patch"));
    }
}

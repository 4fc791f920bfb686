//! Values by the names of the rules' inputs, each with where it came from. The site's word stands over the header's,
//! the header's over a measure; a contradiction between them is told.

use super::{AssessSettings, BrockSize, DicomFacts, SiteFacts, not_calcified_count};
use crate::clinical::{Inputs, Value};
use domain::{Attenuation, ExamContext, Finding, InputSource, InputValue, LungPlace, Side, SourcedInput};
use std::collections::BTreeMap;

/// One value.
#[derive(Debug, Clone, PartialEq)]
struct Sourced {
    value: Value,
    source: InputSource,
    origin: String,
}

/// What is known, by the name of the input.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Known {
    values: BTreeMap<String, Sourced>,
    /// Where sources contradict each other.
    pub(super) contradictions: Vec<String>,
}

impl Known {
    /// What holds for every nodule: count, header, the site's words on the person.
    pub(super) fn of_person(findings: &[Finding], dicom: &DicomFacts, site: &SiteFacts) -> Self {
        let mut known = Self::default();
        let count = not_calcified_count(findings);
        if count > 0 {
            let origin = format!("{count} findings of lungcad that are not calcified");
            known.set("nodule_count", count as f64, InputSource::Finding, &origin);
            known.set("multiple", count > 1, InputSource::Finding, &origin);
        }
        if let Some((years, origin)) = &dicom.age {
            known.set("age", f64::from(*years), InputSource::Dicom, origin);
        }
        if let Some(female) = dicom.female {
            known.set("female", female, InputSource::Dicom, "PatientSex (0010,0040)");
        }
        if dicom.smokes_now {
            known.set("ever_smoker", true, InputSource::Dicom, "SmokingStatus (0010,21A0) is YES");
        }
        known.overlay(&site.person, &site.origin());
        if known.values.get("nodule_count").is_some_and(|one| one.source == InputSource::Site) {
            let multiple = known.number("nodule_count").is_some_and(|count| count > 1.0);
            known.set("multiple", multiple, InputSource::Site, &site.origin());
        }
        known
    }

    /// The same with what is known of one nodule: `self` holds for the person.
    pub(super) fn with_nodule(&self, finding: &Finding, site: &SiteFacts, settings: &AssessSettings) -> Self {
        let mut known = Self { values: self.values.clone(), contradictions: Vec::new() };
        let measures = &finding.measures;
        let mut size = |name: &str, value: f64, origin: &str| {
            known.set(name, value, InputSource::Finding, origin);
        };
        let (long, mean) = ("long axis in the key slice", "mean of long and short axis in the key slice");
        match settings.brock_size {
            BrockSize::LongestAxial => size("diameter_mm", measures.long_axis_mm, long),
            BrockSize::MeanAxial => size("diameter_mm", measures.mean_diameter_mm, mean),
        }
        size("mean_mm", measures.mean_diameter_mm, mean);
        size("max_mm", measures.long_axis_mm, long);
        size("dmin_mm", measures.short_axis_mm, "short axis in the key slice");
        size("volume_mm3", measures.volume_mm3, "sum of the voxels of the outline");
        let character = finding.character.unwrap_or_default();
        let by = |network: bool| if network { "class by the pack's network" } else { "class by HU" };
        let class = by(character.types.is_some());
        let seen_by_network = character.calcified.is_some_and(|rated| rated.answer.is_some());
        let calcium = by(seen_by_network);
        let (kind, origin) = match finding.attenuation {
            Attenuation::Solid => ("solid", class),
            Attenuation::PartSolid => ("part_solid", class),
            Attenuation::NonSolid => ("nonsolid", class),
            Attenuation::Calcified if seen_by_network => {
                ("solid", "calcified by the pack's network; whether in a benign pattern is for a reader")
            }
            Attenuation::Calcified => {
                ("solid", "calcified by HU; whether in a benign pattern is for a reader")
            }
        };
        known.set("type", kind, InputSource::Finding, origin);
        let is_calcified = finding.attenuation == Attenuation::Calcified;
        known.set("calcification", is_calcified, InputSource::Finding, calcium);
        if let Some(spiculated) = character.spiculated.and_then(|rated| rated.answer) {
            known.set("spiculation", spiculated, InputSource::Finding, "margin by the pack's network");
        }
        if let Some((upper, origin)) = upper_lobe(finding) {
            known.set("upper_lobe", upper, InputSource::Finding, &origin);
        }
        if let Some(stated) = site.nodules.get(&finding.tracking_uid) {
            known.overlay(stated, &site.origin());
        }
        known
    }

    /// Whether the exam was made for screening, as it was chosen and why.
    pub(super) fn set_screening(&mut self, context: ExamContext, why: &str) {
        self.set("screening_exam", context == ExamContext::Screening, InputSource::Rule, why);
    }

    /// Sets `name`, whatever stood there.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>, source: InputSource, origin: &str) {
        let sourced = Sourced { value: value.into(), source, origin: origin.to_owned() };
        self.values.insert(name.to_owned(), sourced);
    }

    /// Lays the site's words over; `null` leaves what stood there.
    fn overlay(&mut self, stated: &Inputs, origin: &str) {
        for (name, value) in stated.iter().filter(|(_, value)| **value != Value::Missing) {
            if let Some(before) = self.values.get(name).filter(|one| differ(&one.value, value)) {
                self.contradictions.push(format!(
                    "{name}: {} is used ({origin}), not {} ({})",
                    shown(value),
                    shown(&before.value),
                    before.origin
                ));
            }
            self.set(name, value.clone(), InputSource::Site, origin);
        }
    }

    /// A number, where one is known.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        match self.values.get(name)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Whether `name` is known.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Where the value of `name` came from.
    pub(super) fn source(&self, name: &str) -> Option<InputSource> {
        self.values.get(name).map(|one| one.source)
    }

    /// Inputs of a rule that takes `names`.
    pub(super) fn inputs(&self, names: &[&str]) -> Inputs {
        let mut inputs = Inputs::new();
        for (name, one) in self.values.iter().filter(|(name, _)| names.contains(&name.as_str())) {
            inputs.set(name, one.value.clone());
        }
        inputs
    }

    /// The same with their sources.
    pub(super) fn sourced(&self, names: &[&str]) -> Vec<SourcedInput> {
        let taken = self.values.iter().filter(|(name, _)| names.contains(&name.as_str()));
        taken.filter_map(|(name, one)| sourced(name, one)).collect()
    }

    /// Everything, with sources.
    pub(super) fn all_sourced(&self) -> Vec<SourcedInput> {
        self.values.iter().filter_map(|(name, one)| sourced(name, one)).collect()
    }
}

fn sourced(name: &str, one: &Sourced) -> Option<SourcedInput> {
    let value = match &one.value {
        Value::Number(number) => InputValue::Number(*number),
        Value::Flag(flag) => InputValue::Flag(*flag),
        Value::Text(text) => InputValue::Text(text.clone()),
        Value::Missing | Value::Other(_) => return None,
    };
    Some(SourcedInput { name: name.to_owned(), value, source: one.source, origin: one.origin.clone() })
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => InputValue::Number(*number).to_string(),
        Value::Flag(flag) => InputValue::Flag(*flag).to_string(),
        Value::Text(text) => text.clone(),
        Value::Missing => "nothing".to_owned(),
        Value::Other(name) => (*name).to_owned(),
    }
}

/// Whether two values say different things; 0 and 1 are no and yes.
fn differ(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => Some(*number),
        Value::Flag(flag) => Some(f64::from(u8::from(*flag))),
        _ => None,
    };
    match (number(a), number(b)) {
        (Some(a), Some(b)) => (a - b).abs() > 1e-9,
        _ => a != b,
    }
}

/// Whether a nodule lies in an upper lobe: by the fissures where it is far enough from them, else by its place in the
/// lung where that leaves no doubt. The sentence names the basis.
fn upper_lobe(finding: &Finding) -> Option<(bool, String)> {
    match finding.lobe {
        Some(found) if found.sure => {
            let mm = found.fissure_mm.round();
            Some((found.lobe.is_upper(), format!("{}, {mm} mm from the next fissure", found.lobe.name())))
        }
        _ => by_place(finding.side, finding.place?),
    }
}

/// From here up a nodule lies in the upper third of its lung, up to [`LOWER`] in the lower one.
const UPPER: f64 = 2.0 / 3.0;
const LOWER: f64 = 1.0 / 3.0;
/// From here up the superior segment of the lower lobe does not reach, even at the back.
const APEX: f64 = 0.85;
/// In front of this, in the lower third of the left lung, may be the lingula, which counts as upper lobe.
const LINGULA_DEPTH: f64 = 0.5;

/// Whether a nodule lies in an upper lobe, judged by its place alone; `None` where the fissure may run on either side of
/// it (ours). The sentence names the certainty.
fn by_place(side: Side, place: LungPlace) -> Option<(bool, String)> {
    let percent = |part: f64| (part * 100.0).round();
    let at = format!("at {} % of the lung's height", percent(place.height));
    let back = place.depth > UPPER;
    if place.height >= UPPER && (!back || place.height >= APEX) {
        return Some((true, format!("likely: upper third, {at}")));
    }
    if place.height <= LOWER && (side == Side::Right || place.depth > LINGULA_DEPTH) {
        return Some((false, format!("likely: lower third, {at}")));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: only places that leave no doubt are called; the fissure, the superior segment and the lingula leave some.
    /// Method: a table of places.
    #[test]
    fn upper_lobe_is_said_only_where_the_place_says_it() {
        let said = |side, height, depth| by_place(side, LungPlace { height, depth }).map(|(upper, _)| upper);
        for (side, height, depth, expected) in [
            (Side::Right, 0.95, 0.9, Some(true)),
            (Side::Left, 0.7, 0.3, Some(true)),
            (Side::Left, 0.7, 0.9, None),
            (Side::Right, 0.5, 0.5, None),
            (Side::Right, 0.2, 0.1, Some(false)),
            (Side::Left, 0.2, 0.1, None),
            (Side::Left, 0.2, 0.8, Some(false)),
        ] {
            assert_eq!(said(side, height, depth), expected, "{side:?} {height} {depth}");
        }
        let (_, words) = by_place(Side::Right, LungPlace { height: 0.95, depth: 0.5 }).unwrap();
        assert!(words.contains("likely") && words.contains("95 %"), "{words}");
    }
}

//! Goal: whatever rules say about a scan has words in both languages, and no reader meets an id. Method: many nodules, ages,
//! orders and statements of a site through the rules themselves, and every sentence of the pages of both languages.

use super::*;
use crate::clinical_html;
use cad::assess::{AssessSettings, DicomFacts, HerderForm, SiteFacts, assess};
use domain::{
    Attenuation, Character, ClinicalAssessment, Finding, LpsPoint, LungPlace, Mask, NoduleMeasures, Rated,
    Run, SeriesInstanceUid, SeriesWarning, Side, SkipReason, TypeProbabilities, VoxelPoint,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn finding(number: usize, mm: f64, attenuation: Attenuation) -> Finding {
    let origin = LpsPoint { x: 0.0, y: 0.0, z: 0.0 };
    Finding {
        number,
        tracking_uid: format!("2.25.{number}"),
        center: origin,
        center_voxel: VoxelPoint { z: 0.0, y: 0.0, x: 0.0 },
        mask: Mask::from(vec![Run { z: 0, y: 0, x_start: 0, x_end: 1 }]),
        measures: NoduleMeasures {
            key_slice_index: 0,
            long_axis_mm: mm,
            short_axis_mm: mm,
            mean_diameter_mm: mm,
            long_axis_ends: [origin; 2],
            short_axis_ends: [origin; 2],
            volume_mm3: mm.powi(3) * std::f64::consts::FRAC_PI_6,
            hu_mean: 0.0,
            hu_sd: 0.0,
        },
        attenuation,
        // One of three comes from a pack that says more.
        character: (number == 3).then(|| Character {
            types: Some(TypeProbabilities { solid: 0.1, part_solid: 0.2, non_solid: 0.7 }),
            calcified: Some(Rated { probability: 0.9, answer: Some(attenuation == Attenuation::Calcified) }),
            spiculated: Some(Rated { probability: 0.9, answer: Some(mm > 6.0) }),
        }),
        side: if number.is_multiple_of(2) { Side::Left } else { Side::Right },
        place: Some(LungPlace { height: if number.is_multiple_of(3) { 0.2 } else { 0.9 }, depth: 0.8 }),
        lobe: None,
        score: 0.9,
    }
}

/// What a site states; nodules are 1, 2 ...
fn statements() -> Vec<Value> {
    let person = json!({
        "age": 64, "female": true, "emphysema": true, "family_history_lung_cancer": false, "ever_smoker": true,
        "years_since_quit": 3, "family_history_cancer": true, "extrathoracic_cancer_over_5y": false, "risk": "high",
        "nodules": {"2.25.1": {"spiculation": true, "calcification": false, "clear_border": false, "upper_lobe": true}},
    });
    let of = |nodule: Value| json!({"nodules": {"2.25.1": nodule}, "risk": "low"});
    let mut all = vec![
        json!({}),
        person,
        json!({"screening_exam": true, "significant_finding": "aneurysm"}),
        json!({"screening_exam": false, "significant_finding": "aneurysm"}),
        json!({"exam": "inflammatory", "screening_exam": true}),
        json!({"exam": "not_evaluable", "screening_exam": true}),
        json!({"exam": "prior_being_located", "screening_exam": true}),
        json!({"cancer_within_5y": true, "prior_lung_cancer": false, "ever_smoker": true, "years_since_quit": 70}),
        json!({"prior_lung_cancer": true, "cancer_within_5y": false}),
        json!({"known_cancer": true}),
        json!({"immunosuppressed": true, "nodule_count": 1}),
        json!({"age": 12}),
        json!({"age": 95, "nodule_count": 40, "female": false}),
        json!({"nodules": {"2.25.99": {"benign": true}}}),
        of(json!({"fdg": "intense", "spiculation": false})),
        of(json!({"solid_mm": 4.0, "type": "part_solid"})),
        of(json!({"solid_mm": 9.0, "type": "part_solid"})),
        of(json!({"type": "nonsolid"})),
    ];
    for flag in ["benign", "juxtapleural", "suspicious", "proven_benign"] {
        all.push(of(json!({flag: true})));
        all.push(of(json!({flag: false})));
    }
    for timing in ["baseline", "new", "stable", "decreased", "growing", "slow_growing"] {
        all.push(of(json!({"timing": timing})));
        for prior in ["2", "3", "4A", "4B", "4X"] {
            all.push(of(json!({"timing": timing, "prior_category": prior, "months_since_prior": 2.0})));
            all.push(of(json!({"timing": timing, "prior_category": prior})));
        }
    }
    all
}

/// Every assessment of the grid.
fn assessments() -> Vec<ClinicalAssessment> {
    let kinds = [Attenuation::Solid, Attenuation::PartSolid, Attenuation::NonSolid, Attenuation::Calcified];
    let headers = [
        DicomFacts::default(),
        DicomFacts {
            age: Some((62, "PatientAge (0010,1010)".to_owned())),
            female: Some(true),
            smokes_now: true,
            order_codes: vec!["71271".to_owned()],
            ..DicomFacts::default()
        },
        DicomFacts {
            age: Some((30, "PatientBirthDate (0010,0030) and StudyDate (0008,0020)".to_owned())),
            ..DicomFacts::default()
        },
        DicomFacts { protocol_names: vec!["LDCT chest".to_owned()], ..DicomFacts::default() },
    ];
    let mut settings = [AssessSettings::default(), AssessSettings::default()];
    settings[1].herder_form = HerderForm::BtsLikelihoodRatio;
    settings[1].indication.screening_codes = vec!["X1".to_owned()];
    settings[1].indication.incidental_guideline = Some("guideline:nobody");
    let mut all = Vec::new();
    for (index, stated) in statements().iter().enumerate() {
        let site = SiteFacts::read(i64::from(index > 0), stated).unwrap();
        for mm in [4.5, 7.0, 12.0, 18.0, 33.0] {
            for kind in kinds {
                let findings =
                    [finding(1, mm, kind), finding(2, 5.5, Attenuation::Solid), finding(3, 8.0, kind)];
                let header = &headers[all.len() % headers.len()];
                let count = if mm < 5.0 { 1 } else { 3 };
                all.push(assess(&findings[..count], header, &site, &settings[all.len() / 7 % 2]));
            }
        }
    }
    all
}

/// What stays English on the Chinese page of an assessment, and both pages.
fn pages(assessment: &ClinicalAssessment) -> (Vec<String>, [String; 2]) {
    let page = |language| {
        let mut html = String::new();
        clinical_html::exam(&mut html, &assessment.exam, language);
        for nodule in &assessment.nodules {
            clinical_html::card(&mut html, nodule, assessment.exam.guideline.as_deref(), language);
        }
        html
    };
    let (english, chinese) = (page(Language::English), page(Language::Chinese));
    let open = chinese
        .split("<span lang=\"en\">")
        .skip(1)
        .map(|rest| rest.split("</span>").next().unwrap().to_owned());
    (open.collect(), [english, chinese])
}

/// The page without tags and their tooltips.
fn visible(html: &str) -> String {
    html.split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, text)| text))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn every_sentence_has_its_words() {
    let (mut open, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for assessment in assessments() {
        let (left, pages) = pages(&assessment);
        open.extend(left);
        for page in &pages {
            let text = visible(page);
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
            let is_id = |word: &&str| {
                word.contains('_')
                    || ["LR22-", "FL17-", "BTS15-", "NEL-", "EUP", "CLR-"]
                        .iter()
                        .any(|row| word.starts_with(row))
                    || word.starts_with("NODCAT") && word.len() > 6
            };
            ids.extend(words.filter(is_id).map(str::to_owned));
        }
    }
    assert!(open.is_empty(), "no Chinese for {open:#?}");
    assert!(ids.is_empty(), "ids on a page: {ids:#?}");
}

/// Goal: a pattern takes a sentence apart at its last fixed words, refuses what does not fit, and a part without words
/// leaves the whole as it was.
#[test]
fn patterns() {
    assert_eq!(captures("a {} b {} c", "a x b y c", End::Last), Some(vec!["x", "y"]));
    assert_eq!(captures("{}; {} leads", "p; q; r leads", End::Last), Some(vec!["p; q", "r"]));
    assert_eq!(captures("row {}: {}", "row 1: x: y", End::First), Some(vec!["1", "x: y"]));
    assert_eq!(captures("a", "a", End::First), Some(vec![]));
    assert_eq!(captures("a", "ab", End::First), None);
    assert_eq!(captures("a {}", "a ", End::First), None);
    assert_eq!(phrase("row X is our choice: nobody wrote this", Language::Chinese), None);
    let deep = "guidelines agree: ".repeat(50) + "about 3 months";
    assert_eq!(phrase(&deep, Language::English), None, "bounded");
}

/// Goal: every placeholder of every phrase names something that its pattern finds, and both languages use the same.
#[test]
fn phrases_are_sound() {
    for (pattern, english, chinese) in PHRASES.iter().chain(series::PHRASES) {
        let count = pattern.matches("{}").count();
        for template in [english, chinese] {
            for part in template.split('{').skip(1) {
                let place = part.split('}').next().unwrap();
                let index: usize = place.split(':').next().unwrap().parse().unwrap();
                assert!(index < count, "{template} of {pattern}");
            }
        }
    }
}

/// Goal: every reason and warning of a series has Chinese words, with its figures. Method: one of each.
#[test]
fn what_is_said_of_a_series_has_words() {
    let (uid, word) = ("1.2.3".to_owned(), "ORIGINAL".to_owned());
    let reasons = [
        SkipReason::NotCt { sop_class_uid: uid.clone() },
        SkipReason::Localizer,
        SkipReason::DoseReport,
        SkipReason::DerivedReformat { image_type: word.clone() },
        SkipReason::TooFewSlices { count: 8, count_min: 20 },
        SkipReason::CoverageTooShort { coverage_mm: 88.4, coverage_mm_min: 100.0 },
        SkipReason::SliceGap { after_slice_number: 7, gap_mm: 5.0, spacing_mm: 1.25 },
        SkipReason::UnevenSpacing { spacing_mm_min: 1.0, spacing_mm_max: 1.5 },
        SkipReason::DuplicatePosition { count: 3, position_mm: 12.5 },
        SkipReason::MixedOrientation,
        SkipReason::MixedMatrix,
        SkipReason::NotAxial { tilt_degrees: 88.0 },
        SkipReason::GantryTilt { tilt_degrees: 20.0 },
        SkipReason::SlicesTooThick { thickness_mm: 7.0, thickness_mm_max: 5.0 },
        SkipReason::GeometryMissing { attribute: word.clone(), sop_instance_uid: uid.clone() },
        SkipReason::PixelFormat { detail: word.clone() },
        SkipReason::DecodeFailed { sop_instance_uid: uid.clone(), detail: word.clone() },
        SkipReason::NotChest { detail: word.clone() },
        SkipReason::BetterReconstruction {
            better_series_instance_uid: SeriesInstanceUid::new(&uid).unwrap(),
            why: word.clone(),
        },
    ];
    let warnings = [
        SeriesWarning::ThickSlices { thickness_mm: 3.0 },
        SeriesWarning::LossyCompression,
        SeriesWarning::TiltCorrected { tilt_degrees: 4.0 },
        SeriesWarning::SliceInterpolated { after_slice_number: 9 },
        SeriesWarning::SlicesLeftOut { count: 2, why: word },
        SeriesWarning::RescaleAssumed { intercept: -1024.0 },
        SeriesWarning::ContrastAgent,
    ];
    let sentences = reasons.iter().map(ToString::to_string).chain(warnings.iter().map(ToString::to_string));
    for sentence in sentences {
        let chinese = phrase(&sentence, Language::Chinese).unwrap_or_else(|| panic!("{sentence}"));
        assert_eq!(phrase(&sentence, Language::English).as_deref(), Some(sentence.as_str()));
        let figures = |text: &str| {
            let split = text.split(|c: char| !c.is_ascii_digit() && c != '.' && c != '-');
            let mut all: Vec<String> = split
                .map(|part| part.trim_matches(['.', '-']).to_owned())
                .filter(|part| part.chars().any(|c| c.is_ascii_digit()))
                .collect();
            all.sort();
            all
        };
        assert_eq!(figures(&chinese), figures(&sentence), "{sentence}\n{chinese}");
    }
}

//! Findings, header and site to answers.

use super::*;
use domain::{
    AnswerStatus, InputSource, InputValue, Lobe, LobePlace, LpsPoint, LungPlace, Mask, NoduleMeasures,
    RiskAssessment, Run, Side, VoxelPoint,
};
use serde_json::{Value as Json, json};

fn finding(number: usize, long_mm: f64, short_mm: f64, attenuation: Attenuation) -> Finding {
    let origin = LpsPoint { x: 0.0, y: 0.0, z: 0.0 };
    let mean = (long_mm + short_mm) / 2.0;
    Finding {
        number,
        tracking_uid: format!("2.25.{number}"),
        center: origin,
        center_voxel: VoxelPoint { z: 0.0, y: 0.0, x: 0.0 },
        mask: Mask::from(vec![Run { z: 0, y: 0, x_start: 0, x_end: 1 }]),
        measures: NoduleMeasures {
            key_slice_index: 0,
            long_axis_mm: long_mm,
            short_axis_mm: short_mm,
            mean_diameter_mm: mean,
            long_axis_ends: [origin; 2],
            short_axis_ends: [origin; 2],
            volume_mm3: mean.powi(3) * std::f64::consts::FRAC_PI_6,
            hu_mean: 0.0,
            hu_sd: 0.0,
        },
        attenuation,
        character: None,
        side: Side::Right,
        place: Some(LungPlace { height: 0.9, depth: 0.5 }),
        lobe: None,
        score: 0.9,
    }
}

fn header(age: u32, female: bool, codes: &[&str]) -> DicomFacts {
    DicomFacts {
        age: Some((age, "PatientAge (0010,1010)".to_owned())),
        female: Some(female),
        order_codes: codes.iter().map(|code| (*code).to_owned()).collect(),
        ..DicomFacts::default()
    }
}

fn judged(findings: &[Finding], dicom: &DicomFacts, site: &Json) -> ClinicalAssessment {
    let version = i64::from(site.as_object().is_some_and(|members| !members.is_empty()));
    let site = SiteFacts::read(version, site).unwrap();
    assess(findings, dicom, &site, &AssessSettings::default())
}

fn risk<'a>(clinical: &'a ClinicalAssessment, model: &str) -> &'a RiskAssessment {
    clinical.nodules[0].risks.iter().find(|risk| risk.model == model).unwrap_or_else(|| panic!("no {model}"))
}

/// Goal: without the site's words Brock is a range that names what is missing, and Mayo names what it lacks; with
/// them both are the published numbers, each value with its source. Method: the worked example of the design
/// (68 years, woman, emphysema, 8 mm solid, upper lobe, solitary: 8.938 % by 2b).
#[test]
fn a_range_becomes_a_number_when_the_site_speaks() {
    let findings = [finding(1, 8.0, 7.0, Attenuation::Solid)];
    let before = judged(&findings, &header(68, true, &[]), &json!({}));
    let brock = risk(&before, "brock2a");
    assert_eq!(brock.basis.status, AnswerStatus::Range);
    assert_eq!(brock.basis.missing, ["family_history_lung_cancer", "emphysema"]);
    let [low, high] = brock.range.unwrap();
    assert!(low < 0.10651728 && 0.10651728 < high && brock.undetermined, "{low} {high}");
    assert_eq!(risk(&before, "mayo").basis.status, AnswerStatus::Insufficient);
    assert!(risk(&before, "mayo").basis.missing.contains(&"spiculation".to_owned()));

    let said = json!({
        "emphysema": true, "family_history_lung_cancer": false, "ever_smoker": true,
        "extrathoracic_cancer_over_5y": false, "nodules": {"2.25.1": {"spiculation": false}},
    });
    let after = judged(&findings, &header(68, true, &[]), &said);
    let brock = risk(&after, "brock2b");
    assert!((brock.probability.unwrap() - 0.08937459).abs() < 1e-7, "{brock:?}");
    let source = |name: &str| {
        let input = brock.basis.inputs.iter().find(|input| input.name == name);
        input.map(|input| (input.source, input.origin.clone())).unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(source("age"), (InputSource::Dicom, "PatientAge (0010,1010)".to_owned()));
    assert_eq!(source("emphysema"), (InputSource::Site, "stated by the site, version 1".to_owned()));
    assert_eq!(source("diameter_mm").0, InputSource::Finding);
    assert!(source("upper_lobe").1.starts_with("likely"), "{:?}", source("upper_lobe"));
    let sum: f64 = brock.basis.terms.iter().map(|term| term.value).sum();
    assert!((sum + 2.3213).abs() < 1e-3, "{sum}");
    assert_eq!(risk(&after, "mayo").basis.status, AnswerStatus::Result);
    assert_eq!(after.exam.site_version, Some(1));
    assert_eq!(before.exam.site_version, None);
}

/// Goal: a margin that the pack's network is sure of goes into the models with its source; one that it is not sure of
/// does not; the site's word stands over it, and the contradiction is told. Method: the same nodule each way.
#[test]
fn the_margin_comes_from_the_network_where_it_is_sure() {
    let with = |answer, site: &Json| {
        let mut nodule = finding(1, 8.0, 7.0, Attenuation::Solid);
        let spiculated = Some(domain::Rated { probability: 0.9, answer });
        nodule.character = Some(domain::Character { spiculated, ..domain::Character::default() });
        judged(&[nodule], &header(68, true, &[]), site)
    };
    let sure = with(Some(true), &json!({}));
    let input = risk(&sure, "brock2b").basis.inputs.iter().find(|input| input.name == "spiculation").unwrap();
    assert_eq!((&input.value, input.source), (&domain::InputValue::Flag(true), InputSource::Finding));
    assert_eq!(input.origin, "margin by the pack's network");
    assert!(with(None, &json!({})).nodules[0].risks.iter().all(|one| one.model != "brock2b"));
    let site = json!({"nodules": {"2.25.1": {"spiculation": false}}});
    let stated = with(Some(true), &site);
    let input =
        risk(&stated, "brock2b").basis.inputs.iter().find(|input| input.name == "spiculation").unwrap();
    assert_eq!((&input.value, input.source), (&domain::InputValue::Flag(false), InputSource::Site));
    assert!(stated.exam.warnings.iter().any(|one| one.contains("spiculation")), "{:?}", stated.exam.warnings);
}

/// Goal: a range of Brock across a guideline's limit is "undetermined" there too. Method: BTS on the same nodule, 8 mm
/// and more, with and without the site's words.
#[test]
fn a_range_across_a_limit_is_undetermined_in_the_guideline() {
    let findings = [finding(1, 8.5, 8.3, Attenuation::Solid)];
    let bts = |site: &Json| {
        let clinical = judged(&findings, &header(68, true, &[]), site);
        clinical.nodules[0].guideline("bts_2015").unwrap().clone()
    };
    let open = bts(&json!({}));
    assert_eq!(open.basis.status, AnswerStatus::Range);
    let rows = open.range.unwrap().map(|category| category.row);
    assert_eq!(rows, ["BTS15-S3", "BTS15-S4"]);
    let settled = bts(&json!({"emphysema": true, "family_history_lung_cancer": true}));
    assert_eq!(settled.category.unwrap().row, "BTS15-S4");
}

/// Goal: the same nodule has the size of each guideline's own rounding. Method: 5.5 x 5.5 mm is 5.5 for Lung-RADS (2),
/// 6 for Fleischner (6-8 mm).
#[test]
fn each_guideline_rounds_for_itself() {
    let findings = [finding(1, 5.5, 5.5, Attenuation::Solid)];
    let clinical = judged(&findings, &header(60, false, &[]), &json!({"risk": "high"}));
    let row = |id: &str| clinical.nodules[0].guideline(id).unwrap().category.clone().unwrap().row;
    assert_eq!(row("lung_rads_2022"), "LR22-2b");
    assert_eq!(row("fleischner_2017"), "FL17-S2H");
}

/// Goal: rules by order code, by the site's word for this exam, by nothing; the one that does not apply says so.
#[test]
fn the_context_decides_which_guideline_leads() {
    let findings = [finding(1, 7.0, 6.6, Attenuation::Solid)];
    let leads = |codes: &[&str], site: &Json| judged(&findings, &header(60, false, codes), site);
    let screening = leads(&["71271"], &json!({}));
    assert_eq!(screening.exam.guideline.as_deref(), Some("lung_rads_2022"));
    assert!(screening.exam.why.contains("71271"), "{}", screening.exam.why);
    assert_eq!(screening.exam.category.as_ref().unwrap().category.as_ref().unwrap().row, "LR22-3a");
    assert_eq!(screening.exam.decided_by, Some(1));
    let fleischner = screening.nodules[0].guideline("fleischner_2017").unwrap();
    assert_eq!(fleischner.basis.status, AnswerStatus::NotApplicable);
    assert!(fleischner.basis.reason.as_ref().unwrap().contains("FL17-X4"));
    let stated = leads(&["71271"], &json!({"screening_exam": false, "risk": "low"}));
    assert_eq!(stated.exam.guideline.as_deref(), Some("fleischner_2017"));
    assert!(stated.exam.why.contains("stated by the site for this exam"), "{}", stated.exam.why);
    let refused = stated.nodules[0].guideline("lung_rads_2022").unwrap();
    assert_eq!(refused.basis.status, AnswerStatus::NotApplicable);
    let unsaid = leads(&[], &json!({"risk": "low"}));
    assert_eq!(unsaid.exam.guideline.as_deref(), Some("fleischner_2017"));
    let beside = unsaid.nodules[0].guideline("lung_rads_2022").unwrap();
    assert!(beside.category.is_some(), "nothing says that it is no screening exam: {beside:?}");
    let young = judged(&findings, &header(30, false, &[]), &json!({}));
    assert_eq!((young.exam.guideline, young.exam.category), (None, None));
}

/// Goal: the nodule with the largest category gives the exam's; 4X and S are proposed only. Method: three nodules.
#[test]
fn the_largest_category_gives_the_exams_and_the_rest_is_proposed() {
    let findings = [
        finding(1, 5.0, 5.0, Attenuation::Solid),
        finding(2, 9.0, 8.6, Attenuation::Solid),
        finding(3, 12.0, 10.0, Attenuation::NonSolid),
    ];
    let site =
        json!({"significant_finding": "aortic aneurysm", "nodules": {"2.25.9": {"spiculation": true}}});
    let clinical = judged(&findings, &header(60, false, &["71271"]), &site);
    let exam = &clinical.exam;
    assert_eq!(exam.category.as_ref().unwrap().category.as_ref().unwrap().category, "4A");
    assert_eq!(exam.decided_by, Some(2));
    assert_eq!(exam.proposed, ["modifier S (row LR22-S): aortic aneurysm"]);
    assert!(exam.warnings.iter().any(|words| words.contains("2.25.9")), "{:?}", exam.warnings);
    let suspicious = json!({"nodules": {"2.25.2": {"suspicious": true}}});
    let exam = judged(&findings, &header(60, false, &["71271"]), &suspicious).exam;
    assert_eq!(exam.category.unwrap().category.unwrap().category, "4X");
    assert!(exam.proposed[0].contains("4X for nodule 2"), "{:?}", exam.proposed);
    let none = judged(&[], &header(60, false, &["71271"]), &json!({})).exam;
    assert_eq!(none.category.unwrap().category.unwrap().row, "LR22-1a");
}

/// Goal: with a nodule that has no answer the exam has none either, and says at least what is sure. Method: a
/// part-solid nodule whose solid part was not measured, beside a category 4A.
#[test]
fn an_open_nodule_leaves_the_exam_open() {
    let findings = [finding(1, 9.0, 8.6, Attenuation::Solid), finding(2, 12.0, 10.0, Attenuation::PartSolid)];
    let exam = judged(&findings, &header(60, false, &["71271"]), &json!({})).exam;
    let category = exam.category.unwrap();
    assert_eq!(category.basis.status, AnswerStatus::Insufficient);
    assert_eq!(category.basis.missing, ["solid_mm"]);
    assert_eq!(exam.at_least.unwrap().category, "4A");
    assert_eq!(exam.decided_by, None, "no nodule decides what is open");
    let stated = json!({"nodules": {"2.25.2": {"solid_mm": 9.0}}});
    let exam = judged(&findings, &header(60, false, &["71271"]), &stated).exam;
    assert_eq!(
        (exam.decided_by, exam.category.unwrap().category.unwrap().row.as_str()),
        (Some(2), "LR22-4Bd")
    );
}

/// Goal: no Herder without PET; with it the form and its pretest; what contradicts is an error and not a category.
#[test]
fn herder_only_after_pet_and_contradictions_are_told() {
    let findings = [finding(1, 15.0, 13.0, Attenuation::Solid)];
    let person = json!({"ever_smoker": true, "extrathoracic_cancer_over_5y": false});
    let mut said = person.clone();
    said["nodules"] = json!({"2.25.1": {"spiculation": true}});
    let without = judged(&findings, &header(65, false, &[]), &said);
    assert!(without.nodules[0].risks.iter().all(|risk| !risk.model.starts_with("herder")));
    said["nodules"]["2.25.1"]["fdg"] = json!("intense");
    let with = judged(&findings, &header(65, false, &[]), &said);
    let herder = risk(&with, "herder2005_logistic");
    let pretest = herder.basis.inputs.iter().find(|input| input.name == "pretest").unwrap();
    assert_eq!(pretest.origin, "mayo");
    assert_eq!(pretest.value, InputValue::Number(risk(&with, "mayo").probability.unwrap()));
    assert!(herder.probability.unwrap() > risk(&with, "mayo").probability.unwrap());
    let wrong = json!({"nodules": {"2.25.1": {"type": "part_solid", "solid_mm": 40}}});
    let told = judged(&findings, &header(65, false, &[]), &wrong);
    let bts = told.nodules[0].guideline("bts_2015").unwrap();
    assert_eq!(bts.basis.status, AnswerStatus::Error);
    assert!(bts.basis.reason.as_ref().unwrap().contains("solid_mm"), "{bts:?}");
}

/// Goal: the site's word stands over the header's, and the contradiction is told; a calcified finding is no Brock
/// nodule and does not count as one.
#[test]
fn contradictions_between_sources_and_calcified_findings() {
    let findings = [finding(1, 8.0, 8.0, Attenuation::Calcified), finding(2, 6.0, 6.0, Attenuation::Solid)];
    let clinical = judged(&findings, &header(60, true, &[]), &json!({"age": 62}));
    assert!(clinical.exam.warnings[0].starts_with("age: 62 is used"), "{:?}", clinical.exam.warnings);
    assert_eq!(risk(&clinical, "brock2a").basis.status, AnswerStatus::NotApplicable);
    let count = clinical.exam.inputs.iter().find(|input| input.name == "nodule_count").unwrap();
    assert_eq!(count.value, InputValue::Number(1.0));
    let second = &clinical.nodules[1].risks[0];
    assert_eq!(second.basis.status, AnswerStatus::Range);
    assert!(
        second.basis.terms.iter().any(|term| term.name == "age" && term.input.abs() < 1e-12),
        "{second:?}"
    );
}

/// Goal: the site chooses the diameter of Brock, and the answer says which. Method: both.
#[test]
fn the_diameter_of_brock_is_the_sites_choice() {
    let findings = [finding(1, 10.0, 6.0, Attenuation::Solid)];
    let diameter = |brock_size| {
        let settings = AssessSettings { brock_size, ..AssessSettings::default() };
        let clinical = assess(&findings, &header(60, true, &[]), &SiteFacts::default(), &settings);
        let inputs = clinical.nodules[0].risks[0].basis.inputs.clone();
        inputs.into_iter().find(|input| input.name == "diameter_mm").unwrap()
    };
    assert_eq!(diameter(BrockSize::LongestAxial).value, InputValue::Number(10.0));
    assert_eq!(diameter(BrockSize::MeanAxial).value, InputValue::Number(8.0));
    assert!(diameter(BrockSize::MeanAxial).origin.starts_with("mean"));
}

/// Goal: a lobe that is sure decides about the upper lobe against the place in the lung, the middle lobe is none, the
/// origin names the lobe; near a fissure the place decides, and says so. Method: one nodule high up in front.
#[test]
fn a_sure_lobe_goes_before_the_place() {
    let upper = |lobe: Option<LobePlace>| {
        let findings = [Finding { lobe, ..finding(1, 8.0, 7.0, Attenuation::Solid) }];
        let clinical = judged(&findings, &header(68, true, &[]), &json!({}));
        let inputs = &risk(&clinical, "brock2a").basis.inputs;
        let input = inputs.iter().find(|input| input.name == "upper_lobe").unwrap();
        (input.value.clone(), input.origin.clone())
    };
    let place = |lobe, sure| Some(LobePlace { lobe, fissure_mm: 23.4, sure });
    let yes = upper(place(Lobe::Rul, true));
    assert_eq!(yes.1, "right upper lobe, 23 mm from the next fissure");
    let no = upper(place(Lobe::Rml, true));
    assert_eq!(no.1, "right middle lobe, 23 mm from the next fissure");
    assert_ne!(yes.0, no.0);
    for unsure in [place(Lobe::Rml, false), None] {
        let (value, origin) = upper(unsure);
        assert_eq!(
            (value, origin.as_str()),
            (yes.0.clone(), "likely: upper third, at 90 % of the lung's height")
        );
    }
}

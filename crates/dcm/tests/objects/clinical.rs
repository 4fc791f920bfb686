//! What risk models and guidelines say, in SR and SEG.

use crate::referees::{dsrdump, foreign_reading};
use crate::reports::{BALLS, Written, options, write_all};
use crate::series::SmallSeries;
use cad::assess::{AssessSettings, DicomFacts, SiteFacts, assess};
use dcm::limits::Limits;
use dcm::source::SourceContext;
use dcm::sr;
use domain::{Attenuation, ExamTriage, LungPlace, TRIAGE_USE, TriageStatus};
use serde_json::{Value, json};

/// The tenth of the site's exams; `None` is a site with 37 exams.
fn triage(score: Option<u8>) -> ExamTriage {
    ExamTriage {
        status: if score.is_some() { TriageStatus::Calibrated } else { TriageStatus::NotCalibrated },
        score,
        exam_score: 0.9,
        calibration_version: score.map(|_| 3),
        exams_count: if score.is_some() { 812 } else { 37 },
        exams_count_min: 500,
        reason: score.is_none().then(|| "37 earlier exams; 500 are needed".to_owned()),
        intended_use: TRIAGE_USE.to_owned(),
    }
}

/// Objects of two solid nodules, judged with these order codes and the site's words.
fn written(order_codes: &[&str], site: &Value) -> Written {
    placed(order_codes, site, None)
}

/// The same with the exam's triage.
fn placed(order_codes: &[&str], site: &Value, triage: Option<ExamTriage>) -> Written {
    let small = SmallSeries::new(|series| {
        series.patient_age = "068Y".to_owned();
        series.patient_sex = "F".to_owned();
    });
    let files = small.files();
    let mut result = small.result(&files, &BALLS[..2]);
    for finding in &mut result.findings {
        finding.attenuation = Attenuation::Solid;
        finding.measures.long_axis_mm = 8.0;
        finding.measures.short_axis_mm = 7.0;
        finding.measures.mean_diameter_mm = 7.5;
        finding.place = Some(LungPlace { height: 0.9, depth: 0.5 });
    }
    let uid = result.findings[0].tracking_uid.clone();
    let site: Value = serde_json::from_str(&site.to_string().replace("FIRST", &uid)).unwrap();
    let version = i64::from(!site.as_object().unwrap().is_empty());
    let header = DicomFacts {
        age: Some((68, "PatientAge (0010,1010)".to_owned())),
        female: Some(true),
        order_codes: order_codes.iter().map(|code| (*code).to_owned()).collect(),
        ..DicomFacts::default()
    };
    let stated = SiteFacts::read(version, &site).unwrap();
    let mut clinical = assess(&result.findings, &header, &stated, &AssessSettings::default());
    clinical.digest = format!("{order_codes:?} {site}");
    result.clinical = Some(clinical);
    result.triage = triage;
    write_all(files, result, &options())
}

fn all_said() -> Value {
    json!({
        "emphysema": true, "family_history_lung_cancer": false, "ever_smoker": true,
        "extrathoracic_cancer_over_5y": false, "significant_finding": "aortic aneurysm",
        "nodules": {"FIRST": {"spiculation": false}},
    })
}

/// Goal: probability, range, terms, category and row stand in a valid report, and our reader and highdicom read the
/// same. Method: a screening exam without and with the site's words; all referees.
#[test]
fn answers_are_valid_and_read_back() {
    for (name, site) in [("nothing stated", json!({})), ("all stated", all_said())] {
        let written = written(&["71271"], &site);
        written.check(name);
        let clinical = written.result.clinical.as_ref().unwrap();
        let report = sr::read::read(&written.sr.bytes).unwrap();
        let exam = report.exam_category.unwrap();
        assert_eq!((exam.category.as_str(), exam.row.as_str()), ("Lung-RADS 3", "LR22-3a"), "{name}");
        assert!(exam.guideline.starts_with("Lung-RADS v2022"), "{exam:?}");
        for (nodule, said) in report.nodules.iter().zip(&clinical.nodules) {
            assert_eq!(nodule.category.as_ref().unwrap().row, "LR22-3a", "{name}");
            let brock = &said.risks[0];
            let [low, high] = brock.range.or(brock.probability.map(|p| [p, p])).unwrap();
            let read = &nodule.risks[0];
            assert_eq!(read.model, brock.model.to_uppercase(), "{name}");
            assert!((read.low_percent - low * 100.0).abs() < 1e-9, "{name}: {read:?} {low}");
            assert!((read.high_percent - high * 100.0).abs() < 1e-9, "{name}: {read:?} {high}");
            let settled =
                said.risks.iter().filter(|risk| risk.probability.or(risk.range.map(|r| r[0])).is_some());
            assert_eq!(nodule.risks.len(), settled.count(), "{name}");
        }
        check_foreign(name, &written);
    }
}

fn check_foreign(name: &str, written: &Written) {
    let folder = tempfile::tempdir().unwrap();
    written.save(folder.path());
    let clinical = written.result.clinical.as_ref().unwrap();
    if let Some(reading) = foreign_reading(folder.path()) {
        let report = &reading["reports"][0];
        assert_eq!(report["exam_category"]["code"], "RID50138", "{name}: {report:#}");
        assert_eq!(report["exam_category"]["row"], "LR22-3a", "{name}");
        for (index, said) in clinical.nodules.iter().enumerate() {
            let nodule = &report["nodules"][index];
            assert_eq!(nodule["category"]["meaning"], "Lung-RADS 3", "{name}: {nodule:#}");
            let risk = &nodule["risks"][0];
            assert_eq!(risk["model"], said.risks[0].model.to_uppercase(), "{name}");
            assert_eq!(risk["unit"], "%", "{name}");
            let terms = said.risks[0].basis.terms.len();
            assert_eq!(risk["terms"].as_array().unwrap().len(), terms, "{name}: {risk:#}");
            assert_eq!(risk["inputs"].as_array().unwrap().len(), said.risks[0].basis.inputs.len(), "{name}");
            let label = reading["segmentations"][0]["segments"][index]["label"].as_str().unwrap().to_owned();
            assert_eq!(label, format!("Nodule {}, Lung-RADS v2022 3", index + 1), "{name}");
        }
    }
    let file = folder.path().join("sr.dcm");
    if let Some((_, text)) = dsrdump(&file) {
        let wanted = ["Probability of cancer", "LR22-3a", "Lung-RADS 3", "PatientAge (0010,1010)", "71271"];
        for words in wanted {
            assert!(text.contains(words), "{name}: {words} is not in\n{text}");
        }
        let open = text.contains("Not known to the risk model") && text.contains("Minimum");
        assert_eq!(open, clinical.nodules[0].risks[0].range.is_some(), "{name}\n{text}");
    }
}

/// Goal: what is not settled is said in words and never as a category; other guidelines stand beside. Method: an
/// incidental exam without a reader's risk.
#[test]
fn what_is_open_is_said_in_words() {
    let written = written(&[], &json!({}));
    written.check("open");
    let report = sr::read::read(&written.sr.bytes).unwrap();
    assert_eq!(report.exam_category, None);
    assert!(report.nodules.iter().all(|nodule| nodule.category.is_none()));
    let folder = tempfile::tempdir().unwrap();
    written.save(folder.path());
    if let Some((_, text)) = dsrdump(&folder.path().join("sr.dcm")) {
        for words in
            ["Fleischner Society 2017: no category: risk not known", "Risk not computed", "spiculation"]
        {
            assert!(text.contains(words), "{words} is not in\n{text}");
        }
    }
}

/// Goal: the exam's triage stands in a valid report as a code with its basis and its use, or as "Not calibrated" with the
/// count, and highdicom and dsrdump read it. Another score or calibration is another object.
#[test]
fn triage_is_a_code_with_its_use() {
    let mut uids = vec![written(&["71271"], &json!({})).sr.sop_instance_uid];
    for (score, code, meaning, basis) in [
        (Some(1), "TRIAGE_01", "1 of 10", "812 of this site's exams (calibration 3)"),
        (Some(10), "TRIAGE_10", "10 of 10", "812 of this site's exams (calibration 3)"),
        (None, "TRIAGE_NONE", "Not calibrated", "37 earlier exams; 500 are needed"),
    ] {
        let written = placed(&["71271"], &json!({}), Some(triage(score)));
        written.check(meaning);
        uids.push(written.sr.sop_instance_uid.clone());
        let folder = tempfile::tempdir().unwrap();
        written.save(folder.path());
        if let Some(reading) = foreign_reading(folder.path()) {
            let read = &reading["reports"][0]["triage"];
            assert_eq!((&read["code"], &read["meaning"]), (&json!(code), &json!(meaning)), "{read:#}");
            assert!(read["basis"].as_str().unwrap().contains(basis), "{read:#}");
            assert!(read["use"].as_str().unwrap().contains("never a reason to skip a reading"), "{read:#}");
        }
        if let Some((_, text)) = dsrdump(&folder.path().join("sr.dcm")) {
            assert!(text.contains(meaning) && text.contains(basis), "{text}");
        }
    }
    uids.sort_unstable();
    uids.dedup();
    assert_eq!(uids.len(), 4);
}

/// Goal: other clinical data, other objects: one UID never names two contents; the nodule keeps its own. Method: the
/// same findings judged twice.
#[test]
fn other_answers_have_other_uids() {
    let (one, two) = (written(&["71271"], &json!({})), written(&["71271"], &all_said()));
    assert_ne!(one.sr.sop_instance_uid, two.sr.sop_instance_uid);
    assert_ne!(one.sr.series_instance_uid, two.sr.series_instance_uid);
    assert_ne!(one.seg.unwrap().sop_instance_uid, two.seg.unwrap().sop_instance_uid);
    let uids =
        |w: &domain::AnalysisResult| w.findings.iter().map(|f| f.tracking_uid.clone()).collect::<Vec<_>>();
    assert_eq!(uids(&one.result), uids(&two.result));
}

/// Goal: what the header says of person and order is read. Method: a slice as our own writer makes it.
#[test]
fn person_and_order_are_read_from_the_header() {
    let small = SmallSeries::new(|series| {
        series.patient_age = "068Y".to_owned();
        series.patient_sex = "F".to_owned();
        series.study_description = "Lung screening".to_owned();
    });
    let source = SourceContext::read(&small.files()[0], &Limits::default(), None).unwrap();
    let person = source.person();
    assert_eq!((person.age, person.sex, person.smoking_status), ("068Y", "F", ""));
    assert!(source.protocol_names().contains(&"Lung screening".to_owned()), "{:?}", source.protocol_names());
    assert!(source.order_codes().is_empty());
}

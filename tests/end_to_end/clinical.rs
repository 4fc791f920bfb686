//! What risk models and guidelines say of a scan, before and after the site states what it knows of the patient.

use crate::pacs::{current_sr, event_kinds, judged, pacs_spec, real_series, series, storescu, tools};
use crate::support::{
    Orthanc, Server, TINY, have, lungcad, put_json, real_data, root, run, simulate, wait_for,
};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The machine may be busy: nothing here is about speed.
const LONG: Duration = Duration::from_secs(500);

/// What the site states; `first` is the tracking UID of a nodule.
fn stated(first: &str) -> Value {
    json!({
        "age": 66, "female": true, "family_history_lung_cancer": false, "emphysema": true, "ever_smoker": true,
        "extrathoracic_cancer_over_5y": false, "screening_exam": true,
        "nodules": {first: {"spiculation": true, "upper_lobe": true, "type": "solid"}},
    })
}

fn findings(server: &Server, uid: &str) -> Value {
    server.settled(uid, LONG)["series"][0].clone()
}

fn risk<'a>(nodule: &'a Value, model: &str) -> &'a Value {
    let risks = nodule["clinical"]["risks"].as_array().unwrap_or_else(|| panic!("no risks in {nodule:#}"));
    risks.iter().find(|risk| risk["model"] == model).unwrap_or_else(|| panic!("no {model} in {nodule:#}"))
}

/// The first nodule that Brock is for and cannot settle: no mass, not calcified.
fn open_nodule(series: &Value) -> &Value {
    let is_open = |nodule: &&Value| {
        let status = risk(nodule, "brock2a")["status"].as_str().unwrap();
        ["range", "insufficient"].contains(&status) && nodule["long_axis_mm"].as_f64().unwrap() <= 30.0
    };
    let nodules = series["nodules"].as_array().unwrap();
    nodules.iter().find(is_open).unwrap_or_else(|| panic!("no open nodule in {series:#}"))
}

/// The nodule with that tracking UID.
fn tracked<'a>(series: &'a Value, uid: &str) -> &'a Value {
    let nodules = series["nodules"].as_array().unwrap();
    nodules.iter().find(|nodule| nodule["tracking_uid"] == uid).unwrap_or_else(|| panic!("no {uid}"))
}

/// Writes the current report beside the story and gives what dsrdump prints of it.
fn printed(server: &Server, uid: &str, file: &Path) -> String {
    let url = server.url(&format!("/api/v1/series/{uid}/objects/report.sr.dcm"));
    let (status, bytes) = crate::support::get(&url);
    assert_eq!(status, 200);
    std::fs::write(file, bytes).unwrap();
    String::from_utf8_lossy(&run(Command::new("dsrdump").arg("+Pl").arg(file)).stdout).into_owned()
}

/// Number of jobs of a kind of the series, in any state.
fn jobs(server: &Server, uid: &str, kind: &str) -> usize {
    let page = server.get_json(&format!("/api/v1/jobs?kind={kind}&series={uid}&limit=200"));
    page["items"].as_array().unwrap_or_else(|| panic!("{page:#}")).len()
}

/// Goal: point 3 of "It must show". Method: one scan to a server and a PACS; the report, what REST and the foreign
/// readers say; then the site's words, and all of it again. One analysis in all.
fn before_and_after(server: &Server, orthanc: &Orthanc, folder: &Path, source: &Path, uid: &str) {
    let python = tools().unwrap();
    let before = findings(server, uid);
    assert_eq!(before["state"], "done", "{before:#}\n{}", server.log());
    server.delivered(uid, LONG);
    let nodule = open_nodule(&before);
    let open = risk(nodule, "brock2a");
    assert!(["range", "insufficient"].contains(&open["status"].as_str().unwrap()), "{open:#}");
    let missing: Vec<&str> = open["missing"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(!missing.is_empty(), "{open:#}");
    assert_eq!(risk(nodule, "mayo")["status"], "insufficient");
    assert_eq!(before["clinical"]["site_version"], Value::Null);
    let text = printed(server, uid, &folder.join("before.dcm"));
    for name in &missing {
        assert!(text.contains(name), "{name} is not in\n{text}");
    }
    let old = current_sr(&series(server, uid));

    let study = before["study_instance_uid"].as_str().unwrap();
    let url = server.url(&format!("/api/v1/studies/{study}/clinical?author=story"));
    let first = nodule["tracking_uid"].as_str().unwrap();
    let (status, answer) = put_json(&url, &stated(first));
    assert_eq!((status, &answer["version"]), (200, &json!(1)), "{answer:#}");
    let record = wait_for(&format!("the new result\n{}", server.log()), LONG, || {
        let record = series(server, uid);
        (record["state"] == "done" && current_sr(&record) != old).then_some(record)
    });
    server.delivered(uid, LONG);
    for kind in ["clinical_changed", "result_superseded"] {
        assert!(event_kinds(&record).contains(&kind), "{record:#}");
    }
    assert_eq!(jobs(server, uid, "analyze_series"), 1, "no network ran for it");
    let results = server.get_json(&format!("/api/v1/series/{uid}/results"));
    let results = results.as_array().unwrap();
    assert_eq!(results.len(), 2, "{results:#?}");
    assert_eq!((&results[0]["state"], &results[1]["state"]), (&json!("superseded"), &json!("current")));
    assert_eq!(results[0]["superseded_by"], results[1]["result_id"]);
    assert_eq!(results[1]["clinical_version"], 1);

    let after = findings(server, uid);
    assert_eq!(after["clinical"]["site_version"], 1, "{after:#}");
    assert_eq!(after["clinical"]["guideline"], "lung_rads_2022");
    let same = tracked(&after, first);
    assert_eq!(same["volume_mm3"], nodule["volume_mm3"], "the nodule is the same");
    let brock = risk(same, "brock2b");
    assert_eq!(brock["status"], "result", "{brock:#}");
    let probability = brock["probability"].as_f64().unwrap();
    let sum: f64 = brock["terms"].as_array().unwrap().iter().map(|t| t["value"].as_f64().unwrap()).sum();
    assert!((1.0 / (1.0 + (-sum).exp()) - probability).abs() < 1e-12, "the terms are the answer: {brock:#}");
    let lead = same["clinical"]["guidelines"].as_array().unwrap();
    let lead = lead.iter().find(|one| one["guideline"] == "lung_rads_2022").unwrap();
    let (category, row) = (&lead["category"]["category"], &lead["category"]["row"]);
    assert!(row.as_str().unwrap().starts_with("LR22-"), "{lead:#}");

    let text = printed(server, uid, &folder.join("after.dcm"));
    let coded = format!("Lung-RADS {}", category.as_str().unwrap());
    for words in ["Probability of cancer", row.as_str().unwrap(), &coded, "Risk model term", "version 1"] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    let read = judged(&python, orthanc, folder, &[source]);
    assert_eq!(read["errors"], json!([]));
    let reports = read["reports"].as_array().unwrap();
    assert_eq!(reports.len(), 2, "both reports are at the PACS");
    let of = |sop: &str| reports.iter().find(|report| report["sop_instance_uid"] == sop).unwrap();
    let new = of(&current_sr(&record));
    assert_eq!(new["predecessors"], json!([old]));
    assert_eq!(of(&old)["predecessors"], json!([]));
    let reported = new["nodules"].as_array().unwrap().iter().find(|n| n["tracking_uid"] == first).unwrap();
    let percent = reported["risks"][0]["percent"].as_f64().unwrap();
    assert_eq!(reported["risks"][0]["model"], "BROCK2B");
    assert!((percent - probability * 100.0).abs() < 1e-9, "{percent} {probability}");
    assert_eq!((&reported["category"]["meaning"], &reported["category"]["row"]), (&json!(coded), row));
    println!("{uid}: {missing:?} missing; then Brock {percent:.2} %, {coded}, {row}");
}

#[test]
fn a_simulated_scan_with_and_without_clinical_data() {
    if tools().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let scan = simulate(&folder.path().join("scan"), TINY);
    let orthanc = Orthanc::start();
    let server = pacs_spec(folder.path(), orthanc.dicom_port, "").start();
    storescu(&server, "-x=", &[&scan.folder]);
    before_and_after(&server, &orthanc, folder.path(), &scan.folder, &scan.series);
    table_of_a_site(&server, folder.path(), &scan.series);
    a_study_that_was_awaited(&server, folder.path(), &scan.folder);
    stated_on_the_page(&server, &scan.series);
    assert_eq!(server.stop(), Some(0));
}

/// Goal: a table changes studies by PatientID; a dry run says so and changes nothing; an unknown column is refused with
/// the nearest name.
fn table_of_a_site(server: &Server, folder: &Path, uid: &str) {
    let study = findings(server, uid)["study_instance_uid"].as_str().unwrap().to_owned();
    let patient =
        server.get_json(&format!("/api/v1/studies/{study}"))["patient_id"].as_str().unwrap().to_owned();
    let version =
        |server: &Server| server.get_json(&format!("/api/v1/studies/{study}/clinical"))["version"].clone();
    let table = folder.join("table.csv");
    let import = |text: &str, more: &[&str]| {
        std::fs::write(&table, text).unwrap();
        let server = server.url("");
        lungcad().arg("clinical-import").arg(&table).args(["--server", &server]).args(more).output().unwrap()
    };
    let good = format!("PatientID,age,risk\n{patient},67,high\nNOBODY,50,low\n");
    let dry = import(&good, &["--dry-run"]);
    let said = String::from_utf8_lossy(&dry.stdout).into_owned();
    assert!(dry.status.success() && said.contains("would change version 1"), "{said}");
    assert!(said.contains("no study yet; would wait for it"), "{said}");
    assert_eq!(version(server), 1);
    let wrong = import("PatientID,emphysemia\nP,yes\n", &[]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("emphysema"), "{wrong:?}");
    assert!(import(&good, &[]).status.success());
    assert_eq!(version(server), 2);
    wait_for("the third result", LONG, || {
        let document = findings(server, uid);
        (document["clinical"]["site_version"] == 2).then_some(())
    });
}

/// Goal: what a table says of a patient and an order that have not come is in the first result of the study that comes,
/// the order over the patient. Method: the table of [`table_of_a_site`] named NOBODY; another row names the order; the
/// scan comes again as NOBODY's.
fn a_study_that_was_awaited(server: &Server, folder: &Path, source: &Path) {
    let (status, _) = put_json(
        &server.url("/api/v1/clinical/awaited?accession_number=ORDER7&author=ris"),
        &json!({"risk": "high", "emphysema": true}),
    );
    assert_eq!(status, 200);
    let again = folder.join("again");
    let (study, uid) = ("2.25.7001", "2.25.7002");
    std::fs::create_dir(&again).unwrap();
    for entry in std::fs::read_dir(source).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, again.join(from.file_name().unwrap())).unwrap();
    }
    let files = std::fs::read_dir(&again).unwrap().map(|entry| entry.unwrap().path());
    let names = ["PatientID=NOBODY", "AccessionNumber=ORDER7"].map(str::to_owned);
    let uids = [format!("StudyInstanceUID={study}"), format!("SeriesInstanceUID={uid}")];
    let mut command = Command::new("dcmodify");
    command.args(["-nb", "-gin"]);
    for tag in names.iter().chain(&uids) {
        command.args(["-i", tag]);
    }
    run(command.args(files));
    storescu(server, "-x=", &[&again]);
    let document = findings(server, uid);
    assert_eq!(document["state"], "done", "{document:#}");
    assert_eq!(document["clinical"]["site_version"], 1, "{document:#}");
    let kept = server.get_json(&format!("/api/v1/studies/{study}/clinical"));
    assert_eq!(kept["data"], json!({"age": 50, "risk": "high", "emphysema": true}), "{kept:#}");
    assert_eq!(
        (kept["history"].as_array().unwrap().len(), &kept["history"][0]["author"]),
        (1, &json!("ris"))
    );
    let results = server.get_json(&format!("/api/v1/series/{uid}/results"));
    assert_eq!(results.as_array().unwrap().len(), 1, "known from the first result on: {results:#}");
}

/// Goal: the page's form states a value, the answers on the page change without a reload, and a wrong value is told
/// beside it. Method: Chromium, driven as a person would.
fn stated_on_the_page(server: &Server, uid: &str) {
    if !have("chromedriver") {
        return;
    }
    let python = tools().unwrap();
    let study = findings(server, uid)["study_instance_uid"].as_str().unwrap().to_owned();
    let address = format!("/api/v1/studies/{study}/clinical");
    let (status, _) = put_json(&server.url(&address), &json!({"emphysema": null}));
    assert_eq!(status, 200);
    findings(server, uid);
    let output = run(Command::new(python)
        .arg(root().join("tests/foreign/state_a_value.py"))
        .args([&server.url(""), uid])
        .args(["emphysema", "perhaps", "emphysema", "yes"]));
    let steps: Value = serde_json::from_slice(&output.stdout).unwrap();
    println!("{steps:#}");
    let text = |step: usize, name: &str| steps[step][name].as_str().unwrap().to_owned();
    assert!(text(0, "problem").contains("emphysema"), "{steps:#}");
    assert!(text(1, "before").contains("emphysema on CT"), "{steps:#}");
    assert!(!text(1, "after").contains("emphysema on CT"), "{steps:#}");
    let kept = server.get_json(&address);
    assert_eq!(kept["data"]["emphysema"], true, "{kept:#}");
    assert_eq!(kept["history"][0]["origin"], "web", "{kept:#}");
}

#[test]
fn a_real_scan_with_and_without_clinical_data() {
    let (Some(_), Some(data)) = (tools(), real_data()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let scan = real_series(&data, "LIDC-IDRI-0001");
    let orthanc = Orthanc::start();
    let server = pacs_spec(folder.path(), orthanc.dicom_port, "").start();
    storescu(&server, scan.proposal, &[&scan.folder]);
    before_and_after(&server, &orthanc, folder.path(), &scan.folder, &scan.uid);
    assert_eq!(server.stop(), Some(0));
}

//! The exam triage score: a site with too few exams, the site's own calibration, and a real analysis placed in it.

use crate::pacs::series;
use crate::support::{
    Server, ServerSpec, TINY, get, have, lungcad, referee_python, root, run, simulate, wait_for,
};
use archive::{
    Archive, ArchiveSettings, AttemptLimits, BlobSettings, ClaimedJob, Finish, JobKind, Judged, NewInstance,
    NewResult, SeriesTexts,
};
use domain::{SeriesInstanceUid, SopInstanceUid, StudyInstanceUid};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// The machine may be busy: nothing here is about speed.
const LONG: Duration = Duration::from_secs(400);
/// Exams that a calibration needs.
const NEEDED: usize = 500;
/// Of 500 exams, so many have a lower score than the analysed one: it is the 300th, the last of the sixth tenth.
const BELOW: usize = 299;

fn asked(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = lungcad();
    command.env("LUNGCAD_STORAGE__ROOT", folder.join("data")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A table of exams with these scores.
fn table(path: &Path, scores: impl Iterator<Item = f64>) -> String {
    let rows: String = scores.enumerate().map(|(exam, score)| format!("exam {exam},{score}\n")).collect();
    std::fs::write(path, format!("exam,score\n{rows}")).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn opened(folder: &Path) -> Archive {
    let data = folder.join("data");
    let settings = ArchiveSettings {
        database: format!("sqlite://{}", data.join("lungcad.sqlite").display()),
        blobs: BlobSettings::Local { root: data.join("blobs"), direct_writes: true },
        migrate: false,
        process: "story".into(),
        attempts: AttemptLimits::default(),
    };
    Archive::open(&settings).await.unwrap()
}

fn instance(exam: usize) -> NewInstance {
    let uid = |end: &str| format!("1.2.826.0.1.3680043.2.1143.9.{exam}{end}");
    NewInstance {
        study_uid: StudyInstanceUid::new(&uid("")).unwrap(),
        series_uid: SeriesInstanceUid::new(&uid(".1")).unwrap(),
        sop_instance_uid: SopInstanceUid::new(&uid(".1.1")).unwrap(),
        sop_class_uid: "1.2.840.10008.5.1.4.1.1.2".into(),
        transfer_syntax_uid: "1.2.840.10008.1.2.1".into(),
        data_set_sha256: format!("{exam:064x}"),
        facts_json: "{}".into(),
        texts: SeriesTexts {
            patient_id: format!("E{exam}"),
            modality: "CT".into(),
            ..SeriesTexts::default()
        },
        calling_ae: "STORY".into(),
        association_id: None,
        received_at: archive::now(),
    }
}

async fn claimed(archive: &Archive, kind: JobKind) -> ClaimedJob {
    archive.claim("story", &[kind], Duration::from_secs(600)).await.unwrap().unwrap()
}

/// An exam as a worker leaves it: received, analysed with `result`, published. The same way through the archive; only the
/// networks did not run.
async fn add_exam(archive: &Archive, exam: usize, result: &Value, pack: &str) {
    let new = instance(exam);
    let series = new.series_uid.clone();
    archive.store_instance(new, format!("{exam}").into_bytes().into()).await.unwrap();
    assert!(archive.complete_series(&series, 1, "no gap").await.unwrap());
    let job = claimed(archive, JobKind::AnalyzeSeries).await;
    let new = NewResult {
        input_digest: format!("exam {exam}"),
        config_digest: "story".into(),
        pack: pack.into(),
        finding_count: 1,
        result_json: result.to_string(),
        document_json: "{}".into(),
    };
    assert!(matches!(archive.finish_analysis(&job, &new).await.unwrap(), Finish::Stored(_)));
    let job = claimed(archive, JobKind::ReportSeries).await;
    let judged = Judged { document_json: "{}".into(), clinical_version: 0, triage_score: None };
    archive.finish_judged_report(&job, &judged, &[], &[]).await.unwrap();
}

/// Fills the archive up to `NEEDED` exams with results like that of `uid`, whose score is the 300th of them.
fn fill(folder: &Path, uid: &str, exams: std::ops::Range<usize>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let archive = opened(folder).await;
        let own = archive.current_result(&SeriesInstanceUid::new(uid).unwrap()).await.unwrap().unwrap();
        let result: Value = serde_json::from_str(&own.result_json).unwrap();
        let findings = result["findings"].as_array().unwrap();
        let top = findings.iter().map(|f| f["score"].as_f64().unwrap()).fold(0.0, f64::max);
        assert!(top > 0.5 && top < 1.0, "{top}");
        for exam in exams {
            let mut result = result.clone();
            let (count, rest) = (BELOW as f64, (NEEDED - BELOW) as f64);
            let score = match exam {
                k if k < BELOW => top * k as f64 / count,
                k => top + (1.0 - top) * (k - BELOW + 1) as f64 / rest,
            };
            let mut one = findings[0].clone();
            one["score"] = json!(score);
            result["findings"] = json!([one]);
            add_exam(&archive, exam, &result, &own.pack).await;
        }
        archive.close().await;
    });
}

/// What highdicom and dsrdump read of the report of `uid`.
fn report(server: &Server, uid: &str, folder: &Path) -> (Option<Value>, String) {
    let (status, bytes) = get(&server.url(&format!("/api/v1/series/{uid}/objects/report.sr.dcm")));
    assert_eq!(status, 200);
    std::fs::create_dir_all(folder).unwrap();
    let file = folder.join("report.sr.dcm");
    std::fs::write(&file, bytes).unwrap();
    let read = referee_python().map(|python| {
        let output = run(Command::new(python).arg(root().join("tests/foreign/read_objects.py")).arg(folder));
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        read["reports"][0]["triage"].clone()
    });
    let text = if have("dsrdump") {
        String::from_utf8_lossy(&run(Command::new("dsrdump").arg("+Pl").arg(&file)).stdout).into_owned()
    } else {
        String::new()
    };
    (read, text)
}

/// Goal: the site is not calibrated, and says so with the count, until 500 of its own exams are there, in a table and in
/// the archive; then an analysed scan has the tenth of its rank on REST, in the SR, on the command line and in the list,
/// which still holds every exam. Method: one analysis; 499 exams like it, put into the archive the way a worker does;
/// the analysis again.
#[test]
fn a_scan_is_placed_among_the_sites_own_exams() {
    let folder = tempfile::tempdir().unwrap();
    let scan = simulate(&folder.path().join("scan"), TINY);
    let uid = scan.series.as_str();
    let mut spec = ServerSpec::new(folder.path());
    spec.toml = "[completion]\nquiet_s = 1.0\nquiet_long_s = 3.0\n".to_owned();
    let server = spec.start();
    server.send(&scan.folder);
    let document = server.settled(uid, LONG)["series"][0].clone();
    assert_eq!(document["state"], "done", "{document:#}\n{}", server.log());
    let triage = &document["triage"];
    assert_eq!((&triage["status"], &triage["score"]), (&json!("not_calibrated"), &Value::Null), "{triage:#}");
    assert_eq!((&triage["exams_count"], &triage["exams_count_min"]), (&json!(0), &json!(NEEDED)));
    assert_eq!(series(&server, uid)["triage"]["words"], "not calibrated: 0 of 500 exams");
    let (read, text) = report(&server, uid, &folder.path().join("before"));
    assert!(read.is_none_or(|read| read["code"] == "TRIAGE_NONE"), "{text}");
    assert!(text.is_empty() || text.contains("0 earlier exams have a result of baseline-log"), "{text}");

    let few = table(&folder.path().join("few.csv"), (1..NEEDED).map(|k| k as f64 / 1000.0));
    let refused = asked(folder.path(), &["calibrate", "--triage", "--scores", &few]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("not calibrated: 499 of 500 exams"), "{}", said(&refused));
    assert_eq!(server.get_json("/api/v1/triage")["calibrations"], json!([]));
    let enough = table(&folder.path().join("enough.csv"), (0..NEEDED).map(|k| k as f64 / 1000.0));
    let first = asked(folder.path(), &["calibrate", "--triage", "--scores", &enough]);
    assert!(first.status.success(), "{}", said(&first));
    assert!(said(&first).contains("triage calibration 1") && said(&first).contains("never a reason to skip"));
    let listed = server.get_json("/api/v1/triage")["calibrations"][0].clone();
    assert_eq!((&listed["version"], &listed["origin"]), (&json!(1), &json!("table enough.csv")));
    assert_eq!(server.stop(), Some(0));

    fill(folder.path(), uid, 0..NEEDED - 2);
    let few = asked(folder.path(), &["calibrate", "--triage"]);
    assert!(said(&few).contains("not calibrated: 499 of 500 exams"), "{}", said(&few));
    fill(folder.path(), uid, NEEDED - 2..NEEDED - 1);
    let second = asked(folder.path(), &["calibrate", "--triage"]);
    assert!(second.status.success(), "{}", said(&second));
    assert!(said(&second).contains("triage calibration 2") && said(&second).contains("500 exams (archive)"));

    let server = spec.start();
    assert_eq!(crate::support::request("POST", &server.url(&format!("/api/v1/series/{uid}/requeue"))).0, 202);
    let document = wait_for(&format!("the placed result\n{}", server.log()), LONG, || {
        let document = server.settled(uid, LONG)["series"][0].clone();
        (document["triage"]["score"].is_u64()).then_some(document)
    });
    let triage = &document["triage"];
    assert_eq!((&triage["score"], &triage["calibration_version"]), (&json!(6), &json!(2)), "{triage:#}");
    let results = server.get_json(&format!("/api/v1/series/{uid}/results"));
    assert_eq!((&results[0]["state"], &results[0]["triage_score"]), (&json!("superseded"), &Value::Null));
    assert_eq!(
        (&results[1]["triage_score"], &results[1]["triage_calibration_version"]),
        (&json!(6), &json!(2))
    );
    let (read, text) = report(&server, uid, &folder.path().join("after"));
    assert!(read.is_none_or(|read| read["code"] == "TRIAGE_06" && read["meaning"] == "6 of 10"), "{text}");
    assert!(text.is_empty() || text.contains("500 of this site's exams (calibration 2)"), "{text}");
    let told = asked(folder.path(), &["findings", uid, "--server", &server.url("")]);
    assert!(said(&told).contains("exam triage: 6 of 10"), "{}", said(&told));
    is_first_of_all(&server, uid);
    the_page_says_it(&server, uid, &document);
    assert_eq!(server.stop(), Some(0));
}

/// The worklist page shows a reader the place, the guideline's answer, risks and what is missing with a form for it, in words:
/// as a browser renders it, no id of a row or an input is visible.
fn the_page_says_it(server: &Server, uid: &str, series: &Value) {
    if !have("chromium") {
        return;
    }
    let page = server.url(&format!("/#{uid}"));
    let output = run(Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(&page));
    let html = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = html
        .split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, text)| text))
        .collect::<Vec<_>>()
        .join(" ");
    for words in [
        "6 of 10",
        "never a reason to skip a reading",
        "Fleischner Society 2017: no answer (not known: risk of the person, low or high)",
        "Brock (PanCan) 2a, full without spiculation",
        "emphysema on CT",
        "The findings are judged again; no analysis runs.",
    ] {
        assert!(text.contains(words), "{words} is not on the page\n{text}");
    }
    assert!(series["nodules"][0]["clinical"]["risks"][0]["model"] == "brock2a", "{series:#}");
    for id in ["FL17-", "BTS15-", "family_history_lung_cancer", "brock2a"] {
        assert!(!text.contains(id), "{id} is on the page\n{text}");
    }
}

/// The oldest exam comes first by triage and last by age; both lists hold all 500.
fn is_first_of_all(server: &Server, uid: &str) {
    for (order, place) in [("triage", 0), ("newest", NEEDED - 1)] {
        let mut all = Vec::new();
        for offset in (0..NEEDED + 200).step_by(200) {
            let page = server.get_json(&format!("/api/v1/studies?order={order}&limit=200&offset={offset}"));
            all.extend(page["items"].as_array().unwrap().iter().map(|study| study["series"][0].clone()));
        }
        assert_eq!(all.len(), NEEDED, "{order}");
        assert_eq!(all[place]["series_instance_uid"], uid, "{order}: {:#}", all[place]);
        assert_eq!(all[place]["triage_score"], 6, "{order}");
    }
}

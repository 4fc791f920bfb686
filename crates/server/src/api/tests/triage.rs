//! The exam triage score over REST: on the series, in lists, as their order, and the calibrations behind it.

use super::*;
use archive::{Judged, NewTriageCalibration};

/// A series of `study` with this triage score.
async fn placed(server: &Server, study: &str, score: Option<u8>) {
    let archive = &server.archive;
    let series = format!("{study}.1");
    let instance = NewInstance {
        study_uid: StudyInstanceUid::new(study).unwrap(),
        series_uid: SeriesInstanceUid::new(&series).unwrap(),
        sop_instance_uid: SopInstanceUid::new(&format!("{series}.1")).unwrap(),
        sop_class_uid: "1.2.840.10008.5.1.4.1.1.2".into(),
        transfer_syntax_uid: "1.2.840.10008.1.2.1".into(),
        data_set_sha256: "00".repeat(32),
        facts_json: "{}".into(),
        texts: SeriesTexts { modality: "CT".into(), ..SeriesTexts::default() },
        calling_ae: "CT1".into(),
        association_id: None,
        received_at: archive::now(),
    };
    archive.store_instance(instance, Bytes::from_static(b"bytes")).await.unwrap();
    archive.complete_series(&SeriesInstanceUid::new(&series).unwrap(), 1, "no gap").await.unwrap();
    let job = claimed(archive, JobKind::AnalyzeSeries).await;
    let mut new = result(&document(), &series);
    new.config_digest = "c triage 1".into();
    archive.finish_analysis(&job, &new).await.unwrap();
    let job = claimed(archive, JobKind::ReportSeries).await;
    let document = SeriesDocument { triage: score.map(triage), ..document() };
    let judged = Judged {
        document_json: serde_json::to_string(&document).unwrap(),
        clinical_version: 0,
        triage_score: score.map(i64::from),
    };
    archive.finish_judged_report(&job, &judged, &[], &[]).await.unwrap();
}

/// Goal: the list can be ordered by the score, names it, and leaves nothing out; a series shows it in full; a result
/// names the calibration; a wrong word is told.
#[tokio::test]
async fn lists_are_ordered_and_series_placed() {
    let server = Server::start(None).await;
    for (study, score) in [("1.2.3", Some(9)), ("1.2.4", None), ("1.2.5", Some(2)), ("1.2.6", Some(10))] {
        placed(&server, study, score).await;
    }
    let listed = async |query: &str| -> Vec<(String, Option<u64>)> {
        let page = server.json(&format!("/api/v1/studies{query}")).await;
        let items = page["items"].as_array().unwrap().clone();
        let one = |s: &Value| {
            assert_eq!(s["triage_score"], s["series"][0]["triage_score"]);
            (s["study_instance_uid"].as_str().unwrap().to_owned(), s["triage_score"].as_u64())
        };
        items.iter().map(one).collect()
    };
    let by = |rows: &[(&str, Option<u64>)]| -> Vec<(String, Option<u64>)> {
        rows.iter().map(|(uid, score)| ((*uid).to_owned(), *score)).collect()
    };
    let newest = by(&[("1.2.6", Some(10)), ("1.2.5", Some(2)), ("1.2.4", None), ("1.2.3", Some(9))]);
    assert_eq!(listed("").await, newest);
    assert_eq!(listed("?order=newest").await, newest);
    let triage = by(&[("1.2.6", Some(10)), ("1.2.3", Some(9)), ("1.2.5", Some(2)), ("1.2.4", None)]);
    assert_eq!(listed("?order=triage").await, triage);
    assert_eq!(listed("?order=triage&limit=1&offset=3").await, triage[3..]);
    check_problem(server.get("/api/v1/studies?order=size"), 400, "size").await;
    let series = server.json("/api/v1/series/1.2.3.1").await;
    assert_eq!((&series["triage"]["words"], &series["triage"]["score"]), (&json!("9 of 10"), &json!(9)));
    assert!(series["triage"]["intended_use"].as_str().unwrap().contains("never a reason to skip a reading"));
    let findings = server.json("/api/v1/series/1.2.3.1/findings").await;
    crate::openapi::tests::check_findings(&findings);
    assert_eq!(findings["series"][0]["triage"]["score"], 9);
    let words = server.json("/api/v1/series/1.2.3.1/reading").await;
    assert_eq!(words["triage"][0], "9 of 10", "{words:#}");
    let words = server.json("/api/v1/series/1.2.3.1/reading?language=zh-CN").await;
    assert_eq!(words["triage"][0], "9 / 10", "{words:#}");
    check_problem(server.get("/api/v1/series/1.2.3.1/reading?language=xx"), 400, "en or zh").await;
    let results = server.json("/api/v1/series/1.2.3.1/results").await;
    assert_eq!(
        (&results[0]["triage_score"], &results[0]["triage_calibration_version"]),
        (&json!(9), &json!(1))
    );
}

/// Goal: calibrations are shown with what they hold for, newest first; none where the site has none.
#[tokio::test]
async fn calibrations_are_shown() {
    let server = Server::start(None).await;
    assert_eq!(server.json("/api/v1/triage").await["calibrations"], json!([]));
    for origin in ["archive", "table a.csv"] {
        let new = NewTriageCalibration {
            pack: "p 1".into(),
            calibration_json: "{\"cuts\":[0.1]}".into(),
            exams_count: 500,
            origin: origin.into(),
        };
        server.archive.store_triage_calibration(&new).await.unwrap();
    }
    let shown = server.json("/api/v1/triage").await;
    assert_eq!(shown["calibrations"].as_array().unwrap().len(), 2);
    let latest = &shown["calibrations"][0];
    assert_eq!((&latest["version"], &latest["origin"]), (&json!(2), &json!("table a.csv")));
    assert_eq!(latest["calibration"]["cuts"], json!([0.1]));
}

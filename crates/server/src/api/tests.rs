//! Goal: what REST promises, asked over a real socket of a real archive in a temporary folder.

mod clinical;
mod study_clinical;
mod triage;

use super::*;
use archive::{
    ArchiveSettings, AttemptLimits, BlobSettings, JobKind, NewInstance, NewObject, NewResult, NewSkip,
    SeriesTexts,
};
use bytes::Bytes;
use domain::{
    Attenuation, LungsDocument, NoduleDocument, PackDocument, ReasonDocument, SeriesDocument,
    SeriesInstanceUid, SeriesState, Side, SopInstanceUid, StudyInstanceUid, Timings,
};
use serde_json::json;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const DONE: &str = "1.2.3.1";
const SKIPPED: &str = "1.2.3.2";

struct Server {
    base: String,
    client: reqwest::Client,
    archive: archive::Archive,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Server {
    async fn start(token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = archive::Archive::open(&ArchiveSettings {
            database: format!("sqlite://{}/test.sqlite", folder.path().display()),
            blobs: BlobSettings::Local { root: folder.path().join("blobs"), direct_writes: true },
            migrate: true,
            process: "test".into(),
            attempts: AttemptLimits::default(),
        })
        .await
        .unwrap();
        let env =
            [("LUNGCAD_DESTINATIONS".to_owned(), "up=UP@127.0.0.1:104,down=DOWN@127.0.0.1:105".to_owned())];
        let settings = crate::config::load_from(None, &env).unwrap();
        let echo: Echo = Arc::new(|destination| {
            Box::pin(async move {
                let up = destination.name == "up";
                if up {
                    Ok(Duration::from_millis(7))
                } else {
                    Err("connection refused; is it running?".to_owned())
                }
            })
        });
        let state = AppState::new(Shared {
            archive: archive.clone(),
            destinations: settings.destinations,
            token: token.map(Secret::new),
            request_timeout: Duration::from_secs(30),
            telemetry: Telemetry::detached().unwrap(),
            echo,
            readiness: Arc::new(|| Box::pin(async { Vec::new() })),
            last_look: tokio::sync::Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, state, stop.clone()));
        Self { base, client: reqwest::Client::new(), archive, stop, _folder: folder }
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.base))
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.base))
    }

    async fn json(&self, path: &str) -> Value {
        let response = self.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }
}

/// The answer is a problem document of `status` whose detail holds `part`; returns it.
async fn check_problem(request: reqwest::RequestBuilder, status: u16, part: &str) -> Value {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["request_id"], json!(id));
    assert!(problem["type"].as_str().unwrap().starts_with("urn:lungcad:problem:"));
    assert!(problem["detail"].as_str().unwrap().contains(part), "{problem} lacks {part:?}");
    problem
}

fn nodule(number: usize) -> NoduleDocument {
    NoduleDocument {
        number,
        tracking_uid: format!("2.25.{number}"),
        center_lps_mm: [-60.0, -20.5, 30.0].into(),
        center_voxel_zyx: [10.0, 20.0, 30.0].into(),
        key_sop_instance_uid: "1.2.3.1.1".into(),
        key_frame_number: None,
        score: 0.9,
        long_axis_mm: 9.0,
        short_axis_mm: 7.0,
        mean_diameter_mm: 8.0,
        volume_mm3: 260.0,
        hu_mean: 10.0,
        hu_sd: 30.0,
        attenuation: Attenuation::PartSolid,
        character: None,
        side: Side::Right,
        place_in_lung: None,
        lobe: None,
        clinical: None,
    }
}

fn document() -> SeriesDocument {
    SeriesDocument {
        study_instance_uid: "1.2.3".into(),
        series_instance_uid: DONE.into(),
        state: SeriesState::Done,
        reason: None,
        warnings: vec![ReasonDocument { code: "THICK_SLICES".into(), message: "slices are thick".into() }],
        timings_ms: Timings { total: 12, ..Timings::default() },
        pack: Some(PackDocument {
            name: "baseline-log".into(),
            version: "1.0.0".into(),
            sha256: "ab".repeat(32),
            threshold: 0.5,
            runtime: "onnxruntime CPU f32".into(),
        }),
        lungs: Some(LungsDocument { left_ml: 2000.0, right_ml: 2400.0 }),
        nodules: vec![nodule(1), nodule(2)],
        clinical: None,
        triage: None,
    }
}

async fn receive(archive: &archive::Archive, series: &str) {
    let texts = SeriesTexts {
        patient_id: "P<1>".into(),
        patient_name: "Müller^Jörg".into(),
        accession_number: "A77".into(),
        modality: "CT".into(),
        ..SeriesTexts::default()
    };
    let instance = NewInstance {
        study_uid: StudyInstanceUid::new("1.2.3").unwrap(),
        series_uid: SeriesInstanceUid::new(series).unwrap(),
        sop_instance_uid: SopInstanceUid::new(&format!("{series}.1")).unwrap(),
        sop_class_uid: "1.2.840.10008.5.1.4.1.1.2".into(),
        transfer_syntax_uid: "1.2.840.10008.1.2.1".into(),
        data_set_sha256: "00".repeat(32),
        facts_json: "{}".into(),
        texts,
        calling_ae: "CT1".into(),
        association_id: None,
        received_at: archive::now(),
    };
    archive.store_instance(instance, Bytes::from_static(b"bytes")).await.unwrap();
}

async fn claimed(archive: &archive::Archive, kind: JobKind) -> archive::ClaimedJob {
    archive.claim("w", &[kind], Duration::from_secs(60)).await.unwrap().unwrap()
}

fn result(document: &SeriesDocument, digest: &str) -> NewResult {
    NewResult {
        input_digest: digest.into(),
        config_digest: "c".into(),
        pack: "baseline-log 1.0.0".into(),
        finding_count: i64::try_from(document.nodules.len()).unwrap(),
        result_json: "{}".into(),
        document_json: serde_json::to_string(document).unwrap(),
    }
}

/// Where the exam lies among the site's own.
fn triage(score: u8) -> domain::ExamTriage {
    domain::ExamTriage {
        status: domain::TriageStatus::Calibrated,
        score: Some(score),
        exam_score: 0.9,
        calibration_version: Some(1),
        exams_count: 812,
        exams_count_min: 500,
        reason: None,
        intended_use: domain::TRIAGE_USE.to_owned(),
    }
}

/// One series done with pictures, SR and a dead delivery; one skipped.
async fn fill(archive: &archive::Archive) {
    receive(archive, DONE).await;
    let uid = SeriesInstanceUid::new(DONE).unwrap();
    archive.complete_series(&uid, 1, "no gap").await.unwrap();
    let job = claimed(archive, JobKind::AnalyzeSeries).await;
    archive.finish_analysis(&job, &result(&document(), "d1")).await.unwrap();
    let job = claimed(archive, JobKind::ReportSeries).await;
    let object = |role: &str, name: &str, class: Option<&str>, bytes: &'static [u8]| NewObject {
        role: role.into(),
        name: name.into(),
        sop_class_uid: class.map(str::to_owned),
        sop_instance_uid: class.map(|_| "2.25.9".to_owned()),
        series_uid: class.map(|_| "2.25.8".to_owned()),
        bytes: Bytes::from_static(bytes),
    };
    let objects = [
        object("sr", "report.dcm", Some("1.2.840.10008.5.1.4.1.1.88.34"), b"SR"),
        object("png", "nodule-1.png", None, b"PNG1"),
        object("png", "nodule-2.png", None, b"PNG2"),
    ];
    archive.finish_report(&job, &objects, &["up".to_owned()]).await.unwrap();
    let job = claimed(archive, JobKind::DeliverResult).await;
    archive.fail_job_for_good(&job, "association rejected").await.unwrap();
    receive(archive, SKIPPED).await;
    let uid = SeriesInstanceUid::new(SKIPPED).unwrap();
    archive.complete_series(&uid, 1, "no gap").await.unwrap();
    let job = claimed(archive, JobKind::AnalyzeSeries).await;
    let skip = NewSkip { code: "LOCALIZER".into(), message: "only scouts".into(), reason_json: "{}".into() };
    let without = SeriesDocument::without_result("1.2.3", SKIPPED, SeriesState::Skipped, None);
    archive.finish_skip(&job, &skip, &result(&without, "d2"), &[], &[]).await.unwrap();
}

#[tokio::test]
async fn a_study_is_found_by_what_a_person_knows_and_tells_state_and_reason() {
    let server = Server::start(None).await;
    fill(&server.archive).await;
    for query in ["", "?patient_id=P%3C1%3E", "?accession_number=A77", "?search=jörg", "?state=skipped"] {
        let page = server.json(&format!("/api/v1/studies{query}")).await;
        assert_eq!(page["items"][0]["patient_name"], "Müller^Jörg", "{query}");
        let series = page["items"][0]["series"].as_array().unwrap();
        let skipped = series.iter().find(|s| s["series_instance_uid"] == SKIPPED).unwrap();
        assert_eq!(skipped["reason"], json!({"code": "LOCALIZER", "message": "only scouts"}));
    }
    assert_eq!(server.json("/api/v1/studies?search=nobody").await["items"], json!([]));
    assert_eq!(server.json("/api/v1/studies/1.2.3").await["series"].as_array().unwrap().len(), 2);
    check_problem(server.get("/api/v1/studies/9.9"), 404, "9.9").await;
    check_problem(server.get("/api/v1/studies/..%2F"), 400, "study").await;
    check_problem(server.get("/api/v1/studies?limit=0"), 400, "limit").await;
    check_problem(server.get("/api/v1/studies?pateint_id=1"), 400, "pateint_id").await;
}

#[tokio::test]
async fn a_series_shows_its_way_its_findings_and_its_objects() {
    let server = Server::start(None).await;
    fill(&server.archive).await;
    let series = server.json(&format!("/api/v1/series/{DONE}")).await;
    assert_eq!((series["state"].as_str(), series["finding_count"].as_i64()), (Some("done"), Some(2)));
    assert_eq!(series["timings_ms"]["total"], 12);
    assert_eq!(series["deliveries"][0]["last_error"], "association rejected");
    let kinds: Vec<_> =
        series["events"].as_array().unwrap().iter().filter_map(|e| e["kind"].as_str()).collect();
    assert_eq!(kinds.first(), Some(&"series_opened"));
    assert!(kinds.contains(&"delivery_dead"), "{kinds:?}");
    let findings = server.json(&format!("/api/v1/series/{DONE}/findings")).await;
    crate::openapi::tests::check_findings(&findings);
    assert_eq!(findings["series"][0]["nodules"][1]["attenuation"], "part-solid");
    let findings = server.json(&format!("/api/v1/series/{SKIPPED}/findings")).await;
    crate::openapi::tests::check_findings(&findings);
    assert_eq!(findings["series"][0]["reason"]["code"], "LOCALIZER");
    let picture = server.get(&format!("/api/v1/series/{DONE}/nodules/2.png")).send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/png");
    assert_eq!(picture.bytes().await.unwrap(), "PNG2");
    let objects = server.json(&format!("/api/v1/series/{DONE}/objects")).await;
    let report = server.get(objects[0]["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(report.headers()["content-type"], "application/dicom");
    assert_eq!(report.headers()["content-disposition"], "attachment; filename=\"report.dcm\"");
    assert_eq!(report.bytes().await.unwrap(), "SR");
    check_problem(server.get(&format!("/api/v1/series/{DONE}/nodules/3.png")), 404, "nodule 3").await;
    check_problem(server.get(&format!("/api/v1/series/{DONE}/nodules/x.gif")), 400, "1.png").await;
    check_problem(server.get(&format!("/api/v1/series/{DONE}/objects/..%2Fx")), 404, "no object").await;
    check_problem(server.get("/api/v1/series/7.7/findings"), 404, "7.7").await;
}

#[tokio::test]
async fn lists_are_paged_and_dead_work_can_be_asked_for_again() {
    let server = Server::start(None).await;
    fill(&server.archive).await;
    let first = server.json("/api/v1/jobs?limit=2").await;
    assert_eq!((first["items"].as_array().unwrap().len(), first["next_offset"].as_i64()), (2, Some(2)));
    let last = server.json("/api/v1/jobs?limit=2&offset=2").await;
    assert_eq!((last["items"].as_array().unwrap().len(), last["next_offset"].as_i64()), (2, None));
    let dead = server.json("/api/v1/jobs?state=dead&kind=deliver_result").await["items"][0].clone();
    assert_eq!(dead["error"], "association rejected");
    assert_eq!(server.json(&format!("/api/v1/jobs/{}", dead["job_id"].as_str().unwrap())).await, dead);
    check_problem(server.get("/api/v1/jobs?state=asleep"), 400, "asleep").await;
    check_problem(server.get("/api/v1/jobs/nobody"), 404, "nobody").await;
    check_problem(server.post("/api/v1/jobs/nobody/requeue"), 404, "nobody").await;
    let delivery = server.json("/api/v1/deliveries?state=dead&destination=up").await["items"][0].clone();
    let path = format!("/api/v1/deliveries/{}/requeue", delivery["delivery_id"].as_str().unwrap());
    assert_eq!(server.post(&path).send().await.unwrap().status(), 202);
    check_problem(server.post(&path), 409, "").await;
    assert_eq!(server.json("/api/v1/deliveries?state=pending").await["items"].as_array().unwrap().len(), 1);
    let path = format!("/api/v1/series/{SKIPPED}/requeue");
    assert_eq!(server.post(&path).send().await.unwrap().status(), 202);
    check_problem(server.post(&path), 409, "queued").await;
}

#[tokio::test]
async fn destinations_answer_or_say_what_is_wrong() {
    let server = Server::start(None).await;
    assert_eq!(server.json("/api/v1/destinations").await[1]["ae_title"], "DOWN");
    let echo: Value = server.post("/api/v1/destinations/up/echo").send().await.unwrap().json().await.unwrap();
    assert_eq!(echo, json!({"name": "up", "ms": 7}));
    check_problem(server.post("/api/v1/destinations/down/echo"), 502, "refused").await;
    check_problem(server.post("/api/v1/destinations/none/echo"), 404, "none").await;
}

#[tokio::test]
async fn a_token_protects_everything_that_tells_of_patients() {
    let server = Server::start(Some(TOKEN)).await;
    fill(&server.archive).await;
    let protected =
        ["/api/v1/studies", "/api/v1/series/1.2.3.1", "/api/v1/jobs", "/api/v1/status", "/metrics"];
    for path in protected {
        check_problem(server.get(path), 401, "Bearer").await;
        check_problem(server.get(path).bearer_auth("0123456789abcdef0123456789abcdee"), 401, "Bearer").await;
        check_problem(server.get(path).bearer_auth(""), 401, "Bearer").await;
        let answer = server.get(path).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    check_problem(server.post("/api/v1/series/1.2.3.1/requeue"), 401, "Bearer").await;
    for path in ["/healthz", "/readyz", "/", "/api", "/api/openapi.json", "/web/style.css"] {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let headers = answer.headers();
        assert!(headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let text = answer.text().await.unwrap();
        assert!(!text.contains("Müller") && !text.contains(DONE), "{path}");
    }
}

#[tokio::test]
async fn strange_requests_get_problem_documents() {
    let server = Server::start(None).await;
    check_problem(server.get("/nowhere"), 404, "/api").await;
    check_problem(server.get("/web/../Cargo.toml"), 404, "").await;
    check_problem(server.post("/api/v1/studies"), 405, "").await;
    check_problem(server.get("/api/v1/studies").header("host", "evil.example"), 421, "http.token").await;
    let foreign = server.post("/api/v1/destinations/up/echo").header("origin", "http://evil.example");
    check_problem(foreign, 403, "another site").await;
    let large = server.post("/api/v1/destinations/up/echo").body(vec![0_u8; 100_000]);
    check_problem(large, 413, "").await;
    let given = check_problem(server.get("/nowhere").header("x-request-id", "abc-1"), 404, "").await;
    assert_eq!(given["request_id"], "abc-1");
    let replaced = check_problem(server.get("/nowhere").header("x-request-id", "a b;c"), 404, "").await;
    assert_ne!(replaced["request_id"], "a b;c");
}

#[tokio::test]
async fn metrics_count_what_is_in_the_archive() {
    let server = Server::start(None).await;
    fill(&server.archive).await;
    let text = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        "lungcad_series{state=\"done\"} 1",
        "lungcad_series{state=\"failed\"} 0",
        "lungcad_deliveries{state=\"dead\"} 1",
        "lungcad_jobs_dead 1",
        "lungcad_instances 2",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    let status = server.json("/api/v1/status").await;
    assert_eq!(
        (status["series"]["skipped"].as_i64(), status["deliveries_dead"].as_i64()),
        (Some(1), Some(1))
    );
}

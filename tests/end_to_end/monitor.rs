//! `lungcad monitor`: a reference of the archive, the archive against it, and the gauges of the running server;
//! `evaluate` and `calibrate` on what the archive holds.

use crate::support::{ServerSpec, TINY, get, lungcad, simulate, wait_for};
use serde_json::Value;
use std::process::Output;
use std::time::Duration;

/// Goal: from a scan that was received: the reference counts it, the archive is like its own reference and unlike one
/// with another kernel, which is named; `/metrics` shows every signal; the archive's marks can be measured and
/// calibrated on. Method: one simulated chest, a server that is started again with the reference.
#[test]
fn an_archive_is_compared_with_its_reference() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let scan = simulate(&at("scan"), TINY);
    let mut spec = ServerSpec::new(folder.path());
    let server = spec.start();
    server.send(&scan.folder);
    let document = server.settled(&scan.series, Duration::from_secs(180));
    assert_eq!(document["series"][0]["state"], "done", "{document:#}");
    let ask = |arguments: &[&str]| -> Output {
        let mut command = lungcad();
        command.env("LUNGCAD_STORAGE__ROOT", at("data")).args(arguments).output().unwrap()
    };
    let done = |output: Output| -> String {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let reference = at("reference.json");
    let (reference_text, truth) = (reference.to_str().unwrap(), at("scan/truth.json"));
    let said = done(ask(&["monitor", "--write-reference", reference_text]));
    assert!(said.contains("reference of 1 series"), "{said}");
    let drifts: Vec<Value> =
        serde_json::from_str(&done(ask(&["monitor", "--reference", reference_text, "--json"]))).unwrap();
    let names: Vec<&str> = drifts.iter().map(|d| d["signal"].as_str().unwrap()).collect();
    for signal in
        ["score", "diameter_mm", "marks_per_series", "kernel", "scanner", "outcome", "lung_volume_ml"]
    {
        assert!(names.contains(&signal), "{signal}: {names:?}");
    }
    assert!(drifts.iter().all(|d| d["level"] == "too-few"), "one series says nothing: {drifts:#?}");
    let mut other: Value = serde_json::from_slice(&std::fs::read(&reference).unwrap()).unwrap();
    other["words"]["kernel"] = serde_json::json!({"B70f": 500});
    std::fs::write(at("other.json"), other.to_string()).unwrap();
    let told = done(ask(&["monitor", "--reference", at("other.json").to_str().unwrap()]));
    let row = told.lines().find(|l| l.contains("kernel")).unwrap();
    assert!(row.contains("look"), "a kernel that the reference never saw: {row}");

    let truth = truth.to_str().unwrap();
    let measured: Value =
        serde_json::from_str(&done(ask(&["evaluate", "--truth", truth, "--archive", "--json"]))).unwrap();
    assert_eq!(measured["detection"]["counts"]["hits"], 1, "{measured:#}");
    assert_eq!(measured["pack"]["name"], "baseline-log");
    let site = at("site");
    let arguments =
        ["calibrate", "--fp-per-scan", "0", "--truth", truth, "--archive", "--out", site.to_str().unwrap()];
    let calibrated = ask(&arguments);
    let errors = String::from_utf8_lossy(&calibrated.stderr).into_owned();
    // The archive's marks end at the pack's threshold: with a false mark among them a threshold is found, without they run out.
    assert!(calibrated.status.success() || errors.contains("marks below a score were left out"), "{errors}");

    assert_eq!(server.stop(), Some(0));
    spec.toml = format!("[monitor]\nreference_file = {reference_text:?}\nevery_s = 1\n");
    let server = spec.start();
    let metrics = wait_for("drift at /metrics", Duration::from_secs(60), || {
        let (status, body) = get(&server.url("/metrics"));
        let text = String::from_utf8_lossy(&body).into_owned();
        (status == 200 && text.contains("lungcad_drift_level{")).then_some(text)
    });
    assert!(metrics.contains("lungcad_drift_psi{signal=\"score\"}"), "{metrics}");
    assert_eq!(server.stop(), Some(0));
}

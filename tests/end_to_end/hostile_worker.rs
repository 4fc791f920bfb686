//! Workers that die or hang: one try is counted, the reason is shown, the next try or the end follows, and the
//! receiver never notices.
#![allow(clippy::print_stdout)] // statuses, reasons and figures, and what is skipped

use crate::hostile::{Health, chest, children, instance_count, ready, sane_scan_goes_through};
use crate::support::{Server, ServerSpec, wait_for};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

/// Waits until the worker analyses the series, and kills it; the worker's pid.
fn kill_in_mid_analysis(server: &Server, series: &str, signal: &str, attempt: i64) {
    let path = format!("/api/v1/jobs?series={series}");
    wait_for(&format!("try {attempt} to run\n{}", server.log()), LIMIT, || {
        let jobs = server.get_json(&path);
        let running = |job: &Value| job["state"] == "running" && job["attempt"] == attempt;
        jobs["items"].as_array()?.iter().any(running).then_some(())
    });
    let workers = children(server.process.0.id());
    assert_eq!(workers.len(), 1, "{workers:?}");
    // The first SIGSEGV sent from outside only takes away Rust's own handler (a real fault would come again).
    wait_for("the worker to end", LIMIT, || {
        let _ = Command::new("kill").args([signal, &workers[0].to_string()]).stderr(Stdio::null()).status();
        (!children(server.process.0.id()).contains(&workers[0])).then_some(())
    });
}

/// Messages of the events of a kind.
fn events(server: &Server, series: &str, kind: &str) -> Vec<String> {
    let record = server.get_json(&format!("/api/v1/series/{series}"));
    let events = record["events"].as_array().unwrap();
    let of_kind = events.iter().filter(|event| event["kind"] == kind);
    of_kind.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

/// Goal: a worker that crashes costs one try, its reason is in the events, and the next try gives the result.
/// Method: SIGSEGV in mid analysis.
#[test]
fn a_crash_costs_one_try() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerSpec::new(folder.path()).start();
    let health = Health::of(&server);
    ready(&server);
    let scan = chest(&folder.path().join("scan"));
    server.send(&scan.folder);
    kill_in_mid_analysis(&server, &scan.series, "-SEGV", 1);
    health.check(&mut server);
    let document = server.settled(&scan.series, LIMIT);
    assert_eq!(document["series"][0]["state"], "done", "{document:#}\n{}", server.log());
    let failed = events(&server, &scan.series, "try_failed");
    println!("{failed:?}");
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("try 1 of 3") && failed[0].contains("signal 11"), "{failed:?}");
    assert_eq!(instance_count(&server, &scan.series), 70);
    health.check(&mut server);
    assert_eq!(server.stop(), Some(0));
}

/// Goal: a series whose every try crashes its worker ends as failed with the reason; the next series goes through.
/// Method: two tries, both killed; then a sane scan.
#[test]
#[ignore = "nightly: three analyses, one after the other"]
fn a_series_that_always_crashes_ends_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = ServerSpec::new(folder.path());
    spec.toml = "[worker]\ntries_max = 2\n".to_owned();
    let mut server = spec.start();
    let health = Health::of(&server);
    ready(&server);
    let scan = chest(&folder.path().join("scan"));
    server.send(&scan.folder);
    kill_in_mid_analysis(&server, &scan.series, "-SEGV", 1);
    kill_in_mid_analysis(&server, &scan.series, "-ABRT", 2);
    let document = server.settled(&scan.series, LIMIT);
    let one = &document["series"][0];
    assert_eq!((&one["state"], &one["reason"]["code"]), (&"failed".into(), &"ANALYSIS_FAILED".into()));
    let reason = one["reason"]["message"].as_str().unwrap();
    println!("{reason}");
    assert!(reason.contains("signal 6"), "{reason}");
    let jobs = server.get_json("/api/v1/jobs?state=dead");
    assert_eq!(jobs["items"][0]["attempt"], 2, "{jobs:#}");
    assert_eq!(events(&server, &scan.series, "failed").len(), 1);
    health.check(&mut server);
    sane_scan_goes_through(&server, &folder.path().join("again"));
    assert_eq!(server.stop(), Some(0));
}

/// Goal: a worker that eats memory dies alone, with a reason, and only its series fails. Method: a limit of memory
/// that loads the networks but does not hold the analysis.
#[test]
fn a_worker_that_eats_memory_dies_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = ServerSpec::new(folder.path());
    spec.toml = "[worker]\ntries_max = 2\nmemory_max_gb = 0.5\n[models]\nthreads = 1\n".to_owned();
    let mut server = spec.start();
    let health = Health::of(&server);
    ready(&server);
    let scan = chest(&folder.path().join("scan"));
    server.send(&scan.folder);
    let document = server.settled(&scan.series, LIMIT);
    let one = &document["series"][0];
    println!("{} {}", one["reason"]["code"], one["reason"]["message"]);
    assert_eq!(one["state"], "failed", "{document:#}\n{}", server.log());
    assert!(!one["reason"]["message"].as_str().unwrap().is_empty());
    assert_eq!(events(&server, &scan.series, "try_failed").len(), 1);
    assert_eq!(events(&server, &scan.series, "failed").len(), 1);
    assert_eq!(instance_count(&server, &scan.series), 70);
    // The receiver is another process: it is not limited and still takes images.
    server.send(&scan.folder);
    health.check(&mut server);
    assert_eq!(server.stop(), Some(0));
}

//! What REST promises, asked of the running server: its description, its documents, its errors.

use crate::support::{Server, ServerSpec, TINY, get, have, referee_python, root, run, simulate};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(400);

/// A server with one analysed and one refused series; their UIDs.
fn with_two_series(folder: &Path) -> (Server, String, String) {
    let good = simulate(&folder.join("good"), TINY);
    let short =
        ["--slices", "12", "--matrix", "96", "--pixel", "3.6", "--spacing", "4", "--thickness", "2.5"];
    let bad = simulate(&folder.join("bad"), &[&["--no-nodules"], &short[..]].concat());
    let mut spec = ServerSpec::new(folder);
    spec.toml = "[completion]\nquiet_s = 1.0\nquiet_long_s = 3.0\n".to_owned();
    let server = spec.start();
    server.send(&good.folder);
    server.send(&bad.folder);
    assert_eq!(server.settled(&good.series, LONG)["series"][0]["state"], "done");
    assert_eq!(server.settled(&bad.series, LONG)["series"][0]["state"], "skipped");
    (server, good.series, bad.series)
}

fn schema_accepts(schema: &Value, document: &Value) {
    let validator = jsonschema::draft202012::new(schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

/// Goal: the served description and schema are those of docs/, and real findings fit the schema, analysed or not.
#[test]
fn the_description_is_the_one_in_docs_and_documents_fit_their_schema() {
    let folder = tempfile::tempdir().unwrap();
    let (server, good, bad) = with_two_series(folder.path());
    let stored = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(root().join("docs").join(name)).unwrap()).unwrap()
    };
    assert_eq!(server.get_json("/api/openapi.json"), stored("openapi.json"));
    let schema = stored("findings.schema.json");
    assert_eq!(server.get_json("/api/findings.schema.json"), schema);
    for uid in [&good, &bad] {
        let document = server.get_json(&format!("/api/v1/series/{uid}/findings"));
        schema_accepts(&schema, &document);
    }
    let mut broken = server.get_json(&format!("/api/v1/series/{good}/findings"));
    broken["series"][0]["nodules"][0]["score"] = "high".into();
    assert!(!jsonschema::draft202012::is_valid(&schema, &broken), "the schema must be able to refuse");

    // What a problem looks like (RFC 9457).
    let (status, body) = get(&server.url("/api/v1/series/1.2.3.4/findings"));
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, problem["status"].as_u64()), (404, Some(404)), "{problem:#}");
    assert!(problem["detail"].as_str().unwrap().contains("1.2.3.4"), "{problem:#}");
}

/// Goal: nothing that a generator of requests thinks of gives a 5xx or an answer that the description does not have.
/// Method: schemathesis on the running server with one analysed and one refused series in it.
#[test]
#[ignore = "nightly: thousands of generated requests"]
fn generated_requests_find_nothing_that_is_not_described() {
    let Some(python) = referee_python() else { return };
    let schemathesis = python.with_file_name("schemathesis");
    if !have(&schemathesis.display().to_string()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (server, _, _) = with_two_series(folder.path());
    run(Command::new(schemathesis)
        .current_dir(folder.path())
        .arg("--config-file")
        .arg(root().join("tests/foreign/schemathesis.toml"))
        .args(["run", &server.url("/api/openapi.json"), "--seed", "8", "--max-examples", "60"])
        .args(["--request-timeout", "30", "--no-color"]));
    assert_eq!(get(&server.url("/readyz")).0, 200);
    assert_eq!(server.stop(), Some(0));
}

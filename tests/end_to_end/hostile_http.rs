//! Hostile HTTP clients against the real server: slow ones, ones without token, ones that guess paths.
#![allow(clippy::print_stdout)] // statuses, reasons and figures, and what is skipped

use crate::hostile::Health;
use crate::support::{Server, ServerSpec, get, wait_for};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A request by hand, so that nothing tidies its path; status, whole head and body.
fn raw(server: &Server, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.http.unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    (status, text)
}

fn ask(server: &Server, path: &str, more: &str) -> (u16, String) {
    raw(server, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"))
}

/// Goal: 200 clients that never finish their request keep nobody waiting and are sent away. Method: 200 half
/// requests, `/healthz` beside them, then each connection ends by itself.
#[test]
fn slow_clients_keep_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerSpec::new(folder.path()).start();
    let health = Health::of(&server);
    let slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(server.http.unwrap()).unwrap();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            stream
        })
        .collect();
    let started = Instant::now();
    assert_eq!(get(&server.url("/healthz")).0, 200);
    println!("/healthz beside 200 half requests: {:?}", started.elapsed());
    for mut stream in slow {
        let mut answer = Vec::new();
        // 408 or nothing, but an end; a time-out of ours would be an error here.
        stream.read_to_end(&mut answer).unwrap_or_else(|e| panic!("a slow client was kept: {e}"));
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    }
    println!("the last of them was sent away after {:?}", started.elapsed());
    health.check(&mut server);
    assert_eq!(server.stop(), Some(0));
}

/// Goal: more connections than there are places are closed, and the places come back. Method: 560 silent ones, 512 places.
#[test]
fn too_many_connections_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerSpec::new(folder.path()).start();
    let health = Health::of(&server);
    let silent: Vec<TcpStream> =
        (0..560).filter_map(|_| TcpStream::connect(server.http.unwrap()).ok()).collect();
    let mut closed = 0;
    for mut stream in silent {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        closed += usize::from(stream.read(&mut [0; 64]).is_ok());
    }
    assert!(closed >= 550, "{closed} of 560 were closed");
    assert!(server.log().contains("too many are open"), "{}", server.log());
    health.check(&mut server);
    assert_eq!(server.stop(), Some(0));
}

/// Goal: where a token is configured nothing about patients is answered without it. Method: each kind of path with
/// no, a wrong and the right token.
#[test]
fn a_configured_token_is_asked_for() {
    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    let folder = tempfile::tempdir().unwrap();
    let mut spec = ServerSpec::new(folder.path());
    spec.environment.push(("LUNGCAD_HTTP__TOKEN".to_owned(), TOKEN.to_owned()));
    let mut server = spec.start();
    for path in [
        "/api/v1/studies",
        "/api/v1/series/1.2.3",
        "/api/v1/series/1.2.3/findings",
        "/api/v1/jobs",
        "/api/v1/deliveries",
        "/api/v1/status",
        "/metrics",
    ] {
        for wrong in ["", "Authorization: Bearer 0123\r\n", "Authorization: Basic YTpi\r\n"] {
            let (status, answer) = ask(&server, path, wrong);
            assert_eq!(status, 401, "{path} {wrong:?}: {answer}");
            assert!(answer.contains("urn:lungcad:problem:unauthorized"), "{answer}");
            assert!(!answer.contains(TOKEN));
        }
        let (status, answer) = ask(&server, path, &format!("Authorization: Bearer {TOKEN}\r\n"));
        assert!([200, 404].contains(&status), "{path}: {answer}");
    }
    for open in ["/healthz", "/api/openapi.json"] {
        assert_eq!(ask(&server, open, "").0, 200, "{open}");
    }
    assert!(!server.log().contains(TOKEN));
    Health::of(&server).check(&mut server);
    assert_eq!(server.stop(), Some(0));
}

/// Goal: no path leads out of what is served, and no answer shows our inside. Method: traversals, plain and encoded,
/// wrong UIDs, over-long heads, a foreign host, and a database that is gone.
#[test]
fn paths_lead_nowhere_and_failures_show_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerSpec::new(folder.path()).start();
    let inside = folder.path().display().to_string();
    for path in [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/../../Cargo.toml",
        "/api/v1/series/..%2f..%2fetc%2fpasswd",
        "/api/v1/series/1.2.3/objects/..%2f..%2f..%2flungcad.sqlite",
        "/api/v1/series/1.2.3/objects/%2fetc%2fpasswd",
        "/api/v1/series/1.2.3/nodules/..%2f1.png",
        "/api/v1/series/1.2.3%00/findings",
        "/api/v1/jobs/%27%20OR%201=1--",
        "/api/v1/studies?offset=-1",
        "/api/v1/studies?limit=99999999999999999999",
    ] {
        let (status, answer) = ask(&server, path, "");
        assert!((400..500).contains(&status), "{path}: {answer}");
        assert!(answer.contains("application/problem+json"), "{path}: {answer}");
        assert!(!answer.contains("root:") && !answer.contains(&inside), "{path}: {answer}");
    }
    let long = format!("X-Long: {}\r\n", "a".repeat(100_000));
    assert!([0, 431].contains(&ask(&server, "/healthz", &long).0), "a head of 100 kB");
    let foreign = "GET /api/v1/studies HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(raw(&server, foreign).0, 421);
    // A 5xx: the tables are gone under the running server.
    let database = folder.path().join("data/lungcad.sqlite");
    let broken = std::process::Command::new("python3")
        .args(["-c", "import sqlite3,sys; c=sqlite3.connect(sys.argv[1], timeout=20); c.execute('ALTER TABLE series RENAME TO gone')"])
        .arg(&database)
        .status();
    if broken.is_ok_and(|status| status.success()) {
        let (status, answer) = ask(&server, "/api/v1/series/1.2.3", "");
        assert_eq!(status, 500, "{answer}");
        assert!(answer.contains("urn:lungcad:problem:internal"), "{answer}");
        for word in ["sqlite", "no such table", "series.", &inside] {
            assert!(!answer.to_lowercase().contains(word), "{word}: {answer}");
        }
        // The answer may be read before the line is written.
        wait_for("the cause in the log", Duration::from_secs(10), || {
            server.log().contains("no such table").then_some(())
        });
    } else {
        println!("skipped: no python3 to break the database");
    }
    Health::of(&server).check(&mut server);
    server.kill();
}

//! What stories with several processes need besides the servers: databases of their own, an S3 bucket, a look at
//! processes, and a look into the archive past REST.

use crate::support::{Process, free_port, get, referee_python, wait_for};
use archive::{Archive, ArchiveSettings, AttemptLimits, BlobSettings};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A database that is dropped with this value.
pub(crate) struct TestDatabase {
    /// For `storage.database`.
    pub(crate) address: String,
    /// For people.
    pub(crate) kind: &'static str,
    /// Server and name, on PostgreSQL.
    drop: Option<(String, String)>,
}

impl TestDatabase {
    /// The file in the data folder.
    #[allow(clippy::unnecessary_wraps)] // the same face as `postgres`
    pub(crate) fn sqlite() -> Option<Self> {
        Some(Self { address: "sqlite".to_owned(), kind: "sqlite", drop: None })
    }

    /// A new one on the PostgreSQL server of the tests, or `None` with a plain line.
    pub(crate) fn postgres() -> Option<Self> {
        let server = std::env::var("LUNGCAD_TEST_POSTGRES")
            .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".into());
        let name = format!("lungcad_e2e_{}", uuid::Uuid::now_v7().simple());
        if !psql(&server, &format!("CREATE DATABASE {name}")) {
            println!("skipped: no PostgreSQL server at {server}; set LUNGCAD_TEST_POSTGRES");
            return None;
        }
        let (head, _) = server.rsplit_once('/').unwrap();
        Some(Self { address: format!("{head}/{name}"), kind: "postgres", drop: Some((server, name)) })
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.drop {
            psql(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

fn psql(server: &str, sql: &str) -> bool {
    let output = Command::new("psql").args(["-q", "-d", server, "-c", sql]).output();
    output.is_ok_and(|output| output.status.success())
}

/// An S3 server (moto, from PyPI) with one bucket.
pub(crate) struct S3 {
    _process: Process,
    port: u16,
}

impl S3 {
    /// Bucket of the tests.
    pub(crate) const BUCKET: &'static str = "scans";

    /// Starts one on a free port, or `None` with a plain line.
    pub(crate) fn start() -> Option<Self> {
        let python = referee_python()?;
        let known = Command::new(&python).args(["-c", "import moto.server"]).output().unwrap();
        if !known.status.success() {
            println!("skipped: moto is not in .tools/venv (scripts/setup --test installs it)");
            return None;
        }
        let port = free_port();
        let child = Command::new(python)
            .args(["-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let s3 = Self { _process: Process(child), port };
        wait_for("S3 server", Duration::from_secs(60), || (get(&s3.endpoint()).0 == 200).then_some(()));
        let made = crate::support::request("PUT", &format!("{}/{}", s3.endpoint(), Self::BUCKET));
        assert_eq!(made.0, 200, "{}", String::from_utf8_lossy(&made.1));
        Some(s3)
    }

    /// Address.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Settings of lungcad for it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let pairs = [
            ("BUCKET", Self::BUCKET.to_owned()),
            ("ENDPOINT", self.endpoint()),
            ("ACCESS_KEY_ID", "test".to_owned()),
            ("SECRET_ACCESS_KEY", "test".to_owned()),
            ("ALLOW_HTTP", "true".to_owned()),
        ];
        pairs.into_iter().map(|(key, value)| (format!("LUNGCAD_STORAGE__S3__{key}"), value)).collect()
    }

    /// Settings of the archive for it.
    pub(crate) fn blobs(&self) -> BlobSettings {
        BlobSettings::S3 {
            bucket: Self::BUCKET.to_owned(),
            endpoint: Some(self.endpoint()),
            region: "us-east-1".to_owned(),
            access_key: "test".to_owned(),
            secret_key: "test".to_owned(),
            allow_http: true,
        }
    }
}

/// Asks the archive itself, past REST, beside the running servers.
pub(crate) fn ask_archive<T, F>(address: &str, data: &Path, blobs: BlobSettings, question: F) -> T
where
    T: Send + 'static,
    F: AsyncFnOnce(Archive) -> T + Send + 'static,
{
    let database = match address {
        "sqlite" => format!("sqlite://{}", data.join("lungcad.sqlite").display()),
        other => other.to_owned(),
    };
    let settings = ArchiveSettings {
        database,
        blobs,
        migrate: false,
        process: "onlooker".to_owned(),
        attempts: AttemptLimits::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let archive = Archive::open(&settings).await.unwrap();
        let answer = question(archive.clone()).await;
        archive.close().await;
        answer
    })
}

/// Child processes of `pid`.
pub(crate) fn children_of(pid: u32) -> Vec<u32> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let Ok(child) = entry.unwrap().file_name().to_string_lossy().parse::<u32>() else { continue };
        if stat(child).is_some_and(|(state, parent)| parent == pid && state != 'Z') {
            children.push(child);
        }
    }
    children
}

/// Whether a process is there and not just waiting to be reaped.
pub(crate) fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

/// State and parent of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut words = rest.split_whitespace();
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

/// kill -9.
pub(crate) fn kill_9(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

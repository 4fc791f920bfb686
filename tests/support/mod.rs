//! Real parts on free ports: lungcad itself, Orthanc, DCMTK, PostgreSQL. Everything stops and is removed on drop.

#![allow(clippy::print_stdout)] // a skipped test says so
#![allow(dead_code, unreachable_pub)] // each story uses some of it

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The binary under test.
pub fn lungcad() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lungcad"));
    command
        .current_dir(root())
        .env("ORT_DYLIB_PATH", root().join(".tools/onnxruntime/lib/libonnxruntime.so"));
    // A site's own settings must not leak into a test.
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("LUNGCAD_") && name != "LUNGCAD_TEST_DATA")
    {
        command.env_remove(name);
    }
    // The quickest pack of known figures on the provider that is quickest for it; stories about the default pack take
    // them away again.
    command.env("LUNGCAD_MODELS__PACK", "baseline-log").env("LUNGCAD_MODELS__PROVIDER", "cpu");
    command
}

/// Repository root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Folder of real scans, or `None` with a plain line.
pub fn real_data() -> Option<PathBuf> {
    let folder =
        std::env::var_os("LUNGCAD_TEST_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    if folder.join("ct").is_dir() {
        return Some(folder);
    }
    println!("skipped: no real scans in {}", folder.display());
    None
}

/// Whether a program can be started, else a plain line.
pub fn have(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    let found = found.is_ok_and(|o| o.status.success());
    if !found {
        println!("skipped: {program} is not installed (scripts/setup --test installs it)");
    }
    found
}

/// The Python of the referees, or `None` with a plain line.
pub fn referee_python() -> Option<PathBuf> {
    let python = root().join(".tools/venv/bin/python");
    if python.is_file() {
        return Some(python);
    }
    println!("skipped: {} is not there (scripts/setup --test makes it)", python.display());
    None
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until `done` gives a value, asking every 50 ms.
pub fn wait_for<T>(what: &str, limit: Duration, mut done: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + limit;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < until, "{what}: nothing within {limit:?}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Runs to the end; output with everything it said when it fails.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// GET as status and body.
pub fn get(url: &str) -> (u16, Vec<u8>) {
    request("GET", url)
}

/// A request without body.
pub fn request(method: &str, url: &str) -> (u16, Vec<u8>) {
    request_with(method, url, None)
}

/// PUT of JSON as status and answer (`Null` where it is no JSON).
pub fn put_json(url: &str, body: &Value) -> (u16, Value) {
    let (status, body) = request_with("PUT", url, Some(body.to_string()));
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn request_with(method: &str, url: &str, body: Option<String>) -> (u16, Vec<u8>) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let url = url.to_owned();
    // Stories are plain threads; each request has a small runtime of its own.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let mut asked = reqwest::Client::new().request(method, &url).timeout(Duration::from_secs(30));
            if let Some(body) = body {
                asked = asked.header("content-type", "application/json").body(body);
            }
            match asked.send().await {
                Ok(answer) => (answer.status().as_u16(), answer.bytes().await.unwrap_or_default().to_vec()),
                Err(_) => (0, Vec::new()),
            }
        })
    })
    .join()
    .unwrap()
}

/// GET of JSON; `Null` when the answer is not 200.
pub fn get_json(url: &str) -> Value {
    let (status, body) = get(url);
    if status == 200 { serde_json::from_slice(&body).unwrap_or_default() } else { Value::Null }
}

/// A child that is killed on drop.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running `lungcad serve`.
pub struct Server {
    pub process: Process,
    pub dicom: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
    log: std::sync::Arc<std::sync::Mutex<String>>,
}

/// What a server is started with.
pub struct ServerSpec {
    /// Folder for data and the site file; kept by the caller.
    pub folder: PathBuf,
    /// More lines of the site file.
    pub toml: String,
    /// Roles, comma-separated.
    pub roles: &'static str,
    /// More environment.
    pub environment: Vec<(String, String)>,
}

impl ServerSpec {
    /// All roles on free ports, data below `folder`.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            toml: String::new(),
            roles: "receive,work,deliver,web",
            environment: Vec::new(),
        }
    }

    /// Adds a destination.
    pub fn destination(mut self, name: &str, port: u16, title: &str, more: &str) -> Self {
        self.toml += &format!(
            "[[destinations]]\nname = \"{name}\"\naddress = \"127.0.0.1:{port}\"\nae_title = \"{title}\"\n{more}\n"
        );
        self
    }

    /// Starts it and waits until it listens.
    pub fn start(&self) -> Server {
        let site = self.folder.join(format!("site-{}.toml", self.roles.replace(',', "-")));
        std::fs::write(&site, &self.toml).unwrap();
        let mut command = lungcad();
        command
            .args(["serve", "--roles", self.roles, "--config"])
            .arg(&site)
            .env("LUNGCAD_STORAGE__ROOT", self.folder.join("data"))
            .env("LUNGCAD_DICOM__LISTEN", "127.0.0.1:0")
            .env("LUNGCAD_HTTP__LISTEN", "127.0.0.1:0")
            .envs(self.environment.iter().map(|(k, v)| (k.as_str(), v.as_str())))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let (kept, stderr) = (log.clone(), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                *kept.lock().unwrap() += &(line + "\n");
            }
        });
        let mut server = Server { dicom: None, http: None, log, process: Process(child) };
        if self.roles.contains("receive") || self.roles.contains("web") {
            let mut line = String::new();
            BufReader::new(server.process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let find = |key: &str| {
                line.split_whitespace().find_map(|word| word.strip_prefix(key)).map(|a| a.parse().unwrap())
            };
            server.dicom = find("dicom=");
            server.http = find("http=");
            assert!(
                server.dicom.is_some() || server.http.is_some(),
                "not listening: {line:?}\n{}",
                server.log()
            );
        }
        server
    }
}

impl Server {
    /// Everything on standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Port of the receiver.
    pub fn dicom_port(&self) -> u16 {
        self.dicom.expect("role receive").port()
    }

    /// Address of a REST path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http.expect("role web"))
    }

    /// GET of a REST path.
    pub fn get_json(&self, path: &str) -> Value {
        get_json(&self.url(path))
    }

    /// Sends files or folders as a modality would, with our own sender.
    pub fn send(&self, path: &Path) {
        run(lungcad().arg("send").arg(path).arg(format!("127.0.0.1:{}", self.dicom_port())));
    }

    /// Sends with DCMTK's storescu, as received (JPEG-LS proposed too).
    pub fn storescu(&self, folder: &Path) {
        run(Command::new("storescu")
            .env("TCP_NODELAY", "1")
            .args(["-xt", "+sd", "+r", "-aec", "LUNGCAD", "127.0.0.1"])
            .arg(self.dicom_port().to_string())
            .arg(folder));
    }

    /// Waits until the series is done, skipped or failed; its findings document.
    pub fn settled(&self, series: &str, limit: Duration) -> Value {
        let path = format!("/api/v1/series/{series}/findings");
        wait_for(&format!("series {series}\n{}", self.log()), limit, || {
            let document = self.get_json(&path);
            let state = document["series"][0]["state"].as_str().unwrap_or_default().to_owned();
            ["done", "skipped", "failed"].contains(&state.as_str()).then_some(document)
        })
    }

    /// Waits until every delivery of the series has arrived.
    pub fn delivered(&self, series: &str, limit: Duration) {
        wait_for(&format!("deliveries of {series}\n{}", self.log()), limit, || {
            let record = self.get_json(&format!("/api/v1/series/{series}"));
            let deliveries = record["deliveries"].as_array()?;
            (!deliveries.is_empty() && deliveries.iter().all(|d| d["state"] == "delivered")).then_some(())
        });
    }

    /// kill -9.
    pub fn kill(mut self) {
        let _ = self.process.0.kill();
        let _ = self.process.0.wait();
    }

    /// SIGTERM, and the exit code.
    pub fn stop(mut self) -> Option<i32> {
        let _ = Command::new("kill").args(["-TERM", &self.process.0.id().to_string()]).status();
        self.process.0.wait().unwrap().code()
    }
}

/// A running Orthanc.
pub struct Orthanc {
    _process: Process,
    _folder: tempfile::TempDir,
    pub dicom_port: u16,
    pub http_port: u16,
}

impl Orthanc {
    /// Starts one on free ports that takes everything; instances sent again overwrite.
    pub fn start() -> Self {
        Self::start_on(free_port(), &serde_json::json!({}))
    }

    /// The same on a given DICOM port, with other settings over the usual ones.
    pub fn start_on(dicom_port: u16, settings: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let http_port = free_port();
        let at = folder.path().display().to_string();
        let mut config = serde_json::json!({
            "Name": "t", "StorageDirectory": at, "IndexDirectory": at, "HttpPort": http_port,
            "DicomPort": dicom_port, "DicomAet": "ORTHANC", "RemoteAccessAllowed": false,
            "AuthenticationEnabled": false, "DicomCheckCalledAet": false, "DicomAlwaysAllowStore": true,
            "DicomAlwaysAllowEcho": true, "StableAge": 2, "OverwriteInstances": true,
            "UnknownSopClassAccepted": true, "Plugins": [],
        });
        for (key, value) in settings.as_object().into_iter().flatten() {
            config[key] = value.clone();
        }
        let path = folder.path().join("orthanc.json");
        std::fs::write(&path, config.to_string()).unwrap();
        let child = Command::new("Orthanc")
            .arg(&path)
            .env("TCP_NODELAY", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orthanc = Self { _process: Process(child), _folder: folder, dicom_port, http_port };
        wait_for("Orthanc", Duration::from_secs(30), || {
            (get(&orthanc.url("/system")).0 == 200).then_some(())
        });
        orthanc
    }

    /// Address of a REST path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http_port)
    }

    /// All instances with their tags (`SOPInstanceUID`, `Modality` ...), by Orthanc id.
    pub fn instances(&self) -> Vec<(String, Value)> {
        let ids = get_json(&self.url("/instances"));
        let ids = ids.as_array().cloned().unwrap_or_default();
        ids.iter()
            .filter_map(Value::as_str)
            .map(|id| (id.to_owned(), get_json(&self.url(&format!("/instances/{id}/simplified-tags")))))
            .collect()
    }

    /// Writes every instance as a file below `folder`.
    pub fn export(&self, folder: &Path) -> Vec<PathBuf> {
        std::fs::create_dir_all(folder).unwrap();
        self.instances()
            .into_iter()
            .map(|(id, tags)| {
                let path = folder.join(format!("{}-{id}.dcm", tags["Modality"].as_str().unwrap_or("XX")));
                std::fs::write(&path, get(&self.url(&format!("/instances/{id}/file"))).1).unwrap();
                path
            })
            .collect()
    }
}

/// A simulated scan on disk.
pub struct SimulatedScan {
    pub folder: PathBuf,
    pub series: String,
    pub truth: Value,
}

/// `lungcad simulate` into `folder` with more arguments.
pub fn simulate(folder: &Path, arguments: &[&str]) -> SimulatedScan {
    run(lungcad().args(["simulate", "--out"]).arg(folder).args(arguments));
    let truth: Value = serde_json::from_slice(&std::fs::read(folder.join("truth.json")).unwrap()).unwrap();
    let series = truth["series"][0]["series_instance_uid"].as_str().unwrap().to_owned();
    SimulatedScan { folder: folder.join("dicom"), series, truth }
}

/// Arguments of a small scan that is still a chest: quick to make and to analyse.
pub const SMALL: &[&str] =
    &["--slices", "70", "--matrix", "192", "--pixel", "1.9", "--spacing", "4", "--thickness", "2.5"];

/// The least that is still analysed, with one solid nodule of 14 mm in the right lung that is found.
pub const TINY: &[&str] = &[
    "--nodule",
    "at=-75/0/30,14,solid",
    "--noise-sd",
    "8",
    "--slices",
    "30",
    "--matrix",
    "192",
    "--pixel",
    "1.9",
    "--spacing",
    "4",
    "--thickness",
    "2.5",
];

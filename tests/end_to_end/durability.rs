//! kill -9 at every step of the life of a scan: what was acknowledged is there, and one result arrives.
//!
//! The binary is killed for real, at points named in `archive::faults` (cargo feature `faults`) or by a signal at
//! a state that REST shows. The sender is DCMTK's storescu; what it got no success for, it sends again, as a
//! modality would; the one that has several images open at once is ours. The PACS is Orthanc.

use crate::backends::{TestDatabase, ask_archive, children_of, is_alive, kill_9};
use crate::support::{Orthanc, Server, ServerSpec, SimulatedScan, get, have, run, simulate, wait_for};
use archive::BlobSettings;
use dimse::{PeerSettings, ProposedContext, StoreAssociation};
use domain::SeriesInstanceUid;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Generous: the machine may be shared.
const LONG: Duration = Duration::from_secs(240);

/// A small chest that is complete by its geometry: no gap between slices, so that the short quiet time counts.
pub(crate) const QUICK: &[&str] =
    &["--slices", "45", "--matrix", "160", "--pixel", "2.2", "--spacing", "4", "--thickness", "4"];

/// Who dies where.
#[derive(Debug, Clone, Copy)]
enum Death {
    /// The receiver, by kill -9, when so many instances are acknowledged.
    WhileStoring(usize),
    /// The process that passes the point: the server itself.
    Server(&'static str),
    /// The server at the point, while its sender has several images open (asynchronous operations window).
    ServerInWindow(&'static str),
    /// The process that passes the point: the worker; the server lives and must see to it alone.
    Worker(&'static str),
    /// The worker at the point, and the server with it, as a power cut would.
    Both(&'static str),
    /// The server, by kill -9, while its worker analyses; the worker must leave by itself.
    ServerWhileAnalyzing,
    /// The worker, by kill -9, while it analyses.
    WorkerWhileAnalyzing,
}

/// Every death of the nightly matrix: file, row, analysis, result, switch, delivery.
const DEATHS: [Death; 15] = [
    Death::WhileStoring(20),
    Death::Server("after_blob:30"),
    Death::Server("before_row:25"),
    Death::Server("after_row:35"),
    Death::ServerInWindow("after_blob:20"),
    Death::ServerInWindow("before_row:4"),
    Death::Worker("before_analysis:1"),
    Death::WorkerWhileAnalyzing,
    Death::ServerWhileAnalyzing,
    Death::Both("after_result:1"),
    Death::Both("after_object:2"),
    Death::Both("before_switch:1"),
    Death::Both("after_switch:1"),
    Death::Server("before_note:1"),
    Death::Server("mid_delivery:1"),
];

/// Goal: the claim holds where it is most at risk. Method: a point of intake, of analysis, of the switch and of
/// delivery, on SQLite.
#[test]
fn a_killed_server_loses_nothing_on_sqlite() {
    let deaths = [
        Death::Server("after_row:35"),
        Death::ServerInWindow("after_row:4"),
        Death::WorkerWhileAnalyzing,
        Death::Both("before_switch:1"),
        Death::Server("before_note:1"),
    ];
    check_all(&deaths, TestDatabase::sqlite);
}

/// Goal: the claim holds at every point, on both databases.
#[test]
#[ignore = "nightly: 30 scans with a death each, some minutes"]
fn every_point_of_death_on_both_databases() {
    check_all(&DEATHS, TestDatabase::sqlite);
    if have("psql") {
        check_all(&DEATHS, TestDatabase::postgres);
    }
}

fn check_all(deaths: &[Death], database: fn() -> Option<TestDatabase>) {
    if !have("Orthanc") || !have("storescu") {
        return;
    }
    if !cfg!(feature = "faults") {
        println!("skipped: built without the feature faults (cargo test --features server/faults)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = vec!["--nodule", "RUL,16,solid"];
    arguments.extend(QUICK);
    let scan = simulate(&folder.path().join("scan"), &arguments);
    for death in deaths {
        let Some(database) = database() else { return };
        let started = Instant::now();
        let story = Story::new(&scan, &database);
        let died = story.live_and_die(*death);
        let lived = story.live_on(died);
        println!("{:8} {death:?}: {lived} ({:.1} s)", database.kind, started.elapsed().as_secs_f64());
    }
}

/// One scan, one database, one PACS, one death.
struct Story<'a> {
    scan: &'a SimulatedScan,
    address: String,
    folder: tempfile::TempDir,
    orthanc: Orthanc,
    spec: ServerSpec,
}

/// What is left after the death.
struct Aftermath {
    /// The server, where it survived.
    server: Option<Server>,
    /// Files that the sender was told are stored.
    acknowledged: BTreeSet<PathBuf>,
    /// Whether a worker died with a job in hand.
    try_lost: bool,
}

impl<'a> Story<'a> {
    fn new(scan: &'a SimulatedScan, database: &TestDatabase) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let orthanc = Orthanc::start();
        let mut spec = ServerSpec::new(folder.path()).destination(
            "pacs",
            orthanc.dicom_port,
            "ORTHANC",
            "retry_s_first = 1",
        );
        spec.environment = vec![
            ("LUNGCAD_STORAGE__DATABASE".to_owned(), database.address.clone()),
            // Over PostgreSQL nobody knows that the holder of a lease is dead before it ends.
            ("LUNGCAD_WORKER__LEASE_S".to_owned(), "6".to_owned()),
            ("LUNGCAD_COMPLETION__QUIET_LONG_S".to_owned(), "10".to_owned()),
        ];
        Self { scan, address: database.address.clone(), folder, orthanc, spec }
    }

    fn once(&self) -> PathBuf {
        self.folder.path().join("died")
    }

    fn start_mortal(&self, point: &str) -> Server {
        let mut environment = self.spec.environment.clone();
        environment.push(("LUNGCAD_FAULT".to_owned(), point.to_owned()));
        environment.push(("LUNGCAD_FAULT_ONCE".to_owned(), self.once().display().to_string()));
        let (folder, toml) = (self.spec.folder.clone(), self.spec.toml.clone());
        ServerSpec { folder, toml, roles: self.spec.roles, environment }.start()
    }

    /// Up to the death, and what the sender knows then.
    fn live_and_die(&self, death: Death) -> Aftermath {
        let all = files(&self.scan.folder);
        match death {
            Death::WhileStoring(count) => {
                let server = self.spec.start();
                let workers = children_of(server.process.0.id());
                let (acknowledged, rest) = send_and_kill(server, &all, count);
                assert!(rest > 0, "the kill came too late");
                gone(&workers);
                Aftermath { server: None, acknowledged, try_lost: false }
            }
            Death::Server(point) | Death::ServerInWindow(point) => {
                let mut server = self.start_mortal(point);
                let workers = children_of(server.process.0.id());
                let acknowledged = match death {
                    Death::ServerInWindow(_) => send_in_window(&server, &all),
                    _ => send(&server, &all),
                };
                wait_for(&format!("death at {point}\n{}", server.log()), LONG, || {
                    server.process.0.try_wait().unwrap()
                });
                gone(&workers);
                Aftermath { server: None, acknowledged, try_lost: false }
            }
            Death::Worker(point) | Death::Both(point) => {
                let server = self.start_mortal(point);
                let acknowledged = send(&server, &all);
                assert_eq!(acknowledged.len(), all.len());
                wait_for(&format!("death at {point}\n{}", server.log()), LONG, || {
                    self.once().exists().then_some(())
                });
                let server = match death {
                    Death::Both(_) => {
                        let workers = children_of(server.process.0.id());
                        server.kill();
                        gone(&workers);
                        None
                    }
                    _ => Some(server),
                };
                // Between two jobs nothing is lost, and there is nothing to tell.
                let try_lost = !["after_result:1", "after_switch:1"].contains(&point);
                Aftermath { server, acknowledged, try_lost }
            }
            Death::ServerWhileAnalyzing | Death::WorkerWhileAnalyzing => {
                let server = self.spec.start();
                let acknowledged = send(&server, &all);
                self.wait_until_analyzing(&server);
                let workers = children_of(server.process.0.id());
                assert_eq!(workers.len(), 1, "one worker process");
                let server = if matches!(death, Death::ServerWhileAnalyzing) {
                    server.kill();
                    gone(&workers);
                    None
                } else {
                    kill_9(workers[0]);
                    Some(server)
                };
                Aftermath { server, acknowledged, try_lost: true }
            }
        }
    }

    fn wait_until_analyzing(&self, server: &Server) {
        let path = format!("/api/v1/series/{}", self.scan.series);
        wait_for(&format!("analysis\n{}", server.log()), LONG, || {
            (server.get_json(&path)["state"] == "analyzing").then_some(())
        });
    }

    /// From the death to the report at the PACS; a line that says how it went.
    fn live_on(&self, died: Aftermath) -> String {
        let all = files(&self.scan.folder);
        let server = died.server.unwrap_or_else(|| self.spec.start());
        let before = died.acknowledged.len();
        assert_stored(self, &died.acknowledged);
        let missing: Vec<PathBuf> = all.iter().filter(|p| !died.acknowledged.contains(*p)).cloned().collect();
        if !missing.is_empty() {
            assert_eq!(send(&server, &missing).len(), missing.len(), "{}", server.log());
        }
        let document = server.settled(&self.scan.series, LONG);
        assert_eq!(document["series"][0]["state"], "done", "{document:#}\n{}", server.log());
        server.delivered(&self.scan.series, LONG);
        let record = server.get_json(&format!("/api/v1/series/{}", self.scan.series));
        assert_eq!(record["instance_count"], all.len(), "{record:#}");
        assert_eq!(record["conflict_count"], 0, "{record:#}");
        let all_acknowledged: BTreeSet<PathBuf> = all.iter().cloned().collect();
        assert_stored(self, &all_acknowledged);
        self.assert_one_result_at_the_pacs(&server, &record);
        let kinds = kinds(&record);
        assert_story(&kinds, died.try_lost);
        assert_eq!(server.stop(), Some(0));
        format!("{before} of {} acknowledged before, events {}", all.len(), kinds.join(" "))
    }

    /// The PACS holds one SR and one SEG, byte for byte (as data sets) those of the current result.
    fn assert_one_result_at_the_pacs(&self, server: &Server, record: &Value) {
        let current: BTreeSet<String> = record["objects"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|o| ["sr", "seg"].contains(&o["role"].as_str().unwrap()))
            .map(|o| o["sop_instance_uid"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(current.len(), 2, "{record:#}");
        let there = self.orthanc.instances();
        let uids: Vec<&str> = there.iter().map(|(_, t)| t["SOPInstanceUID"].as_str().unwrap()).collect();
        assert_eq!(uids.len(), 2, "{uids:?}");
        assert_eq!(uids.iter().map(|u| (*u).to_owned()).collect::<BTreeSet<_>>(), current);
        for object in record["objects"].as_array().unwrap() {
            let Some(uid) = object["sop_instance_uid"].as_str() else { continue };
            let ours = get(&server.url(object["url"].as_str().unwrap()));
            assert_eq!(ours.0, 200, "{object:#}");
            let (id, _) = there.iter().find(|(_, t)| t["SOPInstanceUID"] == uid).unwrap();
            let theirs = get(&self.orthanc.url(&format!("/instances/{id}/file"))).1;
            let at = self.folder.path();
            assert!(same_content(&ours.1, &theirs, at), "{uid} differs at the PACS");
        }
    }
}

/// Kinds of the events of a series, oldest first.
fn kinds(record: &Value) -> Vec<String> {
    record["events"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap().to_owned()).collect()
}

/// Goal: an administrator can read what happened. One opening, one publication, one delivery; a death of a worker
/// shows as a failed try.
fn assert_story(kinds: &[String], try_lost: bool) {
    let count = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
    for kind in ["series_opened", "completed", "analyzed", "result_published", "delivered"] {
        assert_eq!(count(kind), 1, "{kind}: {kinds:?}");
    }
    assert!(count("analysis_started") >= 1, "{kinds:?}");
    assert_eq!(count("failed") + count("result_superseded") + count("conflicting_instance"), 0, "{kinds:?}");
    if try_lost {
        assert!(count("try_failed") + count("analysis_started") >= 2, "{kinds:?}");
    }
}

/// DICOM files below `folder`, in the order in which they are sent.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 40, "{}", folder.display());
    files
}

fn storescu(port: u16, files: &[PathBuf]) -> Command {
    let mut command = Command::new("storescu");
    command
        .env("TCP_NODELAY", "1")
        .args(["-v", "-aec", "LUNGCAD", "127.0.0.1"])
        .arg(port.to_string())
        .args(files)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Files that storescu, by its own words, got a success for.
fn acknowledged(said: &str) -> BTreeSet<PathBuf> {
    let mut acknowledged = BTreeSet::new();
    let mut sending = None;
    for line in said.lines() {
        if let Some(path) = line.strip_prefix("I: Sending file: ") {
            sending = Some(PathBuf::from(path.trim()));
        } else if line.contains("Received Store Response (Success)")
            && let Some(path) = sending.take()
        {
            acknowledged.insert(path);
        }
    }
    acknowledged
}

fn send(server: &Server, files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let output = storescu(server.dicom_port(), files).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    acknowledged(&said)
}

/// Sends over one association with up to eight images open; those that got their success before the server was gone.
fn send_in_window(server: &Server, files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let address = format!("127.0.0.1:{}", server.dicom_port());
    let mut peer = PeerSettings::new(address, "WINDOW", "LUNGCAD").unwrap();
    peer.operations_window = 8;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let contexts = [ProposedContext::new("1.2.840.10008.5.1.4.1.1.2", &["1.2.840.10008.1.2.1"])];
        let mut association = StoreAssociation::open(&peer, &contexts).await.unwrap();
        assert_eq!(association.operations_window(), 8);
        let (mut acknowledged, mut open, mut files) = (BTreeSet::new(), Vec::new(), files.iter());
        loop {
            let next = if open.len() < 8 { files.next() } else { None };
            if let Some(path) = next {
                let bytes = std::fs::read(path).unwrap();
                let seen = dcm::guard::check_file(&bytes, &dcm::limits::Limits::default()).unwrap();
                let (class, uid) = (seen.sop_class_uid.unwrap(), seen.sop_instance_uid.unwrap());
                let data_set = &bytes[seen.data_set_offset..];
                match association.begin(&class, &uid, &seen.transfer_syntax_uid, data_set).await {
                    Ok(message_id) => open.push((message_id, path)),
                    Err(_) => return acknowledged,
                }
            } else if open.is_empty() {
                return acknowledged;
            } else {
                let Ok((message_id, status)) = association.answer().await else { return acknowledged };
                assert!(status.is_delivered(), "{status}");
                let place = open.iter().position(|o| o.0 == message_id).unwrap();
                acknowledged.insert(open.swap_remove(place).1.clone());
            }
        }
    })
}

/// Sends, and kills the server as soon as `count` instances are acknowledged; the number left over too.
fn send_and_kill(server: Server, files: &[PathBuf], count: usize) -> (BTreeSet<PathBuf>, usize) {
    use std::io::{BufRead as _, BufReader};
    let mut command = storescu(server.dicom_port(), files);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let (mut said, mut seen, mut server) = (String::new(), 0, Some(server));
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        seen += usize::from(line.contains("Received Store Response (Success)"));
        if seen == count
            && let Some(server) = server.take()
        {
            server.kill();
        }
        said += &(line + "\n");
    }
    child.wait().unwrap();
    assert!(server.is_none(), "only {seen} acknowledged:\n{said}");
    let acknowledged = acknowledged(&said);
    let rest = files.len() - acknowledged.len();
    (acknowledged, rest)
}

/// Every acknowledged file has its row, and the row's bytes are those that were sent.
fn assert_stored(story: &Story<'_>, acknowledged: &BTreeSet<PathBuf>) {
    let data = story.folder.path().join("data");
    let series = SeriesInstanceUid::new(&story.scan.series).unwrap();
    let blobs = BlobSettings::Local { root: data.join("blobs"), direct_writes: true };
    let stored = ask_archive(&story.address, &data, blobs, async move |archive| {
        let mut stored = Vec::new();
        for record in archive.series_instances(&series).await.unwrap() {
            stored.push(archive.blob(&record.blob_key).await.unwrap());
        }
        stored
    });
    let stored: BTreeSet<&[u8]> = stored.iter().map(|bytes| data_set(bytes)).collect();
    for path in acknowledged {
        let sent = std::fs::read(path).unwrap();
        assert!(stored.contains(data_set(&sent)), "{} was acknowledged and is missing", path.display());
    }
}

/// What follows the file meta information: its group length (0002,0000) says where.
fn data_set(file: &[u8]) -> &[u8] {
    assert_eq!(&file[128..132], b"DICM");
    let length = u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
    &file[144 + length..]
}

/// Orthanc writes sequences with explicit lengths: DCMTK brings both files to one form.
fn same_content(ours: &[u8], theirs: &[u8], folder: &Path) -> bool {
    let [ours, theirs] = [("ours", ours), ("theirs", theirs)].map(|(name, bytes)| {
        let (path, out) = (folder.join(name), folder.join(format!("{name}-explicit")));
        std::fs::write(&path, bytes).unwrap();
        run(Command::new("dcmconv").arg("+e").args([&path, &out]));
        std::fs::read(out).unwrap()
    });
    data_set(&ours) == data_set(&theirs)
}

/// No process of `pids` outlives its parent: each leaves by itself.
pub(crate) fn gone(pids: &[u32]) {
    for pid in pids {
        wait_for(&format!("worker {pid} is an orphan"), Duration::from_secs(30), || {
            (!is_alive(*pid)).then_some(())
        });
    }
}

//! A receiver that keeps instances in memory, DCMTK and Orthanc as peers, real files: shared by the tests.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part of this module")]

pub mod raw;

use dimse::{
    AbstractSyntax, AeRules, AssociationEnded, AssociationOpened, Implementation, OtherStorage, PeerSettings,
    Scp, ScpLimits, ScpSettings, StatusCode, StoreRequest, StoreService, StoreSink, StoreStatus,
};
use domain::AeTitle;
use std::collections::HashMap;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
pub const IMPLICIT: &str = "1.2.840.10008.1.2";
pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";
pub const JPEG_LS_NEAR: &str = "1.2.840.10008.1.2.4.81";

/// An instance with what came with it.
#[derive(Debug, Clone)]
pub struct Kept {
    pub request: StoreRequest,
    pub bytes: Vec<u8>,
}

/// How the memory service misbehaves.
#[derive(Debug, Default)]
pub struct Behaviour {
    /// Sinks refuse with A700 after this many bytes.
    pub refuse_after: Option<usize>,
    /// The sink of this instance panics at its end.
    pub panic_on: Option<String>,
    /// `finish` takes a permit first.
    pub gate: Option<Arc<Semaphore>>,
    /// Count the bytes, keep none.
    pub discard: bool,
}

/// Keeps instances in memory.
#[derive(Debug)]
pub struct MemoryService {
    pub behaviour: Behaviour,
    pub kept: Mutex<HashMap<String, Kept>>,
    opened: mpsc::UnboundedSender<AssociationOpened>,
    ended: mpsc::UnboundedSender<AssociationEnded>,
    begun: mpsc::UnboundedSender<StoreRequest>,
}

pub struct MemorySink {
    service: Arc<MemoryService>,
    kept: Kept,
    size: usize,
}

/// The service behind an `Arc`, so that sinks can reach it.
#[derive(Debug, Clone)]
pub struct Handle(pub Arc<MemoryService>);

impl StoreService for Handle {
    type Sink = MemorySink;

    fn begin(&self, request: &StoreRequest) -> impl Future<Output = Result<MemorySink, StoreStatus>> + Send {
        let _ = self.0.begun.send(request.clone());
        let kept = Kept { request: request.clone(), bytes: Vec::new() };
        let sink = if request.kept {
            Ok(MemorySink { service: Arc::clone(&self.0), kept, size: 0 })
        } else {
            Err(StoreStatus::with_comment(StatusCode::SOP_CLASS_NOT_SUPPORTED, "class is not kept here"))
        };
        async { sink }
    }

    async fn association_opened(&self, opened: &AssociationOpened) {
        let _ = self.0.opened.send(opened.clone());
    }

    async fn association_ended(&self, ended: &AssociationEnded) {
        let _ = self.0.ended.send(ended.clone());
    }
}

impl StoreSink for MemorySink {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreStatus> {
        self.size += bytes.len();
        if self.service.behaviour.refuse_after.is_some_and(|limit| self.size > limit) {
            return Err(StoreStatus::with_comment(StatusCode::OUT_OF_RESOURCES, "disk is full"));
        }
        if !self.service.behaviour.discard {
            self.kept.bytes.extend_from_slice(bytes);
        }
        Ok(())
    }

    async fn finish(self) -> StoreStatus {
        let uid = self.kept.request.sop_instance_uid.to_string();
        assert_ne!(self.service.behaviour.panic_on.as_ref(), Some(&uid), "wanted by the test");
        if let Some(gate) = &self.service.behaviour.gate {
            gate.acquire().await.expect("gate stays open").forget();
        }
        self.service.kept.lock().unwrap().insert(uid, self.kept);
        StoreStatus::success()
    }
}

/// A running receiver on a free port.
pub struct Receiver {
    pub address: SocketAddr,
    pub service: Arc<MemoryService>,
    pub opened: mpsc::UnboundedReceiver<AssociationOpened>,
    pub ended: mpsc::UnboundedReceiver<AssociationEnded>,
    pub begun: mpsc::UnboundedReceiver<StoreRequest>,
    pub cancel: CancellationToken,
    task: JoinHandle<()>,
}

pub fn settings(limits: ScpLimits) -> ScpSettings {
    ScpSettings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        abstract_syntaxes: vec![AbstractSyntax { uid: CT.to_owned(), kept: true }],
        other_storage: OtherStorage::AcceptNotKept,
        transfer_syntaxes: [EXPLICIT, IMPLICIT, JPEG_LS, JPEG_LS_NEAR].map(str::to_owned).to_vec(),
        implementation: Implementation::default(),
        limits,
    }
}

impl Receiver {
    pub async fn start(limits: ScpLimits, behaviour: Behaviour) -> Self {
        let rules = AeRules { called: vec![AeTitle::new("LUNGCAD").unwrap()], calling: Vec::new() };
        Self::start_with(settings(limits), behaviour, rules).await
    }

    pub async fn start_with(settings: ScpSettings, behaviour: Behaviour, rules: AeRules) -> Self {
        let (opened_tx, opened) = mpsc::unbounded_channel();
        let (ended_tx, ended) = mpsc::unbounded_channel();
        let (begun_tx, begun) = mpsc::unbounded_channel();
        let service = Arc::new(MemoryService {
            behaviour,
            kept: Mutex::new(HashMap::new()),
            opened: opened_tx,
            ended: ended_tx,
            begun: begun_tx,
        });
        let scp = Scp::bind(settings).await.unwrap();
        let (address, cancel) = (scp.local_addr(), CancellationToken::new());
        let handle = Arc::new(Handle(Arc::clone(&service)));
        let task = tokio::spawn(scp.serve(handle, Arc::new(rules), cancel.clone()));
        Self { address, service, opened, ended, begun, cancel, task }
    }

    pub async fn defaults() -> Self {
        Self::start(ScpLimits::default(), Behaviour::default()).await
    }

    pub fn peer(&self) -> PeerSettings {
        PeerSettings::new(self.address.to_string(), "TEST", "LUNGCAD").unwrap()
    }

    pub fn port(&self) -> String {
        self.address.port().to_string()
    }

    pub fn kept(&self, uid: &str) -> Option<Kept> {
        self.service.kept.lock().unwrap().get(uid).cloned()
    }

    pub fn kept_count(&self) -> usize {
        self.service.kept.lock().unwrap().len()
    }

    pub async fn next_end(&mut self) -> AssociationEnded {
        within(self.ended.recv()).await.expect("an association ends")
    }

    /// Stops it and waits until every association is gone.
    pub async fn stop(self) {
        self.cancel.cancel();
        within(self.task).await.unwrap();
    }
}

/// No test waits for ever.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("within a minute")
}

/// The folder of real data, or none (said plainly).
pub fn data_folder() -> Option<PathBuf> {
    let root = std::env::var_os("LUNGCAD_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    if root.join("ct").is_dir() {
        return Some(root);
    }
    eprintln!("skipped: no real CT data at {} (set LUNGCAD_TEST_DATA)", root.display());
    None
}

/// The first `count` files of a patient's series, sorted by name.
pub fn files_of(root: &Path, patient: &str, count: usize) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("ct").join(patient))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .flat_map(|series| std::fs::read_dir(series.path()).unwrap().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "dcm"))
        .collect();
    files.sort();
    files.truncate(count);
    files
}

/// A DICOM file taken apart just as far as sending needs.
#[derive(Debug, Clone)]
pub struct Part10 {
    pub sop_class_uid: String,
    pub sop_instance_uid: String,
    pub transfer_syntax_uid: String,
    pub data_set: Vec<u8>,
}

impl Part10 {
    /// Reads group 0002 (Explicit VR little endian, short VRs only but for OB) of a file that is known good.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let meta_size = u32::from_le_bytes(bytes[140..144].try_into().unwrap()) as usize;
        let (mut meta, data_set) = (&bytes[144..144 + meta_size], bytes[144 + meta_size..].to_vec());
        let mut uids = HashMap::new();
        while !meta.is_empty() {
            let element = u16::from_le_bytes([meta[2], meta[3]]);
            let (head, size) = if &meta[4..6] == b"OB" {
                (12, u32::from_le_bytes(meta[8..12].try_into().unwrap()) as usize)
            } else {
                (8, usize::from(u16::from_le_bytes([meta[6], meta[7]])))
            };
            let text =
                String::from_utf8_lossy(&meta[head..head + size]).trim_end_matches(['\0', ' ']).to_owned();
            uids.insert(element, text);
            meta = &meta[head + size..];
        }
        Self {
            sop_class_uid: uids[&0x0002].clone(),
            sop_instance_uid: uids[&0x0003].clone(),
            transfer_syntax_uid: uids[&0x0010].clone(),
            data_set,
        }
    }
}

/// A tool of DCMTK with Nagle off, output kept for the failure message.
pub async fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program)
        .args(arguments)
        .env("TCP_NODELAY", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output =
        within(output).await.unwrap_or_else(|error| panic!("{program}: {error}; scripts/test installs it"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A peer of other make; killed when dropped.
pub struct ForeignPeer {
    pub settings: PeerSettings,
    pub folder: tempfile::TempDir,
    pub http_port: u16,
    _child: Child,
}

impl ForeignPeer {
    async fn start(command: &mut Command, folder: tempfile::TempDir, port: u16, called: &str) -> Self {
        let child = command
            .env("TCP_NODELAY", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/test installs it"));
        let settings = PeerSettings::new(format!("127.0.0.1:{port}"), "LUNGCAD", called).unwrap();
        within(async {
            // The peer has no other way to say that it listens.
            while dimse::echo(&settings).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        Self { settings, folder, http_port: 0, _child: child }
    }

    /// DCMTK's receiver, a process per association.
    pub async fn storescp(options: &[&str]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut command = Command::new("storescp");
        command.args(["--fork", "-od"]).arg(folder.path()).args(options).arg(port.to_string());
        Self::start(&mut command, folder, port, "STORESCP").await
    }

    /// Orthanc with its store in a temporary folder.
    pub async fn orthanc() -> Self {
        let (folder, port, http_port) = (tempfile::tempdir().unwrap(), free_port(), free_port());
        let store = folder.path().join("store");
        let json = format!(
            r#"{{"Name":"t","StorageDirectory":{store:?},"IndexDirectory":{store:?},"HttpPort":{http_port},
            "DicomPort":{port},"DicomAet":"ORTHANC","RemoteAccessAllowed":false,"AuthenticationEnabled":false,
            "DicomCheckCalledAet":false,"DicomAlwaysAllowStore":true,"DicomAlwaysAllowEcho":true,
            "StableAge":2,"OverwriteInstances":true,"UnknownSopClassAccepted":true}}"#
        );
        let config = folder.path().join("orthanc.json");
        std::fs::write(&config, json).unwrap();
        let mut command = Command::new("Orthanc");
        command.arg(&config);
        let mut peer = Self::start(&mut command, folder, port, "ORTHANC").await;
        peer.http_port = http_port;
        peer
    }

    /// The files that the peer wrote, by SOP Instance UID.
    pub fn stored(&self) -> HashMap<String, Part10> {
        std::fs::read_dir(self.folder.path())
            .unwrap()
            .flatten()
            .map(|entry| Part10::read(&entry.path()))
            .map(|file| (file.sop_instance_uid.clone(), file))
            .collect()
    }
}

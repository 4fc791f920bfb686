//! Hostile input against the real receiver: what a peer sends never ends it, never makes it grow, and is always
//! answered with a status. The parts shared by the `hostile_*` stories, and the objects that crash DICOM parsers.
#![allow(clippy::print_stdout)] // statuses, reasons and figures, and what is skipped

use crate::support::{SMALL, Server, ServerSpec, SimulatedScan, get, simulate, wait_for};
use dimse::{PeerSettings, ProposedContext, ScuError, StoreAssociation};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

pub(crate) const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const RLE: &str = "1.2.840.10008.1.2.5";
const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";

/// Memory that the receiver may ever have used, bytes (issue 8: under 1 GB).
const MEMORY_MAX: u64 = 1_000_000_000;

/// A runtime of this thread.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The server as a peer of ours.
pub(crate) fn peer(server: &Server) -> PeerSettings {
    let mut peer =
        PeerSettings::new(format!("127.0.0.1:{}", server.dicom_port()), "HOSTILE", "LUNGCAD").unwrap();
    peer.connect_timeout = Duration::from_secs(30);
    peer
}

/// What became of one object.
#[derive(Debug)]
pub(crate) enum Answer {
    /// C-STORE-RSP.
    Status(u16, String),
    /// The association ended.
    Ended(String),
}

impl Answer {
    pub(crate) fn of(result: Result<dimse::StoreStatus, ScuError>) -> Self {
        match result {
            Ok(status) | Err(ScuError::Refused { status, .. }) => {
                Self::Status(status.code.0, status.comment.unwrap_or_default())
            }
            Err(error) => Self::Ended(error.to_string()),
        }
    }
}

impl Answer {
    /// Status and comment; an association that ended is no answer.
    pub(crate) fn status(self, what: &str) -> (u16, String) {
        match self {
            Self::Status(status, comment) => (status, comment),
            Self::Ended(why) => panic!("{what} ended the association: {why}"),
        }
    }
}

/// One object as it goes over the wire.
pub(crate) struct Object {
    pub(crate) class: &'static str,
    pub(crate) instance: String,
    pub(crate) syntax: String,
    pub(crate) bytes: Vec<u8>,
}

/// Sends each object over an association of its own.
pub(crate) fn store_each(server: &Server, objects: &[Object]) -> Vec<Answer> {
    let peer = peer(server);
    runtime().block_on(async {
        let mut answers = Vec::new();
        for object in objects {
            let context = ProposedContext::new(object.class, &[&object.syntax]);
            let mut association = StoreAssociation::open(&peer, &[context]).await.unwrap();
            let stored =
                association.store(object.class, &object.instance, &object.syntax, &object.bytes).await;
            answers.push(Answer::of(stored));
            association.release().await.ok();
        }
        answers
    })
}

/// What must hold after every attack.
pub(crate) struct Health {
    pid: u32,
}

impl Health {
    pub(crate) fn of(server: &Server) -> Self {
        Self { pid: server.process.0.id() }
    }

    /// The same process answers C-ECHO and HTTP, and never used much memory; its peak in bytes.
    pub(crate) fn check(&self, server: &mut Server) -> u64 {
        assert_eq!(self.pid, server.process.0.id());
        let ended = server.process.0.try_wait().unwrap();
        assert!(ended.is_none(), "the receiver ended: {ended:?}\n{}", server.log());
        runtime().block_on(dimse::echo(&peer(server))).unwrap();
        assert_eq!(get(&server.url("/healthz")).0, 200);
        let log = server.log();
        assert!(!log.contains("panicked at"), "{log}");
        let peak = memory_peak(self.pid);
        assert!(peak < MEMORY_MAX, "receiver used {} MB", peak / 1_000_000);
        peak
    }
}

/// Largest resident memory of a process so far (VmHWM), bytes.
pub(crate) fn memory_peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Child processes of a process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut found: Vec<u32> = tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect();
    found.sort_unstable();
    found
}

/// Waits until the worker takes jobs.
pub(crate) fn ready(server: &Server) {
    wait_for("readiness", Duration::from_secs(120), || (get(&server.url("/readyz")).0 == 200).then_some(()));
}

/// A small chest with one nodule.
pub(crate) fn chest(folder: &Path) -> SimulatedScan {
    chest_of_seed(folder, "1")
}

fn chest_of_seed(folder: &Path, seed: &str) -> SimulatedScan {
    let mut arguments = vec!["--nodule", "RUL,16,solid", "--seed", seed];
    arguments.extend(SMALL);
    simulate(folder, &arguments)
}

/// Sends a sane scan and waits for its result: the whole path works after what was done to it.
pub(crate) fn sane_scan_goes_through(server: &Server, folder: &Path) {
    let scan = chest_of_seed(folder, "2");
    server.send(&scan.folder);
    let document = server.settled(&scan.series, Duration::from_secs(300));
    assert_eq!(document["series"][0]["state"], "done", "{document:#}\n{}", server.log());
}

/// Instances that the server counts as stored and analysable.
pub(crate) fn instance_count(server: &Server, series: &str) -> Value {
    server.get_json(&format!("/api/v1/series/{series}"))["instance_count"].clone()
}

fn tag(tag: [u16; 2]) -> Vec<u8> {
    tag.iter().flat_map(|t| t.to_le_bytes()).collect()
}

/// An explicit VR element with a 16-bit length; text is padded.
pub(crate) fn short(at: [u16; 2], vr: &str, value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(if vr == "UI" { 0 } else { b' ' });
    }
    let size = u16::try_from(value.len()).unwrap().to_le_bytes();
    [tag(at), vr.as_bytes().to_vec(), size.to_vec(), value].concat()
}

/// An explicit VR element with a 32-bit length, which may lie.
pub(crate) fn long(at: [u16; 2], vr: &str, length: u32, value: &[u8]) -> Vec<u8> {
    [&tag(at)[..], vr.as_bytes(), &[0, 0], &length.to_le_bytes(), value].concat()
}

/// One axial slice of a series without pixel data.
pub(crate) struct Slice<'a> {
    pub(crate) series: &'a str,
    pub(crate) number: u16,
    pub(crate) rows: u16,
    pub(crate) columns: u16,
    pub(crate) frames: Option<&'a str>,
}

impl Slice<'_> {
    pub(crate) fn instance(&self) -> String {
        format!("{}.{}", self.series, self.number)
    }

    /// Identity: what comes before anything hostile.
    fn head(&self) -> Vec<u8> {
        let text = |at, vr, text: &str| short(at, vr, text.as_bytes());
        [
            text([0x0008, 0x0008], "CS", "ORIGINAL\\PRIMARY\\AXIAL"),
            text([0x0008, 0x0016], "UI", CT),
            text([0x0008, 0x0018], "UI", &self.instance()),
            text([0x0008, 0x0060], "CS", "CT"),
        ]
        .concat()
    }

    /// Geometry and pixel description.
    fn body(&self) -> Vec<u8> {
        let text = |at, vr, text: &str| short(at, vr, text.as_bytes());
        let number = |element, n: u16| short([0x0028, element], "US", &n.to_le_bytes());
        let position = format!("-170\\-170\\{}", -4.5 * f64::from(self.number));
        let mut body = [
            text([0x0018, 0x0050], "DS", "4.5"),
            text([0x0018, 0x5100], "CS", "HFS"),
            text([0x0020, 0x000D], "UI", &format!("{}.0", self.series)),
            text([0x0020, 0x000E], "UI", self.series),
            text([0x0020, 0x0013], "IS", &self.number.to_string()),
            text([0x0020, 0x0032], "DS", &position),
            text([0x0020, 0x0037], "DS", "1\\0\\0\\0\\1\\0"),
            text([0x0020, 0x0052], "UI", &format!("{}.9", self.series)),
            number(0x0002, 1),
            text([0x0028, 0x0004], "CS", "MONOCHROME2"),
        ]
        .concat();
        if let Some(frames) = self.frames {
            body.extend(text([0x0028, 0x0008], "IS", frames));
        }
        body.extend([number(0x0010, self.rows), number(0x0011, self.columns)].concat());
        body.extend(text([0x0028, 0x0030], "DS", "0.7\\0.7"));
        for (element, value) in [(0x0100, 16), (0x0101, 16), (0x0102, 15), (0x0103, 1)] {
            body.extend(number(element, value));
        }
        body.extend([text([0x0028, 0x1052], "DS", "0"), text([0x0028, 0x1053], "DS", "1")].concat());
        body
    }

    /// With one fragment as its pixel data.
    fn encapsulated(&self, fragment: &[u8]) -> Vec<u8> {
        let mut bytes = [self.head(), self.body()].concat();
        bytes.extend(long([0x7FE0, 0x0010], "OB", u32::MAX, &[0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0]));
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0]);
        bytes.extend(u32::try_from(fragment.len()).unwrap().to_le_bytes());
        bytes.extend(fragment);
        bytes.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        bytes
    }

    /// With native pixels of one value.
    pub(crate) fn native(&self, value: i16) -> Vec<u8> {
        let count = usize::from(self.rows) * usize::from(self.columns);
        let pixels: Vec<u8> = std::iter::repeat_n(value.to_le_bytes(), count).flatten().collect();
        let length = u32::try_from(pixels.len()).unwrap();
        [self.head(), self.body(), long([0x7FE0, 0x0010], "OW", length, &pixels)].concat()
    }

    fn object(&self, syntax: &str, bytes: Vec<u8>) -> Object {
        Object { class: CT, instance: self.instance(), syntax: syntax.to_owned(), bytes }
    }
}

/// A deflate stream of `prefix` and then `zeros` zeros, at 13 bits for 258 of them (RFC 1951 3.2.6).
fn deflate_bomb(prefix: &[u8], zeros: usize) -> Vec<u8> {
    let mut bits: (Vec<u8>, u32, u32) = (Vec::new(), 0, 0);
    let mut put = |value: u32, count: u32| {
        bits.1 |= value << bits.2;
        bits.2 += count;
        while bits.2 >= 8 {
            bits.0.push(u8::try_from(bits.1 & 0xFF).unwrap());
            bits.1 >>= 8;
            bits.2 -= 8;
        }
    };
    // Huffman codes are written from their highest bit.
    let code = |code: u32, count: u32| code.reverse_bits() >> (32 - count);
    put(0b011, 3); // last block, fixed codes
    for byte in prefix.iter().chain(&[0]) {
        let byte = u32::from(*byte);
        if byte < 144 { put(code(0x30 + byte, 8), 8) } else { put(code(0x190 + byte - 144, 9), 9) }
    }
    for _ in 0..zeros / 258 {
        put(code(0b1100_0101, 8), 8); // length 258
        put(0, 5); // distance 1
    }
    put(0, 7); // end of block
    put(0, 7); // the rest of the last byte
    bits.0
}

/// Case, object, and the statuses that are right for it.
type Case = (&'static str, Object, u16);

const CANNOT_UNDERSTAND: u16 = 0xC000;

/// Objects that must be refused before any parser sees them.
fn crashers() -> Vec<Case> {
    let mut number = 0;
    let mut next = || {
        number += 1;
        Slice { series: "2.25.4711.1", number, rows: 16, columns: 16, frames: None }
    };
    let item = [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF];
    let empty_item = [0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0];
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |name, slice: &Slice<'_>, syntax, hostile: Vec<u8>, status| {
        let bytes = if syntax == IMPLICIT { hostile } else { [slice.head(), hostile].concat() };
        cases.push((name, slice.object(syntax, bytes), status));
    };
    let level = [long([0x0040, 0xA730], "SQ", u32::MAX, &[]), item.to_vec()].concat();
    add("sequences nested 100,000 deep", &next(), EXPLICIT, level.repeat(100_000), CANNOT_UNDERSTAND);
    let level = [long([0x0009, 0x1001], "UN", u32::MAX, &[]), item.to_vec()].concat();
    add("UN nested 100,000 deep", &next(), EXPLICIT, level.repeat(100_000), CANNOT_UNDERSTAND);
    let level = [&[0x40, 0, 0x30, 0xA7, 0xFF, 0xFF, 0xFF, 0xFF][..], &item].concat();
    add("implicit, nested 100,000 deep", &next(), IMPLICIT, level.repeat(100_000), CANNOT_UNDERSTAND);
    for (name, vr) in
        [("OB of 4 GiB", "OB"), ("OW of 4 GiB", "OW"), ("OD of 4 GiB", "OD"), ("UT of 4 GiB", "UT")]
    {
        let lie = long([0x0009, 0x1001], vr, 0xFFFF_FFFE, &[0; 64]);
        add(name, &next(), EXPLICIT, lie, CANNOT_UNDERSTAND);
    }
    let bad_vr = long([0x0010, 0x0010], "??", 0x6000_0000, &[0; 64]);
    add("VR ?? with 1.6 GB", &next(), EXPLICIT, bad_vr, CANNOT_UNDERSTAND);
    let items = [long([0x0040, 0xA730], "SQ", u32::MAX, &[]), empty_item.repeat(3_000_000)].concat();
    add("3 million empty items", &next(), EXPLICIT, items, CANNOT_UNDERSTAND);
    let elements = short([0x0009, 0x0010], "LO", b"").repeat(300_000);
    add("300,000 elements", &next(), EXPLICIT, elements, CANNOT_UNDERSTAND);
    let many = Slice { frames: Some("2147483648"), ..next() };
    add("NumberOfFrames 2^31", &many, EXPLICIT, many.body(), CANNOT_UNDERSTAND);
    let wide = Slice { rows: 65535, columns: 65535, ..next() };
    let pixels = wide.encapsulated(&jpeg_ls_65535())[wide.head().len()..].to_vec();
    add("65535 rows and columns", &wide, JPEG_LS, pixels, CANNOT_UNDERSTAND);
    let cut = next();
    let native = cut.native(0);
    let half = native[cut.head().len()..native.len() - 256].to_vec();
    add("pixel data cut in half", &cut, EXPLICIT, half, CANNOT_UNDERSTAND);
    add("no series", &next(), EXPLICIT, Vec::new(), 0xA900);
    let other = next();
    let body = [short([0x0008, 0x0018], "UI", b"1.2.3"), other.body()].concat();
    cases.push(("other instance than announced", other.object(EXPLICIT, body), 0xA900));
    let bomb = next();
    let prefix = [bomb.head(), long([0x7FE0, 0x0010], "OB", 1_500_000_000, &[])].concat();
    let bytes = deflate_bomb(&prefix, 1_500_000_000);
    cases.push(("deflate bomb of 1.5 GB", bomb.object(DEFLATED, bytes), CANNOT_UNDERSTAND));
    let noise = next();
    cases.push(("deflate stream of noise", noise.object(DEFLATED, vec![0xA5; 4096]), CANNOT_UNDERSTAND));
    cases
}

/// A JPEG-LS stream that claims 65535 x 65535 pixels.
fn jpeg_ls_65535() -> Vec<u8> {
    [
        &[0xFF, 0xD8, 0xFF, 0xF7, 0, 11, 16, 255, 255, 255, 255, 1, 1, 0x11, 0][..],
        &[0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0, 1, 2, 3, 4, 0xFF, 0xD9, 0],
    ]
    .concat()
}

/// Goal: objects that crash DICOM parsers are refused with their status and reason. Method: each once over a live
/// association; then a sane scan.
#[test]
fn crashers_are_answered_with_a_status() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerSpec::new(folder.path()).start();
    let health = Health::of(&server);
    for (name, object, wanted) in crashers() {
        let answer = store_each(&server, &[object]).remove(0);
        let (status, comment) = answer.status(name);
        println!("{name:<32} {status:04X} {comment}");
        assert_eq!(status, wanted, "{name}: {comment}");
        assert!(!comment.is_empty(), "{name} has no reason");
        health.check(&mut server);
    }
    let studies = server.get_json("/api/v1/studies");
    assert_eq!(studies["items"].as_array().map(Vec::len), Some(0), "nothing refused is kept: {studies}");
    sane_scan_goes_through(&server, &folder.path().join("scan"));
    println!("peak memory of the receiver {} MB", health.check(&mut server) / 1_000_000);
    assert_eq!(server.stop(), Some(0));
}

/// Goal: objects that are dangerous only to decode are kept, and the worker refuses them with a reason and lives.
/// Method: series of 24 slices whose pixel data is a bomb, one series per bomb.
#[test]
fn pixel_bombs_cost_no_worker() {
    let noise: Vec<u8> = (0..64u8).map(|i| i.wrapping_mul(151).wrapping_add(7)).collect();
    let claims = [vec![0xFF; 4], vec![0x5A; 60]].concat();
    let flipped = [&jpeg_ls_65535()[..5], &[0xFF; 40]].concat();
    let bombs: [(&str, &str, Vec<u8>); 6] = [
        ("RLE of 64 random bytes", RLE, noise),
        ("RLE with 2^32 segments", RLE, claims),
        ("RLE without segments", RLE, vec![0; 64]),
        ("JPEG-LS of 65535 x 65535", JPEG_LS, jpeg_ls_65535()),
        ("JPEG-LS that is none", JPEG_LS, flipped),
        ("JPEG 2000 that is none", "1.2.840.10008.1.2.4.90", vec![0xFF, 0x4F, 0xFF, 0x51, 0, 41, 0, 0]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerSpec::new(folder.path()).start();
    let health = Health::of(&server);
    ready(&server);
    let workers = children(server.process.0.id());
    for (index, (name, syntax, fragment)) in bombs.iter().enumerate() {
        let series = format!("2.25.4711.2.{index}");
        let slices = (1..=24).map(|number| {
            let slice = Slice { series: &series, number, rows: 512, columns: 512, frames: None };
            slice.object(syntax, slice.encapsulated(fragment))
        });
        for answer in store_each(&server, &slices.collect::<Vec<_>>()) {
            assert!(matches!(answer, Answer::Status(0, _)), "{name}: {answer:?}");
        }
    }
    for (index, (name, ..)) in bombs.iter().enumerate() {
        let series = format!("2.25.4711.2.{index}");
        let document = server.settled(&series, Duration::from_secs(120));
        let one = &document["series"][0];
        let reason = one["reason"]["message"].as_str().unwrap_or_default();
        println!("{name:<28} {} {} {reason}", one["state"], one["reason"]["code"]);
        assert_eq!(one["state"], "skipped", "{name}: {document:#}");
        assert_eq!(one["reason"]["code"], "DECODE_FAILED", "{name}: {document:#}");
        assert!(!reason.is_empty());
        assert_eq!(instance_count(&server, &series), 24, "{name}: what was acknowledged is there");
    }
    assert_eq!(children(server.process.0.id()), workers, "the worker lives: {}", server.log());
    health.check(&mut server);
    assert_eq!(server.stop(), Some(0));
}

//! `lungcad send` over a connection that breaks.

use crate::support::{SMALL, ServerSpec, lungcad, simulate, wait_for};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A line to `receiver` that is cut where `word` goes through it, the first `cuts_max` times.
struct BadLine {
    address: SocketAddr,
    cuts: Arc<AtomicUsize>,
}

impl BadLine {
    fn new(receiver: SocketAddr, word: String, cuts_max: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, cuts) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&cuts);
        // The thread ends with the test program: nothing tells a listener to stop.
        std::thread::spawn(move || {
            for sender in listener.incoming().map_while(Result::ok) {
                let (word, counted) = (word.clone(), Arc::clone(&counted));
                std::thread::spawn(move || carry(&sender, receiver, word.as_bytes(), &counted, cuts_max));
            }
        });
        Self { address, cuts }
    }
}

/// Carries bytes both ways until one side ends, or the line is cut.
fn carry(sender: &TcpStream, receiver: SocketAddr, word: &[u8], cuts: &AtomicUsize, cuts_max: usize) {
    let Ok(receiver) = TcpStream::connect(receiver) else { return };
    let (mut answers, mut back) = (receiver.try_clone().unwrap(), sender.try_clone().unwrap());
    let answering = std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (sender, &receiver);
    let (mut piece, mut seen) = (vec![0; 64 << 10], Vec::new());
    while let Ok(count) = from.read(&mut piece) {
        if count == 0 {
            break;
        }
        seen.extend_from_slice(&piece[..count]);
        if seen.windows(word.len()).any(|part| part == word) && cuts.load(Ordering::SeqCst) < cuts_max {
            cuts.fetch_add(1, Ordering::SeqCst);
            break;
        }
        seen.drain(..seen.len() - word.len().min(seen.len()));
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    let _ = sender.shutdown(Shutdown::Both);
    let _ = receiver.shutdown(Shutdown::Both);
    answering.join().unwrap();
}

fn slices_of(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn sop_instance_uid(file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap();
    dcm::guard::check_file(&bytes, &dcm::limits::Limits::default()).unwrap().sop_instance_uid.unwrap()
}

/// Sends the scan over a line that is cut `cuts_max` times at its tenth slice; exit code, output, cuts, and how many
/// slices the receiver has.
fn sent_over_a_bad_line(cuts_max: usize, operations: &str) -> (i32, String, usize, usize, u64) {
    let folder = tempfile::tempdir().unwrap();
    let scan = simulate(&folder.path().join("scan"), SMALL);
    let slices = slices_of(&scan.folder);
    let server = ServerSpec::new(folder.path()).start();
    let line = BadLine::new(server.dicom.unwrap(), sop_instance_uid(&slices[9]), cuts_max);
    let output = lungcad()
        .arg("send")
        .arg(&scan.folder)
        .arg(line.address.to_string())
        .args(["--operations", operations])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let count = wait_for("the series", Duration::from_secs(30), || {
        server.get_json(&format!("/api/v1/series/{}", scan.series))["instance_count"].as_u64()
    });
    let _ = server.stop();
    (output.status.code().unwrap(), text, line.cuts.load(Ordering::SeqCst), slices.len(), count)
}

/// Goal: an association that breaks once costs nothing. Method: a line cut at the tenth slice, with sixteen and with
/// one under way.
#[test]
fn what_was_under_way_when_the_line_broke_is_sent_again() {
    for operations in ["16", "1"] {
        let (code, text, cuts, slices_count, stored_count) = sent_over_a_bad_line(1, operations);
        assert_eq!((code, cuts), (0, 1), "{text}");
        assert_eq!(stored_count, slices_count as u64, "{text}");
    }
}

/// Goal: an object that breaks every association takes none of its neighbours with it, and is named. Method: a line
/// that is always cut at the tenth slice.
#[test]
fn what_breaks_every_association_fails_alone() {
    let (code, text, cuts, slices_count, stored_count) = sent_over_a_bad_line(usize::MAX, "16");
    assert_eq!((code, cuts), (1, 2), "{text}");
    assert_eq!(text.matches("not sent: ").count(), 1, "{text}");
    assert_eq!(stored_count, slices_count as u64 - 1, "{text}");
}

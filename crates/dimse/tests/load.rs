//! Time and order under load: C-ECHO beside stores, stopping, and throughput figures.

mod support;

use dimse::{AssociationEnd, ProposedContext, ScpLimits, StoreAssociation, echo};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{
    Behaviour, CT, EXPLICIT, ForeignPeer, IMPLICIT, JPEG_LS_NEAR, Part10, Receiver, data_folder, files_of,
    run, within,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

fn contexts() -> [ProposedContext; 1] {
    [ProposedContext::new(CT, &[EXPLICIT, IMPLICIT, JPEG_LS_NEAR])]
}

/// Goal: C-ECHO answers within 50 ms while 16 associations store. Method: 16 senders in a loop, 20 echoes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn echo_answers_while_sixteen_store() {
    let behaviour = Behaviour { discard: true, ..Behaviour::default() };
    let mut receiver = Receiver::start(ScpLimits::default(), behaviour).await;
    let mut senders = JoinSet::new();
    for sender in 0..16 {
        let peer = receiver.peer();
        senders.spawn(async move {
            let object = vec![5u8; 524_288];
            let mut association = StoreAssociation::open(&peer, &contexts()).await.unwrap();
            for instance in 0.. {
                let uid = format!("1.2.{sender}.{instance}");
                association.store(CT, &uid, EXPLICIT, &object).await.unwrap();
            }
        });
    }
    for _ in 0..64 {
        within(receiver.begun.recv()).await.unwrap();
    }
    let mut times = Vec::new();
    for _ in 0..20 {
        times.push(echo(&receiver.peer()).await.unwrap());
    }
    times.sort();
    senders.shutdown().await;
    let (median, longest) = (times[10], times[19]);
    eprintln!("C-ECHO beside 16 storing associations: median {median:?}, longest {longest:?}");
    assert!(median < Duration::from_millis(50), "{times:?}");
    receiver.stop().await;
}

/// Goal: stopping finishes the instance in hand and then ends the association. Method: a sink that waits at a
/// gate until the receiver has been told to stop.
#[tokio::test]
async fn stop_finishes_the_instance_in_hand() {
    let gate = Arc::new(Semaphore::new(0));
    let behaviour = Behaviour { gate: Some(Arc::clone(&gate)), ..Behaviour::default() };
    let mut receiver = Receiver::start(ScpLimits::default(), behaviour).await;
    let mut association = StoreAssociation::open(&receiver.peer(), &contexts()).await.unwrap();
    let sender = tokio::spawn(async move {
        let first = association.store(CT, "1.2.1", EXPLICIT, &[1; 100_000]).await;
        let second = association.store(CT, "1.2.2", EXPLICIT, &[1; 100_000]).await;
        (first, second)
    });
    within(receiver.begun.recv()).await.unwrap();
    receiver.cancel.cancel();
    gate.add_permits(1);
    let (first, second) = within(sender).await.unwrap();
    assert!(first.is_ok(), "{first:?}");
    assert!(second.is_err(), "{second:?}");
    assert_eq!(receiver.next_end().await.end, AssociationEnd::Stopped);
    assert!(receiver.kept("1.2.1").is_some() && receiver.kept("1.2.2").is_none());
    assert!(echo(&receiver.peer()).await.is_err(), "nobody listens any more");
    receiver.stop().await;
}

/// Goal: an instance that does not end is given up after the grace, and reported. Method: a closed gate.
#[tokio::test]
async fn stop_ends_after_its_grace() {
    let behaviour = Behaviour { gate: Some(Arc::new(Semaphore::new(0))), ..Behaviour::default() };
    let limits = ScpLimits { stop_grace: Duration::from_millis(200), ..ScpLimits::default() };
    let mut receiver = Receiver::start(limits, behaviour).await;
    let mut association = StoreAssociation::open(&receiver.peer(), &contexts()).await.unwrap();
    let sender = tokio::spawn(async move { association.store(CT, "1.2.1", EXPLICIT, &[1; 10]).await });
    within(receiver.begun.recv()).await.unwrap();
    receiver.cancel.cancel();
    assert_eq!(receiver.next_end().await.end, AssociationEnd::Stopped);
    assert!(within(sender).await.unwrap().is_err());
    receiver.stop().await;
}

/// Sends `files` over `count` associations by our sender.
async fn send(peer: &dimse::PeerSettings, files: &[Arc<Part10>], count: usize) -> Duration {
    let begun = Instant::now();
    let mut senders = JoinSet::new();
    for part in files.chunks(files.len().div_ceil(count)) {
        let (peer, part) = (peer.clone(), part.to_vec());
        senders.spawn(async move {
            let mut association = StoreAssociation::open(&peer, &contexts()).await.unwrap();
            for file in part {
                let syntax = &file.transfer_syntax_uid;
                association.store(CT, &file.sop_instance_uid, syntax, &file.data_set).await.unwrap();
            }
            association.release().await.unwrap();
        });
    }
    while let Some(done) = senders.join_next().await {
        done.unwrap();
    }
    begun.elapsed()
}

/// The 275 slices of one scan, decompressed by DCMTK into `folder`.
async fn decompressed(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for file in files_of(root, "LIDC-IDRI-0314", 275) {
        let out = folder.join(file.file_name().unwrap());
        let (ok, text) = run("dcmdjpls", &[file.to_str().unwrap(), out.to_str().unwrap()]).await;
        assert!(ok, "{text}");
        files.push(out);
    }
    files
}

/// Figures: 275 slices (144 MB), sinks that discard. Run with `--ignored --nocapture`, interleaved, 5 rounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of a minute, not a check"]
async fn throughput_beside_storescp() {
    let Some(root) = data_folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = decompressed(&root, folder.path()).await;
    let slices: Vec<Arc<Part10>> = files.iter().map(|path| Arc::new(Part10::read(path))).collect();
    let behaviour = Behaviour { discard: true, ..Behaviour::default() };
    let receiver = Receiver::start(ScpLimits::default(), behaviour).await;
    let storescp = ForeignPeer::storescp(&["--ignore", "+xa"]).await;
    for round in 0..5 {
        for count in [1, 4] {
            let ours = send(&receiver.peer(), &slices, count).await;
            let theirs = send(&storescp.settings, &slices, count).await;
            assert_eq!(receiver.kept_count(), 275);
            eprintln!("round {round}, {count} associations: ours {ours:?}, storescp {theirs:?}");
        }
    }
    receiver.stop().await;
}

/// Figures: the same receivers with DCMTK's sender, Nagle's algorithm on (its default) and off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of a minute, not a check"]
async fn throughput_of_dcmsend() {
    let Some(root) = data_folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = decompressed(&root, folder.path()).await;
    let behaviour = Behaviour { discard: true, ..Behaviour::default() };
    let receiver = Receiver::start(ScpLimits::default(), behaviour).await;
    let storescp = ForeignPeer::storescp(&["--ignore", "+xa"]).await;
    let their_port = storescp.settings.address.rsplit(':').next().unwrap().to_owned();
    for round in 0..3 {
        for (name, port, called) in
            [("ours", receiver.port(), "LUNGCAD"), ("storescp", their_port.clone(), "ANY")]
        {
            for nodelay in ["0", "1"] {
                let mut arguments = vec![format!("TCP_NODELAY={nodelay}")];
                arguments.extend(["dcmsend", "-dn", "-aec", called, "127.0.0.1", &port].map(str::to_owned));
                arguments.extend(files.iter().map(|path| path.to_str().unwrap().to_owned()));
                let begun = Instant::now();
                let (ok, text) = run("env", &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
                assert!(ok, "{text}");
                eprintln!("round {round}, {name}, TCP_NODELAY={nodelay}: {:?}", begun.elapsed());
            }
        }
    }
    receiver.stop().await;
}

//! Peers that break the protocol on purpose, on raw sockets. PDUs are written and read by dicom-ul, the lies
//! by hand.
#![allow(clippy::cast_possible_truncation, reason = "sizes of test PDUs")]

mod support;

use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, AssociationRJ, AssociationRJResult,
    AssociationRJServiceProviderPresentationReason, AssociationRJServiceUserReason, AssociationRJSource, Pdu,
    PresentationContextProposed, write_pdu,
};
use dimse::{AssociationEnd, CommandSet, ProposedContext, ScpLimits, StoreAssociation, echo};
use std::time::Duration;
use support::raw::{ECHO, Raw, bytes_of, command, data, element, request, set};
use support::{Behaviour, CT, IMPLICIT, Receiver, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn short_timers() -> ScpLimits {
    ScpLimits {
        idle_timeout: Duration::from_millis(400),
        artim_timeout: Duration::from_millis(300),
        ..ScpLimits::default()
    }
}

/// Sends `bytes` on a fresh connection and expects an abort; the receiver answers an echo afterwards.
async fn check_first_bytes(bytes: &[u8], reason: AbortRQServiceProviderReason, why: &str) {
    let mut receiver = Receiver::defaults().await;
    let mut raw = Raw::connect(receiver.address).await;
    raw.send_raw(bytes).await;
    raw.expect_abort(reason).await;
    drop(raw);
    let ended = receiver.next_end().await;
    assert!(ended.end.to_string().contains(why), "{}", ended.end);
    echo(&receiver.peer()).await.unwrap();
    receiver.stop().await;
}

/// Goal: what is no association request is aborted at once. Method: HTTP, 4 GiB, data first, broken items.
#[tokio::test]
async fn first_bytes_that_are_no_request() {
    use AbortRQServiceProviderReason::{InvalidPduParameter, UnexpectedPdu, UnrecognizedPdu};
    check_first_bytes(b"GET / HTTP/1.1\r\n\r\n", UnrecognizedPdu, "unknown type 71").await;
    check_first_bytes(&[0x16, 3, 1, 2, 0, 1, 0, 1], UnrecognizedPdu, "unknown type 22").await;
    check_first_bytes(&[1, 0, 0xFF, 0xFF, 0xFF, 0xFF], InvalidPduParameter, "4294967295 bytes").await;
    check_first_bytes(&[4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 3], UnexpectedPdu, "type 4").await;
    check_first_bytes(&[1, 0, 0, 0, 0, 4, 0, 1, 0, 0], InvalidPduParameter, "longer than").await;
    let mut broken = Vec::new();
    write_pdu(&mut broken, &request("LUNGCAD")).unwrap();
    // The length of the application context item.
    broken[76..78].copy_from_slice(&[0xFF, 0xFF]);
    check_first_bytes(&broken, InvalidPduParameter, "longer than").await;
}

/// Goal: even and repeated context ids are refused, 128 contexts are taken. Method: requests by dicom-ul.
#[tokio::test]
async fn context_ids_are_checked() {
    let receiver = Receiver::defaults().await;
    for (ids, is_taken) in
        [(vec![1, 1], false), (vec![2], false), ((0..128).map(|i| i * 2 + 1).collect(), true)]
    {
        let mut raw = Raw::connect(receiver.address).await;
        let Pdu::AssociationRQ(mut asked) = request("LUNGCAD") else { unreachable!() };
        let context = asked.presentation_contexts.remove(1);
        asked.presentation_contexts = ids
            .iter()
            .map(|&id: &u16| PresentationContextProposed { id: id as u8, ..context.clone() })
            .collect();
        raw.send(&Pdu::AssociationRQ(asked)).await;
        let answer = raw.receive().await;
        assert_eq!(matches!(answer, Some(Pdu::AssociationAC(_))), is_taken, "{ids:?}: {answer:?}");
    }
    receiver.stop().await;
}

/// Goal: rejections carry the reason of the standard. Method: wrong title, version, application context.
#[tokio::test]
async fn rejections_carry_their_reason() {
    use AssociationRJServiceUserReason::{ApplicationContextNameNotSupported, CalledAETitleNotRecognized};
    let receiver = Receiver::defaults().await;
    let Pdu::AssociationRQ(mut foreign) = request("LUNGCAD") else { unreachable!() };
    foreign.application_context_name = "1.2.3".to_owned();
    for (asked, reason) in [
        (request("OTHER"), CalledAETitleNotRecognized),
        (Pdu::AssociationRQ(foreign), ApplicationContextNameNotSupported),
    ] {
        let mut raw = Raw::connect(receiver.address).await;
        raw.send(&asked).await;
        let source = AssociationRJSource::ServiceUser(reason);
        let expect = Pdu::AssociationRJ(AssociationRJ { result: AssociationRJResult::Permanent, source });
        assert_eq!(raw.receive().await, Some(expect));
    }
    receiver.stop().await;
}

/// Aborts an open association by `bytes` and checks the reason; the receiver answers an echo afterwards.
async fn check_open(bytes: &[u8], reason: AbortRQServiceProviderReason, why: &str) {
    let mut receiver = Receiver::defaults().await;
    let mut raw = Raw::associated(receiver.address).await;
    raw.send_raw(bytes).await;
    raw.expect_abort(reason).await;
    drop(raw);
    let ended = receiver.next_end().await;
    assert!(ended.end.to_string().contains(why), "{} / {why}", ended.end);
    echo(&receiver.peer()).await.unwrap();
    receiver.stop().await;
}

/// Goal: lies in an open association end only it. Method: each lie once.
#[tokio::test]
async fn lies_in_an_open_association() {
    use AbortRQServiceProviderReason::{InvalidPduParameter, UnexpectedPdu, UnrecognizedPdu};
    check_open(&[4, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1], InvalidPduParameter, "4294967295").await;
    check_open(&[4, 0, 0, 0, 0, 6, 0, 0, 1, 0, 1, 3], InvalidPduParameter, "presentation data value").await;
    check_open(&[9, 0, 0, 0, 0, 0], UnrecognizedPdu, "unknown type 9").await;
    check_open(&bytes_of(&request("LUNGCAD")), UnexpectedPdu, "type 1").await;
    check_open(&bytes_of(&data(&[(3, false, true, &[0; 8])])), UnexpectedPdu, "without its command").await;
    check_open(&bytes_of(&data(&[(7, true, true, &[0; 8])])), InvalidPduParameter, "not proposed").await;
    check_open(
        &bytes_of(&data(&[(3, true, true, &[8, 0, 5, 0, 0, 0, 0, 0])])),
        InvalidPduParameter,
        "group 0008",
    )
    .await;
    let response = command(0x8001, 1, CT, None);
    check_open(&bytes_of(&data(&[(3, true, true, &response)])), UnexpectedPdu, "response").await;
    let store = command(1, 1, CT, Some("1.2"));
    let changed = data(&[(3, true, false, &store[..20]), (1, true, true, &store[20..])]);
    check_open(&bytes_of(&changed), UnexpectedPdu, "changes").await;
    let twice = data(&[(3, true, true, &store), (3, true, true, &store)]);
    check_open(&bytes_of(&twice), UnexpectedPdu, "middle of a data set").await;
    let mut bomb = Vec::new();
    for _ in 0..2 {
        bomb.extend(bytes_of(&data(&[(3, true, false, &[0; 40_000])])));
    }
    check_open(&bomb, InvalidPduParameter, "longer than 65536").await;
}

/// Context, command, whether a data set follows; then field, status and offending elements of the answer.
type Mistake<'a> = (u8, Vec<u8>, bool, u16, u16, &'a [u8]);

/// Goal: mistakes within the protocol are statuses on a living association. Method: each, then an echo.
#[tokio::test]
async fn mistakes_are_answered_with_their_status() {
    let receiver = Receiver::defaults().await;
    let mut raw = Raw::associated(receiver.address).await;
    let class_tag = [0u8, 0, 2, 0];
    let without_id = set(&[(2, CT.as_bytes()), (0x0100, &[1, 0]), (0x0800, &[1, 1])]);
    let cases: [Mistake<'_>; 9] = [
        (3, command(1, 1, CT, None), false, 0x8001, 0x0212, &[0, 0, 0, 8]),
        (3, command(1, 2, "1.2.840.10008.5.1.4.1.1.4", Some("1.2")), true, 0x8001, 0x0122, &class_tag),
        (5, command(1, 3, "1.2.3.4.5", Some("1.2")), true, 0x8001, 0x0122, &class_tag),
        (3, command(1, 4, CT, Some("../../etc/passwd")), true, 0x8001, 0x0117, &[0, 0, 0, 0x10]),
        (3, command(0x20, 5, CT, Some("1.2")), true, 0x8020, 0x0211, &[]),
        (3, command(0x1234, 6, CT, None), false, 0x9234, 0x0211, &[]),
        (3, without_id, false, 0x8001, 0x0212, &[0, 0, 0x10, 1]),
        (1, command(1, 7, ECHO, Some("1.2")), true, 0x8001, 0x0122, &class_tag),
        (3, command(0x30, 8, CT, None), false, 0x8030, 0x0122, &class_tag),
    ];
    for (context, command, has_data, field, status, offending) in cases {
        raw.send(&data(&[(context, true, true, &command)])).await;
        if has_data {
            raw.send(&data(&[(context, false, false, &[0; 100])])).await;
            raw.send(&data(&[(context, false, true, &[0; 100])])).await;
        }
        assert_eq!(raw.response().await, (field, status, offending.to_vec()), "{status:04X}");
        raw.expect_echo(99).await;
    }
    // A C-CANCEL has no answer.
    raw.send(&data(&[(3, true, true, &command(0x0FFF, 1, CT, None))])).await;
    raw.expect_echo(100).await;
    raw.release().await;
    assert_eq!(receiver.kept_count(), 0);
    receiver.stop().await;
}

/// Goal: the same message id while its data set is arriving is 0210, and the first goes on. Method: a second
/// C-STORE-RQ on another context between the fragments.
#[tokio::test]
async fn duplicate_invocation_is_answered() {
    let receiver = Receiver::defaults().await;
    let mut raw = Raw::associated(receiver.address).await;
    raw.send(&data(&[(3, true, true, &command(1, 7, CT, Some("1.2.7"))), (3, false, false, b"abc")])).await;
    raw.send(&data(&[(1, true, true, &command(1, 7, ECHO, Some("1.2.8"))), (1, false, true, b"xyz")])).await;
    assert_eq!(raw.response().await.1, 0x0210);
    raw.send(&data(&[(3, false, true, b"def")])).await;
    assert_eq!(raw.response().await.1, 0x0000);
    raw.release().await;
    assert_eq!(receiver.kept("1.2.7").unwrap().bytes, b"abcdef");
    receiver.stop().await;
}

/// Goal: fragments of one byte, one byte per write, give the same bytes. Method: all of it.
#[tokio::test]
async fn fragments_of_one_byte() {
    let receiver = Receiver::defaults().await;
    let mut raw = Raw::associated(receiver.address).await;
    raw.0.set_nodelay(true).unwrap();
    let (store, object) = (command(1, 1, CT, Some("1.2.9")), b"0123456789");
    let mut stream = Vec::new();
    for (bytes, is_command) in [(&store[..], true), (&object[..], false)] {
        for (i, byte) in bytes.iter().enumerate() {
            stream.extend(bytes_of(&data(&[(3, is_command, i + 1 == bytes.len(), &[*byte])])));
        }
    }
    for byte in stream {
        raw.send_raw(&[byte]).await;
    }
    assert_eq!(raw.response().await.1, 0);
    assert_eq!(receiver.kept("1.2.9").unwrap().bytes, object);
    raw.release().await;
    receiver.stop().await;
}

/// Goal: an abort, or a cut, in mid data set leaves nothing behind. Method: both, then the events.
#[tokio::test]
async fn abort_in_mid_data_set() {
    let mut receiver = Receiver::defaults().await;
    for is_polite in [true, false] {
        let mut raw = Raw::associated(receiver.address).await;
        raw.send(&data(&[(3, true, true, &command(1, 1, CT, Some("1.2.3"))), (3, false, false, &[7; 5000])]))
            .await;
        within(receiver.begun.recv()).await.unwrap();
        if is_polite {
            raw.send(&Pdu::AbortRQ { source: AbortRQSource::ServiceUser }).await;
        }
        drop(raw);
        let end = receiver.next_end().await.end;
        match end {
            AssociationEnd::AbortedByPeer { source: 0, .. } => assert!(is_polite),
            AssociationEnd::ConnectionLost { .. } => assert!(!is_polite),
            other => panic!("{other}"),
        }
    }
    assert_eq!(receiver.kept_count(), 0);
    echo(&receiver.peer()).await.unwrap();
    receiver.stop().await;
}

/// Goal: silence ends a connection. Method: short timers; before the request, between messages, in mid PDU.
#[tokio::test]
async fn silent_peers_are_dropped() {
    let mut receiver = Receiver::start(short_timers(), Behaviour::default()).await;
    let silent = Raw::connect(receiver.address).await;
    assert!(receiver.next_end().await.end.to_string().contains("no PDU within 300 ms"));
    let mut half = Raw::connect(receiver.address).await;
    half.send_raw(&[1, 0, 0, 0, 0, 200, 0, 1]).await;
    assert!(receiver.next_end().await.end.to_string().contains("no PDU within 300 ms"));
    let mut idle = Raw::associated(receiver.address).await;
    assert!(receiver.next_end().await.end.to_string().contains("no PDU within 400 ms"));
    idle.expect_abort(AbortRQServiceProviderReason::ReasonNotSpecified).await;
    let mut stuck = Raw::associated(receiver.address).await;
    stuck.send_raw(&[4, 0, 0, 0, 10, 0, 0, 0, 9]).await;
    assert!(receiver.next_end().await.end.to_string().contains("no PDU within 400 ms"));
    drop((silent, half));
    receiver.stop().await;
}

/// Goal: a busy association ends too, when its time is over. Method: echoes without pause.
#[tokio::test]
async fn associations_have_a_longest_life() {
    let limits = ScpLimits { association_time_max: Duration::from_millis(200), ..ScpLimits::default() };
    let mut receiver = Receiver::start(limits, Behaviour::default()).await;
    let mut raw = Raw::associated(receiver.address).await;
    let busy = tokio::spawn(async move {
        loop {
            raw.send(&data(&[(1, true, true, &command(0x30, 1, ECHO, None))])).await;
            match raw.receive().await {
                Some(Pdu::PData { .. }) => {}
                last => break last,
            }
        }
    });
    assert!(receiver.next_end().await.end.to_string().contains("lasted longer"));
    assert!(matches!(within(busy).await.unwrap(), Some(Pdu::AbortRQ { .. })));
    receiver.stop().await;
}

/// Goal: a full house rejects as transient, keeps a place for C-ECHO, and opens again. Method: 100 idle
/// associations, echo, one more, then all leave.
#[tokio::test]
async fn hundred_idle_associations() {
    let limits = ScpLimits { associations_max: 100, associations_per_peer_max: 100, ..ScpLimits::default() };
    let mut receiver = Receiver::start(limits, Behaviour::default()).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(Raw::associated(receiver.address).await);
    }
    let took = echo(&receiver.peer()).await.unwrap();
    assert!(took < Duration::from_secs(1), "{took:?}");
    let mut late = Raw::connect(receiver.address).await;
    late.send(&request("LUNGCAD")).await;
    let reason = AssociationRJServiceProviderPresentationReason::LocalLimitExceeded;
    let source = AssociationRJSource::ServiceProviderPresentation(reason);
    let expect = Pdu::AssociationRJ(AssociationRJ { result: AssociationRJResult::Transient, source });
    assert_eq!(late.receive().await, Some(expect));
    let rejected = StoreAssociation::open(&receiver.peer(), &[ProposedContext::new(CT, &[IMPLICIT])]).await;
    assert!(!rejected.unwrap_err().is_permanent());
    for raw in idle {
        raw.release().await;
    }
    while receiver.next_end().await.end != AssociationEnd::Released {}
    Raw::associated(receiver.address).await.expect_echo(1).await;
    receiver.stop().await;
}

/// Goal: too many connections that say nothing do not keep others out. Method: fill the places of one address
/// for handshakes; the next is closed and reported, and after the ARTIM time an echo works.
#[tokio::test]
async fn too_many_silent_connections() {
    let limits = ScpLimits { handshakes_per_peer_max: 5, ..short_timers() };
    let mut receiver = Receiver::start(limits, Behaviour::default()).await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(Raw::connect(receiver.address).await);
    }
    assert_eq!(receiver.next_end().await.end, AssociationEnd::TooManyConnections);
    for _ in 0..5 {
        assert!(matches!(receiver.next_end().await.end, AssociationEnd::Aborted { .. }));
    }
    echo(&receiver.peer()).await.unwrap();
    receiver.stop().await;
}

/// Goal: an object above its limit is A700 on a living association, an endless one is aborted. Method: limits
/// of a few hundred bytes.
#[tokio::test]
async fn too_large_objects() {
    let limits = ScpLimits { object_size_max: 500, drain_size_max: 1000, ..ScpLimits::default() };
    let receiver = Receiver::start(limits, Behaviour::default()).await;
    let mut raw = Raw::associated(receiver.address).await;
    raw.send(&data(&[(3, true, true, &command(1, 1, CT, Some("1.2"))), (3, false, false, &[0; 499])])).await;
    raw.send(&data(&[(3, false, true, &[0; 2])])).await;
    assert_eq!(raw.response().await.1, 0xA700);
    raw.send(&data(&[(3, true, true, &command(1, 2, CT, Some("1.3"))), (3, false, true, &[0; 500])])).await;
    assert_eq!(raw.response().await.1, 0x0000);
    raw.send(&data(&[(3, true, true, &command(1, 3, CT, Some("1.4"))), (3, false, false, &[0; 1501])])).await;
    raw.expect_abort(AbortRQServiceProviderReason::ReasonNotSpecified).await;
    assert_eq!(receiver.kept_count(), 1);
    receiver.stop().await;
}

/// Goal: a panic in a sink ends only its association and is reported. Method: a sink that panics.
#[tokio::test]
async fn a_panic_ends_only_its_association() {
    let behaviour = Behaviour { panic_on: Some("1.2.66".to_owned()), ..Behaviour::default() };
    let mut receiver = Receiver::start(ScpLimits::default(), behaviour).await;
    let mut other = Raw::associated(receiver.address).await;
    let mut raw = Raw::associated(receiver.address).await;
    raw.send(&data(&[(3, true, true, &command(1, 1, CT, Some("1.2.66"))), (3, false, true, &[0; 10])])).await;
    let ended = receiver.next_end().await;
    assert_eq!((ended.end, ended.calling.as_str()), (AssociationEnd::Failed, "RAW"));
    other.expect_echo(1).await;
    receiver.stop().await;
}

/// Goal: our command sets are read by the receiver's own decoder as sent by hand. Method: public type.
#[test]
fn command_sets_by_hand_are_read() {
    let set = CommandSet::decode(&command(1, 1, CT, Some("1.2"))).unwrap();
    assert_eq!(element(&set.encode(), 0x0110), Some(vec![1, 0]));
}

/// Goal: no stream of bytes brings the receiver down. Method: a good conversation with a few bytes changed,
/// 400 times; no association may fail inside us, and the receiver still answers.
#[tokio::test]
async fn mutated_conversations() {
    let mut receiver = Receiver::start(short_timers(), Behaviour::default()).await;
    let mut good = bytes_of(&request("LUNGCAD"));
    for id in 0..3 {
        let store = command(1, id, CT, Some("1.2.3"));
        good.extend(bytes_of(&data(&[(3, true, true, &store), (3, false, false, &[1; 50])])));
        good.extend(bytes_of(&data(&[(3, false, true, &[2; 50])])));
    }
    good.extend(bytes_of(&Pdu::ReleaseRQ));
    // A linear congruential generator: the same mutations on every run.
    let mut state = 20_240_607u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for round in 0..400 {
        let mut bytes = good.clone();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            bytes[at] = next(256) as u8;
        }
        bytes.truncate(bytes.len() - if round % 3 == 0 { next(good.len()) } else { 0 });
        let mut raw = Raw::connect(receiver.address).await;
        // The receiver may have closed already.
        let _ = raw.0.write_all(&bytes).await;
        let _ = raw.0.shutdown().await;
        let mut answer = Vec::new();
        let _ = within(raw.0.read_to_end(&mut answer)).await;
        let ended = receiver.next_end().await;
        assert_ne!(ended.end, AssociationEnd::Failed, "round {round}");
    }
    echo(&receiver.peer()).await.unwrap();
    receiver.stop().await;
}

/// The inner half of [`no_descriptors_left`]: clients take every descriptor while connections wait to be
/// accepted, so accepting must fail; when they leave, an echo must work.
#[tokio::test]
#[ignore = "needs few descriptors: no_descriptors_left runs it in a process of its own"]
async fn inner_no_descriptors_left() {
    let receiver = Receiver::defaults().await;
    // Blocking connects: the receiver cannot run, and so cannot accept, until all descriptors are gone.
    let mut clients = Vec::new();
    let error = loop {
        match std::net::TcpStream::connect(receiver.address) {
            Ok(stream) => clients.push(stream),
            Err(error) => break error,
        }
        assert!(clients.len() < 200, "run under a limit of descriptors");
    };
    assert_eq!(error.raw_os_error(), Some(24), "EMFILE");
    // Long enough for several failed accepts: time itself is what is tested here.
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(clients);
    within(async { while echo(&receiver.peer()).await.is_err() {} }).await;
    receiver.stop().await;
}

/// Goal: running out of file descriptors is waited out, not the end of the listener. Method: this binary again
/// under `prlimit`.
#[tokio::test]
async fn no_descriptors_left() {
    let exe = std::env::current_exe().unwrap();
    let exe = exe.to_str().unwrap();
    let arguments = ["--nofile=64:64", exe, "--exact", "--ignored", "inner_no_descriptors_left"];
    let (ok, text) = support::run("prlimit", &arguments).await;
    assert!(ok && text.contains("1 passed"), "{text}");
}

//! Several operations open at once (asynchronous operations window, PS3.7 D.3.3.3), ours with ours; and peers that
//! know no window.

mod support;

use dimse::{AssociationEnd, ProposedContext, ScpLimits, StatusCode, StoreAssociation};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use support::{Behaviour, CT, EXPLICIT, ForeignPeer, Receiver, within};
use tokio::sync::Semaphore;

fn contexts() -> [ProposedContext; 1] {
    [ProposedContext::new(CT, &[EXPLICIT])]
}

async fn open(receiver: &Receiver, window: u16) -> StoreAssociation {
    let mut peer = receiver.peer();
    peer.operations_window = window;
    StoreAssociation::open(&peer, &contexts()).await.unwrap()
}

/// A receiver whose instances are not kept before the gate gives a permit for each.
async fn gated(operations_max: u16) -> (Receiver, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let behaviour = Behaviour { gate: Some(Arc::clone(&gate)), ..Behaviour::default() };
    let limits = ScpLimits { operations_max, ..ScpLimits::default() };
    (Receiver::start(limits, behaviour).await, gate)
}

/// Goal: who asks for a window gets it, at most the receiver's; who does not, waits for each answer.
#[tokio::test]
async fn the_smaller_window_holds() {
    let (receiver, _gate) = gated(4).await;
    for (asked, granted) in [(1, 1), (3, 3), (9, 4)] {
        let association = open(&receiver, asked).await;
        assert_eq!(association.operations_window(), granted, "asked for {asked}");
        association.release().await.unwrap();
    }
    receiver.stop().await;
    let (receiver, _gate) = gated(1).await;
    assert_eq!(open(&receiver, 9).await.operations_window(), 1, "switched off");
    receiver.stop().await;
}

/// Goal: instances of a window are received while none is kept yet, none beyond it, and each gets its own answer.
/// Method: a closed gate; four of five are begun; then the gate opens.
#[tokio::test]
async fn a_window_is_filled_and_not_exceeded() {
    let (mut receiver, gate) = gated(4).await;
    let mut association = open(&receiver, 4).await;
    let mut sent = BTreeSet::new();
    for n in 1..=5 {
        sent.insert(association.begin(CT, &format!("1.2.{n}"), EXPLICIT, &[1; 1000]).await.unwrap());
    }
    for _ in 0..4 {
        within(receiver.begun.recv()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(receiver.begun.try_recv().is_err(), "the fifth waits: four are open");
    assert_eq!(receiver.kept_count(), 0);
    gate.add_permits(5);
    let mut answered = BTreeSet::new();
    for _ in 0..5 {
        let (message_id, status) = within(association.answer()).await.unwrap();
        assert_eq!(status.code, StatusCode::SUCCESS);
        answered.insert(message_id);
    }
    assert_eq!(answered, sent);
    association.release().await.unwrap();
    assert_eq!(receiver.next_end().await.instances_count_stored, 5);
    receiver.stop().await;
}

/// Goal: what arrived whole is kept and counted although its sender is gone. Method: two behind a closed gate, the
/// connection dropped, the gate opened.
#[tokio::test]
async fn a_lost_sender_loses_nothing_that_arrived() {
    let (mut receiver, gate) = gated(4).await;
    let mut association = open(&receiver, 4).await;
    for n in 1..=2 {
        association.begin(CT, &format!("1.2.{n}"), EXPLICIT, &[1; 1000]).await.unwrap();
    }
    for _ in 0..2 {
        within(receiver.begun.recv()).await.unwrap();
    }
    association.abort().await;
    assert!(receiver.ended.try_recv().is_err(), "an end is told when all is kept");
    gate.add_permits(2);
    let end = receiver.next_end().await;
    assert!(matches!(end.end, AssociationEnd::AbortedByPeer { .. }), "{:?}", end.end);
    assert_eq!((end.instances_count_stored, receiver.kept_count()), (2, 2));
    receiver.stop().await;
}

/// Goal: a sender that waits for its answers is not idle. Method: a gate that opens after twice the idle time.
#[tokio::test]
async fn waiting_for_answers_is_not_idleness() {
    let gate = Arc::new(Semaphore::new(0));
    let behaviour = Behaviour { gate: Some(Arc::clone(&gate)), ..Behaviour::default() };
    let limits = ScpLimits { idle_timeout: Duration::from_millis(300), ..ScpLimits::default() };
    let mut receiver = Receiver::start(limits, behaviour).await;
    let mut association = open(&receiver, 4).await;
    association.begin(CT, "1.2.1", EXPLICIT, &[1; 1000]).await.unwrap();
    within(receiver.begun.recv()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    gate.add_permits(1);
    assert_eq!(within(association.answer()).await.unwrap().1.code, StatusCode::SUCCESS);
    association.release().await.unwrap();
    assert_eq!(receiver.next_end().await.end, AssociationEnd::Released);
    receiver.stop().await;
}

/// Goal: a stop waits for what is under way, and answers it.
#[tokio::test]
async fn a_stop_answers_what_is_under_way() {
    let (mut receiver, gate) = gated(4).await;
    let mut association = open(&receiver, 4).await;
    association.begin(CT, "1.2.1", EXPLICIT, &[1; 1000]).await.unwrap();
    within(receiver.begun.recv()).await.unwrap();
    receiver.cancel.cancel();
    gate.add_permits(1);
    assert_eq!(within(association.answer()).await.unwrap().1.code, StatusCode::SUCCESS);
    assert!(within(association.answer()).await.is_err());
    assert_eq!(receiver.next_end().await.end, AssociationEnd::Stopped);
    receiver.stop().await;
}

/// Goal: a panic in one instance ends its association only. Method: one of two panics.
#[tokio::test]
async fn a_panic_under_way_ends_its_association_only() {
    let behaviour = Behaviour { panic_on: Some("1.2.1".to_owned()), ..Behaviour::default() };
    let mut receiver = Receiver::start(ScpLimits::default(), behaviour).await;
    let mut association = open(&receiver, 4).await;
    association.begin(CT, "1.2.1", EXPLICIT, &[1; 1000]).await.unwrap();
    assert!(within(association.answer()).await.is_err());
    assert_eq!(receiver.next_end().await.end, AssociationEnd::Failed);
    let mut next = open(&receiver, 4).await;
    assert!(next.store(CT, "1.2.2", EXPLICIT, &[1; 1000]).await.is_ok());
    receiver.stop().await;
}

/// Goal: DCMTK and Orthanc, which know no window, are asked and served as before.
#[tokio::test]
async fn peers_without_a_window_get_one_at_a_time() {
    for peer in [ForeignPeer::storescp(&[]).await, ForeignPeer::orthanc().await] {
        let mut settings = peer.settings.clone();
        settings.operations_window = 16;
        let association = StoreAssociation::open(&settings, &contexts()).await.unwrap();
        assert_eq!(association.operations_window(), 1);
        association.release().await.unwrap();
    }
}

//! Instances arriving: durable, one copy, conflicts apart, completion, late ones.

use crate::support::{
    claim, claim_analysis, instance, logged, on_both, publish, series_uid, sop_uid, state, store,
};
use archive::{AssociationOutcome, NewAssociation, Renewal, StoreOutcome};
use bytes::Bytes;
use domain::{EventKind, SeriesState};

on_both! {
    /// Goal: what was answered can be read back. Method: store concurrently, read rows and bytes.
    async fn what_is_stored_can_be_read_back(stand) {
        let archive = stand.archive;
        let stores = (0..40).map(|n| store(&archive, 100 + n % 3, n));
        for outcome in futures::future::join_all(stores).await {
            assert_eq!(outcome, StoreOutcome::Stored);
        }
        let instances = archive.series_instances(&series_uid(100)).await.unwrap();
        assert_eq!(instances.len(), 14);
        for record in &instances {
            let bytes = archive.instance_blob(&record.sop_instance_uid).await.unwrap();
            assert_eq!(i64::try_from(bytes.len()).unwrap(), record.size_bytes);
            assert!(bytes.starts_with(b"slice 100 "));
            assert!(!record.blob_key.contains("1.2.3"), "a peer's UID must not be in {}", record.blob_key);
        }
        let series = archive.series(&series_uid(100)).await.unwrap().unwrap();
        assert_eq!((series.instance_count, series.state), (14, SeriesState::Receiving));
        assert_eq!(logged(&archive, 100, EventKind::SeriesOpened).await, 1);
    }

    /// Goal: the same bytes make one copy and one event per association, not per instance.
    async fn the_same_bytes_again_make_one_copy(stand) {
        let archive = stand.archive;
        for n in 0..5 {
            store(&archive, 1, n).await;
        }
        let association = NewAssociation {
            association_id: "again".into(), calling_ae: "SCANNER".into(), called_ae: "LUNGCAD".into(),
            peer_address: "127.0.0.1:1".into(),
        };
        archive.association_opened(&association).await.unwrap();
        for n in 0..5 {
            let bytes = format!("slice 1 {n}").into_bytes();
            let mut again = instance(1, n, &bytes);
            again.association_id = Some("again".into());
            let outcome = archive.store_instance(again, Bytes::from(bytes)).await.unwrap();
            assert_eq!(outcome, StoreOutcome::Identical);
        }
        archive.association_ended("again", AssociationOutcome::Released).await.unwrap();
        archive.association_ended("again", AssociationOutcome::Lost).await.unwrap();
        assert_eq!(archive.series_instances(&series_uid(1)).await.unwrap().len(), 5);
        assert_eq!(logged(&archive, 1, EventKind::DuplicateReceived).await, 1);
        assert_eq!(logged(&archive, 1, EventKind::AssociationEnded).await, 1);
        assert_eq!(archive.counts().await.unwrap().instances, 5);
    }

    /// Goal: other bytes under a known UID are kept apart, reported, and never analysed.
    async fn other_bytes_are_kept_apart(stand) {
        let archive = stand.archive;
        store(&archive, 1, 0).await;
        for (bytes, expected) in [
            (b"other".as_slice(), StoreOutcome::Conflicting),
            (b"other".as_slice(), StoreOutcome::Identical),
            (b"third".as_slice(), StoreOutcome::Conflicting),
        ] {
            let outcome = archive.store_instance(instance(1, 0, bytes), Bytes::from_static(bytes)).await;
            assert_eq!(outcome.unwrap(), expected);
        }
        assert_eq!(&archive.instance_blob(&sop_uid(1, 0)).await.unwrap()[..], b"slice 1 0");
        let versions = archive.instance_versions(&sop_uid(1, 0)).await.unwrap();
        assert_eq!(versions.iter().map(|v| v.version).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(&archive.blob(&versions[2].blob_key).await.unwrap()[..], b"third");
        assert_eq!(archive.series_instances(&series_uid(1)).await.unwrap().len(), 1);
        assert_eq!(logged(&archive, 1, EventKind::ConflictingInstance).await, 2);
        let series = archive.series(&series_uid(1)).await.unwrap().unwrap();
        assert_eq!((series.instance_count, series.conflict_count), (1, 2));

        // A UID of one series that turns up in another: told in both logs, and no series is opened for it.
        let mut stray = instance(2, 0, b"stray");
        stray.sop_instance_uid = sop_uid(1, 0);
        let outcome = archive.store_instance(stray, Bytes::from_static(b"stray")).await.unwrap();
        assert_eq!(outcome, StoreOutcome::Conflicting);
        assert_eq!(logged(&archive, 1, EventKind::ConflictingInstance).await, 3);
        assert_eq!(logged(&archive, 2, EventKind::ConflictingInstance).await, 1);
        assert!(archive.series(&series_uid(2)).await.unwrap().is_none());
    }

    /// Goal: the same new instance over many associations at once is stored once.
    async fn a_race_for_one_instance_stores_it_once(stand) {
        let (here, there) = (stand.archive.clone(), stand.another("other").await);
        let stores = (0..16).map(|n| store(if n % 2 == 0 { &here } else { &there }, 1, 7));
        let outcomes = futures::future::join_all(stores).await;
        assert_eq!(outcomes.iter().filter(|o| **o == StoreOutcome::Stored).count(), 1);
        assert_eq!(here.series(&series_uid(1)).await.unwrap().unwrap().instance_count, 1);
        there.close().await;
    }

    /// Goal: two receivers that share series in crossing order both get through (no deadlock reaches a peer).
    async fn crossing_receivers_get_through(stand) {
        let (here, there) = (stand.archive.clone(), stand.another("other").await);
        let one = async {
            futures::future::join_all((0..60).map(|n| store(&here, 1 + n % 4, n))).await
        };
        let two = async {
            futures::future::join_all((0..60).rev().map(|n| store(&there, 1 + n % 4, 100 + n))).await
        };
        let (one, two) = tokio::join!(one, two);
        assert!(one.iter().chain(&two).all(|o| *o == StoreOutcome::Stored));
        let total: i64 = {
            let mut total = 0;
            for series in 1..5 {
                total += here.series(&series_uid(series)).await.unwrap().unwrap().instance_count;
            }
            total
        };
        assert_eq!(total, 120);
        there.close().await;
    }

    /// Goal: text that PostgreSQL cannot hold does not stop an instance.
    async fn a_nul_in_a_text_is_dropped(stand) {
        let mut odd = instance(1, 1, b"x");
        odd.texts.patient_name = "A\0B".into();
        stand.archive.store_instance(odd, Bytes::from_static(b"x")).await.unwrap();
        let study = stand.archive.studies(&archive::StudyFilter::default()).await.unwrap().remove(0);
        assert_eq!(study.patient_name, "AB");
    }

    /// Goal: completeness sees associations open, then released; completing happens once per revision.
    async fn completion_is_told_what_it_needs(stand) {
        let archive = stand.archive;
        let association = NewAssociation {
            association_id: "a1".into(), calling_ae: "SCANNER".into(), called_ae: "LUNGCAD".into(),
            peer_address: "127.0.0.1:1".into(),
        };
        archive.association_opened(&association).await.unwrap();
        let mut first = instance(1, 1, b"x");
        first.association_id = Some("a1".into());
        first.received_at = 1_000_000;
        archive.store_instance(first, Bytes::from_static(b"x")).await.unwrap();
        let seen = archive.receiving_series().await.unwrap().remove(0);
        assert_eq!((seen.open_associations, seen.last_association_outcome), (1, None));
        assert_eq!((seen.instance_count, seen.last_arrival_at, seen.revision), (1, 1_000_000, 1));
        archive.association_ended("a1", AssociationOutcome::Released).await.unwrap();
        let seen = archive.receiving_series().await.unwrap().remove(0);
        assert_eq!(seen.open_associations, 0);
        assert_eq!(seen.last_association_outcome, Some(AssociationOutcome::Released));

        let uid = series_uid(1);
        assert!(!archive.complete_series(&uid, 2, "wrong revision").await.unwrap());
        assert!(archive.complete_series(&uid, 1, "no gap").await.unwrap());
        assert!(!archive.complete_series(&uid, 1, "twice").await.unwrap());
        assert_eq!(state(&archive, 1).await, SeriesState::Queued);
        assert!(archive.receiving_series().await.unwrap().is_empty());
        assert_eq!(logged(&archive, 1, EventKind::Completed).await, 1);
    }

    /// Goal: a receiver that starts again ends the associations that it left open when it died.
    async fn associations_of_a_dead_receiver_are_lost(stand) {
        let association = NewAssociation {
            association_id: "a1".into(), calling_ae: "SCANNER".into(), called_ae: "LUNGCAD".into(),
            peer_address: "127.0.0.1:1".into(),
        };
        let dead = stand.another("receiver").await;
        dead.association_opened(&association).await.unwrap();
        let mut first = instance(1, 1, b"x");
        first.association_id = Some("a1".into());
        dead.store_instance(first, Bytes::from_static(b"x")).await.unwrap();
        dead.close().await;
        let before = stand.archive.receiving_series().await.unwrap().remove(0);
        assert_eq!(before.open_associations, 1, "its heartbeat is still fresh");
        let again = stand.another("receiver").await;
        again.start_receiving().await.unwrap();
        let after = again.receiving_series().await.unwrap().remove(0);
        assert_eq!(after.open_associations, 0);
        assert_eq!(after.last_association_outcome, Some(AssociationOutcome::Lost));
        again.close().await;
    }

    /// Goal: a late instance reopens from every state, cancels the work and raises the revision.
    async fn a_late_instance_reopens(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        let job = claim_analysis(&archive, 1, "w").await;
        store(&archive, 1, 2).await;
        let series = archive.series(&series_uid(1)).await.unwrap().unwrap();
        assert_eq!((series.state, series.revision, series.completed_at), (SeriesState::Receiving, 2, None));
        assert_eq!(archive.renew(&job, crate::support::LEASE).await.unwrap(), Renewal::Lost);
        assert!(claim(&archive, "w").await.is_none());
        assert_eq!(logged(&archive, 1, EventKind::Reopened).await, 1);

        publish(&archive, 1, "two slices", &[]).await;
        assert_eq!(state(&archive, 1).await, SeriesState::Done);
        store(&archive, 1, 2).await;
        assert_eq!(state(&archive, 1).await, SeriesState::Done, "a known instance changes nothing");
        store(&archive, 1, 3).await;
        assert_eq!(state(&archive, 1).await, SeriesState::Receiving);
        assert!(archive.current_result(&series_uid(1)).await.unwrap().is_some(), "shown until superseded");
    }
}

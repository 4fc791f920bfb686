//! Deliveries: resumable per object, bounded tries, dead letters and requeue.

use crate::support::{claim, logged, on_both, publish, store};
use archive::{DeliveryFilter, DeliveryState, FailOutcome, Renewal};
use domain::EventKind;
use std::time::Duration;

on_both! {
    /// Goal: after a failed try only what is missing is sent. Method: acknowledge one of two, fail, resume.
    async fn a_delivery_resumes_with_what_is_missing(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        publish(&archive, 1, "in", &["pacs"]).await;
        let job = claim(&archive, "d").await.unwrap();
        let id = job.delivery_id.clone().unwrap();
        assert_eq!(job.destination.as_deref(), Some("pacs"));
        assert_eq!(archive.object_delivered(&job, "sr.dcm").await.unwrap(), Renewal::Held);
        assert_eq!(archive.object_delivered(&job, "sr.dcm").await.unwrap(), Renewal::Held);
        let outcome = archive.fail_delivery(&job, "connection reset", Some(Duration::ZERO)).await.unwrap();
        assert!(matches!(outcome, FailOutcome::Retry { .. }));
        let delivery = archive.delivery(&id).await.unwrap().unwrap();
        assert_eq!((delivery.state, delivery.try_count), (DeliveryState::Failed, 1));
        assert_eq!(delivery.last_error.as_deref(), Some("connection reset"));

        let again = claim(&archive, "d").await.unwrap();
        let missing: Vec<_> = archive
            .delivery_objects(&id).await.unwrap().into_iter()
            .filter(|o| o.delivered_at.is_none()).map(|o| o.object.name).collect();
        assert_eq!(missing, ["seg.dcm"]);
        assert_eq!(archive.object_delivered(&job, "seg.dcm").await.unwrap(), Renewal::Lost);
        assert_eq!(archive.object_delivered(&again, "seg.dcm").await.unwrap(), Renewal::Held);
        assert_eq!(archive.finish_delivery(&again).await.unwrap(), Renewal::Held);
        assert_eq!(archive.finish_delivery(&again).await.unwrap(), Renewal::Lost);
        let delivery = archive.delivery(&id).await.unwrap().unwrap();
        assert!(delivery.delivered_at.is_some() && delivery.state == DeliveryState::Delivered);
        assert_eq!(logged(&archive, 1, EventKind::Delivered).await, 1);
        assert_eq!(logged(&archive, 1, EventKind::DeliveryFailed).await, 1);
    }

    /// Goal: a destination that refuses for good, or too often, ends dead and can be asked again.
    async fn dead_letters_are_requeued(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        publish(&archive, 1, "in", &["pacs", "ris"]).await;
        let job = claim(&archive, "d").await.unwrap();
        let outcome = archive.fail_delivery(&job, "refused: A700", None).await.unwrap();
        assert_eq!(outcome, FailOutcome::Dead);
        let other = claim(&archive, "d").await.unwrap();
        assert_ne!(other.destination, job.destination);
        archive.fail_delivery(&other, "away", Some(Duration::ZERO)).await.unwrap();
        let other = claim(&archive, "d").await.unwrap();
        let outcome = archive.fail_delivery(&other, "away", Some(Duration::ZERO)).await.unwrap();
        assert_eq!(outcome, FailOutcome::Dead);
        let dead = DeliveryFilter { state: Some(DeliveryState::Dead), ..DeliveryFilter::default() };
        assert_eq!(archive.deliveries(&dead).await.unwrap().len(), 2);
        assert_eq!(logged(&archive, 1, EventKind::DeliveryDead).await, 2);

        // By delivery and by its job: both give new tries.
        archive.requeue_delivery(&job.delivery_id.clone().unwrap(), "asked").await.unwrap();
        assert!(archive.requeue_delivery(&job.delivery_id.unwrap(), "twice").await.is_err());
        archive.requeue_job(&other.job_id, "asked").await.unwrap();
        for _ in 0..2 {
            let job = claim(&archive, "d").await.unwrap();
            assert_eq!(job.attempt, 1);
            archive.finish_delivery(&job).await.unwrap();
        }
        assert!(claim(&archive, "d").await.is_none());
        assert!(archive.deliveries(&dead).await.unwrap().is_empty());
    }

    /// Goal: a delivery waiting for its pause is sent at once when a person asks.
    async fn a_waiting_delivery_is_hastened(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        publish(&archive, 1, "in", &["pacs"]).await;
        let job = claim(&archive, "d").await.unwrap();
        archive.fail_delivery(&job, "away", Some(Duration::from_secs(3600))).await.unwrap();
        assert!(claim(&archive, "d").await.is_none());
        archive.requeue_delivery(&job.delivery_id.unwrap(), "asked").await.unwrap();
        assert_eq!(claim(&archive, "d").await.unwrap().attempt, 1);
    }
}

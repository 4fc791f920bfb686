//! Results: one current per series, atomic switch, stale work thrown away, skips.

use crate::support::{
    LEASE, claim, claim_analysis, logged, objects, on_both, publish, result, series_uid, state, store, stored,
};
use archive::{DeliveryFilter, DeliveryState, Finish, JobKind, NewSkip, ResultOutcome, ResultState};
use domain::{EventKind, SeriesState};

fn skip() -> NewSkip {
    NewSkip {
        code: "SLICE_GAP".into(),
        message: "slice gap".into(),
        reason_json: "{\"kind\":\"slice_gap\"}".into(),
    }
}

on_both! {
    /// Goal: from instances to a current result with objects. Method: the whole way, then read all of it.
    async fn a_result_becomes_current_with_its_objects(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        let job = claim_analysis(&archive, 1, "w").await;
        let id = stored(archive.finish_analysis(&job, &result("in")).await.unwrap());
        assert_eq!(state(&archive, 1).await, SeriesState::Reporting);
        assert!(archive.current_result(&series_uid(1)).await.unwrap().is_none(), "not before its objects");
        let report = claim(&archive, "w").await.unwrap();
        assert_eq!((report.kind, report.result_id.as_deref()), (JobKind::ReportSeries, Some(id.as_str())));
        let destinations = ["pacs".to_owned(), "ris".to_owned()];
        let published = stored(archive.finish_report(&report, &objects("x"), &destinations).await.unwrap());
        assert_eq!(published, id);
        assert_eq!(state(&archive, 1).await, SeriesState::Done);
        let current = archive.current_result(&series_uid(1)).await.unwrap().unwrap();
        assert_eq!((current.result_id.as_str(), current.finding_count), (id.as_str(), 2));
        assert_eq!(current.document_json, "{\"nodules\":[]}");
        let found = archive.objects(&id).await.unwrap();
        assert_eq!(found.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["sr.dcm", "seg.dcm"]);
        assert_eq!(&archive.blob(&found[0].blob_key).await.unwrap()[..], b"sr x");
        assert_eq!(archive.deliveries(&DeliveryFilter::default()).await.unwrap().len(), 2);
        for kind in [EventKind::Analyzed, EventKind::ResultPublished] {
            assert_eq!(logged(&archive, 1, kind).await, 1);
        }
    }

    /// Goal: a late slice supersedes: one current result, the old one's open deliveries cancelled.
    async fn a_newer_result_supersedes(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        let old = publish(&archive, 1, "one", &["pacs"]).await;
        store(&archive, 1, 2).await;
        // The old delivery is in somebody's hands when it is superseded.
        let sending = archive.claim("d", &[JobKind::DeliverResult], LEASE).await.unwrap().unwrap();
        let new = publish(&archive, 1, "two", &["pacs"]).await;
        let results = archive.results(&series_uid(1)).await.unwrap();
        let states: Vec<_> = results.iter().map(|r| (r.result_id.as_str(), r.state)).collect();
        assert_eq!(states, [(old.as_str(), ResultState::Superseded), (new.as_str(), ResultState::Current)]);
        assert_eq!(results[0].superseded_by.as_deref(), Some(new.as_str()));
        assert_eq!(archive.object_delivered(&sending, "sr.dcm").await.unwrap(), archive::Renewal::Lost);
        assert_eq!(archive.finish_delivery(&sending).await.unwrap(), archive::Renewal::Lost);
        let cancelled =
            DeliveryFilter { state: Some(DeliveryState::Cancelled), ..DeliveryFilter::default() };
        assert_eq!(archive.deliveries(&cancelled).await.unwrap()[0].result_id, old);
        let next = archive.claim("d", &[JobKind::DeliverResult], LEASE).await.unwrap().unwrap();
        assert_eq!(next.result_id.as_deref(), Some(new.as_str()));
        assert_eq!(logged(&archive, 1, EventKind::ResultSuperseded).await, 1);
    }

    /// Goal: work for an older revision is thrown away at each stage.
    async fn stale_work_is_thrown_away(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        let analysis = claim_analysis(&archive, 1, "w").await;
        store(&archive, 1, 2).await;
        assert_eq!(archive.finish_analysis(&analysis, &result("one")).await.unwrap(), Finish::Stale);
        assert!(archive.results(&series_uid(1)).await.unwrap().is_empty());

        let analysis = claim_analysis(&archive, 1, "w").await;
        stored(archive.finish_analysis(&analysis, &result("two")).await.unwrap());
        let report = claim(&archive, "w").await.unwrap();
        store(&archive, 1, 3).await;
        let late = archive.finish_report(&report, &objects("x"), &["pacs".into()]).await.unwrap();
        assert_eq!(late, Finish::Stale);
        assert!(archive.current_result(&series_uid(1)).await.unwrap().is_none());
        assert_eq!(state(&archive, 1).await, SeriesState::Receiving);
        let skipping = claim_analysis(&archive, 1, "w").await;
        store(&archive, 1, 4).await;
        let late = archive.finish_skip(&skipping, &skip(), &result("three"), &[], &[]).await.unwrap();
        assert_eq!(late, Finish::Stale);
    }

    /// Goal: the same input and config make no second result and no second delivery.
    async fn a_repeat_keeps_result_and_deliveries(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        let first = publish(&archive, 1, "in", &["pacs"]).await;
        let delivery = claim(&archive, "d").await.unwrap();
        archive.finish_delivery(&delivery).await.unwrap();
        archive.requeue_series(&series_uid(1), "asked").await.unwrap();
        assert!(archive.requeue_series(&series_uid(1), "twice").await.is_err());
        let job = claim(&archive, "w").await.unwrap();
        let second = stored(archive.finish_analysis(&job, &result("in")).await.unwrap());
        let report = claim(&archive, "w").await.unwrap();
        archive.finish_report(&report, &objects("in"), &["pacs".into()]).await.unwrap();
        assert_eq!(first, second);
        assert_eq!(archive.results(&series_uid(1)).await.unwrap().len(), 1);
        assert_eq!(state(&archive, 1).await, SeriesState::Done);
        assert!(claim(&archive, "d").await.is_none(), "it has been delivered");
    }

    /// Goal: A, then B, then A again (settings changed and changed back): one current result each time.
    async fn an_older_result_can_become_current_again(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        let a = publish(&archive, 1, "in", &["pacs"]).await;
        let mut ids = vec![a.clone()];
        for config in ["other", "config"] {
            archive.requeue_series(&series_uid(1), "settings").await.unwrap();
            let job = archive.claim("w", &[JobKind::AnalyzeSeries], LEASE).await.unwrap().unwrap();
            let result = archive::NewResult { config_digest: config.into(), ..result("in") };
            ids.push(stored(archive.finish_analysis(&job, &result).await.unwrap()));
            let report = archive.claim("w", &[JobKind::ReportSeries], LEASE).await.unwrap().unwrap();
            archive.finish_report(&report, &objects(config), &["pacs".into()]).await.unwrap();
        }
        assert_eq!(ids[2], a);
        assert_ne!(ids[1], a);
        let current = archive.current_result(&series_uid(1)).await.unwrap().unwrap();
        assert_eq!((current.result_id, current.superseded_by), (a.clone(), None));
        let delivery = claim(&archive, "d").await.unwrap();
        assert_eq!(delivery.result_id.as_deref(), Some(a.as_str()), "its cancelled delivery lives again");
        assert!(claim(&archive, "d").await.is_none());
    }

    /// Goal: a skip is shown with its reason, is the current result, and its SR is delivered.
    async fn a_skip_is_never_silent(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        let job = claim_analysis(&archive, 1, "w").await;
        let finish = archive.finish_skip(&job, &skip(), &result("in"), &objects("x")[..1], &["pacs".into()]).await;
        let id = stored(finish.unwrap());
        let series = archive.series(&series_uid(1)).await.unwrap().unwrap();
        assert_eq!((series.state, series.reason_code.as_deref()), (SeriesState::Skipped, Some("SLICE_GAP")));
        assert_eq!(series.reason_json.as_deref(), Some("{\"kind\":\"slice_gap\"}"));
        let current = archive.current_result(&series_uid(1)).await.unwrap().unwrap();
        assert_eq!((current.result_id.as_str(), current.outcome), (id.as_str(), ResultOutcome::Skipped));
        assert_eq!(claim(&archive, "d").await.unwrap().kind, JobKind::DeliverResult);
        // A late slice mends the gap.
        store(&archive, 1, 2).await;
        assert_eq!(archive.series(&series_uid(1)).await.unwrap().unwrap().reason_code, None);
        publish(&archive, 1, "both", &[]).await;
        let current = archive.current_result(&series_uid(1)).await.unwrap().unwrap();
        assert_eq!(current.outcome, ResultOutcome::Analyzed);
    }

    /// Goal: a done series that a better reconstruction replaces loses its result and open deliveries.
    async fn a_better_reconstruction_withdraws_a_result(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        publish(&archive, 1, "in", &["pacs"]).await;
        assert!(archive.skip_series(&series_uid(1), 2, &skip()).await.is_err(), "wrong revision");
        assert!(archive.skip_series(&series_uid(1), 1, &skip()).await.unwrap());
        assert!(!archive.skip_series(&series_uid(1), 1, &skip()).await.unwrap());
        assert_eq!(state(&archive, 1).await, SeriesState::Skipped);
        assert!(archive.current_result(&series_uid(1)).await.unwrap().is_none());
        assert!(claim(&archive, "d").await.is_none());
        assert_eq!(logged(&archive, 1, EventKind::Skipped).await, 1);
    }

    /// Goal: a report that failed for good is requeued without a new analysis.
    async fn a_dead_report_is_requeued(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        let job = claim_analysis(&archive, 1, "w").await;
        stored(archive.finish_analysis(&job, &result("in")).await.unwrap());
        let report = claim(&archive, "w").await.unwrap();
        archive.fail_job_for_good(&report, "disk is full").await.unwrap();
        assert_eq!(state(&archive, 1).await, SeriesState::Failed);
        archive.requeue_job(&report.job_id, "disk was enlarged").await.unwrap();
        assert_eq!(state(&archive, 1).await, SeriesState::Reporting);
        let report = claim(&archive, "w").await.unwrap();
        assert_eq!(report.kind, JobKind::ReportSeries);
        stored(archive.finish_report(&report, &objects("x"), &[]).await.unwrap());
        assert_eq!(state(&archive, 1).await, SeriesState::Done);
    }
}

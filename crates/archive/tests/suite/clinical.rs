//! Clinical data: versions, and results that are judged again without an analysis.

use crate::support::{
    LEASE, claim, claim_analysis, logged, objects, on_both, publish, result, series_uid, state, store, stored,
};
use archive::{
    AwaitedClinical, DeliveryFilter, DeliveryState, Error, Finish, JobFilter, JobKind, JobState, Judged,
    NewClinical, NewTriageCalibration, Page, ResultState, ShownWith, SubjectKind, config_digest_with,
    shown_with,
};
use domain::{EventKind, SeriesState, StudyInstanceUid};

fn study() -> StudyInstanceUid {
    StudyInstanceUid::new("1.2.0").unwrap()
}

fn change(data: &str) -> NewClinical {
    NewClinical {
        data_json: data.into(),
        patch_json: data.into(),
        origin: "rest".into(),
        author: "127.0.0.1".into(),
    }
}

fn judged(document: &str, clinical_version: i64) -> Judged {
    Judged { document_json: document.into(), clinical_version, triage_score: None }
}

/// Goal: the versions are part of a result's key and replace earlier ones. Method: a table.
#[test]
fn the_key_holds_one_version_of_each() {
    for (digest, clinical, triage, expected) in [
        ("a", 0, 0, "a"),
        ("a", 1, 0, "a clinical 1"),
        ("a clinical 1", 2, 0, "a clinical 2"),
        ("a clinical 7", 0, 0, "a"),
        ("a clinical 1", 1, 4, "a triage 4 clinical 1"),
        ("a triage 4 clinical 1", 2, 5, "a triage 5 clinical 2"),
        ("a triage 4 clinical 1", 0, 5, "a triage 5"),
        ("a triage 4", 0, 0, "a"),
    ] {
        let shown = ShownWith { clinical, triage };
        assert_eq!(config_digest_with(digest, shown), expected);
        assert_eq!(shown_with(expected), shown);
    }
}

on_both! {
    /// Goal: what waits for a study is found under its patient and its order, the order last; a change to another state is
    /// refused; nothing is left of what was taken away.
    async fn data_waits_for_its_study(stand) {
        let archive = stand.archive;
        let of = |kind, subject: &str, data: &str| AwaitedClinical {
            kind, subject: subject.into(), data_json: data.into(), origin: "rest".into(), author: String::new(),
        };
        let (patient, order) = (SubjectKind::PatientId, SubjectKind::AccessionNumber);
        let (of_patient, of_order) = (of(patient, "P1", "{\"age\":60}"), of(order, "A1", "{\"age\":61}"));
        for one in [&of_patient, &of_order, &of(patient, "A1", "{}"), &of(order, "P1", "{}")] {
            archive.store_awaited(one.kind, &one.subject, None, Some(one)).await.unwrap();
        }
        let late = archive.store_awaited(patient, "P1", None, Some(&of_patient)).await;
        assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
        store(&archive, 1, 1).await;
        assert_eq!(archive.awaited_of(&study()).await.unwrap(), [of_patient.clone(), of_order.clone()]);
        let newer = of(order, "A1", "{\"age\":62}");
        archive.store_awaited(order, "A1", Some(&of_order), Some(&newer)).await.unwrap();
        let late = archive.store_awaited(order, "A1", Some(&of_order), None).await;
        assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
        assert_eq!(archive.awaited(order, "A1").await.unwrap(), Some(newer.clone()));
        archive.store_awaited(order, "A1", Some(&newer), None).await.unwrap();
        assert_eq!(archive.awaited_of(&study()).await.unwrap(), [of_patient]);
        assert_eq!(archive.all_awaited(Page::default()).await.unwrap().len(), 3);
    }

    /// Goal: every version is kept, a change to an older one is refused, an unknown study too.
    async fn versions_are_kept_and_in_order(stand) {
        let archive = stand.archive;
        assert!(matches!(archive.store_clinical(&study(), 0, &change("{}")).await, Err(Error::NotFound { .. })));
        store(&archive, 1, 1).await;
        assert_eq!(archive.clinical(&study()).await.unwrap(), None);
        assert_eq!(archive.store_clinical(&study(), 0, &change("{\"age\":60}")).await.unwrap(), 1);
        let late = archive.store_clinical(&study(), 0, &change("{\"age\":61}")).await;
        assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
        assert_eq!(archive.store_clinical(&study(), 1, &change("{\"age\":62}")).await.unwrap(), 2);
        let used = archive.clinical(&study()).await.unwrap().unwrap();
        assert_eq!((used.version, used.data_json.as_str(), used.origin.as_str()), (2, "{\"age\":62}", "rest"));
        let history = archive.clinical_history(&study(), 10).await.unwrap();
        assert_eq!(history.iter().map(|one| one.version).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(archive.clinical_history(&study(), 1).await.unwrap().len(), 1);
        assert_eq!(logged(&archive, 1, EventKind::ClinicalChanged).await, 2);
        assert_eq!(state(&archive, 1).await, SeriesState::Receiving, "nothing to judge yet");
    }

    /// Goal: a change supersedes a current result without an analysis; the old one is current until the new one is,
    /// is linked to it, and its open deliveries end. Method: the whole way on one series.
    async fn a_change_is_judged_again_without_an_analysis(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        let old = publish(&archive, 1, "in", &["pacs"]).await;
        archive.store_clinical(&study(), 0, &change("{\"age\":60}")).await.unwrap();
        assert_eq!(state(&archive, 1).await, SeriesState::Reporting);
        let current = archive.current_result(&series_uid(1)).await.unwrap().unwrap();
        assert_eq!(current.result_id, old, "nothing is hidden meanwhile");
        let job = archive.claim("w", &[JobKind::AnalyzeSeries], LEASE).await.unwrap();
        assert!(job.is_none(), "no analysis");
        let job = archive.claim("w", &[JobKind::ReportSeries], LEASE).await.unwrap().unwrap();
        let again = archive.result(job.result_id.as_deref().unwrap()).await.unwrap();
        assert_eq!((again.config_digest.as_str(), again.state), ("config clinical 1", ResultState::Prepared));
        assert_eq!(again.result_json, current.result_json, "the same findings");
        let new = judged("{\"judged\":1}", 1);
        let id = stored(archive.finish_judged_report(&job, &new, &objects("v1"), &["pacs".into()]).await.unwrap());
        let results = archive.results(&series_uid(1)).await.unwrap();
        let current: Vec<_> = results.iter().filter(|one| one.state == ResultState::Current).collect();
        assert_eq!(current.len(), 1);
        assert_eq!((current[0].result_id.as_str(), current[0].document_json.as_str()), (id.as_str(), "{\"judged\":1}"));
        let before = results.iter().find(|one| one.result_id == old).unwrap();
        assert_eq!(before.superseded_by.as_deref(), Some(id.as_str()));
        assert_eq!(before.document_json, "{\"nodules\":[]}", "what was said before stays as it was");
        let cancelled = DeliveryFilter { state: Some(DeliveryState::Cancelled), ..DeliveryFilter::default() };
        assert_eq!(archive.deliveries(&cancelled).await.unwrap()[0].result_id, old);
        assert_eq!(state(&archive, 1).await, SeriesState::Done);
        let analyses = JobFilter { kind: Some(JobKind::AnalyzeSeries), ..JobFilter::default() };
        assert_eq!(archive.jobs(&analyses).await.unwrap().len(), 1, "one analysis in all");
    }

    /// Goal: a result that is judged again is shown with the calibration of its own pack that is in use then.
    async fn judging_again_takes_the_calibration_in_use(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        publish(&archive, 1, "in", &[]).await;
        for pack in ["baseline-log 1", "other 1"] {
            let new = NewTriageCalibration {
                pack: pack.into(), calibration_json: "{}".into(), exams_count: 500, origin: "archive".into(),
            };
            archive.store_triage_calibration(&new).await.unwrap();
        }
        archive.store_clinical(&study(), 0, &change("{\"age\":60}")).await.unwrap();
        let job = claim(&archive, "w").await.unwrap();
        let again = archive.result(job.result_id.as_deref().unwrap()).await.unwrap();
        assert_eq!(again.config_digest, "config triage 1 clinical 1");
        assert_eq!(shown_with(&again.config_digest), ShownWith { clinical: 1, triage: 1 });
    }

    /// Goal: a change while objects are being written is not lost: they are thrown away and written once more.
    async fn a_change_during_the_report_is_seen(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        let job = claim_analysis(&archive, 1, "w").await;
        stored(archive.finish_analysis(&job, &result("in")).await.unwrap());
        let report = claim(&archive, "w").await.unwrap();
        archive.store_clinical(&study(), 0, &change("{\"age\":60}")).await.unwrap();
        let late = archive.finish_judged_report(&report, &judged("{}", 0), &objects("v0"), &[]).await.unwrap();
        assert_eq!(late, Finish::Outdated);
        assert!(archive.current_result(&series_uid(1)).await.unwrap().is_none());
        let queued = JobFilter { state: Some(JobState::Queued), ..JobFilter::default() };
        assert_eq!(archive.jobs(&queued).await.unwrap().len(), 1);
        let report = claim(&archive, "w").await.unwrap();
        assert_eq!(report.attempts_max, 3, "the try does not count");
        stored(archive.finish_judged_report(&report, &judged("{\"v\":1}", 1), &objects("v1"), &[]).await.unwrap());
        assert_eq!(archive.results(&series_uid(1)).await.unwrap().len(), 1);
        assert_eq!(state(&archive, 1).await, SeriesState::Done);
    }

    /// Goal: a late slice while findings are judged again wins: one current result in the end.
    async fn a_late_slice_during_judging_wins(stand) {
        let archive = stand.archive;
        store(&archive, 1, 1).await;
        publish(&archive, 1, "one", &[]).await;
        archive.store_clinical(&study(), 0, &change("{\"age\":60}")).await.unwrap();
        let report = claim(&archive, "w").await.unwrap();
        store(&archive, 1, 2).await;
        let late = archive.finish_judged_report(&report, &judged("{}", 1), &objects("v1"), &[]).await.unwrap();
        assert_eq!(late, Finish::Stale);
        let new = publish(&archive, 1, "two", &[]).await;
        let results = archive.results(&series_uid(1)).await.unwrap();
        let current: Vec<_> = results.iter().filter(|one| one.state == ResultState::Current).collect();
        assert_eq!(current.len(), 1);
        assert_eq!(current[0].result_id, new);
    }

    /// Goal: two who change the same version at the same time: one wins, the other is told. Method: both at once.
    async fn two_changes_at_once_do_not_overwrite(stand) {
        let archive = stand.archive.clone();
        store(&archive, 1, 1).await;
        let other = stand.another("other").await;
        let (study, a, b) = (study(), change("{\"age\":1}"), change("{\"age\":2}"));
        let (first, second) =
            tokio::join!(archive.store_clinical(&study, 0, &a), other.store_clinical(&study, 0, &b));
        assert_eq!(u8::from(first.is_ok()) + u8::from(second.is_ok()), 1, "{first:?} {second:?}");
        let told = first.err().or(second.err()).unwrap();
        assert!(matches!(told, Error::Conflict(_)), "{told}");
        assert_eq!(archive.clinical_history(&study, 10).await.unwrap().len(), 1);
        other.close().await;
    }
}

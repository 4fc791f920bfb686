//! What REST reads: lists, filters, pages; opening and checking.

use crate::support::{on_both, publish, publish_judged, store};
use archive::{Archive, ArchiveSettings, Error, Page, StudyFilter, StudyOrder};
use domain::SeriesState;

on_both! {
    /// Goal: lists are filtered and paged. Method: three studies, each filter by itself.
    async fn studies_are_filtered_and_paged(stand) {
        let archive = stand.archive;
        for series in [101, 201, 301, 302] {
            store(&archive, series, 1).await;
        }
        publish(&archive, 201, "in", &[]).await;
        let check = async |filter: StudyFilter, expected: &[&str]| {
            let found = archive.studies(&filter).await.unwrap();
            let uids: Vec<_> = found.iter().map(|s| s.study_uid.as_str()).collect();
            assert_eq!(uids, expected, "{filter:?}");
        };
        let any = StudyFilter::default();
        check(any.clone(), &["1.2.3", "1.2.2", "1.2.1"]).await;
        check(StudyFilter { patient_id: Some("P201".into()), ..any.clone() }, &["1.2.2"]).await;
        check(StudyFilter { accession_number: Some("A101".into()), ..any.clone() }, &["1.2.1"]).await;
        check(StudyFilter { state: Some(SeriesState::Done), ..any.clone() }, &["1.2.2"]).await;
        check(StudyFilter { text: Some("p30".into()), ..any.clone() }, &["1.2.3"]).await;
        check(StudyFilter { text: Some("x_100%".into()), ..any.clone() }, &["1.2.3", "1.2.2", "1.2.1"]).await;
        check(StudyFilter { text: Some("a_1".into()), ..any.clone() }, &[]).await;
        check(StudyFilter { page: Page { limit: 1, offset: 1 }, ..any.clone() }, &["1.2.2"]).await;
        let study = archive.studies(&any).await.unwrap().remove(0);
        assert_eq!((study.series.len(), study.patient_name.as_str()), (2, "Müller^Änne"));
        assert_eq!(archive.study(&study.study_uid).await.unwrap().as_ref(), Some(&study));
        let counts = archive.counts().await.unwrap();
        assert_eq!((counts.studies, counts.instances), (3, 4));
        assert_eq!(counts.series, [(SeriesState::Done, 1), (SeriesState::Receiving, 3)]);
    }

    /// Goal: by triage the highest score comes first and no study is left out: those without a score follow, newest
    /// first, also over pages. Method: scores in an order that is not that of arrival, a study with two series.
    async fn studies_by_triage(stand) {
        let archive = stand.archive;
        for series in [101, 201, 301, 302, 401, 501] {
            store(&archive, series, 1).await;
        }
        for (series, score) in [(101, Some(9)), (201, None), (301, Some(2)), (302, Some(10)), (401, Some(3))] {
            publish_judged(&archive, series, score).await;
        }
        let by = |order, limit, offset| StudyFilter { order, page: Page { limit, offset }, ..StudyFilter::default() };
        let uids = async |filter: StudyFilter| -> Vec<String> {
            archive.studies(&filter).await.unwrap().iter().map(|s| s.study_uid.to_string()).collect()
        };
        let expected = ["1.2.3", "1.2.1", "1.2.4", "1.2.5", "1.2.2"];
        assert_eq!(uids(by(StudyOrder::Triage, 100, 0)).await, expected);
        assert_eq!(uids(by(StudyOrder::Triage, 2, 0)).await, expected[..2]);
        assert_eq!(uids(by(StudyOrder::Triage, 100, 2)).await, expected[2..]);
        assert_eq!(uids(by(StudyOrder::Newest, 100, 0)).await, ["1.2.5", "1.2.4", "1.2.3", "1.2.2", "1.2.1"]);
        let all = archive.studies(&by(StudyOrder::Triage, 1, 0)).await.unwrap();
        let scores: Vec<_> = all[0].series.iter().map(|s| s.triage_score).collect();
        assert_eq!(scores, [Some(2), Some(10)]);
        // A result that is not current any more orders nothing.
        store(&archive, 101, 2).await;
        publish_judged(&archive, 101, None).await;
        assert_eq!(uids(by(StudyOrder::Triage, 100, 0)).await, ["1.2.3", "1.2.4", "1.2.5", "1.2.2", "1.2.1"]);
    }

    /// Goal: a check passes on a good archive and leaves nothing behind.
    async fn a_check_leaves_nothing_behind(stand) {
        stand.archive.check().await.unwrap();
        stand.archive.migrate().await.unwrap();
        let root = stand.archive.local_root().unwrap().join("check");
        assert!(!root.exists() || std::fs::read_dir(root).unwrap().next().is_none());
    }

    /// Goal: a blob that went missing is said to be missing, by its key.
    async fn a_missing_blob_is_named(stand) {
        let missing = stand.archive.blob("instances/aa/aa").await.unwrap_err();
        assert!(matches!(&missing, Error::NotFound { what } if what.contains("instances/aa/aa")), "{missing}");
    }
}

/// Goal: settings that cannot work are refused with the way out.
#[tokio::test]
async fn wrong_settings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = async |database: String, migrate: bool, expected: &str| {
        let settings = ArchiveSettings {
            database,
            blobs: archive::BlobSettings::Local { root: folder.path().join("blobs"), direct_writes: true },
            migrate,
            process: "test".into(),
            attempts: archive::AttemptLimits::default(),
        };
        let error = Archive::open(&settings).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("mysql://x".into(), true, "use sqlite://").await;
    check("sqlite::memory:".into(), true, "names no file").await;
    let file = folder.path().join("new.sqlite");
    check(format!("sqlite://{}", file.display()), false, "run `lungcad migrate`").await;
    std::fs::write(folder.path().join("plain"), "x").unwrap();
    check(format!("sqlite://{}/plain/x.sqlite", folder.path().display()), true, "cannot make folder").await;
}

/// Goal: processes that start together on a new SQLite file all get a migrated one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_migrate_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ArchiveSettings {
        database: format!("sqlite://{}", folder.path().join("x.sqlite").display()),
        blobs: archive::BlobSettings::Local { root: folder.path().join("blobs"), direct_writes: true },
        migrate: true,
        process: "test".into(),
        attempts: archive::AttemptLimits::default(),
    };
    let opened = futures::future::join_all((0..6).map(|_| Archive::open(&settings))).await;
    for archive in opened {
        archive.unwrap().check().await.unwrap();
    }
}

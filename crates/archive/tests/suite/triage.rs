//! Triage calibrations by version, and the exams that they count.

use crate::support::{on_both, publish, store};
use archive::{Error, NewTriageCalibration};
use domain::StudyInstanceUid;

fn new(pack: &str) -> NewTriageCalibration {
    NewTriageCalibration {
        pack: pack.into(),
        calibration_json: format!("{{\"of\":\"{pack}\"}}"),
        exams_count: 512,
        origin: "archive".into(),
    }
}

on_both! {
    /// Goal: versions count up over all packs, none is written over, and each pack has its own in use.
    async fn versions_are_kept(stand) {
        let archive = stand.archive;
        assert_eq!(archive.triage_version("a 1").await.unwrap(), 0);
        assert!(matches!(archive.triage_calibration(1).await, Err(Error::NotFound { .. })));
        for (pack, version) in [("a 1", 1), ("b 1", 2), ("a 1", 3)] {
            assert_eq!(archive.store_triage_calibration(&new(pack)).await.unwrap(), version);
        }
        assert_eq!(archive.triage_version("a 1").await.unwrap(), 3);
        assert_eq!(archive.triage_version("b 1").await.unwrap(), 2);
        assert_eq!(archive.triage_version("a 2").await.unwrap(), 0);
        let first = archive.triage_calibration(1).await.unwrap();
        assert_eq!((first.pack.as_str(), first.calibration_json.as_str()), ("a 1", "{\"of\":\"a 1\"}"));
        assert_eq!((first.exams_count, first.origin.as_str()), (512, "archive"));
        let all = archive.triage_calibrations(2).await.unwrap();
        assert_eq!(all.iter().map(|one| one.version).collect::<Vec<_>>(), [3, 2]);
    }

    /// Goal: two who calibrate at once get two versions, or one is told to do it again; none is lost silently.
    async fn two_at_once(stand) {
        let other = stand.another("other").await;
        let (a, b) = (new("a 1"), new("b 1"));
        let (one, two) = tokio::join!(stand.archive.store_triage_calibration(&a), other.store_triage_calibration(&b));
        let stored = [&one, &two].iter().filter(|outcome| outcome.is_ok()).count();
        let kept = stand.archive.triage_calibrations(10).await.unwrap().len();
        assert_eq!(kept, stored, "{one:?} {two:?}");
        assert!(stored >= 1, "{one:?} {two:?}");
        for refused in [one, two].into_iter().filter_map(Result::err) {
            assert!(matches!(refused, Error::Conflict(_)), "{refused}");
        }
        other.close().await;
    }

    /// Goal: earlier exams of the same pack are counted, each study once and not the exam itself; the count for a stored
    /// result never changes. Method: four results of three studies.
    async fn exams_are_counted_and_read(stand) {
        let archive = stand.archive;
        for series in [101, 201, 202, 301] {
            store(&archive, series, 1).await;
            publish(&archive, series, "in", &[]).await;
        }
        let study = |uid: &str| StudyInstanceUid::new(uid).unwrap();
        let record = archive.results(&crate::support::series_uid(301)).await.unwrap().remove(0);
        let count = async |pack: &str, before: i64, uid: &str| {
            archive.exams_before(pack, before, &study(uid)).await.unwrap()
        };
        let pack = "baseline-log 1";
        assert_eq!(count(pack, record.created_at, "1.2.3").await, 2);
        assert_eq!(count(pack, i64::MAX, "1.2.9").await, 3);
        assert_eq!(count("other 1", i64::MAX, "1.2.9").await, 0);
        store(&archive, 401, 1).await;
        publish(&archive, 401, "in", &[]).await;
        assert_eq!(count(pack, record.created_at, "1.2.3").await, 2, "a later exam changes nothing");
        let read = archive.scored_results(pack, 2, 0).await.unwrap();
        let uids: Vec<_> = read.iter().map(|one| one.study_uid.as_str()).collect();
        assert_eq!(uids, ["1.2.4", "1.2.3"], "newest first");
        assert_eq!(read[0].result_json, "{\"findings\":2}");
        let rest = archive.scored_results(pack, 10, 2).await.unwrap();
        assert_eq!(rest.iter().map(|one| one.study_uid.as_str()).collect::<Vec<_>>(), ["1.2.2", "1.2.2", "1.2.1"]);
    }
}

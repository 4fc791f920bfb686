//! A fresh archive per test, on SQLite and on PostgreSQL, that is removed afterwards.

use archive::{
    Archive, ArchiveSettings, AttemptLimits, BlobSettings, ClaimedJob, Finish, JobKind, Judged, NewInstance,
    NewObject, NewResult, SeriesTexts, StoreOutcome,
};
use bytes::Bytes;
use domain::{EventKind, SeriesInstanceUid, SeriesState, SopInstanceUid, StudyInstanceUid};
use sqlx::{Connection, Executor};
use std::future::Future;
use std::time::Duration;

/// Long enough that no test outlives it.
pub(crate) const LEASE: Duration = Duration::from_secs(600);
/// Every kind.
pub(crate) const ALL: [JobKind; 3] = [JobKind::AnalyzeSeries, JobKind::ReportSeries, JobKind::DeliverResult];

/// A fresh archive and what it lies on.
#[derive(Clone)]
pub(crate) struct Stand {
    pub(crate) archive: Archive,
    pub(crate) settings: ArchiveSettings,
}

impl Stand {
    /// A second process on the same archive (as far as the archive can tell).
    pub(crate) async fn another(&self, name: &str) -> Archive {
        let settings = ArchiveSettings { process: name.into(), ..self.settings.clone() };
        Archive::open(&settings).await.unwrap()
    }
}

/// Address of the PostgreSQL server that tests may make databases on.
pub(crate) fn postgres() -> String {
    std::env::var("LUNGCAD_TEST_POSTGRES")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".into())
}

fn settings(database: String, folder: &std::path::Path) -> ArchiveSettings {
    ArchiveSettings {
        database,
        blobs: BlobSettings::Local { root: folder.join("blobs"), direct_writes: true },
        migrate: true,
        process: "test".into(),
        attempts: AttemptLimits { analyze: 2, report: 2, deliver: 2 },
    }
}

pub(crate) async fn on_sqlite<F, Fut>(test: F)
where
    F: FnOnce(Stand) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lungcad.sqlite");
    let settings = settings(format!("sqlite://{}", file.display()), folder.path());
    let archive = Archive::open(&settings).await.unwrap();
    let done = tokio::spawn(test(Stand { archive: archive.clone(), settings })).await;
    archive.close().await;
    done.unwrap();
}

pub(crate) async fn on_postgres<F, Fut>(test: F)
where
    F: FnOnce(Stand) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let server = postgres();
    let Ok(mut admin) = sqlx::PgConnection::connect(&server).await else {
        eprintln!("skipped: no PostgreSQL server at {server}; set LUNGCAD_TEST_POSTGRES");
        return;
    };
    let name = format!("lungcad_test_{}", uuid::Uuid::new_v4().simple());
    admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (head, _) = server.rsplit_once('/').unwrap();
    let settings = settings(format!("{head}/{name}"), folder.path());
    let archive = Archive::open(&settings).await.unwrap();
    let done = tokio::spawn(test(Stand { archive: archive.clone(), settings })).await;
    archive.close().await;
    admin.execute(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
    done.unwrap();
}

/// `on_both! { async fn name(stand) { ... } }` runs the test on both databases.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($stand:ident) $body:block)+) => {
        $(
            $(#[$meta])*
            mod $name {
                #[allow(unused_imports)]
                use super::*;
                async fn test($stand: $crate::support::Stand) $body
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    $crate::support::on_sqlite(test).await;
                }
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    $crate::support::on_postgres(test).await;
                }
            }
        )+
    };
}
pub(crate) use on_both;

pub(crate) fn series_uid(n: u32) -> SeriesInstanceUid {
    SeriesInstanceUid::new(&format!("1.2.3.{n}")).unwrap()
}

pub(crate) fn sop_uid(series: u32, n: u32) -> SopInstanceUid {
    SopInstanceUid::new(&format!("1.2.3.{series}.{n}")).unwrap()
}

/// Instance `n` of series `series`; `bytes` decide its hash.
pub(crate) fn instance(series: u32, n: u32, bytes: &[u8]) -> NewInstance {
    use sha2::Digest;
    NewInstance {
        study_uid: StudyInstanceUid::new(&format!("1.2.{}", series / 100)).unwrap(),
        series_uid: series_uid(series),
        sop_instance_uid: sop_uid(series, n),
        sop_class_uid: "1.2.840.10008.5.1.4.1.1.2".into(),
        transfer_syntax_uid: "1.2.840.10008.1.2.1".into(),
        data_set_sha256: sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect(),
        facts_json: format!("{{\"n\":{n}}}"),
        texts: SeriesTexts {
            patient_id: format!("P{series}"),
            patient_name: "Müller^Änne".into(),
            accession_number: format!("A{series}"),
            study_description: "CT Thorax_100%".into(),
            modality: "CT".into(),
            series_number: Some(3),
            ..SeriesTexts::default()
        },
        calling_ae: "SCANNER".into(),
        association_id: None,
        received_at: archive::now(),
    }
}

/// Stores instance `n` of `series` with bytes of its own.
pub(crate) async fn store(archive: &Archive, series: u32, n: u32) -> StoreOutcome {
    let bytes = format!("slice {series} {n}").into_bytes();
    archive.store_instance(instance(series, n, &bytes), Bytes::from(bytes)).await.unwrap()
}

pub(crate) async fn state(archive: &Archive, series: u32) -> SeriesState {
    archive.series(&series_uid(series)).await.unwrap().unwrap().state
}

pub(crate) async fn revision(archive: &Archive, series: u32) -> i64 {
    archive.series(&series_uid(series)).await.unwrap().unwrap().revision
}

/// How often `kind` stands in the log of a series.
pub(crate) async fn logged(archive: &Archive, series: u32, kind: EventKind) -> usize {
    let events = archive.events(&series_uid(series)).await.unwrap();
    events.iter().filter(|event| event.kind == kind).count()
}

/// Completes `series` and claims its analysis.
pub(crate) async fn claim_analysis(archive: &Archive, series: u32, worker: &str) -> ClaimedJob {
    let revision = revision(archive, series).await;
    assert!(archive.complete_series(&series_uid(series), revision, "no gap, released").await.unwrap());
    claim(archive, worker).await.unwrap()
}

pub(crate) async fn claim(archive: &Archive, worker: &str) -> Option<ClaimedJob> {
    archive.claim(worker, &ALL, LEASE).await.unwrap()
}

pub(crate) fn result(input: &str) -> NewResult {
    NewResult {
        input_digest: input.into(),
        config_digest: "config".into(),
        pack: "baseline-log 1".into(),
        finding_count: 2,
        result_json: "{\"findings\":2}".into(),
        document_json: "{\"nodules\":[]}".into(),
    }
}

pub(crate) fn objects(text: &str) -> Vec<NewObject> {
    ["sr", "seg"]
        .into_iter()
        .map(|role| NewObject {
            role: role.into(),
            name: format!("{role}.dcm"),
            sop_class_uid: Some("1.2.840.10008.5.1.4.1.1.88.34".into()),
            sop_instance_uid: Some(format!("2.25.{}", role.len())),
            series_uid: Some("2.25.7".into()),
            bytes: Bytes::from(format!("{role} {text}")),
        })
        .collect()
}

pub(crate) fn stored(finish: Finish) -> String {
    match finish {
        Finish::Stored(id) => id,
        Finish::Stale => panic!("stale"),
        Finish::Outdated => panic!("outdated"),
    }
}

/// Takes a series from one stored instance to a published result; answers its id.
pub(crate) async fn publish(archive: &Archive, series: u32, input: &str, destinations: &[&str]) -> String {
    let job = claim_analysis(archive, series, "w").await;
    stored(archive.finish_analysis(&job, &result(input)).await.unwrap());
    let job = archive.claim("w", &[JobKind::ReportSeries], LEASE).await.unwrap().unwrap();
    let destinations: Vec<String> = destinations.iter().map(|&d| d.into()).collect();
    stored(archive.finish_report(&job, &objects(input), &destinations).await.unwrap())
}

/// The same with a triage score.
pub(crate) async fn publish_judged(archive: &Archive, series: u32, triage_score: Option<i64>) -> String {
    let job = claim_analysis(archive, series, "w").await;
    let input = format!("in {series} {}", job.revision);
    stored(archive.finish_analysis(&job, &result(&input)).await.unwrap());
    let job = archive.claim("w", &[JobKind::ReportSeries], LEASE).await.unwrap().unwrap();
    let judged = Judged { document_json: "{}".into(), clinical_version: 0, triage_score };
    stored(archive.finish_judged_report(&job, &judged, &objects(&input), &[]).await.unwrap())
}

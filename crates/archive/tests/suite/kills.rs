//! A process that is killed at every durable step, again and again, until the way is walked to its end
//! (cargo feature `faults`).
#![cfg(feature = "faults")]

use crate::support::{ALL, LEASE, Stand, instance, objects, on_both, result, series_uid, sop_uid};
use archive::{
    Archive, ArchiveSettings, AttemptLimits, BlobSettings, DeliveryFilter, DeliveryState, Finish, JobKind,
    Renewal, ResultState,
};
use bytes::Bytes;
use domain::SeriesState;
use std::time::Duration;

const SLICES: u32 = 6;

/// One life of the program: receives what is not acknowledged yet, completes, works, delivers; says on its
/// standard output what it acknowledged and what the destination got.
#[tokio::test]
#[ignore = "run as a child by the tests below"]
async fn child() {
    let Ok(database) = std::env::var("LUNGCAD_KILL_DATABASE") else { return };
    let folder = std::path::PathBuf::from(std::env::var("LUNGCAD_KILL_FOLDER").unwrap());
    let archive = Archive::open(&ArchiveSettings {
        database,
        blobs: BlobSettings::Local { root: folder.join("blobs"), direct_writes: true },
        migrate: true,
        process: "child".into(),
        attempts: AttemptLimits { analyze: 50, report: 50, deliver: 50 },
    })
    .await
    .unwrap();
    let note = |name: String| std::fs::write(folder.join(name), "").unwrap();
    archive.release_worker("child", "the child was killed", Duration::ZERO).await.unwrap();
    let sends = (0..SLICES).filter(|n| !folder.join(format!("acknowledged.{n}")).exists()).map(|n| {
        let (archive, note) = (archive.clone(), &note);
        async move {
            let bytes = format!("slice {n}").into_bytes();
            archive.store_instance(instance(1, n, &bytes), Bytes::from(bytes)).await.unwrap();
            note(format!("acknowledged.{n}"));
        }
    });
    futures::future::join_all(sends).await;
    for series in archive.receiving_series().await.unwrap() {
        archive.complete_series(&series.series_uid, series.revision, "all sent").await.unwrap();
    }
    while let Some(job) = archive.claim("child", &ALL, LEASE).await.unwrap() {
        match job.kind {
            JobKind::AnalyzeSeries => {
                archive.finish_analysis(&job, &result("in")).await.unwrap();
            }
            JobKind::ReportSeries => {
                let finish = archive.finish_report(&job, &objects("x"), &["pacs".into()]).await.unwrap();
                assert!(matches!(finish, Finish::Stored(_)));
            }
            JobKind::DeliverResult => {
                for object in archive.delivery_objects(job.delivery_id.as_deref().unwrap()).await.unwrap() {
                    if object.delivered_at.is_none() {
                        note(format!("arrived.{}", object.object.name));
                        let held = archive.object_delivered(&job, &object.object.name).await.unwrap();
                        assert_eq!(held, Renewal::Held);
                    }
                }
                assert_eq!(archive.finish_delivery(&job).await.unwrap(), Renewal::Held);
            }
        }
    }
    note("over".into());
}

/// Runs a life with a fault; whether it reached its end.
async fn live(stand: &Stand, fault: &str) -> bool {
    let BlobSettings::Local { root, .. } = &stand.settings.blobs else { unreachable!() };
    let folder = root.parent().unwrap();
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child
        .args(["kills::child", "--exact", "--ignored", "--nocapture"])
        .env("LUNGCAD_KILL_DATABASE", &stand.settings.database)
        .env("LUNGCAD_KILL_FOLDER", folder)
        .env("LUNGCAD_FAULT", fault);
    let output = child.output().await.unwrap();
    let over = folder.join("over").exists();
    assert_eq!(output.status.success(), over, "{fault}: {}", String::from_utf8_lossy(&output.stderr));
    over
}

on_both! {
    /// Goal: whatever was acknowledged is there, and the way ends with one current, delivered result.
    /// Method: kill at each point once and later again, restart each time, then look.
    async fn a_killed_process_loses_nothing(stand) {
        let faults = [
            "after_blob:1", "after_blob:4", "before_row:1", "after_row:1", "after_result:1", "after_object:2",
            "before_switch:1", "after_switch:1", "mid_delivery:1", "mid_delivery:2",
        ];
        let mut killed = 0;
        for fault in faults {
            killed += usize::from(!live(&stand, fault).await);
            let archive = &stand.archive;
            let BlobSettings::Local { root, .. } = &stand.settings.blobs else { unreachable!() };
            for n in 0..SLICES {
                if root.parent().unwrap().join(format!("acknowledged.{n}")).exists() {
                    let bytes = archive.instance_blob(&sop_uid(1, n)).await.unwrap();
                    assert_eq!(bytes, format!("slice {n}"), "acknowledged before {fault}");
                }
            }
            for record in archive.series_instances(&series_uid(1)).await.unwrap() {
                archive.blob(&record.blob_key).await.unwrap();
            }
        }
        assert!(killed >= 7, "only {killed} kills took place");
        assert!(live(&stand, "none:1").await);
        let archive = &stand.archive;
        let series = archive.series(&series_uid(1)).await.unwrap().unwrap();
        assert_eq!((series.state, series.instance_count), (SeriesState::Done, i64::from(SLICES)));
        let results = archive.results(&series_uid(1)).await.unwrap();
        assert_eq!(results.iter().filter(|r| r.state == ResultState::Current).count(), 1);
        let deliveries = archive.deliveries(&DeliveryFilter::default()).await.unwrap();
        let current: Vec<_> = deliveries.iter().filter(|d| d.state == DeliveryState::Delivered).collect();
        assert_eq!((current.len(), deliveries.len()), (1, 1));
    }
}

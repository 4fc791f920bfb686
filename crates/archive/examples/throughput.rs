//! How fast instances become durable and jobs are worked off.
//!
//! `cargo run -p archive --example throughput -- sqlite:///tmp/x/lungcad.sqlite /tmp/x/blobs`
#![allow(clippy::print_stdout)]

use archive::{Archive, ArchiveSettings, AttemptLimits, BlobSettings, JobKind, NewInstance, SeriesTexts};
use bytes::Bytes;
use domain::{SeriesInstanceUid, SopInstanceUid, StudyInstanceUid};
use sha2::Digest;
use std::time::{Duration, Instant};

const SLICES: usize = 300;
const SLICE_BYTES: usize = 525_000;
const JOBS: usize = 200;

fn instance(series: &str, n: usize) -> (NewInstance, Bytes) {
    let mut bytes = vec![0_u8; SLICE_BYTES];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = place.wrapping_mul(31).wrapping_add(n).to_le_bytes()[0];
    }
    bytes.extend_from_slice(series.as_bytes());
    let instance = NewInstance {
        study_uid: StudyInstanceUid::new("1.2").expect("a UID"),
        series_uid: SeriesInstanceUid::new(series).expect("a UID"),
        sop_instance_uid: SopInstanceUid::new(&format!("{series}.{n}")).expect("a UID"),
        sop_class_uid: "1.2.840.10008.5.1.4.1.1.2".into(),
        transfer_syntax_uid: "1.2.840.10008.1.2.1".into(),
        data_set_sha256: sha2::Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect(),
        facts_json: "{}".repeat(200),
        texts: SeriesTexts::default(),
        calling_ae: "BENCH".into(),
        association_id: Some(series.into()),
        received_at: archive::now(),
    };
    (instance, Bytes::from(bytes))
}

#[tokio::main]
async fn main() -> archive::Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some(database), Some(root)) = (words.next(), words.next()) else {
        println!("usage: throughput DATABASE BLOB_FOLDER");
        return Ok(());
    };
    let archive = Archive::open(&ArchiveSettings {
        database,
        blobs: BlobSettings::Local { root: root.into(), direct_writes: true },
        migrate: true,
        process: "bench".into(),
        attempts: AttemptLimits::default(),
    })
    .await?;
    let run = archive::now();
    for callers in [1, 4, 16] {
        let mut lots: Vec<Vec<_>> = (0..callers).map(|_| Vec::new()).collect();
        for n in 0..SLICES {
            let caller = n % callers;
            lots[caller].push(instance(&format!("1.2.{run}.{callers}.{caller}"), n));
        }
        let started = Instant::now();
        let tasks: Vec<_> = lots
            .into_iter()
            .map(|lot| {
                let archive = archive.clone();
                tokio::spawn(async move {
                    for (instance, bytes) in lot {
                        archive.store_instance(instance, bytes).await?;
                    }
                    archive::Result::Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("the task ends")?;
        }
        let seconds = started.elapsed().as_secs_f64();
        let per_slice = 1000.0 * seconds / 300.0;
        println!(
            "store {SLICES} x {SLICE_BYTES} bytes, {callers} callers: {seconds:.2} s, {per_slice:.2} ms each"
        );
    }
    jobs(&archive, run).await
}

/// Claims and ends jobs over four workers.
async fn jobs(archive: &Archive, run: i64) -> archive::Result<()> {
    for n in 0..JOBS {
        let (mut instance, _) = instance(&format!("1.2.{run}.9.{n}"), n);
        instance.data_set_sha256 = format!("{n:064x}");
        archive.store_instance(instance, Bytes::from_static(b"x")).await?;
        let uid = SeriesInstanceUid::new(&format!("1.2.{run}.9.{n}")).expect("a UID");
        archive.complete_series(&uid, 1, "bench").await?;
    }
    let started = Instant::now();
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let archive = archive.clone();
            tokio::spawn(async move {
                let lease = Duration::from_secs(60);
                while let Some(job) =
                    archive.claim(&format!("w{n}"), &[JobKind::AnalyzeSeries], lease).await?
                {
                    archive.fail_job_for_good(&job, "bench").await?;
                }
                archive::Result::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task ends")?;
    }
    let rate = 200.0 / started.elapsed().as_secs_f64();
    println!("{JOBS} jobs claimed, begun and ended by 4 workers: {rate:.0} jobs/s");
    Ok(())
}

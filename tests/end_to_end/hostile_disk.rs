//! A full disk: senders are told to come back, nothing acknowledged is lost, and work goes on when there is room.
#![allow(clippy::print_stdout)] // statuses, reasons and figures, and what is skipped

use crate::hostile::{Answer, EXPLICIT, Health, Object, Slice, store_each};
use crate::support::{ServerSpec, wait_for};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A small file system of its own, unmounted on drop.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with a plain line, where mounting is not allowed.
    fn mount(at: &Path, size_mb: u32) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size_mb}m"), "tmpfs"])
            .arg(at)
            .output();
        if output.is_ok_and(|o| o.status.success()) {
            return Some(Self(at.to_owned()));
        }
        println!("skipped: mounting a small file system needs root");
        None
    }

    /// Takes all but `left` bytes.
    fn fill(&self, left: usize) -> PathBuf {
        let ballast = self.0.join("ballast");
        let free = Command::new("df").args(["--output=avail", "-B1"]).arg(&self.0).output().unwrap();
        let free: usize =
            String::from_utf8_lossy(&free.stdout).lines().last().unwrap().trim().parse().unwrap();
        std::fs::write(&ballast, vec![0; free.saturating_sub(left)]).unwrap();
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Slices of 0.5 MB with pixels of their own.
fn slices(series: &str, count: u16) -> Vec<Object> {
    (1..=count)
        .map(|number| {
            let slice = Slice { series, number, rows: 512, columns: 512, frames: None };
            Object {
                class: crate::hostile::CT,
                instance: slice.instance(),
                syntax: EXPLICIT.to_owned(),
                bytes: slice.native(i16::try_from(number).unwrap() - 900),
            }
        })
        .collect()
}

/// Sends until the disk is full, frees it, sends again.
fn full_disk(storage: &Path, ballast: &Path, environment: Vec<(String, String)>, folder: &Path) {
    let mut spec = ServerSpec::new(folder);
    spec.environment = environment;
    // The last one of a name counts.
    spec.environment.push(("LUNGCAD_STORAGE__ROOT".to_owned(), storage.display().to_string()));
    let mut server = spec.start();
    let health = Health::of(&server);
    let series = "2.25.4711.20";
    let objects = slices(series, 30);
    let answers = store_each(&server, &objects);
    let mut acknowledged = 0;
    for answer in &answers {
        match answer {
            Answer::Status(0, _) => acknowledged += 1,
            Answer::Status(0xA700, comment) => assert!(comment.contains("full"), "{comment}"),
            other => panic!("{other:?}\n{}", server.log()),
        }
    }
    println!("{acknowledged} of {} acknowledged, the others A700 {:?}", answers.len(), answers.last());
    assert!(acknowledged < answers.len(), "the disk was never full");
    assert!(matches!(answers.last(), Some(Answer::Status(0xA700, _))), "{:?}", answers.last());
    health.check(&mut server);
    std::fs::remove_file(ballast).unwrap();
    let path = format!("/api/v1/series/{series}");
    // REST answers again too, and everything acknowledged is there.
    wait_for("REST after space was freed", Duration::from_secs(30), || {
        (server.get_json("/api/v1/status")["instances"] == acknowledged).then_some(())
    });
    for answer in store_each(&server, &objects) {
        assert!(matches!(answer, Answer::Status(0, _)), "{answer:?}\n{}", server.log());
    }
    let one = server.get_json(&path);
    assert_eq!((&one["instance_count"], &one["conflict_count"]), (&30.into(), &0.into()), "{one:#}");
    let document = server.settled(series, Duration::from_secs(120));
    assert_eq!(document["series"][0]["state"], "skipped", "uniform pixels are no chest: {document:#}");
    assert_eq!(server.get_json(&path)["instance_count"], 30);
    health.check(&mut server);
    assert_eq!(server.stop(), Some(0));
}

/// Goal: with no room for files senders get A700, nothing acknowledged is lost, and the same send succeeds once
/// there is room. Method: files on a file system of 64 MB with 6 MB left, the database elsewhere.
#[test]
fn a_full_file_store_is_a700_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), 64) else { return };
    let ballast = disk.fill(6_000_000);
    let elsewhere = format!("sqlite:{}", folder.path().join("elsewhere.sqlite").display());
    let environment = vec![("LUNGCAD_STORAGE__DATABASE".to_owned(), elsewhere)];
    full_disk(&disk.0.join("data"), &ballast, environment, folder.path());
}

/// Goal: the same when files and database are on the full disk, as they are by default. Method: storage.root on a
/// file system of 64 MB with 6 MB left.
#[test]
fn a_full_disk_is_a700_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), 64) else { return };
    let ballast = disk.fill(6_000_000);
    full_disk(&disk.0.join("data"), &ballast, Vec::new(), folder.path());
}

/// Goal: the same when it is the database that has no room. Method: SQLite alone on a file system of 8 MB with
/// 300 kB left.
#[test]
fn a_full_database_is_a700_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), 8) else { return };
    // The tables themselves need some room: they are made first.
    let database = disk.0.join("lungcad.sqlite");
    let environment =
        vec![("LUNGCAD_STORAGE__DATABASE".to_owned(), format!("sqlite:{}", database.display()))];
    let data = folder.path().join("data");
    let mut first = ServerSpec::new(folder.path());
    first.environment.clone_from(&environment);
    assert_eq!(first.start().stop(), Some(0));
    let ballast = disk.fill(300_000);
    full_disk(&data, &ballast, environment, folder.path());
}

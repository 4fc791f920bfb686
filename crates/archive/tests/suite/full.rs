//! No room left: the caller learns it as such, what was acknowledged stays, and intake goes on when there is room.

use crate::support::{Stand, instance, on_both, sop_uid, store};
use archive::{Archive, ArchiveSettings, AttemptLimits, BlobSettings, Error, StoreOutcome};
use bytes::Bytes;
use sqlx::{Connection, Executor};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of a few megabytes, unmounted on drop.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// In memory. `None`, with a plain line, where mounting is not allowed.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        Self::mounted(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]), at)
    }

    /// As ext4 in a file beside it, where new files are written past the page cache.
    fn mount_ext4(at: &Path, size: u64) -> Option<Self> {
        let image = at.with_extension("image");
        std::fs::File::create(&image).unwrap().set_len(size).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-m", "0", "-N", "2048"]).arg(&image).output();
        if !made.is_ok_and(|made| made.status.success()) {
            eprintln!("skipped: no mkfs.ext4");
            return None;
        }
        Self::mounted(Command::new("mount").args(["-o", "loop"]).arg(&image), at)
    }

    fn mounted(command: &mut Command, at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        if command.arg(at).output().is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("skipped: mounting a small file system needs root");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

async fn open(database: &Path, blobs: &Path) -> Archive {
    Archive::open(&ArchiveSettings {
        database: format!("sqlite://{}", database.display()),
        blobs: BlobSettings::Local { root: blobs.to_owned(), direct_writes: true },
        migrate: true,
        process: "full".into(),
        attempts: AttemptLimits::default(),
    })
    .await
    .unwrap()
}

/// Stores until there is no room; how many were acknowledged.
async fn fill(archive: &Archive, size: usize) -> u32 {
    for n in 0..1000_u32 {
        let bytes = vec![n.to_le_bytes()[0]; size + n as usize];
        match archive.store_instance(instance(1, n, &bytes), Bytes::from(bytes)).await {
            Ok(outcome) => assert_eq!(outcome, StoreOutcome::Stored),
            Err(Error::Full { .. }) => return n,
            Err(other) => panic!("instance {n}: {other} ({other:?})"),
        }
    }
    panic!("never full");
}

async fn assert_kept(archive: &Archive, count: u32, size: usize) {
    assert!(count > 0);
    for n in 0..count {
        let bytes = archive.instance_blob(&sop_uid(1, n)).await.unwrap();
        assert_eq!(bytes, vec![n.to_le_bytes()[0]; size + n as usize], "instance {n}");
    }
}

/// Goal: ENOSPC of a file is `Full`, the torn file gives its room back and does not stand in the way later.
#[tokio::test]
async fn a_full_disk_for_files_is_full_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), "4m") else { return };
    fill_and_heal(folder.path(), disk).await;
}

/// Goal: the same where files are written past the page cache.
#[tokio::test]
async fn a_full_ext4_for_files_is_full_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount_ext4(&folder.path().join("disk"), 12 << 20) else { return };
    fill_and_heal(folder.path(), disk).await;
}

async fn fill_and_heal(folder: &Path, disk: SmallDisk) {
    const SIZE: usize = 300_000;
    let spare = disk.0.join("spare");
    std::fs::write(&spare, vec![0; 1 << 20]).unwrap();
    let archive = open(&folder.join("db.sqlite"), &disk.0.join("blobs")).await;
    let count = fill(&archive, SIZE).await;
    assert_kept(&archive, count, SIZE).await;
    std::fs::remove_file(spare).unwrap();
    let bytes = vec![count.to_le_bytes()[0]; SIZE + count as usize];
    let again = archive.store_instance(instance(1, count, &bytes), Bytes::from(bytes)).await.unwrap();
    assert_eq!(again, StoreOutcome::Stored, "the same instance, when there is room");
    assert_kept(&archive, count + 1, SIZE).await;
    archive.close().await;
}

/// Goal: SQLITE_FULL is `Full`. Method: the database alone on a small disk.
#[tokio::test]
async fn a_full_disk_for_rows_is_full() {
    const SIZE: usize = 10;
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), "1m") else { return };
    let archive = open(&disk.0.join("db.sqlite"), &folder.path().join("blobs")).await;
    let count = fill(&archive, SIZE).await;
    assert_kept(&archive, count, SIZE).await;
    archive.close().await;
}

/// Goal: `disk_full` of PostgreSQL is `Full`. Method: the server itself raises 53100, as it does when a file of
/// it cannot grow.
async fn disk_full(stand: Stand) {
    store(&stand.archive, 1, 1).await;
    let mut admin = sqlx::PgConnection::connect(&stand.settings.database).await.unwrap();
    let function = "CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                    RAISE EXCEPTION 'could not extend file: No space left on device' \
                    USING ERRCODE = '53100'; END $$";
    admin.execute(function).await.unwrap();
    let trigger = "CREATE TRIGGER full_up BEFORE INSERT ON instance EXECUTE FUNCTION full_up()";
    admin.execute(trigger).await.unwrap();
    let refused = stand.archive.store_instance(instance(1, 2, b"x"), Bytes::from_static(b"x")).await;
    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
    admin.execute("DROP TRIGGER full_up ON instance").await.unwrap();
    let stored = stand.archive.store_instance(instance(1, 2, b"x"), Bytes::from_static(b"x")).await;
    assert_eq!(stored.unwrap(), StoreOutcome::Stored);
}

#[tokio::test]
async fn a_full_disk_of_postgres_is_full() {
    crate::support::on_postgres(disk_full).await;
}

on_both! {
    /// Goal: a receiver that is silent for more than 15 s is dead, whatever its name: nobody waits for its
    /// associations. Method: its last heartbeat is set back.
    async fn the_associations_of_a_silent_receiver_are_lost(stand) {
        let association = archive::NewAssociation {
            association_id: "a1".into(), calling_ae: "SCANNER".into(), called_ae: "LUNGCAD".into(),
            peer_address: "127.0.0.1:1".into(),
        };
        let dead = stand.another("some receiver").await;
        dead.association_opened(&association).await.unwrap();
        let mut first = instance(1, 1, b"x");
        first.association_id = Some("a1".into());
        dead.store_instance(first, Bytes::from_static(b"x")).await.unwrap();
        dead.close().await;
        for (seconds, open) in [(10_i64, 1), (6, 0)] {
            let sql = format!("UPDATE process SET heartbeat_at = heartbeat_at - {seconds} * 1000000");
            let sql = sqlx::AssertSqlSafe(sql);
            if stand.archive.is_shared() {
                let mut admin = sqlx::PgConnection::connect(&stand.settings.database).await.unwrap();
                admin.execute(sql).await.unwrap();
            } else {
                let mut admin = sqlx::SqliteConnection::connect(&stand.settings.database).await.unwrap();
                admin.execute(sql).await.unwrap();
            }
            let series = stand.archive.receiving_series().await.unwrap().remove(0);
            assert_eq!(series.open_associations, open, "{seconds} s further back");
        }
    }
}

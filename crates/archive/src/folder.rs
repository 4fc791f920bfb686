//! A folder of files that survive a power cut, with as few waits for the disk as the promise allows.
//!
//! A new file is made under its final name at once (it must not be there yet), written and synced, and then its
//! folder is synced, except on file systems whose sync of the file covers the entry ([`mounts::syncs_entries`]): one
//! wait for the disk instead of two. After a rename, which changes no inode, the folder is always synced. There, new
//! files also go past the page cache ([`crate::direct`]).
//!
//! A process that dies on the way leaves a torn file under a final name. That is harmless, because a file counts
//! only when a row names it, and a row is written after the syncs; and because whoever finds a file there
//! **replaces** it unless a row names it: a staged copy is synced first and then renamed over it, so that a whole
//! file is never replaced by a torn one. Nobody ever removes a file under a final name on failure: another writer
//! of the same bytes may just have put a whole one there. A failed writer empties its own file through its own
//! handle instead.
//!
//! Folders are all made and synced when the archive is opened, not while instances arrive.

use crate::direct::Direct;
use crate::mounts;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Folders below the root whose files lie in 256 folders by the first byte of their hash.
const FANNED: [&str; 2] = ["instances", "objects"];
/// Where replacements are written before they take their place.
const STAGED: &str = "staged";
/// Folder of the self-test.
const CHECK: &str = "check";
/// A staged file that was not touched for so long is of a process that died.
const STALE_AFTER: Duration = Duration::from_secs(3600);

/// Files below one root.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// The sync of a new file is the sync of its entry as well.
    syncs_entries: bool,
    /// Writes new files past the page cache; absent when switched off or not taken here.
    direct: Option<Direct>,
}

impl Folder {
    /// Makes what is missing, durably, and removes staged files of processes that died. `direct_writes`: past the page
    /// cache where the file system is known for it.
    pub(crate) fn open(root: &Path, direct_writes: bool) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        for name in [STAGED, CHECK] {
            make(&root.join(name))?;
        }
        for name in FANNED {
            let folder = root.join(name);
            make(&folder)?;
            for byte in 0..=u8::MAX {
                make(&folder.join(format!("{byte:02x}")))?;
            }
            sync_folder(&folder)?;
        }
        sync_folder(root)?;
        if let Some(parent) = root.parent().filter(|p| !p.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
        remove_stale(&root.join(STAGED))?;
        let syncs_entries = mounts::syncs_entries(root);
        let direct = if direct_writes && syncs_entries { Direct::on(&root.join(CHECK)) } else { None };
        Ok(Self { root: root.to_owned(), syncs_entries, direct })
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a new file; `false` when one is there already, whole or torn.
    pub(crate) fn create(&self, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let path = self.root.join(key);
        let opened = match &self.direct {
            Some(direct) => direct.create(&path),
            None => OpenOptions::new().write(true).create_new(true).open(&path),
        };
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error),
        };
        let written = match &self.direct {
            Some(direct) => direct.write(&mut file, bytes),
            None => file.write_all(bytes),
        }
        .and_then(|()| file.sync_all());
        if let Err(error) = written {
            // Gives the room back; by handle, so that it can only be our own file (see above).
            let _ = file.set_len(0);
            return Err(error);
        }
        if !self.syncs_entries {
            sync_parent(&path)?;
        }
        Ok(true)
    }

    /// Puts a whole file in the place of the one that is there.
    pub(crate) fn replace(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let staged = self.root.join(STAGED).join(crate::new_id());
        let written = stage(&staged, bytes).and_then(|()| fs::rename(&staged, self.root.join(key)));
        if let Err(error) = written {
            let _ = fs::remove_file(&staged);
            return Err(error);
        }
        sync_parent(&self.root.join(key))
    }

    /// The bytes of a file.
    pub(crate) fn read(&self, key: &str) -> io::Result<Vec<u8>> {
        fs::read(self.root.join(key))
    }

    /// Removes a file.
    pub(crate) fn delete(&self, key: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(key))
    }
}

fn stage(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes staged files that nobody works on any more. One that goes away meanwhile is another's business.
fn remove_stale(staged: &Path) -> io::Result<()> {
    for entry in fs::read_dir(staged)? {
        let entry = entry?;
        let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > STALE_AFTER) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "instances/ab/abcd";

    /// Goal: a torn file under a final name never stands in the way. Method: what a killed writer leaves.
    #[test]
    fn a_torn_file_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path(), true).unwrap();
        fs::write(root.path().join(KEY), b"who").unwrap();
        assert!(!folder.create(KEY, b"whole").unwrap());
        folder.replace(KEY, b"whole").unwrap();
        assert_eq!(folder.read(KEY).unwrap(), b"whole");
        assert_eq!(fs::read_dir(root.path().join(STAGED)).unwrap().count(), 0);
    }

    /// Goal: many writers of the same bytes leave one whole file, whoever comes first.
    #[test]
    fn writers_of_the_same_bytes_agree() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path(), true).unwrap();
        let bytes = vec![7_u8; 300_000];
        let created: usize = std::thread::scope(|scope| {
            let write = || {
                let created = folder.create(KEY, &bytes).unwrap();
                if !created {
                    folder.replace(KEY, &bytes).unwrap();
                }
                usize::from(created)
            };
            let writers: Vec<_> = (0..8).map(|_| scope.spawn(write)).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).sum()
        });
        assert_eq!(created, 1);
        assert_eq!(folder.read(KEY).unwrap(), bytes);
    }

    /// Goal: what a dead process staged goes at the next start, what a living one stages stays.
    #[test]
    fn stale_staged_files_go_at_start() {
        let root = tempfile::tempdir().unwrap();
        Folder::open(root.path(), true).unwrap();
        let (old, young) = (root.path().join("staged/old"), root.path().join("staged/young"));
        fs::write(&young, b"x").unwrap();
        let file = File::create(&old).unwrap();
        file.set_modified(std::time::SystemTime::now() - STALE_AFTER * 2).unwrap();
        Folder::open(root.path(), true).unwrap();
        assert!(!old.exists() && young.exists());
    }
}

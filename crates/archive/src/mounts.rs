//! Which file system a folder lies on, read from the kernel's mount table.

use crate::error::{Error, Result};
use std::path::Path;

/// File systems on which SQLite's write-ahead log corrupts: it needs shared memory and working locks.
const NETWORK_TYPES: [&str; 12] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb",
    "smb2",
    "smb3",
    "smbfs",
    "afs",
    "9p",
    "fuse.sshfs",
    "fuse.glusterfs",
    "ceph",
];

/// File systems whose sync of a new file makes the file's entry in its folder durable too. ext4 and XFS write one
/// ordered journal, in which the entry comes before the inode that is synced; btrfs logs the names of an inode with
/// it. POSIX does not promise it, so that others get a sync of the folder of its own.
const ENTRY_SYNCED_TYPES: [&str; 3] = ["ext4", "xfs", "btrfs"];

/// Refuses a folder on a network file system.
///
/// # Errors
/// [`Error::Settings`] with the way out. A machine without a mount table passes.
pub(crate) fn refuse_network(folder: &Path) -> Result<()> {
    match type_of(folder).filter(|kind| NETWORK_TYPES.contains(&kind.as_str())) {
        None => Ok(()),
        Some(kind) => Err(Error::Settings(format!(
            "{} lies on a network file system ({kind}), where SQLite loses data; put storage.database on a \
             local disk or use PostgreSQL",
            folder.display()
        ))),
    }
}

/// Whether the sync of a new file in `folder` makes its entry there durable; `false` when that is not known.
pub(crate) fn syncs_entries(folder: &Path) -> bool {
    type_of(folder).is_some_and(|kind| ENTRY_SYNCED_TYPES.contains(&kind.as_str()))
}

/// The file system that holds `folder`; nothing on a machine without a mount table.
fn type_of(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    innermost(&std::fs::read_to_string("/proc/mounts").ok()?, &folder)
}

/// The file system of the table's longest mount point above `folder`.
fn innermost(table: &str, folder: &Path) -> Option<String> {
    let (_, kind) = table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace().skip(1);
            // Blanks in a mount point stand as octal.
            let point = words.next()?.replace("\\040", " ").replace("\\011", "\t");
            let kind = words.next()?.to_owned();
            folder.starts_with(&point).then_some((point.len(), kind))
        })
        // A later line hides an earlier one on the same point.
        .max_by_key(|(length, _)| *length)?;
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the innermost mount decides. Method: a table with a share inside a local disk and back.
    #[test]
    fn the_innermost_mount_decides() {
        let table = "/dev/sda / ext4 rw 0 0\nnas:/x /srv/scans nfs4 rw 0 0\n/dev/sdb /srv/scans/db xfs rw 0 0\n\
                     //win/share /mnt/my\\040share cifs rw 0 0\n";
        let check = |folder: &str, expected: &str| {
            assert_eq!(innermost(table, Path::new(folder)).as_deref(), Some(expected), "{folder}");
        };
        check("/var/lib/lungcad", "ext4");
        check("/srv/scans", "nfs4");
        check("/srv/scans/a/b", "nfs4");
        check("/srv/scansother", "ext4");
        check("/srv/scans/db/x", "xfs");
        check("/mnt/my share/x", "cifs");
    }
}

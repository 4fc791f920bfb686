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

/// Refuses a folder on a network file system.
///
/// # Errors
/// [`Error::Settings`] with the way out. A machine without a mount table passes.
pub(crate) fn refuse_network(folder: &Path) -> Result<()> {
    let Ok(folder) = folder.canonicalize() else { return Ok(()) };
    let Ok(table) = std::fs::read_to_string("/proc/mounts") else { return Ok(()) };
    match network_type(&table, &folder) {
        None => Ok(()),
        Some(kind) => Err(Error::Settings(format!(
            "{} lies on a network file system ({kind}), where SQLite loses data; put storage.database on a \
             local disk or use PostgreSQL",
            folder.display()
        ))),
    }
}

/// The network file system that holds `folder`, by the table's longest mount point above it.
fn network_type(table: &str, folder: &Path) -> Option<String> {
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
    NETWORK_TYPES.contains(&kind.as_str()).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the innermost mount decides. Method: a table with a share inside a local disk and back.
    #[test]
    fn the_innermost_mount_decides() {
        let table = "/dev/sda / ext4 rw 0 0\nnas:/x /srv/scans nfs4 rw 0 0\n/dev/sdb /srv/scans/db xfs rw 0 0\n\
                     //win/share /mnt/my\\040share cifs rw 0 0\n";
        let check = |folder: &str, expected: Option<&str>| {
            assert_eq!(network_type(table, Path::new(folder)).as_deref(), expected, "{folder}");
        };
        check("/var/lib/lungcad", None);
        check("/srv/scans", Some("nfs4"));
        check("/srv/scans/a/b", Some("nfs4"));
        check("/srv/scansother", None);
        check("/srv/scans/db/x", None);
        check("/mnt/my share/x", Some("cifs"));
    }
}

//! New files written past the system's page cache.
//!
//! A synced file gains nothing from the cache: its bytes go to the disk before the sender is answered, and copying
//! them into fresh pages first takes the kernel up to three times as long as the write itself. So a new file goes to
//! the disk straight from memory here (`O_DIRECT`), where the file system takes that; a reader finds it on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Mutex;

/// What position, length and memory of a direct write are multiples of: no less than a disk's sector.
const BLOCK: usize = 4096;
/// Bytes of one write; a CT slice of 512 x 512 takes one.
const PIECE_SIZE: usize = 1 << 20;
/// Pieces kept for the next file.
const SPARE_COUNT_MAX: usize = 16;

/// Writes files past the page cache.
#[derive(Debug, Default)]
pub(crate) struct Direct {
    spare: Mutex<Vec<Piece>>,
}

impl Direct {
    /// `None` where the file system of `folder` does not take direct writes; found out by writing one file.
    pub(crate) fn on(folder: &Path) -> Option<Self> {
        let direct = Self::default();
        let path = folder.join(crate::new_id());
        let bytes = vec![1; BLOCK + 1];
        let written = create_new(&path).and_then(|mut file| direct.write(&mut file, &bytes));
        let is_whole = written.is_ok() && fs::read(&path).is_ok_and(|found| found == bytes);
        // One that was made before it was refused goes as well.
        let _ = fs::remove_file(&path);
        is_whole.then_some(direct)
    }

    /// Opens a new file for [`Direct::write`].
    ///
    /// # Errors
    /// As [`OpenOptions::open`]; [`io::ErrorKind::AlreadyExists`] when one is there.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        create_new(path)
    }

    /// Writes all of a file made by [`Direct::create`]; it is not synced yet.
    ///
    /// # Errors
    /// What the system said; the file may be in part written then.
    pub(crate) fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let spare = self.spare.lock().ok().and_then(|mut spare| spare.pop());
        let mut piece = spare.unwrap_or_else(Piece::new);
        let mut written = Ok(());
        for part in bytes.chunks(PIECE_SIZE) {
            written = file.write_all(piece.padded(part));
            if written.is_err() {
                break;
            }
        }
        if let Ok(mut spare) = self.spare.lock()
            && spare.len() < SPARE_COUNT_MAX
        {
            spare.push(piece);
        }
        // Whole blocks were written: the last one ends where the file does.
        written.and_then(|()| file.set_len(bytes.len() as u64))
    }
}

#[cfg(target_os = "linux")]
fn create_new(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let direct = nix::fcntl::OFlag::O_DIRECT.bits();
    OpenOptions::new().write(true).create_new(true).custom_flags(direct).open(path)
}

#[cfg(not(target_os = "linux"))]
fn create_new(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Memory for one write, its start on a block.
#[derive(Debug)]
struct Piece {
    memory: Vec<u8>,
    start: usize,
}

impl Piece {
    fn new() -> Self {
        let memory = vec![0; PIECE_SIZE + BLOCK];
        let start = memory.as_ptr().align_offset(BLOCK);
        Self { memory, start }
    }

    /// `part`, at most [`PIECE_SIZE`] bytes, with zeros up to a whole block.
    fn padded(&mut self, part: &[u8]) -> &[u8] {
        let (end, whole) = (self.start + part.len(), self.start + part.len().next_multiple_of(BLOCK));
        self.memory[self.start..end].copy_from_slice(part);
        self.memory[end..whole].fill(0);
        &self.memory[self.start..whole]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: every length comes back byte for byte. Method: lengths around a block and a piece, one writer for all, so
    /// that what an earlier file left in the memory would show.
    #[test]
    fn every_length_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let Some(direct) = Direct::on(folder.path()) else {
            eprintln!("skipped: this file system takes no direct writes");
            return;
        };
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the check left its file");
        let lengths =
            [PIECE_SIZE, 0, 1, BLOCK - 1, BLOCK, BLOCK + 1, PIECE_SIZE + 1, 2 * PIECE_SIZE, 525_001];
        for length in lengths {
            let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8 + 1).collect();
            let path = folder.path().join(length.to_string());
            direct.write(&mut direct.create(&path).unwrap(), &bytes).unwrap();
            assert!(fs::read(&path).unwrap() == bytes, "{length} bytes");
            assert_eq!(direct.create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
    }

    /// Goal: where direct writes are refused it is found out at the start and nothing is left behind.
    #[test]
    fn a_folder_that_refuses_is_told() {
        assert!(Direct::on(Path::new("/proc")).is_none());
    }
}

//! Files that a person names: folders to the bottom, single files, ZIP archives; what is DICOM among them.
//!
//! Bounded in depth, count and inflated size; no path out of an archive is ever used as a path.

use bytes::Bytes;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Folders below folders.
const DEPTH_MAX: usize = 32;
/// Files and archive entries in one call.
const FILES_COUNT_MAX: usize = 500_000;
/// One file or archive entry, inflated.
const FILE_SIZE_MAX: u64 = 2 << 30;
/// Inflated size of an entry over its stored size: a CT slice does not shrink a thousandfold.
const RATIO_MAX: u64 = 1000;

/// Why files cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// The path does not exist or may not be read.
    #[error("reading {path}: {cause}")]
    Unreadable {
        /// As named.
        path: String,
        /// The system's words.
        cause: String,
    },
    /// More files than one call takes.
    #[error("more than {FILES_COUNT_MAX} files below the given paths; name smaller folders")]
    TooMany,
    /// A broken or hostile archive.
    #[error("reading archive {path}: {cause}")]
    Archive {
        /// The archive.
        path: String,
        /// In words.
        cause: String,
    },
}

/// Where the bytes of one file are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// An entry of a ZIP archive, by its index.
    ZipEntry(PathBuf, usize),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::ZipEntry(path, index) => write!(f, "{} entry {index}", path.display()),
        }
    }
}

fn unreadable(path: &Path, cause: &std::io::Error) -> DiscoverError {
    DiscoverError::Unreadable { path: path.display().to_string(), cause: cause.to_string() }
}

/// Every file below `paths`, sorted, each once.
///
/// # Errors
/// [`DiscoverError`] for a path that is not there, a broken archive, or too many files.
pub fn discover(paths: &[PathBuf]) -> Result<Vec<Place>, DiscoverError> {
    let mut found = BTreeSet::new();
    for path in paths {
        walk(path, 0, &mut found)?;
    }
    Ok(found.into_iter().collect())
}

fn walk(path: &Path, depth: usize, found: &mut BTreeSet<Place>) -> Result<(), DiscoverError> {
    let metadata = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    if metadata.is_dir() {
        if depth > DEPTH_MAX {
            return Ok(());
        }
        for entry in std::fs::read_dir(path).map_err(|e| unreadable(path, &e))? {
            let entry = entry.map_err(|e| unreadable(path, &e))?;
            // Links are followed only where a person names them: a link inside a folder may lead in a circle.
            if entry.file_type().is_ok_and(|kind| !kind.is_symlink()) {
                walk(&entry.path(), depth + 1, found)?;
            }
        }
    } else if metadata.is_file() {
        if is_zip(path) {
            for index in 0..zip_entries(path)? {
                found.insert(Place::ZipEntry(path.to_owned(), index));
            }
        } else {
            found.insert(Place::File(path.to_owned()));
        }
    }
    if found.len() > FILES_COUNT_MAX { Err(DiscoverError::TooMany) } else { Ok(()) }
}

fn is_zip(path: &Path) -> bool {
    let mut magic = [0_u8; 4];
    std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut magic)).is_ok() && &magic == b"PK\x03\x04"
}

fn open_zip(path: &Path) -> Result<zip::ZipArchive<std::io::BufReader<std::fs::File>>, DiscoverError> {
    let file = std::fs::File::open(path).map_err(|e| unreadable(path, &e))?;
    zip::ZipArchive::new(std::io::BufReader::new(file))
        .map_err(|e| DiscoverError::Archive { path: path.display().to_string(), cause: e.to_string() })
}

fn zip_entries(path: &Path) -> Result<usize, DiscoverError> {
    let count = open_zip(path)?.len();
    if count > FILES_COUNT_MAX { Err(DiscoverError::TooMany) } else { Ok(count) }
}

impl Place {
    /// The whole file.
    ///
    /// # Errors
    /// [`DiscoverError`] when it cannot be read, is too large or inflates too far.
    pub fn read(&self) -> Result<Bytes, DiscoverError> {
        match self {
            Self::File(path) => {
                let size = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?.len();
                if size > FILE_SIZE_MAX {
                    let cause = format!("{size} bytes, at most {FILE_SIZE_MAX} are taken");
                    return Err(DiscoverError::Unreadable { path: path.display().to_string(), cause });
                }
                std::fs::read(path).map(Bytes::from).map_err(|e| unreadable(path, &e))
            }
            Self::ZipEntry(path, index) => read_entry(path, *index),
        }
    }
}

fn read_entry(path: &Path, index: usize) -> Result<Bytes, DiscoverError> {
    let fault =
        |cause: String| DiscoverError::Archive { path: format!("{} entry {index}", path.display()), cause };
    let mut archive = open_zip(path)?;
    let entry = archive.by_index(index).map_err(|e| fault(e.to_string()))?;
    let limit = FILE_SIZE_MAX.min(entry.compressed_size().saturating_mul(RATIO_MAX).max(1 << 16));
    let mut bytes = Vec::new();
    entry.take(limit + 1).read_to_end(&mut bytes).map_err(|e| fault(e.to_string()))?;
    if bytes.len() as u64 > limit {
        return Err(fault(format!("inflates to more than {limit} bytes")));
    }
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// Goal: folders are searched to the bottom, archives opened, bombs refused. Method: a folder made here.
    #[test]
    fn folders_and_archives_are_searched_and_bombs_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join("a/b/one"), b"1").unwrap();
        let mut zip = zip::ZipWriter::new(std::fs::File::create(folder.path().join("c.zip")).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("../../two", options).unwrap();
        zip.write_all(b"2").unwrap();
        zip.start_file("bomb", options).unwrap();
        zip.write_all(&vec![0; 64 << 20]).unwrap();
        zip.finish().unwrap();
        let found = discover(&[folder.path().to_owned()]).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].read().unwrap().as_ref(), b"1");
        assert_eq!(found[1].read().unwrap().as_ref(), b"2");
        assert!(found[2].read().unwrap_err().to_string().contains("inflates"));
        assert!(discover(&[folder.path().join("absent")]).is_err());
    }
}

//! Real data for tests: `../shared/data` beside the repository, or where LUNGCAD_TEST_DATA points.

use std::path::{Path, PathBuf};

/// The data folder; `None` (with a line that says so) when it is absent.
pub(crate) fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("LUNGCAD_TEST_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no test data at {}; set LUNGCAD_TEST_DATA", folder.display());
    None
}

/// Every `.dcm` file of a folder, in name order.
pub(crate) fn dicom_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "dcm"))
        .collect();
    files.sort();
    files
}

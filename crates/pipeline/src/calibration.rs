//! A site's own numbers for a pack, frozen in a file: which threshold gives the false marks that the site accepts.
//!
//! The file names the pack by its sha256 and carries a digest of itself: it is made by measuring, not by editing, and
//! another pack needs another one. Unknown members are let through, so that later numbers can stand beside these.

use domain::{PackDocument, PackIdentity, Share};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// Value of `schema`.
const SCHEMA: &str = "lungcad-calibration/1";
/// Stands where the digest comes, while it is computed.
const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Size of a file.
const SIZE_MAX: u64 = 1 << 20;

/// Why a calibration cannot be used or kept.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// The system does not give or take the bytes.
    #[error("calibration {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// The system's words.
        cause: String,
    },
    /// The content is not what `lungcad calibrate` writes.
    #[error("calibration {path}: {cause}; make a new one with `lungcad calibrate`")]
    Content {
        /// The file.
        path: String,
        /// What is wrong.
        cause: String,
    },
}

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationFile {
    /// Always `lungcad-calibration/1`.
    pub schema: String,
    /// 1 for the first of a folder, then one more each.
    pub version: u32,
    /// sha256 of the file with zeros in this place, hex.
    pub digest: String,
    /// lungcad version that made it.
    pub lungcad_version: String,
    /// When, RFC 3339.
    pub made_at: String,
    /// Name of the pack.
    pub pack_name: String,
    /// Its version.
    pub pack_version: String,
    /// sha256 of its `pack.toml`.
    pub pack_sha256: String,
    /// Threshold of the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point: Option<SiteOperatingPoint>,
}

/// A threshold with what it did on the scans it was chosen on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteOperatingPoint {
    /// Marks of this score and above are reported.
    pub threshold: f64,
    /// False marks a scan that were asked for, at most.
    pub false_marks_wanted: f64,
    /// False marks a scan that it gave.
    pub false_marks: f64,
    /// 95 % interval of that, drawn by patient.
    pub false_marks_interval: Option<[f64; 2]>,
    /// Nodules found there.
    pub sensitivity: Share,
    /// Scans.
    pub scans_count: usize,
    /// Patients.
    pub patients_count: usize,
    /// Where the truth came from.
    pub truth: String,
    /// Where the marks came from.
    pub marks: String,
}

impl CalibrationFile {
    /// A file without numbers, for the next place in a folder.
    #[must_use]
    pub fn new(pack: &PackDocument, lungcad_version: &str, made_at: &str) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: 0,
            digest: BLANK.to_owned(),
            lungcad_version: lungcad_version.to_owned(),
            made_at: made_at.to_owned(),
            pack_name: pack.name.clone(),
            pack_version: pack.version.clone(),
            pack_sha256: pack.sha256.clone(),
            operating_point: None,
        }
    }

    /// Writes it as `calibration-v<n>.json`, one more than the highest in `folder`; never over another. Gives its path.
    ///
    /// # Errors
    /// [`CalibrationError::File`].
    pub fn write_next(mut self, folder: &Path) -> Result<PathBuf, CalibrationError> {
        let fault = |path: &Path, cause: &dyn std::fmt::Display| CalibrationError::File {
            path: path.display().to_string(),
            cause: cause.to_string(),
        };
        std::fs::create_dir_all(folder).map_err(|e| fault(folder, &e))?;
        let entries = std::fs::read_dir(folder).map_err(|e| fault(folder, &e))?;
        let versions = entries.flatten().filter_map(|e| version_of(&e.file_name().to_string_lossy()));
        self.version = versions.max().unwrap_or(0) + 1;
        let path = folder.join(format!("calibration-v{}.json", self.version));
        BLANK.clone_into(&mut self.digest);
        let text = serde_json::to_string_pretty(&self).map_err(|e| fault(&path, &e))?;
        let text = text.replacen(BLANK, &digest(&text), 1);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).open(&path).map_err(|e| fault(&path, &e))?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|e| fault(&path, &e))?;
        file.sync_all().map_err(|e| fault(&path, &e))?;
        Ok(path)
    }

    /// Reads a file and checks its digest.
    ///
    /// # Errors
    /// [`CalibrationError`] with the file and what is wrong.
    pub fn read(path: &Path) -> Result<Self, CalibrationError> {
        let shown = path.display().to_string();
        let file = |e: std::io::Error| CalibrationError::File { path: shown.clone(), cause: e.to_string() };
        let content = |cause: String| CalibrationError::Content { path: shown.clone(), cause };
        let size = std::fs::metadata(path).map_err(file)?.len();
        if size > SIZE_MAX {
            return Err(content(format!("{size} bytes, at most {SIZE_MAX} are read")));
        }
        let text = std::fs::read_to_string(path).map_err(file)?;
        let read: Self = serde_json::from_str(&text).map_err(|e| content(e.to_string()))?;
        if read.schema != SCHEMA {
            return Err(content(format!("schema is {:?}, expected {SCHEMA}", read.schema)));
        }
        let is_hex = read.digest.len() == BLANK.len() && read.digest.chars().all(|c| c.is_ascii_hexdigit());
        if !is_hex || digest(&text.replacen(&read.digest, BLANK, 1)) != read.digest {
            return Err(content("the file was changed after it was made".to_owned()));
        }
        Ok(read)
    }

    /// The threshold for `pack`.
    ///
    /// # Errors
    /// A sentence, when it was made for another pack or holds no threshold.
    pub fn threshold_for(&self, pack: &PackIdentity) -> Result<f64, String> {
        if self.pack_sha256 != pack.sha256 {
            return Err(format!(
                "it was made for {} {} (pack.toml sha256 {}), in use is {} {} ({})",
                self.pack_name, self.pack_version, self.pack_sha256, pack.name, pack.version, pack.sha256
            ));
        }
        match &self.operating_point {
            Some(point) if (0.0..=1.0).contains(&point.threshold) => Ok(point.threshold),
            Some(point) => Err(format!("its threshold {} is not between 0 and 1", point.threshold)),
            None => Err("it holds no operating point".to_owned()),
        }
    }
}

/// Number in `calibration-v<n>.json`.
fn version_of(name: &str) -> Option<u32> {
    name.strip_prefix("calibration-v")?.strip_suffix(".json")?.parse().ok()
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> CalibrationFile {
        let pack = PackDocument {
            name: "p".to_owned(),
            version: "1.0.0".to_owned(),
            sha256: "ab".repeat(32),
            threshold: 0.5,
            runtime: String::new(),
        };
        let mut file = CalibrationFile::new(&pack, "0.1.0", "2026-01-01T00:00:00Z");
        file.operating_point = Some(SiteOperatingPoint {
            threshold: 0.312_345_678_901_234_5,
            false_marks_wanted: 1.0,
            false_marks: 0.9,
            false_marks_interval: Some([0.5, 1.3]),
            sensitivity: Share { found: 3, total: 4, interval: None },
            scans_count: 10,
            patients_count: 9,
            truth: "t".to_owned(),
            marks: "m".to_owned(),
        });
        file
    }

    fn identity(sha256: &str) -> PackIdentity {
        PackIdentity {
            name: "p".to_owned(),
            version: "1.0.0".to_owned(),
            sha256: sha256.to_owned(),
            threshold: 0.5,
            runtime: String::new(),
        }
    }

    /// Goal: files count up and never go over another; a changed one and one of another pack are refused; a member of
    /// a later version is not.
    #[test]
    fn files_are_frozen_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let first = file().write_next(folder.path()).unwrap();
        let second = file().write_next(folder.path()).unwrap();
        assert!(first.ends_with("calibration-v1.json") && second.ends_with("calibration-v2.json"));
        let read = CalibrationFile::read(&second).unwrap();
        assert_eq!(read.version, 2);
        let threshold = read.threshold_for(&identity(&"ab".repeat(32))).unwrap();
        assert!((threshold - 0.312_345_678_901_234_5).abs() < 1e-15);
        assert!(read.threshold_for(&identity(&"cd".repeat(32))).unwrap_err().contains("made for p 1.0.0"));
        let text = std::fs::read_to_string(&first).unwrap();
        std::fs::write(&first, text.replace("\"false_marks_wanted\": 1.0", "\"false_marks_wanted\": 2.0"))
            .unwrap();
        assert!(CalibrationFile::read(&first).unwrap_err().to_string().contains("was changed"));
        let later = text.replacen("{", "{\n  \"triage\": [1],", 1).replacen(&digest_in(&text), BLANK, 1);
        std::fs::write(&first, later.replacen(BLANK, &digest(&later), 1)).unwrap();
        assert_eq!(CalibrationFile::read(&first).unwrap().version, 1);
    }

    fn digest_in(text: &str) -> String {
        serde_json::from_str::<serde_json::Value>(text).unwrap()["digest"].as_str().unwrap().to_owned()
    }
}

//! Read and check a model pack: a folder with `pack.toml` and the files that it names.

use crate::manifest::{Manifest, NetworkSpec, Role, check_format};
use crate::network::{Network, NetworkError};
use crate::runtime::Runtime;
use domain::PackIdentity;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bound on `pack.toml`, bytes.
const MANIFEST_SIZE_MAX: u64 = 256 << 10;
/// Bound on one network file, bytes.
const FILE_SIZE_MAX: u64 = 512 << 20;

/// Why a folder is not a usable pack.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file cannot be read.
    #[error("reading {path}: {cause}; a pack is a folder with pack.toml and the files it names")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// `pack.toml` is not what format 1 allows.
    #[error("reading {path}: {reason}; docs/MODEL_PACKS.md describes the format")]
    Manifest {
        /// The file.
        path: String,
        /// Key and fault.
        reason: String,
    },
    /// A file is not the one that the pack was made with.
    #[error(
        "checking {path}: its sha256 is {found}, pack.toml states {stated}; copy the pack again, or, if the change was meant, state the new hash"
    )]
    Hash {
        /// The file.
        path: String,
        /// sha256 of the bytes.
        found: String,
        /// sha256 of `pack.toml`.
        stated: String,
    },
}

/// A folder whose `pack.toml` is sound and whose files have the hashes stated in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelPack {
    folder: PathBuf,
    sha256: String,
    manifest: Manifest,
}

impl ModelPack {
    /// Read `pack.toml`, check it, and check the sha256 of every file that it names.
    ///
    /// # Errors
    /// [`PackError`], naming the file, the fault and the way out.
    pub fn open(folder: &Path) -> Result<Self, PackError> {
        let path = folder.join("pack.toml");
        let bytes = read_bounded(&path, MANIFEST_SIZE_MAX)?;
        let fault = |reason: String| PackError::Manifest { path: path.display().to_string(), reason };
        let text = std::str::from_utf8(&bytes).map_err(|e| fault(e.to_string()))?;
        let manifest = parse(text).map_err(&fault)?;
        let pack = Self { folder: folder.to_path_buf(), sha256: hex_sha256(&bytes), manifest };
        for spec in &pack.manifest.networks {
            pack.read(spec)?;
        }
        Ok(pack)
    }

    /// Open the pack, load every network, compare its tensors with the stated ones and run its self-test.
    ///
    /// Returns the pack and what each network ran on.
    ///
    /// # Errors
    /// [`NetworkError`], the first one met.
    pub fn verify(
        folder: &Path,
        runtime: &Runtime,
        threads: usize,
    ) -> Result<(Self, Vec<String>), NetworkError> {
        let pack = Self::open(folder)?;
        let mut ran = Vec::new();
        for spec in &pack.manifest.networks {
            let mut network = Network::load(&pack, spec, runtime, threads)?;
            crate::selftest::run(&mut network)?;
            ran.push(format!("{} ({}): {}", spec.file, spec.role.as_str(), network.provenance()));
        }
        Ok((pack, ran))
    }

    /// Folder of the pack.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `pack.toml` says.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Pack name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Pack version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.manifest.version
    }

    /// sha256 of `pack.toml`, 64 hex digits: with the hashes in it, the identity of the whole pack.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The network of a role, if the pack has one; of several detectors the first.
    #[must_use]
    pub fn network(&self, role: Role) -> Option<&NetworkSpec> {
        self.networks(role).next()
    }

    /// The networks of a role, in the pack's order.
    pub fn networks(&self, role: Role) -> impl Iterator<Item = &NetworkSpec> {
        self.manifest.networks.iter().filter(move |n| n.role == role)
    }

    /// Provenance of a result: `threshold` is the score used, `runtime` is [`Network::provenance`].
    #[must_use]
    pub fn identity(&self, threshold: f64, runtime: &str) -> PackIdentity {
        PackIdentity {
            name: self.manifest.name.clone(),
            version: self.manifest.version.clone(),
            sha256: self.sha256.clone(),
            threshold,
            runtime: runtime.to_owned(),
        }
    }

    /// Score of a detector's (or reducer's combined) logit, 0 to 1.
    #[must_use]
    pub fn score(&self, logit: f64) -> f64 {
        let logit = self.manifest.calibration.map_or(logit, |c| c.slope * logit + c.intercept);
        1.0 / (1.0 + (-logit).exp())
    }

    /// Bytes of a network's file, hash checked, so that what is loaded is what was stated.
    pub(crate) fn read(&self, spec: &NetworkSpec) -> Result<Vec<u8>, PackError> {
        let path = self.folder.join(&spec.file);
        let bytes = read_bounded(&path, FILE_SIZE_MAX)?;
        let found = hex_sha256(&bytes);
        if found == spec.sha256 {
            return Ok(bytes);
        }
        Err(PackError::Hash { path: path.display().to_string(), found, stated: spec.sha256.clone() })
    }
}

/// The text as a checked manifest. The format number is looked at first, so that a newer pack is called newer.
fn parse(text: &str) -> Result<Manifest, String> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| in_one_line(&e))?;
    let format = table.get("format").and_then(toml::Value::as_integer).unwrap_or(0);
    check_format(u32::try_from(format).unwrap_or(0))?;
    let manifest: Manifest = toml::from_str(text).map_err(|e| in_one_line(&e))?;
    manifest.check()?;
    Ok(manifest)
}

/// TOML's report as one line: place and message without the picture of the source.
fn in_one_line(error: &toml::de::Error) -> String {
    let text = error.to_string();
    let place = text.lines().next().unwrap_or_default();
    let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    if place.contains("at line") { format!("{}: {message}", place.to_lowercase()) } else { message }
}

fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// A plain file of at most `size_max` bytes; a link or a device is refused.
fn read_bounded(path: &Path, size_max: u64) -> Result<Vec<u8>, PackError> {
    let failed = |cause: String| PackError::Read { path: path.display().to_string(), cause };
    let facts = std::fs::symlink_metadata(path).map_err(|e| failed(e.to_string()))?;
    if !facts.is_file() {
        return Err(failed("not a plain file".to_owned()));
    }
    if facts.len() > size_max {
        return Err(failed(format!("{} bytes, more than the {size_max} allowed", facts.len())));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| failed(e.to_string()))?;
    file.take(size_max + 1).read_to_end(&mut bytes).map_err(|e| failed(e.to_string()))?;
    if bytes.len() as u64 > size_max {
        return Err(failed(format!("grew past the {size_max} bytes allowed")));
    }
    Ok(bytes)
}

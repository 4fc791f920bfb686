//! The packs below one folder, `<root>/<name>/<version>/`: which there are, which is the newest.

use crate::manifest::version_numbers;
use crate::pack::{ModelPack, PackError};
use std::path::{Path, PathBuf};

/// Bound on the folders looked at on each level.
const ENTRIES_COUNT_MAX: usize = 1000;

/// One folder that should hold a pack.
#[derive(Debug)]
pub struct PackEntry {
    /// Name by its place.
    pub name: String,
    /// Version by its place.
    pub version: String,
    /// The folder.
    pub folder: PathBuf,
    /// No other sound pack of this name has a higher version.
    pub newest: bool,
    /// The pack, or why it is none.
    pub pack: Result<ModelPack, PackError>,
}

/// What a look at the folder found; look again to see a change.
#[derive(Debug)]
pub struct Registry {
    root: PathBuf,
    entries: Vec<PackEntry>,
}

impl Registry {
    /// Open every pack below `root`. A broken pack is an entry with its reason; it does not hide the others.
    ///
    /// # Errors
    /// [`PackError::Read`] when `root` itself cannot be listed.
    pub fn scan(root: &Path) -> Result<Self, PackError> {
        let mut entries = Vec::new();
        for (name, folder) in folders(root)? {
            for (version, folder) in folders(&folder)? {
                if version_numbers(&version).is_some() {
                    let pack = open_in_place(&folder, &name, &version);
                    entries.push(PackEntry { name: name.clone(), version, folder, newest: false, pack });
                }
            }
        }
        entries.sort_by(|a, b| {
            (&a.name, version_numbers(&a.version)).cmp(&(&b.name, version_numbers(&b.version)))
        });
        for index in 0..entries.len() {
            let later = &entries[index + 1..];
            let beaten = later.iter().any(|e| e.name == entries[index].name && e.pack.is_ok());
            entries[index].newest = entries[index].pack.is_ok() && !beaten;
        }
        Ok(Self { root: root.to_path_buf(), entries })
    }

    /// Every entry, by name, then by rising version.
    #[must_use]
    pub fn list(&self) -> &[PackEntry] {
        &self.entries
    }

    /// A pack by `name` (its newest sound version) or by `name/version`.
    ///
    /// # Errors
    /// The reason of that very pack, or [`PackError::Read`] with what there is instead.
    pub fn take(mut self, wanted: &str) -> Result<ModelPack, PackError> {
        let (name, version) = wanted.split_once('/').map_or((wanted, None), |(n, v)| (n, Some(v)));
        let fits = |e: &PackEntry| e.name == name && version.map_or(e.newest, |v| v == e.version);
        let broken = |e: &PackEntry| e.name == name && version.is_none();
        let place = self.entries.iter().position(fits).or_else(|| self.entries.iter().rposition(broken));
        match place {
            Some(index) => self.entries.swap_remove(index).pack,
            None => Err(PackError::Read {
                path: self.root.join(wanted).display().to_string(),
                cause: self.names(),
            }),
        }
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.entries.iter().map(|e| format!("{}/{}", e.name, e.version)).collect();
        if names.is_empty() {
            "no pack there".to_owned()
        } else {
            format!("no such pack; there is {}", names.join(", "))
        }
    }
}

/// A pack must be what its place says, so that two folders cannot claim one identity.
fn open_in_place(folder: &Path, name: &str, version: &str) -> Result<ModelPack, PackError> {
    let pack = ModelPack::open(folder)?;
    if pack.name() == name && pack.version() == version {
        return Ok(pack);
    }
    Err(PackError::Manifest {
        path: folder.join("pack.toml").display().to_string(),
        reason: format!(
            "it is {} {}, its folder says {name} {version}; move or rename it",
            pack.name(),
            pack.version()
        ),
    })
}

/// Sub-folders by name, hidden ones left out, sorted.
fn folders(root: &Path) -> Result<Vec<(String, PathBuf)>, PackError> {
    let failed =
        |e: std::io::Error| PackError::Read { path: root.display().to_string(), cause: e.to_string() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).map_err(failed)?.take(ENTRIES_COUNT_MAX) {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

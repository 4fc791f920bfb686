//! Durable bytes under keys made here: a local folder or an S3 bucket.
//!
//! A key comes from a hash, never from a peer's UID, so that no sender can name a path. Writing the same
//! bytes twice is harmless: the second copy replaces the first in one step.

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::settings::BlobSettings;
use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Bytes by key.
#[derive(Debug, Clone)]
pub(crate) enum Files {
    Local(Arc<Folder>),
    Bucket(Arc<dyn ObjectStore>),
}

impl Files {
    /// Opens the folder (made when absent) or the bucket.
    pub(crate) fn open(settings: &BlobSettings) -> Result<Self> {
        match settings {
            BlobSettings::Local { root, direct_writes } => {
                let folder = Folder::open(root, *direct_writes).map_err(|e| {
                    Error::Settings(format!("cannot make storage.root {}: {e}", root.display()))
                })?;
                Ok(Self::Local(Arc::new(folder)))
            }
            BlobSettings::S3 { bucket, endpoint, region, access_key, secret_key, allow_http } => {
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(bucket)
                    .with_region(region)
                    .with_access_key_id(access_key)
                    .with_secret_access_key(secret_key)
                    .with_allow_http(*allow_http);
                if let Some(endpoint) = endpoint {
                    builder = builder.with_endpoint(endpoint);
                }
                let store = builder
                    .build()
                    .map_err(|e| Error::Settings(format!("cannot use storage.bucket {bucket}: {e}")))?;
                Ok(Self::Bucket(Arc::new(store)))
            }
        }
    }

    /// The local folder, when it is one.
    pub(crate) fn root(&self) -> Option<&std::path::Path> {
        match self {
            Self::Local(folder) => Some(folder.root()),
            Self::Bucket(_) => None,
        }
    }

    /// Writes `bytes` under a key that nothing lies under yet; on `true` they survive a power cut. `false` when
    /// something may lie there: it need not be whole, and the caller asks the rows before it trusts it.
    pub(crate) async fn create(&self, key: &str, bytes: &Bytes) -> Result<bool> {
        match self {
            Self::Local(folder) => {
                let bytes = bytes.clone();
                on_disk(folder, key, move |folder, key| folder.create(key, &bytes)).await
            }
            // A bucket replaces an object in one step and never shows half of one.
            Self::Bucket(_) => Ok(false),
        }
    }

    /// Writes `bytes` under `key`, in place of what may lie there; on return they survive a power cut.
    pub(crate) async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        match self {
            Self::Local(folder) => {
                on_disk(folder, key, move |folder, key| {
                    if folder.create(key, &bytes)? { Ok(()) } else { folder.replace(key, &bytes) }
                })
                .await
            }
            Self::Bucket(store) => {
                let put = store.put(&Key::from(key), PutPayload::from_bytes(bytes)).await;
                put.map(|_| ()).map_err(|e| Error::blob(key, e))
            }
        }
    }

    /// Reads the bytes under `key`.
    pub(crate) async fn get(&self, key: &str) -> Result<Bytes> {
        match self {
            Self::Local(folder) => on_disk(folder, key, Folder::read).await.map(Bytes::from),
            Self::Bucket(store) => {
                let got = store.get(&Key::from(key)).await.map_err(|e| Error::blob(key, e))?;
                got.bytes().await.map_err(|e| Error::blob(key, e))
            }
        }
    }

    /// Removes the bytes under `key`.
    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        match self {
            Self::Local(folder) => on_disk(folder, key, Folder::delete).await,
            Self::Bucket(store) => store.delete(&Key::from(key)).await.map_err(|e| Error::blob(key, e)),
        }
    }
}

/// Runs one step of disk work on a thread that may block.
async fn on_disk<T, F>(folder: &Arc<Folder>, key: &str, step: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&Folder, &str) -> std::io::Result<T> + Send + 'static,
{
    let (folder, own) = (Arc::clone(folder), key.to_owned());
    let done = tokio::task::spawn_blocking(move || step(&folder, &own)).await;
    done.map_err(|_| Error::Stopped)?.map_err(|e| Error::file(key, e))
}

/// sha256 as 64 hex digits.
pub(crate) fn sha256_hex(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Key of an instance: from the hash of its data set and its transfer syntax, which together fix the bytes
/// that are analysed. 256 folders keep each of them short.
pub(crate) fn instance_key(data_set_sha256: &str, transfer_syntax_uid: &str) -> String {
    let name = sha256_hex(&[data_set_sha256.as_bytes(), b"|", transfer_syntax_uid.as_bytes()]);
    let (folder, _) = name.split_at(2);
    format!("instances/{folder}/{name}")
}

/// Key of a result object: the hash of its bytes.
pub(crate) fn object_key(sha256: &str) -> String {
    let (folder, _) = sha256.split_at(2);
    format!("objects/{folder}/{sha256}")
}

//! Durable bytes under keys made here: a local folder or an S3 bucket.
//!
//! A key comes from a hash, never from a peer's UID, so that no sender can name a path. Writing the same
//! bytes twice is harmless: the second copy replaces the first in one step.

use crate::error::{Error, Result};
use crate::settings::BlobSettings;
use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes by key.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    store: Arc<dyn ObjectStore>,
    root: Option<PathBuf>,
}

impl Files {
    /// Opens the folder (made when absent) or the bucket.
    pub(crate) fn open(settings: &BlobSettings) -> Result<Self> {
        match settings {
            BlobSettings::Local { root } => {
                std::fs::create_dir_all(root).map_err(|e| {
                    Error::Settings(format!("cannot make storage.root {}: {e}", root.display()))
                })?;
                let store = LocalFileSystem::new_with_prefix(root)
                    .map_err(|e| Error::Settings(format!("cannot use storage.root {}: {e}", root.display())))?
                    .with_fsync(true);
                Ok(Self { store: Arc::new(store), root: Some(root.clone()) })
            }
            BlobSettings::S3 { bucket, endpoint, region, access_key, secret_key, allow_http } => {
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(bucket)
                    .with_region(region)
                    .with_access_key_id(access_key)
                    .with_secret_access_key(secret_key)
                    .with_allow_http(*allow_http)
                    .with_conditional_put(S3ConditionalPut::ETagMatch);
                if let Some(endpoint) = endpoint {
                    builder = builder.with_endpoint(endpoint);
                }
                let store = builder
                    .build()
                    .map_err(|e| Error::Settings(format!("cannot use storage.bucket {bucket}: {e}")))?;
                Ok(Self { store: Arc::new(store), root: None })
            }
        }
    }

    /// The local folder, when it is one.
    pub(crate) fn root(&self) -> Option<&std::path::Path> {
        self.root.as_deref()
    }

    /// Writes `bytes` under `key`; on return they survive a power cut (file and folder are synced).
    pub(crate) async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.store
            .put(&Key::from(key), PutPayload::from_bytes(bytes))
            .await
            .map_err(|e| Error::blob(key, e))?;
        Ok(())
    }

    /// Reads the bytes under `key`.
    pub(crate) async fn get(&self, key: &str) -> Result<Bytes> {
        let got = self.store.get(&Key::from(key)).await.map_err(|e| Error::blob(key, e))?;
        got.bytes().await.map_err(|e| Error::blob(key, e))
    }

    /// Removes the bytes under `key`.
    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        self.store.delete(&Key::from(key)).await.map_err(|e| Error::blob(key, e))
    }
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

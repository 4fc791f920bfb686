//! What the archive is opened with.

use std::path::PathBuf;

/// Where rows and bytes lie.
#[derive(Debug, Clone)]
pub struct ArchiveSettings {
    /// `sqlite:///absolute/path.sqlite` (or `sqlite://relative`) or `postgres://user:password@host/name`.
    pub database: String,
    /// Where bytes lie.
    pub blobs: BlobSettings,
    /// Whether [`crate::Archive::open`] brings the tables to this version. When off, older tables are refused.
    pub migrate: bool,
    /// Name of this process in leases, associations and logs; unique among the living processes.
    pub process: String,
    /// Tries before a job is given up.
    pub attempts: AttemptLimits,
}

/// Where bytes lie.
#[derive(Clone)]
pub enum BlobSettings {
    /// A folder on a local file system. Made when absent.
    Local {
        /// The folder.
        root: PathBuf,
        /// New files go past the system's page cache where the file system takes that.
        direct_writes: bool,
    },
    /// A bucket of an S3 server, which must exist.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Server address such as `http://127.0.0.1:9000`; `None` for Amazon's.
        endpoint: Option<String>,
        /// Region, `us-east-1` for most other servers.
        region: String,
        /// Access key id.
        access_key: String,
        /// Secret key; never shown.
        secret_key: String,
        /// Whether plain HTTP is allowed.
        allow_http: bool,
    },
}

impl std::fmt::Debug for BlobSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local { root, direct_writes } => {
                f.debug_struct("Local").field("root", root).field("direct_writes", direct_writes).finish()
            }
            Self::S3 { bucket, endpoint, region, allow_http, .. } => f
                .debug_struct("S3")
                .field("bucket", bucket)
                .field("endpoint", endpoint)
                .field("region", region)
                .field("allow_http", allow_http)
                .finish_non_exhaustive(),
        }
    }
}

/// Tries before a job is given up, counted when it is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Of an analysis: few, since a scan that kills the worker would kill it again.
    pub analyze: i64,
    /// Of writing the objects.
    pub report: i64,
    /// Of a delivery: many, since a PACS may be away over a weekend.
    pub deliver: i64,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self { analyze: 3, report: 5, deliver: 200 }
    }
}

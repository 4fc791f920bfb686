//! `[storage]`: folder, database, object storage.

use super::{ConfigError, Secret, first_line};
use serde::Deserialize;
use std::path::PathBuf;

/// `[storage]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    root: String,
    direct_writes: bool,
    database: String,
    database_file: String,
    s3: RawS3,
}

/// `[storage.s3]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawS3 {
    bucket: String,
    endpoint: String,
    region: String,
    access_key_id: String,
    secret_access_key: String,
    secret_access_key_file: String,
    allow_http: bool,
}

/// Where bytes and rows are kept.
#[derive(Debug, Clone)]
pub(crate) struct StorageSettings {
    /// Local folder.
    pub(crate) root: PathBuf,
    /// New files of the folder go past the system's page cache.
    pub(crate) direct_writes: bool,
    /// Database.
    pub(crate) database: Database,
    /// Object storage instead of the folder.
    pub(crate) s3: Option<S3Settings>,
}

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// URL with its password.
    Postgres(Secret),
}

impl Database {
    /// The URL for the archive; holds the password for PostgreSQL, so it goes nowhere else.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(url) => url.expose().to_owned(),
        }
    }

    /// For people: without password.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("SQLite {}", path.display()),
            Self::Postgres(url) => {
                let rest = url.expose().split_once("://").map_or("", |(_, rest)| rest);
                let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
                format!("PostgreSQL {}", place.split('?').next().unwrap_or_default())
            }
        }
    }
}

/// A bucket of an S3 service.
#[derive(Debug, Clone)]
pub(crate) struct S3Settings {
    /// Bucket.
    pub(crate) bucket: String,
    /// Address of the service; `None` = Amazon's.
    pub(crate) endpoint: Option<String>,
    /// Region.
    pub(crate) region: String,
    /// Access key id.
    pub(crate) access_key_id: String,
    /// Secret access key.
    pub(crate) secret_access_key: Secret,
    /// Whether plain HTTP is allowed.
    pub(crate) allow_http: bool,
}

impl StorageSettings {
    pub(super) fn from_raw(raw: Raw) -> Result<Self, ConfigError> {
        if raw.root.trim().is_empty() {
            return Err(ConfigError::invalid("storage.root", "is empty; name a folder"));
        }
        let root = PathBuf::from(raw.root.trim());
        let database = match raw.database_file.as_str() {
            "" => raw.database,
            path => first_line("storage.database_file", path)?,
        };
        let database = parse_database(database.trim(), &root)?;
        Ok(Self { root, direct_writes: raw.direct_writes, database, s3: parse_s3(raw.s3)? })
    }
}

fn parse_database(text: &str, root: &std::path::Path) -> Result<Database, ConfigError> {
    if text == "sqlite" {
        return Ok(Database::Sqlite(root.join("lungcad.sqlite")));
    }
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.is_empty() {
            return Ok(Database::Sqlite(PathBuf::from(path)));
        }
    }
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(Database::Postgres(Secret::new(text)));
    }
    // The value may hold a password, so only its shape is described.
    let cause = "must be \"sqlite\", \"sqlite:PATH\" or \"postgres://user:password@host:port/name\"";
    Err(ConfigError::invalid("storage.database", cause))
}

fn parse_s3(raw: RawS3) -> Result<Option<S3Settings>, ConfigError> {
    if raw.bucket.is_empty() {
        return Ok(None);
    }
    let secret = match (raw.secret_access_key.as_str(), raw.secret_access_key_file.as_str()) {
        (text, "") => text.to_owned(),
        (_, path) => first_line("storage.s3.secret_access_key_file", path)?,
    };
    if raw.access_key_id.is_empty() {
        return Err(ConfigError::invalid(
            "storage.s3.access_key_id",
            "is empty but storage.s3.bucket is set; set the key pair",
        ));
    }
    if secret.is_empty() {
        let cause = "is empty but storage.s3.bucket is set; set it or storage.s3.secret_access_key_file";
        return Err(ConfigError::invalid("storage.s3.secret_access_key", cause));
    }
    if raw.endpoint.starts_with("http://") && !raw.allow_http {
        let cause =
            "is plain HTTP; use https, or set storage.s3.allow_http = true if it stays inside one machine";
        return Err(ConfigError::invalid("storage.s3.endpoint", cause));
    }
    Ok(Some(S3Settings {
        bucket: raw.bucket,
        endpoint: (!raw.endpoint.is_empty()).then_some(raw.endpoint),
        region: raw.region,
        access_key_id: raw.access_key_id,
        secret_access_key: Secret::new(secret),
        allow_http: raw.allow_http,
    }))
}

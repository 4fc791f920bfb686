//! What can go wrong in the archive, sorted by what the caller does about it.

/// Result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation of the archive failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings cannot work; the text says which one and how to mend it.
    #[error("{0}")]
    Settings(String),
    /// The disk, bucket or database has no room left (a C-STORE is answered with A700).
    #[error("storage is full while {doing}: {detail}; free some space or enlarge the disk")]
    Full {
        /// What was being done.
        doing: String,
        /// The system's words.
        detail: String,
    },
    /// The database refused or could not be reached.
    #[error("database: {doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// The tables could not be brought to this version, or are older than this program.
    #[error("database schema: {0}")]
    Schema(String),
    /// The folder or bucket refused or could not be reached.
    #[error("blob {key}: {source}")]
    Blob {
        /// Key of the blob.
        key: String,
        /// The store's error.
        source: object_store::Error,
    },
    /// Nothing is stored under that name.
    #[error("{what} is not in the archive")]
    NotFound {
        /// Kind and name of the thing.
        what: String,
    },
    /// What is asked for does not fit the present state; the text says why.
    #[error("{0}")]
    Conflict(String),
    /// A stored value cannot be read back: the database was changed by other hands.
    #[error("column {column} holds {value:?}, which no version of this program writes")]
    Corrupt {
        /// What the value stands for.
        column: &'static str,
        /// The value found.
        value: String,
    },
    /// The archive is being shut down.
    #[error("the archive has stopped")]
    Stopped,
}

impl Error {
    /// Sorts a driver error into [`Error::Full`] or [`Error::Database`].
    pub(crate) fn database(doing: &'static str, source: sqlx::Error) -> Self {
        if let sqlx::Error::Database(error) = &source {
            // SQLITE_FULL is 13, also under extended codes; PostgreSQL's disk_full is 53100.
            let code = error.code().unwrap_or_default();
            let sqlite_full = code.parse::<i64>().is_ok_and(|code| code & 0xff == 13) && code.len() < 5;
            if sqlite_full || code == "53100" {
                return Self::Full { doing: doing.to_owned(), detail: error.to_string() };
            }
        }
        Self::Database { doing, source }
    }

    /// Sorts a store error into [`Error::Full`], [`Error::NotFound`] or [`Error::Blob`].
    pub(crate) fn blob(key: &str, source: object_store::Error) -> Self {
        if matches!(source, object_store::Error::NotFound { .. }) {
            return Self::NotFound { what: format!("blob {key}") };
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&source);
        while let Some(error) = cause {
            if let Some(io) = error.downcast_ref::<std::io::Error>()
                && matches!(io.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
            {
                return Self::Full { doing: format!("writing blob {key}"), detail: io.to_string() };
            }
            cause = error.source();
        }
        Self::Blob { key: key.to_owned(), source }
    }

    /// Sorts an error of a local file as [`Error::blob`] does.
    pub(crate) fn file(key: &str, source: std::io::Error) -> Self {
        let missing = source.kind() == std::io::ErrorKind::NotFound;
        let source = Box::new(source);
        Self::blob(
            key,
            if missing {
                object_store::Error::NotFound { path: key.to_owned(), source }
            } else {
                object_store::Error::Generic { store: "local folder", source }
            },
        )
    }

    /// Whether the same transaction may simply be tried again (deadlock, busy).
    pub(crate) fn is_transient(&self) -> bool {
        let Self::Database { source: sqlx::Error::Database(error), .. } = self else { return false };
        let code = error.code().unwrap_or_default();
        // PostgreSQL: serialization_failure, deadlock_detected. SQLite: SQLITE_BUSY and its extended codes.
        code == "40001"
            || code == "40P01"
            || (code.len() < 5 && code.parse::<i64>().is_ok_and(|code| code & 0xff == 5))
    }
}

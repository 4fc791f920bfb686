//! The archive itself: opening, migrating, checking, closing.

use crate::database::Database;
use crate::error::{Error, Result};
use crate::files::Files;
use crate::intake::{self, Intake};
use crate::settings::{ArchiveSettings, AttemptLimits};
use bytes::Bytes;
use sqlx::migrate::Migrator;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OnceCell};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// How often a receiver says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(4);

/// Handle of the archive; clones share connections and the intake task.
#[derive(Debug, Clone)]
pub struct Archive {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) database: Database,
    pub(crate) files: Files,
    pub(crate) attempts: AttemptLimits,
    pub(crate) process: String,
    pub(crate) process_id: String,
    pub(crate) intake: Intake,
    /// Rung when a job was queued, here or (PostgreSQL) anywhere.
    pub(crate) work: Arc<Notify>,
    pub(crate) listener: OnceCell<Background>,
    pub(crate) heartbeat: OnceCell<Background>,
    /// When expired jobs were looked for last.
    pub(crate) reaped_at: std::sync::Mutex<Option<Instant>>,
}

/// A task that ends with the archive.
#[derive(Debug)]
pub(crate) struct Background(pub(crate) tokio::task::JoinHandle<()>);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What [`Archive::check`] measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Durable write, read and removal of a row.
    pub database_us: u64,
    /// Durable write, read and removal of a small blob.
    pub blobs_us: u64,
}

impl Archive {
    /// Opens database and blobs, and migrates when the settings say so. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Settings`] for settings that cannot work (SQLite on a network file system is one),
    /// [`Error::Schema`] for tables older than this program, else what the database said.
    pub async fn open(settings: &ArchiveSettings) -> Result<Self> {
        let files = Files::open(&settings.blobs)?;
        let database = Database::open(&settings.database).await?;
        if settings.migrate {
            migrate(&database).await?;
        } else {
            refuse_old_tables(&database).await?;
        }
        let work = Arc::new(Notify::new());
        let intake = intake::start(database.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                database,
                files,
                attempts: settings.attempts,
                process: settings.process.clone(),
                process_id: crate::new_id(),
                intake,
                work,
                listener: OnceCell::new(),
                heartbeat: OnceCell::new(),
                reaped_at: std::sync::Mutex::new(None),
            }),
        })
    }

    /// Brings the tables to this version; does nothing when they are.
    ///
    /// # Errors
    /// [`Error::Schema`] when a shipped migration was changed or one fails.
    pub async fn migrate(&self) -> Result<()> {
        migrate(&self.inner.database).await
    }

    /// Writes, reads and removes a row and a blob.
    ///
    /// # Errors
    /// Whatever stops the next instance from being stored.
    pub async fn check(&self) -> Result<Health> {
        let id = crate::new_id();
        let started = Instant::now();
        let mut tx = self.inner.database.begin().await?;
        let doing = "writing a test row";
        let sql = "INSERT INTO process (process_id, name, started_at, heartbeat_at) VALUES ($1, $2, 0, 0)";
        tx.execute(doing, sql, crate::database::args![&id, "check"]).await?;
        tx.commit(doing).await?;
        let mut tx = self.inner.database.begin().await?;
        let sql = "DELETE FROM process WHERE process_id = $1";
        let count = tx.execute("removing a test row", sql, crate::database::args![&id]).await?;
        tx.commit("removing a test row").await?;
        if count != 1 {
            return Err(Error::NotFound { what: "the test row just written".into() });
        }
        let database_us = elapsed_us(started);
        let started = Instant::now();
        let key = format!("check/{id}");
        self.inner.files.put(&key, Bytes::from(id.clone())).await?;
        let read = self.inner.files.get(&key).await?;
        self.inner.files.delete(&key).await?;
        if read != id.as_bytes() {
            return Err(Error::Corrupt {
                column: "blob of the check",
                value: format!("{} bytes", read.len()),
            });
        }
        Ok(Health { database_us, blobs_us: elapsed_us(started) })
    }

    /// The identity under which this installation writes results: `proposed` when there is none yet. The same
    /// for every process on this archive, so that whichever of them repeats a result writes the same objects.
    ///
    /// # Errors
    /// What the database said.
    pub async fn installation_id(&self, proposed: &str) -> Result<String> {
        let doing = "reading the installation id";
        let read = "SELECT installation_id FROM installation WHERE place = 1";
        if let Some(row) = self.inner.database.row(doing, read, &[]).await? {
            return row.text(0);
        }
        let mut tx = self.inner.database.begin().await?;
        let sql = "INSERT INTO installation (place, installation_id) VALUES (1, $1) ON CONFLICT DO NOTHING";
        tx.execute(doing, sql, crate::database::args![proposed]).await?;
        tx.commit(doing).await?;
        let row = self.inner.database.row(doing, read, &[]).await?;
        row.map_or_else(|| Ok(proposed.to_owned()), |row| row.text(0))
    }

    /// Whether processes on several machines may share this archive (PostgreSQL).
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.inner.database.is_shared()
    }

    /// The local folder with the blobs, for a look at its free space; `None` on S3.
    #[must_use]
    pub fn local_root(&self) -> Option<&Path> {
        self.inner.files.root()
    }

    /// The SQLite file; `None` on PostgreSQL.
    #[must_use]
    pub fn database_file(&self) -> Option<&Path> {
        match &self.inner.database {
            Database::Sqlite { path, .. } => Some(path),
            Database::Postgres { .. } => None,
        }
    }

    /// Bytes of a blob, by the key that a record names.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing lies there.
    pub async fn blob(&self, key: &str) -> Result<Bytes> {
        self.inner.files.get(key).await
    }

    /// Starts what a receiver needs: associations that an earlier process of this name left open end as
    /// lost, and a heartbeat keeps ours alive. The first [`Archive::association_opened`] does it too.
    ///
    /// # Errors
    /// What the database said.
    pub async fn start_receiving(&self) -> Result<()> {
        self.inner
            .heartbeat
            .get_or_try_init(|| async {
                self.heartbeat().await?;
                self.end_associations_of_name().await?;
                let archive = Arc::downgrade(&self.inner);
                Ok(Background(tokio::spawn(async move {
                    let mut ticks = tokio::time::interval(HEARTBEAT);
                    ticks.tick().await;
                    loop {
                        ticks.tick().await;
                        let Some(inner) = archive.upgrade() else { return };
                        if let Err(error) = (Archive { inner }).heartbeat().await {
                            tracing::warn!(%error, "heartbeat was not written");
                        }
                    }
                })))
            })
            .await?;
        Ok(())
    }

    /// Closes every connection; calls that follow fail.
    pub async fn close(&self) {
        self.inner.database.close().await;
    }
}

fn elapsed_us(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Applies what is missing. On SQLite a lock file keeps processes that start together apart (PostgreSQL has
/// an advisory lock for it).
async fn migrate(database: &Database) -> Result<()> {
    let schema = |e: sqlx::migrate::MigrateError| Error::Schema(format!("migration failed: {e}"));
    match database {
        Database::Sqlite { writer, path, .. } => {
            let lock_path = path.with_extension("migrate-lock");
            let lock = std::fs::File::create(&lock_path)
                .map_err(|e| Error::Settings(format!("cannot write {}: {e}", lock_path.display())))?;
            let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock))
                .await
                .map_err(|e| Error::Schema(e.to_string()))?
                .map_err(|e| Error::Settings(format!("cannot lock {}: {e}", lock_path.display())))?;
            let done = tolerant(&SQLITE_MIGRATIONS).run(writer).await.map_err(schema);
            drop(lock);
            done
        }
        Database::Postgres { pool } => tolerant(&POSTGRES_MIGRATIONS).run(pool).await.map_err(schema),
    }
}

/// A migrator that accepts newer tables: the previous binary runs on the new schema.
fn tolerant(migrations: &'static Migrator) -> Migrator {
    let mut migrator = Migrator::with_migrations(migrations.iter().cloned().collect());
    migrator.set_ignore_missing(true);
    migrator
}

/// Refuses tables that lack a migration of this program.
async fn refuse_old_tables(database: &Database) -> Result<()> {
    let migrations = if database.is_shared() { &POSTGRES_MIGRATIONS } else { &SQLITE_MIGRATIONS };
    let needed = migrations.iter().map(|m| m.version).max().unwrap_or_default();
    let sql = "SELECT MAX(version) FROM _sqlx_migrations";
    let found = match database.row("reading the schema version", sql, &[]).await {
        Ok(row) => row.map_or(Ok(0), |row| row.int(0))?,
        Err(_) => 0,
    };
    if found < needed {
        return Err(Error::Schema(format!(
            "tables are at version {found}, this program needs {needed}; run `lungcad migrate`"
        )));
    }
    Ok(())
}

//! SQLite or PostgreSQL behind one small face: the same text and the same values go to both.
//!
//! Queries are written once with `$1 ...`, types that both know (`BIGINT`, `TEXT`) and values bound as
//! [`Arg`]. Where a text must differ, the caller asks [`Database::is_shared`].

use crate::error::{Error, Result};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Connection as _, Postgres, Row as _, Sqlite, Transaction};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How long a SQLite writer waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that only read (SQLite), or all connections of a process (PostgreSQL).
const CONNECTIONS_COUNT_MAX: u32 = 8;

/// Microseconds UTC by PostgreSQL's clock.
const SERVER_CLOCK: &str = "SELECT CAST(extract(epoch from clock_timestamp()) * 1000000 AS BIGINT)";
/// PostgreSQL channel on which queued work is announced.
pub(crate) const WORK_CHANNEL: &str = "lungcad_work";

/// A bound value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arg<'a> {
    Int(Option<i64>),
    Text(Option<&'a str>),
}

impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}
impl From<Option<i64>> for Arg<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}
impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Some(value))
    }
}
impl<'a> From<&'a String> for Arg<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(Some(value))
    }
}
impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::Text(value)
    }
}

/// `args![a, b]` is a slice of [`Arg`].
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::database::Arg::from($value)),*] };
}
pub(crate) use args;

/// A row of either database; columns are counted from 0.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(crate) fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
        .map_err(|e| Error::database("reading a column", e))
    }

    pub(crate) fn opt_text(&self, column: usize) -> Result<Option<String>> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
        .map_err(|e| Error::database("reading a column", e))
    }

    pub(crate) fn int(&self, column: usize) -> Result<i64> {
        Ok(self.opt_int(column)?.unwrap_or_default())
    }

    pub(crate) fn text(&self, column: usize) -> Result<String> {
        Ok(self.opt_text(column)?.unwrap_or_default())
    }

    /// Column `column` through `parse`, or [`Error::Corrupt`].
    pub(crate) fn parsed<T>(
        &self,
        column: usize,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T> {
        let value = self.text(column)?;
        parse(&value).ok_or(Error::Corrupt { column: name, value })
    }
}

/// Binds `args` to a query for one of the databases.
macro_rules! bound {
    ($database:ty, $sql:expr, $args:expr) => {{
        let mut query = sqlx::query::<$database>($sql);
        for arg in $args {
            query = match *arg {
                Arg::Int(value) => query.bind(value),
                Arg::Text(value) => query.bind(value.map(without_nul)),
            };
        }
        query
    }};
}

/// PostgreSQL's TEXT cannot hold NUL, which a peer's header may; it means nothing there.
fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) }
}

/// A transaction of either database; rolled back when dropped.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// Runs a statement; the count is of rows changed.
    pub(crate) async fn execute(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<u64> {
        match self {
            Self::Sqlite(tx) => bound!(Sqlite, sql, args).execute(&mut **tx).await.map(|r| r.rows_affected()),
            Self::Postgres(tx) => {
                bound!(Postgres, sql, args).execute(&mut **tx).await.map(|r| r.rows_affected())
            }
        }
        .map_err(|e| Error::database(doing, e))
    }

    /// All rows of a query.
    pub(crate) async fn rows(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(tx) => bound!(Sqlite, sql, args)
                .fetch_all(&mut **tx)
                .await
                .map(|rows| rows.into_iter().map(Row::Sqlite).collect()),
            Self::Postgres(tx) => bound!(Postgres, sql, args)
                .fetch_all(&mut **tx)
                .await
                .map(|rows| rows.into_iter().map(Row::Postgres).collect()),
        }
        .map_err(|e| Error::database(doing, e))
    }

    /// The first row of a query.
    pub(crate) async fn row(
        &mut self,
        doing: &'static str,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>> {
        Ok(self.rows(doing, sql, args).await?.into_iter().next())
    }

    /// Makes it durable.
    pub(crate) async fn commit(self, doing: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
        .map_err(|e| Error::database(doing, e))
    }

    /// [`Database::clock`], inside the transaction.
    pub(crate) async fn clock(&mut self) -> Result<i64> {
        if matches!(self, Self::Sqlite(_)) {
            return Ok(crate::now());
        }
        let row = self.row("reading the server's clock", SERVER_CLOCK, &[]).await?;
        row.map_or_else(|| Ok(crate::now()), |row| row.int(0))
    }

    /// Tells the processes of other machines that there is work (when this commits).
    pub(crate) async fn ring(&mut self) -> Result<()> {
        if matches!(self, Self::Postgres(_)) {
            let sql = "SELECT CAST(pg_notify($1, '') AS TEXT)";
            self.rows("ringing for work", sql, args![WORK_CHANNEL]).await?;
        }
        Ok(())
    }
}

/// The open database.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// One connection writes, others read: SQLite has one writer, and queueing here is fair and quick.
    Sqlite { writer: SqlitePool, readers: SqlitePool, path: PathBuf },
    /// Shared by any number of machines.
    Postgres { pool: PgPool },
}

/// Connects; again while another process turns a new file into WAL mode: SQLite answers "locked" then without waiting,
/// since both would wait for each other.
async fn connected(pool: SqlitePoolOptions, options: SqliteConnectOptions) -> Result<SqlitePool> {
    let started = Instant::now();
    loop {
        let opened = pool.clone().connect_with(options.clone()).await;
        match opened.map_err(|e| Error::database("opening the SQLite file", e)) {
            Err(error) if error.is_transient() && started.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            outcome => return outcome,
        }
    }
}

impl Database {
    /// Opens `url`; makes the SQLite file when absent.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            Self::open_sqlite(url).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options = PgConnectOptions::from_str(url)
                .map_err(|e| Error::Settings(format!("storage.database is not a PostgreSQL address: {e}")))?
                .application_name("lungcad");
            let pool = PgPoolOptions::new()
                .max_connections(CONNECTIONS_COUNT_MAX)
                .acquire_timeout(Duration::from_secs(15))
                .connect_with(options)
                .await
                .map_err(|e| Error::database("connecting to PostgreSQL", e))?;
            Ok(Self::Postgres { pool })
        } else {
            let scheme = url.split(':').next().unwrap_or_default();
            Err(Error::Settings(format!(
                "storage.database begins with {scheme:?}; use sqlite:///path/to/file or postgres://user@host/name"
            )))
        }
    }

    async fn open_sqlite(url: &str) -> Result<Self> {
        let text = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
        if text.is_empty() || text.contains(":memory:") {
            return Err(Error::Settings("storage.database names no file; use sqlite:///path/to/file".into()));
        }
        let path = PathBuf::from(text);
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)
            .map_err(|e| Error::Settings(format!("cannot make folder {}: {e}", folder.display())))?;
        crate::mounts::refuse_network(folder)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .pragma("wal_autocheckpoint", "1000");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(BUSY_TIMEOUT)
            // A file does not hang up: asking it before each use costs as much as a statement.
            .test_before_acquire(false)
            // On a full disk SQLite ends the transaction by itself; sqlx then counts one too many for ever, and
            // the connection could begin none again. A new one takes its place.
            .before_acquire(|connection, _| {
                let is_free = !connection.is_in_transaction();
                Box::pin(std::future::ready(Ok(is_free)))
            });
        let writer = connected(writer, options.clone()).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_COUNT_MAX)
            .acquire_timeout(BUSY_TIMEOUT)
            .test_before_acquire(false);
        let readers = connected(readers, options.pragma("query_only", "ON")).await?;
        Ok(Self::Sqlite { writer, readers, path })
    }

    /// Whether processes on several machines may share it.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    /// Begins a transaction that may write. On SQLite it takes the writer's lock at once: one that read
    /// first would fail without waiting when another process has written in between.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        match self {
            Self::Sqlite { writer, .. } => writer.begin_with("BEGIN IMMEDIATE").await.map(Tx::Sqlite),
            Self::Postgres { pool } => pool.begin().await.map(Tx::Postgres),
        }
        .map_err(|e| Error::database("beginning a transaction", e))
    }

    /// Microseconds UTC by the clock that all holders of leases share: the server's for PostgreSQL, the
    /// machine's for SQLite.
    pub(crate) async fn clock(&self) -> Result<i64> {
        if !self.is_shared() {
            return Ok(crate::now());
        }
        let row = self.row("reading the server's clock", SERVER_CLOCK, &[]).await?;
        row.map_or_else(|| Ok(crate::now()), |row| row.int(0))
    }

    /// All rows of a query that does not write.
    pub(crate) async fn rows(
        &self,
        doing: &'static str,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite { readers, .. } => bound!(Sqlite, sql, args)
                .fetch_all(readers)
                .await
                .map(|rows| rows.into_iter().map(Row::Sqlite).collect()),
            Self::Postgres { pool } => bound!(Postgres, sql, args)
                .fetch_all(pool)
                .await
                .map(|rows| rows.into_iter().map(Row::Postgres).collect()),
        }
        .map_err(|e| Error::database(doing, e))
    }

    /// The first row of a query that does not write.
    pub(crate) async fn row(
        &self,
        doing: &'static str,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>> {
        Ok(self.rows(doing, sql, args).await?.into_iter().next())
    }

    /// Closes every connection.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { pool } => pool.close().await,
        }
    }
}

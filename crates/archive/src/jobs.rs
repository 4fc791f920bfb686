//! Work: enqueue in the caller's transaction, claim with a lease, renew, wait, list.
//!
//! A try is counted when it is claimed, so that a scan that kills its worker runs out of tries too.

use crate::Archive;
use crate::database::{Database, Row, Tx, WORK_CHANNEL, args};
use crate::error::Result;
use crate::events::{self, NewEvent};
use crate::open::Background;
use crate::series;
use crate::settings::AttemptLimits;
use crate::studies::Page;
use domain::{EventKind, SeriesInstanceUid, SeriesState, StudyInstanceUid};
use std::sync::Arc;
use std::time::Duration;

/// How often a waiting worker looks without being rung: other processes on SQLite cannot ring, and a ring
/// of PostgreSQL is a hint that may be lost.
const POLL: Duration = Duration::from_millis(250);

crate::words! {
    /// What a job does.
    JobKind {
        /// Instances to findings.
        AnalyzeSeries = "analyze_series",
        /// Findings to objects.
        ReportSeries = "report_series",
        /// Objects to one destination.
        DeliverResult = "deliver_result",
    }
}

crate::words! {
    /// Where a job stands.
    JobState {
        /// Waits for its time and a worker.
        Queued = "queued",
        /// A worker has it until its lease ends.
        Running = "running",
        /// Finished.
        Done = "done",
        /// Out of tries; waits for a requeue.
        Dead = "dead",
        /// Not needed any more.
        Cancelled = "cancelled",
    }
}

/// A job that this worker holds. Whoever holds it no longer cannot finish it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedJob {
    /// Job.
    pub job_id: String,
    /// What to do.
    pub kind: JobKind,
    /// Series.
    pub series_uid: SeriesInstanceUid,
    /// Its study.
    pub study_uid: StudyInstanceUid,
    /// Revision of the series that the job is for.
    pub revision: i64,
    /// Result to report or deliver.
    pub result_id: Option<String>,
    /// Delivery to do.
    pub delivery_id: Option<String>,
    /// Its destination.
    pub destination: Option<String>,
    /// Holder.
    pub worker: String,
    /// This try, from 1.
    pub attempt: i64,
    /// Tries allowed.
    pub attempts_max: i64,
    /// Error of the try before.
    pub last_error: Option<String>,
}

/// Whether the caller still holds its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Still held.
    Held,
    /// Another worker has it, it was cancelled or it is over: stop and throw the work away.
    Lost,
}

/// A job as REST shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Job.
    pub job_id: String,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// Series.
    pub series_uid: SeriesInstanceUid,
    /// Its study.
    pub study_uid: StudyInstanceUid,
    /// Revision of the series that it is for.
    pub revision: i64,
    /// Result to report or deliver.
    pub result_id: Option<String>,
    /// Delivery to do.
    pub delivery_id: Option<String>,
    /// Its destination.
    pub destination: Option<String>,
    /// Who has it or had it last.
    pub worker: Option<String>,
    /// Tries so far.
    pub attempt: i64,
    /// Tries allowed.
    pub attempts_max: i64,
    /// Last error.
    pub error: Option<String>,
    /// Not before, microseconds UTC.
    pub run_at: i64,
    /// Running: taken over when this is past, microseconds UTC.
    pub lease_until: Option<i64>,
    /// Enqueued, microseconds UTC.
    pub created_at: i64,
    /// Latest claim, microseconds UTC.
    pub started_at: Option<i64>,
    /// Done, dead or cancelled, microseconds UTC.
    pub finished_at: Option<i64>,
}

/// Which jobs to list; `None` is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of this kind.
    pub kind: Option<JobKind>,
    /// In this state.
    pub state: Option<JobState>,
    /// Of this series.
    pub series_uid: Option<SeriesInstanceUid>,
    /// Which page.
    pub page: Page,
}

/// Columns of [`JobRecord`], in the order of [`record`].
macro_rules! job_columns {
    () => {
        "job_id, kind, state, series_instance_uid, study_instance_uid, revision, result_id, delivery_id, \
         destination, worker, attempt, attempts_max, error, run_at, lease_until, created_at, started_at, \
         finished_at"
    };
}
pub(crate) use job_columns;

pub(crate) fn record(row: &Row) -> Result<JobRecord> {
    Ok(JobRecord {
        job_id: row.text(0)?,
        kind: row.parsed(1, "job.kind", JobKind::parse)?,
        state: row.parsed(2, "job.state", JobState::parse)?,
        series_uid: row.parsed(3, "job.series_instance_uid", |t| SeriesInstanceUid::new(t).ok())?,
        study_uid: row.parsed(4, "job.study_instance_uid", |t| StudyInstanceUid::new(t).ok())?,
        revision: row.int(5)?,
        result_id: row.opt_text(6)?,
        delivery_id: row.opt_text(7)?,
        destination: row.opt_text(8)?,
        worker: row.opt_text(9)?,
        attempt: row.int(10)?,
        attempts_max: row.int(11)?,
        error: row.opt_text(12)?,
        run_at: row.int(13)?,
        lease_until: row.opt_int(14)?,
        created_at: row.int(15)?,
        started_at: row.opt_int(16)?,
        finished_at: row.opt_int(17)?,
    })
}

impl From<JobRecord> for ClaimedJob {
    fn from(job: JobRecord) -> Self {
        Self {
            job_id: job.job_id,
            kind: job.kind,
            series_uid: job.series_uid,
            study_uid: job.study_uid,
            revision: job.revision,
            result_id: job.result_id,
            delivery_id: job.delivery_id,
            destination: job.destination,
            worker: job.worker.unwrap_or_default(),
            attempt: job.attempt,
            attempts_max: job.attempts_max,
            last_error: job.error,
        }
    }
}

/// A job to be enqueued.
pub(crate) struct NewJob<'a> {
    pub(crate) kind: JobKind,
    pub(crate) series_uid: &'a str,
    pub(crate) study_uid: &'a str,
    pub(crate) revision: i64,
    pub(crate) result_id: Option<&'a str>,
    pub(crate) delivery: Option<(&'a str, &'a str)>,
    pub(crate) attempts_max: i64,
}

impl<'a> NewJob<'a> {
    pub(crate) fn new(
        kind: JobKind,
        series_uid: &'a str,
        study_uid: &'a str,
        revision: i64,
        limits: AttemptLimits,
    ) -> Self {
        let attempts_max = match kind {
            JobKind::AnalyzeSeries => limits.analyze,
            JobKind::ReportSeries => limits.report,
            JobKind::DeliverResult => limits.deliver,
        };
        Self { kind, series_uid, study_uid, revision, result_id: None, delivery: None, attempts_max }
    }

    pub(crate) fn with_result(self, result_id: &'a str) -> Self {
        Self { result_id: Some(result_id), ..self }
    }

    pub(crate) fn with_delivery(self, delivery_id: &'a str, destination: &'a str) -> Self {
        Self { delivery: Some((delivery_id, destination)), ..self }
    }

    /// Deliveries first (they are quick and somebody waits), analyses last.
    fn priority(&self) -> i64 {
        match self.kind {
            JobKind::DeliverResult => 10,
            JobKind::ReportSeries => 20,
            JobKind::AnalyzeSeries => 30,
        }
    }
}

/// Adds a job; nothing happens when one for the same thing is queued or running.
pub(crate) async fn enqueue(tx: &mut Tx, job: &NewJob<'_>, now: i64) -> Result<()> {
    let (delivery_id, destination) = job.delivery.unzip();
    let live_key = format!("{}:{}", job.kind.as_str(), delivery_id.unwrap_or(job.series_uid));
    let sql = "INSERT INTO job (job_id, kind, state, live_key, priority, series_instance_uid, \
               study_instance_uid, revision, result_id, delivery_id, destination, run_at, attempt, \
               attempts_max, created_at, updated_at) \
               VALUES ($1, $2, 'queued', $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $11, $11) \
               ON CONFLICT DO NOTHING";
    let id = crate::new_id();
    let args = args![
        &id,
        job.kind.as_str(),
        &live_key,
        job.priority(),
        job.series_uid,
        job.study_uid,
        job.revision,
        job.result_id,
        delivery_id,
        destination,
        now,
        job.attempts_max,
    ];
    tx.execute("queueing a job", sql, args).await?;
    tx.ring().await
}

/// Cancels what is queued or running of analysis and report of a series.
pub(crate) async fn cancel_series_work(tx: &mut Tx, series_uid: &str, why: &str, now: i64) -> Result<()> {
    let sql = "UPDATE job SET state = 'cancelled', error = $2, finished_at = $3, updated_at = $3 \
               WHERE series_instance_uid = $1 AND (state = 'queued' OR state = 'running') \
               AND kind <> 'deliver_result'";
    tx.execute("cancelling jobs", sql, args![series_uid, why, now]).await?;
    Ok(())
}

/// Ends a job that the caller holds as `state`.
pub(crate) async fn end_held(
    tx: &mut Tx,
    job: &ClaimedJob,
    state: JobState,
    error: Option<&str>,
    now: i64,
) -> Result<Renewal> {
    let sql = "UPDATE job SET state = $4, error = COALESCE($5, error), lease_until = NULL, \
               finished_at = $6, updated_at = $6 \
               WHERE job_id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'";
    let args = args![&job.job_id, &job.worker, job.attempt, state.as_str(), error, now];
    let count = tx.execute("finishing a job", sql, args).await?;
    Ok(if count == 1 { Renewal::Held } else { Renewal::Lost })
}

impl Archive {
    /// Takes the next job of one of `kinds` for `lease`; `None` when there is none. An expired lease of
    /// another worker is taken over. Claiming an analysis moves its series to `Analyzing`.
    ///
    /// # Errors
    /// What the database said.
    pub async fn claim(
        &self,
        worker: &str,
        kinds: &[JobKind],
        lease: Duration,
    ) -> Result<Option<ClaimedJob>> {
        self.reap_expired().await?;
        while let Some(job) = self.take(worker, kinds, lease).await? {
            if job.kind != JobKind::AnalyzeSeries || self.begin_analysis(&job).await? {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    async fn take(&self, worker: &str, kinds: &[JobKind], lease: Duration) -> Result<Option<ClaimedJob>> {
        const READY: &str = "SELECT job_id FROM job WHERE kind IN ($1, $2, $3) AND \
            ((state = 'queued' AND run_at <= $4) OR \
             (state = 'running' AND lease_until < $4 AND attempt < attempts_max)) LIMIT 1";
        let word = |n: usize| kinds.get(n).map_or("", |kind| kind.as_str());
        let (k1, k2, k3) = (word(0), word(1), word(2));
        // A look costs nothing; only when there is something is the writer's lock taken.
        let now = self.inner.database.clock().await?;
        if self.inner.database.row("looking for a job", READY, args![k1, k2, k3, now]).await?.is_none() {
            return Ok(None);
        }
        let sql = if self.is_shared() { CLAIM_POSTGRES } else { CLAIM_SQLITE };
        let doing = "claiming a job";
        let mut tx = self.inner.database.begin().await?;
        let now = tx.clock().await?;
        let row = tx.row(doing, sql, args![k1, k2, k3, now, worker, now + crate::micros(lease)]).await?;
        let job = row.as_ref().map(record).transpose()?.map(ClaimedJob::from);
        if let Some((job, error)) = job.as_ref().and_then(|job| Some((job, taken_over(job)?))) {
            crate::job_failures::note_lost_try(&mut tx, job, error, now).await?;
        }
        tx.commit(doing).await?;
        Ok(job)
    }

    /// Moves the series of a claimed analysis on; `false` (and the job is over) when it is not for its
    /// present revision.
    async fn begin_analysis(&self, job: &ClaimedJob) -> Result<bool> {
        let doing = "beginning an analysis";
        let (uid, now) = (job.series_uid.as_str(), crate::now());
        let mut tx = self.inner.database.begin().await?;
        let held = series::lock_existing(&mut tx, uid, now).await?;
        let fits = held.revision == job.revision
            && matches!(held.state, SeriesState::Queued | SeriesState::Analyzing);
        if !fits {
            end_held(&mut tx, job, JobState::Cancelled, Some("the series has moved on"), now).await?;
            tx.commit(doing).await?;
            return Ok(false);
        }
        series::set_state(&mut tx, uid, SeriesState::Analyzing, None, now).await?;
        let message = format!("{} took it, try {} of {}", job.worker, job.attempt, job.attempts_max);
        let fields = serde_json::json!({
            "job_id": job.job_id, "worker": job.worker, "attempt": job.attempt, "revision": job.revision,
        });
        events::append(&mut tx, uid, now, NewEvent::new(EventKind::AnalysisStarted, message, fields)).await?;
        tx.commit(doing).await?;
        Ok(true)
    }

    /// Extends the lease to `lease` from now.
    ///
    /// # Errors
    /// What the database said.
    pub async fn renew(&self, job: &ClaimedJob, lease: Duration) -> Result<Renewal> {
        let doing = "renewing a lease";
        let mut tx = self.inner.database.begin().await?;
        let now = tx.clock().await?;
        let sql = "UPDATE job SET lease_until = $4, updated_at = $5 \
                   WHERE job_id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'";
        let args = args![&job.job_id, &job.worker, job.attempt, now + crate::micros(lease), now];
        let count = tx.execute(doing, sql, args).await?;
        tx.commit(doing).await?;
        Ok(if count == 1 { Renewal::Held } else { Renewal::Lost })
    }

    /// Waits until a job may be there: rung by this process, by another (PostgreSQL), or after 250 ms.
    pub async fn wait_for_work(&self) {
        if let Database::Postgres { pool } = &self.inner.database {
            let (pool, bell) = (pool.clone(), Arc::clone(&self.inner.work));
            self.inner
                .listener
                .get_or_init(|| async move { Background(tokio::spawn(listen(pool, bell))) })
                .await;
        }
        tokio::select! {
            () = self.inner.work.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }

    /// Wakes whoever waits here, and the next to wait when nobody does.
    pub(crate) fn ring(&self) {
        ring(&self.inner.work);
    }

    /// Jobs, newest first.
    ///
    /// # Errors
    /// What the database said.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            job_columns!(),
            " FROM job WHERE ($1 = '' OR kind = $1) AND ($2 = '' OR state = $2) \
             AND ($3 = '' OR series_instance_uid = $3) ORDER BY created_at DESC, job_id DESC \
             LIMIT $4 OFFSET $5"
        );
        let args = args![
            filter.kind.map_or("", JobKind::as_str),
            filter.state.map_or("", JobState::as_str),
            filter.series_uid.as_ref().map_or("", SeriesInstanceUid::as_str),
            filter.page.limit,
            filter.page.offset,
        ];
        let rows = self.inner.database.rows("reading jobs", SQL, args).await?;
        rows.iter().map(record).collect()
    }

    /// The job, or `None`.
    ///
    /// # Errors
    /// What the database said.
    pub async fn job(&self, job_id: &str) -> Result<Option<JobRecord>> {
        const SQL: &str = concat!("SELECT ", job_columns!(), " FROM job WHERE job_id = $1");
        let row = self.inner.database.row("reading a job", SQL, args![job_id]).await?;
        row.as_ref().map(record).transpose()
    }
}

fn ring(bell: &tokio::sync::Notify) {
    bell.notify_waiters();
    bell.notify_one();
}

/// Passes PostgreSQL's notifications on until the pool is closed.
async fn listen(pool: sqlx::PgPool, bell: Arc<tokio::sync::Notify>) {
    while !pool.is_closed() {
        let listened: std::result::Result<(), sqlx::Error> = async {
            let mut listener = sqlx::postgres::PgListener::connect_with(&pool).await?;
            listener.ignore_pool_close_event(false);
            listener.listen(WORK_CHANNEL).await?;
            loop {
                listener.recv().await?;
                ring(&bell);
            }
        }
        .await;
        if let Err(error) = listened {
            tracing::debug!(%error, "listening for work stopped; polling goes on");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// End of the error that a claim writes over a try whose lease ended, and nobody else.
macro_rules! lease_ended {
    () => {
        " was lost: its lease ended"
    };
}

/// The error of the try before, when this claim took the job over from a worker that fell silent.
fn taken_over(job: &ClaimedJob) -> Option<&str> {
    job.last_error.as_deref().filter(|error| error.ends_with(lease_ended!()))
}

macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE job SET worker = $5, lease_until = $6, attempt = attempt + 1, started_at = $4, \
             updated_at = $4, error = CASE WHEN state = 'running' \
             THEN 'worker ' || worker || '",
            lease_ended!(),
            "' ELSE error END, state = 'running' \
             WHERE job_id = (SELECT job_id FROM job WHERE kind IN ($1, $2, $3) AND \
             ((state = 'queued' AND run_at <= $4) OR \
              (state = 'running' AND lease_until < $4 AND attempt < attempts_max)) \
             ORDER BY priority, run_at, job_id LIMIT 1",
            $lock,
            ") RETURNING ",
            job_columns!()
        )
    };
}
const CLAIM_SQLITE: &str = claim!("");
const CLAIM_POSTGRES: &str = claim!(" FOR UPDATE SKIP LOCKED");

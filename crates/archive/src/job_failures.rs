//! What becomes of a job whose try failed: another try after a pause, or the end, with the error visible.

use crate::Archive;
use crate::database::{Tx, args};
use crate::deliveries;
use crate::error::{Error, Result};
use crate::events::{self, NewEvent};
use crate::jobs::{self, ClaimedJob, JobKind, JobRecord, JobState, Renewal};
use crate::series;
use domain::{EventKind, SeriesState};
use std::time::{Duration, Instant};

/// How often a process looks for jobs whose last lease ended.
const REAP_EVERY: Duration = Duration::from_secs(1);

/// What became of a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOutcome {
    /// Tried again, not before this time (microseconds UTC).
    Retry {
        /// Not before.
        run_at: i64,
    },
    /// No more tries; waits for a requeue.
    Dead,
    /// The caller did not hold the job any more; nothing was changed.
    Lost,
}

/// A job taken from a worker that died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The job.
    pub job: JobRecord,
    /// What became of it.
    pub outcome: FailOutcome,
}

/// How a try failed.
struct Failure<'a> {
    error: &'a str,
    /// Pause before the next try; `None` when no other try makes sense.
    retry_after: Option<Duration>,
    /// Only when the lease ended before this time; `i64::MAX` for the holder's own report.
    lease_before: i64,
}

impl Archive {
    /// Reports a failed try of any kind of job: tried again after `retry_after`, or dead when the tries are
    /// used up. Series or delivery follow in the same transaction, with an event.
    ///
    /// # Errors
    /// What the database said.
    pub async fn fail_job(
        &self,
        job: &ClaimedJob,
        error: &str,
        retry_after: Duration,
    ) -> Result<FailOutcome> {
        self.fail(job, &Failure { error, retry_after: Some(retry_after), lease_before: i64::MAX }).await
    }

    /// Reports a failure that another try would only repeat: dead at once.
    ///
    /// # Errors
    /// What the database said.
    pub async fn fail_job_for_good(&self, job: &ClaimedJob, error: &str) -> Result<FailOutcome> {
        self.fail(job, &Failure { error, retry_after: None, lease_before: i64::MAX }).await
    }

    /// Gives back a job that the caller holds and was kept from finishing: queued at once, and the try does
    /// not count, since it says nothing about the series.
    ///
    /// # Errors
    /// What the database said.
    pub async fn hand_back(&self, job: &ClaimedJob, why: &str) -> Result<Renewal> {
        let doing = "giving a job back";
        let mut tx = self.inner.database.begin().await?;
        let now = tx.clock().await?;
        let held = series::lock(&mut tx, job.series_uid.as_str(), now).await?;
        if queue_again(&mut tx, job, why, now).await? == Renewal::Lost {
            return Ok(Renewal::Lost);
        }
        let ours = held.is_some_and(|held| held.revision == job.revision);
        if ours && job.kind == JobKind::AnalyzeSeries {
            series::set_state(&mut tx, job.series_uid.as_str(), SeriesState::Queued, None, now).await?;
        }
        tx.commit(doing).await?;
        self.ring();
        Ok(Renewal::Held)
    }

    /// Ends the tries of a worker that is known to be dead (its supervisor saw it end), so that nobody waits
    /// for its leases.
    ///
    /// # Errors
    /// What the database said.
    pub async fn release_worker(
        &self,
        worker: &str,
        error: &str,
        retry_after: Duration,
    ) -> Result<Vec<Released>> {
        const SQL: &str = concat!(
            "SELECT ",
            jobs::job_columns!(),
            " FROM job WHERE state = 'running' AND worker = $1 ORDER BY job_id"
        );
        let rows = self.inner.database.rows("looking for a worker's jobs", SQL, args![worker]).await?;
        let mut released = Vec::with_capacity(rows.len());
        for row in &rows {
            let job = jobs::record(row)?;
            let failure = Failure { error, retry_after: Some(retry_after), lease_before: i64::MAX };
            let outcome = self.fail(&job.clone().into(), &failure).await?;
            released.push(Released { job, outcome });
        }
        Ok(released)
    }

    /// Buries jobs whose last try's lease ended. Looks once a second at most.
    pub(crate) async fn reap_expired(&self) -> Result<()> {
        const SQL: &str = concat!(
            "SELECT ",
            jobs::job_columns!(),
            " FROM job WHERE state = 'running' AND lease_until < $1 AND attempt >= attempts_max"
        );
        {
            let mut reaped_at =
                self.inner.reaped_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if reaped_at.is_some_and(|at| at.elapsed() < REAP_EVERY) {
                return Ok(());
            }
            *reaped_at = Some(Instant::now());
        }
        let now = self.inner.database.clock().await?;
        for row in self.inner.database.rows("looking for expired jobs", SQL, args![now]).await? {
            let job: ClaimedJob = jobs::record(&row)?.into();
            let error = format!("worker {} was lost: its lease ended on the last try", job.worker);
            self.fail(&job, &Failure { error: &error, retry_after: None, lease_before: now }).await?;
        }
        Ok(())
    }

    async fn fail(&self, job: &ClaimedJob, failure: &Failure<'_>) -> Result<FailOutcome> {
        let doing = "failing a job";
        let uid = job.series_uid.as_str();
        let mut tx = self.inner.database.begin().await?;
        let now = tx.clock().await?;
        let held = match job.kind {
            JobKind::DeliverResult => None,
            JobKind::AnalyzeSeries | JobKind::ReportSeries => series::lock(&mut tx, uid, now).await?,
        };
        let run_at = failure
            .retry_after
            .filter(|_| job.attempt < job.attempts_max)
            .map(|pause| now.saturating_add(crate::micros(pause)));
        let state = if run_at.is_some() { JobState::Queued } else { JobState::Dead };
        let sql = "UPDATE job SET state = $4, error = $5, lease_until = NULL, \
                   run_at = COALESCE($6, run_at), finished_at = $7, updated_at = $8 \
                   WHERE job_id = $1 AND worker = $2 AND attempt = $3 AND state = 'running' \
                   AND lease_until < $9";
        let finished = run_at.is_none().then_some(now);
        let args = args![
            &job.job_id,
            &job.worker,
            job.attempt,
            state.as_str(),
            failure.error,
            run_at,
            finished,
            now,
            failure.lease_before,
        ];
        if tx.execute(doing, sql, args).await? != 1 {
            return Ok(FailOutcome::Lost);
        }
        match (job.kind, held) {
            (JobKind::DeliverResult, _) => {
                deliveries::try_failed(&mut tx, job, failure.error, run_at, now).await?;
            }
            (_, Some(held)) if held.revision == job.revision => {
                series_try_failed(&mut tx, job, failure.error, run_at, now).await?;
            }
            _ => {}
        }
        tx.commit(doing).await?;
        self.ring();
        Ok(run_at.map_or(FailOutcome::Dead, |run_at| FailOutcome::Retry { run_at }))
    }

    /// Gives a dead job new tries.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] when it is not dead or its series has moved on.
    pub async fn requeue_job(&self, job_id: &str, why: &str) -> Result<()> {
        let job = self.job(job_id).await?.ok_or_else(|| Error::NotFound { what: format!("job {job_id}") })?;
        if let Some(delivery_id) = &job.delivery_id {
            return self.requeue_delivery(delivery_id, why).await;
        }
        let doing = "requeueing a job";
        let (uid, now) = (job.series_uid.as_str(), crate::now());
        let mut tx = self.inner.database.begin().await?;
        let held = series::lock_existing(&mut tx, uid, now).await?;
        if held.revision != job.revision || held.state != SeriesState::Failed {
            return Err(Error::Conflict(format!(
                "series {uid} is {} at revision {}, job {job_id} is for revision {}; only a job of a failed \
                 series can be requeued",
                held.state.as_str(),
                held.revision,
                job.revision
            )));
        }
        let sql = "UPDATE job SET state = 'queued', attempt = 0, run_at = $2, finished_at = NULL, \
                   updated_at = $2 WHERE job_id = $1 AND state = 'dead'";
        if tx.execute(doing, sql, args![job_id, now]).await? != 1 {
            return Err(Error::Conflict(format!(
                "job {job_id} is {}; only a dead one can be requeued",
                job.state.as_str()
            )));
        }
        let state = match job.kind {
            JobKind::ReportSeries => SeriesState::Reporting,
            JobKind::AnalyzeSeries | JobKind::DeliverResult => SeriesState::Queued,
        };
        series::set_state(&mut tx, uid, state, None, now).await?;
        let fields = serde_json::json!({ "job_id": job_id, "kind": job.kind.as_str() });
        events::append(&mut tx, uid, now, NewEvent::new(EventKind::Requeued, why, fields)).await?;
        tx.ring().await?;
        tx.commit(doing).await?;
        self.ring();
        Ok(())
    }
}

/// Gives a held job back to the queue; the try does not count against its limit.
pub(crate) async fn queue_again(tx: &mut Tx, job: &ClaimedJob, why: &str, now: i64) -> Result<Renewal> {
    // The number of the try goes on, since it tells claims apart; the limit follows it.
    let sql = "UPDATE job SET state = 'queued', error = $4, lease_until = NULL, run_at = $5, \
               attempts_max = attempts_max + 1, updated_at = $5 \
               WHERE job_id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'";
    let args = args![&job.job_id, &job.worker, job.attempt, why, now];
    if tx.execute("giving a job back", sql, args).await? != 1 {
        return Ok(Renewal::Lost);
    }
    tx.ring().await?;
    Ok(Renewal::Held)
}

/// What a failed try of analysis or report means for its series.
async fn series_try_failed(
    tx: &mut Tx,
    job: &ClaimedJob,
    error: &str,
    run_at: Option<i64>,
    now: i64,
) -> Result<()> {
    let uid = job.series_uid.as_str();
    let state = match (run_at, job.kind) {
        (None, _) => SeriesState::Failed,
        (Some(_), JobKind::ReportSeries) => SeriesState::Reporting,
        (Some(_), JobKind::AnalyzeSeries | JobKind::DeliverResult) => SeriesState::Queued,
    };
    series::set_state(tx, uid, state, run_at.is_none().then_some(error), now).await?;
    let (kind, end) = match run_at {
        Some(_) => (EventKind::TryFailed, "it is tried again"),
        None => (EventKind::Failed, "no more tries; requeue the job when the cause is gone"),
    };
    let what = match job.kind {
        JobKind::ReportSeries => "report",
        JobKind::AnalyzeSeries | JobKind::DeliverResult => "analysis",
    };
    let message = format!("{what} failed (try {} of {}): {error}; {end}", job.attempt, job.attempts_max);
    let fields = serde_json::json!({
        "job_id": job.job_id, "kind": job.kind.as_str(), "worker": job.worker, "attempt": job.attempt,
        "error": error, "run_at": run_at,
    });
    events::append(tx, uid, now, NewEvent::new(kind, message, fields)).await
}

/// Nobody reported the end of that try; whoever takes the job over does.
pub(crate) async fn note_lost_try(tx: &mut Tx, job: &ClaimedJob, error: &str, now: i64) -> Result<()> {
    let kind = match job.kind {
        JobKind::AnalyzeSeries | JobKind::ReportSeries => EventKind::TryFailed,
        JobKind::DeliverResult => EventKind::DeliveryFailed,
    };
    let message =
        format!("try {} of {} failed: {error}; it is tried again", job.attempt - 1, job.attempts_max);
    let fields = serde_json::json!({
        "job_id": job.job_id, "kind": job.kind.as_str(), "attempt": job.attempt - 1, "error": error,
        "destination": job.destination,
    });
    events::append(tx, job.series_uid.as_str(), now, NewEvent::new(kind, message, fields)).await
}

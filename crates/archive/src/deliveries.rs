//! Results on their way to destinations: per destination tries, last error and what was acknowledged.

use crate::Archive;
use crate::database::{Row, Tx, args};
use crate::error::{Error, Result};
use crate::events::{self, NewEvent};
use crate::job_failures::FailOutcome;
use crate::jobs::{self, ClaimedJob, JobKind, JobState, NewJob, Renewal};
use crate::publish::Switch;
use crate::results::{ObjectRecord, object_columns, object_record};
use crate::studies::Page;
use domain::{EventKind, SeriesInstanceUid};
use std::time::Duration;

crate::words! {
    /// Where a delivery stands.
    DeliveryState {
        /// Not tried, or being tried for the first time.
        Pending = "pending",
        /// The destination acknowledged every object.
        Delivered = "delivered",
        /// The last try failed; it is tried again.
        Failed = "failed",
        /// Given up; waits for a requeue.
        Dead = "dead",
        /// Its result was superseded or withdrawn.
        Cancelled = "cancelled",
    }
}

/// One result on its way to one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Delivery.
    pub delivery_id: String,
    /// Result.
    pub result_id: String,
    /// Series analysed.
    pub series_uid: SeriesInstanceUid,
    /// Name from config.
    pub destination: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Failed tries since it was created or requeued.
    pub try_count: i64,
    /// Of the latest failed try.
    pub last_error: Option<String>,
    /// Not before, microseconds UTC.
    pub next_try_at: Option<i64>,
    /// Result published, microseconds UTC.
    pub created_at: i64,
    /// All objects acknowledged, microseconds UTC.
    pub delivered_at: Option<i64>,
    /// Latest change, microseconds UTC.
    pub updated_at: i64,
}

/// An object of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryObject {
    /// The object.
    pub object: ObjectRecord,
    /// Acknowledged by the destination, microseconds UTC; `None` when still to be sent.
    pub delivered_at: Option<i64>,
}

/// Which deliveries to list; `None` is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// In this state.
    pub state: Option<DeliveryState>,
    /// To this destination.
    pub destination: Option<String>,
    /// Of this series.
    pub series_uid: Option<SeriesInstanceUid>,
    /// Which page.
    pub page: Page,
}

macro_rules! delivery_columns {
    () => {
        "delivery_id, result_id, series_instance_uid, destination, state, try_count, last_error, \
         next_try_at, created_at, delivered_at, updated_at"
    };
}

fn record(row: &Row) -> Result<DeliveryRecord> {
    Ok(DeliveryRecord {
        delivery_id: row.text(0)?,
        result_id: row.text(1)?,
        series_uid: row.parsed(2, "delivery.series_instance_uid", |t| SeriesInstanceUid::new(t).ok())?,
        destination: row.text(3)?,
        state: row.parsed(4, "delivery.state", DeliveryState::parse)?,
        try_count: row.int(5)?,
        last_error: row.opt_text(6)?,
        next_try_at: row.opt_int(7)?,
        created_at: row.int(8)?,
        delivered_at: row.opt_int(9)?,
        updated_at: row.int(10)?,
    })
}

/// Opens (or, when it was cancelled or is dead, reopens) the delivery of a result to a destination, with its
/// job. One that has arrived or is on its way stays as it is.
pub(crate) async fn open(tx: &mut Tx, switch: &Switch<'_>, destination: &str) -> Result<()> {
    let doing = "opening a delivery";
    let (series_uid, now) = (switch.job.series_uid.as_str(), switch.now);
    let sql = "INSERT INTO delivery (delivery_id, result_id, series_instance_uid, destination, state, \
               try_count, created_at, updated_at) VALUES ($1, $2, $3, $4, 'pending', 0, $5, $5) \
               ON CONFLICT (result_id, destination) DO UPDATE SET \
               state = CASE WHEN delivery.state IN ('cancelled', 'dead') THEN 'pending' \
               ELSE delivery.state END, updated_at = excluded.updated_at RETURNING delivery_id, state";
    let id = crate::new_id();
    let args = args![&id, switch.result_id, series_uid, destination, now];
    let row = tx.row(doing, sql, args).await?;
    let row = row.ok_or_else(|| Error::NotFound { what: format!("delivery to {destination}") })?;
    let id = row.text(0)?;
    if row.parsed(1, "delivery.state", DeliveryState::parse)? == DeliveryState::Delivered {
        return Ok(());
    }
    let job = NewJob::new(
        JobKind::DeliverResult,
        series_uid,
        switch.job.study_uid.as_str(),
        switch.job.revision,
        switch.attempts,
    );
    jobs::enqueue(tx, &job.with_result(switch.result_id).with_delivery(&id, destination), now).await
}

/// Cancels what has not arrived of a result; the count is of deliveries.
pub(crate) async fn cancel(tx: &mut Tx, result_id: &str, now: i64) -> Result<u64> {
    let sql = "UPDATE job SET state = 'cancelled', error = 'its result was superseded', finished_at = $2, \
               updated_at = $2 WHERE result_id = $1 AND kind = 'deliver_result' \
               AND (state = 'queued' OR state = 'running')";
    tx.execute("cancelling deliveries", sql, args![result_id, now]).await?;
    let sql = "UPDATE delivery SET state = 'cancelled', next_try_at = NULL, updated_at = $2 \
               WHERE result_id = $1 AND (state = 'pending' OR state = 'failed' OR state = 'dead')";
    tx.execute("cancelling deliveries", sql, args![result_id, now]).await
}

/// What a failed try means for its delivery.
pub(crate) async fn try_failed(
    tx: &mut Tx,
    job: &ClaimedJob,
    error: &str,
    run_at: Option<i64>,
    now: i64,
) -> Result<()> {
    let state = if run_at.is_some() { DeliveryState::Failed } else { DeliveryState::Dead };
    let sql = "UPDATE delivery SET state = $2, try_count = try_count + 1, last_error = $3, \
               next_try_at = $4, updated_at = $5 WHERE delivery_id = $1";
    let args = args![job.delivery_id.as_deref(), state.as_str(), error, run_at, now];
    tx.execute("failing a delivery", sql, args).await?;
    let destination = job.destination.as_deref().unwrap_or_default();
    let (kind, end) = match run_at {
        Some(_) => (EventKind::DeliveryFailed, "it is tried again"),
        None => (EventKind::DeliveryDead, "given up; requeue it when the cause is gone"),
    };
    let message = format!("delivery to {destination} failed (try {}): {error}; {end}", job.attempt);
    let fields = serde_json::json!({
        "delivery_id": job.delivery_id, "destination": destination, "attempt": job.attempt,
        "error": error, "run_at": run_at,
    });
    events::append(tx, job.series_uid.as_str(), now, NewEvent::new(kind, message, fields)).await
}

impl Archive {
    /// Objects of a delivery in their order, each with its acknowledgement: send those without one.
    ///
    /// # Errors
    /// What the database said.
    pub async fn delivery_objects(&self, delivery_id: &str) -> Result<Vec<DeliveryObject>> {
        const SQL: &str = concat!(
            "SELECT ",
            object_columns!(),
            ", a.delivered_at FROM delivery d JOIN result_object o ON o.result_id = d.result_id \
             LEFT JOIN delivery_object a ON a.delivery_id = d.delivery_id AND a.object_name = o.name \
             WHERE d.delivery_id = $1 ORDER BY o.position"
        );
        let rows = self.inner.database.rows("reading a delivery", SQL, args![delivery_id]).await?;
        rows.iter()
            .map(|row| Ok(DeliveryObject { object: object_record(row)?, delivered_at: row.opt_int(9)? }))
            .collect()
    }

    /// Notes that the destination of a held job acknowledged the object `name`.
    ///
    /// # Errors
    /// What the database said.
    pub async fn object_delivered(&self, job: &ClaimedJob, name: &str) -> Result<Renewal> {
        let doing = "noting an acknowledgement";
        let now = crate::now();
        let mut tx = self.inner.database.begin().await?;
        // Under the job's row lock, and only while it is ours.
        let sql = "UPDATE job SET updated_at = $4 \
                   WHERE job_id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'";
        if tx.execute(doing, sql, args![&job.job_id, &job.worker, job.attempt, now]).await? != 1 {
            return Ok(Renewal::Lost);
        }
        let sql = "INSERT INTO delivery_object (delivery_id, object_name, delivered_at) VALUES ($1, $2, $3) \
                   ON CONFLICT (delivery_id, object_name) DO NOTHING";
        tx.execute(doing, sql, args![job.delivery_id.as_deref(), name, now]).await?;
        tx.commit(doing).await?;
        crate::faults::point("mid_delivery");
        Ok(Renewal::Held)
    }

    /// Ends a `DeliverResult` job: every object that the destination wants is acknowledged.
    ///
    /// # Errors
    /// What the database said.
    pub async fn finish_delivery(&self, job: &ClaimedJob) -> Result<Renewal> {
        let doing = "finishing a delivery";
        let now = crate::now();
        let mut tx = self.inner.database.begin().await?;
        if jobs::end_held(&mut tx, job, JobState::Done, None, now).await? == Renewal::Lost {
            return Ok(Renewal::Lost);
        }
        let sql = "UPDATE delivery SET state = 'delivered', next_try_at = NULL, delivered_at = $2, \
                   updated_at = $2 WHERE delivery_id = $1";
        tx.execute(doing, sql, args![job.delivery_id.as_deref(), now]).await?;
        let destination = job.destination.as_deref().unwrap_or_default();
        let fields = serde_json::json!({
            "delivery_id": job.delivery_id, "result_id": job.result_id, "destination": destination,
            "attempt": job.attempt,
        });
        let event = NewEvent::new(EventKind::Delivered, format!("{destination} acknowledged it"), fields);
        events::append(&mut tx, job.series_uid.as_str(), now, event).await?;
        tx.commit(doing).await?;
        Ok(Renewal::Held)
    }

    /// Reports a failed try to deliver; the next one is not before `retry_after`. `None` when another try
    /// would only repeat it: dead at once.
    ///
    /// # Errors
    /// What the database said.
    pub async fn fail_delivery(
        &self,
        job: &ClaimedJob,
        error: &str,
        retry_after: Option<Duration>,
    ) -> Result<FailOutcome> {
        match retry_after {
            Some(pause) => self.fail_job(job, error, pause).await,
            None => self.fail_job_for_good(job, error).await,
        }
    }

    /// Gives a dead, failed or delivered delivery new tries, at once. Objects acknowledged before are not
    /// sent again, except when it was delivered: then all are.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] when it is pending or cancelled.
    pub async fn requeue_delivery(&self, delivery_id: &str, why: &str) -> Result<()> {
        let doing = "requeueing a delivery";
        let delivery = self
            .delivery(delivery_id)
            .await?
            .ok_or_else(|| Error::NotFound { what: format!("delivery {delivery_id}") })?;
        let result = self.result(&delivery.result_id).await?;
        let study = self.series(&delivery.series_uid).await?.map(|series| series.study_uid);
        let (uid, now) = (delivery.series_uid.as_str(), crate::now());
        let mut tx = self.inner.database.begin().await?;
        let sql = "UPDATE job SET run_at = $2, attempt = 0, updated_at = $2 \
                   WHERE delivery_id = $1 AND state = 'queued'";
        tx.execute(doing, sql, args![delivery_id, now]).await?;
        let sql = "UPDATE delivery SET state = 'pending', try_count = 0, next_try_at = NULL, \
                   delivered_at = NULL, updated_at = $2 \
                   WHERE delivery_id = $1 AND state IN ('dead', 'failed', 'delivered')";
        if tx.execute(doing, sql, args![delivery_id, now]).await? != 1 {
            return Err(Error::Conflict(format!(
                "delivery {delivery_id} is {}; only a dead, failed or delivered one can be requeued",
                delivery.state.as_str()
            )));
        }
        if delivery.state == DeliveryState::Delivered {
            let sql = "DELETE FROM delivery_object WHERE delivery_id = $1";
            tx.execute(doing, sql, args![delivery_id]).await?;
        }
        let study = study.as_ref().map_or("", |uid| uid.as_str());
        let job = NewJob::new(JobKind::DeliverResult, uid, study, result.revision, self.inner.attempts);
        let job = job.with_result(&delivery.result_id).with_delivery(delivery_id, &delivery.destination);
        jobs::enqueue(&mut tx, &job, now).await?;
        let fields = serde_json::json!({ "delivery_id": delivery_id, "destination": delivery.destination });
        events::append(&mut tx, uid, now, NewEvent::new(EventKind::Requeued, why, fields)).await?;
        tx.commit(doing).await?;
        self.ring();
        Ok(())
    }

    /// Deliveries, newest first.
    ///
    /// # Errors
    /// What the database said.
    pub async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM delivery WHERE ($1 = '' OR state = $1) AND ($2 = '' OR destination = $2) \
             AND ($3 = '' OR series_instance_uid = $3) ORDER BY created_at DESC, delivery_id DESC \
             LIMIT $4 OFFSET $5"
        );
        let args = args![
            filter.state.map_or("", DeliveryState::as_str),
            filter.destination.as_deref().unwrap_or_default(),
            filter.series_uid.as_ref().map_or("", SeriesInstanceUid::as_str),
            filter.page.limit,
            filter.page.offset,
        ];
        let rows = self.inner.database.rows("reading deliveries", SQL, args).await?;
        rows.iter().map(record).collect()
    }

    /// The delivery, or `None`.
    ///
    /// # Errors
    /// What the database said.
    pub async fn delivery(&self, delivery_id: &str) -> Result<Option<DeliveryRecord>> {
        const SQL: &str = concat!("SELECT ", delivery_columns!(), " FROM delivery WHERE delivery_id = $1");
        let row = self.inner.database.row("reading a delivery", SQL, args![delivery_id]).await?;
        row.as_ref().map(record).transpose()
    }
}

//! Series that are not analysed, on purpose, and say so.

use crate::Archive;
use crate::database::{Tx, args};
use crate::error::{Error, Result};
use crate::events::{self, NewEvent};
use crate::jobs::{self, ClaimedJob, JobState, Renewal};
use crate::publish::{NewObject, Switch, withdraw_current};
use crate::results::{self, Finish, NewResult, ResultOutcome};
use crate::series;
use domain::{EventKind, SeriesInstanceUid, SeriesState};

/// Why a series is not analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSkip {
    /// `SkipReason::code`.
    pub code: String,
    /// The reason as a sentence.
    pub message: String,
    /// The reason as `domain::SkipReason` in JSON.
    pub reason_json: String,
}

impl Archive {
    /// Ends an `AnalyzeSeries` job with a reason instead of findings: the series is `Skipped`. The skip
    /// becomes the current result (outcome `skipped`, `result.document_json` for REST); `objects` (a small
    /// SR when configured, else none) are delivered like those of an analysis.
    ///
    /// # Errors
    /// As [`Archive::finish_report`].
    pub async fn finish_skip(
        &self,
        job: &ClaimedJob,
        skip: &NewSkip,
        result: &NewResult,
        objects: &[NewObject],
        destinations: &[String],
    ) -> Result<Finish> {
        let doing = "skipping a series";
        let stored = self.store_objects(objects).await?;
        let (uid, now) = (job.series_uid.as_str(), crate::now());
        let mut tx = self.inner.database.begin().await?;
        let held = series::lock_existing(&mut tx, uid, now).await?;
        if !results::still_fits(&mut tx, job, &held, SeriesState::Analyzing, now).await? {
            tx.commit(doing).await?;
            return Ok(Finish::Stale);
        }
        if jobs::end_held(&mut tx, job, JobState::Done, None, now).await? == Renewal::Lost {
            return Ok(Finish::Stale);
        }
        mark(&mut tx, uid, skip, job.revision, now).await?;
        let result_id = results::upsert(&mut tx, job, ResultOutcome::Skipped, result, now).await?;
        let destinations = if objects.is_empty() { &[] } else { destinations };
        let switch = Switch {
            job,
            result_id: &result_id,
            objects: &stored,
            destinations,
            attempts: self.inner.attempts,
            now,
        };
        switch.apply(&mut tx).await?;
        crate::faults::point("before_switch");
        tx.commit(doing).await?;
        crate::faults::point("after_switch");
        self.ring();
        Ok(Finish::Stored(result_id))
    }

    /// Marks a series as skipped from outside its own job, in favour of a better reconstruction: its jobs
    /// are cancelled and its current result, if any, is withdrawn. `false` when it is skipped already.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown series; [`Error::Conflict`] when its revision moved on.
    pub async fn skip_series(
        &self,
        series_uid: &SeriesInstanceUid,
        revision: i64,
        skip: &NewSkip,
    ) -> Result<bool> {
        let doing = "skipping a series";
        let (uid, now) = (series_uid.as_str(), crate::now());
        let mut tx = self.inner.database.begin().await?;
        let held = series::lock_existing(&mut tx, uid, now).await?;
        if held.revision != revision {
            return Err(Error::Conflict(format!(
                "series {uid} is at revision {}, not {revision}; look again",
                held.revision
            )));
        }
        if held.state == SeriesState::Skipped {
            return Ok(false);
        }
        jobs::cancel_series_work(&mut tx, uid, &skip.message, now).await?;
        withdraw_current(&mut tx, uid, None, now).await?;
        mark(&mut tx, uid, skip, revision, now).await?;
        tx.commit(doing).await?;
        Ok(true)
    }
}

/// Sets state and reason, with the event.
async fn mark(tx: &mut Tx, uid: &str, skip: &NewSkip, revision: i64, now: i64) -> Result<()> {
    series::set_state(tx, uid, SeriesState::Skipped, None, now).await?;
    let sql = "UPDATE series SET reason_code = $2, reason_message = $3, reason_json = $4 \
               WHERE series_instance_uid = $1";
    tx.execute("storing a reason", sql, args![uid, &skip.code, &skip.message, &skip.reason_json]).await?;
    let fields = serde_json::json!({ "code": skip.code, "revision": revision });
    events::append(tx, uid, now, NewEvent::new(EventKind::Skipped, skip.message.clone(), fields)).await
}

//! The atomic switch of "current": objects, the older result's end, deliveries and events in one
//! transaction, after the objects' bytes are durable.

use crate::Archive;
use crate::clinical;
use crate::database::{Tx, args};
use crate::deliveries;
use crate::error::{Error, Result};
use crate::events::{self, NewEvent};
use crate::files;
use crate::job_failures;
use crate::jobs::{self, ClaimedJob, JobState, Renewal};
use crate::results::{self, Finish};
use crate::series;
use crate::settings::AttemptLimits;
use bytes::Bytes;
use domain::{EventKind, SeriesState};
use futures::{StreamExt, TryStreamExt};

/// Objects written at the same time.
const WRITES_COUNT_MAX: usize = 4;

/// An object to be stored with its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewObject {
    /// `sr`, `seg`, `png` ...
    pub role: String,
    /// File name, unique in the result.
    pub name: String,
    /// Of a DICOM object.
    pub sop_class_uid: Option<String>,
    /// Of a DICOM object.
    pub sop_instance_uid: Option<String>,
    /// Series that the object is in.
    pub series_uid: Option<String>,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What a result is shown with, where rules were asked when its objects were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The series of the findings document in JSON, for REST.
    pub document_json: String,
    /// Version of the study's clinical data that went in; 0 where the site stated nothing.
    pub clinical_version: i64,
    /// Exam triage, 1 to 10; `None` where not calibrated.
    pub triage_score: Option<i64>,
}

/// An object whose bytes are durable.
pub(crate) struct StoredObject<'a> {
    object: &'a NewObject,
    blob_key: String,
    sha256: String,
}

impl Archive {
    /// Ends a `ReportSeries` job: stores the objects and makes the result the current one. The one before is
    /// superseded and its open deliveries are cancelled; one `DeliverResult` job is queued per destination
    /// that has not got it yet; the series is `Done`.
    ///
    /// # Errors
    /// [`Error::Full`] and others when a blob cannot be written: nothing is switched then.
    pub async fn finish_report(
        &self,
        job: &ClaimedJob,
        objects: &[NewObject],
        destinations: &[String],
    ) -> Result<Finish> {
        self.publish(job, None, objects, destinations).await
    }

    /// The same for a result that was judged with the study's clinical data: its document is stored with it. When
    /// that data has changed meanwhile, nothing is switched and the job is queued again ([`Finish::Outdated`]).
    ///
    /// # Errors
    /// As [`Archive::finish_report`].
    pub async fn finish_judged_report(
        &self,
        job: &ClaimedJob,
        judged: &Judged,
        objects: &[NewObject],
        destinations: &[String],
    ) -> Result<Finish> {
        self.publish(job, Some(judged), objects, destinations).await
    }

    async fn publish(
        &self,
        job: &ClaimedJob,
        judged: Option<&Judged>,
        objects: &[NewObject],
        destinations: &[String],
    ) -> Result<Finish> {
        let doing = "publishing a result";
        let result_id = job
            .result_id
            .as_deref()
            .ok_or_else(|| Error::Conflict(format!("job {} has no result to report", job.job_id)))?;
        let stored = self.store_objects(objects).await?;
        let (uid, now) = (job.series_uid.as_str(), crate::now());
        let mut tx = self.inner.database.begin().await?;
        let held = series::lock_existing(&mut tx, uid, now).await?;
        if !results::still_fits(&mut tx, job, &held, SeriesState::Reporting, now).await? {
            tx.commit(doing).await?;
            return Ok(Finish::Stale);
        }
        if let Some(judged) = judged
            && clinical::version(&mut tx, job.study_uid.as_str()).await? != judged.clinical_version
        {
            let held =
                job_failures::queue_again(&mut tx, job, "clinical data changed meanwhile", now).await?;
            tx.commit(doing).await?;
            self.ring();
            return Ok(if held == Renewal::Held { Finish::Outdated } else { Finish::Stale });
        }
        if jobs::end_held(&mut tx, job, JobState::Done, None, now).await? == Renewal::Lost {
            return Ok(Finish::Stale);
        }
        series::set_state(&mut tx, uid, SeriesState::Done, None, now).await?;
        if let Some(judged) = judged {
            let sql = "UPDATE result SET document_json = $2, triage_score = $3 WHERE result_id = $1";
            let args = args![result_id, &judged.document_json, judged.triage_score];
            tx.execute("storing a document", sql, args).await?;
        }
        let switch =
            Switch { job, result_id, objects: &stored, destinations, attempts: self.inner.attempts, now };
        switch.apply(&mut tx).await?;
        crate::faults::point("before_switch");
        tx.commit(doing).await?;
        crate::faults::point("after_switch");
        self.ring();
        Ok(Finish::Stored(result_id.to_owned()))
    }

    /// Writes the bytes of objects; on return all are durable.
    pub(crate) async fn store_objects<'a>(&self, objects: &'a [NewObject]) -> Result<Vec<StoredObject<'a>>> {
        let mut writes = Vec::with_capacity(objects.len());
        for object in objects {
            writes.push(self.store_object(object));
        }
        futures::stream::iter(writes).buffered(WRITES_COUNT_MAX).try_collect().await
    }

    async fn store_object<'a>(&self, object: &'a NewObject) -> Result<StoredObject<'a>> {
        let sha256 = files::sha256_hex(&[&object.bytes]);
        let blob_key = files::object_key(&sha256);
        self.inner.files.put(&blob_key, object.bytes.clone()).await?;
        crate::faults::point("after_object");
        Ok(StoredObject { object, blob_key, sha256 })
    }
}

/// One switch of "current", in a transaction that holds the series.
pub(crate) struct Switch<'a> {
    pub(crate) job: &'a ClaimedJob,
    pub(crate) result_id: &'a str,
    pub(crate) objects: &'a [StoredObject<'a>],
    pub(crate) destinations: &'a [String],
    pub(crate) attempts: AttemptLimits,
    pub(crate) now: i64,
}

impl Switch<'_> {
    pub(crate) async fn apply(&self, tx: &mut Tx) -> Result<()> {
        let (uid, now) = (self.job.series_uid.as_str(), self.now);
        self.insert_objects(tx).await?;
        withdraw_current(tx, uid, Some(self.result_id), now).await?;
        let sql = "UPDATE result SET state = 'current', published_at = $2, superseded_at = NULL, \
                   superseded_by = NULL WHERE result_id = $1";
        if tx.execute("switching the current result", sql, args![self.result_id, now]).await? != 1 {
            return Err(Error::NotFound { what: format!("result {}", self.result_id) });
        }
        let message = format!(
            "{} objects became the current result, for {} destination{}",
            self.objects.len(),
            self.destinations.len(),
            if self.destinations.len() == 1 { "" } else { "s" }
        );
        let names: Vec<&str> = self.objects.iter().map(|o| o.object.name.as_str()).collect();
        let fields = serde_json::json!({
            "result_id": self.result_id, "revision": self.job.revision, "objects": names,
            "destinations": self.destinations,
        });
        events::append(tx, uid, now, NewEvent::new(EventKind::ResultPublished, message, fields)).await?;
        for destination in self.destinations {
            deliveries::open(tx, self, destination).await?;
        }
        Ok(())
    }

    async fn insert_objects(&self, tx: &mut Tx) -> Result<()> {
        let sql = "DELETE FROM result_object WHERE result_id = $1";
        tx.execute("replacing objects", sql, args![self.result_id]).await?;
        let sql = "INSERT INTO result_object (result_id, name, position, role, sop_class_uid, \
                   sop_instance_uid, series_instance_uid, blob_key, sha256, size_bytes) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        for (position, stored) in (0_i64..).zip(self.objects) {
            let object = stored.object;
            let args = args![
                self.result_id,
                &object.name,
                position,
                &object.role,
                object.sop_class_uid.as_deref(),
                object.sop_instance_uid.as_deref(),
                object.series_uid.as_deref(),
                &stored.blob_key,
                &stored.sha256,
                i64::try_from(object.bytes.len()).unwrap_or(i64::MAX),
            ];
            tx.execute("storing an object", sql, args).await?;
        }
        Ok(())
    }
}

/// Ends the current result of a series, if it is another than `by`: superseded by it, or withdrawn when
/// there is none. What of it is on its way to a destination is cancelled.
pub(crate) async fn withdraw_current(
    tx: &mut Tx,
    series_uid: &str,
    by: Option<&str>,
    now: i64,
) -> Result<()> {
    let sql = "UPDATE result SET state = 'superseded', superseded_at = $2, superseded_by = $3 \
               WHERE series_instance_uid = $1 AND state = 'current' AND result_id <> $4 \
               RETURNING result_id";
    let args = args![series_uid, now, by, by.unwrap_or_default()];
    for row in tx.rows("superseding a result", sql, args).await? {
        let old = row.text(0)?;
        let cancelled = deliveries::cancel(tx, &old, now).await?;
        let message = match by {
            Some(_) => "a newer result took the place of the current one".to_owned(),
            None => "the current result was withdrawn".to_owned(),
        };
        let fields = serde_json::json!({
            "result_id": old, "superseded_by": by, "deliveries_cancelled": cancelled,
        });
        events::append(tx, series_uid, now, NewEvent::new(EventKind::ResultSuperseded, message, fields))
            .await?;
    }
    Ok(())
}

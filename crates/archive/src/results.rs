//! What an analysis came to, and reading it.

use crate::Archive;
use crate::database::{Row, Tx, args};
use crate::error::{Error, Result};
use crate::events::{self, NewEvent};
use crate::jobs::{self, ClaimedJob, JobKind, JobState, NewJob, Renewal};
use crate::series;
use domain::{EventKind, SeriesInstanceUid, SeriesState};

crate::words! {
    /// What a result says.
    ResultOutcome {
        /// Findings (none is a finding too).
        Analyzed = "analyzed",
        /// Not analysed, with the reason.
        Skipped = "skipped",
    }
}

crate::words! {
    /// Where a result stands.
    ResultState {
        /// Stored; its objects are not.
        Prepared = "prepared",
        /// The one that is shown and delivered.
        Current = "current",
        /// Another took its place, or it was withdrawn.
        Superseded = "superseded",
    }
}

/// A result to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewResult {
    /// Hash over the instances that went in.
    pub input_digest: String,
    /// Hash over pack and settings.
    pub config_digest: String,
    /// Name and version of the model pack, for lists.
    pub pack: String,
    /// Findings in it.
    pub finding_count: i64,
    /// `domain::AnalysisResult` in JSON, for the report stage.
    pub result_json: String,
    /// The series of the findings document in JSON, for REST.
    pub document_json: String,
}

/// How the end of a stage was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// Stored under this result id.
    Stored(String),
    /// The series was reopened, or the job is another's: nothing was stored, throw the work away.
    Stale,
    /// Clinical data changed meanwhile: nothing was stored, and the job is queued again.
    Outdated,
}

/// A stored result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultRecord {
    /// Result.
    pub result_id: String,
    /// Series.
    pub series_uid: SeriesInstanceUid,
    /// Its revision.
    pub revision: i64,
    /// What it says.
    pub outcome: ResultOutcome,
    /// Where it stands.
    pub state: ResultState,
    /// Hash over the instances that went in.
    pub input_digest: String,
    /// Hash over pack and settings.
    pub config_digest: String,
    /// Name and version of the model pack.
    pub pack: String,
    /// Findings in it.
    pub finding_count: i64,
    /// `domain::AnalysisResult` in JSON; empty when skipped.
    pub result_json: String,
    /// The series of the findings document in JSON.
    pub document_json: String,
    /// Analysis finished, microseconds UTC.
    pub created_at: i64,
    /// Became current, microseconds UTC.
    pub published_at: Option<i64>,
    /// Stopped being current, microseconds UTC.
    pub superseded_at: Option<i64>,
    /// Result that took its place; `None` when withdrawn.
    pub superseded_by: Option<String>,
    /// Exam triage, 1 to 10; `None` where not calibrated or not yet reported.
    pub triage_score: Option<i64>,
}

/// An object of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRecord {
    /// Result.
    pub result_id: String,
    /// File name, unique in the result.
    pub name: String,
    /// `sr`, `seg`, `png` ...
    pub role: String,
    /// Of a DICOM object.
    pub sop_class_uid: Option<String>,
    /// Of a DICOM object.
    pub sop_instance_uid: Option<String>,
    /// Series that the object is in.
    pub series_uid: Option<String>,
    /// Key of its bytes, for [`Archive::blob`].
    pub blob_key: String,
    /// sha256 in hex over its bytes.
    pub sha256: String,
    /// Bytes.
    pub size_bytes: i64,
}

macro_rules! result_columns {
    () => {
        "result_id, series_instance_uid, revision, outcome, state, input_digest, config_digest, pack, \
         finding_count, result_json, document_json, created_at, published_at, superseded_at, superseded_by, \
         triage_score"
    };
}

fn record(row: &Row) -> Result<ResultRecord> {
    Ok(ResultRecord {
        result_id: row.text(0)?,
        series_uid: row.parsed(1, "result.series_instance_uid", |t| SeriesInstanceUid::new(t).ok())?,
        revision: row.int(2)?,
        outcome: row.parsed(3, "result.outcome", ResultOutcome::parse)?,
        state: row.parsed(4, "result.state", ResultState::parse)?,
        input_digest: row.text(5)?,
        config_digest: row.text(6)?,
        pack: row.text(7)?,
        finding_count: row.int(8)?,
        result_json: row.text(9)?,
        document_json: row.text(10)?,
        created_at: row.int(11)?,
        published_at: row.opt_int(12)?,
        superseded_at: row.opt_int(13)?,
        superseded_by: row.opt_text(14)?,
        triage_score: row.opt_int(15)?,
    })
}

/// Columns of [`ObjectRecord`], in the order of [`object_record`], under the alias `o`.
macro_rules! object_columns {
    () => {
        "o.result_id, o.name, o.role, o.sop_class_uid, o.sop_instance_uid, o.series_instance_uid, \
         o.blob_key, o.sha256, o.size_bytes"
    };
}
pub(crate) use object_columns;

pub(crate) fn object_record(row: &Row) -> Result<ObjectRecord> {
    Ok(ObjectRecord {
        result_id: row.text(0)?,
        name: row.text(1)?,
        role: row.text(2)?,
        sop_class_uid: row.opt_text(3)?,
        sop_instance_uid: row.opt_text(4)?,
        series_uid: row.opt_text(5)?,
        blob_key: row.text(6)?,
        sha256: row.text(7)?,
        size_bytes: row.int(8)?,
    })
}

/// Stores a result under its key (series, input, config); a repeat keeps the id and the state.
pub(crate) async fn upsert(
    tx: &mut Tx,
    job: &ClaimedJob,
    outcome: ResultOutcome,
    result: &NewResult,
    now: i64,
) -> Result<String> {
    let sql = "INSERT INTO result (result_id, series_instance_uid, revision, outcome, state, input_digest, \
               config_digest, pack, finding_count, result_json, document_json, created_at) \
               VALUES ($1, $2, $3, $4, 'prepared', $5, $6, $7, $8, $9, $10, $11) \
               ON CONFLICT (series_instance_uid, input_digest, config_digest) DO UPDATE SET \
               revision = excluded.revision, outcome = excluded.outcome, pack = excluded.pack, \
               finding_count = excluded.finding_count, result_json = excluded.result_json, \
               document_json = excluded.document_json RETURNING result_id";
    let id = crate::new_id();
    let args = args![
        &id,
        job.series_uid.as_str(),
        job.revision,
        outcome.as_str(),
        &result.input_digest,
        &result.config_digest,
        &result.pack,
        result.finding_count,
        &result.result_json,
        &result.document_json,
        now,
    ];
    let row = tx.row("storing a result", sql, args).await?;
    row.map_or(Ok(id), |row| row.text(0))
}

/// Whether a held series is where `job` needs it; if not, the job ends as cancelled and the caller commits.
pub(crate) async fn still_fits(
    tx: &mut Tx,
    job: &ClaimedJob,
    held: &series::Held,
    needs: SeriesState,
    now: i64,
) -> Result<bool> {
    if held.revision == job.revision && held.state == needs {
        return Ok(true);
    }
    jobs::end_held(tx, job, JobState::Cancelled, Some("the series has moved on"), now).await?;
    Ok(false)
}

impl Archive {
    /// Ends an `AnalyzeSeries` job with findings: stores them, moves the series to `Reporting` and queues
    /// `ReportSeries`, in one transaction. The same series, input and config keep one result.
    ///
    /// # Errors
    /// What the database said.
    pub async fn finish_analysis(&self, job: &ClaimedJob, result: &NewResult) -> Result<Finish> {
        let doing = "finishing an analysis";
        let (uid, now) = (job.series_uid.as_str(), crate::now());
        let mut tx = self.inner.database.begin().await?;
        let held = series::lock_existing(&mut tx, uid, now).await?;
        if !still_fits(&mut tx, job, &held, SeriesState::Analyzing, now).await? {
            tx.commit(doing).await?;
            return Ok(Finish::Stale);
        }
        if jobs::end_held(&mut tx, job, JobState::Done, None, now).await? == Renewal::Lost {
            return Ok(Finish::Stale);
        }
        let result_id = upsert(&mut tx, job, ResultOutcome::Analyzed, result, now).await?;
        series::set_state(&mut tx, uid, SeriesState::Reporting, None, now).await?;
        let report = NewJob::new(
            JobKind::ReportSeries,
            uid,
            job.study_uid.as_str(),
            job.revision,
            self.inner.attempts,
        );
        jobs::enqueue(&mut tx, &report.with_result(&result_id), now).await?;
        let message = format!("{} findings by {}", result.finding_count, result.pack);
        let fields = serde_json::json!({
            "result_id": result_id, "revision": job.revision, "finding_count": result.finding_count,
            "pack": result.pack, "worker": job.worker,
        });
        events::append(&mut tx, uid, now, NewEvent::new(EventKind::Analyzed, message, fields)).await?;
        tx.commit(doing).await?;
        crate::faults::point("after_result");
        self.ring();
        Ok(Finish::Stored(result_id))
    }

    /// The result that is shown and delivered, or `None`.
    ///
    /// # Errors
    /// What the database said.
    pub async fn current_result(&self, series_uid: &SeriesInstanceUid) -> Result<Option<ResultRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            result_columns!(),
            " FROM result WHERE series_instance_uid = $1 AND state = 'current'"
        );
        let row = self.inner.database.row("reading a result", SQL, args![series_uid.as_str()]).await?;
        row.as_ref().map(record).transpose()
    }

    /// Every result of a series, oldest first.
    ///
    /// # Errors
    /// What the database said.
    pub async fn results(&self, series_uid: &SeriesInstanceUid) -> Result<Vec<ResultRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            result_columns!(),
            " FROM result WHERE series_instance_uid = $1 ORDER BY created_at, result_id"
        );
        let rows = self.inner.database.rows("reading results", SQL, args![series_uid.as_str()]).await?;
        rows.iter().map(record).collect()
    }

    /// The result of that id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn result(&self, result_id: &str) -> Result<ResultRecord> {
        const SQL: &str = concat!("SELECT ", result_columns!(), " FROM result WHERE result_id = $1");
        let row = self.inner.database.row("reading a result", SQL, args![result_id]).await?;
        let row = row.ok_or_else(|| Error::NotFound { what: format!("result {result_id}") })?;
        record(&row)
    }

    /// Objects of a result in their order.
    ///
    /// # Errors
    /// What the database said.
    pub async fn objects(&self, result_id: &str) -> Result<Vec<ObjectRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            object_columns!(),
            " FROM result_object o WHERE o.result_id = $1 ORDER BY o.position"
        );
        let rows = self.inner.database.rows("reading objects", SQL, args![result_id]).await?;
        rows.iter().map(object_record).collect()
    }
}

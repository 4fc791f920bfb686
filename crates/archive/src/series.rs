//! Where a series stands: opening, reopening, completing, and the record that REST shows.

use crate::Archive;
use crate::associations::AssociationOutcome;
use crate::database::{Row, Tx, args};
use crate::error::{Error, Result};
use crate::events::{self, NewEvent};
use crate::instances::NewInstance;
use crate::jobs::{self, JobKind, NewJob};
use domain::{EventKind, SeriesInstanceUid, SeriesState, StudyInstanceUid};

/// A series whose images arrive or are awaited: the facts that completeness decides on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivingSeries {
    /// Series.
    pub series_uid: SeriesInstanceUid,
    /// Its study.
    pub study_uid: StudyInstanceUid,
    /// Modality (0008,0060).
    pub modality: String,
    /// Revision to hand to [`Archive::complete_series`].
    pub revision: i64,
    /// Instances stored; with the revision it tells whether anything came since the last look.
    pub instance_count: i64,
    /// First instance, microseconds UTC by the receiver's clock.
    pub first_arrival_at: i64,
    /// Latest new instance, microseconds UTC by the receiver's clock.
    pub last_arrival_at: i64,
    /// Associations that brought instances of it and are still open.
    pub open_associations: i64,
    /// How the latest ended one ended; `None` when none has ended.
    pub last_association_outcome: Option<AssociationOutcome>,
    /// When that was, microseconds UTC.
    pub last_association_ended_at: Option<i64>,
}

/// A series with its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRecord {
    /// Series.
    pub series_uid: SeriesInstanceUid,
    /// Its study.
    pub study_uid: StudyInstanceUid,
    /// Modality (0008,0060).
    pub modality: String,
    /// SeriesNumber (0020,0011).
    pub series_number: Option<i64>,
    /// SeriesDescription (0008,103E).
    pub series_description: String,
    /// BodyPartExamined (0018,0015).
    pub body_part: String,
    /// Where it stands.
    pub state: SeriesState,
    /// 1, then one more each time a late instance reopens it.
    pub revision: i64,
    /// Instances that are analysed.
    pub instance_count: i64,
    /// Instances kept apart: known SOP Instance UID, other bytes.
    pub conflict_count: i64,
    /// Bytes of the instances that are analysed.
    pub size_bytes: i64,
    /// First instance received, microseconds UTC.
    pub first_arrival_at: i64,
    /// Latest new instance received, microseconds UTC.
    pub last_arrival_at: i64,
    /// Judged complete, microseconds UTC; `None` while receiving.
    pub completed_at: Option<i64>,
    /// Why it was judged complete.
    pub completed_why: Option<String>,
    /// Done, skipped or failed, microseconds UTC.
    pub finished_at: Option<i64>,
    /// `SkipReason::code` when skipped.
    pub reason_code: Option<String>,
    /// The reason as a sentence.
    pub reason_message: Option<String>,
    /// The reason as `domain::SkipReason` in JSON.
    pub reason_json: Option<String>,
    /// Last error when failed.
    pub failure_message: Option<String>,
    /// Latest change, microseconds UTC.
    pub updated_at: i64,
    /// Exam triage of the current result, 1 to 10; `None` without one.
    pub triage_score: Option<i64>,
}

/// Columns of [`SeriesRecord`], in the order of [`record`].
macro_rules! series_columns {
    () => {
        "series_instance_uid, study_instance_uid, modality, series_number, series_description, body_part, \
         state, revision, instance_count, conflict_count, size_bytes, first_arrival_at, last_arrival_at, \
         completed_at, completed_why, finished_at, reason_code, reason_message, reason_json, \
         failure_message, updated_at, (SELECT r.triage_score FROM result r \
          WHERE r.series_instance_uid = series.series_instance_uid AND r.state = 'current')"
    };
}
pub(crate) use series_columns;

pub(crate) fn record(row: &Row) -> Result<SeriesRecord> {
    Ok(SeriesRecord {
        series_uid: row.parsed(0, "series.series_instance_uid", |t| SeriesInstanceUid::new(t).ok())?,
        study_uid: row.parsed(1, "series.study_instance_uid", |t| StudyInstanceUid::new(t).ok())?,
        modality: row.text(2)?,
        series_number: row.opt_int(3)?,
        series_description: row.text(4)?,
        body_part: row.text(5)?,
        state: row.parsed(6, "series.state", SeriesState::parse)?,
        revision: row.int(7)?,
        instance_count: row.int(8)?,
        conflict_count: row.int(9)?,
        size_bytes: row.int(10)?,
        first_arrival_at: row.int(11)?,
        last_arrival_at: row.int(12)?,
        completed_at: row.opt_int(13)?,
        completed_why: row.opt_text(14)?,
        finished_at: row.opt_int(15)?,
        reason_code: row.opt_text(16)?,
        reason_message: row.opt_text(17)?,
        reason_json: row.opt_text(18)?,
        failure_message: row.opt_text(19)?,
        updated_at: row.int(20)?,
        triage_score: row.opt_int(21)?,
    })
}

/// A series row that this transaction holds.
pub(crate) struct Held {
    pub(crate) state: SeriesState,
    pub(crate) revision: i64,
    pub(crate) study_uid: String,
}

/// Takes the series row for the rest of the transaction; `None` when there is no such series.
///
/// The harmless write locks the row on PostgreSQL, and needs no text of its own on SQLite.
pub(crate) async fn lock(tx: &mut Tx, series_uid: &str, now: i64) -> Result<Option<Held>> {
    let sql = "UPDATE series SET updated_at = $2 WHERE series_instance_uid = $1 \
               RETURNING state, revision, study_instance_uid";
    let row = tx.row("locking a series", sql, args![series_uid, now]).await?;
    row.map(|row| {
        Ok(Held {
            state: row.parsed(0, "series.state", SeriesState::parse)?,
            revision: row.int(1)?,
            study_uid: row.text(2)?,
        })
    })
    .transpose()
}

/// [`lock`], or [`Error::NotFound`].
pub(crate) async fn lock_existing(tx: &mut Tx, series_uid: &str, now: i64) -> Result<Held> {
    let held = lock(tx, series_uid, now).await?;
    held.ok_or_else(|| Error::NotFound { what: format!("series {series_uid}") })
}

/// Opens study and series with the texts of the first instance.
pub(crate) async fn open(tx: &mut Tx, instance: &NewInstance, now: i64) -> Result<Held> {
    let (study, series, texts) = (instance.study_uid.as_str(), instance.series_uid.as_str(), &instance.texts);
    let sql = "INSERT INTO study (study_instance_uid, patient_id, patient_name, patient_birth_date, \
               patient_sex, study_date, study_time, study_description, accession_number, \
               referring_physician, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) \
               ON CONFLICT (study_instance_uid) DO UPDATE SET updated_at = excluded.updated_at";
    let args = args![
        study,
        &texts.patient_id,
        &texts.patient_name,
        &texts.patient_birth_date,
        &texts.patient_sex,
        &texts.study_date,
        &texts.study_time,
        &texts.study_description,
        &texts.accession_number,
        &texts.referring_physician,
        now,
    ];
    tx.execute("opening a study", sql, args).await?;
    let sql = "INSERT INTO series (series_instance_uid, study_instance_uid, modality, series_number, \
               series_description, body_part, state, revision, instance_count, conflict_count, size_bytes, \
               first_arrival_at, last_arrival_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 0, 0, 0, $8, $8, $9) \
               ON CONFLICT (series_instance_uid) DO NOTHING";
    let args = args![
        series,
        study,
        &texts.modality,
        texts.series_number,
        &texts.series_description,
        &texts.body_part,
        SeriesState::Receiving.as_str(),
        instance.received_at,
        now,
    ];
    if tx.execute("opening a series", sql, args).await? == 1 {
        let message = format!("first instance arrived from {}", instance.calling_ae);
        let fields = serde_json::json!({
            "calling_ae": instance.calling_ae, "sop_instance_uid": instance.sop_instance_uid.as_str(),
        });
        events::append(tx, series, now, NewEvent::new(EventKind::SeriesOpened, message, fields)).await?;
    }
    lock_existing(tx, series, now).await
}

/// Leads a series back to `Receiving` because a late instance came.
pub(crate) async fn reopen(tx: &mut Tx, series_uid: &str, held: &Held, count: i64, now: i64) -> Result<()> {
    let sql = "UPDATE series SET state = $2, revision = revision + 1, completed_at = NULL, \
               completed_why = NULL, finished_at = NULL, reason_code = NULL, reason_message = NULL, \
               reason_json = NULL, failure_message = NULL WHERE series_instance_uid = $1";
    tx.execute("reopening a series", sql, args![series_uid, SeriesState::Receiving.as_str()]).await?;
    jobs::cancel_series_work(tx, series_uid, "a late instance reopened the series", now).await?;
    let message = format!(
        "{count} late instance{} reopened the series, which was {}",
        if count == 1 { "" } else { "s" },
        held.state.as_str()
    );
    let fields = serde_json::json!({
        "state_before": held.state.as_str(), "revision": held.revision + 1, "late_count": count,
    });
    events::append(tx, series_uid, now, NewEvent::new(EventKind::Reopened, message, fields)).await
}

/// Sets the state of a held series; texts are for `Failed` only.
pub(crate) async fn set_state(
    tx: &mut Tx,
    series_uid: &str,
    state: SeriesState,
    failure: Option<&str>,
    now: i64,
) -> Result<()> {
    let over = matches!(state, SeriesState::Done | SeriesState::Skipped | SeriesState::Failed);
    let sql = "UPDATE series SET state = $2, failure_message = $3, finished_at = $4, updated_at = $5 \
               WHERE series_instance_uid = $1";
    let args = args![series_uid, state.as_str(), failure, over.then_some(now), now];
    tx.execute("moving a series on", sql, args).await?;
    Ok(())
}

impl Archive {
    /// Series in state `Receiving`, the longest quiet first. Associations of receivers that died are ended
    /// as lost on the way.
    ///
    /// # Errors
    /// What the database said.
    pub async fn receiving_series(&self) -> Result<Vec<ReceivingSeries>> {
        self.end_lost_associations().await?;
        let sql = "SELECT s.series_instance_uid, s.study_instance_uid, s.modality, s.revision, \
                   s.instance_count, s.first_arrival_at, s.last_arrival_at, \
                   (SELECT COUNT(*) FROM association_series x \
                    JOIN association a ON a.association_id = x.association_id \
                    WHERE x.series_instance_uid = s.series_instance_uid AND a.ended_at IS NULL), \
                   (SELECT a.outcome FROM association_series x \
                    JOIN association a ON a.association_id = x.association_id \
                    WHERE x.series_instance_uid = s.series_instance_uid AND a.ended_at IS NOT NULL \
                    ORDER BY a.ended_at DESC LIMIT 1), \
                   (SELECT MAX(a.ended_at) FROM association_series x \
                    JOIN association a ON a.association_id = x.association_id \
                    WHERE x.series_instance_uid = s.series_instance_uid) \
                   FROM series s WHERE s.state = 'receiving' ORDER BY s.last_arrival_at";
        let rows = self.inner.database.rows("reading receiving series", sql, &[]).await?;
        rows.iter()
            .map(|row| {
                let outcome = row.opt_text(8)?;
                Ok(ReceivingSeries {
                    series_uid: row.parsed(0, "series_instance_uid", |t| SeriesInstanceUid::new(t).ok())?,
                    study_uid: row.parsed(1, "study_instance_uid", |t| StudyInstanceUid::new(t).ok())?,
                    modality: row.text(2)?,
                    revision: row.int(3)?,
                    instance_count: row.int(4)?,
                    first_arrival_at: row.int(5)?,
                    last_arrival_at: row.int(6)?,
                    open_associations: row.int(7)?,
                    last_association_outcome: outcome.as_deref().and_then(AssociationOutcome::parse),
                    last_association_ended_at: row.opt_int(9)?,
                })
            })
            .collect()
    }

    /// `Receiving` to `Queued` with its `AnalyzeSeries` job and an event, in one transaction. `false` when
    /// the series is not receiving or its revision moved on.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown series, else what the database said.
    pub async fn complete_series(
        &self,
        series_uid: &SeriesInstanceUid,
        revision: i64,
        why: &str,
    ) -> Result<bool> {
        let doing = "completing a series";
        let (uid, now) = (series_uid.as_str(), crate::now());
        let mut tx = self.inner.database.begin().await?;
        let held = lock_existing(&mut tx, uid, now).await?;
        if held.state != SeriesState::Receiving || held.revision != revision {
            return Ok(false);
        }
        let sql = "UPDATE series SET state = $2, completed_at = $3, completed_why = $4 \
                   WHERE series_instance_uid = $1";
        tx.execute(doing, sql, args![uid, SeriesState::Queued.as_str(), now, why]).await?;
        let job = NewJob::new(JobKind::AnalyzeSeries, uid, &held.study_uid, revision, self.inner.attempts);
        jobs::enqueue(&mut tx, &job, now).await?;
        let fields = serde_json::json!({ "revision": revision });
        events::append(&mut tx, uid, now, NewEvent::new(EventKind::Completed, why, fields)).await?;
        tx.commit(doing).await?;
        self.ring();
        Ok(true)
    }

    /// The series, or `None`.
    ///
    /// # Errors
    /// What the database said.
    pub async fn series(&self, series_uid: &SeriesInstanceUid) -> Result<Option<SeriesRecord>> {
        const SQL: &str =
            concat!("SELECT ", series_columns!(), " FROM series WHERE series_instance_uid = $1");
        let row = self.inner.database.row("reading a series", SQL, args![series_uid.as_str()]).await?;
        row.as_ref().map(record).transpose()
    }

    /// Asks for the analysis of a finished series again: `Queued`, with a new job and an event.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown series, [`Error::Conflict`] when it is on its way already.
    pub async fn requeue_series(&self, series_uid: &SeriesInstanceUid, why: &str) -> Result<()> {
        let doing = "requeueing a series";
        let (uid, now) = (series_uid.as_str(), crate::now());
        let mut tx = self.inner.database.begin().await?;
        let held = lock_existing(&mut tx, uid, now).await?;
        if !matches!(held.state, SeriesState::Done | SeriesState::Skipped | SeriesState::Failed) {
            return Err(Error::Conflict(format!(
                "series {uid} is {}; only a done, skipped or failed one can be requeued",
                held.state.as_str()
            )));
        }
        let sql = "UPDATE series SET state = $2, finished_at = NULL, reason_code = NULL, \
                   reason_message = NULL, reason_json = NULL, failure_message = NULL \
                   WHERE series_instance_uid = $1";
        tx.execute(doing, sql, args![uid, SeriesState::Queued.as_str()]).await?;
        let job =
            NewJob::new(JobKind::AnalyzeSeries, uid, &held.study_uid, held.revision, self.inner.attempts);
        jobs::enqueue(&mut tx, &job, now).await?;
        let fields = serde_json::json!({ "revision": held.revision, "state_before": held.state.as_str() });
        events::append(&mut tx, uid, now, NewEvent::new(EventKind::Requeued, why, fields)).await?;
        tx.commit(doing).await?;
        self.ring();
        Ok(())
    }
}

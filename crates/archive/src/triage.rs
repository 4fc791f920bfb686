//! The site's triage calibrations, every version of them, and the scored exams that they are made of.

use crate::Archive;
use crate::database::{Row, Tx, args};
use crate::error::{Error, Result};
use domain::StudyInstanceUid;

/// A calibration to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTriageCalibration {
    /// Name and version of the model pack, as in [`crate::ResultRecord::pack`].
    pub pack: String,
    /// The calibration, opaque here.
    pub calibration_json: String,
    /// Exams that it was made of.
    pub exams_count: i64,
    /// Where their scores came from.
    pub origin: String,
}

/// A stored calibration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriageCalibrationRecord {
    /// 1, then one more with each calibration of any pack.
    pub version: i64,
    /// Name and version of the model pack.
    pub pack: String,
    /// The calibration.
    pub calibration_json: String,
    /// Exams that it was made of.
    pub exams_count: i64,
    /// Where their scores came from.
    pub origin: String,
    /// Stored, microseconds UTC.
    pub created_at: i64,
}

/// A current result of an exam, for a calibration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoredResult {
    /// Its study: the exam.
    pub study_uid: StudyInstanceUid,
    /// `domain::AnalysisResult` in JSON.
    pub result_json: String,
}

/// Columns of [`TriageCalibrationRecord`], in the order of [`record`].
macro_rules! calibration_columns {
    () => {
        "version, pack, calibration_json, exams_count, origin, created_at"
    };
}

fn record(row: &Row) -> Result<TriageCalibrationRecord> {
    Ok(TriageCalibrationRecord {
        version: row.int(0)?,
        pack: row.text(1)?,
        calibration_json: row.text(2)?,
        exams_count: row.int(3)?,
        origin: row.text(4)?,
        created_at: row.int(5)?,
    })
}

/// Version in use for the results of `pack`; 0 where there is none.
pub(crate) async fn version(tx: &mut Tx, pack: &str) -> Result<i64> {
    let sql = "SELECT COALESCE(MAX(version), 0) FROM triage_calibration WHERE pack = $1";
    let row = tx.row("reading the version of the triage calibration", sql, args![pack]).await?;
    row.map_or(Ok(0), |row| row.int(0))
}

impl Archive {
    /// Stores a calibration under the next version; that version. Nothing that was shown before changes.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another calibration was stored at the same time, else what the database said.
    pub async fn store_triage_calibration(&self, new: &NewTriageCalibration) -> Result<i64> {
        let doing = "storing a triage calibration";
        let mut tx = self.inner.database.begin().await?;
        let sql = "INSERT INTO triage_calibration (version, pack, calibration_json, exams_count, origin, created_at) \
                   SELECT COALESCE(MAX(version), 0) + 1, $1, $2, $3, $4, $5 FROM triage_calibration \
                   WHERE 1 = 1 ON CONFLICT (version) DO NOTHING RETURNING version";
        let args = args![&new.pack, &new.calibration_json, new.exams_count, &new.origin, crate::now()];
        let Some(row) = tx.row(doing, sql, args).await? else {
            return Err(Error::Conflict(
                "another triage calibration was stored meanwhile; do it again".into(),
            ));
        };
        let version = row.int(0)?;
        tx.commit(doing).await?;
        Ok(version)
    }

    /// Version in use for results of `pack` (name and version); 0 where there is none.
    ///
    /// # Errors
    /// What the database said.
    pub async fn triage_version(&self, pack: &str) -> Result<i64> {
        let sql = "SELECT COALESCE(MAX(version), 0) FROM triage_calibration WHERE pack = $1";
        let doing = "reading the version of the triage calibration";
        let row = self.inner.database.row(doing, sql, args![pack]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// The calibration of that version.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn triage_calibration(&self, version: i64) -> Result<TriageCalibrationRecord> {
        const SQL: &str =
            concat!("SELECT ", calibration_columns!(), " FROM triage_calibration WHERE version = $1");
        let row = self.inner.database.row("reading a triage calibration", SQL, args![version]).await?;
        let row = row.ok_or_else(|| Error::NotFound { what: format!("triage calibration {version}") })?;
        record(&row)
    }

    /// Calibrations, newest first, `limit` at most.
    ///
    /// # Errors
    /// What the database said.
    pub async fn triage_calibrations(&self, limit: i64) -> Result<Vec<TriageCalibrationRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            calibration_columns!(),
            " FROM triage_calibration ORDER BY version DESC LIMIT $1"
        );
        let rows = self.inner.database.rows("reading triage calibrations", SQL, args![limit]).await?;
        rows.iter().map(record).collect()
    }

    /// Other exams (studies) that `pack` had analysed before a result of `study_uid` was made at `before`. The same for
    /// ever for the same arguments, since results stay: a report that is written again says the same.
    ///
    /// # Errors
    /// What the database said.
    pub async fn exams_before(&self, pack: &str, before: i64, study_uid: &StudyInstanceUid) -> Result<i64> {
        let sql = "SELECT COUNT(DISTINCT s.study_instance_uid) FROM result r \
                   JOIN series s ON s.series_instance_uid = r.series_instance_uid \
                   WHERE r.pack = $1 AND r.outcome = 'analyzed' AND r.created_at < $2 \
                   AND s.study_instance_uid <> $3";
        let args = args![pack, before, study_uid.as_str()];
        let row = self.inner.database.row("counting exams", sql, args).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// Current results of `pack`, the newest first: `limit` of them after the first `offset`.
    ///
    /// # Errors
    /// What the database said.
    pub async fn scored_results(&self, pack: &str, limit: i64, offset: i64) -> Result<Vec<ScoredResult>> {
        let sql = "SELECT s.study_instance_uid, r.result_json FROM result r \
                   JOIN series s ON s.series_instance_uid = r.series_instance_uid \
                   WHERE r.pack = $1 AND r.state = 'current' AND r.outcome = 'analyzed' \
                   ORDER BY r.created_at DESC, r.result_id DESC LIMIT $2 OFFSET $3";
        let rows = self.inner.database.rows("reading scored exams", sql, args![pack, limit, offset]).await?;
        rows.iter()
            .map(|row| {
                Ok(ScoredResult {
                    study_uid: row
                        .parsed(0, "series.study_instance_uid", |t| StudyInstanceUid::new(t).ok())?,
                    result_json: row.text(1)?,
                })
            })
            .collect()
    }
}

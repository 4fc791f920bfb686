//! Clinical data of a study: every version is kept, and a new one lets its findings be judged again.

use crate::Archive;
use crate::database::{Row, Tx, args};
use crate::error::{Error, Result};
use crate::events::{self, NewEvent};
use crate::jobs::{self, JobKind, NewJob};
use crate::result_key::{ShownWith, config_digest_with};
use crate::{series, triage};
use domain::{EventKind, SeriesState, StudyInstanceUid};

/// A change to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClinical {
    /// All values after the change, a JSON object.
    pub data_json: String,
    /// The change, a JSON merge patch.
    pub patch_json: String,
    /// By which door it came.
    pub origin: String,
    /// Who sent it; may be empty.
    pub author: String,
}

/// A version of the clinical data of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClinicalRecord {
    /// Study.
    pub study_uid: StudyInstanceUid,
    /// 1, then one more with each change.
    pub version: i64,
    /// All values, a JSON object.
    pub data_json: String,
    /// The change that made this version.
    pub patch_json: String,
    /// By which door it came.
    pub origin: String,
    /// Who sent it; may be empty.
    pub author: String,
    /// Stored, microseconds UTC.
    pub created_at: i64,
}

/// Columns of [`ClinicalRecord`], in the order of [`record`].
macro_rules! clinical_columns {
    () => {
        "study_instance_uid, version, data_json, patch_json, origin, author, created_at"
    };
}

fn record(row: &Row) -> Result<ClinicalRecord> {
    Ok(ClinicalRecord {
        study_uid: row.parsed(0, "study_clinical.study_instance_uid", |t| StudyInstanceUid::new(t).ok())?,
        version: row.int(1)?,
        data_json: row.text(2)?,
        patch_json: row.text(3)?,
        origin: row.text(4)?,
        author: row.text(5)?,
        created_at: row.int(6)?,
    })
}

/// Version in use of the study of a held series; 0 where the site stated nothing. Whoever stores a version holds the
/// series of its study, so that the version cannot change while the caller holds one of them.
pub(crate) async fn version(tx: &mut Tx, study_uid: &str) -> Result<i64> {
    let sql = "SELECT COALESCE(MAX(version), 0) FROM study_clinical WHERE study_instance_uid = $1";
    let row = tx.row("reading the version of clinical data", sql, args![study_uid]).await?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// A current result to be judged again with a new version: the same findings under a new key, `Reporting`, and the
/// job that writes its objects. The present one stays current until they are there.
async fn judge_again(
    archive: &Archive,
    tx: &mut Tx,
    uid: &str,
    held: &series::Held,
    version: i64,
    now: i64,
) -> Result<bool> {
    let sql = "SELECT result_id, config_digest, pack FROM result WHERE series_instance_uid = $1 AND state = 'current' \
               AND outcome = 'analyzed' AND result_json <> ''";
    let Some(row) = tx.row("reading the current result", sql, args![uid]).await? else { return Ok(false) };
    let (current, config) = (row.text(0)?, row.text(1)?);
    let shown = ShownWith { clinical: version, triage: triage::version(tx, &row.text(2)?).await? };
    let sql = "INSERT INTO result (result_id, series_instance_uid, revision, outcome, state, input_digest, \
               config_digest, pack, finding_count, result_json, document_json, created_at) \
               SELECT $1, series_instance_uid, $2, outcome, 'prepared', input_digest, $3, pack, finding_count, \
               result_json, document_json, $4 FROM result WHERE result_id = $5";
    let (id, config) = (crate::new_id(), config_digest_with(&config, shown));
    tx.execute("preparing a result", sql, args![&id, held.revision, &config, now, &current]).await?;
    series::set_state(tx, uid, SeriesState::Reporting, None, now).await?;
    let attempts = archive.inner.attempts;
    let report = NewJob::new(JobKind::ReportSeries, uid, &held.study_uid, held.revision, attempts);
    jobs::enqueue(tx, &report.with_result(&id), now).await?;
    Ok(true)
}

impl Archive {
    /// The clinical data in use of a study; `None` where the site stated nothing.
    ///
    /// # Errors
    /// What the database said.
    pub async fn clinical(&self, study_uid: &StudyInstanceUid) -> Result<Option<ClinicalRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            clinical_columns!(),
            " FROM study_clinical WHERE study_instance_uid = $1 ORDER BY version DESC LIMIT 1"
        );
        let row = self.inner.database.row("reading clinical data", SQL, args![study_uid.as_str()]).await?;
        row.as_ref().map(record).transpose()
    }

    /// Every version of the clinical data of a study, newest first, `limit` at most.
    ///
    /// # Errors
    /// What the database said.
    pub async fn clinical_history(
        &self,
        study_uid: &StudyInstanceUid,
        limit: i64,
    ) -> Result<Vec<ClinicalRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            clinical_columns!(),
            " FROM study_clinical WHERE study_instance_uid = $1 ORDER BY version DESC LIMIT $2"
        );
        let args = args![study_uid.as_str(), limit];
        let rows = self.inner.database.rows("reading clinical data", SQL, args).await?;
        rows.iter().map(record).collect()
    }

    /// Stores a change that was made to version `base` (0 = nothing stated yet) and lets every series of the study
    /// that has a current result be judged again, in one transaction; the new version. No network runs for it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown study, [`Error::Conflict`] when `base` is not in use any more.
    pub async fn store_clinical(
        &self,
        study_uid: &StudyInstanceUid,
        base: i64,
        new: &NewClinical,
    ) -> Result<i64> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_store_clinical(study_uid, base, new).await {
                // Intake locks series in the order of arrival: the database may have to let one of both go.
                Err(error) if error.is_transient() && tries < 3 => {}
                outcome => return outcome,
            }
        }
    }

    async fn try_store_clinical(
        &self,
        study_uid: &StudyInstanceUid,
        base: i64,
        new: &NewClinical,
    ) -> Result<i64> {
        let doing = "storing clinical data";
        let (study, now) = (study_uid.as_str(), crate::now());
        let mut tx = self.inner.database.begin().await?;
        let sql = "UPDATE study SET updated_at = updated_at WHERE study_instance_uid = $1";
        if tx.execute("holding a study", sql, args![study]).await? == 0 {
            return Err(Error::NotFound { what: format!("study {study_uid}") });
        }
        // The order of the UIDs is the order of locks of two that change the same study.
        let sql = "SELECT series_instance_uid FROM series WHERE study_instance_uid = $1 ORDER BY series_instance_uid";
        let mut all = Vec::new();
        for row in tx.rows("reading a study's series", sql, args![study]).await? {
            let uid = row.text(0)?;
            if let Some(held) = series::lock(&mut tx, &uid, now).await? {
                all.push((uid, held));
            }
        }
        let used = version(&mut tx, study).await?;
        if used != base {
            return Err(Error::Conflict(format!(
                "clinical data of study {study_uid} is at version {used}, not {base}; look again"
            )));
        }
        let version = base + 1;
        let sql = "INSERT INTO study_clinical (study_instance_uid, version, data_json, patch_json, origin, author, \
                   created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let args = args![study, version, &new.data_json, &new.patch_json, &new.origin, &new.author, now];
        tx.execute(doing, sql, args).await?;
        for (uid, held) in &all {
            let again = held.state == SeriesState::Done
                && judge_again(self, &mut tx, uid, held, version, now).await?;
            let end = if again { "; its findings are judged again" } else { "" };
            let message = format!("clinical data of the study became version {version}{end}");
            let fields = serde_json::json!({
                "version": version, "origin": new.origin, "author": new.author, "judged_again": again,
            });
            let event = NewEvent::new(EventKind::ClinicalChanged, message, fields);
            events::append(&mut tx, uid, now, event).await?;
        }
        tx.commit(doing).await?;
        self.ring();
        Ok(version)
    }
}

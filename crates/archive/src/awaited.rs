//! Clinical data of patients and orders whose images have not come: kept under PatientID or AccessionNumber until a study
//! brings it.

use crate::Archive;
use crate::database::{Row, args};
use crate::error::{Error, Result};
use crate::studies::Page;
use domain::StudyInstanceUid;

/// What names the studies to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    /// PatientID (0010,0020): every study of the patient to come.
    PatientId,
    /// AccessionNumber (0008,0050): one order.
    AccessionNumber,
}

impl SubjectKind {
    /// Word of the database and of REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PatientId => "patient_id",
            Self::AccessionNumber => "accession_number",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::PatientId, Self::AccessionNumber].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Clinical data that waits for its study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwaitedClinical {
    /// What `subject` is.
    pub kind: SubjectKind,
    /// PatientID or AccessionNumber.
    pub subject: String,
    /// All values, a JSON object.
    pub data_json: String,
    /// By which door it came.
    pub origin: String,
    /// Who sent it; may be empty.
    pub author: String,
}

/// Columns of [`AwaitedClinical`], in the order of [`record`].
macro_rules! awaited_columns {
    () => {
        "subject_kind, subject, data_json, origin, author"
    };
}

fn record(row: &Row) -> Result<AwaitedClinical> {
    Ok(AwaitedClinical {
        kind: row.parsed(0, "awaited_clinical.subject_kind", SubjectKind::parse)?,
        subject: row.text(1)?,
        data_json: row.text(2)?,
        origin: row.text(3)?,
        author: row.text(4)?,
    })
}

impl Archive {
    /// Keeps `new` in place of `before`, which the caller read (`None`: there was none); without `new` nothing is kept any more.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is not `before` that is kept now.
    pub async fn store_awaited(
        &self,
        kind: SubjectKind,
        subject: &str,
        before: Option<&AwaitedClinical>,
        new: Option<&AwaitedClinical>,
    ) -> Result<()> {
        let doing = "storing clinical data of a study to come";
        let mut tx = self.inner.database.begin().await?;
        let changed = match (before, new) {
            (None, None) => return Ok(()),
            (None, Some(new)) => {
                let sql = "INSERT INTO awaited_clinical (subject_kind, subject, data_json, origin, author, updated_at) \
                           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (subject_kind, subject) DO NOTHING";
                let args =
                    args![kind.as_str(), subject, &new.data_json, &new.origin, &new.author, crate::now()];
                tx.execute(doing, sql, args).await?
            }
            (Some(before), Some(new)) => {
                let sql = "UPDATE awaited_clinical SET data_json = $1, origin = $2, author = $3, updated_at = $4 \
                           WHERE subject_kind = $5 AND subject = $6 AND data_json = $7";
                let now = crate::now();
                let args = args![
                    &new.data_json,
                    &new.origin,
                    &new.author,
                    now,
                    kind.as_str(),
                    subject,
                    &before.data_json
                ];
                tx.execute(doing, sql, args).await?
            }
            (Some(before), None) => {
                let sql = "DELETE FROM awaited_clinical WHERE subject_kind = $1 AND subject = $2 AND data_json = $3";
                tx.execute(doing, sql, args![kind.as_str(), subject, &before.data_json]).await?
            }
        };
        if changed == 0 {
            let text = format!("what waits for {} {subject:?} changed meanwhile; look again", kind.as_str());
            return Err(Error::Conflict(text));
        }
        tx.commit(doing).await
    }

    /// What waits for studies of this PatientID or with this AccessionNumber.
    ///
    /// # Errors
    /// What the database said.
    pub async fn awaited(&self, kind: SubjectKind, subject: &str) -> Result<Option<AwaitedClinical>> {
        const SQL: &str = concat!(
            "SELECT ",
            awaited_columns!(),
            " FROM awaited_clinical WHERE subject_kind = $1 AND subject = $2"
        );
        let args = args![kind.as_str(), subject];
        let row = self.inner.database.row("reading awaited clinical data", SQL, args).await?;
        row.as_ref().map(record).transpose()
    }

    /// Everything that waits, by subject.
    ///
    /// # Errors
    /// What the database said.
    pub async fn all_awaited(&self, page: Page) -> Result<Vec<AwaitedClinical>> {
        const SQL: &str = concat!(
            "SELECT ",
            awaited_columns!(),
            " FROM awaited_clinical ORDER BY subject_kind, subject LIMIT $1 OFFSET $2"
        );
        let args = args![page.limit, page.offset];
        let rows = self.inner.database.rows("listing awaited clinical data", SQL, args).await?;
        rows.iter().map(record).collect()
    }

    /// What waits for a study that came: of its patient, then of its order, which stands over it.
    ///
    /// # Errors
    /// What the database said.
    pub async fn awaited_of(&self, study_uid: &StudyInstanceUid) -> Result<Vec<AwaitedClinical>> {
        let sql = "SELECT w.subject_kind, w.subject, w.data_json, w.origin, w.author FROM study s \
                   JOIN awaited_clinical w ON (w.subject_kind = 'patient_id' AND w.subject = s.patient_id) \
                   OR (w.subject_kind = 'accession_number' AND w.subject = s.accession_number) \
                   WHERE s.study_instance_uid = $1 ORDER BY w.subject_kind DESC";
        let args = args![study_uid.as_str()];
        let rows = self.inner.database.rows("reading awaited clinical data", sql, args).await?;
        rows.iter().map(record).collect()
    }
}

//! Studies as lists show them.

use crate::Archive;
use crate::database::{Row, args};
use crate::error::Result;
use crate::series::{self, SeriesRecord, series_columns};
use domain::{SeriesState, StudyInstanceUid};

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Rows at most.
    pub limit: i64,
    /// Rows left out before them.
    pub offset: i64,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: 100, offset: 0 }
    }
}

/// In which order studies are listed. Every one of them is, in either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StudyOrder {
    /// Newest first.
    #[default]
    Newest,
    /// Highest triage score of a current result first; those without a score after them, each newest first.
    Triage,
}

/// Which studies to list; `None` is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StudyFilter {
    /// PatientID, exactly.
    pub patient_id: Option<String>,
    /// AccessionNumber, exactly.
    pub accession_number: Option<String>,
    /// With a series in this state.
    pub state: Option<SeriesState>,
    /// Part of PatientName, PatientID, AccessionNumber, StudyDescription or the UID; case of ASCII letters
    /// is ignored.
    pub text: Option<String>,
    /// In which order.
    pub order: StudyOrder,
    /// Which page.
    pub page: Page,
}

/// A study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyRecord {
    /// Study.
    pub study_uid: StudyInstanceUid,
    /// PatientID (0010,0020).
    pub patient_id: String,
    /// PatientName (0010,0010).
    pub patient_name: String,
    /// PatientBirthDate (0010,0030).
    pub patient_birth_date: String,
    /// PatientSex (0010,0040).
    pub patient_sex: String,
    /// StudyDate (0008,0020).
    pub study_date: String,
    /// StudyTime (0008,0030).
    pub study_time: String,
    /// StudyDescription (0008,1030).
    pub study_description: String,
    /// AccessionNumber (0008,0050).
    pub accession_number: String,
    /// ReferringPhysicianName (0008,0090).
    pub referring_physician: String,
    /// First instance stored, microseconds UTC.
    pub created_at: i64,
    /// Latest series opened, microseconds UTC.
    pub updated_at: i64,
    /// Its series, in the order of arrival.
    pub series: Vec<SeriesRecord>,
}

macro_rules! study_columns {
    () => {
        "study_instance_uid, patient_id, patient_name, patient_birth_date, patient_sex, study_date, \
         study_time, study_description, accession_number, referring_physician, created_at, updated_at"
    };
}

fn record(row: &Row) -> Result<StudyRecord> {
    Ok(StudyRecord {
        study_uid: row.parsed(0, "study.study_instance_uid", |t| StudyInstanceUid::new(t).ok())?,
        patient_id: row.text(1)?,
        patient_name: row.text(2)?,
        patient_birth_date: row.text(3)?,
        patient_sex: row.text(4)?,
        study_date: row.text(5)?,
        study_time: row.text(6)?,
        study_description: row.text(7)?,
        accession_number: row.text(8)?,
        referring_physician: row.text(9)?,
        created_at: row.int(10)?,
        updated_at: row.int(11)?,
        series: Vec::new(),
    })
}

impl Archive {
    /// Studies with their series, in the order of the filter.
    ///
    /// # Errors
    /// What the database said.
    pub async fn studies(&self, filter: &StudyFilter) -> Result<Vec<StudyRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            study_columns!(),
            " FROM study WHERE ($1 = '' OR patient_id = $1) AND ($2 = '' OR accession_number = $2) \
             AND ($3 = '' OR EXISTS (SELECT 1 FROM series s \
              WHERE s.study_instance_uid = study.study_instance_uid AND s.state = $3)) \
             AND ($4 = '' OR LOWER(patient_name) LIKE $4 ESCAPE '!' OR LOWER(patient_id) LIKE $4 ESCAPE '!' \
              OR LOWER(accession_number) LIKE $4 ESCAPE '!' OR LOWER(study_description) LIKE $4 ESCAPE '!' \
              OR study_instance_uid LIKE $4 ESCAPE '!') \
             ORDER BY CASE WHEN $7 = 'triage' THEN (SELECT COALESCE(MAX(r.triage_score), 0) FROM series s \
              JOIN result r ON r.series_instance_uid = s.series_instance_uid AND r.state = 'current' \
              WHERE s.study_instance_uid = study.study_instance_uid) ELSE 0 END DESC, \
             created_at DESC, study_instance_uid LIMIT $5 OFFSET $6"
        );
        let text = filter.text.as_deref().map(pattern).unwrap_or_default();
        let args = args![
            filter.patient_id.as_deref().unwrap_or_default(),
            filter.accession_number.as_deref().unwrap_or_default(),
            filter.state.map_or("", SeriesState::as_str),
            &text,
            filter.page.limit,
            filter.page.offset,
            match filter.order {
                StudyOrder::Newest => "newest",
                StudyOrder::Triage => "triage",
            },
        ];
        let rows = self.inner.database.rows("reading studies", SQL, args).await?;
        let mut studies = rows.iter().map(record).collect::<Result<Vec<_>>>()?;
        for study in &mut studies {
            study.series = self.series_of_study(&study.study_uid).await?;
        }
        Ok(studies)
    }

    /// The study with its series, or `None`.
    ///
    /// # Errors
    /// What the database said.
    pub async fn study(&self, study_uid: &StudyInstanceUid) -> Result<Option<StudyRecord>> {
        const SQL: &str = concat!("SELECT ", study_columns!(), " FROM study WHERE study_instance_uid = $1");
        let row = self.inner.database.row("reading a study", SQL, args![study_uid.as_str()]).await?;
        let Some(row) = row else { return Ok(None) };
        let mut study = record(&row)?;
        study.series = self.series_of_study(study_uid).await?;
        Ok(Some(study))
    }

    /// Series of a study, in the order of arrival.
    ///
    /// # Errors
    /// What the database said.
    pub async fn series_of_study(&self, study_uid: &StudyInstanceUid) -> Result<Vec<SeriesRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            series_columns!(),
            " FROM series WHERE study_instance_uid = $1 ORDER BY first_arrival_at, series_instance_uid"
        );
        let rows = self.inner.database.rows("reading series", SQL, args![study_uid.as_str()]).await?;
        rows.iter().map(series::record).collect()
    }
}

/// `text` anywhere, with what LIKE takes for wild marked as itself.
fn pattern(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}

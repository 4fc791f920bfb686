//! What arrived: instances as they are given in, and as they are stored.

use crate::Archive;
use crate::database::{Row, args};
use crate::error::{Error, Result};
use crate::files;
use bytes::Bytes;
use domain::{SeriesInstanceUid, SopInstanceUid, StudyInstanceUid};

/// Texts of the header that lists show and filter by; UTF-8, empty when absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesTexts {
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
    /// Modality (0008,0060).
    pub modality: String,
    /// SeriesNumber (0020,0011).
    pub series_number: Option<i64>,
    /// SeriesDescription (0008,103E).
    pub series_description: String,
    /// BodyPartExamined (0018,0015).
    pub body_part: String,
}

/// An instance to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInstance {
    /// Study that it says it belongs to.
    pub study_uid: StudyInstanceUid,
    /// Series that it says it belongs to.
    pub series_uid: SeriesInstanceUid,
    /// Its SOP Instance UID.
    pub sop_instance_uid: SopInstanceUid,
    /// Its SOP Class UID.
    pub sop_class_uid: String,
    /// Transfer syntax of the data set as received.
    pub transfer_syntax_uid: String,
    /// sha256 in hex over the data set as received, without file meta information.
    pub data_set_sha256: String,
    /// What completeness and grouping need of the header; opaque here.
    pub facts_json: String,
    /// Texts for lists.
    pub texts: SeriesTexts,
    /// AE title of the sender.
    pub calling_ae: String,
    /// Association that it came over, when it came over one.
    pub association_id: Option<String>,
    /// Last byte received, microseconds UTC.
    pub received_at: i64,
}

/// What became of an instance. In every case its bytes and its row are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOutcome {
    /// New.
    Stored,
    /// Known, with the same bytes; one copy is kept.
    Identical,
    /// The SOP Instance UID is known with other bytes; both are kept, the first stays the one analysed.
    Conflicting,
}

/// A stored instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRecord {
    /// Study that it says it belongs to.
    pub study_uid: StudyInstanceUid,
    /// Series that it says it belongs to.
    pub series_uid: SeriesInstanceUid,
    /// Its SOP Instance UID.
    pub sop_instance_uid: SopInstanceUid,
    /// 0 is the first that came and the one analysed; higher ones came with other bytes.
    pub version: i64,
    /// Its SOP Class UID.
    pub sop_class_uid: String,
    /// Transfer syntax as received.
    pub transfer_syntax_uid: String,
    /// sha256 in hex over the data set as received.
    pub data_set_sha256: String,
    /// Key of its bytes, for [`Archive::blob`].
    pub blob_key: String,
    /// Bytes stored.
    pub size_bytes: i64,
    /// As given in.
    pub facts_json: String,
    /// AE title of the sender.
    pub calling_ae: String,
    /// Association that it came over.
    pub association_id: Option<String>,
    /// Microseconds UTC.
    pub received_at: i64,
}

/// Columns of [`InstanceRecord`], in the order of [`record`].
macro_rules! instance_columns {
    () => {
        "study_instance_uid, series_instance_uid, sop_instance_uid, version, sop_class_uid, \
         transfer_syntax_uid, data_set_sha256, blob_key, size_bytes, facts_json, calling_ae, \
         association_id, received_at"
    };
}

fn record(row: &Row) -> Result<InstanceRecord> {
    Ok(InstanceRecord {
        study_uid: row.parsed(0, "instance.study_instance_uid", |t| StudyInstanceUid::new(t).ok())?,
        series_uid: row.parsed(1, "instance.series_instance_uid", |t| SeriesInstanceUid::new(t).ok())?,
        sop_instance_uid: row.parsed(2, "instance.sop_instance_uid", |t| SopInstanceUid::new(t).ok())?,
        version: row.int(3)?,
        sop_class_uid: row.text(4)?,
        transfer_syntax_uid: row.text(5)?,
        data_set_sha256: row.text(6)?,
        blob_key: row.text(7)?,
        size_bytes: row.int(8)?,
        facts_json: row.text(9)?,
        calling_ae: row.text(10)?,
        association_id: row.opt_text(11)?,
        received_at: row.int(12)?,
    })
}

impl Archive {
    /// Stores `bytes` (a DICOM file with its meta information) and its row; returns when both survive a
    /// power cut. Rows of concurrent callers share one commit.
    ///
    /// A new instance of a series past `Receiving` reopens it: revision + 1, its queued jobs cancelled.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no room, else what stopped it; nothing was acknowledged then, and the
    /// same call may be tried again.
    pub async fn store_instance(&self, instance: NewInstance, bytes: Bytes) -> Result<StoreOutcome> {
        let hash_is_hex = instance.data_set_sha256.len() == 64
            && instance.data_set_sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if !hash_is_hex {
            return Err(Error::Conflict(format!(
                "instance {}: data_set_sha256 is not 64 hex digits",
                instance.sop_instance_uid
            )));
        }
        let size_bytes = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let key = files::instance_key(&instance.data_set_sha256, &instance.transfer_syntax_uid);
        // What lies under the key already counts when a row names it: a row is only ever written after its
        // bytes are durable. Without a row it may be torn, and is replaced. Most instances are new: they are
        // written without asking.
        if self.inner.files.create(&key, &bytes).await? {
            crate::faults::point("after_blob");
        } else if !self.holds(&instance).await? {
            self.inner.files.put(&key, bytes).await?;
            crate::faults::point("after_blob");
        }
        self.inner.intake.write(instance, key, size_bytes).await
    }

    async fn holds(&self, instance: &NewInstance) -> Result<bool> {
        let sql = "SELECT version FROM instance WHERE sop_instance_uid = $1 AND data_set_sha256 = $2 \
                   AND transfer_syntax_uid = $3";
        let args = args![
            instance.sop_instance_uid.as_str(),
            &instance.data_set_sha256,
            &instance.transfer_syntax_uid
        ];
        Ok(self.inner.database.row("looking for an instance", sql, args).await?.is_some())
    }

    /// The instances of a series that are analysed, by SOP Instance UID.
    ///
    /// # Errors
    /// What the database said.
    pub async fn series_instances(&self, series_uid: &SeriesInstanceUid) -> Result<Vec<InstanceRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            instance_columns!(),
            " FROM instance WHERE series_instance_uid = $1 AND version = 0 ORDER BY sop_instance_uid"
        );
        let rows = self.inner.database.rows("reading instances", SQL, args![series_uid.as_str()]).await?;
        rows.iter().map(record).collect()
    }

    /// Every version under a SOP Instance UID, the analysed one first; empty when unknown.
    ///
    /// # Errors
    /// What the database said.
    pub async fn instance_versions(&self, sop_instance_uid: &SopInstanceUid) -> Result<Vec<InstanceRecord>> {
        const SQL: &str = concat!(
            "SELECT ",
            instance_columns!(),
            " FROM instance WHERE sop_instance_uid = $1 ORDER BY version"
        );
        let rows =
            self.inner.database.rows("reading an instance", SQL, args![sop_instance_uid.as_str()]).await?;
        rows.iter().map(record).collect()
    }

    /// Bytes of the analysed version of an instance, as received.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is unknown.
    pub async fn instance_blob(&self, sop_instance_uid: &SopInstanceUid) -> Result<Bytes> {
        let versions = self.instance_versions(sop_instance_uid).await?;
        let first = versions
            .first()
            .ok_or_else(|| Error::NotFound { what: format!("instance {sop_instance_uid}") })?;
        self.blob(&first.blob_key).await
    }
}

//! What all derived objects (SR, SEG) share: options, result, errors, and the modules that every one of them carries.

use crate::attributes::Attributes;
use crate::source::SourceContext;
use dicom_dictionary_std::tags;
use time::OffsetDateTime;

/// One DICOM object that lungcad made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedObject {
    /// SOP Class UID.
    pub sop_class_uid: String,
    /// SOP Instance UID, a function of input, pack and settings.
    pub sop_instance_uid: String,
    /// Series that holds it.
    pub series_instance_uid: String,
    /// The file (PS3.10), Explicit VR Little Endian.
    pub bytes: Vec<u8>,
}

/// Why an object cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The library refused the data set.
    #[error("writing {what}: {cause}")]
    Encode {
        /// Kind of object.
        what: &'static str,
        /// The library's words.
        cause: String,
    },
    /// A pixel array does not have the size that the header gives.
    #[error("writing {what}: {found} pixels where {rows} rows x {columns} columns are needed")]
    PixelCount {
        /// Kind of object.
        what: &'static str,
        /// Pixels given.
        found: usize,
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
    /// A slice index, mask or number does not fit the volume or the format.
    #[error("writing {what}: {detail}")]
    Inconsistent {
        /// Kind of object.
        what: &'static str,
        /// What does not fit.
        detail: String,
    },
}

/// Whether a person will still look at the report before it counts (0040,A496).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preliminary {
    /// `PRELIMINARY`.
    Preliminary,
    /// `FINAL`.
    Final,
}

/// SOP class of the report; the tree is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrClass {
    /// Comprehensive 3D SR, the default.
    Comprehensive3d,
    /// Comprehensive SR, for archives that do not know the former.
    Comprehensive,
    /// Enhanced SR, for still older ones.
    Enhanced,
}

impl SrClass {
    /// SOP Class UID.
    #[must_use]
    pub fn sop_class_uid(self) -> &'static str {
        match self {
            Self::Comprehensive3d => "1.2.840.10008.5.1.4.1.1.88.34",
            Self::Comprehensive => "1.2.840.10008.5.1.4.1.1.88.33",
            Self::Enhanced => "1.2.840.10008.5.1.4.1.1.88.22",
        }
    }
}

/// The report that a new one replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predecessor {
    /// Study of the old report.
    pub study_instance_uid: String,
    /// Series of the old report.
    pub series_instance_uid: String,
    /// SOP class of the old report.
    pub sop_class_uid: String,
    /// The old report.
    pub sop_instance_uid: String,
}

/// What the site decides about derived objects.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectOptions {
    /// Preliminary or final.
    pub preliminary: Preliminary,
    /// SOP class of the report.
    pub sr_class: SrClass,
    /// Series Number of reports; 9001 by convention.
    pub sr_series_number: u32,
    /// Series Number of segmentations; 9002 by convention.
    pub seg_series_number: u32,
    /// Constant of the installation; Device Observer UID and serial number come from it.
    pub installation_id: String,
    /// Version of lungcad.
    pub software_version: String,
    /// When the objects are written, in the offset of the site.
    pub written_at: OffsetDateTime,
    /// Report that this one replaces.
    pub predecessor: Option<Predecessor>,
}

impl ObjectOptions {
    /// Defaults of the product: preliminary Comprehensive 3D SR in series 9001, SEG in 9002.
    #[must_use]
    pub fn new(installation_id: &str, software_version: &str, written_at: OffsetDateTime) -> Self {
        Self {
            preliminary: Preliminary::Preliminary,
            sr_class: SrClass::Comprehensive3d,
            sr_series_number: 9001,
            seg_series_number: 9002,
            installation_id: installation_id.to_owned(),
            software_version: software_version.to_owned(),
            written_at,
            predecessor: None,
        }
    }

    /// Device Observer UID (TID 1004): the same for all objects of an installation.
    #[must_use]
    pub fn device_observer_uid(&self) -> String {
        domain::derived_uid(&["device", &self.installation_id])
    }
}

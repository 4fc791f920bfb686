//! What all derived objects (SR, SEG) share: options, result, errors, and the modules that every one of them carries.

use crate::attributes::Attributes;
use crate::codes;
use crate::source::SourceContext;
use dicom_dictionary_std::tags;
use time::{OffsetDateTime, UtcOffset};

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

    /// `written_at` in the offset that the scan declares for its own dates (0008,0201), else as given: one
    /// object has one offset for all of its dates.
    pub(crate) fn moment(&self, source: &SourceContext) -> Moment {
        let text = source.text(tags::TIMEZONE_OFFSET_FROM_UTC);
        let at = parse_offset(text).map_or(self.written_at, |offset| self.written_at.to_offset(offset));
        Moment {
            date: format!("{:04}{:02}{:02}", at.year(), u8::from(at.month()), at.day()),
            time: format!("{:02}{:02}{:02}", at.hour(), at.minute(), at.second()),
        }
    }

    /// Device Observer UID (TID 1004): the same for all objects of an installation.
    #[must_use]
    pub fn device_observer_uid(&self) -> String {
        domain::derived_uid(&["device", &self.installation_id])
    }
}

/// Name of the maker and of the product in every equipment module.
pub(crate) const PRODUCT: &str = "lungcad";

/// A date and a time of the day as DA and TM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) date: String,
    pub(crate) time: String,
}

/// `&ZZXX` of PS3.3 C.12.1.1.8.
fn parse_offset(text: &str) -> Option<UtcOffset> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-'])?;
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i8>().ok();
    let (hours, minutes) = (number(0..2)?, number(2..4)?);
    let sign = if negative { -1 } else { 1 };
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

/// The series and instance that a derived object becomes.
pub(crate) struct Identity<'a> {
    pub(crate) sop_class_uid: &'a str,
    pub(crate) sop_instance_uid: &'a str,
    pub(crate) series_instance_uid: &'a str,
    pub(crate) modality: &'a str,
    pub(crate) series_number: u32,
    pub(crate) series_description: &'a str,
    /// Version of the networks, empty without.
    pub(crate) pack_version: &'a str,
}

/// Modules that SR and SEG share: Patient, Study, Series, Equipment, SOP Common.
pub(crate) fn common_modules(
    identity: &Identity<'_>,
    source: &SourceContext,
    options: &ObjectOptions,
) -> Attributes {
    let now = options.moment(source);
    let mut a = source.patient_and_study();
    a.text(tags::SOP_CLASS_UID, identity.sop_class_uid)
        .text(tags::SOP_INSTANCE_UID, identity.sop_instance_uid)
        .text(tags::SERIES_INSTANCE_UID, identity.series_instance_uid)
        .text(tags::MODALITY, identity.modality)
        .number(tags::SERIES_NUMBER, identity.series_number)
        .number(tags::INSTANCE_NUMBER, 1)
        .text(tags::SERIES_DESCRIPTION, identity.series_description)
        .text(tags::MANUFACTURER, PRODUCT)
        .text(tags::MANUFACTURER_MODEL_NAME, PRODUCT)
        .text(tags::DEVICE_SERIAL_NUMBER, &options.installation_id)
        .item(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE, acquisition_equipment(source));
    let versions: Vec<&str> = [options.software_version.as_str(), identity.pack_version]
        .into_iter()
        .filter(|v| !v.is_empty())
        .collect();
    a.texts(tags::SOFTWARE_VERSIONS, &versions);
    for tag in [tags::SERIES_DATE, tags::CONTENT_DATE, tags::INSTANCE_CREATION_DATE] {
        a.text(tag, &now.date);
    }
    for tag in [tags::SERIES_TIME, tags::CONTENT_TIME, tags::INSTANCE_CREATION_TIME] {
        a.text(tag, &now.time);
    }
    a
}

/// The scanner, as an item of ContributingEquipmentSequence.
fn acquisition_equipment(source: &SourceContext) -> Attributes {
    let mut item = Attributes::new();
    item.item(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, codes::ACQUISITION_EQUIPMENT.item());
    let manufacturer = match source.text(tags::MANUFACTURER) {
        "" => "unknown",
        name => name,
    };
    item.text(tags::MANUFACTURER, manufacturer);
    let optional = [
        tags::MANUFACTURER_MODEL_NAME,
        tags::STATION_NAME,
        tags::DEVICE_SERIAL_NUMBER,
        tags::SOFTWARE_VERSIONS,
        tags::INSTITUTION_NAME,
    ];
    for tag in optional {
        match source.text(tag) {
            "" => {}
            text => {
                item.text(tag, text);
            }
        }
    }
    item
}

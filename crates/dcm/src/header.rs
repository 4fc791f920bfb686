//! The attributes that lungcad uses, read tolerantly: what is missing or malformed is absent, and the
//! stage that needs it decides. Only the three UIDs that say which instance this is must be there.
//!
//! The object is walked within [`Limits`] on the same pass ([`crate::walk`]): reading a header guards it.

use crate::guard::{self, GuardError};
use crate::limits::Limits;
use crate::pixels::{PixelFormat, RawFormat};
use crate::text;
use crate::walk::{Element, Encoding, Level, Visitor, walk};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use domain::{SeriesInstanceUid, SopInstanceUid, StudyInstanceUid, UidError};
use serde::{Deserialize, Serialize};

mod frames;
mod values;
pub use frames::FrameGeometry;
use frames::FunctionalGroups;
use values::Values;

/// How to read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Bounds.
    pub limits: Limits,
    /// Character set for objects that declare none (or ASCII) and hold other bytes all the same, as a
    /// defined term of PS3.3 C.12.1.1.2, e.g. `GB18030`.
    pub charset_fallback: Option<String>,
}

/// Why a header cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The guard refuses the bytes.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// One of the identifying UIDs is missing.
    #[error("{attribute} is missing; the object cannot be told from others")]
    UidMissing {
        /// DICOM keyword.
        attribute: &'static str,
    },
    /// One of the identifying UIDs is not a UID.
    #[error("{attribute} is not a valid UID: {cause}")]
    UidInvalid {
        /// DICOM keyword.
        attribute: &'static str,
        /// In what way.
        cause: UidError,
    },
}

/// What one instance says about itself. Stored as JSON per instance in the archive; absent attributes
/// take no room there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceHeader {
    /// Study Instance UID (0020,000D).
    pub study_instance_uid: StudyInstanceUid,
    /// Series Instance UID (0020,000E).
    pub series_instance_uid: SeriesInstanceUid,
    /// SOP Instance UID (0008,0018).
    pub sop_instance_uid: SopInstanceUid,
    /// SOP Class UID (0008,0016).
    pub sop_class_uid: String,
    /// Transfer syntax of the bytes read.
    pub transfer_syntax_uid: String,
    /// Values of SpecificCharacterSet (0008,0005).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub specific_character_set: Vec<String>,
    /// ImageType (0008,0008); of multi-frame objects FrameType of the shared group where ImageType is absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_type: Vec<String>,
    /// Modality (0008,0060).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modality: Option<String>,
    /// PatientName (0010,0010), decoded, components separated by `^` as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_name: Option<String>,
    /// PatientID (0010,0020).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_id: Option<String>,
    /// IssuerOfPatientID (0010,0021).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_of_patient_id: Option<String>,
    /// PatientBirthDate (0010,0030), `YYYYMMDD` as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_birth_date: Option<String>,
    /// PatientSex (0010,0040).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_sex: Option<String>,
    /// PatientAge (0010,1010), e.g. `061Y`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_age: Option<String>,
    /// PatientPosition (0018,5100); the axes are in ImageOrientationPatient already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_position: Option<String>,
    /// StudyDate (0008,0020), as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study_date: Option<String>,
    /// StudyTime (0008,0030), as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study_time: Option<String>,
    /// StudyID (0020,0010).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study_id: Option<String>,
    /// StudyDescription (0008,1030).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study_description: Option<String>,
    /// AccessionNumber (0008,0050).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accession_number: Option<String>,
    /// ReferringPhysicianName (0008,0090).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referring_physician_name: Option<String>,
    /// InstitutionName (0008,0080).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub institution_name: Option<String>,
    /// SeriesNumber (0020,0011).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_number: Option<i64>,
    /// SeriesDate (0008,0021), as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_date: Option<String>,
    /// SeriesTime (0008,0031), as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_time: Option<String>,
    /// SeriesDescription (0008,103E).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_description: Option<String>,
    /// ProtocolName (0018,1030).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol_name: Option<String>,
    /// BodyPartExamined (0018,0015); unreliable, never decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_part_examined: Option<String>,
    /// Manufacturer (0008,0070).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// ManufacturerModelName (0008,1090).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer_model_name: Option<String>,
    /// StationName (0008,1010).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub station_name: Option<String>,
    /// DeviceSerialNumber (0018,1000).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_serial_number: Option<String>,
    /// SoftwareVersions (0018,1020).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_versions: Option<String>,
    /// AcquisitionNumber (0020,0012).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquisition_number: Option<i64>,
    /// AcquisitionDate (0008,0022), as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquisition_date: Option<String>,
    /// AcquisitionTime (0008,0032), as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquisition_time: Option<String>,
    /// AcquisitionDateTime (0008,002A), as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquisition_date_time: Option<String>,
    /// AcquisitionUID (0008,0017).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquisition_uid: Option<String>,
    /// IrradiationEventUID (0008,3010).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irradiation_event_uid: Option<String>,
    /// TemporalPositionIdentifier (0020,0100).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporal_position_identifier: Option<i64>,
    /// ContrastBolusAgent (0018,0010).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast_bolus_agent: Option<String>,
    /// ConvolutionKernel (0018,1210).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub convolution_kernel: Vec<String>,
    /// KVP (0018,0060), kV.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kvp: Option<f64>,
    /// XRayTubeCurrent (0018,1151), mA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_ray_tube_current_ma: Option<f64>,
    /// ExposureTime (0018,1150), ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure_time_ms: Option<f64>,
    /// Exposure (0018,1152), mAs; not a dose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure_mas: Option<f64>,
    /// CTDIvol (0018,9345), mGy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctdi_vol_mgy: Option<f64>,
    /// GantryDetectorTilt (0018,1120), degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gantry_tilt_degrees: Option<f64>,
    /// ReconstructionDiameter (0018,1100), mm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconstruction_diameter_mm: Option<f64>,
    /// SliceThickness (0018,0050), mm; not the spacing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_thickness_mm: Option<f64>,
    /// FrameOfReferenceUID (0020,0052); may differ on every slice of one scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_of_reference_uid: Option<String>,
    /// PositionReferenceIndicator (0020,1040).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_reference_indicator: Option<String>,
    /// InstanceNumber (0020,0013); never used to sort.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_number: Option<i64>,
    /// RescaleType (0028,1054); absent means HU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescale_type: Option<String>,
    /// LossyImageCompression (0028,2110): `01` when the pixels ever went through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lossy_image_compression: Option<String>,
    /// BurnedInAnnotation (0028,0301).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burned_in_annotation: Option<String>,
    /// How pixels are stored; absent when the object holds no image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<PixelFormat>,
    /// One per frame of a CT image (one for a single-frame image, none for other objects).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<FrameGeometry>,
    /// Fingerprint of the pixel data as sent: the same for identical copies of a slice. Not cryptographic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_fingerprint: Option<u64>,
}

/// Reads a Part 10 file (or a bare data set that is recognisable).
///
/// # Errors
/// [`HeaderError`] when the guard refuses the bytes or an identifying UID is missing or malformed.
pub fn read(file_bytes: &[u8], options: &ReadOptions) -> Result<InstanceHeader, HeaderError> {
    let located = guard::locate(file_bytes, &options.limits)?;
    let data_set = file_bytes.get(located.offset..).unwrap_or(&[]);
    read_data_set(data_set, &located.transfer_syntax_uid, options)
}

/// Reads a data set without file meta group, as it comes over an association.
///
/// # Errors
/// As [`read`].
pub fn read_data_set(
    data_set: &[u8],
    transfer_syntax_uid: &str,
    options: &ReadOptions,
) -> Result<InstanceHeader, HeaderError> {
    let size = data_set.len();
    if size > options.limits.object_size_max {
        return Err(GuardError::TooLarge { size, max: options.limits.object_size_max }.into());
    }
    let (data_set, encoding) = guard::plain(data_set, transfer_syntax_uid, &options.limits)?;
    let mut collected = Collected::default();
    walk(&data_set, encoding, &options.limits, &mut collected).map_err(GuardError::Walk)?;
    if collected.is_analyzed() {
        collected.format.shape.check(&options.limits)?;
    }
    collected.into_header(transfer_syntax_uid, options)
}

/// Raw values of the attributes that we use, by tag, and the functional groups.
#[derive(Default)]
struct Collected<'b> {
    values: Vec<(Tag, &'b [u8], Encoding)>,
    groups: FunctionalGroups,
    format: RawFormat,
    pixel_fingerprint: Option<u64>,
}

/// Attributes kept by [`Collected`]; everything else is walked over.
const USED: &[Tag] = &[
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::SPECIFIC_CHARACTER_SET,
    tags::IMAGE_TYPE,
    tags::MODALITY,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::PATIENT_AGE,
    tags::PATIENT_POSITION,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::STUDY_ID,
    tags::STUDY_DESCRIPTION,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::INSTITUTION_NAME,
    tags::SERIES_NUMBER,
    tags::SERIES_DATE,
    tags::SERIES_TIME,
    tags::SERIES_DESCRIPTION,
    tags::PROTOCOL_NAME,
    tags::BODY_PART_EXAMINED,
    tags::MANUFACTURER,
    tags::MANUFACTURER_MODEL_NAME,
    tags::STATION_NAME,
    tags::DEVICE_SERIAL_NUMBER,
    tags::SOFTWARE_VERSIONS,
    tags::ACQUISITION_NUMBER,
    tags::ACQUISITION_DATE,
    tags::ACQUISITION_TIME,
    tags::ACQUISITION_DATE_TIME,
    tags::ACQUISITION_UID,
    tags::IRRADIATION_EVENT_UID,
    tags::TEMPORAL_POSITION_IDENTIFIER,
    tags::CONTRAST_BOLUS_AGENT,
    tags::CONVOLUTION_KERNEL,
    tags::KVP,
    tags::X_RAY_TUBE_CURRENT,
    tags::EXPOSURE_TIME,
    tags::EXPOSURE,
    tags::CTD_IVOL,
    tags::GANTRY_DETECTOR_TILT,
    tags::RECONSTRUCTION_DIAMETER,
    tags::SLICE_THICKNESS,
    tags::FRAME_OF_REFERENCE_UID,
    tags::POSITION_REFERENCE_INDICATOR,
    tags::INSTANCE_NUMBER,
    tags::RESCALE_TYPE,
    tags::LOSSY_IMAGE_COMPRESSION,
    tags::BURNED_IN_ANNOTATION,
    tags::FRAME_TYPE,
    tags::IMAGE_POSITION_PATIENT,
    tags::IMAGE_ORIENTATION_PATIENT,
    tags::PIXEL_SPACING,
    tags::RESCALE_SLOPE,
    tags::RESCALE_INTERCEPT,
];

impl<'b> Visitor<'b> for Collected<'b> {
    fn element(&mut self, path: &[Level], element: &Element<'b>) {
        if let [outer, inner] = path {
            self.groups.element(outer, inner, element);
            return;
        }
        if !path.is_empty() {
            return;
        }
        self.format.element(element);
        if element.tag == tags::PIXEL_DATA {
            self.pixel_fingerprint = Some(fingerprint(element.value));
        } else if USED.contains(&element.tag) && !self.values.iter().any(|(tag, ..)| *tag == element.tag) {
            self.values.push((element.tag, element.value, element.encoding));
        }
    }
}

/// Multiply and rotate over 8-byte words (the mixing step of FxHash), in four lanes so that they overlap:
/// fast enough for every slice that arrives, and equal for equal bytes, which is all that is asked of it.
fn fingerprint(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let word = |eight: &[u8]| eight.try_into().map_or(0, u64::from_le_bytes);
    let blocks = bytes.chunks_exact(32);
    let tail = blocks.remainder().iter().fold(bytes.len() as u64, |hash, b| mix(hash, u64::from(*b)));
    let mut lanes = [1u64, 2, 3, 4];
    for block in blocks {
        for (lane, eight) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            *lane = mix(*lane, word(eight));
        }
    }
    lanes.into_iter().fold(tail, mix)
}

impl Collected<'_> {
    /// As in the guard: the bounds on dimensions are for what may be decoded.
    fn is_analyzed(&self) -> bool {
        let class = self.values.iter().find(|(tag, ..)| *tag == tags::SOP_CLASS_UID);
        let class = class.and_then(|(_, value, _)| guard::ascii(value));
        class.as_deref().is_none_or(crate::conformance::is_analyzed)
    }

    #[allow(clippy::too_many_lines)] // one line per attribute
    fn into_header(
        self,
        transfer_syntax_uid: &str,
        options: &ReadOptions,
    ) -> Result<InstanceHeader, HeaderError> {
        let charset = self
            .values
            .iter()
            .find(|(tag, ..)| *tag == tags::SPECIFIC_CHARACTER_SET)
            .map(|(_, value, _)| text::decode_values(value, &[], None))
            .unwrap_or_default();
        let v = Values { collected: &self, charset, fallback: options.charset_fallback.as_deref() };
        let invalid = |attribute| move |cause| HeaderError::UidInvalid { attribute, cause };
        let shared = self.groups.shared();
        let pixels = self.format.finish();
        // Other objects are kept, not placed; and their NumberOfFrames was not checked.
        let placed = pixels.as_ref().filter(|_| self.is_analyzed());
        let frames = self.groups.frames(&FrameGeometry::from_values(&v), placed);
        Ok(InstanceHeader {
            study_instance_uid: StudyInstanceUid::new(
                &v.uid_text(tags::STUDY_INSTANCE_UID, "StudyInstanceUID")?,
            )
            .map_err(invalid("StudyInstanceUID"))?,
            series_instance_uid: SeriesInstanceUid::new(
                &v.uid_text(tags::SERIES_INSTANCE_UID, "SeriesInstanceUID")?,
            )
            .map_err(invalid("SeriesInstanceUID"))?,
            sop_instance_uid: SopInstanceUid::new(&v.uid_text(tags::SOP_INSTANCE_UID, "SOPInstanceUID")?)
                .map_err(invalid("SOPInstanceUID"))?,
            sop_class_uid: v.uid_text(tags::SOP_CLASS_UID, "SOPClassUID")?,
            transfer_syntax_uid: transfer_syntax_uid.to_owned(),
            specific_character_set: v.charset.clone(),
            image_type: or_list(v.list(tags::IMAGE_TYPE), &shared.frame_type),
            modality: v.text(tags::MODALITY),
            patient_name: v.text(tags::PATIENT_NAME),
            patient_id: v.text(tags::PATIENT_ID),
            issuer_of_patient_id: v.text(tags::ISSUER_OF_PATIENT_ID),
            patient_birth_date: v.text(tags::PATIENT_BIRTH_DATE),
            patient_sex: v.text(tags::PATIENT_SEX),
            patient_age: v.text(tags::PATIENT_AGE),
            patient_position: v.text(tags::PATIENT_POSITION),
            study_date: v.text(tags::STUDY_DATE),
            study_time: v.text(tags::STUDY_TIME),
            study_id: v.text(tags::STUDY_ID),
            study_description: v.text(tags::STUDY_DESCRIPTION),
            accession_number: v.text(tags::ACCESSION_NUMBER),
            referring_physician_name: v.text(tags::REFERRING_PHYSICIAN_NAME),
            institution_name: v.text(tags::INSTITUTION_NAME),
            series_number: v.int(tags::SERIES_NUMBER),
            series_date: v.text(tags::SERIES_DATE),
            series_time: v.text(tags::SERIES_TIME),
            series_description: v.text(tags::SERIES_DESCRIPTION),
            protocol_name: v.text(tags::PROTOCOL_NAME),
            body_part_examined: v.text(tags::BODY_PART_EXAMINED),
            manufacturer: v.text(tags::MANUFACTURER),
            manufacturer_model_name: v.text(tags::MANUFACTURER_MODEL_NAME),
            station_name: v.text(tags::STATION_NAME),
            device_serial_number: v.text(tags::DEVICE_SERIAL_NUMBER),
            software_versions: v.text(tags::SOFTWARE_VERSIONS),
            acquisition_number: v.int(tags::ACQUISITION_NUMBER).or(shared.acquisition_number),
            acquisition_date: v.text(tags::ACQUISITION_DATE),
            acquisition_time: v.text(tags::ACQUISITION_TIME),
            acquisition_date_time: v
                .text(tags::ACQUISITION_DATE_TIME)
                .or_else(|| shared.acquisition_date_time.clone()),
            acquisition_uid: v.text(tags::ACQUISITION_UID),
            irradiation_event_uid: v.text(tags::IRRADIATION_EVENT_UID),
            temporal_position_identifier: v.int(tags::TEMPORAL_POSITION_IDENTIFIER),
            contrast_bolus_agent: v.text(tags::CONTRAST_BOLUS_AGENT).or_else(|| self.groups.contrast_agent()),
            convolution_kernel: or_list(v.list(tags::CONVOLUTION_KERNEL), &shared.convolution_kernel),
            kvp: v.float(tags::KVP).or(shared.kvp),
            x_ray_tube_current_ma: v.float(tags::X_RAY_TUBE_CURRENT),
            exposure_time_ms: v.float(tags::EXPOSURE_TIME),
            exposure_mas: v.float(tags::EXPOSURE),
            ctdi_vol_mgy: v.double(tags::CTD_IVOL),
            gantry_tilt_degrees: v.float(tags::GANTRY_DETECTOR_TILT),
            reconstruction_diameter_mm: v.float(tags::RECONSTRUCTION_DIAMETER),
            slice_thickness_mm: v.float(tags::SLICE_THICKNESS).or(shared.slice_thickness_mm),
            frame_of_reference_uid: v.text(tags::FRAME_OF_REFERENCE_UID),
            position_reference_indicator: v.text(tags::POSITION_REFERENCE_INDICATOR),
            instance_number: v.int(tags::INSTANCE_NUMBER),
            rescale_type: v.text(tags::RESCALE_TYPE).or_else(|| shared.rescale_type.clone()),
            lossy_image_compression: v.text(tags::LOSSY_IMAGE_COMPRESSION),
            burned_in_annotation: v.text(tags::BURNED_IN_ANNOTATION),
            pixels,
            frames,
            pixel_fingerprint: self.pixel_fingerprint,
        })
    }
}

fn or_list(own: Vec<String>, shared: &[String]) -> Vec<String> {
    if own.is_empty() { shared.to_vec() } else { own }
}

impl InstanceHeader {
    /// Rows, 0 without pixels.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.pixels.as_ref().map_or(0, |p| usize::from(p.rows))
    }

    /// Columns, 0 without pixels.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.pixels.as_ref().map_or(0, |p| usize::from(p.columns))
    }

    /// Is one of the three CT image SOP classes that are analysed?
    #[must_use]
    pub fn is_ct_image(&self) -> bool {
        crate::conformance::is_analyzed(&self.sop_class_uid)
    }

    /// Does an image of this SOP class carry several frames by definition?
    #[must_use]
    pub fn is_multi_frame(&self) -> bool {
        self.frames.len() > 1 || self.sop_class_uid != dicom_dictionary_std::uids::CT_IMAGE_STORAGE
    }
}

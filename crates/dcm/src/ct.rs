//! CT images written from HU: for the phantom, for tests, for export.
//!
//! [`write_slice`] makes a CT Image Storage instance (PS3.3 A.3), [`write_enhanced`] a Legacy Converted
//! Enhanced CT (PS3.3 A.70) of the same slices. Both are complete enough for `dciodvfy`.

use crate::attributes::{Attributes, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, decimal_string};
use crate::derived::WriteError;
use dicom_core::header::{Tag, VR};
use dicom_dictionary_std::tags;

/// CT Image Storage.
pub const CT_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
/// Legacy Converted Enhanced CT Image Storage.
pub const LEGACY_CONVERTED_ENHANCED_CT: &str = "1.2.840.10008.5.1.4.1.1.2.2";

/// How stored pixel values are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelSign {
    /// PixelRepresentation 0, 12 of 16 bits where they suffice.
    Unsigned,
    /// PixelRepresentation 1, 16 bits.
    Signed,
}

/// Uncompressed encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 1.2.840.10008.1.2.1.
    ExplicitLittleEndian,
    /// 1.2.840.10008.1.2.
    ImplicitLittleEndian,
}

impl Encoding {
    fn uid(self) -> &'static str {
        match self {
            Self::ExplicitLittleEndian => EXPLICIT_VR_LITTLE_ENDIAN,
            Self::ImplicitLittleEndian => IMPLICIT_VR_LITTLE_ENDIAN,
        }
    }
}

/// One attribute changed or taken away after the rest is set: how a vendor's quirk is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeOverride {
    /// Group and element.
    pub tag: (u16, u16),
    /// New value of a string VR; `None` removes the attribute.
    pub text: Option<String>,
}

/// What all slices of a series share.
#[derive(Debug, Clone, PartialEq)]
pub struct CtSeries {
    /// Study Instance UID.
    pub study_instance_uid: String,
    /// Series Instance UID.
    pub series_instance_uid: String,
    /// Frame of Reference UID.
    pub frame_of_reference_uid: String,
    /// PN, components separated by `^`, groups by `=`.
    pub patient_name: String,
    /// LO.
    pub patient_id: String,
    /// DA or empty.
    pub patient_birth_date: String,
    /// `M`, `F`, `O` or empty.
    pub patient_sex: String,
    /// AS, e.g. `061Y`, or empty.
    pub patient_age: String,
    /// DA of study, series, acquisition and content.
    pub study_date: String,
    /// TM of study, series, acquisition and content.
    pub study_time: String,
    /// SH.
    pub study_id: String,
    /// SH.
    pub accession_number: String,
    /// LO.
    pub study_description: String,
    /// LO.
    pub series_description: String,
    /// Series Number.
    pub series_number: u32,
    /// Specific Character Set to encode text in, e.g. `GB18030`; `None`: ISO_IR 192 where needed.
    pub character_set: Option<String>,
    /// LO.
    pub manufacturer: String,
    /// LO.
    pub manufacturer_model_name: String,
    /// Values of ImageType, e.g. `ORIGINAL`, `PRIMARY`, `AXIAL`.
    pub image_type: Vec<String>,
    /// CS, e.g. `HFS`.
    pub patient_position: String,
    /// CS, e.g. `CHEST`.
    pub body_part_examined: String,
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
    /// Cosines of the row direction, then of the column direction (LPS).
    pub image_orientation_patient: [f64; 6],
    /// Between rows, between columns, mm.
    pub pixel_spacing_mm: [f64; 2],
    /// SliceThickness, mm.
    pub slice_thickness_mm: f64,
    /// GantryDetectorTilt, degrees.
    pub gantry_tilt_degrees: f64,
    /// Tube voltage, kV.
    pub kvp: f64,
    /// Tube current, mA.
    pub tube_current_ma: u32,
    /// Exposure time, ms.
    pub exposure_time_ms: u32,
    /// Exposure, mAs.
    pub exposure_mas: u32,
    /// ConvolutionKernel.
    pub convolution_kernel: String,
    /// AcquisitionNumber.
    pub acquisition_number: u32,
    /// HU of stored value 0.
    pub rescale_intercept: f64,
    /// HU per stored unit.
    pub rescale_slope: f64,
    /// Signed or unsigned stored values.
    pub pixel_sign: PixelSign,
    /// Encoding of the file.
    pub encoding: Encoding,
    /// Applied last, to every slice.
    pub overrides: Vec<AttributeOverride>,
}

impl Default for CtSeries {
    /// A 512 x 512 low-dose chest of nobody; the three UIDs are empty and must be given.
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            study_instance_uid: String::new(),
            series_instance_uid: String::new(),
            frame_of_reference_uid: String::new(),
            patient_name: text("Phantom^Chest"),
            patient_id: text("PHANTOM"),
            patient_birth_date: String::new(),
            patient_sex: text("O"),
            patient_age: text("060Y"),
            study_date: text("20260101"),
            study_time: text("120000"),
            study_id: text("1"),
            accession_number: String::new(),
            study_description: text("CT chest low dose"),
            series_description: text("Chest 1.0 soft"),
            series_number: 2,
            character_set: None,
            manufacturer: text("lungcad"),
            manufacturer_model_name: text("phantom"),
            image_type: ["ORIGINAL", "PRIMARY", "AXIAL"].map(text).to_vec(),
            patient_position: text("HFS"),
            body_part_examined: text("CHEST"),
            rows: 512,
            columns: 512,
            image_orientation_patient: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            pixel_spacing_mm: [0.7, 0.7],
            slice_thickness_mm: 1.0,
            gantry_tilt_degrees: 0.0,
            kvp: 100.0,
            tube_current_ma: 40,
            exposure_time_ms: 500,
            exposure_mas: 20,
            convolution_kernel: text("SOFT"),
            acquisition_number: 1,
            rescale_intercept: -1024.0,
            rescale_slope: 1.0,
            pixel_sign: PixelSign::Unsigned,
            encoding: Encoding::ExplicitLittleEndian,
            overrides: Vec::new(),
        }
    }
}

/// One slice.
#[derive(Debug, Clone, Copy)]
pub struct CtSlice<'a> {
    /// What it shares with the others.
    pub series: &'a CtSeries,
    /// SOP Instance UID.
    pub sop_instance_uid: &'a str,
    /// Instance Number.
    pub instance_number: u32,
    /// Centre of the first pixel, LPS mm.
    pub image_position_patient_mm: [f64; 3],
    /// HU, row after row, `rows x columns`.
    pub hu: &'a [i16],
}

/// A CT Image Storage instance (PS3.10 file).
///
/// # Errors
/// [`WriteError::PixelCount`] when `hu` does not fill the matrix, [`WriteError::Encode`] when the library refuses.
pub fn write_slice(slice: &CtSlice<'_>) -> Result<Vec<u8>, WriteError> {
    const WHAT: &str = "CT image";
    let series = slice.series;
    let stored = StoredPixels::of(WHAT, series, &[slice.hu])?;
    let mut a = shared_modules(series);
    a.text(tags::SOP_CLASS_UID, CT_IMAGE_STORAGE)
        .text(tags::SOP_INSTANCE_UID, slice.sop_instance_uid)
        .number(tags::INSTANCE_NUMBER, slice.instance_number)
        .decimals(tags::IMAGE_POSITION_PATIENT, &slice.image_position_patient_mm)
        .decimals(tags::IMAGE_ORIENTATION_PATIENT, &series.image_orientation_patient)
        .decimals(tags::PIXEL_SPACING, &series.pixel_spacing_mm)
        .decimals(tags::SLICE_THICKNESS, &[series.slice_thickness_mm])
        .decimals(tags::RESCALE_INTERCEPT, &[series.rescale_intercept])
        .decimals(tags::RESCALE_SLOPE, &[series.rescale_slope])
        .text(tags::RESCALE_TYPE, "HU")
        .decimals(tags::WINDOW_CENTER, &[-600.0])
        .decimals(tags::WINDOW_WIDTH, &[1500.0])
        .text(tags::ACQUISITION_DATE, &series.study_date)
        .text(tags::ACQUISITION_TIME, &series.study_time);
    acquisition(series, &mut a);
    stored.put(series, &mut a);
    apply_overrides(series, &mut a);
    a.into_part10(WHAT, series.encoding.uid())
}

/// The same slices as one Legacy Converted Enhanced CT instance (PS3.10 file); frame n is `slices[n - 1]`.
///
/// `series` counts; the series inside each slice is ignored except for its pixels.
///
/// # Errors
/// [`WriteError::PixelCount`] when a slice does not fill the matrix, [`WriteError::Inconsistent`] without slices,
/// [`WriteError::Encode`] when the library refuses.
pub fn write_enhanced(
    series: &CtSeries,
    sop_instance_uid: &str,
    slices: &[CtSlice<'_>],
) -> Result<Vec<u8>, WriteError> {
    const WHAT: &str = "enhanced CT image";
    let pixels: Vec<&[i16]> = slices.iter().map(|s| s.hu).collect();
    let frames = u32::try_from(slices.len()).unwrap_or(0);
    if frames == 0 {
        return Err(WriteError::Inconsistent { what: WHAT, detail: "no slices given".to_owned() });
    }
    let stored = StoredPixels::of(WHAT, series, &pixels)?;
    let mut a = shared_modules(series);
    let organization = domain::derived_uid(&["dimension organization", sop_instance_uid]);
    a.text(tags::SOP_CLASS_UID, LEGACY_CONVERTED_ENHANCED_CT)
        .text(tags::SOP_INSTANCE_UID, sop_instance_uid)
        .texts(tags::IMAGE_TYPE, &["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])
        .number(tags::INSTANCE_NUMBER, 1)
        .number(tags::NUMBER_OF_FRAMES, frames)
        .text(tags::PIXEL_PRESENTATION, "MONOCHROME")
        .text(tags::VOLUMETRIC_PROPERTIES, "VOLUME")
        .text(tags::VOLUME_BASED_CALCULATION_TECHNIQUE, "NONE")
        .text(tags::PRESENTATION_LUT_SHAPE, "IDENTITY")
        .text(tags::BURNED_IN_ANNOTATION, "NO")
        .text(tags::LOSSY_IMAGE_COMPRESSION, "00")
        .text(tags::CONTENT_QUALIFICATION, "RESEARCH")
        .text(tags::ACQUISITION_DATE_TIME, &format!("{}{}", series.study_date, series.study_time))
        .text(tags::DEVICE_SERIAL_NUMBER, "1")
        .text(tags::SOFTWARE_VERSIONS, "1")
        .sequence(tags::ACQUISITION_CONTEXT_SEQUENCE, Vec::new())
        .item(
            tags::DIMENSION_ORGANIZATION_SEQUENCE,
            uid_item(tags::DIMENSION_ORGANIZATION_UID, &organization),
        )
        .sequence(tags::DIMENSION_INDEX_SEQUENCE, dimension_indices(&organization))
        .item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared_groups(series))
        .sequence(
            tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
            slices.iter().zip(1..).map(|(slice, number)| frame_groups(series, slice, number)).collect(),
        );
    stored.put(series, &mut a);
    apply_overrides(series, &mut a);
    a.into_part10(WHAT, series.encoding.uid())
}

fn uid_item(tag: Tag, uid: &str) -> Attributes {
    let mut item = Attributes::new();
    item.text(tag, uid);
    item
}

/// Patient, study, series, frame of reference, equipment.
fn shared_modules(series: &CtSeries) -> Attributes {
    let mut a = Attributes::new();
    if let Some(set) = &series.character_set {
        a.text(tags::SPECIFIC_CHARACTER_SET, set);
    }
    a.text(tags::PATIENT_NAME, &series.patient_name)
        .text(tags::PATIENT_ID, &series.patient_id)
        .text(tags::PATIENT_BIRTH_DATE, &series.patient_birth_date)
        .text(tags::PATIENT_SEX, &series.patient_sex)
        .text(tags::STUDY_INSTANCE_UID, &series.study_instance_uid)
        .text(tags::STUDY_ID, &series.study_id)
        .text(tags::ACCESSION_NUMBER, &series.accession_number)
        .empty(tags::REFERRING_PHYSICIAN_NAME)
        .text(tags::STUDY_DESCRIPTION, &series.study_description)
        .text(tags::MODALITY, "CT")
        .text(tags::SERIES_INSTANCE_UID, &series.series_instance_uid)
        .number(tags::SERIES_NUMBER, series.series_number)
        .text(tags::SERIES_DESCRIPTION, &series.series_description)
        .text(tags::BODY_PART_EXAMINED, &series.body_part_examined)
        .text(tags::PATIENT_POSITION, &series.patient_position)
        .text(tags::FRAME_OF_REFERENCE_UID, &series.frame_of_reference_uid)
        .empty(tags::POSITION_REFERENCE_INDICATOR)
        .text(tags::MANUFACTURER, &series.manufacturer)
        .text(tags::MANUFACTURER_MODEL_NAME, &series.manufacturer_model_name)
        .number(tags::ACQUISITION_NUMBER, series.acquisition_number);
    if !series.patient_age.is_empty() {
        a.text(tags::PATIENT_AGE, &series.patient_age);
    }
    for tag in [tags::STUDY_DATE, tags::SERIES_DATE, tags::CONTENT_DATE] {
        a.text(tag, &series.study_date);
    }
    for tag in [tags::STUDY_TIME, tags::SERIES_TIME, tags::CONTENT_TIME] {
        a.text(tag, &series.study_time);
    }
    let image_type: Vec<&str> = series.image_type.iter().map(String::as_str).collect();
    a.texts(tags::IMAGE_TYPE, &image_type);
    a
}

/// CT Image module: how it was acquired.
fn acquisition(series: &CtSeries, a: &mut Attributes) {
    a.text(tags::SCAN_OPTIONS, "HELICAL MODE")
        .decimals(tags::KVP, &[series.kvp])
        .decimals(tags::GANTRY_DETECTOR_TILT, &[series.gantry_tilt_degrees])
        .number(tags::X_RAY_TUBE_CURRENT, series.tube_current_ma)
        .number(tags::EXPOSURE_TIME, series.exposure_time_ms)
        .number(tags::EXPOSURE, series.exposure_mas)
        .text(tags::CONVOLUTION_KERNEL, &series.convolution_kernel);
}

fn apply_overrides(series: &CtSeries, a: &mut Attributes) {
    for change in &series.overrides {
        let tag = Tag(change.tag.0, change.tag.1);
        match &change.text {
            Some(text) => {
                a.text(tag, text);
            }
            None => a.remove(tag),
        }
    }
}

/// Stored values with the bits they need.
struct StoredPixels {
    bytes: Vec<u8>,
    bits_stored: u16,
}

impl StoredPixels {
    fn of(what: &'static str, series: &CtSeries, frames: &[&[i16]]) -> Result<Self, WriteError> {
        let expected = usize::from(series.rows) * usize::from(series.columns);
        let mut bytes = Vec::with_capacity(frames.len() * expected * 2);
        let mut highest = 0;
        for hu in frames {
            if hu.len() != expected {
                let (rows, columns) = (series.rows, series.columns);
                return Err(WriteError::PixelCount { what, found: hu.len(), rows, columns });
            }
            for value in *hu {
                let stored = series.stored(*value);
                highest = highest.max(stored);
                bytes.extend_from_slice(&stored.to_le_bytes());
            }
        }
        let twelve = series.pixel_sign == PixelSign::Unsigned && highest < 4096;
        Ok(Self { bytes, bits_stored: if twelve { 12 } else { 16 } })
    }

    /// Image Pixel module.
    fn put(self, series: &CtSeries, a: &mut Attributes) {
        a.u16s(tags::SAMPLES_PER_PIXEL, &[1])
            .text(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME2")
            .u16s(tags::ROWS, &[series.rows])
            .u16s(tags::COLUMNS, &[series.columns])
            .u16s(tags::BITS_ALLOCATED, &[16])
            .u16s(tags::BITS_STORED, &[self.bits_stored])
            .u16s(tags::HIGH_BIT, &[self.bits_stored - 1])
            .u16s(tags::PIXEL_REPRESENTATION, &[u16::from(series.pixel_sign == PixelSign::Signed)])
            .bytes(tags::PIXEL_DATA, VR::OW, self.bytes);
    }
}

impl CtSeries {
    /// Stored bits of an HU value, clamped to what the representation holds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to the range just before
    fn stored(&self, hu: i16) -> u16 {
        let value = ((f64::from(hu) - self.rescale_intercept) / self.rescale_slope).round();
        match self.pixel_sign {
            PixelSign::Unsigned => value.clamp(0.0, f64::from(u16::MAX)) as u16,
            PixelSign::Signed => {
                (value.clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16).cast_unsigned()
            }
        }
    }
}

fn dimension_indices(organization: &str) -> Vec<Attributes> {
    let index = |pointer: Tag, group: Tag, label: &str| {
        let mut item = Attributes::new();
        item.tag(tags::DIMENSION_INDEX_POINTER, pointer)
            .tag(tags::FUNCTIONAL_GROUP_POINTER, group)
            .text(tags::DIMENSION_ORGANIZATION_UID, organization)
            .text(tags::DIMENSION_DESCRIPTION_LABEL, label);
        item
    };
    vec![
        index(tags::STACK_ID, tags::FRAME_CONTENT_SEQUENCE, "Stack ID"),
        index(tags::IN_STACK_POSITION_NUMBER, tags::FRAME_CONTENT_SEQUENCE, "In-Stack Position Number"),
    ]
}

/// Functional groups that hold for every frame.
fn shared_groups(series: &CtSeries) -> Attributes {
    let mut measures = Attributes::new();
    measures
        .decimals(tags::PIXEL_SPACING, &series.pixel_spacing_mm)
        .decimals(tags::SLICE_THICKNESS, &[series.slice_thickness_mm]);
    let mut orientation = Attributes::new();
    orientation.decimals(tags::IMAGE_ORIENTATION_PATIENT, &series.image_orientation_patient);
    let mut transformation = Attributes::new();
    transformation
        .decimals(tags::RESCALE_INTERCEPT, &[series.rescale_intercept])
        .decimals(tags::RESCALE_SLOPE, &[series.rescale_slope])
        .text(tags::RESCALE_TYPE, "HU");
    let mut window = Attributes::new();
    window.decimals(tags::WINDOW_CENTER, &[-600.0]).decimals(tags::WINDOW_WIDTH, &[1500.0]);
    let mut frame_type = Attributes::new();
    frame_type
        .texts(tags::FRAME_TYPE, &["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])
        .text(tags::PIXEL_PRESENTATION, "MONOCHROME")
        .text(tags::VOLUMETRIC_PROPERTIES, "VOLUME")
        .text(tags::VOLUME_BASED_CALCULATION_TECHNIQUE, "NONE");
    let mut unassigned = Attributes::new();
    acquisition(series, &mut unassigned);
    let mut a = Attributes::new();
    a.item(tags::PIXEL_MEASURES_SEQUENCE, measures)
        .item(tags::PLANE_ORIENTATION_SEQUENCE, orientation)
        .item(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, transformation)
        .item(tags::FRAME_VOILUT_SEQUENCE, window)
        .item(tags::CT_IMAGE_FRAME_TYPE_SEQUENCE, frame_type)
        .item(tags::UNASSIGNED_SHARED_CONVERTED_ATTRIBUTES_SEQUENCE, unassigned);
    a
}

/// Functional groups of one frame.
fn frame_groups(series: &CtSeries, slice: &CtSlice<'_>, number: u32) -> Attributes {
    let mut content = Attributes::new();
    content
        .u16s(tags::FRAME_ACQUISITION_NUMBER, &[u16::try_from(series.acquisition_number).unwrap_or(1)])
        .text(tags::STACK_ID, "1")
        .u32s(tags::IN_STACK_POSITION_NUMBER, &[number])
        .u32s(tags::DIMENSION_INDEX_VALUES, &[1, number]);
    let mut position = Attributes::new();
    position.decimals(tags::IMAGE_POSITION_PATIENT, &slice.image_position_patient_mm);
    let mut source = Attributes::new();
    source
        .text(tags::REFERENCED_SOP_CLASS_UID, CT_IMAGE_STORAGE)
        .text(tags::REFERENCED_SOP_INSTANCE_UID, slice.sop_instance_uid);
    let mut unassigned = Attributes::new();
    unassigned.text(tags::INSTANCE_NUMBER, &decimal_string(f64::from(slice.instance_number)));
    let mut a = Attributes::new();
    a.item(tags::FRAME_CONTENT_SEQUENCE, content)
        .item(tags::PLANE_POSITION_SEQUENCE, position)
        .item(tags::CONVERSION_SOURCE_ATTRIBUTES_SEQUENCE, source)
        .item(tags::UNASSIGNED_PER_FRAME_CONVERTED_ATTRIBUTES_SEQUENCE, unassigned);
    a
}

//! Result to objects: SR and SEG for the PACS, one picture per nodule for people.

use dcm::derived::{DerivedObject, ObjectOptions, WriteError};
use dcm::source::SourceContext;
use dcm::sr::skipped::SkippedSeries;
use domain::{AnalysisResult, Finding};

/// What a site decides about objects.
#[derive(Debug, Clone)]
pub struct ReportSettings {
    /// Everything that stands in the objects; the time is set when they are written.
    pub objects: ObjectOptions,
    /// Whether a SEG is written.
    pub seg_enabled: bool,
    /// Whether a skipped series gets a small SR with its reason.
    pub skipped_report: bool,
    /// Bounds and character set for reading the source.
    pub read: dcm::header::ReadOptions,
}

/// An object of a result, ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportObject {
    /// `sr`, `seg` or `png`.
    pub role: &'static str,
    /// File name, unique in the result.
    pub name: String,
    /// SOP Class, SOP Instance and Series Instance UID of a DICOM object.
    pub dicom: Option<DicomIdentity>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// UIDs of a DICOM object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DicomIdentity {
    /// SOP Class UID.
    pub sop_class_uid: String,
    /// SOP Instance UID.
    pub sop_instance_uid: String,
    /// Series Instance UID.
    pub series_instance_uid: String,
}

/// Why objects cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The source instance cannot be read.
    #[error("reading source instance {instance}: {cause}")]
    Source {
        /// SOP Instance UID.
        instance: String,
        /// In words.
        cause: String,
    },
    /// A writer refused.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A picture cannot be drawn.
    #[error("drawing the picture of {label}: {cause}")]
    Picture {
        /// Which nodule.
        label: String,
        /// In words.
        cause: String,
    },
}

impl ReportObject {
    fn dicom(role: &'static str, name: &str, object: DerivedObject) -> Self {
        Self {
            role,
            name: name.to_owned(),
            dicom: Some(DicomIdentity {
                sop_class_uid: object.sop_class_uid,
                sop_instance_uid: object.sop_instance_uid,
                series_instance_uid: object.series_instance_uid,
            }),
            bytes: object.bytes,
        }
    }
}

/// HU `[y, x]` of one slice of the volume.
pub type SliceHu<'a> = &'a dyn Fn(usize) -> Result<ndarray::Array2<i16>, String>;

/// Writes SR, SEG (when there are findings) and one picture per finding. `source_bytes` is the instance of the
/// first slice.
///
/// # Errors
/// [`ReportError`] when a source slice cannot be read or an object not be written.
pub fn objects(
    result: &AnalysisResult,
    source_bytes: &[u8],
    slice_hu: SliceHu<'_>,
    settings: &ReportSettings,
) -> Result<Vec<ReportObject>, ReportError> {
    let charset = settings.read.charset_fallback.as_deref();
    let source = SourceContext::read(source_bytes, &settings.read.limits, charset).map_err(|e| {
        ReportError::Source { instance: result.series_instance_uid.to_string(), cause: e.to_string() }
    })?;
    let mut objects = Vec::new();
    let seg = if settings.seg_enabled { dcm::seg::write(result, &source, &settings.objects)? } else { None };
    let sr = dcm::sr::measurement_report::write(result, &source, seg.as_ref(), &settings.objects)?;
    objects.push(ReportObject::dicom("sr", "report.sr.dcm", sr));
    objects.extend(seg.map(|seg| ReportObject::dicom("seg", "nodules.seg.dcm", seg)));
    for finding in &result.findings {
        objects.push(picture(result, finding, slice_hu)?);
    }
    Ok(objects)
}

/// File name of the picture of a nodule.
#[must_use]
pub fn picture_name(number: usize) -> String {
    format!("nodule-{number:02}.png")
}

fn picture(
    result: &AnalysisResult,
    finding: &Finding,
    slice_hu: SliceHu<'_>,
) -> Result<ReportObject, ReportError> {
    let fault = |cause: String| ReportError::Picture { label: finding.label(), cause };
    let hu = slice_hu(finding.measures.key_slice_index).map_err(fault)?;
    let options = render::PictureOptions::default();
    let bytes = render::finding_picture(finding, hu.view(), &result.affine, result.slices.len(), &options)
        .map_err(|e| fault(e.to_string()))?;
    Ok(ReportObject { role: "png", name: picture_name(finding.number), dicom: None, bytes })
}

/// The small SR of a series that was not analysed, where the site wants one. `source_bytes` is one of its
/// instances, `input_digest` the hash over all of them.
///
/// # Errors
/// [`ReportError`] when the source cannot be read or the SR not be written.
pub fn skipped_objects(
    skipped: &SkippedSeries<'_>,
    source_bytes: &[u8],
    settings: &ReportSettings,
) -> Result<Vec<ReportObject>, ReportError> {
    if !settings.skipped_report {
        return Ok(Vec::new());
    }
    let charset = settings.read.charset_fallback.as_deref();
    let source = SourceContext::read(source_bytes, &settings.read.limits, charset).map_err(|e| {
        ReportError::Source { instance: "of a skipped series".to_owned(), cause: e.to_string() }
    })?;
    let sr = dcm::sr::skipped::write(skipped, &source, &settings.objects)?;
    Ok(vec![ReportObject::dicom("sr", "report.sr.dcm", sr)])
}

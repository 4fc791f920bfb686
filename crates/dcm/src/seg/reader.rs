//! Reads segmentations back: ours, and binary ones of others.

use super::{PixelRun, bits};
use crate::guard::{self, GuardError};
use crate::limits::Limits;
use dicom_core::header::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

/// Why a derived object cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not a data set, or one that breaks a limit.
    #[error("reading a derived object: {0}")]
    Guard(#[from] GuardError),
    /// The parser refused it.
    #[error("reading a derived object: {cause}")]
    Parse {
        /// The parser's words.
        cause: String,
    },
    /// Another kind of object, or an encoding that is not read.
    #[error("reading a derived object: {detail}")]
    Unsupported {
        /// What was found.
        detail: String,
    },
    /// A required attribute is missing or malformed.
    #[error("reading a derived object: {attribute} is missing or malformed")]
    Missing {
        /// DICOM keyword.
        attribute: &'static str,
    },
}

/// One segment with its frames.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// SegmentNumber.
    pub number: u16,
    /// SegmentLabel.
    pub label: String,
    /// TrackingUID, where given.
    pub tracking_uid: Option<String>,
    /// Frames, in file order.
    pub frames: Vec<SegmentFrame>,
}

/// A segment on one image.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentFrame {
    /// SOP Instance UID of the image, where given.
    pub source_sop_instance_uid: Option<String>,
    /// 1-based frame of a multi-frame image, where given.
    pub source_frame_number: Option<u32>,
    /// ImagePositionPatient as stored.
    pub image_position_patient: String,
    /// Set pixels: row, first column, column after the last.
    pub runs: Vec<PixelRun>,
}

/// Parses guarded bytes; used by all readers of derived objects.
pub(crate) fn parse(bytes: &[u8]) -> Result<InMemDicomObject, ReadError> {
    guard::check_file(bytes, &Limits::default())?;
    let file = dicom_object::from_reader(bytes).map_err(|e| ReadError::Parse { cause: e.to_string() })?;
    Ok(file.into_inner())
}

/// Text of an attribute without padding, empty when absent.
pub(crate) fn text(object: &InMemDicomObject, tag: Tag) -> String {
    let value = object.get(tag).and_then(|e| e.to_str().ok()).unwrap_or_default();
    crate::text::trimmed(&value).to_owned()
}

/// Items of a sequence, none when absent.
pub(crate) fn items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.get(tag).and_then(|e| e.items()).unwrap_or(&[])
}

/// First item of a sequence.
pub(crate) fn first(object: &InMemDicomObject, tag: Tag) -> Option<&InMemDicomObject> {
    items(object, tag).first()
}

fn number<T>(object: &InMemDicomObject, tag: Tag) -> Option<T>
where
    T: TryFrom<i64>,
{
    T::try_from(object.get(tag)?.to_int::<i64>().ok()?).ok()
}

/// Segments of a binary segmentation with their pixels.
///
/// # Errors
/// [`ReadError`] when it is none, is not binary, or its pixels are missing.
pub fn read(bytes: &[u8]) -> Result<Vec<Segment>, ReadError> {
    let object = parse(bytes)?;
    let kind = text(&object, tags::SEGMENTATION_TYPE);
    if kind != "BINARY" {
        return Err(ReadError::Unsupported {
            detail: format!("SegmentationType is `{kind}`, only BINARY is read"),
        });
    }
    let missing = |attribute| ReadError::Missing { attribute };
    let rows: usize = number(&object, tags::ROWS).ok_or(missing("Rows"))?;
    let columns: usize = number(&object, tags::COLUMNS).ok_or(missing("Columns"))?;
    let pixels = object.get(tags::PIXEL_DATA).and_then(|e| e.to_bytes().ok()).ok_or(missing("PixelData"))?;
    let mut segments: Vec<Segment> =
        items(&object, tags::SEGMENT_SEQUENCE).iter().filter_map(segment).collect();
    let shared = first(&object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    for (index, groups) in items(&object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).iter().enumerate() {
        let identification = first(groups, tags::SEGMENT_IDENTIFICATION_SEQUENCE)
            .or_else(|| first(shared?, tags::SEGMENT_IDENTIFICATION_SEQUENCE));
        let owner: Option<u16> = identification.and_then(|i| number(i, tags::REFERENCED_SEGMENT_NUMBER));
        let owner = segments.iter_mut().find(|s| Some(s.number) == owner);
        let segment = owner.ok_or(missing("ReferencedSegmentNumber"))?;
        segment.frames.push(frame(groups, bits::runs(&pixels, rows, columns, index)));
    }
    Ok(segments)
}

fn segment(item: &InMemDicomObject) -> Option<Segment> {
    Some(Segment {
        number: number(item, tags::SEGMENT_NUMBER)?,
        label: text(item, tags::SEGMENT_LABEL),
        tracking_uid: Some(text(item, tags::TRACKING_UID)).filter(|uid| !uid.is_empty()),
        frames: Vec::new(),
    })
}

fn frame(groups: &InMemDicomObject, runs: Vec<PixelRun>) -> SegmentFrame {
    let position = first(groups, tags::PLANE_POSITION_SEQUENCE);
    let image =
        first(groups, tags::DERIVATION_IMAGE_SEQUENCE).and_then(|d| first(d, tags::SOURCE_IMAGE_SEQUENCE));
    SegmentFrame {
        source_sop_instance_uid: image.map(|i| text(i, tags::REFERENCED_SOP_INSTANCE_UID)),
        source_frame_number: image.and_then(|i| number(i, tags::REFERENCED_FRAME_NUMBER)),
        image_position_patient: position.map(|p| text(p, tags::IMAGE_POSITION_PATIENT)).unwrap_or_default(),
        runs,
    }
}

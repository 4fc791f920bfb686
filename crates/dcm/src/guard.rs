//! Byte walk that refuses deep, huge or broken objects before any parser sees them.
//!
//! Iterative and without allocation proportional to what the bytes claim (the one exception, inflating a
//! deflated data set, is bounded by [`Limits::inflated_size_max`]). What dicom-object 0.10 does on such
//! input is a stack overflow or a 4 GiB allocation, which no `catch_unwind` survives.

use crate::conformance;
use crate::limits::Limits;
use crate::text::trimmed;
pub use crate::walk::WalkError;
use crate::walk::{Element, Encoding, Level, Visitor, walk};
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use std::borrow::Cow;
use std::io::Read;

/// Explicit VR big endian: retired, still sent by old archives.
pub(crate) const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// Why an object is refused. The texts name no patient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// The bytes are not DICOM, or hold nothing.
    #[error("bytes are not a DICOM object: neither a DICM mark nor a data set that begins as one")]
    NotDicom,
    /// Two file meta groups that contradict each other.
    #[error("file names two different transfer syntaxes; it cannot be known which one is true")]
    TwoTransferSyntaxes,
    /// Larger than [`Limits::object_size_max`].
    #[error("object has {size} bytes, at most {max} are taken")]
    TooLarge {
        /// Bytes received.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// A deflated data set grows past [`Limits::inflated_size_max`].
    #[error("deflated data set inflates to more than {max} bytes")]
    InflatesTooFar {
        /// The limit.
        max: usize,
    },
    /// The deflate stream is broken.
    #[error("deflated data set cannot be inflated; the object is truncated or damaged")]
    Deflate,
    /// Structure of the data set.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// Rows, Columns, NumberOfFrames or BitsAllocated out of bounds.
    #[error("{attribute} is {value}, at most {max} is taken")]
    Dimension {
        /// DICOM keyword.
        attribute: &'static str,
        /// Value found.
        value: u64,
        /// The limit.
        max: u64,
    },
    /// Native pixel data is shorter than rows, columns and frames say.
    #[error("pixel data has {size} bytes where its dimensions need {needed}; the object is truncated")]
    PixelsShort {
        /// Bytes there.
        size: usize,
        /// Bytes needed.
        needed: u64,
    },
}

/// What the walk found at the top level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuardReport {
    /// First byte of the data set.
    pub data_set_offset: usize,
    /// Transfer syntax: of the file meta group, else as given, else as recognised from the bytes.
    pub transfer_syntax_uid: String,
    /// SOP Class UID (0008,0016), without padding, unchecked.
    pub sop_class_uid: Option<String>,
    /// SOP Instance UID (0008,0018), without padding, unchecked.
    pub sop_instance_uid: Option<String>,
    /// Study Instance UID (0020,000D), without padding, unchecked.
    pub study_instance_uid: Option<String>,
    /// Series Instance UID (0020,000E), without padding, unchecked.
    pub series_instance_uid: Option<String>,
    /// Data elements walked.
    pub elements_count: usize,
    /// Sequence items and fragments walked.
    pub items_count: usize,
    /// Deepest nesting.
    pub depth: usize,
}

/// Checks a file: preamble and meta group where they are there, then the data set.
///
/// Files without preamble or meta group are taken where their first element is recognisable.
///
/// # Errors
/// [`GuardError`] with the first thing found wrong.
pub fn check_file(bytes: &[u8], limits: &Limits) -> Result<GuardReport, GuardError> {
    let located = locate(bytes, limits)?;
    let data_set = bytes.get(located.offset..).unwrap_or(&[]);
    let mut report = check_data_set(data_set, &located.transfer_syntax_uid, limits)?;
    report.data_set_offset = located.offset;
    Ok(report)
}

/// Checks a data set as it came over an association.
///
/// Only implicit little endian, explicit big endian and deflated differ in layout; every other transfer
/// syntax, known or not, is explicit VR little endian by PS3.5 A.4.
///
/// # Errors
/// [`GuardError`] with the first thing found wrong.
pub fn check_data_set(
    bytes: &[u8],
    transfer_syntax_uid: &str,
    limits: &Limits,
) -> Result<GuardReport, GuardError> {
    if bytes.len() > limits.object_size_max {
        return Err(GuardError::TooLarge { size: bytes.len(), max: limits.object_size_max });
    }
    let (data_set, encoding) = plain(bytes, transfer_syntax_uid, limits)?;
    let mut top = TopLevel { report: GuardReport::default(), shape: Shape::default() };
    let counts = walk(&data_set, encoding, limits, &mut top)?;
    // Only CT is ever decoded; a mammogram of 5000 rows is kept as it is.
    if top.report.sop_class_uid.as_deref().is_none_or(conformance::is_analyzed) {
        top.shape.check(limits)?;
    }
    Ok(GuardReport {
        transfer_syntax_uid: transfer_syntax_uid.to_owned(),
        elements_count: counts.elements,
        items_count: counts.items,
        depth: counts.depth,
        ..top.report
    })
}

/// Where the data set of a file begins and how it is encoded.
pub(crate) struct Located {
    pub(crate) offset: usize,
    pub(crate) transfer_syntax_uid: String,
}

/// Reads preamble and group 0002.
pub(crate) fn locate(bytes: &[u8], limits: &Limits) -> Result<Located, GuardError> {
    if bytes.len() > limits.object_size_max {
        return Err(GuardError::TooLarge { size: bytes.len(), max: limits.object_size_max });
    }
    let start = match (bytes.get(128..132), bytes.get(..4)) {
        (Some(b"DICM"), _) => 132,
        (_, Some(b"DICM")) => 4,
        _ => 0,
    };
    let rest = bytes.get(start..).unwrap_or(&[]);
    let (length, transfer_syntax) = meta_group(rest)?;
    let offset = start + length;
    let data_set = bytes.get(offset..).unwrap_or(&[]);
    let transfer_syntax_uid = match transfer_syntax {
        Some(uid) => uid,
        None => recognise(data_set).ok_or(GuardError::NotDicom)?.to_owned(),
    };
    Ok(Located { offset, transfer_syntax_uid })
}

/// Length of group 0002 at the start of `bytes` (0 when there is none) and its transfer syntax. The
/// group is walked element by element: its own length element is wrong in real files.
fn meta_group(bytes: &[u8]) -> Result<(usize, Option<String>), GuardError> {
    let encoding = Encoding::ExplicitLittle;
    let mut at = 0;
    let mut transfer_syntax = None;
    // Group 0002 has 20 elements in the standard; a private block may add a few.
    for _ in 0..64 {
        let Some(tag) = encoding.tag_at(bytes, at).filter(|t| t.0 == 2) else { break };
        let cut = WalkError::Truncated { tag, offset: at };
        let long = matches!(bytes.get(at + 4..at + 6), Some(b"OB" | b"UN" | b"OW" | b"UT" | b"UC" | b"UR"));
        let (length, value_at) = if long {
            (encoding.u32_at(bytes, at + 8).map(u64::from), at + 12)
        } else {
            (encoding.u16_at(bytes, at + 6).map(u64::from), at + 8)
        };
        let end = length
            .and_then(|l| usize::try_from(l).ok())
            .and_then(|l| value_at.checked_add(l))
            .filter(|end| *end <= bytes.len())
            .ok_or(cut)?;
        if tag == Tag(0x0002, 0x0010) {
            let uid = bytes.get(value_at..end).and_then(ascii).filter(|t| !t.is_empty());
            // A router put a second meta group in front of the first: which one is true?
            if transfer_syntax.is_some() && transfer_syntax != uid {
                return Err(GuardError::TwoTransferSyntaxes);
            }
            transfer_syntax = uid;
        }
        at = end;
    }
    Ok((at, transfer_syntax))
}

/// Encoding of a data set that nobody described, from its first element: a group that can begin one
/// (0001 occurs in test files) in one byte order or the other, and VR letters or none.
fn recognise(bytes: &[u8]) -> Option<&'static str> {
    let group = Encoding::ExplicitLittle.u16_at(bytes, 0)?;
    let explicit =
        matches!(bytes.get(4..6), Some([a, b]) if a.is_ascii_uppercase() && b.is_ascii_uppercase());
    match (group, explicit) {
        (0x0001..=0x0010, true) => Some(uids::EXPLICIT_VR_LITTLE_ENDIAN),
        (0x0001..=0x0010, false) => Some(uids::IMPLICIT_VR_LITTLE_ENDIAN),
        (0x0800, true) => Some(EXPLICIT_VR_BIG_ENDIAN),
        _ => None,
    }
}

/// The data set as it is walked: inflated where it is deflated.
pub(crate) fn plain<'b>(
    bytes: &'b [u8],
    transfer_syntax_uid: &str,
    limits: &Limits,
) -> Result<(Cow<'b, [u8]>, Encoding), GuardError> {
    let encoding = match transfer_syntax_uid {
        uids::IMPLICIT_VR_LITTLE_ENDIAN => Encoding::ImplicitLittle,
        EXPLICIT_VR_BIG_ENDIAN => Encoding::ExplicitBig,
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => {
            return Ok((Cow::Owned(inflate(bytes, limits.inflated_size_max)?), Encoding::ExplicitLittle));
        }
        _ => Encoding::ExplicitLittle,
    };
    Ok((Cow::Borrowed(bytes), encoding))
}

/// Inflates at most `max` bytes. A first pass only counts, so that a bomb costs no memory and a sound object its
/// exact size.
fn inflate(bytes: &[u8], max: usize) -> Result<Vec<u8>, GuardError> {
    let size = inflated_size(bytes, max)?;
    let mut inflated = Vec::with_capacity(size);
    flate2::read::DeflateDecoder::new(bytes)
        .take(u64::try_from(size).unwrap_or(u64::MAX))
        .read_to_end(&mut inflated)
        .map_err(|_| GuardError::Deflate)?;
    Ok(inflated)
}

/// Bytes of a deflate stream after inflation, at most `max`, without keeping them.
fn inflated_size(bytes: &[u8], max: usize) -> Result<usize, GuardError> {
    let mut stream = flate2::read::DeflateDecoder::new(bytes);
    let mut window = [0_u8; 32 * 1024];
    let mut size = 0_usize;
    loop {
        let count = stream.read(&mut window).map_err(|_| GuardError::Deflate)?;
        if count == 0 {
            return Ok(size);
        }
        size = size.saturating_add(count);
        if size > max {
            return Err(GuardError::InflatesTooFar { max });
        }
    }
}

/// Text of a UID or other ASCII value, `None` when it is not ASCII.
pub(crate) fn ascii(value: &[u8]) -> Option<String> {
    std::str::from_utf8(value).ok().filter(|t| t.is_ascii()).map(|t| trimmed(t).to_owned())
}

/// Dimensions at the top level, checked before anything is sized by them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shape {
    pub(crate) rows: Option<u16>,
    pub(crate) columns: Option<u16>,
    pub(crate) samples: Option<u16>,
    pub(crate) bits_allocated: Option<u16>,
    pub(crate) frames: Option<u32>,
    /// Bytes of native pixel data.
    native_size: Option<usize>,
}

impl Shape {
    pub(crate) fn element(&mut self, element: &Element<'_>) {
        let number = || element.encoding.u16_at(element.value, 0);
        match element.tag {
            tags::ROWS => self.rows = number(),
            tags::COLUMNS => self.columns = number(),
            tags::SAMPLES_PER_PIXEL => self.samples = number(),
            tags::BITS_ALLOCATED => self.bits_allocated = number(),
            tags::NUMBER_OF_FRAMES => {
                // A number that does not fit is as good as too many.
                self.frames = ascii(element.value)
                    .filter(|t| !t.is_empty())
                    .map(|t| t.parse::<u64>().ok().and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX));
            }
            tags::PIXEL_DATA if !element.encapsulated => self.native_size = Some(element.value.len()),
            _ => {}
        }
    }

    /// Bytes of all decoded frames, when the shape is complete.
    fn size(&self) -> Option<u64> {
        let cells = u64::from(self.rows?) * u64::from(self.columns?) * u64::from(self.samples.unwrap_or(1));
        let bits = cells * u64::from(self.bits_allocated?);
        Some(bits.checked_mul(u64::from(self.frames.unwrap_or(1).max(1)))?.div_ceil(8))
    }

    pub(crate) fn check(&self, limits: &Limits) -> Result<(), GuardError> {
        let bounded = |attribute, value: Option<u64>, max: u64| match value {
            Some(value) if value > max => Err(GuardError::Dimension { attribute, value, max }),
            _ => Ok(()),
        };
        bounded("Rows", self.rows.map(u64::from), u64::from(limits.rows_max))?;
        bounded("Columns", self.columns.map(u64::from), u64::from(limits.columns_max))?;
        bounded("SamplesPerPixel", self.samples.map(u64::from), 4)?;
        bounded("BitsAllocated", self.bits_allocated.map(u64::from), 64)?;
        bounded("NumberOfFrames", self.frames.map(u64::from), u64::from(limits.frames_count_max))?;
        bounded("size of all frames", self.size(), limits.pixels_size_max)?;
        // Colour may be stored as YBR_FULL_422, two bytes a pixel instead of three (PS3.3 C.7.6.3.1.2).
        let needed = self.size().map(|s| if self.samples == Some(3) { s / 3 * 2 } else { s });
        match (self.native_size, needed) {
            (Some(size), Some(needed)) if u64::try_from(size).unwrap_or(u64::MAX) < needed => {
                Err(GuardError::PixelsShort { size, needed })
            }
            _ => Ok(()),
        }
    }
}

struct TopLevel {
    report: GuardReport,
    shape: Shape,
}

impl<'b> Visitor<'b> for TopLevel {
    fn element(&mut self, path: &[Level], element: &Element<'b>) {
        if !path.is_empty() {
            return;
        }
        let slot = match element.tag {
            tags::SOP_CLASS_UID => &mut self.report.sop_class_uid,
            tags::SOP_INSTANCE_UID => &mut self.report.sop_instance_uid,
            tags::STUDY_INSTANCE_UID => &mut self.report.study_instance_uid,
            tags::SERIES_INSTANCE_UID => &mut self.report.series_instance_uid,
            _ => return self.shape.element(element),
        };
        *slot = ascii(element.value);
    }
}

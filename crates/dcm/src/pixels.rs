//! Frames of one object, as stored and as HU.
//!
//! Native frames are read in place. Compressed ones go to the codec only after their own header
//! ([`codec_header`]) says the same size as the data set; RLE is decoded here ([`rle`]).

use crate::guard::{self, EXPLICIT_VR_BIG_ENDIAN, GuardError, Shape, ascii};
use crate::limits::Limits;
use crate::walk::{Element, Encoding, Level, Visitor, walk};
use dicom_dictionary_std::{tags, uids};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

pub(crate) mod codec_header;
mod codecs;
mod fragments;
mod hounsfield;
pub(crate) mod rle;

pub use hounsfield::Rescale;

/// How pixels are stored (PS3.3 C.7.6.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelFormat {
    /// Rows (0028,0010).
    pub rows: u16,
    /// Columns (0028,0011).
    pub columns: u16,
    /// NumberOfFrames (0028,0008), 1 when absent.
    pub frames_count: u32,
    /// SamplesPerPixel (0028,0002).
    pub samples_per_pixel: u16,
    /// PhotometricInterpretation (0028,0004).
    pub photometric: String,
    /// BitsAllocated (0028,0100).
    pub bits_allocated: u16,
    /// BitsStored (0028,0101), never above BitsAllocated.
    pub bits_stored: u16,
    /// HighBit (0028,0102).
    pub high_bit: u16,
    /// PixelRepresentation (0028,0103) is 1.
    pub signed: bool,
    /// PixelPaddingValue (0028,0120), read by PixelRepresentation: 63536 of a signed image is -2000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding_value: Option<i32>,
    /// PixelPaddingRangeLimit (0028,0121), read likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding_range_limit: Option<i32>,
}

impl PixelFormat {
    /// Pixels of one frame.
    pub(crate) fn cells(&self) -> usize {
        usize::from(self.rows) * usize::from(self.columns)
    }

    /// Bytes of one sample; BitsAllocated is a multiple of 8 wherever this is used.
    pub(crate) fn sample_size(&self) -> usize {
        usize::from(self.bits_allocated / 8)
    }

    /// Bytes of one native frame.
    pub(crate) fn frame_size(&self) -> usize {
        self.cells() * usize::from(self.samples_per_pixel) * self.sample_size()
    }
}

/// Why a frame cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PixelError {
    /// The guard refuses the object.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// No PixelData, or Rows, Columns or BitsAllocated missing.
    #[error("object holds no image ({missing} is missing)")]
    NoImage {
        /// DICOM keyword.
        missing: &'static str,
    },
    /// A frame past the last.
    #[error("frame {index} asked of an object with {count}")]
    NoSuchFrame {
        /// 0-based frame.
        index: usize,
        /// Frames there.
        count: usize,
    },
    /// A pixel format that is not handled.
    #[error("pixel format is not supported: {detail}")]
    Format {
        /// What was found.
        detail: String,
    },
    /// A transfer syntax without a decoder.
    #[error("transfer syntax {uid} cannot be decoded")]
    TransferSyntax {
        /// Its UID.
        uid: String,
    },
    /// Fragments do not make up the frames.
    #[error("compressed frames cannot be told apart: {detail}")]
    Fragments {
        /// In what way.
        detail: &'static str,
    },
    /// The code stream's own header disagrees with the data set.
    #[error("compressed frame {frame} says {found} where the data set says {expected}")]
    CodecHeader {
        /// 0-based frame.
        frame: usize,
        /// What the code stream says.
        found: String,
        /// What the data set says.
        expected: String,
    },
    /// The decoder gave up.
    #[error("frame {frame} cannot be decoded: {detail}")]
    Decode {
        /// 0-based frame.
        frame: usize,
        /// The decoder's words.
        detail: String,
    },
}

/// Format attributes as they are met on a walk.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawFormat {
    pub(crate) shape: Shape,
    photometric: Option<String>,
    bits_stored: Option<u16>,
    high_bit: Option<u16>,
    representation: Option<u16>,
    padding_value: Option<u16>,
    padding_range_limit: Option<u16>,
    has_pixels: bool,
}

impl RawFormat {
    /// Takes an element of the top level.
    pub(crate) fn element(&mut self, element: &Element<'_>) {
        self.shape.element(element);
        let number = || element.encoding.u16_at(element.value, 0);
        match element.tag {
            tags::PHOTOMETRIC_INTERPRETATION => self.photometric = ascii(element.value),
            tags::BITS_STORED => self.bits_stored = number(),
            tags::HIGH_BIT => self.high_bit = number(),
            tags::PIXEL_REPRESENTATION => self.representation = number(),
            tags::PIXEL_PADDING_VALUE => self.padding_value = number(),
            tags::PIXEL_PADDING_RANGE_LIMIT => self.padding_range_limit = number(),
            tags::PIXEL_DATA => self.has_pixels = true,
            _ => {}
        }
    }

    /// The format, when the object holds an image.
    pub(crate) fn finish(&self) -> Option<PixelFormat> {
        self.complete().ok()
    }

    fn complete(&self) -> Result<PixelFormat, PixelError> {
        let missing = |missing| PixelError::NoImage { missing };
        if !self.has_pixels {
            return Err(missing("PixelData"));
        }
        let bits_allocated = self.shape.bits_allocated.ok_or(missing("BitsAllocated"))?;
        let bits_stored =
            self.bits_stored.filter(|b| (1..=bits_allocated).contains(b)).unwrap_or(bits_allocated);
        let signed = self.representation == Some(1);
        let padding = |raw: u16| if signed { i32::from(raw.cast_signed()) } else { i32::from(raw) };
        Ok(PixelFormat {
            rows: self.shape.rows.filter(|r| *r > 0).ok_or(missing("Rows"))?,
            columns: self.shape.columns.filter(|c| *c > 0).ok_or(missing("Columns"))?,
            frames_count: self.shape.frames.unwrap_or(1).max(1),
            samples_per_pixel: self.shape.samples.unwrap_or(1),
            photometric: self.photometric.clone().unwrap_or_default(),
            bits_allocated,
            bits_stored,
            high_bit: self.high_bit.unwrap_or(bits_stored.saturating_sub(1)),
            signed,
            padding_value: self.padding_value.map(padding),
            padding_range_limit: self.padding_range_limit.map(padding),
        })
    }
}

/// The frames of one object, located but not decoded.
#[derive(Debug)]
pub struct Frames<'b> {
    format: PixelFormat,
    transfer_syntax_uid: String,
    source: Source<'b>,
}

/// Where compressed or native bytes stand.
#[derive(Debug)]
enum Source<'b> {
    Native {
        bytes: Cow<'b, [u8]>,
        big_endian: bool,
    },
    /// One entry per frame: its fragments, in order.
    Encapsulated(Vec<Vec<&'b [u8]>>),
}

#[derive(Default)]
struct PixelFinder<'b> {
    format: RawFormat,
    pixel_data: Option<(&'b [u8], bool)>,
    extended_offsets: &'b [u8],
}

impl<'b> Visitor<'b> for PixelFinder<'b> {
    fn element(&mut self, path: &[Level], element: &Element<'b>) {
        if !path.is_empty() {
            return;
        }
        self.format.element(element);
        match element.tag {
            tags::PIXEL_DATA => self.pixel_data = Some((element.value, element.encapsulated)),
            tags::EXTENDED_OFFSET_TABLE => self.extended_offsets = element.value,
            _ => {}
        }
    }
}

impl<'b> Frames<'b> {
    /// Guards the file and finds its frames; nothing is decoded yet.
    ///
    /// # Errors
    /// [`PixelError`] when the guard refuses, there is no image, or fragments do not make up the frames.
    pub fn open(file_bytes: &'b [u8], limits: &Limits) -> Result<Self, PixelError> {
        let located = guard::locate(file_bytes, limits)?;
        let data_set = file_bytes.get(located.offset..).unwrap_or(&[]);
        let uid = located.transfer_syntax_uid;
        let (plain, encoding) = guard::plain(data_set, &uid, limits)?;
        match plain {
            Cow::Borrowed(bytes) => {
                let found = find(bytes, encoding, limits)?;
                let format = found.format.complete()?;
                let (value, encapsulated) =
                    found.pixel_data.ok_or(PixelError::NoImage { missing: "PixelData" })?;
                let source = if encapsulated {
                    let fragments = fragments::split(value, found.extended_offsets)?;
                    Source::Encapsulated(fragments.into_frames(format.frames_count)?)
                } else {
                    Source::Native { bytes: Cow::Borrowed(value), big_endian: encoding.is_big() }
                };
                Self::checked(format, uid, source)
            }
            // Deflated: the pixel data is copied out, for the inflated data set ends here.
            Cow::Owned(bytes) => {
                let found = find(&bytes, encoding, limits)?;
                let format = found.format.complete()?;
                let Some((value, false)) = found.pixel_data else {
                    return Err(PixelError::NoImage { missing: "native PixelData" });
                };
                let source = Source::Native { bytes: Cow::Owned(value.to_vec()), big_endian: false };
                Self::checked(format, uid, source)
            }
        }
    }

    fn checked(format: PixelFormat, uid: String, source: Source<'b>) -> Result<Self, PixelError> {
        if !matches!(format.bits_allocated, 8 | 16 | 32) || !matches!(format.samples_per_pixel, 1 | 3) {
            let detail = format!(
                "{} bits allocated, {} samples per pixel",
                format.bits_allocated, format.samples_per_pixel
            );
            return Err(PixelError::Format { detail });
        }
        Ok(Self { format, transfer_syntax_uid: uid, source })
    }

    /// How pixels are stored.
    #[must_use]
    pub fn format(&self) -> &PixelFormat {
        &self.format
    }

    /// Frames of the object, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::try_from(self.format.frames_count).unwrap_or(1)
    }

    /// Stored values of frame `index` (0-based), little endian, `BitsAllocated / 8` bytes each. Decoded
    /// ones are cut to BitsStored and sign-extended by PixelRepresentation, native ones are as sent.
    ///
    /// # Errors
    /// [`PixelError`] when there is no such frame or it cannot be decoded.
    pub fn stored(&self, index: usize) -> Result<Cow<'_, [u8]>, PixelError> {
        if index >= self.count() {
            return Err(PixelError::NoSuchFrame { index, count: self.count() });
        }
        match &self.source {
            Source::Native { bytes, big_endian } => {
                let native = self.native_frame(bytes, index)?;
                Ok(if *big_endian { Cow::Owned(self.swapped(native)) } else { Cow::Borrowed(native) })
            }
            Source::Encapsulated(frames) => {
                let fragments = frames.get(index).map_or(&[][..], Vec::as_slice);
                let stream = match fragments {
                    [] => return Err(PixelError::Fragments { detail: "a frame has no fragment" }),
                    [one] => Cow::Borrowed(*one),
                    several => Cow::Owned(several.concat()),
                };
                codecs::decode(&stream, &self.format, &self.transfer_syntax_uid, index).map(Cow::Owned)
            }
        }
    }

    fn native_frame<'s>(&self, bytes: &'s [u8], index: usize) -> Result<&'s [u8], PixelError> {
        let size = self.format.frame_size();
        let short = PixelError::Decode { frame: index, detail: "pixel data ends before it".to_owned() };
        let start = index.checked_mul(size);
        start.and_then(|s| bytes.get(s..s.checked_add(size)?)).ok_or(short)
    }

    fn swapped(&self, native: &[u8]) -> Vec<u8> {
        native.chunks_exact(self.format.sample_size()).flat_map(|c| c.iter().rev().copied()).collect()
    }

    /// HU of frame `index` into `out`, row by row: rescaled, padding to -1024, MONOCHROME1 inverted,
    /// clamped to `[-1024, 3071]`.
    ///
    /// # Errors
    /// [`PixelError`] when the frame cannot be decoded, is not monochrome of 8 or 16 bits, or `out` does
    /// not hold exactly one frame.
    pub fn hu_into(&self, index: usize, rescale: &Rescale, out: &mut [i16]) -> Result<(), PixelError> {
        let format = &self.format;
        let monochrome = format.samples_per_pixel == 1 && format.photometric.starts_with("MONOCHROME");
        if !monochrome || format.bits_allocated > 16 || out.len() != format.cells() {
            let detail = format!(
                "{} with {} samples of {} bits is not a CT frame of {} pixels",
                format.photometric,
                format.samples_per_pixel,
                format.bits_allocated,
                out.len()
            );
            return Err(PixelError::Format { detail });
        }
        let stored = self.stored(index)?;
        hounsfield::convert(&stored, format, rescale, out);
        Ok(())
    }
}

fn find<'b>(bytes: &'b [u8], encoding: Encoding, limits: &Limits) -> Result<PixelFinder<'b>, PixelError> {
    let mut finder = PixelFinder::default();
    walk(bytes, encoding, limits, &mut finder).map_err(GuardError::Walk)?;
    finder.format.shape.check(limits)?;
    Ok(finder)
}

/// Is PixelData of this transfer syntax a plain array?
pub(crate) fn is_native(transfer_syntax_uid: &str) -> bool {
    matches!(
        transfer_syntax_uid,
        uids::IMPLICIT_VR_LITTLE_ENDIAN
            | uids::EXPLICIT_VR_LITTLE_ENDIAN
            | EXPLICIT_VR_BIG_ENDIAN
            | uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
            | uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN
    )
}

/// Is there a decoder for this transfer syntax?
#[must_use]
pub fn decodes(transfer_syntax_uid: &str) -> bool {
    codecs::family(transfer_syntax_uid).is_some()
}

#[cfg(test)]
#[path = "pixels/tests.rs"]
mod tests;

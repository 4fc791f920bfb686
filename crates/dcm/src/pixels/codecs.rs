//! One compressed frame to stored values.

use super::codec_header::{self, CodecHeader};
use super::{PixelError, PixelFormat, hounsfield, is_native, rle};
use dicom_dictionary_std::uids;
use dicom_encoding::Codec;
use dicom_encoding::TransferSyntaxIndex;
use dicom_encoding::adapters::{PixelDataObject, RawPixelData};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Family of a transfer syntax: which header to read and which decoder to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Native,
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
}

/// Family of a transfer syntax that we decode.
pub(crate) fn family(transfer_syntax_uid: &str) -> Option<Family> {
    Some(match transfer_syntax_uid {
        uid if is_native(uid) => Family::Native,
        uids::RLE_LOSSLESS => Family::Rle,
        uids::JPEG_BASELINE8_BIT
        | uids::JPEG_EXTENDED12_BIT
        | uids::JPEG_LOSSLESS
        | uids::JPEG_LOSSLESS_SV1 => Family::Jpeg,
        uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Family::JpegLs,
        uids::JPEG2000_LOSSLESS
        | uids::JPEG2000
        | uids::HTJ2K_LOSSLESS
        | uids::HTJ2K_LOSSLESS_RPCL
        | uids::HTJ2K => Family::Jpeg2000,
        _ => return None,
    })
}

/// Decodes `stream` to little-endian samples of `BitsAllocated / 8` bytes, cut to BitsStored.
pub(super) fn decode(
    stream: &[u8],
    format: &PixelFormat,
    transfer_syntax_uid: &str,
    frame: usize,
) -> Result<Vec<u8>, PixelError> {
    let failed = |detail: &str| PixelError::Decode { frame, detail: detail.to_owned() };
    let unknown = || PixelError::TransferSyntax { uid: transfer_syntax_uid.to_owned() };
    let family = family(transfer_syntax_uid).ok_or_else(unknown)?;
    let mut decoded = match family {
        Family::Native => {
            stream.get(..format.frame_size()).ok_or_else(|| failed("fragment is too short"))?.to_vec()
        }
        Family::Rle => {
            let samples = usize::from(format.samples_per_pixel);
            rle::decode(stream, format.cells(), samples, format.sample_size()).map_err(failed)?
        }
        Family::Jpeg | Family::JpegLs | Family::Jpeg2000 => {
            let header = checked_header(stream, family, format, frame)?;
            let one =
                OneFrame { stream, format, uid: transfer_syntax_uid, bits: codec_bits(&header, format) };
            let samples = foreign(&one).map_err(|detail| PixelError::Decode { frame, detail })?;
            widened(samples, one.bits, format)
        }
    };
    if decoded.len() != format.frame_size() {
        return Err(failed("the decoder returned another number of bytes than the frame has"));
    }
    hounsfield::trim_stored(&mut decoded, format);
    Ok(decoded)
}

/// The stream's own header must say what the data set says, before any codec allocates for it.
fn checked_header(
    stream: &[u8],
    family: Family,
    format: &PixelFormat,
    frame: usize,
) -> Result<CodecHeader, PixelError> {
    let header =
        if family == Family::Jpeg2000 { codec_header::jpeg2000(stream) } else { codec_header::jpeg(stream) };
    let expected = format!(
        "{} x {} pixels of {} samples with at most {} bits",
        format.columns, format.rows, format.samples_per_pixel, format.bits_allocated
    );
    let mismatch = |found: String| PixelError::CodecHeader { frame, found, expected: expected.clone() };
    let header = header.ok_or_else(|| mismatch("nothing that can be trusted".to_owned()))?;
    let same = header.width == u32::from(format.columns)
        && header.height == u32::from(format.rows)
        && header.components == format.samples_per_pixel
        && (2..=format.bits_allocated.min(16)).contains(&header.precision);
    if !same {
        return Err(mismatch(format!(
            "{} x {} pixels of {} samples with {} bits",
            header.width, header.height, header.components, header.precision
        )));
    }
    Ok(header)
}

/// Bits per sample that the decoder will write.
fn codec_bits(header: &CodecHeader, format: &PixelFormat) -> u16 {
    if header.precision <= 8 { 8 } else { format.bits_allocated }
}

/// 8-bit samples in a 16-bit image.
fn widened(samples: Vec<u8>, bits: u16, format: &PixelFormat) -> Vec<u8> {
    if bits == 8 && format.bits_allocated == 16 {
        samples.into_iter().flat_map(|b| [b, 0]).collect()
    } else {
        samples
    }
}

/// The registry's decoder. Its code is Rust over C and C++: a panic in the Rust part becomes an error
/// here, a crash in the other part is why decoding runs in the worker process.
fn foreign(one: &OneFrame<'_>) -> Result<Vec<u8>, String> {
    let syntax = TransferSyntaxRegistry.get(one.uid).ok_or("no such transfer syntax")?;
    let Codec::EncapsulatedPixelData(Some(reader), _) = syntax.codec() else {
        return Err("no decoder is built in".to_owned());
    };
    let decode = || {
        let mut samples = Vec::new();
        reader.decode_frame(one, 0, &mut samples).map(|()| samples)
    };
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(samples)) => Ok(samples),
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err("the decoder panicked".to_owned()),
    }
}

/// One frame in the shape in which the registry's decoders want it.
struct OneFrame<'b> {
    stream: &'b [u8],
    format: &'b PixelFormat,
    uid: &'b str,
    bits: u16,
}

impl PixelDataObject for OneFrame<'_> {
    fn transfer_syntax_uid(&self) -> &str {
        self.uid
    }
    fn rows(&self) -> Option<u16> {
        Some(self.format.rows)
    }
    fn cols(&self) -> Option<u16> {
        Some(self.format.columns)
    }
    fn samples_per_pixel(&self) -> Option<u16> {
        Some(self.format.samples_per_pixel)
    }
    fn bits_allocated(&self) -> Option<u16> {
        Some(self.bits)
    }
    fn bits_stored(&self) -> Option<u16> {
        Some(self.format.bits_stored.min(self.bits))
    }
    fn photometric_interpretation(&self) -> Option<&str> {
        Some(&self.format.photometric)
    }
    fn number_of_frames(&self) -> Option<u32> {
        Some(1)
    }
    fn number_of_fragments(&self) -> Option<u32> {
        Some(1)
    }
    fn fragment(&self, fragment: usize) -> Option<Cow<'_, [u8]>> {
        (fragment == 0).then_some(Cow::Borrowed(self.stream))
    }
    fn offset_table(&self) -> Option<Cow<'_, [u32]>> {
        None
    }
    /// The JPEG decoder asks for a copy of everything instead of [`Self::fragment`].
    fn raw_pixel_data(&self) -> Option<RawPixelData> {
        Some(RawPixelData { fragments: vec![self.stream.to_vec()].into(), offset_table: Vec::new().into() })
    }
}

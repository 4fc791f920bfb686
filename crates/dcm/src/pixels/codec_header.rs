//! Size and depth as a compressed stream's own header gives them, read before a codec in C or C++ sees
//! the stream: CharLS reserves whatever the stream claims.

/// What a code stream says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodecHeader {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) components: u16,
    /// Bits per sample.
    pub(crate) precision: u16,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// JPEG (ITU-T T.81) and JPEG-LS (T.87): the one SOF before the first scan.
pub(crate) fn jpeg(stream: &[u8]) -> Option<CodecHeader> {
    if !stream.starts_with(&[0xFF, 0xD8]) {
        return None;
    }
    let mut at = 2;
    let mut found = None;
    // Each segment moves on by at least 2 bytes and SOS ends the loop.
    while let Some(marker) = u16_at(stream, at) {
        if marker == 0xFFFF {
            at += 1;
            continue;
        }
        if marker < 0xFF01 {
            return None;
        }
        let length = usize::from(u16_at(stream, at + 2).filter(|l| *l >= 2)?);
        let body = at + 4;
        match marker {
            0xFFDA => return found,
            0xFFC4 | 0xFFC8 | 0xFFCC => {}
            0xFFC0..=0xFFCF | 0xFFF7 => {
                // A second frame header could say another size than the one that is checked.
                if found.is_some() {
                    return None;
                }
                found = Some(CodecHeader {
                    precision: u16::from(*stream.get(body)?),
                    height: u32::from(u16_at(stream, body + 1)?),
                    width: u32::from(u16_at(stream, body + 3)?),
                    components: u16::from(*stream.get(body + 5)?),
                });
            }
            // LSE with an oversize dimension (T.87 C.2.4.1.4) replaces the size of the frame header.
            0xFFF8 if stream.get(body) == Some(&4) => return None,
            _ => {}
        }
        at = at + 2 + length;
    }
    None
}

/// JPEG 2000 (T.800) and HTJ2K: the SIZ segment, also inside a JP2 file.
pub(crate) fn jpeg2000(stream: &[u8]) -> Option<CodecHeader> {
    let at = if stream.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) { 0 } else { jp2_codestream(stream)? };
    let siz = at + 4;
    let (width, height) = (u32_at(stream, siz + 4)?, u32_at(stream, siz + 8)?);
    let (left, top) = (u32_at(stream, siz + 12)?, u32_at(stream, siz + 16)?);
    let (tile_width, tile_height) = (u32_at(stream, siz + 20)?, u32_at(stream, siz + 24)?);
    let components = u16_at(stream, siz + 36)?;
    let depth = *stream.get(siz + 38)?;
    let width = width.checked_sub(left)?;
    let height = height.checked_sub(top)?;
    // The codec keeps a record per tile: a 512 x 512 image of 1 x 1 tiles is an attack.
    let tiles = u64::from(width.div_ceil(tile_width.max(1))) * u64::from(height.div_ceil(tile_height.max(1)));
    if tile_width == 0 || tile_height == 0 || tiles > 4096 {
        return None;
    }
    // Ssiz is repeated per component; all must agree. XRsiz and YRsiz must be 1: no subsampling.
    for c in 0..usize::from(components.min(4)) {
        let entry = siz + 38 + c * 3;
        if stream.get(entry..entry + 3)? != [depth, 1, 1] {
            return None;
        }
    }
    Some(CodecHeader { width, height, components, precision: u16::from(depth & 0x7F) + 1 })
}

/// Offset of the code stream in a JP2 file: first `jp2c` box at the top level.
fn jp2_codestream(stream: &[u8]) -> Option<usize> {
    if stream.get(4..8)? != b"jP  " {
        return None;
    }
    let mut at = 0usize;
    // A JP2 file has a handful of boxes at the top level.
    for _ in 0..64 {
        let length = usize::try_from(u32_at(stream, at)?).ok()?;
        let (head, length) = match length {
            0 => (8, stream.len() - at),
            1 => (
                16,
                usize::try_from(
                    (u64::from(u32_at(stream, at + 8)?) << 32) | u64::from(u32_at(stream, at + 12)?),
                )
                .ok()?,
            ),
            l => (8, l),
        };
        if stream.get(at + 4..at + 8)? == b"jp2c" {
            let start = at + head;
            return stream.get(start..)?.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]).then_some(start);
        }
        at = at.checked_add(length.max(8))?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sof(marker: u8, width: u16, height: u16) -> Vec<u8> {
        let mut s = vec![0xFF, marker, 0, 11, 16];
        s.extend(height.to_be_bytes());
        s.extend(width.to_be_bytes());
        s.extend([1, 1, 0x11, 0]);
        s
    }

    /// The size is found behind other segments, and a stream that could change it later is refused.
    #[test]
    fn the_only_frame_header_counts() {
        let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0];
        let app = [0xFF, 0xE0, 0, 4, 9, 9];
        let stream = [&[0xFF, 0xD8], &app[..], &sof(0xF7, 512, 256), &scan].concat();
        let header = jpeg(&stream).unwrap();
        assert_eq!((header.width, header.height, header.components, header.precision), (512, 256, 1, 16));
        let twice = [&[0xFF, 0xD8], &sof(0xF7, 512, 512)[..], &sof(0xF7, 65535, 65535), &scan].concat();
        assert_eq!(jpeg(&twice), None);
        let oversize = [0xFF, 0xF8, 0, 8, 4, 2, 255, 255, 255, 255];
        let lse = [&[0xFF, 0xD8], &sof(0xF7, 512, 512)[..], &oversize, &scan].concat();
        assert_eq!(jpeg(&lse), None);
        assert_eq!(jpeg(&stream[..14]), None, "no scan");
    }
}

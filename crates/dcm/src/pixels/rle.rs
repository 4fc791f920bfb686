//! RLE Lossless (PS3.5 Annex G), decoded here because the decoder of dicom-rs allocates by what a hostile
//! stream claims and takes the process down.

/// Decodes one frame of `cells` pixels into little-endian samples, interleaved by pixel.
///
/// The stream must hold exactly `samples * sample_size` segments, most significant byte first, at
/// ascending offsets inside the stream, each with at least `cells` bytes.
pub(crate) fn decode(
    stream: &[u8],
    cells: usize,
    samples: usize,
    sample_size: usize,
) -> Result<Vec<u8>, &'static str> {
    let word = |i: usize| -> Option<usize> {
        let four: [u8; 4] = stream.get(i * 4..i * 4 + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(four)).ok()
    };
    let segments = samples * sample_size;
    if segments == 0 || segments > 15 || word(0) != Some(segments) {
        return Err("number of RLE segments does not fit the pixel format");
    }
    let pixel = samples * sample_size;
    let mut out = vec![0u8; cells.checked_mul(pixel).ok_or("frame is too large")?];
    for segment in 0..segments {
        let start = word(segment + 1).filter(|s| *s >= 64).ok_or("RLE header is cut off")?;
        let end = if segment + 1 == segments { Some(stream.len()) } else { word(segment + 2) };
        let bytes = end
            .filter(|e| *e >= start)
            .and_then(|e| stream.get(start..e))
            .ok_or("RLE segment offsets do not ascend inside the stream")?;
        let (sample, byte) = (segment / sample_size, segment % sample_size);
        let first = sample * sample_size + (sample_size - 1 - byte);
        unpack(bytes, out.get_mut(first..).unwrap_or(&mut []), pixel, cells)?;
    }
    Ok(out)
}

/// PackBits of one segment into every `stride`-th byte of `out`, exactly `cells` of them.
fn unpack(mut bytes: &[u8], out: &mut [u8], stride: usize, cells: usize) -> Result<(), &'static str> {
    let mut cell = out.iter_mut().step_by(stride).take(cells);
    let mut left = cells;
    while left > 0 {
        let (&control, rest) = bytes.split_first().ok_or("RLE segment ends before the frame does")?;
        let control = usize::from(control);
        match control {
            0..=127 => {
                // A run past the end of the frame is padding of the segment.
                let count = (control + 1).min(left);
                let literal = rest.get(..count).ok_or("RLE segment ends before the frame does")?;
                cell.by_ref().take(count).zip(literal).for_each(|(c, b)| *c = *b);
                left -= count;
                bytes = rest.get(control + 1..).unwrap_or(&[]);
            }
            128 => bytes = rest,
            _ => {
                let (&value, after) = rest.split_first().ok_or("RLE segment ends before the frame does")?;
                let count = (257 - control).min(left);
                cell.by_ref().take(count).for_each(|c| *c = value);
                left -= count;
                bytes = after;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::decode;

    fn stream(segments: &[&[u8]]) -> Vec<u8> {
        let mut header = vec![0u8; 64];
        header[0] = u8::try_from(segments.len()).unwrap();
        let mut offset = 64u32;
        for (i, s) in segments.iter().enumerate() {
            header[4 + i * 4..8 + i * 4].copy_from_slice(&offset.to_le_bytes());
            offset += u32::try_from(s.len()).unwrap();
        }
        header.into_iter().chain(segments.iter().flat_map(|s| s.iter().copied())).collect()
    }

    /// PS3.5 G.3: literal runs, replicate runs and no-ops, high byte first.
    #[test]
    fn runs_become_pixels() {
        let s = stream(&[&[0xFE, 1], &[2, 10, 20, 30]]);
        assert_eq!(decode(&s, 3, 1, 2).unwrap(), [10, 1, 20, 1, 30, 1]);
        let s = stream(&[&[128, 0, 7, 255, 9]]);
        assert_eq!(decode(&s, 3, 1, 1).unwrap(), [7, 9, 9]);
    }

    /// Bombs and lies are errors, and nothing is sized by what the stream claims.
    #[test]
    fn lies_are_refused() {
        let good = stream(&[&[0xFE, 1], &[2, 10, 20, 30]]);
        let mut count = good.clone();
        count[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut offset = good.clone();
        offset[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut descending = good.clone();
        descending[8..12].copy_from_slice(&60u32.to_le_bytes());
        for bad in [count, offset, descending, good[..66].to_vec(), vec![0xAB; 64], vec![]] {
            assert!(decode(&bad, 3, 1, 2).is_err());
        }
        assert!(decode(&good, 4, 1, 2).is_err(), "a frame larger than its segments");
    }
}

//! Which fragments of encapsulated pixel data make up which frame (PS3.5 A.4).

use super::PixelError;
use crate::walk::Encoding;

/// Fragments in file order, with the offset of each item as offset tables count (from the first byte
/// after the offset table item).
pub(super) struct Fragments<'b> {
    fragments: Vec<(usize, &'b [u8])>,
    offsets: Vec<usize>,
}

/// Splits the value of PixelData: first the basic offset table, then the fragments. The walk checked
/// every length already.
pub(super) fn split<'b>(value: &'b [u8], extended_offsets: &[u8]) -> Result<Fragments<'b>, PixelError> {
    let encoding = Encoding::ExplicitLittle;
    let mut items = Vec::new();
    let mut at = 0;
    while at < value.len() {
        let length = encoding.u32_at(value, at + 4).and_then(|l| usize::try_from(l).ok());
        let item = length.and_then(|l| value.get(at + 8..(at + 8).checked_add(l)?));
        let item = item.ok_or(PixelError::Fragments { detail: "a fragment is cut off" })?;
        items.push((at, item));
        at += 8 + item.len();
    }
    let mut items = items.into_iter();
    let Some((_, table)) = items.next() else {
        return Err(PixelError::Fragments { detail: "there is no offset table item" });
    };
    let base = 8 + table.len();
    let fragments: Vec<_> = items.map(|(at, item)| (at - base, item)).collect();
    if fragments.is_empty() {
        return Err(PixelError::Fragments { detail: "there are no fragments" });
    }
    let long: Vec<usize> = extended_offsets
        .chunks_exact(8)
        .filter_map(|c| c.try_into().ok().map(u64::from_le_bytes))
        .filter_map(|o| usize::try_from(o).ok())
        .collect();
    let short = table
        .chunks_exact(4)
        .filter_map(|c| c.try_into().ok().map(u32::from_le_bytes))
        .filter_map(|o| usize::try_from(o).ok())
        .collect();
    Ok(Fragments { fragments, offsets: if long.is_empty() { short } else { long } })
}

impl<'b> Fragments<'b> {
    /// By count where it is unambiguous, else by the offset table where that is true, else by the start
    /// markers of JPEG and JPEG 2000 streams.
    pub(super) fn into_frames(self, frames_count: u32) -> Result<Vec<Vec<&'b [u8]>>, PixelError> {
        let count = usize::try_from(frames_count).unwrap_or(usize::MAX);
        let all: Vec<&[u8]> = self.fragments.iter().map(|(_, f)| *f).collect();
        if count == 1 {
            return Ok(vec![all]);
        }
        if all.len() == count {
            return Ok(all.into_iter().map(|f| vec![f]).collect());
        }
        let starts = self.starts_by_offset(count).or_else(|| starts_by_marker(&all, count));
        let starts = starts.ok_or(PixelError::Fragments {
            detail: "the number of fragments is not that of frames and no offset table tells them apart",
        })?;
        let ends = starts.iter().skip(1).copied().chain([all.len()]);
        Ok(starts.iter().zip(ends).map(|(a, b)| all.get(*a..b).unwrap_or(&[]).to_vec()).collect())
    }

    /// Index of each frame's first fragment, when every offset of the table points at a fragment.
    fn starts_by_offset(&self, count: usize) -> Option<Vec<usize>> {
        if self.offsets.len() != count || self.offsets.first() != Some(&0) {
            return None;
        }
        if self.offsets.iter().zip(self.offsets.iter().skip(1)).any(|(a, b)| a >= b) {
            return None;
        }
        self.offsets.iter().map(|o| self.fragments.binary_search_by_key(o, |(at, _)| *at).ok()).collect()
    }
}

fn starts_by_marker(fragments: &[&[u8]], count: usize) -> Option<Vec<usize>> {
    let starts: Vec<usize> = fragments
        .iter()
        .enumerate()
        .filter(|(_, f)| f.starts_with(&[0xFF, 0xD8, 0xFF]) || f.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]))
        .map(|(i, _)| i)
        .collect();
    (starts.len() == count && starts.first() == Some(&0)).then_some(starts)
}

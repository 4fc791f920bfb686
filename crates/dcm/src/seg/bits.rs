//! Frames of one bit per pixel (PS3.5 8.1.1 with BitsAllocated 1): frames follow each other without a gap,
//! row after row, the lowest bit of a byte first.

/// Frames being filled.
#[derive(Debug, Clone)]
pub(super) struct BitFrames {
    rows: usize,
    columns: usize,
    bytes: Vec<u8>,
}

impl BitFrames {
    pub(super) fn new(rows: usize, columns: usize, frames: usize) -> Self {
        let bits = rows * columns * frames;
        Self { rows, columns, bytes: vec![0; bits.div_ceil(8)] }
    }

    /// Sets columns `start..end` of a row; what lies outside the frame is left out.
    pub(super) fn set_run(&mut self, frame: usize, row: usize, start: usize, end: usize) {
        if row >= self.rows {
            return;
        }
        let first = (frame * self.rows + row) * self.columns;
        for bit in first + start..first + end.min(self.columns) {
            if let Some(byte) = self.bytes.get_mut(bit / 8) {
                *byte |= 1 << (bit % 8);
            }
        }
    }

    /// Padded to an even length.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(2), 0);
        self.bytes
    }
}

/// Runs of set pixels in a frame: row, first column, column after the last.
pub(super) fn runs(bytes: &[u8], rows: usize, columns: usize, frame: usize) -> Vec<(usize, usize, usize)> {
    let is_set = |bit: usize| bytes.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1);
    let mut runs = Vec::new();
    for row in 0..rows {
        let first = (frame * rows + row) * columns;
        let mut column = 0;
        while column < columns {
            if !is_set(first + column) {
                column += 1;
                continue;
            }
            let start = column;
            while column < columns && is_set(first + column) {
                column += 1;
            }
            runs.push((row, start, column));
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Check vector: three frames of 3 x 3 with voxels 0, 8 and 9 set give 01 03 00 00.
    #[test]
    fn frames_follow_each_other_without_padding() {
        let mut frames = BitFrames::new(3, 3, 3);
        frames.set_run(0, 0, 0, 1);
        frames.set_run(0, 2, 2, 3);
        frames.set_run(1, 0, 0, 1);
        assert_eq!(frames.into_bytes(), [0x01, 0x03, 0x00, 0x00]);
    }

    proptest! {
        /// Goal: what is set is read back, in every frame, for sizes that do not fill bytes.
        #[test]
        fn runs_come_back(rows in 1..6_usize, columns in 1..11_usize, bits in proptest::collection::vec(any::<bool>(), 180)) {
            let mut frames = BitFrames::new(rows, columns, 3);
            let at = |frame: usize, row: usize, column: usize| bits[((frame * rows + row) * columns + column) % bits.len()];
            let mut count = 0;
            for (frame, row, column) in (0..3).flat_map(|f| (0..rows).flat_map(move |r| (0..columns).map(move |c| (f, r, c)))) {
                if at(frame, row, column) {
                    frames.set_run(frame, row, column, column + 1);
                    count += 1;
                }
            }
            let bytes = frames.into_bytes();
            prop_assert_eq!(bytes.len(), 2 * (rows * columns * 3).div_ceil(8).div_ceil(2));
            let mut read = 0;
            for frame in 0..3 {
                for (row, start, end) in runs(&bytes, rows, columns, frame) {
                    for column in start..end {
                        prop_assert!(at(frame, row, column));
                        read += 1;
                    }
                }
            }
            prop_assert_eq!(read, count);
        }
    }
}

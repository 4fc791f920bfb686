//! Bounds on everything that a peer or a file can grow, checked before anything is allocated for it.

use serde::{Deserialize, Serialize};

/// Deepest nesting that [`Limits::nesting_max`] can ask for: the walk keeps its place in a fixed array.
pub const NESTING_CEILING: usize = 64;

/// Bounds on one object. The defaults leave room for every CT object seen in practice; they are ours,
/// not the standard's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Sequences inside sequences; real objects stay below 12. At most [`NESTING_CEILING`].
    pub nesting_max: usize,
    /// Data elements of one object, those in sequences included.
    pub elements_count_max: usize,
    /// Sequence items and pixel fragments of one object.
    pub items_count_max: usize,
    /// Bytes of one object as received.
    pub object_size_max: usize,
    /// Bytes of a deflated data set after inflation.
    pub inflated_size_max: usize,
    /// Rows (0028,0010).
    pub rows_max: u32,
    /// Columns (0028,0011).
    pub columns_max: u32,
    /// NumberOfFrames (0028,0008).
    pub frames_count_max: u32,
    /// Bytes of all decoded frames of one object.
    pub pixels_size_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            nesting_max: 32,
            elements_count_max: 200_000,
            items_count_max: 100_000,
            object_size_max: 2 << 30,
            inflated_size_max: 1 << 30,
            rows_max: 4096,
            columns_max: 4096,
            frames_count_max: 10_000,
            pixels_size_max: 4 << 30,
        }
    }
}

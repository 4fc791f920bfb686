//! What passes from assembly to analysis.

use domain::{SeriesInstanceUid, SeriesWarning, SourceSlice, StudyInstanceUid, Volume};

/// A series as a volume, with what the report needs of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Assembled {
    /// Study.
    pub study_instance_uid: StudyInstanceUid,
    /// Series.
    pub series_instance_uid: SeriesInstanceUid,
    /// HU and grid.
    pub volume: Volume,
    /// One per slice of the volume.
    pub slices: Vec<SourceSlice>,
    /// What a reader should know.
    pub warnings: Vec<SeriesWarning>,
    /// Hash over the instances that went in.
    pub input_digest: String,
    /// How long it took, ms.
    pub assemble_ms: u64,
}

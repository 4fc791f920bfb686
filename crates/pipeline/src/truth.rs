//! Findings against readers' truth (`lungcad-truth/1`): which nodules were found, and how well outlines agree.
//!
//! Slices are counted from the feet, so the truth's `[slice, row, column]` are the volume's `[z, y, x]`.

mod readers;

use domain::{LpsPoint, Mask, Run, VoxelIndex};
use readers::Reader;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Readers that must have marked a nodule for it to count as one (LUNA16's rule).
const READERS_COUNT_MIN: u32 = 3;

/// A truth document; members that are not needed here are ignored.
#[derive(Debug, Clone, Deserialize)]
pub struct TruthDocument {
    /// `lungcad-truth/1`.
    pub format: String,
    /// Series with truth.
    pub series: Vec<TruthSeries>,
}

/// Truth of one series.
#[derive(Debug, Clone, Deserialize)]
pub struct TruthSeries {
    /// Which series.
    pub series_instance_uid: String,
    /// Whose.
    #[serde(default)]
    pub patient_id: String,
    /// SliceThickness, mm.
    #[serde(default)]
    pub slice_thickness: Option<f64>,
    /// Position of the lowest slice, LPS mm.
    pub first_ipp_lps: [f64; 3],
    /// Distance of slices, mm.
    pub slice_spacing: f64,
    /// Distance of rows and of columns, mm.
    #[serde(default)]
    pub pixel_spacing_row_col: Option<[f64; 2]>,
    /// What readers marked.
    pub nodules: Vec<TruthNodule>,
    /// The same as lists of LUNA16.
    #[serde(default)]
    pub luna16: Option<Luna16Lists>,
}

/// Rows `[x, y, z, diameter]`, LPS mm.
#[derive(Debug, Clone, Deserialize)]
pub struct Luna16Lists {
    /// Nodules that count.
    pub annotations: Vec<[f64; 4]>,
    /// Findings whose marks are neither right nor wrong; diameter -1 where none is known.
    #[serde(default)]
    pub annotations_excluded: Vec<[f64; 4]>,
}

/// Medians of the readers' ratings, on LIDC's scales.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct Ratings {
    /// 1 non-solid, 3 part-solid, 5 solid.
    pub texture: Option<f64>,
    /// 1 to 5 kinds of calcification, 6 absent.
    pub calcification: Option<f64>,
}

/// What a simulation was asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Planted {
    /// `solid`, `part-solid`, `non-solid`, `calcified`, `cavitary`.
    #[serde(default)]
    pub kind: String,
    /// `RUL`, `RML`, `RLL`, `LUL`, `LLL`.
    #[serde(default)]
    pub lobe: String,
}

/// One nodule.
#[derive(Debug, Clone, Deserialize)]
pub struct TruthNodule {
    /// Name within the series.
    #[serde(default)]
    pub id: String,
    /// Readers that marked it.
    #[serde(default)]
    readers: u32,
    /// Segmentations that hold it, where there are no readers.
    #[serde(default)]
    votes: u32,
    /// What at least half of them share.
    pub consensus50: Consensus,
    /// Ratings, where readers gave some.
    #[serde(default)]
    pub median_ratings: Option<Ratings>,
    /// Of a simulated nodule.
    #[serde(default)]
    pub planted: Option<Planted>,
    /// Where it lies, in words of the truth's author.
    #[serde(default)]
    pub place: Option<String>,
    #[serde(default)]
    per_reader: Vec<Reader>,
    #[serde(default)]
    rle_kji: Vec<[usize; 4]>,
}

/// Size and place.
#[derive(Debug, Clone, Deserialize)]
pub struct Consensus {
    /// LPS mm.
    pub centre_lps: LpsPoint,
    /// Mean of long and short axis, mm.
    pub mean_diameter_mm: f64,
    /// mm3.
    pub volume_mm3: f64,
    #[serde(default)]
    rle_kji: Vec<[usize; 4]>,
}

impl TruthNodule {
    /// Readers or segmentations behind it.
    #[must_use]
    pub fn votes_count(&self) -> u32 {
        self.readers.max(self.votes)
    }

    /// Whether most readers marked it.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.votes_count() >= READERS_COUNT_MIN
    }

    /// Voxels of each reader's outline, in the order of the document; empty where outlines are not given.
    #[must_use]
    pub fn reader_masks(&self) -> Vec<Mask> {
        let one = |v: VoxelIndex| Run { z: v.z, y: v.y, x_start: v.x, x_end: v.x + 1 };
        let mask = |reader: &Reader| Mask::from(reader.voxels().into_iter().map(one).collect::<Vec<_>>());
        self.per_reader.iter().map(mask).filter(|mask| mask.voxel_count() > 0).collect()
    }

    /// Voxels in at least half of the readers' outlines.
    #[must_use]
    pub fn mask(&self) -> Mask {
        let stored = if self.rle_kji.is_empty() { &self.consensus50.rle_kji } else { &self.rle_kji };
        if !stored.is_empty() {
            let run = |&[z, y, x, length]: &[usize; 4]| Run { z, y, x_start: x, x_end: x + length };
            return Mask::from(stored.iter().map(run).collect::<Vec<_>>());
        }
        let mut votes: BTreeMap<VoxelIndex, u32> = BTreeMap::new();
        for reader in &self.per_reader {
            for voxel in reader.voxels() {
                *votes.entry(voxel).or_default() += 1;
            }
        }
        let needed = u32::try_from(self.per_reader.len()).unwrap_or(u32::MAX).div_ceil(2).max(1);
        let runs = votes.into_iter().filter(|(_, n)| *n >= needed);
        Mask::from(
            runs.map(|(v, _)| Run { z: v.z, y: v.y, x_start: v.x, x_end: v.x + 1 }).collect::<Vec<_>>(),
        )
    }
}

/// A finding as far as it is compared.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Number of the finding.
    pub number: usize,
    /// Score, 0 to 1.
    pub score: f64,
    /// Centre, LPS mm.
    pub center: LpsPoint,
    /// Outline on the scan's grid, slices from the feet.
    pub mask: Mask,
}

/// What became of one nodule.
#[derive(Debug, Clone)]
pub struct NoduleOutcome {
    /// Its name in the truth.
    pub id: String,
    /// Readers that marked it.
    pub votes_count: u32,
    /// Whether it is one that must be found.
    pub counts: bool,
    /// Mean diameter, mm.
    pub diameter_mm: f64,
    /// Readers' volume, mm3.
    pub volume_mm3: f64,
    /// The finding that hit it.
    pub hit: Option<Hit>,
}

/// A nodule that was found.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    /// Number of the finding: also its rank by score.
    pub number: usize,
    /// Score.
    pub score: f64,
    /// Between both centres, mm.
    pub distance_mm: f64,
    /// 2 |A and B| / (|A| + |B|) against the readers' consensus.
    pub dice: f64,
    /// Volume of the finding, mm3, over the readers' volume.
    pub volume_ratio: f64,
}

/// A series against its truth.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Every nodule of the truth.
    pub nodules: Vec<NoduleOutcome>,
    /// Findings that hit nothing that any reader marked.
    pub other_marks_count: usize,
}

impl TruthDocument {
    /// Reads the document.
    ///
    /// # Errors
    /// What the parser said, or that the format is another.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document: Self = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if document.format != "lungcad-truth/1" {
            return Err(format!("format is {:?}, expected lungcad-truth/1", document.format));
        }
        Ok(document)
    }

    /// Truth of a series, if it is in the document.
    #[must_use]
    pub fn series(&self, series_instance_uid: &str) -> Option<&TruthSeries> {
        self.series.iter().find(|s| s.series_instance_uid == series_instance_uid)
    }
}

impl TruthSeries {
    /// 0-based slice from the feet of an image at `position`.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped at 0
    pub fn slice_index(&self, position: LpsPoint) -> usize {
        let from_first = position.distance_mm(self.first_ipp_lps.into());
        (from_first / self.slice_spacing).round().max(0.0) as usize
    }

    /// A nodule is found when a mark's centre lies within its radius (LUNA16: strictly); the best-scored one counts.
    #[must_use]
    pub fn compare(&self, marks: &[Mark]) -> Comparison {
        let mut used = BTreeSet::new();
        let mut nodules = Vec::new();
        for nodule in &self.nodules {
            let radius = nodule.consensus50.mean_diameter_mm / 2.0;
            let center = nodule.consensus50.centre_lps;
            let mut near: Vec<&Mark> =
                marks.iter().filter(|m| m.center.distance_mm(center) < radius).collect();
            near.sort_by(|a, b| b.score.total_cmp(&a.score));
            used.extend(near.iter().map(|m| m.number));
            nodules.push(NoduleOutcome {
                id: nodule.id.clone(),
                votes_count: nodule.votes_count(),
                counts: nodule.counts(),
                diameter_mm: nodule.consensus50.mean_diameter_mm,
                volume_mm3: nodule.consensus50.volume_mm3,
                hit: near.first().map(|mark| hit(mark, nodule)),
            });
        }
        let other_marks_count = marks.iter().filter(|m| !used.contains(&m.number)).count();
        Comparison { nodules, other_marks_count }
    }
}

#[allow(clippy::cast_precision_loss)] // voxel counts
fn hit(mark: &Mark, nodule: &TruthNodule) -> Hit {
    let truth = nodule.mask();
    let (own, theirs) = (mark.mask.voxel_count() as f64, truth.voxel_count() as f64);
    let shared = mark.mask.overlap_count(&truth) as f64;
    Hit {
        number: mark.number,
        score: mark.score,
        distance_mm: mark.center.distance_mm(nodule.consensus50.centre_lps),
        dice: if own + theirs > 0.0 { 2.0 * shared / (own + theirs) } else { 0.0 },
        volume_ratio: if theirs > 0.0 { own / theirs } else { 0.0 },
    }
}

/// Pixels of one frame: its position, and runs of row, first column, column after the last.
pub type FramePixels = (LpsPoint, Vec<(usize, usize, usize)>);

/// Tracking UID and frames of each segment of a SEG.
///
/// # Errors
/// What the reader said.
pub fn outlines_of_seg(bytes: &[u8]) -> Result<Vec<(String, Vec<FramePixels>)>, String> {
    let segments = dcm::seg::read(bytes).map_err(|e| e.to_string())?;
    let outlines = segments.into_iter().map(|segment| {
        let frames = segment.frames.into_iter().filter_map(|frame| {
            let numbers: Vec<f64> =
                frame.image_position_patient.split('\\').filter_map(|n| n.trim().parse().ok()).collect();
            let position: [f64; 3] = numbers.try_into().ok()?;
            Some((position.into(), frame.runs))
        });
        (segment.tracking_uid.unwrap_or_default(), frames.collect())
    });
    Ok(outlines.collect())
}

#[cfg(test)]
#[allow(clippy::print_stdout)] // a skipped test says so
mod tests {
    use super::*;

    /// Goal: our masks from the readers' outlines are those whose voxels the truth document counts.
    #[test]
    fn consensus_masks_have_the_stated_number_of_voxels() {
        let root =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/lidc-truth.json");
        let Ok(bytes) = std::fs::read(&root) else {
            println!("skipped: {} is not there", root.display());
            return;
        };
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let document = TruthDocument::parse(&bytes).unwrap();
        for (series, raw) in document.series.iter().zip(value["series"].as_array().unwrap()) {
            for (nodule, raw) in series.nodules.iter().zip(raw["nodules"].as_array().unwrap()) {
                let stated = raw["consensus50"]["voxels"].as_u64().unwrap();
                assert_eq!(
                    nodule.mask().voxel_count() as u64,
                    stated,
                    "{} {}",
                    series.series_instance_uid,
                    nodule.id
                );
            }
        }
    }
}

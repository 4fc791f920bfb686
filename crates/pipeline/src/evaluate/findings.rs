//! Marks from `findings.json` of `lungcad analyze`, with the outlines of the SEG files beside it.

use super::{EvaluateError, MarksByScan, ScanMarks, SystemMark, TruthGrid, TruthScan};
use crate::truth::outlines_of_seg;
use domain::{FindingsDocument, Mask, PackDocument, Run, SeriesDocument, SeriesState};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Size of one document.
const DOCUMENT_SIZE_MAX: u64 = 512 << 20;

/// Marks of every series in these files (`findings.json`, or folders that hold one), and the pack that made them.
/// Outlines are read for series whose `truth` has a grid. Scores stand in the document with three digits: finer ties
/// than those of the pack can arise, and ties at the cap of a hundred marks fall out.
///
/// # Errors
/// [`EvaluateError`] with file and cause.
pub fn marks_of_findings(
    paths: &[PathBuf],
    truth: &[TruthScan],
) -> Result<(MarksByScan, Option<PackDocument>), EvaluateError> {
    let grids: BTreeMap<&str, TruthGrid> =
        truth.iter().filter_map(|s| Some((s.name.as_str(), s.grid?))).collect();
    let mut all = MarksByScan::new();
    let mut pack = None;
    for path in paths {
        let file = if path.is_dir() { path.join("findings.json") } else { path.clone() };
        let document = read(&file)?;
        for (index, series) in document.series.into_iter().enumerate() {
            pack = pack.or(series.pack.clone());
            let seg = file.with_file_name(format!("series-{:02}", index + 1)).join("nodules.seg.dcm");
            let outlines = match grids.get(series.series_instance_uid.as_str()) {
                Some(grid) if seg.is_file() => outlines(&seg, grid)?,
                _ => BTreeMap::new(),
            };
            let name = series.series_instance_uid.clone();
            all.insert(name, marks_of(series, outlines));
        }
    }
    Ok((all, pack))
}

/// Marks of stored series documents, and the pack that made them.
#[must_use]
pub fn marks_of_documents(documents: Vec<SeriesDocument>) -> (MarksByScan, Option<PackDocument>) {
    let pack = documents.iter().find_map(|d| d.pack.clone());
    let named = documents.into_iter().map(|d| (d.series_instance_uid.clone(), marks_of(d, BTreeMap::new())));
    (named.collect(), pack)
}

fn marks_of(series: SeriesDocument, mut outlines: BTreeMap<String, Mask>) -> ScanMarks {
    let marks = series.nodules.iter().map(|n| SystemMark {
        center: n.center_lps_mm,
        score: n.score,
        attenuation: Some(n.attenuation),
        outline: outlines.remove(&n.tracking_uid).unwrap_or_default(),
    });
    let marks = marks.collect();
    let reason = series.reason.filter(|_| series.state != SeriesState::Done);
    ScanMarks { marks, reason, ..ScanMarks::default() }
}

fn read(file: &Path) -> Result<FindingsDocument, EvaluateError> {
    let path = file.display().to_string();
    let bytes = bytes(file)?;
    serde_json::from_slice(&bytes).map_err(|e| EvaluateError::Malformed { path, cause: e.to_string() })
}

fn bytes(file: &Path) -> Result<Vec<u8>, EvaluateError> {
    let path = file.display().to_string();
    let unreadable =
        |e: std::io::Error| EvaluateError::Unreadable { path: path.clone(), cause: e.to_string() };
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > DOCUMENT_SIZE_MAX {
        let cause = format!("{size} bytes, at most {DOCUMENT_SIZE_MAX} are read");
        return Err(EvaluateError::Malformed { path, cause });
    }
    std::fs::read(file).map_err(unreadable)
}

/// Outlines of a SEG on the grid of the truth, by tracking UID.
fn outlines(seg: &Path, grid: &TruthGrid) -> Result<BTreeMap<String, Mask>, EvaluateError> {
    let read = outlines_of_seg(&bytes(seg)?);
    let read = read.map_err(|cause| EvaluateError::Malformed { path: seg.display().to_string(), cause })?;
    let mut found = BTreeMap::new();
    for (tracking_uid, frames) in read {
        let mut runs = Vec::new();
        for (position, pixels) in frames {
            let z = grid.slice_index(position);
            runs.extend(pixels.into_iter().map(|(y, x_start, x_end)| Run { z, y, x_start, x_end }));
        }
        found.insert(tracking_uid, Mask::from(runs));
    }
    Ok(found)
}

impl TruthGrid {
    /// 0-based slice from the feet of an image at `position`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped at 0
    fn slice_index(&self, position: domain::LpsPoint) -> usize {
        (position.distance_mm(self.first) / self.spacing_mm_zyx[0]).round().max(0.0) as usize
    }
}

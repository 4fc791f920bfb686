//! Runs a pack over scans that have truth: DICOM folders, `MetaImage` and NIfTI volumes, whole chests or crops.

use super::{EvaluateError, MarksByScan, ScanFacts, ScanMarks, SystemMark, TruthScan};
use crate::analyze::{AnalysisSettings, AnalyzeError, Search, analyze};
use crate::assembled::Assembled;
use crate::batch::{self, BatchEvent, Events, FileSeries};
use crate::discover::{Place, discover};
use crate::networks::Networks;
use crate::volumes;
use dcm::group::AssemblyRules;
use dcm::header::ReadOptions;
use domain::{AnalysisResult, LpsPoint, ReasonDocument, SeriesInstanceUid, Side, Volume, derived_uid};
use ndarray::Axis;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// How scans are run.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// Bounds and character set.
    pub read: ReadOptions,
    /// Which DICOM series are analysed.
    pub assembly: AssemblyRules,
    /// Findings; a low threshold and many marks, so that the whole curve is seen.
    pub analysis: AnalysisSettings,
    /// With [`Search::Whole`]: marks and nodules nearer than this to the border of the volume do not count, mm, and the
    /// volume that is counted ends there too.
    pub rim_mm: f64,
}

/// Runs every scan below `paths` that `truth` names; others are left alone. The place of nodules (side and third of
/// the lung) is added to the truth where lungs are found.
///
/// # Errors
/// [`EvaluateError`] when files cannot be read. A scan that fails is among the marks with its reason.
pub fn run(
    paths: &[PathBuf],
    truth: &mut [TruthScan],
    networks: &mut Networks,
    settings: &RunSettings,
    events: Events<'_>,
) -> Result<MarksByScan, EvaluateError> {
    let mut by_name: BTreeMap<String, &mut TruthScan> =
        truth.iter_mut().map(|s| (s.name.clone(), s)).collect();
    let mut volumes_found = Vec::new();
    let mut others = Vec::new();
    for place in discover(paths)? {
        match &place {
            Place::File(path) if volumes::is_volume(path) => volumes_found.push(path.clone()),
            // The voxels of a MetaImage header; not worth a look for DICOM.
            Place::File(path) if path.extension().is_some_and(|e| e == "raw" || e == "zraw") => {}
            _ => others.push(place),
        }
    }
    let (series, _) = batch::read_all(&others, &settings.read, events)?;
    let wanted_volumes: Vec<(String, PathBuf)> = volumes_found
        .into_iter()
        .filter_map(|path| Some((volumes::stem(&path)?, path)))
        .filter(|(name, _)| by_name.contains_key(name))
        .collect();
    let wanted_series: Vec<FileSeries> =
        series.into_iter().filter(|s| by_name.contains_key(s.series.as_str())).collect();
    let total = wanted_volumes.len() + wanted_series.len();
    let mut one = One { networks, settings, events };
    let mut all = MarksByScan::new();
    for (number, (name, path)) in wanted_volumes.into_iter().enumerate() {
        events(BatchEvent::Series { number: number + 1, total, name: name.clone() });
        let Some(truth) = by_name.get_mut(&name) else { continue };
        let marks = match volumes::read(&path) {
            Ok(volume) => match assembled(&name, volume) {
                Ok(assembled) => one.analyzed(&assembled, ScanFacts::default(), truth),
                Err(error) => failed("ANALYSIS_FAILED", &error.to_string()),
            },
            Err(error) => failed("VOLUME_UNREADABLE", &error.to_string()),
        };
        all.insert(name, marks);
    }
    let load = batch::loader(&others);
    for series in wanted_series {
        let number = all.len() + 1;
        events(BatchEvent::Series { number, total, name: series.name.clone() });
        let Some(truth) = by_name.get_mut(series.series.as_str()) else { continue };
        let marks = one.series(&series, &load, truth);
        all.insert(series.series.as_str().to_owned(), marks);
    }
    Ok(all)
}

fn failed(code: &str, message: &str) -> ScanMarks {
    let reason = ReasonDocument { code: code.to_owned(), message: message.to_owned() };
    ScanMarks { reason: Some(reason), ..ScanMarks::default() }
}

/// A volume without DICOM; its name becomes a UID where it is none.
fn assembled(name: &str, volume: Volume) -> Result<Assembled, domain::UidError> {
    let uid = derived_uid(&["evaluated volume", name]);
    let series: SeriesInstanceUid = name.parse().or_else(|_| uid.parse())?;
    Ok(Assembled {
        study_instance_uid: uid.parse()?,
        series_instance_uid: series,
        volume,
        slices: Vec::new(),
        warnings: Vec::new(),
        input_digest: name.to_owned(),
        assemble_ms: 0,
    })
}

/// What all scans share.
struct One<'a> {
    networks: &'a mut Networks,
    settings: &'a RunSettings,
    events: Events<'a>,
}

impl One<'_> {
    fn series(
        &mut self,
        series: &FileSeries,
        load: crate::assemble::Load<'_>,
        truth: &mut TruthScan,
    ) -> ScanMarks {
        let plan = match series.instances.plan(&self.settings.assembly) {
            Ok(plan) => plan,
            Err(reason) => return failed(reason.code(), &reason.to_string()),
        };
        let header = series.instances.headers().first();
        let facts = ScanFacts {
            slice_mm: Some(plan.summary.thickness_mm),
            kernel: Some(plan.summary.kernel.clone()).filter(|k| !k.is_empty()),
            maker: header.and_then(|h| h.manufacturer.clone()),
        };
        let events = self.events;
        let step = |done, total| {
            events(BatchEvent::Step { step: crate::analyze::Step::Assemble, done, total });
        };
        match series.instances.assemble(&plan, load, &step) {
            Ok(assembled) => self.analyzed(&assembled, facts, truth),
            Err(reason) => failed(reason.code(), &reason.to_string()),
        }
    }

    fn analyzed(&mut self, assembled: &Assembled, facts: ScanFacts, truth: &mut TruthScan) -> ScanMarks {
        let events = self.events;
        let step = |step, done, total| events(BatchEvent::Step { step, done, total });
        let started = Instant::now();
        let result = match analyze(assembled, self.networks, &self.settings.analysis, &step) {
            Ok(result) => result,
            Err(AnalyzeError::Skip(reason)) => return failed(reason.code(), &reason.to_string()),
            Err(error) => return failed("ANALYSIS_FAILED", &error.to_string()),
        };
        let elapsed = started.elapsed();
        tracing::info!(scan = %truth.name, ms = elapsed.as_millis(), marks = result.findings.len(), "evaluated");
        let mut marks = marks(&result, facts);
        match self.settings.analysis.search {
            Search::Lungs => add_places(truth, &assembled.volume),
            Search::Whole => self.without_rim(&mut marks, truth, &assembled.volume),
        }
        marks
    }

    /// What lies in the rim of a crop was seen in part only: it counts neither way.
    fn without_rim(&self, marks: &mut ScanMarks, truth: &mut TruthScan, volume: &Volume) {
        let rim_mm = self.settings.rim_mm;
        let inner = Inner::of(volume, rim_mm);
        marks.marks.retain(|mark| inner.holds(mark.center));
        let (inside, outside) =
            std::mem::take(&mut truth.nodules).into_iter().partition(|n| inner.holds(n.mark.center));
        truth.nodules = inside;
        let outside: Vec<super::ReferenceNodule> = outside;
        truth.irrelevant.extend(outside.into_iter().map(|n| n.mark));
        marks.searched_ml = Some(inner.volume_ml());
    }
}

fn marks(result: &AnalysisResult, facts: ScanFacts) -> ScanMarks {
    let marks = result.findings.iter().map(|f| SystemMark {
        center: f.center,
        score: f.score,
        attenuation: Some(f.attenuation),
        outline: f.mask.clone(),
    });
    ScanMarks {
        marks: marks.collect(),
        facts,
        spacing_mm_zyx: Some(result.affine.spacing_mm_zyx()),
        searched_ml: None,
        reason: None,
    }
}

/// The volume without its rim.
struct Inner<'a> {
    volume: &'a Volume,
    /// First and last place along each axis, voxels.
    ends: [[f64; 2]; 3],
}

impl<'a> Inner<'a> {
    #[allow(clippy::cast_precision_loss)] // voxels
    fn of(volume: &'a Volume, rim_mm: f64) -> Self {
        let (shape, spacing) = (volume.shape(), volume.affine.spacing_mm_zyx());
        let ends = [0, 1, 2].map(|a| {
            let rim = rim_mm / spacing[a];
            [rim - 0.5, shape[a] as f64 - 0.5 - rim]
        });
        Self { volume, ends }
    }

    fn holds(&self, place: LpsPoint) -> bool {
        let at = <[f64; 3]>::from(self.volume.affine.to_voxel(place));
        at.iter().zip(&self.ends).all(|(v, [low, high])| v >= low && v <= high)
    }

    fn volume_ml(&self) -> f64 {
        let voxels: f64 = self.ends.iter().map(|[low, high]| (high - low).max(0.0)).product();
        voxels * self.volume.affine.voxel_mm3() / 1000.0
    }
}

/// Side and third of the lung for nodules whose truth says nothing of their place.
fn add_places(truth: &mut TruthScan, volume: &Volume) {
    if truth.nodules.iter().all(|n| n.place.is_some()) {
        return;
    }
    let Ok(lungs) = cad::lungs::segment(volume) else { return };
    let held: Vec<usize> = (0..lungs.left.dim().0)
        .filter(|z| [&lungs.left, &lungs.right].iter().any(|m| m.index_axis(Axis(0), *z).iter().any(|v| *v)))
        .collect();
    let (Some(low), Some(high)) = (held.first(), held.last()) else { return };
    #[allow(clippy::cast_precision_loss)] // slices
    let (low, height) = (*low as f64 - 0.5, (high - low + 1) as f64);
    for nodule in truth.nodules.iter_mut().filter(|n| n.place.is_none()) {
        let third = match (lungs.affine.to_voxel(nodule.mark.center).z - low) / height {
            share if share < 1.0 / 3.0 => "lower",
            share if share < 2.0 / 3.0 => "middle",
            _ => "upper",
        };
        let side = match lungs.side(nodule.mark.center) {
            Side::Left => "left",
            Side::Right => "right",
        };
        nodule.place = Some(format!("{side} {third} third"));
    }
}

//! Volume to findings: lungs, tiles, detector, candidates, outlines, measures. No database, no files.
//!
//! The loop over tiles stands in `detect` in full; what a tile, a candidate or an axis is stands in `cad`.
//! Findings are the same for every number of threads.

mod detect;

use crate::assembled::Assembled;
use crate::networks::Networks;
use cad::lobes::Lobes;
use cad::lungs::Lungs;
use cad::tiles::HuWindow;
use domain::{
    AnalysisResult, Candidate, Character, Finding, LpsPoint, Mask, Run, SkipReason, Timings, Volume,
    VoxelPoint,
};
use inference::{InputSpec, Kind, Network, NetworkError};
use ndarray::{Axis, Ix5};
use sha2::{Digest as _, Sha256};
use std::time::Instant;

/// Raised when a change of the algorithms changes findings, so that objects get new UIDs.
const ALGORITHM_VERSION: &str = "2";
/// Of two outlines that share more than this part of the smaller one, the weaker finding is dropped.
const SHARED_PART_MAX: f64 = 0.3;
/// An outline that runs into the border of its patch is tried once more in a patch this much wider.
const WIDER: f64 = 1.6;

/// What a site may set about findings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnalysisSettings {
    /// Findings reported at most, the highest scores first.
    pub findings_count_max: usize,
    /// Score threshold that overrides the pack's operating point.
    pub threshold: Option<f64>,
    /// Where nodules are searched.
    pub search: Search,
}

/// Where nodules are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Search {
    /// In the lungs of a chest.
    #[default]
    Lungs,
    /// In the entire volume, which need not be a chest: crops that are measured. Sides and lung volumes mean nothing
    /// then.
    Whole,
}

impl Default for AnalysisSettings {
    fn default() -> Self {
        Self { findings_count_max: 50, threshold: None, search: Search::Lungs }
    }
}

/// Why there are no findings.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// On purpose.
    #[error(transparent)]
    Skip(#[from] SkipReason),
    /// A network failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A network's output cannot be read.
    #[error(transparent)]
    Head(#[from] cad::detect::HeadError),
    /// Heads of a RetinaNet cannot be read.
    #[error(transparent)]
    Retina(#[from] cad::retina::RetinaError),
    /// A pack that passed its checks and still does not fit.
    #[error("model pack does not fit: {0}")]
    Unfit(String),
}

/// Step of a running analysis, for progress displays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Decoding slices.
    Assemble,
    /// Finding the lungs and their lobes.
    Lungs,
    /// Running the detector over tiles.
    Detect,
    /// Outlining and measuring candidates.
    Measure,
}

/// Takes the step, how much of it is done and how much there is; may be called from any thread.
pub type Progress<'a> = &'a (dyn Fn(Step, usize, usize) + Sync);

/// Analyses one volume.
///
/// # Errors
/// [`AnalyzeError::Skip`] when it is no chest, else what went wrong.
pub fn analyze(
    assembled: &Assembled,
    networks: &mut Networks,
    settings: &AnalysisSettings,
    progress: Progress<'_>,
) -> Result<AnalysisResult, AnalyzeError> {
    let started = Instant::now();
    let volume = &assembled.volume;
    let threshold = settings.threshold.unwrap_or(networks.threshold);

    progress(Step::Lungs, 0, 1);
    let lungs = match (settings.search, &mut networks.lungs) {
        (Search::Lungs, Some(network)) => crate::lungmask::lungs(volume, network, progress)?,
        (Search::Lungs, None) => {
            cad::lungs::segment(volume).map_err(|e| SkipReason::NotChest { detail: e.detail })?
        }
        (Search::Whole, _) => Lungs::everywhere(volume),
    };
    let lobes = match settings.search {
        Search::Lungs => Some(cad::lobes::find(volume, &lungs)),
        Search::Whole => None,
    };
    progress(Step::Lungs, 1, 1);
    let lungs_ms = elapsed_ms(started);

    let candidates = match networks.detectors.first.spec().decode {
        Kind::Retinanet3d(_) => crate::retina::candidates(volume, &lungs, networks, progress)?,
        _ => detect::candidates(volume, &lungs, networks, settings.search, progress)?,
    };
    let candidates = reduced(volume, candidates, networks)?;
    let reported: Vec<Candidate> =
        candidates.into_iter().filter(|c| c.score >= threshold).take(settings.findings_count_max).collect();
    let detect_ms = elapsed_ms(started) - lungs_ms;

    let findings = outlined(volume, (&lungs, lobes.as_ref()), &reported, networks, progress)?;
    let measure_ms = elapsed_ms(started) - lungs_ms - detect_ms;

    let mut pack = networks.identity();
    pack.threshold = threshold;
    let config_digest = config_digest(&pack, settings);
    let mut result = AnalysisResult {
        study_instance_uid: assembled.study_instance_uid.clone(),
        series_instance_uid: assembled.series_instance_uid.clone(),
        input_digest: assembled.input_digest.clone(),
        config_digest,
        affine: volume.affine,
        shape: volume.shape(),
        slices: assembled.slices.clone(),
        findings,
        lungs: lungs.volumes,
        warnings: assembled.warnings.clone(),
        pack,
        timings_ms: Timings {
            assemble: assembled.assemble_ms,
            lungs: lungs_ms,
            detect: detect_ms,
            measure: measure_ms,
            report: 0,
            total: assembled.assemble_ms + elapsed_ms(started),
        },
        clinical: None,
        triage: None,
    };
    for index in 0..result.findings.len() {
        let uid = result.derived_uid("tracking", index + 1);
        result.findings[index].tracking_uid = uid;
    }
    Ok(result)
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Everything besides the pixels that can change findings. The runtime is left out: it is provenance, and the
/// same pack on another provider is still the same configuration.
fn config_digest(pack: &domain::PackIdentity, settings: &AnalysisSettings) -> String {
    let mut hash = Sha256::new();
    for part in [ALGORITHM_VERSION, &pack.sha256] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(pack.threshold.to_bits().to_be_bytes());
    hash.update((settings.findings_count_max as u64).to_be_bytes());
    if settings.search == Search::Whole {
        hash.update(b"whole");
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

fn window(input: &InputSpec) -> HuWindow {
    #[allow(clippy::cast_possible_truncation)] // HU limits and pad values are small numbers
    let [low, high, pad] = [input.hu_clip[0], input.hu_clip[1], input.pad_value].map(|v| v as f32);
    HuWindow { low, high, pad }
}

fn first_input(network: &Network) -> Result<InputSpec, AnalyzeError> {
    let inputs = &network.spec().inputs;
    inputs
        .first()
        .cloned()
        .ok_or_else(|| AnalyzeError::Unfit(format!("{} has no input", network.spec().file)))
}

/// The second stage over the candidates, where the pack has one; strongest first.
fn reduced(
    volume: &Volume,
    mut candidates: Vec<Candidate>,
    networks: &mut Networks,
) -> Result<Vec<Candidate>, AnalyzeError> {
    if let Some(reducer) = &mut networks.reducer {
        let Kind::Classifier(decode) = reducer.spec().decode.clone() else {
            return Err(AnalyzeError::Unfit("reducer is not of kind classifier".to_owned()));
        };
        for candidate in &mut candidates {
            let place = volume.affine.to_lps(candidate.center_voxel);
            let own = classified(volume, place, reducer)?.first().copied();
            let own = f64::from(own.ok_or_else(|| AnalyzeError::Unfit("reducer gave no number".to_owned()))?);
            let first = cad::detect::logit(candidate.score);
            let weight = |w: Option<f64>, default: f64| w.unwrap_or(default);
            let joint = weight(decode.detector_weight, 0.5) * first
                + weight(decode.reducer_weight, 0.5) * own
                + weight(decode.bias, 0.0);
            candidate.score = cad::detect::sigmoid(joint);
        }
    }
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(candidates)
}

/// What the characterizer says of the nodule whose outline has its centre at `center`.
fn characterised(
    volume: &Volume,
    center: LpsPoint,
    characterizer: &mut Network,
) -> Result<Character, AnalyzeError> {
    let Kind::Classifier(decode) = characterizer.spec().decode.clone() else {
        return Err(AnalyzeError::Unfit("characterizer is not of kind classifier".to_owned()));
    };
    let logits = classified(volume, center, characterizer)?;
    Ok(cad::characterise::character(&decode.classes, &logits, decode.sure.unwrap_or(1.0)))
}

/// Numbers of a classifier for the patches around `place`, one a class.
fn classified(volume: &Volume, place: LpsPoint, network: &mut Network) -> Result<Vec<f32>, AnalyzeError> {
    let inputs = network.spec().inputs.clone();
    let patches: Vec<_> = inputs.iter().map(|input| patch(volume, place, input, None).0).collect();
    let views: Vec<_> = patches.iter().map(|p| p.view().into_dyn()).collect();
    let output = network.run_all(&views)?.into_iter().next();
    let output = output.ok_or_else(|| AnalyzeError::Unfit("classifier has no output".to_owned()))?;
    Ok(output.iter().copied().collect())
}

/// A patch `[1, 1, d, h, w]` around `place`, scaled for the network, with the grid it was taken on.
/// `spacing_mm` overrides the stated one where a larger field is needed.
fn patch(
    volume: &Volume,
    place: LpsPoint,
    input: &InputSpec,
    spacing_mm: Option<f64>,
) -> (ndarray::Array5<f32>, domain::Affine) {
    let [edge, _, _] = input.edge();
    let cube = cad::resample::cube(volume, place, edge, spacing_mm.unwrap_or(input.spacing_mm[0]));
    let window = window(input);
    let scaled = cube.hu.mapv(|hu| window.scaled(hu));
    (scaled.insert_axis(Axis(0)).insert_axis(Axis(0)), cube.affine)
}

/// Outlines and measures, strongest first, each voxel to one finding only.
fn outlined(
    volume: &Volume,
    (lungs, lobes): (&Lungs, Option<&Lobes>),
    candidates: &[Candidate],
    networks: &mut Networks,
    progress: Progress<'_>,
) -> Result<Vec<Finding>, AnalyzeError> {
    let mut findings: Vec<Finding> = Vec::new();
    for (done, candidate) in candidates.iter().enumerate() {
        progress(Step::Measure, done, candidates.len());
        let mask = match &mut networks.segmenter {
            Some(segmenter) => outline(volume, lungs, candidate, segmenter)?,
            None => ball(volume, volume.affine.to_lps(candidate.center_voxel), candidate.diameter_mm),
        };
        let Some(mask) = disjoint(mask, &findings) else { continue };
        let (Some(measures), Some(center_voxel)) =
            (cad::measure::measure(&mask, volume), cad::measure::centroid(&mask))
        else {
            continue;
        };
        let center = volume.affine.to_lps(center_voxel);
        let side = lungs.side(center);
        let by_hu = cad::characterise::attenuation(&mask, volume);
        let character = networks.characterizer.as_mut().map(|network| characterised(volume, center, network));
        let character = character.transpose()?;
        findings.push(Finding {
            number: findings.len() + 1,
            tracking_uid: String::new(),
            center,
            center_voxel,
            attenuation: cad::characterise::class(by_hu, character.as_ref()),
            character,
            side,
            place: lungs.place(side, center),
            lobe: lobes.and_then(|lobes| lobes.lobe(side, center)),
            score: candidate.score,
            measures,
            mask,
        });
    }
    progress(Step::Measure, candidates.len(), candidates.len());
    Ok(findings)
}

/// The segmenter's outline; a second try in a wider patch when it runs into the border; a ball of the
/// detector's diameter when there is none (a mark is worth more than its outline).
fn outline(
    volume: &Volume,
    lungs: &Lungs,
    candidate: &Candidate,
    segmenter: &mut Network,
) -> Result<Mask, AnalyzeError> {
    let spec = segmenter.spec().clone();
    let Kind::ProbabilityPatch(decode) = &spec.decode else {
        return Err(AnalyzeError::Unfit("segmenter is not of kind probability-patch".to_owned()));
    };
    let input = first_input(segmenter)?;
    let values = spec.outputs.first().map(|o| o.values);
    let values = values.ok_or_else(|| AnalyzeError::Unfit("segmenter has no output".to_owned()))?;
    let place = volume.affine.to_lps(candidate.center_voxel);
    let [edge, _, _] = input.edge();
    let stated = input.spacing_mm[0];
    #[allow(clippy::cast_precision_loss)]
    let needed = decode.edge_diameters_min.map_or(stated, |k| k * candidate.diameter_mm / edge as f64);
    for spacing_mm in [stated.max(needed), stated.max(needed) * WIDER] {
        let (tensor, grid) = patch(volume, place, &input, Some(spacing_mm));
        let output = segmenter.run(tensor.view())?.into_iter().next();
        let map = output
            .ok_or_else(|| AnalyzeError::Unfit("segmenter has no output".to_owned()))?
            .into_dimensionality::<Ix5>()
            .map_err(|e| AnalyzeError::Unfit(format!("segmenter output: {e}")))?;
        let map =
            map.index_axis(Axis(0), 0).index_axis(Axis(0), 0).mapv(|v| decode.centred(values.probability(v)));
        if let Some(mask) = cad::outline::outline(map.view(), &grid, volume, place, Some(lungs)) {
            return Ok(mask);
        }
    }
    Ok(ball(volume, place, candidate.diameter_mm))
}

/// Voxels whose centre lies within `diameter_mm / 2` of `place`; at least the one nearest to it.
fn ball(volume: &Volume, place: LpsPoint, diameter_mm: f64) -> Mask {
    let radius = diameter_mm / 2.0;
    let center = <[f64; 3]>::from(volume.affine.to_voxel(place));
    let spacing = volume.affine.spacing_mm_zyx();
    let shape = volume.shape();
    let span = |axis: usize| {
        let reach = radius / spacing[axis];
        let last = shape[axis].saturating_sub(1);
        let low = clamp_index((center[axis] - reach).ceil(), last);
        let high = clamp_index((center[axis] + reach).floor(), last);
        low..=high.max(low)
    };
    let mut runs = Vec::new();
    for z in span(0) {
        for y in span(1) {
            for x in span(2) {
                #[allow(clippy::cast_precision_loss)]
                let here = volume.affine.to_lps(VoxelPoint { z: z as f64, y: y as f64, x: x as f64 });
                if here.distance_mm(place) <= radius {
                    runs.push(Run { z, y, x_start: x, x_end: x + 1 });
                }
            }
        }
    }
    if runs.is_empty() {
        let nearest = [0, 1, 2].map(|a| clamp_index(center[a].round(), shape[a].saturating_sub(1)));
        let [z, y, x] = nearest;
        runs.push(Run { z, y, x_start: x, x_end: x + 1 });
    }
    Mask::from(runs)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // clamped
fn clamp_index(value: f64, last: usize) -> usize {
    value.clamp(0.0, last as f64) as usize
}

/// `mask` without the voxels of stronger findings; `None` when it is mostly one of them.
fn disjoint(mask: Mask, findings: &[Finding]) -> Option<Mask> {
    let mut shared_any = false;
    for stronger in findings {
        let shared = mask.overlap_count(&stronger.mask);
        let smaller = mask.voxel_count().min(stronger.mask.voxel_count());
        #[allow(clippy::cast_precision_loss)]
        if shared as f64 > SHARED_PART_MAX * smaller as f64 {
            return None;
        }
        shared_any |= shared > 0;
    }
    if !shared_any {
        return Some(mask);
    }
    let runs: Vec<Run> = mask
        .voxels()
        .filter(|v| findings.iter().all(|f| !f.mask.contains(*v)))
        .map(|v| Run { z: v.z, y: v.y, x_start: v.x, x_end: v.x + 1 })
        .collect();
    Some(Mask::from(runs)).filter(|m| m.voxel_count() > 0)
}

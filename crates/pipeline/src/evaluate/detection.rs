//! Marks against nodules: the FROC part of the document.

use super::groups::{self, Group, Members};
use super::{EvaluatedScan, SystemMark};
use cad::evaluate::bootstrap::{self, Draws, Interval};
use cad::evaluate::froc::{Contribution, FALSE_MARK_RATES, Froc};
use cad::evaluate::interval::wilson;
use cad::evaluate::luna16::{Scan, ScanOutcome, TruthMark, match_scan};
use cad::evaluate::reliability::reliability;
use domain::{
    CalibrationBin, CalibrationDocument, ComparedDocument, DetectionDocument, Estimate, FalseMarkDocument,
    FalseMarkUnit, MarkCounts, NoduleOutcomeDocument, OperatingPointDocument, RateDocument, Share,
    SubgroupDocument,
};
use std::collections::BTreeMap;

/// False marks that the document names.
const FALSE_MARKS_NAMED_MAX: usize = 200;
/// Points of the curve that the document holds; between them it is a straight line within half a pixel.
const CURVE_POINTS_MAX: usize = 2000;
/// Fewer nodules than this say nothing.
const TOO_FEW: usize = 20;
/// Radius of the friendlier rule, mm.
const FRIENDLY_DIAMETER_MM: f64 = 8.0;
/// Unit of false marks on crops, ml.
const CHEST_ML: f64 = 5000.0;

/// How detection is measured.
#[derive(Debug, Clone)]
pub struct DetectionSettings {
    /// Draws behind each interval; 0 for none.
    pub draws_count: usize,
    /// Seed of the draws: the same seed, the same interval.
    pub seed: u64,
    /// Thresholds to report on, by name.
    pub operating_points: Vec<(String, f64)>,
}

impl DetectionSettings {
    pub(super) fn draws(&self) -> Draws {
        Draws { count: self.draws_count, seed: self.seed }
    }
}

/// Scans by patient: what is drawn anew.
#[derive(Debug)]
pub(super) struct PatientScans {
    index: BTreeMap<String, usize>,
}

impl PatientScans {
    /// Patients of these scans; a scan without patient has one of its own.
    pub(super) fn of(scans: &[EvaluatedScan]) -> Self {
        let mut index = BTreeMap::new();
        for scan in scans {
            let next = index.len();
            index.entry(Self::key(scan)).or_insert(next);
        }
        Self { index }
    }

    fn key(scan: &EvaluatedScan) -> String {
        // The unit separator keeps a scan's name from being taken for a patient's.
        if scan.truth.patient.is_empty() {
            format!("\u{1f}{}", scan.truth.name)
        } else {
            scan.truth.patient.clone()
        }
    }

    /// Number of the scan's patient.
    pub(super) fn patient(&self, scan: &EvaluatedScan) -> usize {
        self.index.get(&Self::key(scan)).copied().unwrap_or(0)
    }

    /// How many.
    pub(super) fn count(&self) -> usize {
        self.index.len()
    }
}

/// The matching rule over all scans, with nodules of at least `diameter_mm_min`.
fn matched_within(scans: &[EvaluatedScan], diameter_mm_min: f64) -> Vec<ScanOutcome> {
    let one = |scan: &EvaluatedScan| {
        let grown = |m: TruthMark| TruthMark { diameter_mm: m.diameter_mm.max(diameter_mm_min), ..m };
        match_scan(&Scan {
            nodules: scan.truth.nodules.iter().map(|n| grown(n.mark)).collect(),
            irrelevant: scan.truth.irrelevant.clone(),
            marks: scan.marks.marks.iter().map(SystemMark::scored).collect(),
        })
    };
    scans.iter().map(one).collect()
}

/// The matching rule of LUNA16 over all scans, in their order.
pub(super) fn matched(scans: &[EvaluatedScan]) -> Vec<ScanOutcome> {
    matched_within(scans, 0.0)
}

/// What a false mark is counted per: a scan, unless every scan says how much of it was searched.
fn unit(scans: &[EvaluatedScan]) -> FalseMarkUnit {
    let whole = scans.iter().all(|s| s.marks.searched_ml.is_some() || s.marks.reason.is_some());
    if whole && scans.iter().any(|s| s.marks.searched_ml.is_some()) {
        FalseMarkUnit::FiveLitres
    } else {
        FalseMarkUnit::Scan
    }
}

pub(super) fn units(scan: &EvaluatedScan, unit: FalseMarkUnit) -> f64 {
    match unit {
        FalseMarkUnit::Scan => 1.0,
        FalseMarkUnit::FiveLitres => scan.marks.searched_ml.unwrap_or(0.0) / CHEST_ML,
    }
}

pub(super) fn score(scan: &EvaluatedScan, mark: usize) -> f64 {
    scan.marks.marks.get(mark).map_or(f64::NEG_INFINITY, |m| m.score)
}

/// Everything that the parts of the document share.
pub(super) struct Measured<'a> {
    pub(super) scans: &'a [EvaluatedScan],
    pub(super) outcomes: &'a [ScanOutcome],
    pub(super) patients: PatientScans,
    pub(super) unit: FalseMarkUnit,
}

impl<'a> Measured<'a> {
    pub(super) fn of(scans: &'a [EvaluatedScan], outcomes: &'a [ScanOutcome]) -> Self {
        Self { scans, outcomes, patients: PatientScans::of(scans), unit: unit(scans) }
    }

    /// Scans that `scan_in` takes, with the nodules that `nodule_in` takes.
    fn froc(&self, scan_in: impl Fn(usize) -> bool, nodule_in: impl Fn(usize, usize) -> bool) -> Froc {
        let chosen = self.scans.iter().zip(self.outcomes).enumerate().filter(|(index, _)| scan_in(*index));
        let contributions: Vec<Contribution> = chosen
            .map(|(index, (scan, outcome))| {
                let nodules: Vec<Option<usize>> = outcome
                    .hits
                    .iter()
                    .enumerate()
                    .filter(|(nodule, _)| nodule_in(index, *nodule))
                    .map(|(_, hit)| *hit)
                    .collect();
                let hits: Vec<f64> = nodules.iter().flatten().map(|mark| score(scan, *mark)).collect();
                Contribution {
                    patient: self.patients.patient(scan),
                    units: units(scan, self.unit),
                    missed_count: nodules.len() - hits.len(),
                    hits,
                    false_scores: outcome.false_marks.iter().map(|mark| score(scan, *mark)).collect(),
                }
            })
            .collect();
        Froc::new(&contributions, self.patients.count())
    }

    pub(super) fn all(&self) -> Froc {
        self.froc(|_| true, |_, _| true)
    }

    /// Nodules hit and false marks at and above `threshold`, over scans and nodules of `members`.
    pub(super) fn at(&self, threshold: f64, members: &Members) -> (Share, usize) {
        let (mut found, mut total, mut wrong) = (0, 0, 0);
        for (index, (scan, outcome)) in self.scans.iter().zip(self.outcomes).enumerate() {
            for (nodule, hit) in outcome.hits.iter().enumerate() {
                if members.holds(index, nodule) {
                    total += 1;
                    found += usize::from(hit.is_some_and(|mark| score(scan, mark) >= threshold));
                }
            }
            if members.holds_scan(index) {
                wrong += outcome.false_marks.iter().filter(|mark| score(scan, **mark) >= threshold).count();
            }
        }
        (share(found, total), wrong)
    }
}

/// Found of total with Wilson's interval.
pub(super) fn share(found: usize, total: usize) -> Share {
    Share { found, total, interval: wilson(found, total) }
}

fn estimate(value: f64, interval: Option<Interval>) -> Estimate {
    Estimate {
        value,
        mean: interval.map(|i| i.mean),
        low: interval.map(|i| i.low),
        high: interval.map(|i| i.high),
    }
}

/// The document.
pub(super) fn document(
    scans: &[EvaluatedScan],
    outcomes: &[ScanOutcome],
    other: Option<(&str, &[EvaluatedScan])>,
    settings: &DetectionSettings,
) -> DetectionDocument {
    let measured = Measured::of(scans, outcomes);
    let froc = measured.all();
    let intervals = bootstrap::froc(&froc, settings.draws());
    let rates = froc.sensitivities().map(|values| {
        let one = |i: usize| {
            let point = froc.operating_point(FALSE_MARK_RATES[i]);
            RateDocument {
                rate: FALSE_MARK_RATES[i],
                sensitivity: estimate(values[i], intervals.map(|v| v.sensitivities[i])),
                found: point.map_or(0, |p| p.hits_count),
                threshold: point.map(|p| p.threshold),
            }
        };
        (0..FALSE_MARK_RATES.len()).map(one).collect()
    });
    let units_count: f64 = scans.iter().map(|s| units(s, measured.unit)).sum();
    let searched_litres =
        (measured.unit == FalseMarkUnit::FiveLitres).then_some(units_count * CHEST_ML / 1000.0);
    let friendly = matched_within(scans, FRIENDLY_DIAMETER_MM);
    let cpm_within_4_mm =
        Measured { outcomes: &friendly, patients: PatientScans::of(scans), ..measured }.all().cpm();
    DetectionDocument {
        unit: measured.unit,
        units_count,
        searched_litres,
        scans_count: scans.len(),
        patients_count: measured.patients.count(),
        nodules_count: outcomes.iter().map(|o| o.hits.len()).sum(),
        counts: counts(outcomes),
        rates: rates.unwrap_or_default(),
        cpm: froc.cpm().map(|cpm| estimate(cpm, intervals.map(|v| v.cpm))),
        cpm_within_4_mm,
        draws_count: settings.draws_count,
        seed: settings.seed,
        curve: curve(&froc),
        operating_points: operating_points(&measured, settings),
        subgroups: subgroups(&measured, &froc, settings.draws()),
        nodules: nodules(scans, outcomes),
        false_marks: false_marks(scans, outcomes),
        compared: other.and_then(|(name, other)| compared(&measured, name, other, settings.draws())),
    }
}

fn counts(outcomes: &[ScanOutcome]) -> MarkCounts {
    let sum = |of: &dyn Fn(&ScanOutcome) -> usize| outcomes.iter().map(of).sum();
    MarkCounts {
        hits: sum(&|o| o.hits.iter().flatten().count()),
        missed: sum(&|o| o.hits.iter().filter(|h| h.is_none()).count()),
        false_marks: sum(&|o| o.false_marks.len()),
        doubles: sum(&|o| o.doubles_count),
        irrelevant: sum(&|o| o.irrelevant_count),
        cut: sum(&|o| o.cut_count),
    }
}

/// Points at which sensitivity changes, thinned where there are very many.
fn curve(froc: &Froc) -> Vec<[f64; 3]> {
    let points = froc.curve().unwrap_or_default();
    let step = points.len().div_ceil(CURVE_POINTS_MAX).max(1);
    let last = points.len().saturating_sub(1);
    points
        .iter()
        .enumerate()
        .filter(|(i, _)| i % step == 0 || *i == last)
        .map(|(_, p)| [p.false_marks, p.sensitivity, p.score])
        .collect()
}

fn operating_points(measured: &Measured<'_>, settings: &DetectionSettings) -> Vec<OperatingPointDocument> {
    let everything = Members::Scans(vec![true; measured.scans.len()]);
    let one = |(name, threshold): &(String, f64)| {
        let (sensitivity, _) = measured.at(*threshold, &everything);
        let (rate, interval) = measured.false_marks_at(*threshold, settings.draws());
        OperatingPointDocument {
            name: name.clone(),
            threshold: *threshold,
            sensitivity,
            false_marks: estimate(rate, interval),
        }
    };
    settings.operating_points.iter().map(one).collect()
}

fn subgroups(measured: &Measured<'_>, all: &Froc, draws: Draws) -> Vec<SubgroupDocument> {
    let threshold = all.operating_point(1.0).map_or(f64::INFINITY, |p| p.threshold);
    let one = |Group { by, name, members }: Group| {
        let froc = measured
            .froc(|scan| members.counts_false_marks(scan), |scan, nodule| members.holds(scan, nodule));
        let (at_one, wrong) = measured.at(threshold, &members);
        let in_group = (0..measured.scans.len()).filter(|i| members.holds_scan(*i));
        let searched: f64 = in_group.clone().map(|i| units(&measured.scans[i], measured.unit)).sum();
        #[allow(clippy::cast_precision_loss)] // marks
        let rate = (searched > 0.0).then(|| wrong as f64 / searched);
        SubgroupDocument {
            by: by.to_owned(),
            group: name,
            scans_count: in_group.count(),
            nodules_count: at_one.total,
            cpm: froc.cpm().map(|cpm| estimate(cpm, bootstrap::froc(&froc, draws).map(|v| v.cpm))),
            at_one,
            false_marks_at_one: rate.filter(|_| matches!(members, Members::Scans(_))),
            too_few: at_one.total < TOO_FEW,
        }
    };
    groups::all(measured.scans).into_iter().map(one).collect()
}

fn nodules(scans: &[EvaluatedScan], outcomes: &[ScanOutcome]) -> Vec<NoduleOutcomeDocument> {
    let mut found = Vec::new();
    for (scan, outcome) in scans.iter().zip(outcomes) {
        for (nodule, hit) in scan.truth.nodules.iter().zip(&outcome.hits) {
            let own = hit.map(|mark| score(scan, mark));
            let rank = own.map(|own| 1 + scan.marks.marks.iter().filter(|m| m.score > own).count());
            found.push(NoduleOutcomeDocument {
                scan: scan.truth.name.clone(),
                id: nodule.id.clone(),
                center_lps_mm: nodule.mark.center,
                diameter_mm: nodule.mark.diameter_mm,
                score: own,
                rank,
            });
        }
    }
    found
}

fn false_marks(scans: &[EvaluatedScan], outcomes: &[ScanOutcome]) -> Vec<FalseMarkDocument> {
    let mut found: Vec<FalseMarkDocument> = Vec::new();
    for (scan, outcome) in scans.iter().zip(outcomes) {
        let marks = outcome.false_marks.iter().filter_map(|i| scan.marks.marks.get(*i));
        found.extend(marks.map(|mark| FalseMarkDocument {
            scan: scan.truth.name.clone(),
            center_lps_mm: mark.center,
            score: mark.score,
        }));
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(FALSE_MARKS_NAMED_MAX);
    found
}

/// A second system on the same scans; `None` where it has no CPM.
fn compared(
    measured: &Measured<'_>,
    name: &str,
    other: &[EvaluatedScan],
    draws: Draws,
) -> Option<ComparedDocument> {
    let outcomes = matched(other);
    // The same patients in the same order, or drawing them together means nothing.
    let second = Measured {
        scans: other,
        outcomes: &outcomes,
        patients: PatientScans::of(other),
        unit: measured.unit,
    };
    let (first, second) = (measured.all(), second.all());
    let paired = bootstrap::paired(&first, &second, draws)?;
    Some(ComparedDocument {
        other: name.to_owned(),
        cpm: second.cpm()?,
        difference: estimate(paired.difference, Some(paired.interval)),
        p_not_better: paired.p_not_better,
    })
}

/// Scores of marks as chances of being a nodule: hits against false marks; `None` where scores are no shares.
pub(super) fn calibration(scans: &[EvaluatedScan], outcomes: &[ScanOutcome]) -> Option<CalibrationDocument> {
    let mut scored = Vec::new();
    for (scan, outcome) in scans.iter().zip(outcomes) {
        scored.extend(outcome.hits.iter().flatten().map(|mark| (score(scan, *mark), true)));
        scored.extend(outcome.false_marks.iter().map(|mark| (score(scan, *mark), false)));
    }
    calibration_of(&scored)
}

/// The same of any scores; `None` where one lies outside 0 to 1 or only one outcome occurs.
pub(super) fn calibration_of(scored: &[(f64, bool)]) -> Option<CalibrationDocument> {
    if scored.iter().any(|(s, _)| !(0.0..=1.0).contains(s)) {
        return None;
    }
    let found = reliability(scored)?;
    let bins = found.bins.iter().map(|b| CalibrationBin {
        score_mean: b.score_mean,
        share: Share { found: b.true_count, total: b.count, interval: Some(b.interval) },
    });
    Some(CalibrationDocument {
        bins: bins.collect(),
        brier: found.brier,
        error: found.error,
        slope: found.slope,
        intercept: found.intercept,
    })
}

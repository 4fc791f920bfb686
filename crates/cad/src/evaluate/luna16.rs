//! FROC by the rules of the LUNA16 challenge (noduleCADEvaluationLUNA16.py; Setio AAA et al., Med Image Anal
//! 2017;42:1-13), to the letter, with its edge cases defined where the script fails.

use domain::LpsPoint;

/// Marks per scan that count; more are cut by score, ties at the cut dropped.
const MARKS_COUNT_MAX: usize = 100;
/// Diameter that an irrelevant finding without one gets, mm.
const UNKNOWN_DIAMETER_MM: f64 = 10.0;
/// False positives per scan at which sensitivity is read.
pub const FALSE_POSITIVE_RATES: [f64; 7] = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// A finding of the readers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruthMark {
    /// Centre.
    pub center: LpsPoint,
    /// Diameter, mm; negative when not given (irrelevant findings only).
    pub diameter_mm: f64,
}

/// A mark of the system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredMark {
    /// Centre.
    pub center: LpsPoint,
    /// Higher is more suspicious.
    pub score: f64,
}

/// One scan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scan {
    /// Nodules that count.
    pub nodules: Vec<TruthMark>,
    /// Findings whose marks are neither right nor wrong.
    pub irrelevant: Vec<TruthMark>,
    /// What the system said.
    pub marks: Vec<ScoredMark>,
}

/// What became of the marks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matched {
    /// Best score of each nodule that was hit.
    pub hits: Vec<f64>,
    /// Score of each false mark.
    pub false_positives: Vec<f64>,
    /// Nodules without a mark.
    pub missed_count: usize,
    /// Marks dropped because a better one hit the same nodule.
    pub doubles_count: usize,
    /// Marks on irrelevant findings.
    pub irrelevant_count: usize,
    /// Scans.
    pub scans_count: usize,
}

/// Applies the matching rule to one scan.
#[must_use]
pub fn match_scan(scan: &Scan) -> Matched {
    let marks = capped(&scan.marks);
    let mut in_pool = vec![true; marks.len()];
    let mut out = Matched { scans_count: 1, ..Matched::default() };
    let hits = |truth: &TruthMark, mark: &ScoredMark| {
        let diameter = if truth.diameter_mm < 0.0 { UNKNOWN_DIAMETER_MM } else { truth.diameter_mm };
        let d =
            [truth.center.x - mark.center.x, truth.center.y - mark.center.y, truth.center.z - mark.center.z];
        d.iter().map(|v| v * v).sum::<f64>() < (diameter / 2.0).powi(2)
    };
    for nodule in &scan.nodules {
        let mut best: Option<f64> = None;
        for (i, mark) in marks.iter().enumerate().filter(|(_, m)| hits(nodule, m)) {
            in_pool[i] = false;
            out.doubles_count += usize::from(best.is_some());
            best = Some(best.map_or(mark.score, |b: f64| b.max(mark.score)));
        }
        match best {
            Some(score) => out.hits.push(score),
            None => out.missed_count += 1,
        }
    }
    for finding in &scan.irrelevant {
        for (i, _) in marks.iter().enumerate().filter(|(_, m)| hits(finding, m)) {
            if in_pool[i] {
                in_pool[i] = false;
                out.irrelevant_count += 1;
            }
        }
    }
    out.false_positives =
        marks.iter().zip(&in_pool).filter(|(_, free)| **free).map(|(m, _)| m.score).collect();
    out
}

/// The marks strictly above the 101st score; all when there are no more than 100.
fn capped(marks: &[ScoredMark]) -> Vec<ScoredMark> {
    if marks.len() <= MARKS_COUNT_MAX {
        return marks.to_vec();
    }
    let mut scores: Vec<f64> = marks.iter().map(|m| m.score).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let cut = scores[MARKS_COUNT_MAX];
    marks.iter().filter(|m| m.score > cut).copied().collect()
}

/// Adds up the scans.
#[must_use]
pub fn match_all(scans: &[Scan]) -> Matched {
    let mut all = Matched::default();
    for scan in scans {
        let one = match_scan(scan);
        all.hits.extend(one.hits);
        all.false_positives.extend(one.false_positives);
        all.missed_count += one.missed_count;
        all.doubles_count += one.doubles_count;
        all.irrelevant_count += one.irrelevant_count;
        all.scans_count += one.scans_count;
    }
    all
}

impl Matched {
    /// Sensitivity at each of [`FALSE_POSITIVE_RATES`], by linear interpolation of the curve; `None` when there
    /// is no nodule or no scan.
    #[must_use]
    pub fn sensitivities(&self) -> Option<[f64; 7]> {
        let nodules = self.hits.len() + self.missed_count;
        if nodules == 0 || self.scans_count == 0 {
            return None;
        }
        let curve = self.curve(nodules);
        Some(FALSE_POSITIVE_RATES.map(|rate| interpolate(&curve, rate)))
    }

    /// Competition performance metric: the mean of [`Self::sensitivities`] (Niemeijer M et al., IEEE Trans Med
    /// Imaging 2011;30:215-223).
    #[must_use]
    pub fn cpm(&self) -> Option<f64> {
        self.sensitivities().map(|s| s.iter().sum::<f64>() / s.len() as f64)
    }

    /// Points (false positives per scan, sensitivity) from (0, 0), one per distinct score.
    fn curve(&self, nodules: usize) -> Vec<(f64, f64)> {
        let mut scored: Vec<(f64, bool)> = self.hits.iter().map(|s| (*s, true)).collect();
        scored.extend(self.false_positives.iter().map(|s| (*s, false)));
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        let no_false = self.false_positives.is_empty();
        let (mut right, mut wrong) = (0usize, 0usize);
        let mut curve = vec![(0.0, 0.0)];
        for (i, (score, is_hit)) in scored.iter().enumerate() {
            if *is_hit {
                right += 1
            } else {
                wrong += 1
            }
            let next_differs = scored.get(i + 1).is_none_or(|(s, _)| s.total_cmp(score).is_ne());
            if next_differs && !self.hits.is_empty() {
                let fps = if no_false { 0.0 } else { wrong as f64 / self.scans_count as f64 };
                curve.push((fps, right as f64 / nodules as f64));
            }
        }
        curve
    }
}

/// numpy.interp: linear between points, flat outside; at a vertical step the later point wins.
fn interpolate(curve: &[(f64, f64)], at: f64) -> f64 {
    let after = curve.partition_point(|(x, _)| *x <= at);
    let Some(low) = after.checked_sub(1) else { return curve.first().map_or(0.0, |p| p.1) };
    match curve.get(after) {
        None => curve[low].1,
        Some(high) => {
            let (x0, y0) = curve[low];
            y0 + (high.1 - y0) * (at - x0) / (high.0 - x0)
        }
    }
}

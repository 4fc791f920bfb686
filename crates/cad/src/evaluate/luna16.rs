//! Which mark hits which nodule, by the rules of the LUNA16 challenge (noduleCADEvaluationLUNA16.py; Setio AAA et
//! al., Med Image Anal 2017;42:1-13), to the letter. The curve over what comes out is [`super::froc`].

use domain::LpsPoint;

/// Marks per scan that count; more are cut by score, ties at the cut dropped.
pub const MARKS_COUNT_MAX: usize = 100;
/// Diameter that an irrelevant finding without one gets, mm.
pub const UNKNOWN_DIAMETER_MM: f64 = 10.0;

/// A finding of the readers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruthMark {
    /// Centre.
    pub center: LpsPoint,
    /// Diameter, mm; negative when not given (irrelevant findings only).
    pub diameter_mm: f64,
}

impl TruthMark {
    /// Whether `place` lies strictly within the radius (the mark's own size plays no part).
    #[must_use]
    pub fn holds(&self, place: LpsPoint) -> bool {
        let diameter = if self.diameter_mm < 0.0 { UNKNOWN_DIAMETER_MM } else { self.diameter_mm };
        let d = [self.center.x - place.x, self.center.y - place.y, self.center.z - place.z];
        d.iter().map(|v| v * v).sum::<f64>() < (diameter / 2.0).powi(2)
    }
}

/// A mark of the system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredMark {
    /// Centre.
    pub center: LpsPoint,
    /// Higher is more suspicious; finite.
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

/// What became of the nodules and marks of one scan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScanOutcome {
    /// Best mark on each nodule, as index into [`Scan::marks`]; `None` when it was missed.
    pub hits: Vec<Option<usize>>,
    /// False marks, as indices into [`Scan::marks`].
    pub false_marks: Vec<usize>,
    /// Marks ignored because a better one hit the same nodule.
    pub doubles_count: usize,
    /// Marks on irrelevant findings.
    pub irrelevant_count: usize,
    /// Marks beyond the hundred that count.
    pub cut_count: usize,
}

/// Applies the matching rule to one scan.
#[must_use]
pub fn match_scan(scan: &Scan) -> ScanOutcome {
    let kept = kept(&scan.marks);
    let mut in_pool: Vec<bool> = vec![true; kept.len()];
    let mut out = ScanOutcome { cut_count: scan.marks.len() - kept.len(), ..ScanOutcome::default() };
    for nodule in &scan.nodules {
        let mut best: Option<usize> = None;
        for (slot, &index) in kept.iter().enumerate() {
            if !nodule.holds(scan.marks[index].center) {
                continue;
            }
            // A mark inside two nodules hits both.
            in_pool[slot] = false;
            out.doubles_count += usize::from(best.is_some());
            if best.is_none_or(|b| scan.marks[index].score > scan.marks[b].score) {
                best = Some(index);
            }
        }
        out.hits.push(best);
    }
    for finding in &scan.irrelevant {
        for (slot, &index) in kept.iter().enumerate() {
            if in_pool[slot] && finding.holds(scan.marks[index].center) {
                in_pool[slot] = false;
                out.irrelevant_count += 1;
            }
        }
    }
    out.false_marks = kept.iter().zip(&in_pool).filter(|(_, free)| **free).map(|(i, _)| *i).collect();
    out
}

/// Indices of the marks strictly above the 101st score; all when there are no more than 100.
fn kept(marks: &[ScoredMark]) -> Vec<usize> {
    if marks.len() <= MARKS_COUNT_MAX {
        return (0..marks.len()).collect();
    }
    let mut scores: Vec<f64> = marks.iter().map(|m| m.score).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let cut = scores[MARKS_COUNT_MAX];
    (0..marks.len()).filter(|i| marks[*i].score > cut).collect()
}

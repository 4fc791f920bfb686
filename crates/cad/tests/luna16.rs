//! The scorer against the vectors that the challenge's public script gives (and against our own definition where
//! the script fails).

use cad::evaluate::froc::{Contribution, Froc};
use cad::evaluate::luna16::{Scan, ScoredMark, TruthMark, match_scan};
use domain::LpsPoint;

fn truth(x: f64, diameter_mm: f64) -> TruthMark {
    TruthMark { center: LpsPoint { x, y: 0.0, z: 0.0 }, diameter_mm }
}

fn mark(x: f64, score: f64) -> ScoredMark {
    ScoredMark { center: LpsPoint { x, y: 0.0, z: 0.0 }, score }
}

fn scan(irrelevant: Vec<TruthMark>, marks: Vec<ScoredMark>) -> Scan {
    Scan { nodules: vec![truth(0.0, 10.0)], irrelevant, marks }
}

/// Curve, and hits, false marks, missed, doubles, irrelevant, over all scans.
fn judged(scans: &[Scan]) -> (Froc, [usize; 5]) {
    let mut counts = [0; 5];
    let contributions: Vec<Contribution> = scans
        .iter()
        .enumerate()
        .map(|(patient, scan)| {
            let outcome = match_scan(scan);
            let score = |i: &usize| scan.marks[*i].score;
            let hits: Vec<f64> = outcome.hits.iter().flatten().map(score).collect();
            let missed_count = outcome.hits.len() - hits.len();
            let false_scores: Vec<f64> = outcome.false_marks.iter().map(score).collect();
            let own = [
                hits.len(),
                false_scores.len(),
                missed_count,
                outcome.doubles_count,
                outcome.irrelevant_count,
            ];
            counts = [0, 1, 2, 3, 4].map(|i| counts[i] + own[i]);
            Contribution { patient, units: 1.0, hits, missed_count, false_scores }
        })
        .collect();
    (Froc::new(&contributions, scans.len()), counts)
}

/// Sensitivities, then hits, false marks, missed, doubles, irrelevant.
fn check(name: &str, scans: &[Scan], sensitivities: [f64; 7], counts: [usize; 5]) {
    let (froc, found) = judged(scans);
    let given = froc.sensitivities().unwrap();
    for (a, b) in given.iter().zip(sensitivities) {
        assert!((a - b).abs() < 1e-12, "{name}: {given:?}");
    }
    assert_eq!(found, counts, "{name}");
}

/// Goal: every reference vector of the matching rule.
#[test]
fn reference_vectors() {
    let (all, none) = ([1.0; 7], [0.0; 7]);
    check("just inside", &[scan(vec![], vec![mark(4.999, 0.9)])], all, [1, 0, 0, 0, 0]);
    check("on the radius", &[scan(vec![], vec![mark(5.0, 0.9)])], none, [0, 1, 1, 0, 0]);
    check("double", &[scan(vec![], vec![mark(1.0, 0.9), mark(2.0, 0.4)])], all, [1, 0, 0, 1, 0]);
    let point = vec![truth(50.0, -1.0)];
    let marks = |x| vec![mark(x, 0.9), mark(0.0, 0.8)];
    check("irrelevant point", &[scan(point.clone(), marks(54.9))], all, [1, 0, 0, 0, 1]);
    let late = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
    check("past the point", &[scan(point, marks(55.0))], late, [1, 1, 0, 0, 0]);
    let over = vec![truth(0.0, 20.0)];
    check("excluded over included", &[scan(over, vec![mark(1.0, 0.9)])], all, [1, 0, 0, 0, 0]);
    let empty = Scan { nodules: vec![], irrelevant: vec![], marks: vec![mark(99.0, 0.9)] };
    let step = [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    check("two scans", &[scan(vec![], vec![mark(0.0, 0.5)]), empty.clone()], step, [1, 1, 0, 0, 0]);
    let flat = (0..150).map(|i| mark(f64::from(i) * 20.0, 0.5)).collect();
    check("150 equal", &[scan(vec![], flat)], none, [0, 0, 1, 0, 0]);
    let falling = (0..150).map(|i| mark(f64::from(i) * 20.0, 0.5 - 0.001 * f64::from(i))).collect();
    check("150 falling", &[scan(vec![], falling)], all, [1, 99, 0, 0, 0]);
    check("no marks", &[scan(vec![], vec![])], none, [0, 0, 1, 0, 0]);
    let (froc, counts) = judged(&[empty]);
    assert!(froc.sensitivities().is_none() && froc.cpm().is_none(), "no nodule: not defined");
    assert_eq!(counts, [0, 1, 0, 0, 0]);
}

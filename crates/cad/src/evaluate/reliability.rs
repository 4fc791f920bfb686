//! Does a score of 0.8 come true eight times in ten?

use super::interval::wilson;

/// Bins of `curve`.
const BINS_COUNT: usize = 10;

/// Scores of one bin and what became of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Mean score.
    pub score_mean: f64,
    /// Marks in it.
    pub count: usize,
    /// Of them, nodules.
    pub true_count: usize,
    /// Wilson's interval of their share.
    pub interval: [f64; 2],
}

/// The reliability of scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// Ten bins of (nearly) the same number of marks, by rising score.
    pub bins: Vec<Bin>,
    /// Mean squared distance of score and outcome (Brier GW, Mon Weather Rev 1950;78:1-3).
    pub brier: f64,
    /// Expected calibration error: mean distance of a bin's score and share, by its marks.
    pub error: f64,
    /// Slope of the outcome's log odds on the score's: 1 is right, under 1 is too sure of itself.
    pub slope: f64,
    /// Intercept of the same fit: 0 is right, under 0 is too high on the whole.
    pub intercept: f64,
}

/// Reliability of scores in 0 to 1; `None` when a class is empty.
#[must_use]
pub fn reliability(scored: &[(f64, bool)]) -> Option<Reliability> {
    let trues = scored.iter().filter(|(_, t)| *t).count();
    if trues == 0 || trues == scored.len() {
        return None;
    }
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = sorted.len();
    let bins = bins(&sorted);
    let outcome = |t: bool| f64::from(u8::from(t));
    let brier = sorted.iter().map(|(s, t)| (s - outcome(*t)).powi(2)).sum::<f64>() / n as f64;
    let gap = |b: &Bin| (b.score_mean - b.true_count as f64 / b.count as f64).abs() * b.count as f64;
    let error = bins.iter().map(gap).sum::<f64>() / n as f64;
    let (slope, intercept) = platt(&sorted);
    Some(Reliability { bins, brier, error, slope, intercept })
}

/// Ten bins of nearly the same number; equal scores stay together, so that their order cannot matter.
#[allow(clippy::float_cmp)] // a tie is equality
fn bins(sorted: &[(f64, bool)]) -> Vec<Bin> {
    let n = sorted.len();
    let (mut bins, mut start) = (Vec::new(), 0);
    for number in 1..=BINS_COUNT {
        let mut end = (number * n / BINS_COUNT).max(start);
        while end > 0 && end < n && sorted[end].0 == sorted[end - 1].0 {
            end += 1;
        }
        bins.extend(bin(&sorted[start..end]));
        start = end;
    }
    bins
}

fn bin(part: &[(f64, bool)]) -> Option<Bin> {
    let true_count = part.iter().filter(|(_, t)| *t).count();
    let interval = wilson(true_count, part.len())?;
    let score_mean = part.iter().map(|(s, _)| *s).sum::<f64>() / part.len() as f64;
    Some(Bin { score_mean, count: part.len(), true_count, interval })
}

/// Logistic fit of the outcome on the logit of the score by Newton's method: slope and intercept. A small pull to
/// (1, 0) keeps both finite where score and outcome part cleanly.
fn platt(scored: &[(f64, bool)]) -> (f64, f64) {
    const PULL: f64 = 1e-3;
    let logits: Vec<(f64, f64)> = scored
        .iter()
        .map(|(s, t)| {
            let p = s.clamp(1e-6, 1.0 - 1e-6);
            ((p / (1.0 - p)).ln(), f64::from(u8::from(*t)))
        })
        .collect();
    let (mut slope, mut intercept) = (1.0, 0.0);
    for _ in 0..50 {
        let (mut g_s, mut g_i) = (PULL * (slope - 1.0), PULL * intercept);
        let (mut h_ss, mut h_si, mut h_ii) = (PULL, 0.0, PULL);
        for (x, y) in &logits {
            let p = 1.0 / (1.0 + f64::exp(-(slope * x + intercept)));
            let w = p * (1.0 - p);
            g_s += (p - y) * x;
            g_i += p - y;
            h_ss += w * x * x;
            h_si += w * x;
            h_ii += w;
        }
        let det = h_ss * h_ii - h_si * h_si;
        // Steps are bounded, so that a far start cannot throw the fit over the far side.
        let step_s = ((g_s * h_ii - g_i * h_si) / det).clamp(-1.0, 1.0);
        let step_i = ((g_i * h_ss - g_s * h_si) / det).clamp(-1.0, 1.0);
        slope -= step_s;
        intercept -= step_i;
        if step_s.abs() + step_i.abs() < 1e-10 {
            break;
        }
    }
    (slope, intercept)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: scores that come true as often as they say are found calibrated; scores whose logit is doubled are
    /// found to have slope one half. Method: exact shares at nine scores.
    #[test]
    fn calibrated_and_too_sure() {
        let mut right = Vec::new();
        for tenth in 1..10usize {
            let score = tenth as f64 / 10.0;
            right.extend((0..100).map(|i| (score, i < tenth * 10)));
        }
        let found = reliability(&right).unwrap();
        assert!((found.slope - 1.0).abs() < 1e-3 && found.intercept.abs() < 1e-3, "{found:?}");
        assert!(found.error < 1e-9 && found.bins.len() == 9, "{found:?}");
        assert_eq!(found.bins.iter().map(|b| b.count).sum::<usize>(), 900);
        let sure: Vec<(f64, bool)> = right
            .iter()
            .map(|(s, t)| {
                let l = 2.0 * (s / (1.0 - s)).ln();
                (1.0 / (1.0 + (-l).exp()), *t)
            })
            .collect();
        let found = reliability(&sure).unwrap();
        assert!((found.slope - 0.5).abs() < 1e-3, "{found:?}");
        assert!(reliability(&[(0.5, true)]).is_none());
    }
}

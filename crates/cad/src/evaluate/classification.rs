//! Two classes by a score, several classes by a word: AUC with DeLong's interval, confusion, Cohen's kappa.

use super::bootstrap::{Draws, Interval, resample};

/// Area under the ROC curve with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Auc {
    /// Chance that a positive scores above a negative, ties half.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Positives.
    pub positives_count: usize,
    /// Negatives.
    pub negatives_count: usize,
}

/// AUC by ranks, interval by DeLong's variance (DeLong ER et al., Biometrics 1988;44:837-845; the fast form of Sun X,
/// Xu W, IEEE Signal Process Lett 2014;21:1389-1393) on the logit, so that it stays within 0 and 1. `None` when a
/// class is empty. With all pairs right the variance is 0 and both ends are the value: read `positives_count`.
#[must_use]
pub fn auc(scored: &[(f64, bool)]) -> Option<Auc> {
    let part = |is: bool| scored.iter().filter(|(_, p)| *p == is).map(|(s, _)| *s).collect::<Vec<f64>>();
    let (positives, negatives) = (part(true), part(false));
    let (m, n) = (positives.len() as f64, negatives.len() as f64);
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    let all: Vec<f64> = positives.iter().chain(&negatives).copied().collect();
    let (joint, within_p, within_n) = (mid_ranks(&all), mid_ranks(&positives), mid_ranks(&negatives));
    // Share of the other class that each one beats.
    let of_p: Vec<f64> = (0..positives.len()).map(|i| (joint[i] - within_p[i]) / n).collect();
    let of_n: Vec<f64> =
        (0..negatives.len()).map(|j| 1.0 - (joint[positives.len() + j] - within_n[j]) / m).collect();
    let value = of_p.iter().sum::<f64>() / m;
    let deviation = (variance(&of_p) / m + variance(&of_n) / n).sqrt();
    let (low, high) = if value > 0.0 && value < 1.0 && deviation > 0.0 {
        let logit = (value / (1.0 - value)).ln();
        let half = 1.959_963_984_540_054 * deviation / (value * (1.0 - value));
        let back = |l: f64| 1.0 / (1.0 + (-l).exp());
        (back(logit - half), back(logit + half))
    } else {
        (value, value)
    };
    Some(Auc { value, low, high, positives_count: positives.len(), negatives_count: negatives.len() })
}

/// Unbiased variance; 0 of fewer than two.
fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)
}

/// 1-based ranks; ties share the middle of theirs.
#[allow(clippy::float_cmp)] // a tie is equality
fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let tied = order[first..].iter().take_while(|i| values[**i] == values[order[first]]).count();
        for index in &order[first..first + tied] {
            ranks[*index] = first as f64 + (tied as f64 + 1.0) / 2.0;
        }
        first += tied;
    }
    ranks
}

/// Points of the ROC curve from (0, 0) to (1, 1): share of negatives and of positives at and above each score.
#[must_use]
#[allow(clippy::float_cmp)] // a tie is equality
pub fn roc(scored: &[(f64, bool)]) -> Vec<[f64; 2]> {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = sorted.iter().filter(|(_, p)| *p).count();
    let negatives = sorted.len() - positives;
    let mut points = vec![[0.0, 0.0]];
    let (mut right, mut wrong) = (0usize, 0usize);
    for (i, (score, positive)) in sorted.iter().enumerate() {
        right += usize::from(*positive);
        wrong += usize::from(!*positive);
        if sorted.get(i + 1).is_none_or(|(next, _)| next != score) {
            points.push([wrong as f64 / negatives.max(1) as f64, right as f64 / positives.max(1) as f64]);
        }
    }
    points
}

/// Counts `[truth][said]` of `classes_count` classes; pairs outside are left out.
#[must_use]
pub fn confusion(pairs: &[(usize, usize)], classes_count: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes_count]; classes_count];
    for (truth, said) in pairs.iter().filter(|(t, s)| *t < classes_count && *s < classes_count) {
        counts[*truth][*said] += 1;
    }
    counts
}

/// How far apart two classes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// Right or wrong: words without order.
    Nominal,
    /// Steps between them, squared: words with an order (Cohen J, Psychol Bull 1968;70:213-220).
    Quadratic,
}

/// Cohen's kappa (Educ Psychol Meas 1960;20:37-46) of weighted pairs; `None` when chance alone explains all.
fn kappa_weighted(
    pairs: &[(usize, usize)],
    weights: &[u32],
    classes: usize,
    distance: Distance,
) -> Option<f64> {
    let mut counts = vec![vec![0.0; classes]; classes];
    let mut total = 0.0;
    for ((truth, said), weight) in pairs.iter().zip(weights) {
        if *truth < classes && *said < classes {
            counts[*truth][*said] += f64::from(*weight);
            total += f64::from(*weight);
        }
    }
    let row = |i: usize| counts[i].iter().sum::<f64>();
    let column = |j: usize| counts.iter().map(|r| r[j]).sum::<f64>();
    let cost = |i: usize, j: usize| match distance {
        Distance::Nominal => f64::from(u8::from(i != j)),
        Distance::Quadratic => (i as f64 - j as f64).powi(2),
    };
    let (mut seen, mut expected) = (0.0, 0.0);
    for (i, of_truth) in counts.iter().enumerate() {
        for (j, count) in of_truth.iter().enumerate() {
            seen += cost(i, j) * count;
            expected += cost(i, j) * row(i) * column(j) / f64::max(total, 1.0);
        }
    }
    (expected > 0.0).then(|| 1.0 - seen / expected)
}

/// Kappa of pairs (truth, said) with a bootstrap interval; `None` when it is not defined.
#[must_use]
pub fn kappa(
    pairs: &[(usize, usize)],
    classes_count: usize,
    distance: Distance,
    draws: Draws,
) -> Option<(f64, Interval)> {
    let value = kappa_weighted(pairs, &vec![1; pairs.len()], classes_count, distance)?;
    let interval =
        resample(pairs.len(), draws, |weights| kappa_weighted(pairs, weights, classes_count, distance))?;
    Some((value, interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: AUC with ties by hand; DeLong's variance by its definition (placement values), not by ranks.
    #[test]
    fn auc_and_its_interval() {
        let scored = [(0.9, true), (0.8, true), (0.5, true), (0.5, false), (0.3, false), (0.85, false)];
        let found = auc(&scored).unwrap();
        // Wins: .9 beats 3; .8 beats 2; .5 beats 1 and ties one: 6.5 of 9.
        assert!((found.value - 6.5 / 9.0).abs() < 1e-12);
        let psi = |x: f64, y: f64| {
            if x > y {
                1.0
            } else if x < y {
                0.0
            } else {
                0.5
            }
        };
        let (p, n) = ([0.9, 0.8, 0.5], [0.5, 0.3, 0.85]);
        let v10: Vec<f64> = p.iter().map(|x| n.iter().map(|y| psi(*x, *y)).sum::<f64>() / 3.0).collect();
        let v01: Vec<f64> = n.iter().map(|y| p.iter().map(|x| psi(*x, *y)).sum::<f64>() / 3.0).collect();
        let s = |v: &[f64]| v.iter().map(|x| (x - 6.5 / 9.0).powi(2)).sum::<f64>() / 2.0 / 3.0;
        let half = 1.959_963_984_540_054 * (s(&v10) + s(&v01)).sqrt() / (found.value * (1.0 - found.value));
        let low = 1.0 / (1.0 + (-((found.value / (1.0 - found.value)).ln() - half)).exp());
        assert!((found.low - low).abs() < 1e-12, "{found:?}");
        assert!(auc(&[(1.0, true)]).is_none());
        let curve = roc(&scored);
        let area: f64 = curve.windows(2).map(|w| (w[1][0] - w[0][0]) * f64::midpoint(w[0][1], w[1][1])).sum();
        assert!((area - found.value).abs() < 1e-12, "the area under the points is the AUC");
    }

    /// Goal: the worked example of Cohen's paper's kind: 20 + 15 agree of 50, margins 25/25 and 30/20: kappa .40.
    #[test]
    fn kappa_by_hand() {
        let mut pairs = vec![(0, 0); 20];
        pairs.extend(vec![(0, 1); 5]);
        pairs.extend(vec![(1, 0); 10]);
        pairs.extend(vec![(1, 1); 15]);
        let (value, interval) = kappa(&pairs, 2, Distance::Nominal, Draws { count: 500, seed: 3 }).unwrap();
        assert!(
            (value - 0.4).abs() < 1e-12 && interval.low < 0.4 && interval.high > 0.4,
            "{value} {interval:?}"
        );
        assert_eq!(confusion(&pairs, 2), [[20, 5], [10, 15]]);
        let two = kappa(&pairs, 2, Distance::Quadratic, Draws { count: 10, seed: 3 }).unwrap().0;
        assert!((two - 0.4).abs() < 1e-12, "with two classes both are the same");
        assert!(kappa(&[(0, 0); 5], 2, Distance::Nominal, Draws { count: 10, seed: 3 }).is_none());
    }
}

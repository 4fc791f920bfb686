//! Intervals by drawing patients anew with replacement (percentile method, as LUNA16's script does with scans;
//! findings of one patient are alike, so patients are drawn and not findings).

use super::froc::{Froc, mean};

/// How many draws, from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    /// Number of draws; 1000 in the challenge.
    pub count: usize,
    /// Seed of the generator: the same seed, the same interval.
    pub seed: u64,
}

/// Mean and percentile interval of a bootstrapped number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Mean over the draws.
    pub mean: f64,
    /// Sorted value at index floor(0.025 n).
    pub low: f64,
    /// Sorted value at index floor(0.975 n).
    pub high: f64,
}

/// SplitMix64 (Steele GL et al., OOPSLA 2014, doi:10.1145/2660193.2660195): small, and the same everywhere.
#[derive(Debug, Clone)]
pub(super) struct SplitMix64(u64);

impl SplitMix64 {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `n`; the bias of the multiply-shift is under n / 2^64.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// How often each of `n` things is drawn in `n` draws.
    pub(super) fn weights(&mut self, n: usize) -> Vec<u32> {
        let mut weights = vec![0; n];
        for _ in 0..n {
            weights[self.below(n)] += 1;
        }
        weights
    }
}

/// Interval of `values`; `None` when there are none.
#[must_use]
pub fn interval(mut values: Vec<f64>) -> Option<Interval> {
    if values.is_empty() {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let at = |share: f64| values[((share * n as f64) as usize).min(n - 1)];
    Some(Interval { mean: values.iter().sum::<f64>() / n as f64, low: at(0.025), high: at(0.975) })
}

/// Any number computed from how often each of `n` patients is drawn; draws that give none are left out.
pub fn resample(n: usize, draws: Draws, mut number: impl FnMut(&[u32]) -> Option<f64>) -> Option<Interval> {
    let mut generator = SplitMix64::new(draws.seed);
    interval((0..draws.count).filter_map(|_| number(&generator.weights(n))).collect())
}

/// Intervals of a FROC curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrocIntervals {
    /// At each of [`super::froc::FALSE_MARK_RATES`].
    pub sensitivities: [Interval; 7],
    /// Of the CPM.
    pub cpm: Interval,
}

/// Draws patients anew; `None` when no draw holds a nodule.
#[must_use]
pub fn froc(froc: &Froc, draws: Draws) -> Option<FrocIntervals> {
    let mut generator = SplitMix64::new(draws.seed);
    let mut columns: [Vec<f64>; 8] = Default::default();
    for _ in 0..draws.count {
        if let Some(values) = froc.weighted(&generator.weights(froc.patients_count())) {
            for (column, value) in columns.iter_mut().zip(values.into_iter().chain([mean(&values)])) {
                column.push(value);
            }
        }
    }
    let [a, b, c, d, e, f, g, cpm] = columns.map(interval);
    Some(FrocIntervals { sensitivities: [a?, b?, c?, d?, e?, f?, g?], cpm: cpm? })
}

/// Two systems on the same patients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// CPM of the first less CPM of the second.
    pub difference: f64,
    /// Its interval.
    pub interval: Interval,
    /// Share of draws in which the first is not better: one-sided p.
    pub p_not_better: f64,
}

/// Draws the same patients for both; `None` when a CPM is not defined or the patients differ in number.
#[must_use]
pub fn paired(first: &Froc, second: &Froc, draws: Draws) -> Option<Paired> {
    if first.patients_count() != second.patients_count() {
        return None;
    }
    let difference = first.cpm()? - second.cpm()?;
    let mut generator = SplitMix64::new(draws.seed);
    let mut values = Vec::with_capacity(draws.count);
    for _ in 0..draws.count {
        let weights = generator.weights(first.patients_count());
        if let (Some(a), Some(b)) = (first.weighted(&weights), second.weighted(&weights)) {
            values.push(mean(&a) - mean(&b));
        }
    }
    let not_better = values.iter().filter(|v| **v <= 0.0).count();
    let p_not_better = not_better as f64 / values.len().max(1) as f64;
    Some(Paired { difference, interval: interval(values)?, p_not_better })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::froc::Contribution;

    /// Goal: the generator is the published one. Method: first outputs of seed 1234567 of the reference code.
    #[test]
    fn split_mix_is_the_published_one() {
        let mut generator = SplitMix64::new(1_234_567);
        let expected = [6_457_827_717_110_365_317u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(expected, [generator.next(), generator.next(), generator.next()]);
    }

    /// Goal: the interval of a share is the binomial one, and the seed decides it. Method: 100 patients with one
    /// nodule each, 70 hit; a binomial share of .7 of 100 has a standard deviation of .0458.
    #[test]
    fn interval_of_a_share_is_binomial() {
        let scans: Vec<Contribution> = (0..100)
            .map(|patient| {
                let hit = patient < 70;
                let hits = if hit { vec![0.9] } else { vec![] };
                Contribution {
                    patient,
                    units: 1.0,
                    hits,
                    missed_count: usize::from(!hit),
                    false_scores: vec![],
                }
            })
            .collect();
        let curve = Froc::new(&scans, 100);
        let draws = Draws { count: 4000, seed: 7 };
        let found = froc(&curve, draws).unwrap();
        assert!((found.cpm.mean - 0.7).abs() < 0.005, "{found:?}");
        let half = (found.cpm.high - found.cpm.low) / 2.0;
        assert!((half - 1.96 * 0.0458).abs() < 0.008, "{half}");
        assert_eq!(found, froc(&curve, draws).unwrap());
        assert_ne!(found, froc(&curve, Draws { seed: 8, ..draws }).unwrap());
        let same = paired(&curve, &curve, draws).unwrap();
        assert!(same.difference.abs() < 1e-12 && (same.p_not_better - 1.0).abs() < 1e-12);
    }
}

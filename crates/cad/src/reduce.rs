//! False-positive reduction: a second network's opinion joined to the detector's score.

use crate::detect::{logit, sigmoid};

/// How two scores become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combination {
    /// Square root of the product.
    GeometricMean,
    /// Mean of the log-odds, back to a probability.
    MeanLogit,
}

/// Log-odds beyond this are taken as this, so that a saturated score cannot outvote everything.
const LOGIT_MAX: f64 = 30.0;

/// The joint score of detector and second stage, 0 to 1; strictly rising in both within the limits.
#[must_use]
pub fn combine(first: f64, second: f64, how: Combination) -> f64 {
    match how {
        Combination::GeometricMean => (first.clamp(0.0, 1.0) * second.clamp(0.0, 1.0)).sqrt(),
        Combination::MeanLogit => {
            let held = |p: f64| logit(p.clamp(0.0, 1.0)).clamp(-LOGIT_MAX, LOGIT_MAX);
            sigmoid(f64::midpoint(held(first), held(second)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: both rules keep equal scores, order, and stay defined at 0 and 1.
    #[test]
    fn equal_scores_stay_and_extremes_are_defined() {
        for how in [Combination::GeometricMean, Combination::MeanLogit] {
            assert!((combine(0.3, 0.3, how) - 0.3).abs() < 1e-12);
            assert!(combine(0.3, 0.8, how) > combine(0.3, 0.7, how));
            for (a, b) in [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 1.0)] {
                let p = combine(a, b, how);
                assert!((0.0..=1.0).contains(&p), "{how:?} {a} {b} {p}");
            }
        }
        assert!((combine(0.25, 0.64, Combination::GeometricMean) - 0.4).abs() < 1e-12);
        // Odds 1:3 and 3:1 cancel.
        assert!((combine(0.25, 0.75, Combination::MeanLogit) - 0.5).abs() < 1e-12);
    }
}

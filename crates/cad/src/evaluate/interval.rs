//! Intervals of counted shares and rates.

/// Standard normal deviate of a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's score interval (95 %) of `found` of `total` (Wilson EB, J Am Stat Assoc 1927;22:209-212); `None` of none.
#[must_use]
pub fn wilson(found: usize, total: usize) -> Option<[f64; 2]> {
    if total == 0 {
        return None;
    }
    let (n, p) = (total as f64, found as f64 / total as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    // All and none are their own ends; rounding must not push past them.
    let low = if found == 0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if found == total { 1.0 } else { (middle + half).min(1.0) };
    Some([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: published values. 5 of 5 and 18 of 20 as by Wilson's formula (Brown LD et al., Stat Sci 2001;16:101-133).
    #[test]
    fn known_shares() {
        for (found, total, low, high) in [(5, 5, 0.5655, 1.0), (18, 20, 0.6990, 0.9721), (0, 10, 0.0, 0.2775)]
        {
            let [l, h] = wilson(found, total).unwrap();
            assert!((l - low).abs() < 1e-4 && (h - high).abs() < 1e-4, "{found} of {total}: {l} {h}");
        }
        assert!(wilson(0, 0).is_none());
    }
}

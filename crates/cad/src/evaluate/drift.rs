//! Has what a site sends, or what comes out, changed since the reference was taken?

/// Share that an empty bin counts as, so that the logarithm stays finite.
const SHARE_MIN: f64 = 1e-4;
/// Bins of `Reference::of`.
pub const BINS_COUNT: usize = 10;

/// Population stability index of counts over the same bins: sum of (q - p) ln(q / p). Under .1 stable, .1 to .25 look,
/// above .25 act, as a rule of thumb; [`psi_limit`] says what chance alone gives. `None` when a side is empty.
#[must_use]
pub fn psi(reference: &[usize], now: &[usize]) -> Option<f64> {
    let (n, m) = (reference.iter().sum::<usize>(), now.iter().sum::<usize>());
    if n == 0 || m == 0 {
        return None;
    }
    let share = |count: usize, total: usize| (count as f64 / total as f64).max(SHARE_MIN);
    let terms = reference.iter().zip(now).map(|(r, c)| {
        let (p, q) = (share(*r, n), share(*c, m));
        (q - p) * (q / p).ln()
    });
    Some(terms.sum())
}

/// PSI that chance alone stays under in 999 of 1000 cases: (1/n + 1/m) times the chi-square quantile of B - 1 degrees
/// of freedom (Wilson EB, Hilferty MM, Proc Natl Acad Sci 1931;17:684-688 for the quantile).
#[must_use]
pub fn psi_limit(reference_count: usize, now_count: usize, bins_count: usize) -> f64 {
    const Z_999: f64 = 3.090_232_306_167_813;
    let k = bins_count.saturating_sub(1).max(1) as f64;
    let quantile = k * (1.0 - 2.0 / (9.0 * k) + Z_999 * (2.0 / (9.0 * k)).sqrt()).powi(3);
    (1.0 / reference_count.max(1) as f64 + 1.0 / now_count.max(1) as f64) * quantile
}

/// Inner borders of ten bins of the same mass; fewer where values repeat.
#[must_use]
pub fn borders(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let inner =
        (1..BINS_COUNT).filter_map(|b| super::segmentation::quantile(&sorted, b as f64 / BINS_COUNT as f64));
    let mut borders: Vec<f64> = inner.collect();
    borders.dedup();
    borders
}

/// How many values fall in each bin; a value on a border belongs to the bin above.
#[must_use]
pub fn binned(values: &[f64], borders: &[f64]) -> Vec<usize> {
    let mut counts = vec![0; borders.len() + 1];
    for value in values {
        counts[borders.partition_point(|b| b <= value)] += 1;
    }
    counts
}

/// Kolmogorov-Smirnov: largest distance of the two distribution functions; `None` when a side is empty.
#[must_use]
pub fn ks(reference: &[f64], now: &[f64]) -> Option<f64> {
    if reference.is_empty() || now.is_empty() {
        return None;
    }
    let sorted = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (a, b) = (sorted(reference), sorted(now));
    let share = |values: &[f64], at: f64| values.partition_point(|v| *v <= at) as f64 / values.len() as f64;
    a.iter().chain(&b).map(|at| (share(&a, *at) - share(&b, *at)).abs()).reduce(f64::max)
}

/// Distance that chance alone stays under in 999 of 1000 cases: 1.95 sqrt((n + m) / (n m)) (daily looks at 5 % would
/// cry wolf every month).
#[must_use]
pub fn ks_limit(reference_count: usize, now_count: usize) -> f64 {
    let (n, m) = (reference_count.max(1) as f64, now_count.max(1) as f64);
    1.95 * ((n + m) / (n * m)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: by hand: shares .5/.5 against .8/.2 give .3 ln 1.6 + .3 ln 2.5.
    #[test]
    fn psi_by_hand() {
        let found = psi(&[50, 50], &[80, 20]).unwrap();
        assert!((found - (0.3 * 1.6f64.ln() + 0.3 * 2.5f64.ln())).abs() < 1e-12);
        assert!(psi(&[10, 10], &[10, 10]).unwrap().abs() < 1e-12);
        assert!(psi(&[0, 0], &[1, 0]).is_none());
        assert!(psi(&[100, 0], &[0, 100]).unwrap().is_finite());
        // chi-square .999 of 9 degrees of freedom is 27.88; the approximation is within .5 %.
        assert!((psi_limit(2000, 300, 10) - (1.0 / 2000.0 + 1.0 / 300.0) * 27.877).abs() < 1e-3);
    }

    /// Goal: the largest distance of two staircases, and bins of equal mass.
    #[test]
    fn ks_and_bins_by_hand() {
        assert!((ks(&[1.0, 2.0, 3.0, 4.0], &[3.0, 4.0, 5.0, 6.0]).unwrap() - 0.5).abs() < 1e-12);
        assert!(ks(&[1.0, 2.0], &[1.0, 2.0]).unwrap().abs() < 1e-12);
        assert!((ks_limit(100, 100) - 1.95 * 0.02f64.sqrt()).abs() < 1e-12);
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let borders = borders(&values);
        assert_eq!(binned(&values, &borders), [100; 10]);
        assert_eq!(super::borders(&[1.0; 50]).len(), 1, "equal values make one border");
    }
}

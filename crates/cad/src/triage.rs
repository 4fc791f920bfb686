//! Exam score 1 to 10: the decile of an exam's highest nodule score among the site's own exams. It orders a worklist;
//! it never says that an exam need not be read.

/// Exams that a calibration needs at least.
pub const EXAMS_COUNT_MIN: usize = 500;

/// There are too few exams to say where a tenth of them lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not calibrated: {found} exams, at least {EXAMS_COUNT_MIN} of the site's own are needed")]
pub struct TooFewExams {
    /// Exams given.
    pub found: usize,
}

/// Limits between the tenths of a site's exams.
#[derive(Debug, Clone, PartialEq)]
pub struct Deciles {
    /// Highest score of the first, second ... ninth tenth, rising.
    pub cuts: [f64; 9],
    /// Exams that they come from.
    pub exams_count: usize,
}

impl Deciles {
    /// Of the highest nodule score of each exam; an exam without findings has 0. Scores that are no numbers are left
    /// out.
    ///
    /// # Errors
    /// [`TooFewExams`] below [`EXAMS_COUNT_MIN`].
    pub fn of(exam_scores: &[f64]) -> Result<Self, TooFewExams> {
        let mut sorted: Vec<f64> = exam_scores.iter().copied().filter(|score| score.is_finite()).collect();
        if sorted.len() < EXAMS_COUNT_MIN {
            return Err(TooFewExams { found: sorted.len() });
        }
        sorted.sort_unstable_by(f64::total_cmp);
        let count = sorted.len();
        // Nearest rank: the smallest score that at least k tenths of the exams do not exceed.
        let cut =
            |tenth: usize| sorted.get((tenth * count).div_ceil(10) - 1).copied().unwrap_or(f64::INFINITY);
        Ok(Self { cuts: std::array::from_fn(|i| cut(i + 1)), exams_count: count })
    }

    /// 1 (the tenth with the lowest scores) to 10 (the highest). An exam at a limit belongs below it, so that equal
    /// exams have equal scores.
    #[must_use]
    pub fn score(&self, exam_score: f64) -> u8 {
        let above = self.cuts.iter().filter(|cut| exam_score > **cut).count();
        u8::try_from(above + 1).unwrap_or(10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A law whose deciles are known: the k-th of n scores is (k / (n + 1))^2, shuffled by a fixed stride.
    fn exams(count: usize) -> Vec<f64> {
        (0..count).map(|k| ((((k * 7919) % count) + 1) as f64 / (count + 1) as f64).powi(2)).collect()
    }

    /// Goal: with 2,000 exams of a known law each limit lies where the law has it, within the 95 % interval of an
    /// order statistic. Method: limits against (k/10)^2 in terms of the law's own probability.
    #[test]
    fn deciles_of_a_known_law() {
        let deciles = Deciles::of(&exams(2000)).unwrap();
        for (k, cut) in (1..).zip(deciles.cuts) {
            let p = f64::from(k) / 10.0;
            let interval = 1.96 * (p * (1.0 - p) / 2000.0_f64).sqrt();
            assert!((cut.sqrt() - p).abs() < interval, "{k}: {cut}");
        }
        let scores: Vec<u8> = exams(2000).into_iter().map(|score| deciles.score(score)).collect();
        for tenth in 1..=10 {
            assert_eq!(scores.iter().filter(|score| **score == tenth).count(), 200, "{tenth}");
        }
    }

    /// Goal: 499 exams are too few, 500 enough; what is no number does not count.
    #[test]
    fn too_few_exams_are_not_calibrated() {
        let error = Deciles::of(&exams(499)).unwrap_err();
        assert!(error.to_string().starts_with("not calibrated: 499"), "{error}");
        assert!(Deciles::of(&exams(500)).is_ok());
        let mut odd = exams(500);
        odd[3] = f64::NAN;
        assert_eq!(Deciles::of(&odd), Err(TooFewExams { found: 499 }));
    }

    /// Goal: equal exams have equal scores, and many exams without a finding are all in the lowest tenth.
    #[test]
    fn ties_stay_together() {
        let mut scores = vec![0.0; 450];
        scores.extend((0..550).map(|k| 0.1 + f64::from(k) / 1000.0));
        let deciles = Deciles::of(&scores).unwrap();
        assert_eq!((deciles.score(0.0), deciles.score(1.0)), (1, 10));
        assert!(scores.windows(2).all(|pair| deciles.score(pair[0]) <= deciles.score(pair[1])));
    }
}

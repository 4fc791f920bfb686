//! Free-response ROC: sensitivity against false marks per scan (or per another unit of what was searched).
//!
//! The curve is the one of LUNA16's script: points at every distinct score, straight lines between them, flat
//! outside. Where that script fails (no hit, no false mark, no nodule) the value is defined here.

/// False marks per scan at which sensitivity is read.
pub const FALSE_MARK_RATES: [f64; 7] = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// What one scan brings to the curve.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contribution {
    /// Which patient, 0-based; scans of one patient are drawn together.
    pub patient: usize,
    /// How much was searched: 1 for a scan, litres / 5 for a crop.
    pub units: f64,
    /// Best score on each nodule that was hit.
    pub hits: Vec<f64>,
    /// Nodules without a mark.
    pub missed_count: usize,
    /// Score of each false mark.
    pub false_scores: Vec<f64>,
}

/// A point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Marks of this score and above count.
    pub score: f64,
    /// False marks per unit.
    pub false_marks: f64,
    /// Share of the nodules hit.
    pub sensitivity: f64,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    score: f64,
    patient: usize,
    is_hit: bool,
}

/// All scans, ready to be read at any rate and with any weight per patient.
#[derive(Debug, Clone)]
pub struct Froc {
    /// By falling score.
    events: Vec<Event>,
    /// Nodules of each patient.
    nodules: Vec<usize>,
    /// Units of each patient.
    units: Vec<f64>,
}

impl Froc {
    /// Of these scans, of `patients_count` patients. A scan of a patient beyond that is left out.
    #[must_use]
    pub fn new(scans: &[Contribution], patients_count: usize) -> Self {
        let mut froc =
            Self { events: Vec::new(), nodules: vec![0; patients_count], units: vec![0.0; patients_count] };
        for scan in scans.iter().filter(|s| s.patient < patients_count) {
            froc.nodules[scan.patient] += scan.hits.len() + scan.missed_count;
            froc.units[scan.patient] += scan.units;
            let event = |is_hit| move |score: &f64| Event { score: *score, patient: scan.patient, is_hit };
            froc.events.extend(scan.hits.iter().map(event(true)));
            froc.events.extend(scan.false_scores.iter().map(event(false)));
        }
        froc.events.sort_by(|a, b| b.score.total_cmp(&a.score));
        froc
    }

    /// Patients, with and without scans.
    #[must_use]
    pub fn patients_count(&self) -> usize {
        self.nodules.len()
    }

    /// Sensitivity at each of [`FALSE_MARK_RATES`]; `None` when there is no nodule or nothing was searched.
    #[must_use]
    pub fn sensitivities(&self) -> Option<[f64; 7]> {
        self.weighted(&vec![1; self.nodules.len()])
    }

    /// Competition performance metric: the mean of [`Self::sensitivities`] (Niemeijer M et al., IEEE Trans Med
    /// Imaging 2011;30:215-223).
    #[must_use]
    pub fn cpm(&self) -> Option<f64> {
        self.sensitivities().map(|s| mean(&s))
    }

    /// The same where patient `i` counts `weights[i]` times.
    #[must_use]
    pub fn weighted(&self, weights: &[u32]) -> Option<[f64; 7]> {
        let mut values = [0.0; 7];
        let mut next = 0;
        let mut last = (0.0, 0.0);
        self.sweep(weights, &mut |point| {
            // numpy.interp: at a vertical step the later point wins.
            while next < 7 && point.false_marks > FALSE_MARK_RATES[next] {
                let (x0, y0) = last;
                let slope = (point.sensitivity - y0) / (point.false_marks - x0);
                values[next] = y0 + slope * (FALSE_MARK_RATES[next] - x0);
                next += 1;
            }
            last = (point.false_marks, point.sensitivity);
        })?;
        for value in &mut values[next..] {
            *value = last.1;
        }
        Some(values)
    }

    /// The curve's points by falling score, without the corner (0, 0); `None` as in [`Self::sensitivities`].
    #[must_use]
    pub fn curve(&self) -> Option<Vec<Point>> {
        let mut points = Vec::new();
        self.sweep(&vec![1; self.nodules.len()], &mut |point| points.push(point))?;
        Some(points)
    }

    /// Calls `point` after each distinct score.
    #[allow(clippy::float_cmp)] // a tie is equality
    fn sweep(&self, weights: &[u32], point: &mut dyn FnMut(Point)) -> Option<()> {
        let weight = |patient: usize| weights.get(patient).copied().unwrap_or(0);
        let nodules: f64 =
            self.nodules.iter().enumerate().map(|(p, n)| f64::from(weight(p)) * *n as f64).sum();
        let units: f64 = self.units.iter().enumerate().map(|(p, u)| f64::from(weight(p)) * u).sum();
        if nodules <= 0.0 || units <= 0.0 {
            return None;
        }
        let (mut right, mut wrong) = (0u64, 0u64);
        for (i, event) in self.events.iter().enumerate() {
            let times = u64::from(weight(event.patient));
            if event.is_hit {
                right += times;
            } else {
                wrong += times;
            }
            if self.events.get(i + 1).is_none_or(|next| next.score != event.score) {
                point(Point {
                    score: event.score,
                    false_marks: wrong as f64 / units,
                    sensitivity: right as f64 / nodules,
                });
            }
        }
        Some(())
    }

    /// The threshold of an operating point: the lowest score at and above which there are at most `rate` false marks
    /// per unit. It lies half way to the next score below, so that rounding does not move a mark over it. `None` when
    /// there is no mark at all; [`OperatingPoint::exhausted`] when even all marks together stay at or under `rate`.
    #[must_use]
    #[allow(clippy::float_cmp)] // a tie is equality
    pub fn operating_point(&self, rate: f64) -> Option<OperatingPoint> {
        let units: f64 = self.units.iter().sum();
        let allowed = rate * units;
        let (mut wrong, mut right, mut above) = (0usize, 0usize, None);
        let mut index = 0;
        while index < self.events.len() {
            let score = self.events[index].score;
            let tied = self.events[index..].iter().take_while(|e| e.score == score);
            let (count, hits) = tied.fold((0, 0), |(n, h), e| (n + 1, h + usize::from(e.is_hit)));
            if (wrong + count - hits) as f64 > allowed {
                let threshold =
                    above.map_or(score + score.abs().max(1e-9) * 1e-6, |a: f64| f64::midpoint(a, score));
                return Some(OperatingPoint {
                    threshold,
                    wrong_count: wrong,
                    hits_count: right,
                    exhausted: false,
                });
            }
            wrong += count - hits;
            right += hits;
            above = Some(score);
            index += count;
        }
        above.map(|threshold| OperatingPoint {
            threshold,
            wrong_count: wrong,
            hits_count: right,
            exhausted: true,
        })
    }
}

/// A threshold with what it did on the scans it was chosen on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperatingPoint {
    /// Marks at and above are shown.
    pub threshold: f64,
    /// False marks at and above it.
    pub wrong_count: usize,
    /// Nodules hit at and above it.
    pub hits_count: usize,
    /// All marks were used up: a lower threshold may give more, but these marks cannot tell.
    pub exhausted: bool,
}

/// Mean of the seven sensitivities.
#[must_use]
pub fn mean(sensitivities: &[f64; 7]) -> f64 {
    sensitivities.iter().sum::<f64>() / 7.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(patient: usize, hits: &[f64], missed_count: usize, wrong: &[f64]) -> Contribution {
        Contribution { patient, units: 1.0, hits: hits.to_vec(), missed_count, false_scores: wrong.to_vec() }
    }

    /// Goal: a threshold allows as many false marks as asked, ties together, and says when marks run out.
    #[test]
    fn operating_points() {
        let scans = [scan(0, &[0.9, 0.4], 1, &[0.8, 0.5]), scan(1, &[0.7], 0, &[0.5, 0.3])];
        let froc = Froc::new(&scans, 2);
        let at = |rate| froc.operating_point(rate).unwrap();
        let check = |rate: f64, threshold: f64, wrong: usize, hits: usize, exhausted: bool| {
            let found = at(rate);
            assert!((found.threshold - threshold).abs() < 1e-6, "{rate}: {found:?}");
            assert_eq!(
                (found.wrong_count, found.hits_count, found.exhausted),
                (wrong, hits, exhausted),
                "{rate}"
            );
        };
        check(0.0, 0.85, 0, 1, false);
        check(0.5, 0.6, 1, 2, false);
        // Both false marks of 0.5 come together: two of them are one a scan too many.
        check(1.0, 0.6, 1, 2, false);
        check(1.5, 0.35, 3, 3, false);
        check(8.0, 0.3, 4, 3, true);
        assert!(Froc::new(&[scan(0, &[], 1, &[])], 1).operating_point(1.0).is_none());
        // The best mark is false: nothing may be shown.
        let none = Froc::new(&[scan(0, &[0.2], 0, &[0.5])], 1).operating_point(0.5).unwrap();
        assert!(none.threshold > 0.5 && none.wrong_count == 0 && none.hits_count == 0);
    }

    /// Goal: a patient that is drawn twice counts twice, in nodules, marks and scans. Method: the same by hand.
    #[test]
    fn weights_are_copies() {
        let scans = [scan(0, &[0.9], 1, &[0.8]), scan(1, &[0.7], 0, &[0.5, 0.3]), scan(2, &[], 2, &[0.95])];
        let froc = Froc::new(&scans, 3);
        let drawn = [scans[0].clone(), scans[0].clone(), scans[1].clone()];
        let by_hand = Froc::new(&drawn, 3).sensitivities().unwrap();
        assert_eq!(froc.weighted(&[2, 1, 0]).unwrap().map(f64::to_bits), by_hand.map(f64::to_bits));
        assert!(froc.weighted(&[0, 0, 0]).is_none());
    }
}

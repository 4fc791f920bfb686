//! The threshold that gives a site the false marks it accepts, from its own scans.

use super::detection::{self, Measured, score, units};
use super::groups::Members;
use super::{EvaluatedScan, EvaluationNames};
use crate::calibration::SiteOperatingPoint;
use cad::evaluate::bootstrap::{Draws, Interval, resample};
use domain::FalseMarkUnit;

/// Why there is no operating point.
#[derive(Debug, thiserror::Error)]
pub enum OperatingPointError {
    /// Crops have no false marks a scan.
    #[error("false marks a scan are counted on whole scans, not on crops")]
    Crops,
    /// No mark at all.
    #[error("there is no mark on these scans")]
    NoMarks,
    /// Marks end before the rate is reached.
    #[error(
        "all marks together are only {rate:.2} false marks a scan, {wanted} are asked for; marks below a score were left out"
    )]
    Exhausted {
        /// False marks a scan of all marks.
        rate: f64,
        /// Asked for.
        wanted: f64,
    },
}

/// The lowest threshold that gives at most `wanted` false marks a scan on `scans`.
///
/// # Errors
/// [`OperatingPointError`].
pub fn operating_point(
    scans: &[EvaluatedScan],
    wanted: f64,
    draws_count: usize,
    seed: u64,
    names: &EvaluationNames,
) -> Result<SiteOperatingPoint, OperatingPointError> {
    let outcomes = detection::matched(scans);
    let measured = Measured::of(scans, &outcomes);
    if measured.unit != FalseMarkUnit::Scan {
        return Err(OperatingPointError::Crops);
    }
    let point = measured.all().operating_point(wanted).ok_or(OperatingPointError::NoMarks)?;
    let everything = Members::Scans(vec![true; scans.len()]);
    let (sensitivity, _) = measured.at(point.threshold, &everything);
    let (false_marks, interval) =
        measured.false_marks_at(point.threshold, Draws { count: draws_count, seed });
    if point.exhausted {
        return Err(OperatingPointError::Exhausted { rate: false_marks, wanted });
    }
    Ok(SiteOperatingPoint {
        threshold: point.threshold.min(1.0),
        false_marks_wanted: wanted,
        false_marks,
        false_marks_interval: interval.map(|i| [i.low, i.high]),
        sensitivity,
        scans_count: scans.len(),
        patients_count: measured.patients.count(),
        truth: names.truth.clone(),
        marks: names.marks.clone(),
    })
}

impl Measured<'_> {
    /// False marks per unit at and above `threshold`, with an interval drawn by patient.
    pub(super) fn false_marks_at(&self, threshold: f64, draws: Draws) -> (f64, Option<Interval>) {
        let mut of_patient = vec![(0.0, 0.0); self.patients.count()];
        for (scan, outcome) in self.scans.iter().zip(self.outcomes) {
            if let Some((false_marks, searched)) = of_patient.get_mut(self.patients.patient(scan)) {
                let shown =
                    outcome.false_marks.iter().filter(|mark| score(scan, **mark) >= threshold).count();
                *false_marks += f64::from(u32::try_from(shown).unwrap_or(u32::MAX));
                *searched += units(scan, self.unit);
            }
        }
        let rate = |weight: &dyn Fn(usize) -> f64| {
            let (mut sum, mut all) = (0.0, 0.0);
            for (index, (false_marks, searched)) in of_patient.iter().enumerate() {
                sum += weight(index) * false_marks;
                all += weight(index) * searched;
            }
            (all > 0.0).then(|| sum / all)
        };
        let interval = resample(of_patient.len(), draws, |weights| {
            rate(&|i| f64::from(weights.get(i).copied().unwrap_or(0)))
        });
        (rate(&|_| 1.0).unwrap_or(0.0), interval)
    }
}

//! Exam triage: in which tenth of the site's own exams an exam's highest nodule score lies.

use serde::{Deserialize, Serialize};

/// Highest score; 1 is the lowest.
pub const TRIAGE_SCORE_MAX: u8 = 10;

/// What the score may be used for; stands wherever the score stands.
pub const TRIAGE_USE: &str =
    "Orders a list by the highest nodule score of each exam; it is never a reason to skip a reading.";

/// Whether an exam could be placed among the site's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriageStatus {
    /// It has a score.
    Calibrated,
    /// The site has no calibration for the networks that found the nodules.
    NotCalibrated,
}

/// Where an exam lies among the site's own exams. Never says that an exam need not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExamTriage {
    /// Whether there is a score.
    pub status: TriageStatus,
    /// 1 (lowest tenth of the site's exams) to 10 (highest); `null` where not calibrated.
    pub score: Option<u8>,
    /// Highest score of a nodule of the exam, 0 to 1; 0 without one. Comparable within one pack only.
    pub exam_score: f64,
    /// Version of the calibration that was asked; `null` where the site has none for this pack.
    pub calibration_version: Option<i64>,
    /// Exams behind the calibration; where there is none, earlier exams of the site with a result of this pack.
    pub exams_count: u64,
    /// Exams that a calibration needs.
    pub exams_count_min: u64,
    /// Why there is no score; `null` where there is one.
    pub reason: Option<String>,
    /// Always [`TRIAGE_USE`].
    pub intended_use: String,
}

impl ExamTriage {
    /// In few English words: `8 of 10`, `not calibrated: 37 of 500 exams`.
    #[must_use]
    pub fn short(&self) -> String {
        match (self.score, self.calibration_version) {
            (Some(score), _) => format!("{score} of {TRIAGE_SCORE_MAX}"),
            (None, None) => {
                format!("not calibrated: {} of {} exams", self.exams_count, self.exams_count_min)
            }
            (None, Some(version)) => format!("not calibrated: calibration {version} does not fit"),
        }
    }

    /// Where the score comes from, or why there is none, in one English sentence.
    #[must_use]
    pub fn basis(&self) -> String {
        match (&self.reason, self.calibration_version) {
            (Some(reason), _) => reason.clone(),
            (None, Some(version)) => format!(
                "decile of the exam's highest nodule score among {} of this site's exams (calibration {version})",
                self.exams_count
            ),
            (None, None) => String::new(),
        }
    }

    /// What objects that show it differ by.
    pub(crate) fn key(&self) -> String {
        let score = self.score.map_or_else(|| "none".to_owned(), |score| score.to_string());
        format!("triage {} {score} {}", self.calibration_version.unwrap_or(0), self.exams_count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a score is said with its scale, its absence with the count or the misfit. Method: one of each.
    #[test]
    fn in_words() {
        let mut triage = ExamTriage {
            status: TriageStatus::Calibrated,
            score: Some(8),
            exam_score: 0.93,
            calibration_version: Some(3),
            exams_count: 812,
            exams_count_min: 500,
            reason: None,
            intended_use: TRIAGE_USE.to_owned(),
        };
        assert_eq!(triage.short(), "8 of 10");
        assert!(triage.basis().contains("812 of this site's exams (calibration 3)"), "{}", triage.basis());
        triage.score = None;
        triage.reason = Some("made at threshold 0.5".to_owned());
        assert_eq!(triage.short(), "not calibrated: calibration 3 does not fit");
        assert_eq!(triage.basis(), "made at threshold 0.5");
        triage.calibration_version = None;
        triage.exams_count = 37;
        assert_eq!(triage.short(), "not calibrated: 37 of 500 exams");
    }
}

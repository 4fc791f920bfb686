//! Is the running site still like the reference? Distributions of what comes in and what comes out, then and now.
//!
//! Rules of thumb and what chance alone gives (`cad::evaluate::drift`) must both be passed before anybody is called: with
//! few series chance alone makes large numbers. Nothing is ever adjusted by itself.

use cad::evaluate::drift::{binned, borders, ks, ks_limit, psi, psi_limit};
use cad::evaluate::segmentation::quantile;
use dcm::header::InstanceHeader;
use domain::{PackDocument, SeriesDocument, SeriesState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Value of `schema` of a reference.
pub const REFERENCE_SCHEMA: &str = "lungcad-reference/1";
/// Values that a reference keeps of one distribution, evenly through it.
const KEPT_MAX: usize = 1000;
/// Values below which nothing is said.
const COUNT_MIN: usize = 30;
/// Look from here on, act from here on (population stability index).
const PSI_LOOK: f64 = 0.1;
const PSI_ACT: f64 = 0.25;

/// Why a reference cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("reference {name}: {cause}; make a new one with `lungcad monitor --write-reference`")]
pub struct ReferenceError {
    /// Where it came from.
    pub name: String,
    /// What is wrong.
    pub cause: String,
}

/// What was seen in some series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observations {
    /// Series.
    pub series_count: usize,
    /// Networks of the latest analysed one.
    pub pack: Option<PackDocument>,
    /// Numbers by signal.
    pub numbers: BTreeMap<String, Vec<f64>>,
    /// Counts of words by signal.
    pub words: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Observations {
    /// Of stored results (the newest first) with the header facts of one instance of each.
    #[must_use]
    pub fn of<'a>(
        series: impl IntoIterator<Item = (&'a SeriesDocument, Option<&'a InstanceHeader>)>,
    ) -> Self {
        let mut all = Self::default();
        for (document, header) in series {
            all.series_count += 1;
            all.outputs(document);
            if let Some(header) = header {
                all.inputs(header);
            }
        }
        all
    }

    fn number(&mut self, signal: &str, value: f64) {
        if value.is_finite() {
            self.numbers.entry(signal.to_owned()).or_default().push(value);
        }
    }

    fn word(&mut self, signal: &str, word: &str) {
        *self.words.entry(signal.to_owned()).or_default().entry(word.to_owned()).or_default() += 1;
    }

    #[allow(clippy::cast_precision_loss)] // findings and milliseconds
    fn outputs(&mut self, document: &SeriesDocument) {
        let outcome = match (&document.state, &document.reason) {
            (SeriesState::Skipped, Some(reason)) => reason.code.as_str(),
            _ => "analysed",
        };
        self.word("outcome", outcome);
        let (Some(pack), Some(lungs)) = (&document.pack, &document.lungs) else { return };
        if self.pack.is_none() {
            self.pack = Some(pack.clone());
        }
        self.number("marks_per_series", document.nodules.len() as f64);
        self.word("any_mark", if document.nodules.is_empty() { "no" } else { "yes" });
        self.number("lung_volume_ml", lungs.left_ml + lungs.right_ml);
        self.number("analysis_ms", document.timings_ms.total as f64);
        for nodule in &document.nodules {
            self.number("score", nodule.score);
            self.number("diameter_mm", nodule.mean_diameter_mm);
            self.number("attenuation_hu", nodule.hu_mean);
            self.word("type", nodule.attenuation.as_str());
        }
    }

    fn inputs(&mut self, header: &InstanceHeader) {
        if let Some(mm) = header.slice_thickness_mm {
            self.number("slice_thickness_mm", mm);
            self.word("slice_thickness", &format!("{mm:.2} mm"));
        }
        let scanner = [&header.manufacturer, &header.manufacturer_model_name];
        let scanner: Vec<&str> = scanner.into_iter().flatten().map(String::as_str).collect();
        self.word("scanner", &scanner.join(" "));
        self.word("kernel", &header.convolution_kernel.join(" "));
    }

    /// As a reference: numbers thinned to evenly spaced ones of their distribution.
    #[must_use]
    pub fn reference(&self, made_at: &str) -> Reference {
        let kept = |values: &Vec<f64>| {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            if sorted.len() <= KEPT_MAX {
                return sorted;
            }
            #[allow(clippy::cast_precision_loss)] // at most a thousand
            let place = |i: usize| i as f64 / (KEPT_MAX - 1) as f64;
            (0..KEPT_MAX).filter_map(|i| quantile(&sorted, place(i))).collect()
        };
        Reference {
            schema: REFERENCE_SCHEMA.to_owned(),
            made_at: made_at.to_owned(),
            pack: self.pack.clone(),
            series_count: self.series_count,
            numbers: self.numbers.iter().map(|(k, v)| (k.clone(), kept(v))).collect(),
            words: self.words.clone(),
        }
    }
}

/// What a pack or a site looked like when all was well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Always [`REFERENCE_SCHEMA`].
    pub schema: String,
    /// When it was taken, RFC 3339.
    pub made_at: String,
    /// Networks then.
    pub pack: Option<PackDocument>,
    /// Series then.
    pub series_count: usize,
    /// Numbers by signal, sorted.
    pub numbers: BTreeMap<String, Vec<f64>>,
    /// Counts of words by signal.
    pub words: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Reference {
    /// Reads a reference.
    ///
    /// # Errors
    /// [`ReferenceError`] when it is something else.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, ReferenceError> {
        let fault = |cause: String| ReferenceError { name: name.to_owned(), cause };
        let read: Self = serde_json::from_slice(bytes).map_err(|e| fault(e.to_string()))?;
        if read.schema != REFERENCE_SCHEMA {
            return Err(fault(format!("schema is {:?}, expected {REFERENCE_SCHEMA}", read.schema)));
        }
        Ok(read)
    }
}

/// How much a signal has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftLevel {
    /// Too few values to say.
    TooFew,
    /// As before.
    Stable,
    /// A person should look.
    Look,
    /// A person should act.
    Act,
}

impl DriftLevel {
    /// Word for tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooFew => "too few",
            Self::Stable => "stable",
            Self::Look => "look",
            Self::Act => "act",
        }
    }
}

/// One signal, then and now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignalDrift {
    /// Which.
    pub signal: String,
    /// Values of the reference.
    pub reference_count: usize,
    /// Values now.
    pub now_count: usize,
    /// Median then, of numbers.
    pub reference_median: Option<f64>,
    /// Median now, of numbers.
    pub now_median: Option<f64>,
    /// Population stability index.
    pub psi: Option<f64>,
    /// What chance alone stays under, 999 times in 1000.
    pub psi_limit: f64,
    /// Kolmogorov-Smirnov distance, of numbers.
    pub ks: Option<f64>,
    /// What chance alone stays under, 999 times in 1000.
    pub ks_limit: Option<f64>,
    /// Words that the reference never saw.
    pub new_words: Vec<String>,
    /// What to do.
    pub level: DriftLevel,
}

/// Every signal that reference and present share, the most moved first.
#[must_use]
pub fn compare(reference: &Reference, now: &Observations) -> Vec<SignalDrift> {
    let none = Vec::new();
    let numbers = reference
        .numbers
        .iter()
        .map(|(signal, then)| number_drift(signal, then, now.numbers.get(signal).unwrap_or(&none)));
    let empty = BTreeMap::new();
    let words = reference
        .words
        .iter()
        .map(|(signal, then)| word_drift(signal, then, now.words.get(signal).unwrap_or(&empty)));
    let mut all: Vec<SignalDrift> = numbers.chain(words).collect();
    all.sort_by(|a, b| b.level.cmp(&a.level).then(b.psi.unwrap_or(0.0).total_cmp(&a.psi.unwrap_or(0.0))));
    all
}

fn level(counts: [usize; 2], psi: Option<f64>, psi_limit: f64, ks_beyond: bool) -> DriftLevel {
    if counts.iter().any(|n| *n < COUNT_MIN) {
        return DriftLevel::TooFew;
    }
    let psi = psi.unwrap_or(0.0);
    if psi > PSI_ACT && psi > psi_limit {
        DriftLevel::Act
    } else if (psi > PSI_LOOK && psi > psi_limit) || ks_beyond {
        DriftLevel::Look
    } else {
        DriftLevel::Stable
    }
}

fn number_drift(signal: &str, then: &[f64], now: &[f64]) -> SignalDrift {
    let edges = borders(then);
    let psi = psi(&binned(then, &edges), &binned(now, &edges));
    let psi_limit = psi_limit(then.len(), now.len(), edges.len() + 1);
    let (distance, limit) = (ks(then, now), ks_limit(then.len(), now.len()));
    let median = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        quantile(&sorted, 0.5)
    };
    SignalDrift {
        signal: signal.to_owned(),
        reference_count: then.len(),
        now_count: now.len(),
        reference_median: median(then),
        now_median: median(now),
        psi,
        psi_limit,
        ks: distance,
        ks_limit: Some(limit),
        new_words: Vec::new(),
        level: level([then.len(), now.len()], psi, psi_limit, distance.is_some_and(|d| d > limit)),
    }
}

fn word_drift(signal: &str, then: &BTreeMap<String, usize>, now: &BTreeMap<String, usize>) -> SignalDrift {
    let words: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let counts = |of: &BTreeMap<String, usize>| -> Vec<usize> {
        words.iter().map(|w| of.get(*w).copied().unwrap_or(0)).collect()
    };
    let (before, after) = (counts(then), counts(now));
    let (n, m) = (before.iter().sum::<usize>(), after.iter().sum::<usize>());
    let new_words: Vec<String> = now.keys().filter(|w| !then.contains_key(*w)).cloned().collect();
    let (psi, psi_limit) = (psi(&before, &after), psi_limit(n, m, words.len()));
    let judged = level([n, m], psi, psi_limit, false);
    // A scanner, kernel or reason that was never seen is worth a look at once, however rare.
    let level = if new_words.is_empty() { judged } else { judged.max(DriftLevel::Look) };
    SignalDrift {
        signal: signal.to_owned(),
        reference_count: n,
        now_count: m,
        reference_median: None,
        now_median: None,
        psi,
        psi_limit,
        ks: None,
        ks_limit: None,
        new_words,
        level,
    }
}

#[cfg(test)]
mod tests;

//! A guideline as data: numbered rows in order of precedence, each with its conditions, its verdict and its
//! standing. The first row whose conditions all hold is the answer ([`super::walk`]).

use super::field::Field;
use crate::clinical::{Interval, RuleSpec};

/// How a limit is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Value < limit.
    Below,
    /// Value <= limit.
    UpTo,
    /// Value >= limit.
    From,
    /// Value > limit.
    Above,
}

/// A size limit as the guideline prints it: for diameters, for volumes, or for both. A limit without the
/// figure for the measure in use makes its row not fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Diameter, mm.
    pub mm: Option<f64>,
    /// Volume, mm3.
    pub mm3: Option<f64>,
}

/// A diameter and the volume that the guideline prints beside it.
pub(crate) const fn both(mm: f64, mm3: f64) -> Limit {
    Limit { mm: Some(mm), mm3: Some(mm3) }
}

/// A diameter alone.
pub(crate) const fn mm(mm: f64) -> Limit {
    Limit { mm: Some(mm), mm3: None }
}

/// Which size is compared; the other one stands in where the first was not given, with its own figure of the
/// limit. Diameter and volume are never mixed in one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// `mean_mm`, else `volume_mm3`.
    Total,
    /// `solid_mm`, else `solid_volume_mm3`.
    SolidPart,
    /// `volume_mm3`, else `max_mm`.
    VolumeFirst,
}

impl Size {
    /// (field, is a volume) in order of preference.
    pub(crate) const fn fields(self) -> [(Field, bool); 2] {
        match self {
            Self::Total => [(Field::MeanMm, false), (Field::VolumeMm3, true)],
            Self::SolidPart => [(Field::SolidMm, false), (Field::SolidVolumeMm3, true)],
            Self::VolumeFirst => [(Field::VolumeMm3, true), (Field::MaxMm, false)],
        }
    }
}

/// One condition of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Condition {
    /// The word is one of these; unknown where it was not given and has no stated default.
    Word(Field, &'static [&'static str]),
    /// The word was given and is one of these; otherwise it does not hold.
    Stated(Field, &'static [&'static str]),
    /// Yes was given; not given counts as no, and the answer says so.
    Yes(Field),
    /// Yes was not given.
    NotYes(Field),
    /// No was given.
    StatedNo(Field),
    /// A size against a limit.
    Size(Size, Bound, Limit),
    /// A number against a limit; unknown where it was not given.
    Number(Field, Bound, f64),
    /// A number was given and meets the limit; otherwise it does not hold.
    StatedNumber(Field, Bound, f64),
    /// The input was not given.
    NotGiven(Field),
    /// Nothing was given that describes a nodule.
    NoNodule,
}

/// How soon a row wants something done: the common scale on which guidelines are compared (ours).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// No follow-up of this nodule.
    NoFollowUp,
    /// The next yearly round, or 12 months.
    Year,
    /// About 6 months (6 to 12).
    HalfYear,
    /// About 3 months (3 to 6).
    Quarter,
    /// Work-up or referral now.
    Now,
}

impl Urgency {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoFollowUp => "no follow-up of this nodule",
            Self::Year => "a year (or the next yearly round)",
            Self::HalfYear => "about 6 months",
            Self::Quarter => "about 3 months",
            Self::Now => "work-up or referral now",
        }
    }
}

/// What a row answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Category in the guideline's own words.
    pub category: &'static str,
    /// Months to the next examination.
    pub interval: Interval,
    /// On the common scale; `None` where the row asks for something else (compare with a prior, not
    /// applicable).
    pub urgency: Option<Urgency>,
    /// What the guideline recommends.
    pub management: &'static str,
    /// Probability of malignancy that the guideline prints for the category; empty where it prints none.
    pub estimate: &'static str,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In the guideline's text.
    Guideline,
    /// Ours, where the guideline is silent; the text says what was decided.
    Ours(&'static str),
    /// Not seen in a source; the text says which part. Shown as such beside every answer.
    Unconfirmed(&'static str),
}

/// One numbered row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Stable id.
    pub id: &'static str,
    /// The condition in words.
    pub text: &'static str,
    /// Alternatives; each is a list of conditions that must all hold.
    pub when: &'static [&'static [Condition]],
    /// What it answers.
    pub verdict: Verdict,
    /// Where it stands.
    pub origin: Origin,
    /// What a reader of the answer should know; empty where nothing.
    pub note: &'static str,
}

/// A row as the guideline prints it.
pub(crate) const fn row(
    id: &'static str,
    text: &'static str,
    when: &'static [&'static [Condition]],
    verdict: Verdict,
) -> Row {
    Row { id, text, when, verdict, origin: Origin::Guideline, note: "" }
}

impl Row {
    /// The row as one sentence: id, condition, category, interval, management, standing.
    #[must_use]
    pub fn sentence(&self) -> String {
        let interval = match &self.verdict.interval {
            Interval::Absent | Interval::None => String::new(),
            Interval::Months(months) => format!(", {months} months"),
            Interval::Text(text) => format!(", months {text}"),
        };
        let estimate = match self.verdict.estimate {
            "" => String::new(),
            estimate => format!("; malignant {estimate} by the guideline"),
        };
        let standing = match self.origin {
            Origin::Guideline => String::new(),
            Origin::Ours(why) => format!(" (ours: {why})"),
            Origin::Unconfirmed(what) => format!(" (unconfirmed: {what})"),
        };
        let Verdict { category, management, .. } = &self.verdict;
        format!("{}: {} -> {category}{interval}: {management}{estimate}{standing}", self.id, self.text)
    }

    /// The same as a choice of ours.
    pub(crate) const fn ours(self, why: &'static str) -> Self {
        Self { origin: Origin::Ours(why), ..self }
    }

    /// The same as not seen in a source.
    pub(crate) const fn unconfirmed(self, what: &'static str) -> Self {
        Self { origin: Origin::Unconfirmed(what), ..self }
    }

    /// The same with a note.
    pub(crate) const fn noting(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

impl Verdict {
    /// A verdict without a printed probability.
    pub(crate) const fn new(
        category: &'static str,
        interval: Interval,
        urgency: Option<Urgency>,
        management: &'static str,
    ) -> Self {
        Self { category, interval, urgency, management, estimate: "" }
    }
}

/// A row that replaces the row found when that one's category is among `over`.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    /// Categories that it may replace.
    pub over: &'static [&'static str],
    /// The row.
    pub row: Row,
}

/// Rounding before comparison; what was given is never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Diameters to 0.1 mm and volumes to whole mm3, half up.
    Tenths,
    /// Diameters to whole mm, half up; volumes as they are.
    WholeMm,
    /// As they are.
    Unrounded,
}

/// A guideline: what it is, and its rows in order of precedence.
#[derive(Debug, Clone, PartialEq)]
pub struct Guideline {
    /// Id, version, citation, population, inputs.
    pub spec: RuleSpec,
    /// Rounding before comparison.
    pub rounding: Rounding,
    /// Inputs without which no row about a nodule can be reached; named when the row is not determined.
    pub needs: &'static [Field],
    /// Whether its rows look at `timing`; otherwise a follow-up nodule is judged by its size alone, with a
    /// warning.
    pub reads_timing: bool,
    /// Rows in order of precedence.
    pub rows: &'static [Row],
    /// Rows that replace.
    pub overlays: &'static [Overlay],
}

impl Guideline {
    /// The row of this id, overlays included.
    #[must_use]
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.all_rows().find(|row| row.id == id)
    }

    /// Every row, overlays last.
    pub fn all_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().chain(self.overlays.iter().map(|overlay| &overlay.row))
    }
}

//! Checked inputs as the evaluator reads them: lengths and volumes in whole millionths, so that 5.95 mm
//! rounds as it is written and not as its nearest binary fraction.

use super::field::{Field, INPUTS};
use super::table::{Bound, Rounding};
use crate::clinical::{Checked, ClinicalError, Known};

/// A number in millionths of its unit.
pub(super) type Micro = i64;

/// Millionths of `value`; saturates, limits of the inputs keep it far from that.
pub(super) fn micro(value: f64) -> Micro {
    (value * 1.0e6).round() as Micro
}

/// `value` in its unit.
pub(super) fn unit(value: Micro) -> f64 {
    value as f64 / 1.0e6
}

/// Rounds to multiples of `step`, half up.
fn half_up(value: Micro, step: Micro) -> Micro {
    (value + step / 2).div_euclid(step) * step
}

impl Rounding {
    /// `value` of `field` as this guideline compares it.
    pub(super) fn apply(self, field: Field, value: Micro) -> Micro {
        match self {
            Self::Tenths if field.is_mm() => half_up(value, 100_000),
            Self::Tenths if field.is_mm3() => half_up(value, 1_000_000),
            Self::WholeMm if field.is_mm() => half_up(value, 1_000_000),
            Self::Tenths | Self::WholeMm | Self::Unrounded => value,
        }
    }
}

impl Bound {
    /// Whether `value` meets `limit`.
    pub(super) fn holds(self, value: Micro, limit: Micro) -> bool {
        match self {
            Self::Below => value < limit,
            Self::UpTo => value <= limit,
            Self::From => value >= limit,
            Self::Above => value > limit,
        }
    }
}

/// One input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fact {
    /// Not given.
    Absent,
    /// Number.
    Number(Micro),
    /// Anything between two numbers.
    Between(Micro, Micro),
    /// Yes or no.
    Flag(bool),
    /// Word.
    Word(&'static str),
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FieldSet(u64);

impl FieldSet {
    pub(super) fn insert(&mut self, field: Field) {
        self.0 |= 1 << field.index();
    }

    pub(super) fn contains(self, field: Field) -> bool {
        self.0 & (1 << field.index()) != 0
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Names, in the order of the inputs.
    pub(super) fn names(self) -> Vec<&'static str> {
        let named = INPUTS.iter().enumerate().filter(|(i, _)| self.0 & (1 << i) != 0);
        named.map(|(_, input)| input.name).collect()
    }
}

/// Derived inputs and what is said of them.
type Derived = [Option<(Field, &'static str)>; 3];

/// All inputs of one nodule, with what was derived from others and what is assumed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    values: [Fact; Field::COUNT],
    /// Values that were derived from others, each with a sentence about it.
    pub(super) derived: Derived,
    /// Whether anything that describes a nodule was given.
    pub(super) has_nodule: bool,
}

impl Facts {
    /// Reads checked inputs.
    ///
    /// # Errors
    /// When inputs contradict each other; the error names them.
    pub(super) fn new(model: &'static str, inputs: &Checked) -> Result<Self, ClinicalError> {
        let mut values = [Fact::Absent; Field::COUNT];
        for (spec, known) in inputs.given() {
            if let Some(place) = INPUTS.iter().position(|input| input.name == spec.name) {
                values[place] = match known {
                    Known::Number(number) => Fact::Number(micro(number)),
                    Known::Flag(flag) => Fact::Flag(flag),
                    Known::Word(word) => Fact::Word(word),
                };
            }
        }
        let mut facts = Self { values, derived: [None; 3], has_nodule: false };
        facts.has_nodule = ALL.iter().any(|field| field.describes_nodule() && facts.is_given(*field));
        facts.check(model)?;
        facts.span(Field::Brock, Field::BrockMin, Field::BrockMax);
        facts.span(Field::Herder, Field::HerderMin, Field::HerderMax);
        facts.derive();
        Ok(facts)
    }

    pub(super) fn get(&self, field: Field) -> Fact {
        self.values[field.index()]
    }

    pub(super) fn is_given(&self, field: Field) -> bool {
        self.get(field) != Fact::Absent
    }

    pub(super) fn set(&mut self, field: Field, fact: Fact) {
        self.values[field.index()] = fact;
    }

    /// Names of the inputs that are known only as a range.
    pub(super) fn ranged(&self) -> Vec<&'static str> {
        let ranged = ALL.into_iter().filter(|field| matches!(self.get(*field), Fact::Between(..)));
        ranged.map(Field::name).collect()
    }

    pub(super) fn word(&self, field: Field) -> Option<&'static str> {
        match self.get(field) {
            Fact::Word(word) => Some(word),
            _ => None,
        }
    }

    fn number(&self, field: Field) -> Option<Micro> {
        match self.get(field) {
            Fact::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Refuses what cannot be at the same time.
    fn check(&self, model: &'static str) -> Result<(), ClinicalError> {
        let above = |small: Field, large: Field| match (self.number(small), self.number(large)) {
            (Some(a), Some(b)) if a > b => {
                Some((small, format!("{} is larger than {} ({})", unit(a), large.name(), unit(b))))
            }
            _ => None,
        };
        let pairs = [
            (Field::SolidMm, Field::MeanMm),
            (Field::MeanMm, Field::MaxMm),
            (Field::DminMm, Field::MaxMm),
            (Field::SolidVolumeMm3, Field::VolumeMm3),
            (Field::BrockMin, Field::BrockMax),
            (Field::HerderMin, Field::HerderMax),
        ];
        if let Some((field, cause)) = pairs.into_iter().find_map(|(small, large)| above(small, large)) {
            return Err(ClinicalError::Contradiction { model, field: field.name(), cause });
        }
        if let (Some(change), Some(days)) = (self.number(Field::VolumeChange), self.number(Field::VdtDays))
            && ((change > 0 && days <= 0) || (change < 0 && days >= 0))
        {
            let cause = format!(
                "a volume change of {} does not go with a doubling time of {} days",
                unit(change),
                unit(days)
            );
            return Err(ClinicalError::Contradiction { model, field: Field::VdtDays.name(), cause });
        }
        Ok(())
    }

    /// Takes the ends of a range as the value where the value itself was not given.
    fn span(&mut self, field: Field, min: Field, max: Field) {
        if let (Fact::Absent, Some(low), Some(high)) = (self.get(field), self.number(min), self.number(max)) {
            self.set(field, if low == high { Fact::Number(low) } else { Fact::Between(low, high) });
        }
    }

    /// Fills in what follows from other inputs, and what the guidelines take for granted.
    fn derive(&mut self) {
        if !self.is_given(Field::DmeanMm) && self.is_given(Field::MeanMm) {
            self.set(Field::DmeanMm, self.get(Field::MeanMm));
            self.derived[0] = Some((Field::DmeanMm, "dmean_mm was not given: mean_mm is used for it"));
        }
        if !self.is_given(Field::Phase) {
            let seen =
                self.word(Field::Timing).is_some_and(|timing| super::words::SEEN_BEFORE.contains(&timing));
            self.set(Field::Phase, Fact::Word(if seen { "followup" } else { "initial" }));
            let sentence = if seen {
                "phase was not given: follow-up, from timing"
            } else {
                "phase was not given: initial is assumed"
            };
            self.derived[1] = Some((Field::Phase, sentence));
        }
        if !self.is_given(Field::Timing) {
            self.set(Field::Timing, Fact::Word("baseline"));
            self.derived[2] = Some((Field::Timing, "timing was not given: baseline is assumed"));
        }
    }
}

/// Every field, in order.
pub(super) const ALL: [Field; Field::COUNT] = [
    Field::Type,
    Field::Timing,
    Field::MeanMm,
    Field::SolidMm,
    Field::MaxMm,
    Field::VolumeMm3,
    Field::SolidVolumeMm3,
    Field::DminMm,
    Field::DmeanMm,
    Field::PriorCategory,
    Field::MonthsSincePrior,
    Field::Exam,
    Field::Benign,
    Field::Juxtapleural,
    Field::Level,
    Field::Cyst,
    Field::Suspicious,
    Field::ProvenBenign,
    Field::Risk,
    Field::Multiple,
    Field::Age,
    Field::KnownCancer,
    Field::Immunosuppressed,
    Field::ScreeningExam,
    Field::Phase,
    Field::Months,
    Field::VolumeChange,
    Field::VdtDays,
    Field::Brock,
    Field::BrockMin,
    Field::BrockMax,
    Field::Herder,
    Field::HerderMin,
    Field::HerderMax,
    Field::GrowthGe2mm,
    Field::NewSolid,
    Field::Resolved,
    Field::ModelProbability,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: halves round up as written. Method: values whose binary fraction lies below or above the half.
    #[test]
    fn halves_round_up_as_written() {
        let tenths = |mm: f64| unit(Rounding::Tenths.apply(Field::MeanMm, micro(mm)));
        let whole = |mm: f64| unit(Rounding::WholeMm.apply(Field::MeanMm, micro(mm)));
        for (mm, expected) in
            [(5.95, 6.0), (5.949_999, 5.9), (0.15, 0.2), (0.25, 0.3), (7.85, 7.9), (8.05, 8.1)]
        {
            assert!((tenths(mm) - expected).abs() < 1e-9, "{mm} to {} not {expected}", tenths(mm));
        }
        for (mm, expected) in [(5.5, 6.0), (5.499_999, 5.0), (8.5, 9.0), (8.4, 8.0), (6.5, 7.0)] {
            assert!((whole(mm) - expected).abs() < 1e-9, "{mm} to {} not {expected}", whole(mm));
        }
    }

    /// Goal: the list of fields is the enum. Method: each stands at its own index.
    #[test]
    fn every_field_stands_at_its_index() {
        assert!(ALL.iter().enumerate().all(|(i, field)| field.index() == i));
    }
}

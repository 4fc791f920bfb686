//! Inputs of the guidelines: one list for all, so that a nodule can be put through every guideline with the
//! same inputs, and a field that a guideline does not read changes nothing.

use crate::clinical::{InputSpec, Kind};

/// An input, in the order of [`INPUTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// `type`
    Type,
    /// `timing`
    Timing,
    /// `mean_mm`
    MeanMm,
    /// `solid_mm`
    SolidMm,
    /// `max_mm`
    MaxMm,
    /// `volume_mm3`
    VolumeMm3,
    /// `solid_volume_mm3`
    SolidVolumeMm3,
    /// `dmin_mm`
    DminMm,
    /// `dmean_mm`
    DmeanMm,
    /// `prior_category`
    PriorCategory,
    /// `months_since_prior`
    MonthsSincePrior,
    /// `exam`
    Exam,
    /// `benign`
    Benign,
    /// `juxtapleural`
    Juxtapleural,
    /// `level`
    Level,
    /// `cyst`
    Cyst,
    /// `suspicious`
    Suspicious,
    /// `proven_benign`
    ProvenBenign,
    /// `risk`
    Risk,
    /// `multiple`
    Multiple,
    /// `age`
    Age,
    /// `known_cancer`
    KnownCancer,
    /// `immunosuppressed`
    Immunosuppressed,
    /// `screening_exam`
    ScreeningExam,
    /// `phase`
    Phase,
    /// `months`
    Months,
    /// `volume_change`
    VolumeChange,
    /// `vdt_days`
    VdtDays,
    /// `brock`
    Brock,
    /// `brock_min`
    BrockMin,
    /// `brock_max`
    BrockMax,
    /// `herder`
    Herder,
    /// `herder_min`
    HerderMin,
    /// `herder_max`
    HerderMax,
    /// `growth_ge_2mm`
    GrowthGe2mm,
    /// `new_solid`
    NewSolid,
    /// `resolved`
    Resolved,
    /// `model_probability`
    ModelProbability,
}

impl Field {
    /// How many there are.
    pub const COUNT: usize = INPUT_LIST.len();

    /// Place in [`INPUTS`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name of the input.
    #[must_use]
    pub const fn name(self) -> &'static str {
        INPUT_LIST[self.index()].name
    }

    /// Whether it is a length in mm.
    pub(crate) const fn is_mm(self) -> bool {
        matches!(self, Self::MeanMm | Self::SolidMm | Self::MaxMm | Self::DminMm | Self::DmeanMm)
    }

    /// Whether it is a volume in mm3.
    pub(crate) const fn is_mm3(self) -> bool {
        matches!(self, Self::VolumeMm3 | Self::SolidVolumeMm3)
    }

    /// Whether it says something about a nodule; without any such input the exam has none.
    pub(crate) const fn describes_nodule(self) -> bool {
        (self.is_mm() || self.is_mm3())
            || matches!(
                self,
                Self::Type
                    | Self::Timing
                    | Self::PriorCategory
                    | Self::Benign
                    | Self::Juxtapleural
                    | Self::Level
                    | Self::Cyst
                    | Self::Suspicious
                    | Self::ProvenBenign
                    | Self::Multiple
                    | Self::VolumeChange
                    | Self::VdtDays
                    | Self::GrowthGe2mm
                    | Self::NewSolid
            )
    }
}

/// Largest length accepted, mm: more than a lung is long.
const MM_MAX: Kind = Kind::Positive { max: 400.0 };
/// Largest volume accepted, mm3: more than a lung holds.
const MM3_MAX: Kind = Kind::Positive { max: 1.0e7 };
const FRACTION: Kind = Kind::Number { min: 0.0, max: 1.0 };
const MONTHS: Kind = Kind::Number { min: 0.0, max: 600.0 };

/// Every input of every guideline; all may be left out, and what a guideline needs it names when it is
/// missing.
pub static INPUTS: &[InputSpec] = &INPUT_LIST;

const fn input(name: &'static str, kind: Kind, unit: &'static str, meaning: &'static str) -> InputSpec {
    InputSpec::optional(name, kind, unit, meaning)
}

#[rustfmt::skip]
const INPUT_LIST: [InputSpec; 38] = [
    input("type", Kind::Choice(&["solid", "part_solid", "ggn", "nonsolid", "solid_pleural", "airway", "cyst"]), "",
        "kind of nodule; ggn and nonsolid are the same; solid_pleural is a solid one based on the pleura (NELSON)"),
    input("timing", Kind::Choice(&["baseline", "new", "stable", "decreased", "growing", "slow_growing", "followup"]), "",
        "state against earlier CT; not given = baseline; followup (NELSON, BTS) = seen before, judged by its volumes"),
    input("mean_mm", MM_MAX, "mm", "mean of long and short axis, unrounded; each guideline rounds for itself"),
    input("solid_mm", MM_MAX, "mm", "mean of long and short axis of the solid part, unrounded"),
    input("max_mm", MM_MAX, "mm", "longest diameter (BTS)"),
    input("volume_mm3", MM3_MAX, "mm3", "volume; used by Lung-RADS and Fleischner only without mean_mm"),
    input("solid_volume_mm3", MM3_MAX, "mm3", "volume of the solid part"),
    input("dmin_mm", MM_MAX, "mm", "shortest diameter of a pleural nodule (NELSON)"),
    input("dmean_mm", MM_MAX, "mm", "mean diameter of the nonsolid extent (NELSON); not given = mean_mm"),
    input("prior_category", Kind::Choice(&["0", "1", "2", "3", "4A", "4B", "4X"]), "", "Lung-RADS category at the earlier CT"),
    input("months_since_prior", MONTHS, "months", "from the CT of prior_category to this one; not given = the interval was kept"),
    input("exam", Kind::Choice(&["prior_being_located", "not_evaluable", "inflammatory"]), "", "why the exam cannot be read to the end (Lung-RADS 0)"),
    input("benign", Kind::Flag, "", "benign calcification (complete, central, popcorn, concentric) or fat; not given = no"),
    input("juxtapleural", Kind::Flag, "", "smooth, oval, lentiform or triangular, touching pleura or fissure; not given = no"),
    input("level", Kind::Choice(&["subsegmental", "segmental", "lobar", "main", "trachea"]), "", "airway level of an airway nodule"),
    input("cyst", Kind::Choice(&["thin_unilocular", "thick", "multilocular", "became_multilocular", "thick_growing_cystic",
        "thick_growing_wall", "multilocular_growing", "multilocular_increased"]), "", "kind of cyst"),
    input("suspicious", Kind::Flag, "", "feature that raises suspicion (Lung-RADS 4X, BTS concerning morphology); not given = no"),
    input("proven_benign", Kind::Flag, "", "proven benign after work-up; not given = no"),
    input("risk", Kind::Choice(&["low", "high"]), "", "risk of the person as the reader judges it (Fleischner)"),
    input("multiple", Kind::Flag, "", "more than one nodule (Fleischner); not given = no"),
    input("age", Kind::Number { min: 0.0, max: 120.0 }, "years", "completed years"),
    input("known_cancer", Kind::Flag, "", "known primary cancer (Fleischner); not given = no"),
    input("immunosuppressed", Kind::Flag, "", "immunosuppressed (Fleischner); not given = no"),
    input("screening_exam", Kind::Flag, "", "whether the exam was made for screening; not given = the asked guideline is taken to be the right one"),
    input("phase", Kind::Choice(&["initial", "followup"]), "", "phase of BTS; not given = from timing, else initial"),
    input("months", MONTHS, "months", "from the first CT of the nodule (BTS)"),
    input("volume_change", Kind::Number { min: -1.0, max: 1000.0 }, "fraction", "V2 / V1 - 1"),
    input("vdt_days", Kind::Number { min: -1.0e7, max: 1.0e7 }, "days", "volume doubling time; negative = shrinking"),
    input("brock", FRACTION, "probability", "Brock probability"),
    input("brock_min", FRACTION, "probability", "least Brock probability, where inputs of Brock are missing"),
    input("brock_max", FRACTION, "probability", "greatest Brock probability"),
    input("herder", FRACTION, "probability", "Herder probability after PET"),
    input("herder_min", FRACTION, "probability", "least Herder probability"),
    input("herder_max", FRACTION, "probability", "greatest Herder probability"),
    input("growth_ge_2mm", Kind::Flag, "", "clear growth: 2 mm or more in diameter (BTS); not given = no"),
    input("new_solid", Kind::Flag, "", "new or larger solid part in a subsolid nodule; not given = no"),
    input("resolved", Kind::Flag, "", "no longer there; not given = no"),
    input("model_probability", FRACTION, "probability", "probability of C-Lung-RADS's own model; never ours"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the enum and the list cannot drift apart. Method: the derived name against the listed one.
    #[test]
    fn fields_and_inputs_are_in_the_same_order() {
        assert_eq!(Field::ModelProbability.index() + 1, INPUTS.len(), "the last field is the last input");
        for (field, name) in [
            (Field::Type, "type"),
            (Field::DmeanMm, "dmean_mm"),
            (Field::Level, "level"),
            (Field::ScreeningExam, "screening_exam"),
            (Field::HerderMax, "herder_max"),
            (Field::ModelProbability, "model_probability"),
        ] {
            assert_eq!(field.name(), name);
        }
        let mut names: Vec<_> = INPUTS.iter().map(|input| input.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), INPUTS.len(), "no name twice");
    }
}

//! Inputs that several models take, each with its limits of one place.

use crate::clinical::inputs::{InputSpec, Kind};

pub(super) const AGE: InputSpec = InputSpec::required(
    "age",
    Kind::Integer { min: 18, max: 110 },
    "years",
    "age in completed years on the day of the examination",
);

pub(super) const DIAMETER: InputSpec = InputSpec::required(
    "diameter_mm",
    Kind::Positive { max: 100.0 },
    "mm",
    "diameter of the whole nodule, unrounded (part-solid: total, not the solid part)",
);

pub(super) const FEMALE: InputSpec = InputSpec::ranged("female", Kind::Flag, "woman: true, man: false");

pub(super) const UPPER_LOBE: InputSpec = InputSpec::ranged(
    "upper_lobe",
    Kind::Flag,
    "in an upper lobe (the lingula counts, the middle lobe does not)",
);

pub(super) const EVER_SMOKER: InputSpec =
    InputSpec::required("ever_smoker", Kind::Flag, "", "current or former smoker");

pub(super) const SPICULATION: InputSpec = InputSpec::required(
    "spiculation",
    Kind::Flag,
    "",
    "spiculated margin, as a reader or a network that states it says",
);

pub(super) const FDG: InputSpec = InputSpec::required(
    "fdg",
    Kind::Choice(&["none", "faint", "moderate", "intense"]),
    "",
    "uptake in FDG-PET: none (at most lung background), faint (at most mediastinal blood pool), moderate \
     (above blood pool), intense (about three times blood pool or more)",
);

/// The same input, needed for any answer.
pub(super) const fn needed(mut input: InputSpec) -> InputSpec {
    input.need = crate::clinical::Need::Required;
    input
}

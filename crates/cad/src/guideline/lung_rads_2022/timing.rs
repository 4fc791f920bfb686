//! Growth against earlier CTs: from sizes and months to the `timing` input.
//!
//! Lung-RADS v2022: growth is an increase of the mean diameter of more than 1.5 mm within 12 months; slow
//! growth is growth over several screens without passing 1.5 mm in any 12 months. Where the only earlier CT is
//! more than 12 months old, growth also needs more than 1.5 mm a year (ours). The "(> 2 mm3)" beside it in the
//! guideline is the volume of a sphere of 1.5 mm, not a limit on the growth of a volume; it is not used.

use super::super::facts::{Micro, micro, unit};
use super::super::table::Rounding;
use super::{Field, LUNG_RADS_2022};
use crate::clinical::{Answer, ClinicalError, Inputs, Outcome};

/// Growth of the mean diameter, mm; more than this is growth.
pub const GROWTH_MM: f64 = 1.5;
/// Within so many months.
pub const GROWTH_MONTHS: f64 = 12.0;

/// Sizes of a nodule on one CT.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    /// Mean diameter, mm, unrounded.
    pub mean_mm: f64,
    /// Mean diameter of the solid part of a part-solid nodule, mm.
    pub solid_mm: Option<f64>,
}

/// The same nodule on an earlier CT.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Earlier {
    /// Months before the present CT.
    pub months_before: f64,
    /// Sizes then.
    pub sizes: Sizes,
}

/// State of a nodule against earlier CTs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// Value for the input `timing`: `baseline`, `stable`, `decreased`, `growing`, `slow_growing`.
    pub timing: &'static str,
    /// It grew by no more than the limit, and now falls into another baseline row: it is categorised by its
    /// size as if seen first (`timing` is `baseline`).
    pub crossed_limit: bool,
    /// Why, with the figures.
    pub why: String,
}

impl Timing {
    fn new(timing: &'static str, why: String) -> Self {
        Self { timing, crossed_limit: false, why }
    }
}

/// State of a nodule of `kind` (the input `type`) with size `now` against `earlier` CTs, in any order.
///
/// A part-solid nodule grows by its solid part; its first solid part is growth.
///
/// # Errors
/// A size or time that is not a positive finite number; an unknown kind.
pub fn timing(kind: &str, now: Sizes, earlier: &[Earlier]) -> Result<Timing, ClinicalError> {
    check("mean_mm", now.mean_mm)?;
    for one in earlier {
        check("mean_mm", one.sizes.mean_mm)?;
        check("months_since_prior", one.months_before)?;
    }
    let by_solid = kind == "part_solid";
    let mut earlier: Vec<&Earlier> = earlier.iter().collect();
    earlier.sort_by(|a, b| a.months_before.total_cmp(&b.months_before));
    let (Some(latest), Some(oldest)) = (earlier.first(), earlier.last()) else {
        return Ok(Timing::new("baseline", "no earlier size is known".to_owned()));
    };
    if by_solid && now.solid_mm.is_some() && latest.sizes.solid_mm.is_none() {
        return Ok(Timing::new("growing", "the solid part is new".to_owned()));
    }
    let size = |sizes: Sizes| compared(by_solid, sizes);
    let current = size(now);
    let grown = |one: &Earlier| current - size(one.sizes);
    let limit = micro(GROWTH_MM);
    let what = if by_solid { "solid part" } else { "mean diameter" };
    let report = |one: &Earlier| {
        format!(
            "{what} {:.1} mm {:.1} months ago, {:.1} mm now",
            unit(size(one.sizes)),
            one.months_before,
            unit(current)
        )
    };
    let recent = |one: &&&Earlier| one.months_before <= GROWTH_MONTHS;
    if let Some(one) = earlier.iter().filter(recent).find(|one| grown(one) > limit) {
        return Ok(Timing::new("growing", format!("{}: more than 1.5 mm within 12 months", report(one))));
    }
    if !earlier.iter().any(|one| recent(&one)) && grown(latest) > limit {
        let a_year = unit(grown(latest)) / (latest.months_before / 12.0);
        if a_year > GROWTH_MM {
            return Ok(Timing::new("growing", format!("{}: {a_year:.1} mm a year", report(latest))));
        }
    }
    if grown(oldest) > limit {
        return Ok(Timing::new(
            "slow_growing",
            format!("{}: more than 1.5 mm, in no 12 months", report(oldest)),
        ));
    }
    if grown(latest) < -limit {
        return Ok(Timing::new("decreased", format!("{}: smaller by more than 1.5 mm", report(latest))));
    }
    let (then, present) = (baseline_row(kind, latest.sizes)?, baseline_row(kind, now)?);
    if grown(latest) > 0 && then != present {
        let why = format!(
            "{}: no growth, but the size now falls under another row ({present}, was {then})",
            report(latest)
        );
        return Ok(Timing { timing: "baseline", crossed_limit: true, why });
    }
    Ok(Timing::new("stable", format!("{}: within 1.5 mm", report(latest))))
}

/// Size by which a nodule grows, rounded as the guideline does.
fn compared(by_solid: bool, sizes: Sizes) -> Micro {
    let mm = if by_solid { sizes.solid_mm.unwrap_or(sizes.mean_mm) } else { sizes.mean_mm };
    Rounding::Tenths.apply(Field::MeanMm, micro(mm))
}

/// Row by which a nodule of this size would be categorised at baseline; empty where none.
fn baseline_row(kind: &str, sizes: Sizes) -> Result<&'static str, ClinicalError> {
    let mut inputs = Inputs::new().with("type", kind).with("mean_mm", sizes.mean_mm);
    if let Some(solid) = sizes.solid_mm {
        inputs.set("solid_mm", solid);
    }
    let evaluation = super::super::evaluate(LUNG_RADS_2022.spec.id, &inputs)?;
    Ok(match evaluation.answer {
        Answer::Result(Outcome::Category(category)) => category.row,
        _ => "",
    })
}

fn check(field: &'static str, number: f64) -> Result<(), ClinicalError> {
    if number.is_finite() && number > 0.0 {
        return Ok(());
    }
    Err(ClinicalError::OutOfRange {
        model: LUNG_RADS_2022.spec.id,
        field,
        given: number.to_string(),
        accepted: "positive finite numbers".to_owned(),
    })
}

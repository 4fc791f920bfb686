//! C-Lung-RADS 2024: categories of a Chinese health-check cohort read on mobile CT.
//!
//! Source: Wang C et al. Nat Med 2024;30:3184-3195, doi:10.1038/s41591-024-03211-3.

use super::field::{Field, INPUTS};
use super::table::Condition::{Number, StatedNo, StatedNumber, Word, Yes};
use super::table::{
    Bound::{Below, From},
    Condition, Guideline, Overlay, Rounding, Row, Urgency, Verdict, row,
};
use super::words::{GROUND_GLASS, NOT_APPLICABLE, SOLID};
use crate::clinical::{Interval, RuleSpec, Standing};

const D6: f64 = 6.0;
const D10: f64 = 10.0;
const D18: f64 = 18.0;
const D20: f64 = 20.0;

const IS_SOLID: Condition = Word(Field::Type, SOLID);
const IS_PART_SOLID: Condition = Word(Field::Type, &["part_solid"]);
const IS_GROUND_GLASS: Condition = Word(Field::Type, GROUND_GLASS);

const fn cat(
    category: &'static str,
    interval: Interval,
    urgency: Urgency,
    management: &'static str,
    estimate: &'static str,
) -> Verdict {
    Verdict { category, interval, urgency: Some(urgency), management, estimate }
}

const CAT0: Verdict = cat("0", Interval::Months(12), Urgency::Year, "CT in 12 months", "");
const CAT1: Verdict = cat("1", Interval::Months(12), Urgency::Year, "low risk: CT in 12 months", "0.3 %");
const CAT2: Verdict =
    cat("2", Interval::Months(6), Urgency::HalfYear, "middle risk: CT in 6 months", "3.2 %");
const CAT3: Verdict = cat("3", Interval::Months(3), Urgency::Quarter, "high risk: CT in 3 months", "6.2 %");
const CAT4: Verdict = cat("4", Interval::None, Urgency::Now, "extremely high risk: work-up now", "24.3 %");

/// C-Lung-RADS 2024.
pub static C_LUNG_RADS_2024: Guideline = Guideline {
    spec: RuleSpec {
        id: "guideline:c_lung_rads_2024",
        version: "1",
        title: "C-Lung-RADS 2024",
        predicts: "category of one nodule and when to look again",
        unit: "",
        population: "health-check CT in China (45,064 people)",
        citation: "Wang C et al. Nat Med 2024;30:3184-3195, doi:10.1038/s41591-024-03211-3",
        standing: Standing::Confirmed,
        inputs: INPUTS,
        notes: &[
            "sizes are mean diameters to 0.1 mm, half up",
            "model_probability is that of the paper's own model; no score of ours may stand in for it",
        ],
    },
    rounding: Rounding::Tenths,
    needs: &[Field::Type],
    reads_timing: false,
    rows: ROWS,
    overlays: &[Overlay {
        over: &["2", "3"],
        row: row(
            "CLR-4c",
            "category 2 or 3 with a probability of 0.5 or more by the paper's own model",
            &[&[StatedNumber(Field::ModelProbability, From, 0.5)]],
            CAT4,
        ),
    }],
};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("CLR-X1", "exam stated not to be a screening exam", &[&[StatedNo(Field::ScreeningExam)]],
        Verdict::new(NOT_APPLICABLE, Interval::None, None, "the categories are for check-up and screening exams"))
        .ours("scope of the paper as a row"),
    row("CLR-0", "calcified", &[&[Yes(Field::Benign)]], CAT0),
    row("CLR-1a", "solid under 6 mm", &[&[IS_SOLID, Number(Field::MeanMm, Below, D6)]], CAT1),
    row("CLR-1b", "part-solid under 6 mm", &[&[IS_PART_SOLID, Number(Field::MeanMm, Below, D6)]], CAT1),
    row("CLR-1c", "ground-glass under 6 mm", &[&[IS_GROUND_GLASS, Number(Field::MeanMm, Below, D6)]], CAT1),
    row("CLR-2a", "solid 6 to under 10 mm", &[&[IS_SOLID, Number(Field::MeanMm, From, D6), Number(Field::MeanMm, Below, D10)]], CAT2),
    row("CLR-2b", "part-solid 6 mm or more, solid part under 6 mm", &[
        &[IS_PART_SOLID, Number(Field::MeanMm, From, D6), Number(Field::SolidMm, Below, D6)]], CAT2),
    row("CLR-2c", "ground-glass 6 to under 20 mm", &[&[IS_GROUND_GLASS, Number(Field::MeanMm, From, D6), Number(Field::MeanMm, Below, D20)]], CAT2),
    row("CLR-3a", "solid 10 to under 18 mm", &[&[IS_SOLID, Number(Field::MeanMm, From, D10), Number(Field::MeanMm, Below, D18)]], CAT3),
    row("CLR-3b", "part-solid 6 mm or more, solid part 6 to under 10 mm", &[
        // A solid part of 6 mm or more makes the nodule 6 mm or more: its own limit would decide nothing.
        &[IS_PART_SOLID, Number(Field::SolidMm, From, D6), Number(Field::SolidMm, Below, D10)]], CAT3),
    row("CLR-3c", "ground-glass 20 mm or more", &[&[IS_GROUND_GLASS, Number(Field::MeanMm, From, D20)]], CAT3),
    row("CLR-4a", "solid 18 mm or more", &[&[IS_SOLID, Number(Field::MeanMm, From, D18)]], CAT4),
    row("CLR-4b", "part-solid, solid part 10 mm or more", &[&[IS_PART_SOLID, Number(Field::SolidMm, From, D10)]], CAT4),
];

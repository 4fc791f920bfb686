//! Lung-RADS v2022: rows. Growth, slow growth and "crossed a threshold" are in [`timing`], the category of a
//! whole exam is in [`exam`].
//!
//! Source: American College of Radiology, Lung-RADS v2022 (November 2022); Christensen J et al. CHEST
//! 2024;165:738-753. Rows `LR22-P*`, `LR22-X*` and `LR22-Nc` are ours and say so.

pub mod exam;
pub mod timing;

use super::field::{Field, INPUTS};
use super::table::Condition::{NoNodule, Size, Stated, StatedNo, StatedNumber, Word, Yes};
use super::table::Size::{SolidPart, Total};
use super::table::{
    Bound::{Below, From},
    Condition, Guideline, Limit, Overlay, Rounding, Row, Urgency, Verdict, both, row,
};
use super::words::{GROUND_GLASS, NOT_APPLICABLE, SOLID, UNCHANGED};
use crate::clinical::{Interval, RuleSpec, Standing};

const D4: Limit = both(4.0, 34.0);
const D6: Limit = both(6.0, 113.0);
const D8: Limit = both(8.0, 268.0);
const D10: Limit = both(10.0, 524.0);
const D15: Limit = both(15.0, 1767.0);
const D30: Limit = both(30.0, 14137.0);

/// Months after which a category 3 lesion's 6-month CT counts as done: 6 months less 14 days (ours).
const SIX_MONTHS_LESS_14_DAYS: f64 = 5.54;
/// The same for the 3-month CT of a category 4A lesion.
const THREE_MONTHS_LESS_14_DAYS: f64 = 2.54;

const BASELINE: Condition = Word(Field::Timing, &["baseline"]);
const NEW: Condition = Word(Field::Timing, &["new"]);
const GROWING: Condition = Word(Field::Timing, &["growing"]);
const SLOW: Condition = Word(Field::Timing, &["slow_growing"]);
const AS_BEFORE: Condition = Word(Field::Timing, UNCHANGED);
const IS_SOLID: Condition = Word(Field::Type, SOLID);
const IS_PART_SOLID: Condition = Word(Field::Type, &["part_solid"]);
const IS_GROUND_GLASS: Condition = Word(Field::Type, GROUND_GLASS);
const IS_AIRWAY: Condition = Word(Field::Type, &["airway"]);
const IS_CYST: Condition = Word(Field::Type, &["cyst"]);
/// Kinds to which the step-down rule applies with a prior category that must be given.
const STEPS_DOWN: Condition = Word(Field::Type, &["solid", "solid_pleural", "part_solid", "cyst"]);
const SUBSEGMENTAL: Condition = Word(Field::Level, &["subsegmental"]);
const PROXIMAL: Condition = Word(Field::Level, &["segmental", "lobar", "main", "trachea"]);

const fn cat(
    category: &'static str,
    interval: Interval,
    urgency: Option<Urgency>,
    management: &'static str,
    estimate: &'static str,
) -> Verdict {
    Verdict { category, interval, urgency, management, estimate }
}

const CAT1: Verdict =
    cat("1", Interval::Months(12), Some(Urgency::Year), "LDCT in 12 months (annual screening)", "< 1 %");
const CAT2: Verdict =
    cat("2", Interval::Months(12), Some(Urgency::Year), "LDCT in 12 months (annual screening)", "< 1 %");
const CAT3: Verdict = cat("3", Interval::Months(6), Some(Urgency::HalfYear), "LDCT in 6 months", "1-2 %");
const CAT4A: Verdict = cat(
    "4A",
    Interval::Months(3),
    Some(Urgency::Quarter),
    "LDCT in 3 months; PET/CT may be considered if there is a solid part of 8 mm (268 mm3) or more",
    "5-15 %",
);
const CAT4B: Verdict = cat(
    "4B",
    Interval::None,
    Some(Urgency::Now),
    "referral for clinical evaluation; diagnostic chest CT with or without contrast, PET/CT where the solid part is \
     8 mm or more, tissue sampling",
    "> 15 %",
);
const CAT4B_AIRWAY: Verdict = cat(
    "4B",
    Interval::None,
    Some(Urgency::Now),
    "referral for clinical evaluation; usually bronchoscopy",
    "> 15 %",
);
const CAT4X: Verdict = cat(
    "4X",
    Interval::None,
    Some(Urgency::Now),
    "proposed, for a reader to confirm; then as category 4B: referral, diagnostic CT, PET/CT, tissue sampling",
    "> 15 %",
);

/// Lung-RADS v2022.
pub static LUNG_RADS_2022: Guideline = Guideline {
    spec: RuleSpec {
        id: "guideline:lung_rads_2022",
        version: "1",
        title: "Lung-RADS v2022",
        predicts: "screening category of one nodule and when to look again",
        unit: "",
        population: "lung cancer screening by low-dose CT",
        citation: "American College of Radiology, Lung-RADS v2022 (November 2022); Christensen J et al. CHEST \
                   2024;165:738-753",
        standing: Standing::Confirmed,
        inputs: INPUTS,
        notes: &[
            "sizes are mean diameters to 0.1 mm, half up; volume in whole mm3 is used only without mean_mm",
            "no nodule at all (no input that describes one) is category 1",
            "4X and the S modifier are only ever proposed",
        ],
    },
    rounding: Rounding::Tenths,
    needs: &[Field::Type],
    reads_timing: true,
    rows: ROWS,
    overlays: &[Overlay {
        over: &["3", "4A", "4B"],
        row: row(
            "LR22-4X",
            "category 3 or 4 with a feature that raises suspicion (spiculation, lymph nodes, metastasis, a \
             ground-glass nodule that doubles in a year)",
            &[&[Yes(Field::Suspicious)]],
            CAT4X,
        )
        .noting("4X is proposed: a reader confirms or rejects it"),
    }],
};

/// The S modifier: proposed by a reader or by other software for a finding that is not lung cancer; it changes
/// no category.
pub static S_MODIFIER: Row = row(
    "LR22-S",
    "modifier on any category 0 to 4: a significant finding that is not lung cancer",
    &[],
    cat("S", Interval::None, None, "proposed, for a reader to confirm; as appropriate to the finding", ""),
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("LR22-X1", "exam stated not to be a screening exam", &[&[StatedNo(Field::ScreeningExam)]],
        Verdict::new(NOT_APPLICABLE, Interval::None, None, "Lung-RADS is for screening exams"))
        .ours("scope of the guideline as a row"),
    row("LR22-0a", "prior chest CT being located", &[&[Stated(Field::Exam, &["prior_being_located"])]],
        cat("0", Interval::None, None, "compare with the prior chest CT", "")),
    row("LR22-0b", "part or all of the lungs cannot be evaluated", &[&[Stated(Field::Exam, &["not_evaluable"])]],
        cat("0", Interval::None, None, "additional LDCT", "")),
    row("LR22-0c", "findings suggest inflammation or infection", &[&[Stated(Field::Exam, &["inflammatory"])]],
        cat("0", Interval::Text("1-3"), None, "LDCT in 1 to 3 months", "")),
    row("LR22-1a", "no nodule, or the nodule has resolved", &[&[NoNodule], &[Yes(Field::Resolved)]], CAT1),
    row("LR22-1b", "benign calcification (complete, central, popcorn, concentric rings) or fat", &[&[Yes(Field::Benign)]], CAT1),
    row("LR22-Nc", "thin-walled (under 2 mm) unilocular cyst", &[&[IS_CYST, Word(Field::Cyst, &["thin_unilocular"])]], CAT1)
        .ours("the guideline does not categorise it; shown as category 1"),
    row("LR22-2i", "category 4B lesion proven benign after work-up", &[&[Yes(Field::ProvenBenign)]], CAT2),

    row("LR22-2g", "airway nodule, subsegmental, at baseline, new or stable", &[
        &[IS_AIRWAY, SUBSEGMENTAL, Word(Field::Timing, &["baseline", "new", "stable", "decreased"])]], CAT2),
    row("LR22-4Ba", "airway nodule, segmental or more proximal, stable or growing", &[
        &[IS_AIRWAY, PROXIMAL, Word(Field::Timing, &["stable", "growing", "slow_growing"])]], CAT4B_AIRWAY),
    row("LR22-4Af", "airway nodule, segmental or more proximal, at baseline or new", &[
        &[IS_AIRWAY, PROXIMAL, Word(Field::Timing, &["baseline", "new"])]], CAT4A)
        .noting("the guideline names baseline; new is treat the same (ours)"),

    row("LR22-P1", "category 4B or 4X lesion stable or smaller, not proven benign", &[
        &[STEPS_DOWN, AS_BEFORE, Word(Field::PriorCategory, &["4B", "4X"])],
        &[IS_GROUND_GLASS, AS_BEFORE, Stated(Field::PriorCategory, &["4B", "4X"])]], CAT4B)
        .ours("4B never steps down without work-up; 4X goes on as 4B"),
    row("LR22-P5", "category 4A lesion stable or smaller, before its 3-month CT is due", &[
        &[STEPS_DOWN, AS_BEFORE, Word(Field::PriorCategory, &["4A"]), StatedNumber(Field::MonthsSincePrior, Below, THREE_MONTHS_LESS_14_DAYS)],
        &[IS_GROUND_GLASS, AS_BEFORE, Stated(Field::PriorCategory, &["4A"]), StatedNumber(Field::MonthsSincePrior, Below, THREE_MONTHS_LESS_14_DAYS)]], CAT4A)
        .ours("step-down needs the 3 months done, less 14 days"),
    row("LR22-3g", "category 4A lesion stable or smaller at the 3-month CT", &[
        &[STEPS_DOWN, AS_BEFORE, Word(Field::PriorCategory, &["4A"])],
        &[IS_GROUND_GLASS, AS_BEFORE, Stated(Field::PriorCategory, &["4A"])]], CAT3)
        .noting("steps down one level only; the 3-month interval must have been kept (less 14 days, ours)"),
    row("LR22-2f", "ground-glass nodule of 30 mm or more, stable or slow growing", &[
        &[IS_GROUND_GLASS, Word(Field::Timing, &["stable", "decreased", "slow_growing"]), Size(Total, From, D30)]], CAT2),
    row("LR22-P4", "category 3 lesion stable or smaller, before its 6-month CT is due", &[
        &[STEPS_DOWN, AS_BEFORE, Word(Field::PriorCategory, &["3"]), StatedNumber(Field::MonthsSincePrior, Below, SIX_MONTHS_LESS_14_DAYS)]], CAT3)
        .ours("step-down needs the 6 months done, less 14 days"),
    row("LR22-2h", "category 3 lesion stable or smaller at the 6-month CT", &[
        &[STEPS_DOWN, AS_BEFORE, Word(Field::PriorCategory, &["3"])],
        &[IS_GROUND_GLASS, AS_BEFORE, Stated(Field::PriorCategory, &["3"])]], CAT2)
        .noting("the 6-month interval must have been kept (less 14 days, ours)"),
    row("LR22-P2", "category 2 lesion stable or smaller", &[
        &[STEPS_DOWN, AS_BEFORE, Word(Field::PriorCategory, &["2"])],
        &[IS_GROUND_GLASS, AS_BEFORE, Stated(Field::PriorCategory, &["2"])]], CAT2)
        .ours("category 2 stays 2"),

    row("LR22-2e", "ground-glass nodule under 30 mm, at baseline, new, stable or growing", &[
        &[IS_GROUND_GLASS, Word(Field::Timing, &["baseline", "new", "growing", "slow_growing", "stable", "decreased"]), Size(Total, Below, D30)]], CAT2)
        .noting("the guideline names baseline, new and growing; stable without a prior category is treat the same (ours)"),
    row("LR22-3e", "ground-glass nodule of 30 mm or more, at baseline or new", &[
        &[IS_GROUND_GLASS, Word(Field::Timing, &["baseline", "new"]), Size(Total, From, D30)]], CAT3),
    row("LR22-P3", "ground-glass nodule of 30 mm or more, growing", &[
        &[IS_GROUND_GLASS, GROWING, Size(Total, From, D30)]], CAT3)
        .ours("the guideline is silent; category 3, and 4X if it doubled within a year"),

    row("LR22-2a", "juxtapleural solid nodule under 10 mm, smooth, oval, lentiform or triangular, at baseline or new", &[
        &[IS_SOLID, Yes(Field::Juxtapleural), Word(Field::Timing, &["baseline", "new"]), Size(Total, Below, D10)]], CAT2),
    row("LR22-4Bg", "slow-growing solid or part-solid nodule over several screens", &[
        &[IS_SOLID, SLOW], &[IS_PART_SOLID, SLOW]], CAT4B),

    row("LR22-2b", "solid nodule under 6 mm at baseline", &[&[IS_SOLID, BASELINE, Size(Total, Below, D6)]], CAT2),
    row("LR22-3a", "solid nodule of 6 to under 8 mm at baseline", &[
        &[IS_SOLID, BASELINE, Size(Total, From, D6), Size(Total, Below, D8)]], CAT3),
    row("LR22-4Aa", "solid nodule of 8 to under 15 mm at baseline", &[
        &[IS_SOLID, BASELINE, Size(Total, From, D8), Size(Total, Below, D15)]], CAT4A),
    row("LR22-4Bb", "solid nodule of 15 mm or more at baseline", &[&[IS_SOLID, BASELINE, Size(Total, From, D15)]], CAT4B),
    row("LR22-2c", "new solid nodule under 4 mm", &[&[IS_SOLID, NEW, Size(Total, Below, D4)]], CAT2),
    row("LR22-3b", "new solid nodule of 4 to under 6 mm", &[
        &[IS_SOLID, NEW, Size(Total, From, D4), Size(Total, Below, D6)]], CAT3),
    row("LR22-4Ac", "new solid nodule of 6 to under 8 mm", &[
        &[IS_SOLID, NEW, Size(Total, From, D6), Size(Total, Below, D8)]], CAT4A),
    row("LR22-4Ab", "growing solid nodule under 8 mm", &[&[IS_SOLID, GROWING, Size(Total, Below, D8)]], CAT4A),
    row("LR22-4Bc", "new or growing solid nodule of 8 mm or more", &[
        &[IS_SOLID, Word(Field::Timing, &["new", "growing"]), Size(Total, From, D8)]], CAT4B),

    row("LR22-2d", "part-solid nodule under 6 mm at baseline", &[&[IS_PART_SOLID, BASELINE, Size(Total, Below, D6)]], CAT2),
    row("LR22-3c", "part-solid nodule of 6 mm or more at baseline with a solid part under 6 mm", &[
        &[IS_PART_SOLID, BASELINE, Size(Total, From, D6), Size(SolidPart, Below, D6)]], CAT3),
    row("LR22-4Ad", "part-solid nodule of 6 mm or more at baseline with a solid part of 6 to under 8 mm", &[
        &[IS_PART_SOLID, BASELINE, Size(Total, From, D6), Size(SolidPart, From, D6), Size(SolidPart, Below, D8)]], CAT4A),
    row("LR22-4Bd", "part-solid nodule at baseline with a solid part of 8 mm or more", &[
        &[IS_PART_SOLID, BASELINE, Size(SolidPart, From, D8)]], CAT4B),
    row("LR22-3d", "new part-solid nodule under 6 mm", &[&[IS_PART_SOLID, NEW, Size(Total, Below, D6)]], CAT3)
        .noting("under 6 mm this row wins over the rows by solid part (ours)"),
    row("LR22-4Ae", "part-solid nodule with a new or growing solid part under 4 mm", &[
        &[IS_PART_SOLID, NEW, Size(Total, From, D6), Size(SolidPart, Below, D4)],
        &[IS_PART_SOLID, GROWING, Size(SolidPart, Below, D4)]], CAT4A),
    row("LR22-4Be", "part-solid nodule with a new or growing solid part of 4 mm or more", &[
        &[IS_PART_SOLID, NEW, Size(Total, From, D6), Size(SolidPart, From, D4)],
        &[IS_PART_SOLID, GROWING, Size(SolidPart, From, D4)]], CAT4B),

    row("LR22-3f", "thick-walled cyst whose cystic part grows", &[
        &[IS_CYST, Word(Field::Cyst, &["thick_growing_cystic"])]], CAT3),
    row("LR22-4Ag", "thick-walled (2 mm or more) cyst, or multilocular at baseline, or become multilocular", &[
        &[IS_CYST, Word(Field::Timing, &["baseline", "new"]), Word(Field::Cyst, &["thick", "multilocular"])],
        &[IS_CYST, Word(Field::Cyst, &["became_multilocular"])]], CAT4A),
    row("LR22-4Bf", "cyst with growing wall or nodularity, growing multilocular, or more loculation or opacity", &[
        &[IS_CYST, Word(Field::Cyst, &["thick_growing_wall", "multilocular_growing", "multilocular_increased"])]], CAT4B),
];

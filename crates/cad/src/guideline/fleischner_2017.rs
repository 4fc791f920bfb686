//! Fleischner Society 2017: nodules found incidentally on CT.
//!
//! Source: MacMahon H et al. Radiology 2017;284:228-243, doi:10.1148/radiol.2017161659.

use super::field::{Field, INPUTS};
use super::table::Condition::{NotYes, Number, Size, Word, Yes};
use super::table::Size::Total;
use super::table::{
    Bound::{Above, Below, From, UpTo},
    Condition, Guideline, Limit, Rounding, Row, Urgency, Verdict, both, row,
};
use super::words::{GROUND_GLASS, NOT_APPLICABLE, SOLID, SUBSOLID};
use crate::clinical::{Interval, RuleSpec, Standing};

/// 6 mm after rounding to whole mm, or 100 mm3.
const SMALL: Limit = both(6.0, 100.0);
/// 8 mm after rounding to whole mm, or 250 mm3.
const LARGE: Limit = both(8.0, 250.0);

const IS_SOLID: Condition = Word(Field::Type, SOLID);
const IS_GROUND_GLASS: Condition = Word(Field::Type, GROUND_GLASS);
const IS_PART_SOLID: Condition = Word(Field::Type, &["part_solid"]);
const IS_SUBSOLID: Condition = Word(Field::Type, SUBSOLID);
const LOW: Condition = Word(Field::Risk, &["low"]);
const HIGH: Condition = Word(Field::Risk, &["high"]);
const MULTIPLE: Condition = Yes(Field::Multiple);
const SINGLE: Condition = NotYes(Field::Multiple);
const UNDER: Condition = Size(Total, Below, SMALL);
const AT_LEAST: Condition = Size(Total, From, SMALL);
const MIDDLE: Condition = Size(Total, UpTo, LARGE);
const OVER: Condition = Size(Total, Above, LARGE);

const NONE: Verdict =
    Verdict::new("no_follow_up", Interval::None, Some(Urgency::NoFollowUp), "no routine follow-up");
const OPTIONAL: Verdict =
    Verdict::new("optional_ct_12m", Interval::Text("12"), Some(Urgency::Year), "optional CT at 12 months");

const fn refused(why: &'static str) -> Verdict {
    Verdict::new(NOT_APPLICABLE, Interval::None, None, why)
}

const fn ct(
    category: &'static str,
    months: &'static str,
    urgency: Urgency,
    management: &'static str,
) -> Verdict {
    Verdict::new(category, Interval::Text(months), Some(urgency), management)
}

/// Fleischner Society 2017.
pub static FLEISCHNER_2017: Guideline = Guideline {
    spec: RuleSpec {
        id: "guideline:fleischner_2017",
        version: "1",
        title: "Fleischner Society 2017",
        predicts: "recommendation for one incidental nodule",
        unit: "",
        population: "incidental nodules in adults of 35 years or more, without known cancer, not immunosuppressed, \
                     not screening",
        citation: "MacMahon H et al. Radiology 2017;284:228-243, doi:10.1148/radiol.2017161659",
        standing: Standing::Confirmed,
        inputs: INPUTS,
        notes: &[
            "sizes are mean diameters to whole mm, half up; volume is used only without mean_mm",
            "risk (low, high) is judged by the reader; it is never derived from a score of ours",
            "a single ground-glass nodule under 6 mm that looks suspicious: consider CT at 24 and 48 months \
             (unconfirmed, text only)",
        ],
    },
    rounding: Rounding::WholeMm,
    needs: &[Field::Age, Field::Type],
    reads_timing: false,
    rows: ROWS,
    overlays: &[],
};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("FL17-X1", "age under 35", &[&[Number(Field::Age, Below, 35.0)]], refused("the guideline is for 35 years or more")),
    row("FL17-X2", "known primary cancer", &[&[Yes(Field::KnownCancer)]], refused("the guideline is not for people with a known cancer")),
    row("FL17-X3", "immunosuppressed", &[&[Yes(Field::Immunosuppressed)]], refused("the guideline is not for immunosuppressed people")),
    row("FL17-X4", "screening exam", &[&[Yes(Field::ScreeningExam)]], refused("the guideline is not for screening; use Lung-RADS")),
    row("FL17-B1", "benign calcification or fat", &[&[Yes(Field::Benign)]], NONE),
    row("FL17-B2", "typical perifissural or juxtapleural solid nodule", &[&[IS_SOLID, Yes(Field::Juxtapleural)]], NONE),

    row("FL17-M1L", "several solid nodules, under 6 mm, low risk", &[&[IS_SOLID, MULTIPLE, UNDER, LOW]], NONE),
    row("FL17-M1H", "several solid nodules, under 6 mm, high risk", &[&[IS_SOLID, MULTIPLE, UNDER, HIGH]], OPTIONAL),
    row("FL17-M2L", "several solid nodules, 6 mm or more, low risk", &[&[IS_SOLID, MULTIPLE, AT_LEAST, LOW]],
        ct("ct_3_6_then_consider_18_24", "3-6;18-24 optional", Urgency::Quarter, "CT at 3-6 months, then consider CT at 18-24 months")),
    row("FL17-M2H", "several solid nodules, 6 mm or more, high risk", &[&[IS_SOLID, MULTIPLE, AT_LEAST, HIGH]],
        ct("ct_3_6_then_18_24", "3-6;18-24", Urgency::Quarter, "CT at 3-6 months, then at 18-24 months")),
    row("FL17-U3", "several subsolid nodules, under 6 mm", &[&[IS_SUBSOLID, MULTIPLE, UNDER]],
        ct("ct_3_6_then_consider_24_48", "3-6;24;48", Urgency::Quarter, "CT at 3-6 months; if stable consider CT at 24 and 48 months")),
    row("FL17-U4", "several subsolid nodules, 6 mm or more", &[&[IS_SUBSOLID, MULTIPLE, AT_LEAST]],
        ct("ct_3_6_then_most_suspicious", "3-6", Urgency::Quarter, "CT at 3-6 months, then by the most suspicious nodule")),

    row("FL17-S1L", "single solid nodule, under 6 mm, low risk", &[&[IS_SOLID, SINGLE, UNDER, LOW]], NONE),
    row("FL17-S1H", "single solid nodule, under 6 mm, high risk", &[&[IS_SOLID, SINGLE, UNDER, HIGH]], OPTIONAL),
    row("FL17-S2L", "single solid nodule, 6-8 mm, low risk", &[&[IS_SOLID, SINGLE, AT_LEAST, MIDDLE, LOW]],
        ct("ct_6_12_then_consider_18_24", "6-12;18-24 optional", Urgency::HalfYear, "CT at 6-12 months, then consider CT at 18-24 months")),
    row("FL17-S2H", "single solid nodule, 6-8 mm, high risk", &[&[IS_SOLID, SINGLE, AT_LEAST, MIDDLE, HIGH]],
        ct("ct_6_12_then_18_24", "6-12;18-24", Urgency::HalfYear, "CT at 6-12 months, then at 18-24 months")),
    row("FL17-S3", "single solid nodule, over 8 mm", &[&[IS_SOLID, SINGLE, OVER]],
        ct("consider_ct_3m_pet_biopsy", "3", Urgency::Quarter, "consider CT at 3 months, PET/CT or tissue sampling")),
    row("FL17-G1", "single ground-glass nodule, under 6 mm", &[&[IS_GROUND_GLASS, SINGLE, UNDER]], NONE),
    row("FL17-G2", "single ground-glass nodule, 6 mm or more", &[&[IS_GROUND_GLASS, SINGLE, AT_LEAST]],
        ct("ct_6_12_then_24_monthly_to_60", "6-12;then every 24 to 60", Urgency::HalfYear, "CT at 6-12 months, then every 24 months up to 60")),
    row("FL17-P1", "single part-solid nodule, under 6 mm", &[&[IS_PART_SOLID, SINGLE, UNDER]], NONE),
    row("FL17-P2", "single part-solid nodule, 6 mm or more, solid part under 6 mm", &[
        &[IS_PART_SOLID, SINGLE, AT_LEAST, Number(Field::SolidMm, Below, 6.0)]],
        ct("ct_3_6_then_annual_to_60", "3-6;annual to 60", Urgency::Quarter, "CT at 3-6 months; if unchanged yearly for 5 years")),
    row("FL17-P3", "single part-solid nodule, 6 mm or more, solid part 6 mm or more", &[
        &[IS_PART_SOLID, SINGLE, AT_LEAST, Number(Field::SolidMm, From, 6.0)]],
        ct("ct_3_6_then_pet_biopsy_resection", "3-6", Urgency::Quarter,
            "CT at 3-6 months; one that persists is highly suspicious: PET/CT, biopsy, resection")),
];

//! European position statement 2017: solid nodules in screening, by volume.
//!
//! Source: Oudkerk M et al. Lancet Oncol 2017;18:e754-e766, doi:10.1016/S1470-2045(17)30861-6. Its abstract
//! confirms 300 mm3 (baseline) and 200 mm3 (new); the other limits were not seen in its text.

use super::field::{Field, INPUTS};
use super::table::Condition::{Number, Stated, StatedNo, Word, Yes};
use super::table::{
    Bound::{Below, From},
    Condition, Guideline, Rounding, Row, Urgency, Verdict, row,
};
use super::words::NOT_APPLICABLE;
use crate::clinical::{Interval, RuleSpec, Standing};

const BASELINE: Condition = Word(Field::Timing, &["baseline"]);
const NEW: Condition = Word(Field::Timing, &["new"]);

const ANNUAL: Verdict =
    Verdict::new("negative_annual", Interval::Months(12), Some(Urgency::Year), "next yearly round");
const CT_3M: Verdict = Verdict::new(
    "indeterminate_3m",
    Interval::Months(3),
    Some(Urgency::Quarter),
    "CT at 3 months; then by doubling time: 400 days or less to the multidisciplinary team, otherwise screening \
     goes on",
);
const MDT: Verdict =
    Verdict::new("positive_mdt", Interval::None, Some(Urgency::Now), "to the multidisciplinary team");

const fn refused(why: &'static str) -> Verdict {
    Verdict::new(NOT_APPLICABLE, Interval::None, None, why)
}

/// European position statement 2017.
pub static EU_POSITION_2017: Guideline = Guideline {
    spec: RuleSpec {
        id: "guideline:eu_position_2017",
        version: "1",
        title: "European position statement 2017",
        predicts: "management of one solid nodule in screening",
        unit: "",
        population: "lung cancer screening with volumetry, solid nodules without calcification",
        citation: "Oudkerk M et al. Lancet Oncol 2017;18:e754-e766, doi:10.1016/S1470-2045(17)30861-6",
        standing: Standing::PartlyConfirmed("limits of 100 and 30 mm3 and the intervals"),
        inputs: INPUTS,
        notes: &[
            "volumes are not rounded",
            "nodules seen before go by doubling time, for which there is no row",
        ],
    },
    rounding: Rounding::Unrounded,
    needs: &[],
    reads_timing: true,
    rows: ROWS,
    overlays: &[],
};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("EUPS-X1", "exam stated not to be a screening exam", &[&[StatedNo(Field::ScreeningExam)]], refused("the statement is for screening exams"))
        .ours("scope of the statement as a row"),
    row("EUPS-X2", "not a solid nodule", &[&[Stated(Field::Type, &["part_solid", "ggn", "nonsolid", "airway", "cyst"])]],
        refused("the statement's limits are for solid nodules"))
        .ours("scope of the statement as a row"),
    row("EUPS-X3", "benign calcification or fat", &[&[Yes(Field::Benign)]], refused("the statement's limits are for nodules without calcification"))
        .ours("scope of the statement as a row"),
    row("EUPS-B1", "baseline, under 100 mm3", &[&[BASELINE, Number(Field::VolumeMm3, Below, 100.0)]], ANNUAL)
        .unconfirmed("the limit of 100 mm3 and the interval were not seen in the statement's text"),
    row("EUPS-B2", "baseline, 100 to under 300 mm3", &[
        &[BASELINE, Number(Field::VolumeMm3, From, 100.0), Number(Field::VolumeMm3, Below, 300.0)]], CT_3M)
        .unconfirmed("the limit of 100 mm3 and the interval were not seen in the statement's text"),
    row("EUPS-B3", "baseline, 300 mm3 or more", &[&[BASELINE, Number(Field::VolumeMm3, From, 300.0)]], MDT)
        .noting("the statement says \"greater than 300 mm3\"; exactly 300 is included (ours, the safer side)"),
    row("EUPS-N1", "new, under 30 mm3", &[&[NEW, Number(Field::VolumeMm3, Below, 30.0)]], ANNUAL)
        .unconfirmed("the limit of 30 mm3 and the interval were not seen in the statement's text"),
    row("EUPS-N2", "new, 30 to under 200 mm3", &[
        &[NEW, Number(Field::VolumeMm3, From, 30.0), Number(Field::VolumeMm3, Below, 200.0)]], CT_3M)
        .unconfirmed("the limit of 30 mm3 and the interval were not seen in the statement's text"),
    row("EUPS-N3", "new, 200 mm3 or more", &[&[NEW, Number(Field::VolumeMm3, From, 200.0)]], MDT)
        .noting("the statement says \"greater than 200 mm3\"; exactly 200 is included (ours, the safer side)"),
];

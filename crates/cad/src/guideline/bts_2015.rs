//! British Thoracic Society 2015: nodules found in screening or incidentally, volume first.
//!
//! Source: Callister MEJ et al. Thorax 2015;70(Suppl 2):ii1-ii54, doi:10.1136/thoraxjnl-2015-207168.

use super::field::{Field, INPUTS};
use super::table::Condition::{NotGiven, Number, Size, StatedNumber, Word, Yes};
use super::table::Size::VolumeFirst;
use super::table::{
    Bound::{Above, Below, From, UpTo},
    Condition, Guideline, Limit, Rounding, Row, Urgency, Verdict, both, mm, row,
};
use super::words::{NOT_APPLICABLE, SOLID, SUBSOLID};
use crate::clinical::{Interval, RuleSpec, Standing};

const SMALL: Limit = Limit { mm: Some(5.0), mm3: Some(80.0) };
/// 6 mm where volumetry is not possible; the volume that ends the same row is 80 mm3.
const MEDIUM: Limit = both(6.0, 80.0);
const LARGE: Limit = both(8.0, 300.0);
/// A 12-month CT made up to two weeks early still counts (ours).
const TWELVE_MONTHS: f64 = 11.5;

/// Where the Brock limit of subsolid nodules was seen; exactly 10 % is on the upper side (ours).
const BROCK_SUBSOLID: &str = "the Brock limit of 10 % as in a secondary table (PMC7177089, table 2); exactly 10 % counts \
                              as 10 % or more (ours)";

const IS_SOLID: Condition = Word(Field::Type, SOLID);
const IS_SUBSOLID: Condition = Word(Field::Type, SUBSOLID);
const INITIAL: Condition = Word(Field::Phase, &["initial"]);
const FOLLOWUP: Condition = Word(Field::Phase, &["followup"]);
const IS_LARGE: Condition = Size(VolumeFirst, From, LARGE);
const GREW: Condition = Number(Field::VolumeChange, From, 0.25);
const DID_NOT_GROW: Condition = Number(Field::VolumeChange, Below, 0.25);
const YEAR: Condition = Number(Field::Months, From, TWELVE_MONTHS);

const DISCHARGE: Verdict = Verdict::new("discharge", Interval::None, Some(Urgency::NoFollowUp), "discharge");
const CT_3M: Verdict = Verdict::new("ct_3m", Interval::Text("3"), Some(Urgency::Quarter), "CT at 3 months");

const fn at(
    category: &'static str,
    months: &'static str,
    urgency: Urgency,
    management: &'static str,
) -> Verdict {
    Verdict::new(category, Interval::Text(months), Some(urgency), management)
}

const fn now(category: &'static str, management: &'static str) -> Verdict {
    Verdict::new(category, Interval::None, Some(Urgency::Now), management)
}

/// British Thoracic Society 2015.
pub static BTS_2015: Guideline = Guideline {
    spec: RuleSpec {
        id: "guideline:bts_2015",
        version: "1",
        title: "British Thoracic Society 2015",
        predicts: "recommendation for one nodule",
        unit: "",
        population: "adults with nodules found in screening or incidentally",
        citation: "Callister MEJ et al. Thorax 2015;70(Suppl 2):ii1-ii54, doi:10.1136/thoraxjnl-2015-207168",
        standing: Standing::PartlyConfirmed("rows F4, F5 and U3, and the 2 mm of U4"),
        inputs: INPUTS,
        notes: &[
            "volume decides where it is given, else the longest diameter; neither is rounded",
            "nodules below the limits that are definitely new since a CT of the last 1-2 years deserve follow-up",
            "brock_min and brock_max stand for brock when its inputs are incomplete; a range across 10 % is \
             undetermined",
        ],
    },
    rounding: Rounding::Unrounded,
    needs: &[Field::Type],
    reads_timing: true,
    rows: ROWS,
    overlays: &[],
};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("BTS15-X1", "age under 18", &[&[StatedNumber(Field::Age, Below, 18.0)]],
        Verdict::new(NOT_APPLICABLE, Interval::None, None, "the guideline is for adults"))
        .ours("scope of the guideline as a row"),
    row("BTS15-D1", "benign calcification or fat, or typical perifissural or subpleural solid nodule under 10 mm", &[
        &[Yes(Field::Benign)],
        &[IS_SOLID, Yes(Field::Juxtapleural), Number(Field::MaxMm, Below, 10.0)]], DISCHARGE),

    row("BTS15-D2", "solid, first seen, under 80 mm3 or under 5 mm", &[&[IS_SOLID, INITIAL, Size(VolumeFirst, Below, SMALL)]], DISCHARGE),
    row("BTS15-S1", "solid, first seen, without volumetry, 5 to under 6 mm", &[
        &[IS_SOLID, INITIAL, Size(VolumeFirst, From, mm(5.0)), Size(VolumeFirst, Below, mm(6.0))]],
        at("ct_12m", "12", Urgency::Year, "CT at 12 months")),
    row("BTS15-S2", "solid, first seen, 80 to under 300 mm3 or 6 to under 8 mm", &[
        &[IS_SOLID, INITIAL, Size(VolumeFirst, From, MEDIUM), Size(VolumeFirst, Below, LARGE)]], CT_3M),
    row("BTS15-H1", "after PET: Herder under 10 %", &[
        &[IS_SOLID, INITIAL, IS_LARGE, StatedNumber(Field::Herder, Below, 0.10)]],
        at("ct_surveillance", "3", Urgency::Quarter, "CT surveillance")),
    row("BTS15-H2", "after PET: Herder 10 to 70 %", &[
        &[IS_SOLID, INITIAL, IS_LARGE, StatedNumber(Field::Herder, From, 0.10), StatedNumber(Field::Herder, UpTo, 0.70)]],
        now("consider_biopsy", "consider image-guided biopsy; excision biopsy or surveillance by individual risk and preference")),
    row("BTS15-H3", "after PET: Herder over 70 %", &[
        &[IS_SOLID, INITIAL, IS_LARGE, StatedNumber(Field::Herder, Above, 0.70)]],
        now("consider_excision", "consider excision or non-surgical treatment, with or without biopsy")),
    row("BTS15-S3", "solid, first seen, 300 mm3 or 8 mm or more, Brock under 10 %", &[
        &[IS_SOLID, INITIAL, IS_LARGE, NotGiven(Field::Herder), Number(Field::Brock, Below, 0.10)]], CT_3M),
    row("BTS15-S4", "solid, first seen, 300 mm3 or 8 mm or more, Brock 10 % or more", &[
        &[IS_SOLID, INITIAL, IS_LARGE, NotGiven(Field::Herder), Number(Field::Brock, From, 0.10)]],
        now("pet_ct", "PET-CT, then risk by Herder")),

    row("BTS15-F1", "solid at follow-up: 25 % or more by volume with a doubling time of 400 days or less, or clear growth", &[
        &[IS_SOLID, FOLLOWUP, GREW, Number(Field::VdtDays, UpTo, 400.0)],
        &[IS_SOLID, FOLLOWUP, Yes(Field::GrowthGe2mm)]],
        now("further_workup", "further work-up")),
    row("BTS15-F2", "solid at follow-up before 12 months, otherwise", &[
        &[IS_SOLID, FOLLOWUP, Number(Field::Months, Below, TWELVE_MONTHS)]],
        at("ct_12m_from_baseline", "12", Urgency::Year, "CT at 12 months from the first CT")),
    row("BTS15-F3", "solid at 12 months, stable (under 25 %) by volumetry", &[&[IS_SOLID, FOLLOWUP, YEAR, DID_NOT_GROW]], DISCHARGE)
        .noting("by volumetry; measured by diameter only, CT at 24 months comes first"),
    row("BTS15-F4", "solid at 12 months, doubling time over 400 to 600 days", &[
        &[IS_SOLID, FOLLOWUP, YEAR, GREW, Number(Field::VdtDays, Above, 400.0), Number(Field::VdtDays, UpTo, 600.0)]],
        now("consider_biopsy_or_surveillance", "consider biopsy or further surveillance by preference"))
        .unconfirmed("the action for 400-600 days was not seen in the guideline's text"),
    row("BTS15-F5", "solid at 12 months, doubling time over 600 days", &[
        &[IS_SOLID, FOLLOWUP, YEAR, GREW, Number(Field::VdtDays, Above, 600.0)]],
        Verdict::new("consider_discharge_or_surveillance", Interval::None, Some(Urgency::NoFollowUp), "consider discharge or further surveillance"))
        .unconfirmed("the action over 600 days was not seen in the guideline's text"),

    row("BTS15-U1", "subsolid, first seen, under 5 mm", &[&[IS_SUBSOLID, INITIAL, Number(Field::MaxMm, Below, 5.0)]], DISCHARGE),
    row("BTS15-U2", "subsolid, first seen, 5 mm or more", &[&[IS_SUBSOLID, INITIAL, Number(Field::MaxMm, From, 5.0)]],
        at("thin_ct_3m", "3", Urgency::Quarter, "thin-section CT at 3 months")),
    row("BTS15-U3", "subsolid at 3 months, resolved", &[&[IS_SUBSOLID, FOLLOWUP, Yes(Field::Resolved)]], DISCHARGE)
        .unconfirmed("the row was not seen in the guideline's text"),
    row("BTS15-U4", "subsolid at 3 months: growth of 2 mm or more, or new or larger solid part", &[
        &[IS_SUBSOLID, FOLLOWUP, Yes(Field::GrowthGe2mm)], &[IS_SUBSOLID, FOLLOWUP, Yes(Field::NewSolid)]],
        now("consider_resection", "consider resection or non-surgical treatment"))
        .unconfirmed("the 2 mm were not seen in the guideline's text; that growth favours resection was, in a secondary table"),
    row("BTS15-U6", "subsolid at 3 months, stable, Brock 10 % or more or concerning morphology", &[
        &[IS_SUBSOLID, FOLLOWUP, Number(Field::Brock, From, 0.10)], &[IS_SUBSOLID, FOLLOWUP, Yes(Field::Suspicious)]],
        now("discuss_observation_biopsy_resection", "discuss observation, biopsy and resection"))
        .noting(BROCK_SUBSOLID),
    row("BTS15-U5", "subsolid at 3 months, stable, Brock under 10 %", &[
        &[IS_SUBSOLID, FOLLOWUP, Number(Field::Brock, Below, 0.10)]],
        at("ct_1_2_4y", "12;24;48", Urgency::Year, "CT at 1, 2 and 4 years from the first CT"))
        .noting(BROCK_SUBSOLID),
];

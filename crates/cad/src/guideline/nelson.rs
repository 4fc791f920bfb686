//! NELSON: volumes at baseline (NODCAT), doubling time at follow-up (GROWCAT).
//!
//! Source: de Koning HJ et al. N Engl J Med 2020;382:503-513; Xu DM et al. Lung Cancer 2006;54:177-184; class
//! limits as in Cochrane review CD013829 (2022), whose table 1 misprints class 3 as "500 to 500".

use super::field::{Field, INPUTS};
use super::table::Condition::{Number, StatedNo, Word, Yes};
use super::table::{
    Bound::{Above, Below, From, UpTo},
    Condition, Guideline, Rounding, Row, Urgency, Verdict, row,
};
use super::words::{GROUND_GLASS, NOT_APPLICABLE, SEEN_BEFORE};
use crate::clinical::{Interval, RuleSpec, Standing};

const FIRST_SEEN: Condition = Word(Field::Timing, &["baseline", "new"]);
const FOLLOWUP: Condition = Word(Field::Timing, SEEN_BEFORE);
const SOLID_INSIDE: Condition = Word(Field::Type, &["solid"]);
const SOLID_PLEURAL: Condition = Word(Field::Type, &["solid_pleural"]);
const IS_GROUND_GLASS: Condition = Word(Field::Type, GROUND_GLASS);
const IS_PART_SOLID: Condition = Word(Field::Type, &["part_solid"]);
const GREW: Condition = Number(Field::VolumeChange, From, 0.25);

const fn class(category: &'static str, urgency: Urgency, management: &'static str) -> Verdict {
    Verdict::new(category, Interval::Absent, Some(urgency), management)
}

const NODCAT1: Verdict = class("NODCAT1", Urgency::Year, "negative: next yearly round");
const NODCAT2: Verdict = class("NODCAT2", Urgency::Year, "negative: next yearly round");
const NODCAT3: Verdict = class(
    "NODCAT3",
    Urgency::Quarter,
    "indeterminate: CT at 3 months, positive if the doubling time is under 400 days",
);
const NODCAT4: Verdict = class("NODCAT4", Urgency::Now, "positive: referral");

/// NELSON.
pub static NELSON: Guideline = Guideline {
    spec: RuleSpec {
        id: "guideline:nelson",
        version: "1",
        title: "NELSON",
        predicts: "class of one nodule by volume, or of its growth",
        unit: "",
        population: "lung cancer screening with volumetry",
        citation: "de Koning HJ et al. N Engl J Med 2020;382:503-513; Xu DM et al. Lung Cancer 2006;54:177-184; \
                   limits as in Cochrane review CD013829 (2022)",
        standing: Standing::Confirmed,
        inputs: INPUTS,
        notes: &[
            "volumes and diameters are not rounded",
            "new nodule at a repeat round, class 3: CT after 6-8 weeks (unconfirmed, text only)",
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
    row("NEL-X1", "exam stated not to be a screening exam", &[&[StatedNo(Field::ScreeningExam)]],
        Verdict::new(NOT_APPLICABLE, Interval::Absent, None, "NELSON's classes are for screening exams"))
        .ours("scope of the trial as a row"),
    row("NEL-N1", "benign: fat, benign calcification or other benign characteristics", &[&[Yes(Field::Benign)]], NODCAT1),

    row("NEL-G3", "follow-up: grown by 25 % or more with a doubling time under 400 days, or new solid part in a ground-glass nodule", &[
        &[IS_GROUND_GLASS, FOLLOWUP, Yes(Field::NewSolid)],
        &[FOLLOWUP, GREW, Number(Field::VdtDays, Below, 400.0)]],
        class("GROWCAT_C", Urgency::Now, "positive: referral")),
    row("NEL-G2", "follow-up: grown by 25 % or more, doubling time 400 to 600 days", &[
        &[FOLLOWUP, GREW, Number(Field::VdtDays, From, 400.0), Number(Field::VdtDays, UpTo, 600.0)]],
        class("GROWCAT_B", Urgency::Year, "indeterminate growth: repeat in the programme's next round")),
    row("NEL-G1", "follow-up: grown by 25 % or more, doubling time over 600 days", &[
        &[FOLLOWUP, GREW, Number(Field::VdtDays, Above, 600.0)]],
        class("GROWCAT_A", Urgency::Year, "slow growth: next yearly round")),
    row("NEL-G0", "follow-up: volume changed by less than 25 %", &[&[FOLLOWUP, Number(Field::VolumeChange, Below, 0.25)]],
        class("no_growth", Urgency::Year, "no growth: next yearly round")),

    row("NEL-N2", "solid inside the lung, under 50 mm3", &[&[SOLID_INSIDE, FIRST_SEEN, Number(Field::VolumeMm3, Below, 50.0)]], NODCAT2),
    row("NEL-N3", "solid inside the lung, 50 to 500 mm3", &[
        &[SOLID_INSIDE, FIRST_SEEN, Number(Field::VolumeMm3, From, 50.0), Number(Field::VolumeMm3, UpTo, 500.0)]], NODCAT3),
    row("NEL-N4", "solid inside the lung, over 500 mm3", &[&[SOLID_INSIDE, FIRST_SEEN, Number(Field::VolumeMm3, Above, 500.0)]], NODCAT4),
    row("NEL-N5", "solid, based on the pleura, smallest diameter under 5 mm", &[&[SOLID_PLEURAL, FIRST_SEEN, Number(Field::DminMm, Below, 5.0)]], NODCAT2),
    row("NEL-N6", "solid, based on the pleura, smallest diameter 5 to 10 mm", &[
        &[SOLID_PLEURAL, FIRST_SEEN, Number(Field::DminMm, From, 5.0), Number(Field::DminMm, UpTo, 10.0)]], NODCAT3),
    row("NEL-N7", "solid, based on the pleura, smallest diameter over 10 mm", &[&[SOLID_PLEURAL, FIRST_SEEN, Number(Field::DminMm, Above, 10.0)]], NODCAT4),
    row("NEL-N8", "ground-glass, mean diameter under 8 mm", &[&[IS_GROUND_GLASS, FIRST_SEEN, Number(Field::DmeanMm, Below, 8.0)]], NODCAT2),
    row("NEL-N9", "ground-glass, mean diameter 8 mm or more", &[&[IS_GROUND_GLASS, FIRST_SEEN, Number(Field::DmeanMm, From, 8.0)]], NODCAT3),
    row("NEL-N12", "part-solid, solid part over 500 mm3", &[&[IS_PART_SOLID, FIRST_SEEN, Number(Field::SolidVolumeMm3, Above, 500.0)]], NODCAT4),
    row("NEL-N11", "part-solid, ground-glass diameter 8 mm or more, or solid part 50 to 500 mm3", &[
        &[IS_PART_SOLID, FIRST_SEEN, Number(Field::SolidVolumeMm3, From, 50.0), Number(Field::SolidVolumeMm3, UpTo, 500.0)],
        &[IS_PART_SOLID, FIRST_SEEN, Number(Field::DmeanMm, From, 8.0)]], NODCAT3),
    row("NEL-N10", "part-solid, ground-glass diameter under 8 mm and solid part under 50 mm3", &[
        &[IS_PART_SOLID, FIRST_SEEN, Number(Field::DmeanMm, Below, 8.0), Number(Field::SolidVolumeMm3, Below, 50.0)]], NODCAT2),
];

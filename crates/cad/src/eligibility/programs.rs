//! Programs and trials, each with whom it invites. CLINICAL data: one entry a program.

use super::Criterion::{Above, All, Any, AtLeast, AtMost, Below, Is, IsNot, Yes};
use super::{Criterion, INPUTS, Program};
use crate::clinical::{RuleSpec, Standing};

/// What an entry says beside its criterion.
struct Words {
    id: &'static str,
    title: &'static str,
    citation: &'static str,
    standing: Standing,
    notes: &'static [&'static str],
}

const fn program(words: Words, criterion: Criterion) -> Program {
    let Words { id, title, citation, standing, notes } = words;
    let spec = RuleSpec {
        id,
        version: "1",
        title,
        predicts: "whether the person is invited to screening",
        unit: "",
        population: "persons who may be invited to lung-cancer screening",
        citation,
        standing,
        inputs: INPUTS,
        notes,
    };
    Program { spec, criterion }
}

/// Smokes now, or stopped at most 15 years ago.
const CURRENT_OR_15: Criterion = Any(&[Is("status", "current"), AtMost("quit_years", 15.0)]);
/// Smokes now, or stopped less than 15 years ago.
const CURRENT_OR_UNDER_15: Criterion = Any(&[Is("status", "current"), Below("quit_years", 15.0)]);

const STOP: &str = "screening stops after 15 years without smoking or where life expectancy is limited";
const ASYMPTOMATIC: &str = "for persons without symptoms";

/// Every program.
pub static PROGRAMS: [Program; 13] = [
    program(
        Words {
            id: "eligibility:USPSTF2013",
            title: "USPSTF 2013",
            citation: "US Preventive Services Task Force, lung cancer screening, recommendation of 2013",
            standing: Standing::Confirmed,
            notes: &[STOP],
        },
        All(&[AtLeast("age", 55.0), AtMost("age", 80.0), AtLeast("pack_years", 30.0), CURRENT_OR_15]),
    ),
    program(
        Words {
            id: "eligibility:USPSTF2021",
            title: "USPSTF 2021",
            citation: "US Preventive Services Task Force. Screening for lung cancer: recommendation statement. JAMA 2021;325:962",
            standing: Standing::Confirmed,
            notes: &[STOP],
        },
        All(&[AtLeast("age", 50.0), AtMost("age", 80.0), AtLeast("pack_years", 20.0), CURRENT_OR_15]),
    ),
    program(
        Words {
            id: "eligibility:CMS2022",
            title: "CMS 2022 (Medicare)",
            citation: "Centers for Medicare & Medicaid Services, NCD 210.14, 10 February 2022",
            standing: Standing::Confirmed,
            notes: &[
                ASYMPTOMATIC,
                "also asked for: an order and a counselling visit; CTDIvol of at most 3.0 mGy for a standard patient",
            ],
        },
        All(&[AtLeast("age", 50.0), AtMost("age", 77.0), AtLeast("pack_years", 20.0), CURRENT_OR_15]),
    ),
    program(
        Words {
            id: "eligibility:NLST",
            title: "NLST",
            citation: "National Lung Screening Trial Research Team. N Engl J Med 2011;365:395",
            standing: Standing::Confirmed,
            notes: &["a trial: three annual examinations"],
        },
        All(&[AtLeast("age", 55.0), AtMost("age", 74.0), AtLeast("pack_years", 30.0), CURRENT_OR_15]),
    ),
    program(
        Words {
            id: "eligibility:NELSON",
            title: "NELSON",
            citation: "de Koning HJ, van der Aalst CM, de Jong PA, et al. N Engl J Med 2020;382:503-513",
            standing: Standing::PartlyConfirmed(
                "more than 15 or 10 a day and more than 25 or 30 years are read strictly; an abstract writes \"or more\"",
            ),
            notes: &["a trial: intervals of 1, 2 and 2.5 years; invited up to 75"],
        },
        All(&[
            AtLeast("age", 50.0),
            AtMost("age", 74.0),
            Any(&[
                All(&[Above("cpd", 15.0), Above("years_smoked", 25.0)]),
                All(&[Above("cpd", 10.0), Above("years_smoked", 30.0)]),
            ]),
            Any(&[Is("status", "current"), AtMost("quit_years", 10.0)]),
        ]),
    ),
    program(
        Words {
            id: "eligibility:NCCN2024",
            title: "NCCN 2024",
            citation: "NCCN Guidelines, Lung Cancer Screening, 2024 (category 1 since 1.2023)",
            standing: Standing::Confirmed,
            notes: &["no upper age, any time since quitting"],
        },
        All(&[AtLeast("age", 50.0), AtLeast("pack_years", 20.0)]),
    ),
    program(
        Words {
            id: "eligibility:ACS2023",
            title: "ACS 2023",
            citation: "American Cancer Society guideline, CA Cancer J Clin, November 2023",
            standing: Standing::Confirmed,
            notes: &[ASYMPTOMATIC, "advises against using the years since quitting at all"],
        },
        All(&[AtLeast("age", 50.0), AtMost("age", 80.0), AtLeast("pack_years", 20.0)]),
    ),
    program(
        Words {
            id: "eligibility:EC50_75",
            title: "Site preset, 50 to 75 years",
            citation: "preset of this product; the Commission proposal COM(2022) 474 names current heavy and former smokers of 50 to 75",
            standing: Standing::PartlyConfirmed(
                "30 pack-years and 15 years were not seen in COM(2022) 474 or in Council Recommendation 2022/C 473/01: a preset of a site, not a rule of the EU",
            ),
            notes: &[],
        },
        All(&[AtLeast("age", 50.0), AtMost("age", 75.0), AtLeast("pack_years", 30.0), CURRENT_OR_15]),
    ),
    program(
        Words {
            id: "eligibility:TLHC",
            title: "Targeted lung health checks, England",
            citation: "NHS England, targeted lung health checks; llpv2 of 2.5 %: BMJ Open Respir Res 2024;11:e002193; plcom2012 of 1.51 %: PLoS Med 2014, doi:10.1371/journal.pmed.1001764",
            standing: Standing::Confirmed,
            notes: &["ever smokers; by the risk of the person, from models plcom2012 and llpv2"],
        },
        All(&[
            AtLeast("age", 55.0),
            AtMost("age", 74.0),
            IsNot("status", "never"),
            Any(&[AtLeast("plcom2012", 0.0151), AtLeast("llpv2", 0.025)]),
        ]),
    ),
    program(
        Words {
            id: "eligibility:UKLS",
            title: "UKLS",
            citation: "UK Lung Cancer Screening trial (UKLS)",
            standing: Standing::Confirmed,
            notes: &["by the risk of the person, from model llpv2"],
        },
        All(&[AtLeast("age", 50.0), AtMost("age", 75.0), AtLeast("llpv2", 0.05)]),
    ),
    program(
        Words {
            id: "eligibility:CN2018",
            title: "China 2018",
            citation: "China National lung cancer screening guideline with low-dose CT, 2018 (PMC5973012)",
            standing: Standing::Confirmed,
            notes: &[],
        },
        All(&[
            AtLeast("age", 50.0),
            AtMost("age", 74.0),
            AtLeast("pack_years", 20.0),
            Any(&[Is("status", "current"), AtMost("quit_years", 5.0)]),
        ]),
    ),
    program(
        Words {
            id: "eligibility:CN_county_2020",
            title: "China, county screening 2020",
            citation: "screening programme in counties of China, 2020",
            standing: Standing::Confirmed,
            notes: &[],
        },
        All(&[
            AtLeast("age", 40.0),
            AtMost("age", 80.0),
            Any(&[
                All(&[AtLeast("pack_years", 20.0), CURRENT_OR_UNDER_15]),
                Yes("occupational_exposure"),
                Yes("copd"),
                Yes("pulmonary_fibrosis"),
                Yes("tuberculosis"),
                Yes("prior_cancer"),
                Yes("family_history_lung_cancer"),
            ]),
        ]),
    ),
    program(
        Words {
            id: "eligibility:CN2021",
            title: "China 2021",
            citation: "He J, Li N, Chen WQ, et al. Chin J Oncol 2021;43:243. doi:10.3760/cma.j.cn112152-20210119-00060",
            standing: Standing::PartlyConfirmed("the details beside the age were not seen in the source"),
            notes: &[],
        },
        All(&[
            AtLeast("age", 50.0),
            AtMost("age", 74.0),
            Any(&[
                All(&[AtLeast("pack_years", 30.0), CURRENT_OR_UNDER_15]),
                AtLeast("passive_smoke_years", 20.0),
                Yes("copd"),
                AtLeast("occupational_exposure_years", 1.0),
                Yes("family_history_lung_cancer"),
            ]),
        ]),
    ),
];

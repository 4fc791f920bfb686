//! Measures of size and growth as rules (`measure:<name>`), and the same as plain functions.
//!
//! Sizes are kept unrounded everywhere; each guideline rounds by its own rule, inside. Rounding works in
//! whole tenths, half up, because 0.1 mm is not a binary fraction.

use super::error::ClinicalError;
use super::formula::{Constant, Formula, Link, Obstacle, Table, Worked, constant, no_obstacle};
use super::inputs::{Checked, InputSpec, Kind};
use super::rule::{Rule, RuleSpec, Standing};
use super::{Outcome, Term};
use std::borrow::Cow;
use std::f64::consts::{LN_2, PI};

/// Absorbs the error of binary tenths before rounding half up; far below any real difference.
const TENTH_ERROR: f64 = 1e-9;

/// Volume of a sphere, mm³: pi/6 d³.
#[must_use]
pub fn sphere_volume_mm3(diameter_mm: f64) -> f64 {
    PI / 6.0 * diameter_mm.powi(3)
}

/// Diameter of the sphere of this volume, mm: (6V/pi)^(1/3).
#[must_use]
pub fn effective_diameter_mm(volume_mm3: f64) -> f64 {
    (6.0 * volume_mm3 / PI).cbrt()
}

/// `V2/V1 - 1`, a fraction.
#[must_use]
pub fn volume_change(first_mm3: f64, second_mm3: f64) -> f64 {
    second_mm3 / first_mm3 - 1.0
}

/// Days in which a quantity doubles: `ln 2 days / ln(second/first)`. `None` where nothing changed; negative
/// where it shrinks. For volumes and masses alike.
#[must_use]
pub fn doubling_time_days(first: f64, second: f64, days: f64) -> Option<f64> {
    let growth = (second / first).ln();
    (growth.abs() > 0.0).then(|| LN_2 * days / growth)
}

/// Days in which the volume doubles, by diameters: `ln 2 days / (3 ln(d2/d1))`.
#[must_use]
pub fn doubling_time_days_of_diameters(first_mm: f64, second_mm: f64, days: f64) -> Option<f64> {
    doubling_time_days(first_mm.powi(3), second_mm.powi(3), days)
}

/// Millimetres in whole tenths, half up.
#[must_use]
pub fn tenths(mm: f64) -> f64 {
    (mm * 10.0 + 0.5 + TENTH_ERROR).floor()
}

/// Mean diameter of Lung-RADS v2022, in whole tenths of mm: each axis to a tenth, then `(L10 + S10 + 1) div 2`.
#[must_use]
pub fn lung_rads_mean_tenths(long_mm: f64, short_mm: f64) -> f64 {
    ((tenths(long_mm) + tenths(short_mm) + 1.0) / 2.0).floor()
}

/// Mean diameter of Fleischner 2017, in whole mm, half up.
#[must_use]
pub fn fleischner_mean_mm(long_mm: f64, short_mm: f64) -> f64 {
    ((long_mm + short_mm) / 2.0 + 0.5 + TENTH_ERROR).floor()
}

/// Mass in mg: `V (HU + 1000)/1000`. de Hoop B, et al. Radiology 2010;255:199.
#[must_use]
pub fn mass_mg(volume_mm3: f64, mean_hu: f64) -> f64 {
    volume_mm3 * (mean_hu + 1000.0) / 1000.0
}

const VOLUME: Kind = Kind::Positive { max: 10_000_000.0 };
const LENGTH: Kind = Kind::Positive { max: 1000.0 };
const DAYS: InputSpec = InputSpec::required(
    "days",
    Kind::Positive { max: 40_000.0 },
    "days",
    "whole days between the study dates (acquisition dates where present)",
);
const LONG: InputSpec = InputSpec::required("long_mm", LENGTH, "mm", "long axis");
const SHORT: InputSpec =
    InputSpec::required("short_mm", LENGTH, "mm", "short axis, perpendicular, in the same plane");

/// Doubling times need so many days between the scans (ours): shorter ones are noise.
const TIME: &[Constant] = &[constant("days_least", 30.0)];

struct Words {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    citation: &'static str,
    inputs: &'static [InputSpec],
    notes: &'static [&'static str],
}

const fn formula(
    words: Words,
    table: &'static [Constant],
    work: fn(Table<'_>, &Checked) -> Worked,
) -> Formula {
    let Words { id, title, unit, citation, inputs, notes } = words;
    Formula {
        spec: RuleSpec {
            id,
            version: "1",
            title,
            predicts: title,
            unit,
            population: "any nodule",
            citation,
            standing: Standing::Confirmed,
            inputs,
            notes,
        },
        table,
        link: Link::Stated,
        adds: None,
        obstacle: no_obstacle,
        work,
    }
}

/// A number; not a number where it is missing, which the specification excludes.
fn number(inputs: &Checked, name: &str) -> f64 {
    inputs.number(name).unwrap_or(f64::NAN)
}

static SPHERE_VOLUME: Formula = formula(
    Words {
        id: "measure:sphere_volume_mm3",
        title: "volume of the sphere of a diameter",
        unit: "mm3",
        citation: "V = pi/6 d^3",
        inputs: &[InputSpec::required("diameter_mm", LENGTH, "mm", "diameter")],
        notes: &[],
    },
    &[],
    |_, inputs| Worked::number(sphere_volume_mm3(number(inputs, "diameter_mm"))),
);

static EFFECTIVE_DIAMETER: Formula = formula(
    Words {
        id: "measure:effective_diameter_mm",
        title: "diameter of the sphere of a volume",
        unit: "mm",
        citation: "d = (6 V/pi)^(1/3)",
        inputs: &[InputSpec::required("volume_mm3", VOLUME, "mm3", "volume")],
        notes: &[],
    },
    &[],
    |_, inputs| Worked::number(effective_diameter_mm(number(inputs, "volume_mm3"))),
);

static VOXEL_VOLUME: Formula = formula(
    Words {
        id: "measure:voxel_volume_mm3",
        title: "volume of a count of voxels",
        unit: "mm3",
        citation: "V = voxels sx sy sz",
        inputs: &[
            InputSpec::required("voxels", Kind::Integer { min: 1, max: i32::MAX }, "voxels", "voxels inside"),
            InputSpec::required("spacing_x_mm", LENGTH, "mm", "pixel spacing along the row"),
            InputSpec::required("spacing_y_mm", LENGTH, "mm", "pixel spacing along the column"),
            InputSpec::required(
                "spacing_z_mm",
                LENGTH,
                "mm",
                "slice spacing from ImagePositionPatient, not SliceThickness",
            ),
        ],
        notes: &[],
    },
    &[],
    |_, inputs| {
        let sides = ["voxels", "spacing_x_mm", "spacing_y_mm", "spacing_z_mm"];
        Worked::number(sides.iter().map(|name| number(inputs, name)).product())
    },
);

static VOLUME_CHANGE: Formula = formula(
    Words {
        id: "measure:volume_change",
        title: "relative change of volume",
        unit: "fraction",
        citation: "V2/V1 - 1",
        inputs: &[
            InputSpec::required("volume1_mm3", VOLUME, "mm3", "volume at the first scan"),
            InputSpec::required("volume2_mm3", VOLUME, "mm3", "volume at the second scan"),
        ],
        notes: &["growth from 0.25 (BTS 2015, NELSON)"],
    },
    &[],
    |_, inputs| Worked::number(volume_change(number(inputs, "volume1_mm3"), number(inputs, "volume2_mm3"))),
);

const DOUBLING_NOTES: &[&str] = &[
    "nothing changed: no bound (null); smaller: negative, \"shrinking\", no category",
    "only for 30 days or more between the scans (ours), the same software version and kernel class, and slice \
     spacings within 20 % (ours)",
];

/// Doubling time as an answer.
fn doubling(time: Option<f64>) -> Worked {
    match time {
        None => Worked { outcome: Outcome::Unbounded, ..Worked::number(0.0) }
            .warn("nothing changed: the doubling time has no bound"),
        Some(days) if days < 0.0 => Worked::number(days).warn("shrinking: no growth category"),
        Some(days) => Worked::number(days),
    }
}

fn too_soon(table: Table<'_>, inputs: &Checked) -> Option<Obstacle> {
    let (days, least) = (inputs.number("days")?, table.at("days_least"));
    (days < least)
        .then(|| Obstacle::NotFor(format!("days {days} is below {least}: too soon for a doubling time")))
}

static VOLUME_DOUBLING: Formula = Formula {
    obstacle: too_soon,
    ..formula(
        Words {
            id: "measure:vdt_days",
            title: "volume doubling time",
            unit: "days",
            citation: "ln 2 days / ln(V2/V1)",
            inputs: &[
                InputSpec::required("volume1_mm3", VOLUME, "mm3", "volume at the first scan"),
                InputSpec::required("volume2_mm3", VOLUME, "mm3", "volume at the second scan"),
                DAYS,
            ],
            notes: DOUBLING_NOTES,
        },
        TIME,
        |_, inputs| {
            let (first, second) = (number(inputs, "volume1_mm3"), number(inputs, "volume2_mm3"));
            doubling(doubling_time_days(first, second, number(inputs, "days")))
        },
    )
};

static DIAMETER_DOUBLING: Formula = Formula {
    obstacle: too_soon,
    ..formula(
        Words {
            id: "measure:vdt_days_from_diameters",
            title: "volume doubling time, by diameters",
            unit: "days",
            citation: "ln 2 days / (3 ln(d2/d1))",
            inputs: &[
                InputSpec::required("diameter1_mm", LENGTH, "mm", "diameter at the first scan"),
                InputSpec::required("diameter2_mm", LENGTH, "mm", "diameter at the second scan"),
                DAYS,
            ],
            notes: DOUBLING_NOTES,
        },
        TIME,
        |_, inputs| {
            let (first, second) = (number(inputs, "diameter1_mm"), number(inputs, "diameter2_mm"));
            doubling(doubling_time_days_of_diameters(first, second, number(inputs, "days")))
        },
    )
};

static MASS_DOUBLING: Formula = Formula {
    obstacle: too_soon,
    ..formula(
        Words {
            id: "measure:mass_doubling_time_days",
            title: "mass doubling time",
            unit: "days",
            citation: "ln 2 days / ln(M2/M1)",
            inputs: &[
                InputSpec::required("mass1_mg", VOLUME, "mg", "mass at the first scan"),
                InputSpec::required("mass2_mg", VOLUME, "mg", "mass at the second scan"),
                DAYS,
            ],
            notes: DOUBLING_NOTES,
        },
        TIME,
        |_, inputs| {
            let (first, second) = (number(inputs, "mass1_mg"), number(inputs, "mass2_mg"));
            doubling(doubling_time_days(first, second, number(inputs, "days")))
        },
    )
};

static MASS: Formula = formula(
    Words {
        id: "measure:mass_mg",
        title: "mass of a nodule",
        unit: "mg",
        citation: "de Hoop B, Gietema H, van de Vorst S, et al. Radiology 2010;255:199",
        inputs: &[
            InputSpec::required("volume_mm3", VOLUME, "mm3", "volume"),
            InputSpec::required(
                "mean_hu",
                Kind::Number { min: -1024.0, max: 3071.0 },
                "HU",
                "mean attenuation inside",
            ),
        ],
        notes: &[],
    },
    &[],
    |_, inputs| Worked::number(mass_mg(number(inputs, "volume_mm3"), number(inputs, "mean_hu"))),
);

/// A short axis is not longer than the long one.
fn axes(model: &'static str, inputs: &Checked) -> Option<Obstacle> {
    let (long, short) = (inputs.number("long_mm")?, inputs.number("short_mm")?);
    (short > long).then(|| {
        let cause = format!("{short} mm is longer than long_mm, {long} mm");
        Obstacle::Wrong(ClinicalError::Contradiction { model, field: "short_mm", cause })
    })
}

static LUNG_RADS_MEAN: Formula = Formula {
    obstacle: |_, inputs| axes("measure:lung_rads_mean_mm", inputs),
    ..formula(
        Words {
            id: "measure:lung_rads_mean_mm",
            title: "mean diameter as Lung-RADS v2022 rounds it",
            unit: "mm",
            citation: "ACR Lung-RADS v2022: each axis and the mean to one decimal, half up",
            inputs: &[LONG, SHORT],
            notes: &[],
        },
        &[],
        |_, inputs| {
            let (long, short) = (number(inputs, "long_mm"), number(inputs, "short_mm"));
            Worked::number(lung_rads_mean_tenths(long, short) / 10.0)
        },
    )
};

static FLEISCHNER_MEAN: Formula = Formula {
    obstacle: |_, inputs| axes("measure:fleischner_mean_mm", inputs),
    ..formula(
        Words {
            id: "measure:fleischner_mean_mm",
            title: "mean diameter as Fleischner 2017 rounds it",
            unit: "mm",
            citation: "Bankier AA, MacMahon H, Goo JM, et al. Radiology 2017;285:584-600. \
                       doi:10.1148/radiol.2017162894: whole mm, half up",
            inputs: &[LONG, SHORT],
            notes: &[],
        },
        &[],
        |_, inputs| {
            let (long, short) = (number(inputs, "long_mm"), number(inputs, "short_mm"));
            Worked::number(fleischner_mean_mm(long, short))
        },
    )
};

/// Greatest size of each class, mm; above the last one it is T4.
const T_SIZES: &[Constant] = &[
    constant("T1a", 10.0),
    constant("T1b", 20.0),
    constant("T1c", 30.0),
    constant("T2a", 40.0),
    constant("T2b", 50.0),
    constant("T3", 70.0),
];

static T_BY_SIZE: Formula = formula(
    Words {
        id: "measure:tnm_t_by_size",
        title: "T by size, TNM 8 and 9",
        unit: "",
        citation: "TNM classification of lung cancer, 8th and 9th edition: T by size unchanged",
        inputs: &[InputSpec::required(
            "invasive_or_solid_mm",
            LENGTH,
            "mm",
            "longest diameter of the invasive or solid part",
        )],
        notes: &["a class of size, never a stage; Tis and T1mi are for pathology"],
    },
    T_SIZES,
    |table, inputs| {
        let mm = number(inputs, "invasive_or_solid_mm");
        let class = table.0.iter().find(|limit| mm <= limit.value).map_or("T4", |limit| limit.name);
        Worked {
            outcome: Outcome::Text(Cow::Borrowed(class)),
            terms: vec![Term::plain("invasive_or_solid_mm", mm)],
            ..Worked::number(mm)
        }
    },
);

/// Every measure.
pub static MEASURES: [&Formula; 11] = [
    &SPHERE_VOLUME,
    &EFFECTIVE_DIAMETER,
    &VOXEL_VOLUME,
    &VOLUME_CHANGE,
    &VOLUME_DOUBLING,
    &DIAMETER_DOUBLING,
    &MASS,
    &MASS_DOUBLING,
    &LUNG_RADS_MEAN,
    &FLEISCHNER_MEAN,
    &T_BY_SIZE,
];

/// Every measure as a rule.
pub fn rules() -> impl Iterator<Item = &'static dyn Rule> {
    MEASURES.iter().map(|measure| *measure as &dyn Rule)
}

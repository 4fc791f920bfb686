//! Properties that hold for all inputs.

use super::super::compare::compare;
use super::super::field::{Field, INPUTS};
use super::super::lung_rads_2022::exam::severity;
use super::super::table::Urgency;
use super::super::{ALL, evaluate};
use super::cases::{cases, inputs};
use crate::clinical::{Answer, Inputs, Kind, Outcome, Value};
use proptest::prelude::*;

const KINDS: [&str; 4] = ["solid", "part_solid", "ggn", "solid_pleural"];
const TIMINGS: [&str; 6] = ["baseline", "new", "stable", "decreased", "growing", "slow_growing"];
const PRIORS: [&str; 4] = ["2", "3", "4A", "4B"];

/// A nodule with every input that any guideline needs, of this size; the solid part is a share of it.
fn nodule(kind: &str, timing: &str, prior: &str, mm: f64, share: f64) -> Inputs {
    let volume = std::f64::consts::PI / 6.0 * mm.powi(3);
    Inputs::new()
        .with("type", kind)
        .with("timing", timing)
        .with("prior_category", prior)
        .with("mean_mm", mm)
        .with("solid_mm", mm * share)
        .with("max_mm", mm)
        .with("dmin_mm", mm)
        .with("volume_mm3", volume)
        .with("solid_volume_mm3", volume * share.powi(3))
        .with("age", 60.0)
        .with("risk", "low")
        .with("brock", 0.2)
        .with("months", 3.0)
        .with("volume_change", 0.1)
        .with("vdt_days", 3000.0)
}

/// Severity of Lung-RADS, urgency of the others; `None` where there is no category.
fn rank(id: &str, inputs: &Inputs) -> Option<usize> {
    let evaluation = evaluate(id, inputs).unwrap();
    let Answer::Result(Outcome::Category(category)) = &evaluation.answer else { return None };
    if id == "guideline:lung_rads_2022" {
        return severity(&category.category);
    }
    let guideline = ALL.into_iter().find(|guideline| guideline.spec.id == id).unwrap();
    guideline.row(category.row).unwrap().verdict.urgency.map(|urgency: Urgency| urgency as usize)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Goal: no guideline asks for less when only the nodule is larger. Method: two sizes, all else equal.
    #[test]
    fn a_larger_nodule_is_never_less_urgent(
        kind in proptest::sample::select(&KINDS[..]), timing in proptest::sample::select(&TIMINGS[..]),
        prior in proptest::sample::select(&PRIORS[..]), share in 0.05..0.95f64,
        mm in 1.0..40.0f64, more in 0.0..10.0f64,
    ) {
        for guideline in ALL {
            let id = guideline.spec.id;
            let small = rank(id, &nodule(kind, timing, prior, mm, share));
            let large = rank(id, &nodule(kind, timing, prior, mm + more, share));
            prop_assert!(small.is_none() || small <= large, "{id} {kind} {timing} {prior}: {mm} {small:?}, +{more} {large:?}");
        }
    }

    /// Goal: only the total grows, the solid part stays. Method: as above with a fixed solid part.
    #[test]
    fn a_larger_total_with_the_same_solid_part_is_never_less_urgent(
        timing in proptest::sample::select(&TIMINGS[..]), solid in 1.0..20.0f64, rim in 0.0..10.0f64, more in 0.0..10.0f64,
    ) {
        let at = |mm: f64| nodule("part_solid", timing, "3", mm, 0.5).with("solid_mm", solid).with("solid_volume_mm3", solid.powi(3) * 0.5);
        for guideline in ALL {
            let (small, large) = (rank(guideline.spec.id, &at(solid + rim)), rank(guideline.spec.id, &at(solid + rim + more)));
            prop_assert!(small.is_none() || small <= large, "{} {timing}: {solid}+{rim}: {small:?}, +{more}: {large:?}", guideline.spec.id);
        }
    }

    /// Goal: a probability range contains what each probability in it says. Method: a point of the range alone.
    #[test]
    fn a_range_contains_the_answer_of_each_of_its_points(low in 0.0..1.0f64, high in 0.0..1.0f64, at in 0.0..1.0f64) {
        let (low, high) = (low.min(high), low.max(high));
        let point = low + at * (high - low);
        let base = || Inputs::new().with("type", "solid").with("volume_mm3", 900.0);
        let settled = evaluate("bts_2015", &base().with("brock", point)).unwrap().answer;
        match evaluate("bts_2015", &base().with("brock_min", low).with("brock_max", high)).unwrap().answer {
            Answer::Range { low, high, .. } => prop_assert!(settled == Answer::Result(low) || settled == Answer::Result(high)),
            other => prop_assert_eq!(other, settled),
        }
    }

    /// Goal: what a guideline does not read changes nothing. Method: a plain nodule with one unrelated field.
    #[test]
    fn unrelated_fields_change_nothing(mm in 1.0..40.0f64, kind in proptest::sample::select(&KINDS[..3])) {
        let plain = || Inputs::new().with("type", kind).with("mean_mm", mm).with("solid_mm", mm * 0.5);
        for (id, unrelated) in [
            ("guideline:lung_rads_2022", "risk=high"), ("guideline:lung_rads_2022", "brock=0.9"), ("guideline:lung_rads_2022", "multiple=true"),
            ("guideline:lung_rads_2022", "model_probability=0.9"), ("guideline:lung_rads_2022", "months=40"),
            ("guideline:c_lung_rads_2024", "risk=high"), ("guideline:c_lung_rads_2024", "juxtapleural=true"), ("guideline:c_lung_rads_2024", "brock=0.9"),
            ("guideline:c_lung_rads_2024", "volume_mm3=5"),
        ] {
            let (name, value) = unrelated.split_once('=').unwrap();
            let more = plain().with(name, inputs(unrelated)[0].value(name).unwrap().clone());
            // a volume smaller than that of the solid part would be refused, so none of that is set
            prop_assert_eq!(evaluate(id, &plain()).unwrap().answer, evaluate(id, &more).unwrap().answer, "{} {} {}", id, name, value);
        }
    }
}

/// Goal: a field that no condition of a guideline reads changes none of its answers. Method: every case of
/// `cases.txt`, with each such field set to each of its values.
#[test]
fn a_field_that_no_row_reads_changes_no_answer() {
    let all = super::super::facts::ALL;
    let derived_from = [
        Field::BrockMin,
        Field::BrockMax,
        Field::HerderMin,
        Field::HerderMax,
        Field::DmeanMm,
        Field::MeanMm,
        Field::Timing,
    ];
    let mut tried = 0;
    for guideline in ALL {
        let read = guideline.table().fields_read();
        for case in cases(guideline) {
            let Ok(facts) = case.facts else { continue };
            let before = guideline.answer(&facts).answer;
            for field in
                all.into_iter().filter(|field| !read.contains(*field) && !derived_from.contains(field))
            {
                let mut changed = facts.clone();
                changed.set(
                    field,
                    match INPUTS[field.index()].kind {
                        Kind::Flag => super::super::facts::Fact::Flag(true),
                        Kind::Choice(words) => super::super::facts::Fact::Word(words[0]),
                        _ => super::super::facts::Fact::Number(900_000),
                    },
                );
                assert_eq!(guideline.answer(&changed).answer, before, "{} with {}", case.line, field.name());
                tried += 1;
            }
        }
    }
    assert!(tried > 1000, "only {tried} tried");
}

/// Goal: what is no size, no word, no yes is an error that names the field. Method: each input of the list with
/// NaN, infinity, a negative, a huge number, an unknown word, a wrong type.
#[test]
fn a_wrong_value_is_an_error_that_names_the_field() {
    let wrong = [
        Value::Number(f64::NAN),
        Value::Number(f64::INFINITY),
        Value::Number(-1.0e9),
        Value::Number(1.0e12),
        Value::Text("wrong".to_owned()),
        Value::Other("a list"),
    ];
    for input in INPUTS {
        for value in &wrong {
            let mut inputs = Inputs::new();
            inputs.set(input.name, value.clone());
            let error = compare(&inputs).expect_err(input.name).to_string();
            assert!(error.contains(input.name), "{error}");
        }
    }
    for zero in ["mean_mm", "solid_mm", "max_mm", "volume_mm3"] {
        assert!(compare(&Inputs::new().with(zero, 0.0)).unwrap_err().to_string().contains(zero));
    }
    let misspelt = evaluate("lung_rads_2022", &Inputs::new().with("mean_nm", 6.0)).unwrap_err().to_string();
    assert!(misspelt.contains("mean_mm"), "{misspelt}");
    let unknown = evaluate("guideline:lung_rads_2021", &Inputs::new()).unwrap_err().to_string();
    assert!(unknown.contains("lung_rads_2022"), "{unknown}");
}

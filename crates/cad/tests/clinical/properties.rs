//! What holds whatever the numbers are.

use cad::clinical::{Answer, Evaluation, Inputs, Outcome, Unconfirmed, Value, evaluate_rule, find};
use proptest::prelude::*;

fn probability(id: &str, inputs: &Inputs) -> f64 {
    let evaluation = evaluate_rule(find(id).unwrap(), inputs, Unconfirmed::Allowed).unwrap();
    evaluation.probability().unwrap_or_else(|| panic!("{id}: {:?}", evaluation.answer))
}

fn ends(evaluation: &Evaluation) -> (f64, f64) {
    match &evaluation.answer {
        Answer::Range { low: Outcome::Probability(low), high: Outcome::Probability(high), .. } => {
            (*low, *high)
        }
        other => panic!("{other:?}"),
    }
}

fn flags(inputs: Inputs, names: &[&str], bits: u32) -> Inputs {
    names.iter().enumerate().fold(inputs, |inputs, (i, name)| inputs.with(name, bits >> i & 1 == 1))
}

const BROCK_FLAGS: [&str; 5] =
    ["female", "family_history_lung_cancer", "emphysema", "upper_lobe", "spiculation"];
const TYPES: [&str; 3] = ["solid", "part_solid", "nonsolid"];

prop_compose! {
    fn brock_inputs()(age in 18u8..=110, mm in 0.5f64..30.0, count in 1u8..=200, bits in 0u32..32, kind in 0usize..3)
        -> Inputs
    {
        let inputs = Inputs::new().with("age", f64::from(age)).with("diameter_mm", mm)
            .with("nodule_count", f64::from(count)).with("type", TYPES[kind]);
        flags(inputs, &BROCK_FLAGS, bits)
    }
}

/// Inputs of every other model that takes a diameter.
fn others(age: f64, mm: f64, bits: u32) -> [(&'static str, Inputs); 4] {
    let base = Inputs::new().with("age", age).with("diameter_mm", mm);
    let mayo = ["ever_smoker", "extrathoracic_cancer_over_5y", "spiculation", "upper_lobe"];
    let pkuph = ["spiculation", "family_history_cancer", "calcification", "clear_border"];
    let smoker = bits & 1 == 1;
    let va =
        base.clone().with("ever_smoker", smoker).with("years_since_quit", if smoker { 8.0 } else { 0.0 });
    let mut parsimonious = flags(Inputs::new().with("diameter_mm", mm), &BROCK_FLAGS, bits);
    parsimonious.remove("family_history_lung_cancer");
    parsimonious.remove("emphysema");
    [
        ("mayo", flags(base.clone(), &mayo, bits)),
        ("va", va),
        ("pkuph", flags(base, &pkuph, bits)),
        ("brock1b", parsimonious),
    ]
}

proptest! {
    /// Goal: the range by its two ends is the range by all combinations. Method: any of the inputs missing, every Brock
    /// model, both ways.
    #[test]
    fn a_range_by_its_ends_is_the_range_by_combinations(inputs in brock_inputs(), taken in 1u32..64) {
        use cad::clinical::formula::Formula;
        use cad::clinical::{Checked, Rule};
        let names = ["female", "family_history_lung_cancer", "emphysema", "upper_lobe", "spiculation", "type"];
        for model in cad::risk::MODELS.iter().filter(|model| model.spec.id.starts_with("brock")) {
            let mut open = inputs.clone();
            for name in ["age", "nodule_count", "family_history_lung_cancer", "emphysema", "type", "spiculation"] {
                if !model.spec.inputs.iter().any(|input| input.name == name) {
                    open.remove(name);
                }
            }
            names.iter().enumerate().filter(|(i, _)| taken >> i & 1 == 1).for_each(|(_, name)| open.remove(name));
            let checked = Checked::new(model.spec.id, model.spec.inputs, &open).unwrap();
            let by_combinations = Formula { adds: None, ..**model }.evaluate(&checked).unwrap();
            prop_assert_eq!(model.evaluate(&checked).unwrap(), by_combinations, "{}", model.spec.id);
        }
    }

    /// Goal: a larger nodule is never less suspect. Method: two diameters, all else equal, every model with one.
    #[test]
    fn every_model_rises_with_the_diameter(inputs in brock_inputs(), mm in 0.5f64..29.0, more in 0.001f64..1.0,
        age in 18u8..=110, bits in 0u32..16) {
        for id in ["brock2b", "brock2b_fp", "brock2a"] {
            let (small, large) = (inputs.clone().with("diameter_mm", mm), inputs.clone().with("diameter_mm", mm + more));
            prop_assert!(probability(id, &small) < probability(id, &large), "{id}");
        }
        let pairs = others(f64::from(age), mm, bits).into_iter().zip(others(f64::from(age), mm + more, bits));
        for ((id, small), (_, large)) in pairs {
            prop_assert!(probability(id, &small) < probability(id, &large), "{id}");
        }
    }

    /// Goal: more nodules make each less suspect. Method: one more, all else equal.
    #[test]
    fn brock_falls_with_the_count(inputs in brock_inputs(), count in 1u8..=199) {
        for id in ["brock2b", "brock2b_fp", "brock2a"] {
            let few = probability(id, &inputs.clone().with("nodule_count", f64::from(count)));
            let many = probability(id, &inputs.clone().with("nodule_count", f64::from(count) + 1.0));
            prop_assert!(many < few, "{id}");
        }
    }

    /// Goal: a range holds every completion and its ends are reached. Method: any inputs left out, then given.
    #[test]
    fn a_range_holds_what_it_leaves_open(inputs in brock_inputs(), gone in 1u32..64) {
        let names: Vec<&str> = BROCK_FLAGS.iter().copied().chain(["type"]).collect();
        let open: Vec<&str> = names.iter().enumerate().filter(|(i, _)| gone >> i & 1 == 1).map(|(_, n)| *n).collect();
        let mut partial = inputs.clone();
        open.iter().for_each(|name| partial.remove(name));
        let evaluation = evaluate_rule(find("brock2b").unwrap(), &partial, Unconfirmed::Refused).unwrap();
        let (low, high) = ends(&evaluation);
        let truth = probability("brock2b", &inputs);
        prop_assert!(low <= truth && truth <= high && low < high);
        // Terms that are shown with a range are those that hold in all of it.
        prop_assert!(evaluation.terms.iter().all(|term| !open.contains(&term.name.as_ref())));
        // One more fact never widens it.
        let told = partial.clone().with(open[0], inputs.value(open[0]).unwrap().clone());
        let narrower = evaluate_rule(find("brock2b").unwrap(), &told, Unconfirmed::Refused).unwrap();
        if open.len() > 1 {
            let (low_then, high_then) = ends(&narrower);
            prop_assert!(low <= low_then && high_then <= high);
        }
    }

    /// Goal: the terms are the answer. Method: add them up.
    #[test]
    fn terms_add_up(inputs in brock_inputs()) {
        let evaluation = evaluate_rule(find("brock2b").unwrap(), &inputs, Unconfirmed::Refused).unwrap();
        let sum: f64 = evaluation.terms.iter().map(|term| term.value).sum();
        prop_assert!((1.0 / (1.0 + (-sum).exp()) - evaluation.probability().unwrap()).abs() < 1e-15);
        for term in &evaluation.terms {
            let product = term.coefficient.map_or(term.input, |coefficient| coefficient * term.input);
            prop_assert!((product - term.value).abs() < 1e-15);
        }
    }

    /// Goal: more data never turns a yes or a no of eligibility round. Method: any person, fields left out.
    #[test]
    fn eligibility_never_changes_its_mind(age in 18u8..=100, status in 0usize..3, packs in 0f64..60.0, quit in 0f64..18.0,
        bits in 0u32..4, gone in 0u32..32) {
        let word = ["never", "former", "current"][status];
        let smoked = status > 0;
        let mut person = Inputs::new().with("age", f64::from(age)).with("status", word)
            .with("pack_years", if smoked { packs } else { 0.0 })
            .with("cpd", if smoked { packs / 2.0 } else { 0.0 }).with("years_smoked", if smoked { 17.0 } else { 0.0 })
            .with("plcom2012", packs / 2000.0).with("llpv2", packs / 1000.0).with("passive_smoke_years", packs / 2.0)
            .with("occupational_exposure_years", quit / 10.0);
        if status == 1 {
            person.set("quit_years", quit);
        }
        let factors = ["copd", "family_history_lung_cancer", "occupational_exposure", "pulmonary_fibrosis", "tuberculosis",
            "prior_cancer"];
        let person = flags(person, &factors, bits);
        let mut partial = person.clone();
        for (i, name) in ["age", "pack_years", "quit_years", "copd", "llpv2"].iter().enumerate() {
            if gone >> i & 1 == 1 {
                partial.remove(name);
            }
        }
        for program in &cad::eligibility::PROGRAMS {
            let whole = evaluate_rule(program, &person, Unconfirmed::Refused).unwrap().answer;
            prop_assert!(matches!(whole, Answer::Result(Outcome::Flag(_))), "{}: {whole:?}", program.spec.id);
            let some = evaluate_rule(program, &partial, Unconfirmed::Refused).unwrap().answer;
            // Pack-years are worked out where they are left out, and may then differ.
            if let (Answer::Result(_), false) = (&some, gone & 2 == 2) {
                prop_assert_eq!(some, whole, "{}", program.spec.id);
            }
        }
    }

    /// Goal: no value, however odd, gives a number that is none, or a crash. Method: any value for any input.
    #[test]
    fn nonsense_never_becomes_a_number(inputs in brock_inputs(), number in proptest::num::f64::ANY, which in 0usize..9) {
        let name = inputs.iter().nth(which).unwrap().0.to_owned();
        let odd = inputs.with(&name, Value::Number(number));
        if let Ok(evaluation) = evaluate_rule(find("brock2b").unwrap(), &odd, Unconfirmed::Refused)
            && let Some(p) = evaluation.probability()
        {
            prop_assert!(p.is_finite() && (0.0..=1.0).contains(&p), "{name} = {number}: {p}");
        }
    }
}

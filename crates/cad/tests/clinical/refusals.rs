//! Nonsense in every input of every rule: an error that names the field, never a number.

use cad::clinical::{ClinicalError, Inputs, Kind, Unconfirmed, Value, evaluate, evaluate_rule, find, rules};

/// Values that an input of this kind must refuse.
fn nonsense(kind: Kind) -> Vec<Value> {
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300].map(Value::Number);
    let mut wrong: Vec<Value> =
        numbers.into_iter().chain([Value::Other("a list"), Value::Other("an object")]).collect();
    let text = |text: &str| Value::Text(text.to_owned());
    match kind {
        Kind::Number { min, max } => {
            wrong.extend([
                Value::Number(min - 1.0),
                Value::Number(max * 1.001 + 1.0),
                text("7"),
                Value::Flag(true),
            ]);
        }
        Kind::Positive { max } => {
            wrong.extend([0.0, -0.0, -1.0, max * 1.001].map(Value::Number));
            wrong.extend([text("7"), Value::Flag(true)]);
        }
        Kind::Integer { min, max } => {
            let (min, max) = (f64::from(min), f64::from(max));
            wrong.extend([min - 1.0, max + 1.0, min + 0.5, -1.0].map(Value::Number));
            wrong.extend([text("7"), Value::Flag(true)]);
        }
        Kind::Flag => {
            wrong.extend([Value::Number(2.0), Value::Number(-1.0), Value::Number(0.5), text("yes"), text("")])
        }
        Kind::Choice(words) => {
            wrong.extend([Value::Number(0.0), Value::Flag(false), text(""), text("unheard-of")]);
            wrong.push(Value::Text(words[0].to_uppercase() + "x"));
        }
    }
    wrong
}

/// Goal: as above. Method: every rule of the registry, every input, every kind of wrong value.
#[test]
fn every_input_refuses_nonsense_by_name() {
    let mut count = 0;
    for rule in rules() {
        for input in rule.spec().inputs {
            for value in nonsense(input.kind) {
                count += 1;
                let inputs = Inputs::new().with(input.name, value.clone());
                let id = rule.spec().id;
                match evaluate_rule(rule, &inputs, Unconfirmed::Allowed) {
                    Err(error) => {
                        let told = error.to_string();
                        assert!(
                            told.contains(input.name) && told.contains(id),
                            "{id} {}: {told}",
                            input.name
                        );
                    }
                    Ok(evaluation) => panic!("{id} took {} = {value:?}: {:?}", input.name, evaluation.answer),
                }
            }
        }
    }
    assert!(count > 1000, "{count}");
}

/// Goal: nothing given is never a number. Method: every rule, no inputs.
#[test]
fn without_inputs_there_is_no_number() {
    for rule in rules().filter(|rule| !rule.spec().id.starts_with("guideline:")) {
        let evaluation = evaluate_rule(rule, &Inputs::new(), Unconfirmed::Allowed).unwrap();
        let told = format!("{:?}", evaluation.answer);
        assert!(told.starts_with("Insufficient"), "{}: {told}", rule.spec().id);
    }
}

fn told(id: &str, inputs: &Inputs) -> String {
    evaluate(id, inputs).unwrap_err().to_string()
}

/// Goal: a wrong name is answered with the right one. Method: typical slips.
#[test]
fn unknown_names_are_answered_with_the_nearest() {
    assert_eq!(told("brok2b", &Inputs::new()), "there is no model \"brok2b\"; the nearest is \"brock2b\"");
    let nearest = |id: &str| match find(id).map(|rule| rule.spec().id) {
        Err(ClinicalError::UnknownModel { nearest, .. }) => nearest,
        Err(other) => panic!("{other}"),
        Ok(found) => panic!("{found}"),
    };
    assert_eq!(nearest("Mayo"), "mayo");
    assert_eq!(nearest("plco2012"), "plcom2012");
    assert_eq!(nearest("eligibility:uspstf2021"), "eligibility:USPSTF2021");
    assert_eq!(nearest("measure:vdt"), "measure:vdt_days");
    assert_eq!(nearest("guideline:lungrads_2022"), "guideline:lung_rads_2022");
    let slip = told("brock2b", &Inputs::new().with("diameter", 8.0));
    assert_eq!(slip, "brock2b takes no input \"diameter\"; the nearest is \"diameter_mm\"");
    let slip = told("brock2b", &Inputs::new().with("type", "part-solid"));
    assert!(slip.contains("(nearest: part_solid)"), "{slip}");
    let long = told(&"x".repeat(1000), &Inputs::new());
    assert!(long.len() < 200, "{long}");
}

/// Goal: a rule never asks for an input that it does not list. Method: the default of `uses`, and criteria.
#[test]
fn rules_use_only_what_they_list() {
    for rule in rules() {
        let listed: Vec<&str> = rule.spec().inputs.iter().map(|input| input.name).collect();
        for name in rule.uses() {
            assert!(listed.contains(&name), "{}: {name}", rule.spec().id);
        }
        let spec = rule.spec();
        for text in [spec.id, spec.version, spec.title, spec.predicts, spec.population, spec.citation] {
            assert!(!text.is_empty(), "{}", spec.id);
        }
    }
    let mut ids: Vec<&str> = rules().map(|rule| rule.spec().id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rules().count(), "an id twice");
}

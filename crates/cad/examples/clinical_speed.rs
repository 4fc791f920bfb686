//! How many evaluations a second one core makes: each risk model, all guidelines together, one JSON a line.
//!
//! `cargo run --release -p cad --example clinical_speed`

#![allow(clippy::print_stdout, reason = "an example that prints what it measured")]
#![allow(clippy::disallowed_methods, reason = "an example that measures needs a clock")]

use cad::clinical::{Checked, Inputs, Rule, Unconfirmed, evaluate_rule, find, wire};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Calls a second of `work`, over at least half a second.
fn rate(mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut calls = 0u32;
    while started.elapsed() < Duration::from_millis(500) {
        for _ in 0..256 {
            work();
        }
        calls += 256;
    }
    f64::from(calls) / started.elapsed().as_secs_f64()
}

/// A complete question for each risk model.
fn questions() -> Vec<(&'static str, &'static str)> {
    let brock = r#"{"age": 68, "female": 1, "family_history_lung_cancer": 0, "emphysema": 1, "diameter_mm": 8, "type": "solid", "upper_lobe": 1, "nodule_count": 1, "spiculation": 0}"#;
    let open = r#"{"age": 68, "diameter_mm": 8, "nodule_count": 1}"#;
    let herder = r#"{"pretest": 0.35, "fdg": "moderate"}"#;
    let llp = r#"{"age": 68, "female": 1, "smoking_years": 30, "respiratory_disease": 0, "asbestos": 0, "prior_cancer": 0, "family_history": "none"}"#;
    vec![
        ("brock2b", brock),
        ("brock2b_fp", brock),
        (
            "brock2a",
            r#"{"age": 68, "female": 1, "family_history_lung_cancer": 0, "emphysema": 1, "diameter_mm": 8, "type": "solid", "upper_lobe": 1, "nodule_count": 1}"#,
        ),
        (
            "mayo",
            r#"{"age": 74, "ever_smoker": 1, "extrathoracic_cancer_over_5y": 0, "diameter_mm": 7, "spiculation": 0, "upper_lobe": 1}"#,
        ),
        ("va", r#"{"age": 66, "ever_smoker": 1, "years_since_quit": 12, "diameter_mm": 14}"#),
        ("herder2005_logistic", herder),
        ("herder_bts_lr", herder),
        (
            "pkuph",
            r#"{"age": 60, "diameter_mm": 15, "spiculation": 1, "family_history_cancer": 0, "calcification": 0, "clear_border": 0}"#,
        ),
        ("llpv2", llp),
        ("llpv3", llp),
        (
            "plcom2012",
            r#"{"age": 62, "race": "white", "education": 4, "bmi": 27, "copd": 0, "personal_cancer": 0, "family_history_lung_cancer": 0, "current_smoker": 0, "cigarettes_per_day": 80, "smoking_years": 27, "quit_years": 10}"#,
        ),
        // The worst: 96 combinations of what is missing.
        ("brock2b", open),
    ]
}

fn inputs(json: &str) -> Inputs {
    let line = format!(r#"{{"model": "any", "inputs": {json}}}"#);
    wire::Request::from_line(&line).map(|request| request.inputs).unwrap_or_default()
}

fn main() {
    for (id, json) in questions() {
        let (Ok(rule), inputs) = (find(id), inputs(json)) else { continue };
        let whole = rate(|| {
            let _ = black_box(evaluate_rule(rule, black_box(&inputs), Unconfirmed::Refused));
        });
        let spec = rule.spec();
        let Ok(checked) = Checked::new(spec.id, spec.inputs, &inputs) else { continue };
        let bare = rate(|| {
            let _ = black_box(rule.evaluate(black_box(&checked)));
        });
        let kind = if json.len() < 60 && id.starts_with("brock") { ", 96 combinations" } else { "" };
        println!("{id}{kind}: {whole:.0}/s with its checks, {bare:.0}/s without");
    }
    let line = format!(r#"{{"model": "brock2b", "inputs": {}}}"#, questions()[0].1);
    let lines = rate(|| {
        let _ = black_box(wire::answer_line(black_box(&line), Unconfirmed::Refused));
    });
    println!("one JSON a line (brock2b): {lines:.0}/s");
    let nodule = [
        ("type", r#""solid""#),
        ("mean_mm", "7.2"),
        ("age", "62"),
        ("risk", r#""high""#),
        ("max_mm", "8"),
        ("volume_mm3", "195"),
        ("timing", r#""baseline""#),
    ];
    let guidelines: Vec<(&dyn Rule, Inputs)> = cad::guideline::rules()
        .map(|rule| {
            let known = |name: &str| rule.spec().inputs.iter().any(|input| input.name == name);
            let members: Vec<String> = nodule
                .iter()
                .filter(|(name, _)| known(name))
                .map(|(name, value)| format!("\"{name}\": {value}"))
                .collect();
            (rule, inputs(&format!("{{{}}}", members.join(", "))))
        })
        .collect();
    let all = rate(|| {
        for (rule, inputs) in &guidelines {
            let _ = black_box(evaluate_rule(*rule, black_box(inputs), Unconfirmed::Refused));
        }
    });
    println!("all {} guidelines together: {all:.0}/s", guidelines.len());
}

//! How many evaluations a second one core makes: each risk model on the inputs of a typical nodule, and all guidelines
//! together on one.
//!
//! `cargo run --release -p cad --example clinical_rate`

#![allow(clippy::print_stdout, clippy::disallowed_methods)] // a benchmark prints and reads the clock

use cad::clinical::{Evaluation, Inputs, Need, Unconfirmed, evaluate_rule};
use cad::guideline::compare::compare;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long each is measured.
const EACH: Duration = Duration::from_secs(2);
/// Evaluations between two looks at the clock.
const BATCH: u32 = 200;

/// A former smoker of 64 with a solid nodule of 9 mm; every rule takes what it asks for.
fn person_and_nodule() -> Inputs {
    Inputs::new()
        .with("age", 64.0)
        .with("female", true)
        .with("family_history_lung_cancer", false)
        .with("family_history_cancer", false)
        .with("emphysema", true)
        .with("ever_smoker", true)
        .with("years_since_quit", 5.0)
        .with("extrathoracic_cancer_over_5y", false)
        .with("nodule_count", 2.0)
        .with("diameter_mm", 9.0)
        .with("type", "solid")
        .with("upper_lobe", true)
        .with("spiculation", false)
        .with("calcification", false)
        .with("clear_border", true)
        .with("pretest", 0.2)
        .with("fdg", "moderate")
}

/// Evaluations a second.
fn rate(mut once: impl FnMut()) -> f64 {
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < EACH {
        (0..BATCH).for_each(|_| once());
        count += BATCH;
    }
    f64::from(count) / started.elapsed().as_secs_f64()
}

fn main() {
    let known = person_and_nodule();
    for rule in cad::risk::rules() {
        let spec = rule.spec();
        let mut inputs = Inputs::new();
        for input in spec.inputs {
            if let Some(value) = known.value(input.name) {
                inputs.set(input.name, value.clone());
            }
        }
        let lacks =
            spec.inputs.iter().any(|input| input.need == Need::Required && known.value(input.name).is_none());
        let ask = || -> Evaluation { evaluate_rule(rule, &inputs, Unconfirmed::Allowed).expect(spec.id) };
        black_box(ask());
        let per_second = rate(|| {
            black_box(ask());
        });
        let note = if lacks { " (an input is missing: the way to \"insufficient\")" } else { "" };
        println!("{:24} {per_second:>12.0} a second{note}", spec.id);
    }
    let nodule = Inputs::new()
        .with("type", "solid")
        .with("mean_mm", 9.0)
        .with("max_mm", 10.0)
        .with("volume_mm3", 380.0)
        .with("risk", "high")
        .with("brock_min", 0.04)
        .with("brock_max", 0.12)
        .with("age", 64.0);
    let per_second = rate(|| {
        black_box(compare(&nodule).expect("guidelines"));
    });
    println!("{:24} {per_second:>12.0} nodules a second", "all guidelines");
}

//! Every number of every table and every node of every criterion, changed or deleted one at a time: some vector
//! or case must fail.

#![allow(clippy::print_stdout, reason = "the counts are what these tests are run to see")]

use crate::cases::{Case, own, vectors};
use cad::clinical::Rule;
use cad::clinical::formula::{Constant, Formula};
use cad::clinical::measures::MEASURES;
use cad::eligibility::{Criterion, PROGRAMS, Program};
use cad::risk::MODELS;

fn cases_of(id: &str) -> Vec<Case> {
    vectors().into_iter().chain(own()).filter(|case| case.request.model == id).collect()
}

/// One unit in the last printed place.
fn last_place(value: f64) -> f64 {
    let text = format!("{value}");
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    10f64.powi(-i32::try_from(decimals).unwrap())
}

/// The table with one number one unit up, one unit down, and gone; for each number.
fn mutated_tables(table: &[Constant]) -> Vec<(String, Vec<Constant>)> {
    let mut all = Vec::new();
    for (i, constant) in table.iter().enumerate() {
        for sign in [1.0, -1.0] {
            let mut mutant = table.to_vec();
            mutant[i].value += sign * last_place(constant.value);
            all.push((format!("{} = {}", constant.name, mutant[i].value), mutant));
        }
        let mut mutant = table.to_vec();
        mutant.remove(i);
        all.push((format!("{} deleted", constant.name), mutant));
    }
    all
}

fn survives(cases: &[Case], rule: &dyn Rule) -> bool {
    cases.iter().all(|case| case.check(rule).is_ok())
}

/// Goal: no number of a table can change unseen. Method: mutants of one unit in the last printed place, both
/// ways, and without it.
#[test]
fn every_number_of_every_table_is_held() {
    let (mut count, mut survivors) = (0, Vec::new());
    for formula in MODELS.iter().chain(MEASURES.iter()) {
        let cases = cases_of(formula.spec.id);
        assert!(survives(&cases, *formula), "{}", formula.spec.id);
        for (what, table) in mutated_tables(formula.table) {
            count += 1;
            let table: &'static [Constant] = Box::leak(table.into_boxed_slice());
            if survives(&cases, &Formula { table, ..**formula }) {
                survivors.push(format!("{}: {what}", formula.spec.id));
            }
        }
    }
    println!("mutants of tables: {count}, survivors: {}", survivors.len());
    assert!(survivors.is_empty(), "{} of {count}: {survivors:#?}", survivors.len());
    assert!(count > 600, "{count}");
}

/// Every criterion that differs from `criterion` in one limit, one comparison, one word or one missing part.
fn mutated_criteria(criterion: Criterion) -> Vec<Criterion> {
    use Criterion::{Above, All, Any, AtLeast, AtMost, Below, Is, IsNot, Yes};
    let limits = |make: fn(&'static str, f64) -> Criterion, name: &'static str, limit: f64| {
        [limit + last_place(limit), limit - last_place(limit)].map(|limit| make(name, limit))
    };
    let mut all = Vec::new();
    match criterion {
        All(parts) | Any(parts) => {
            let make: fn(&'static [Criterion]) -> Criterion =
                if matches!(criterion, All(_)) { All } else { Any };
            for (i, part) in parts.iter().enumerate() {
                for mutant in mutated_criteria(*part) {
                    let mut parts = parts.to_vec();
                    parts[i] = mutant;
                    all.push(make(Box::leak(parts.into_boxed_slice())));
                }
                let mut parts = parts.to_vec();
                parts.remove(i);
                all.push(make(Box::leak(parts.into_boxed_slice())));
            }
            all.push(if matches!(criterion, All(_)) { Any(parts) } else { All(parts) });
        }
        AtLeast(name, limit) => {
            all.extend(limits(AtLeast, name, limit).into_iter().chain([Above(name, limit)]))
        }
        Above(name, limit) => {
            all.extend(limits(Above, name, limit).into_iter().chain([AtLeast(name, limit)]))
        }
        AtMost(name, limit) => {
            all.extend(limits(AtMost, name, limit).into_iter().chain([Below(name, limit)]))
        }
        Below(name, limit) => all.extend(limits(Below, name, limit).into_iter().chain([AtMost(name, limit)])),
        Is(name, word) => all.push(IsNot(name, word)),
        IsNot(name, word) => all.push(Is(name, word)),
        // Gone is the only way for it to differ; its parent drops it.
        Yes(_) => {}
    }
    all
}

/// Goal: no limit, comparison or part of a criterion can change unseen. Method: mutants as above.
#[test]
fn every_node_of_every_criterion_is_held() {
    let (mut count, mut survivors) = (0, Vec::new());
    for program in &PROGRAMS {
        let cases = cases_of(program.spec.id);
        assert!(survives(&cases, program), "{}", program.spec.id);
        for criterion in mutated_criteria(program.criterion) {
            count += 1;
            if survives(&cases, &Program { criterion, ..*program }) {
                survivors.push(format!("{}: {}", program.spec.id, criterion.words()));
            }
        }
    }
    println!("mutants of criteria: {count}, survivors: {}", survivors.len());
    assert!(survivors.is_empty(), "{} of {count}: {survivors:#?}", survivors.len());
    assert!(count > 200, "{count}");
}

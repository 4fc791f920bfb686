//! A mutation run over the tables: each single change of a limit, a comparison, a word, a condition, a row or a
//! verdict must make a case fail.

use super::super::table::{Bound, Condition, Limit, Overlay, Rounding, Row};
use super::super::{ALL, Guideline};
use super::cases::{cases, first_failure, verdict};
use crate::clinical::Interval;
use std::collections::BTreeSet;

type Table = (Vec<Row>, Vec<Overlay>);

/// A changed copy of a table and what was changed.
struct Mutant {
    what: String,
    table: Table,
}

fn leak<T>(items: Vec<T>) -> &'static [T] {
    Box::leak(items.into_boxed_slice())
}

/// Smallest change of a limit that a case can see.
fn step(guideline: &Guideline, condition: &Condition) -> f64 {
    let (Condition::Number(field, ..) | Condition::StatedNumber(field, ..)) = condition else { return 0.0 };
    match field.name() {
        "brock" | "herder" | "model_probability" | "volume_change" => 0.0001,
        "months" | "months_since_prior" => 0.01,
        "vdt_days" | "age" => 0.1,
        "volume_mm3" | "solid_volume_mm3" => size_steps(guideline).1,
        _ => size_steps(guideline).0,
    }
}

/// The same for limits of sizes: diameter, volume.
fn size_steps(guideline: &Guideline) -> (f64, f64) {
    match guideline.rounding {
        Rounding::Tenths => (0.1, 1.0),
        Rounding::WholeMm => (1.0, 0.1),
        Rounding::Unrounded => (0.01, 0.1),
    }
}

fn flipped(bound: Bound) -> Bound {
    match bound {
        Bound::Below => Bound::UpTo,
        Bound::UpTo => Bound::Below,
        Bound::From => Bound::Above,
        Bound::Above => Bound::From,
    }
}

/// Every single change of one condition, with its kind.
fn changed(guideline: &Guideline, condition: &Condition) -> Vec<(&'static str, Condition)> {
    let mut all = Vec::new();
    match *condition {
        Condition::Size(size, bound, limit) => {
            all.push(("comparison", Condition::Size(size, flipped(bound), limit)));
            let (mm, mm3) = size_steps(guideline);
            for sign in [-1.0, 1.0] {
                if let Some(diameter) = limit.mm {
                    let limit = Limit { mm: Some(diameter + sign * mm), ..limit };
                    all.push(("limit", Condition::Size(size, bound, limit)));
                }
                if let Some(volume) = limit.mm3 {
                    let limit = Limit { mm3: Some(volume + sign * mm3), ..limit };
                    all.push(("limit", Condition::Size(size, bound, limit)));
                }
            }
        }
        Condition::Number(field, bound, limit) => {
            all.push(("comparison", Condition::Number(field, flipped(bound), limit)));
            for sign in [-1.0, 1.0] {
                all.push((
                    "limit",
                    Condition::Number(field, bound, limit + sign * step(guideline, condition)),
                ));
            }
        }
        Condition::StatedNumber(field, bound, limit) => {
            all.push(("comparison", Condition::StatedNumber(field, flipped(bound), limit)));
            for sign in [-1.0, 1.0] {
                all.push((
                    "limit",
                    Condition::StatedNumber(field, bound, limit + sign * step(guideline, condition)),
                ));
            }
        }
        Condition::Word(field, words) | Condition::Stated(field, words) if words.len() > 1 => {
            for word in words {
                let rest = leak(words.iter().copied().filter(|one| one != word).collect());
                all.push((
                    "word",
                    match condition {
                        Condition::Word(..) => Condition::Word(field, rest),
                        _ => Condition::Stated(field, rest),
                    },
                ));
            }
        }
        _ => {}
    }
    all
}

/// Every single change of the conditions of one row.
fn changed_row(guideline: &Guideline, row: &Row) -> Vec<(String, Row)> {
    let mut all = Vec::new();
    let with = |i: usize, conditions: Vec<Condition>| {
        let mut when: Vec<&'static [Condition]> = row.when.to_vec();
        when[i] = leak(conditions);
        Row { when: leak(when), ..row.clone() }
    };
    for (i, alternative) in row.when.iter().enumerate() {
        for (j, condition) in alternative.iter().enumerate() {
            for (kind, other) in changed(guideline, condition) {
                let mut conditions = alternative.to_vec();
                conditions[j] = other;
                all.push((format!("{kind} of {}: {condition:?} to {other:?}", row.id), with(i, conditions)));
            }
            let mut conditions = alternative.to_vec();
            conditions.remove(j);
            all.push((
                format!("condition taken from {} alternative {i}: {condition:?}", row.id),
                with(i, conditions),
            ));
        }
        if row.when.len() > 1 {
            let mut when = row.when.to_vec();
            when.remove(i);
            all.push((
                format!("alternative {i} taken from {}", row.id),
                Row { when: leak(when), ..row.clone() },
            ));
        }
    }
    all
}

/// Every single change of the verdict of one row.
fn changed_verdict(row: &Row) -> Vec<(String, Row)> {
    let mut category = row.clone();
    category.verdict.category = "other";
    let mut interval = row.clone();
    interval.verdict.interval = Interval::Months(7);
    let mut urgency = row.clone();
    urgency.verdict.urgency = match row.verdict.urgency {
        None => Some(super::super::table::Urgency::Now),
        Some(_) => None,
    };
    let named = |what: &str, row: Row| (format!("{what} of the verdict of {}", row.id), row);
    vec![named("category", category), named("interval", interval), named("urgency", urgency)]
}

fn mutants(guideline: &Guideline) -> Vec<Mutant> {
    let (rows, overlays) = (guideline.rows.to_vec(), guideline.overlays.to_vec());
    let mut all = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        for (what, other) in changed_row(guideline, row) {
            let mut table = (rows.clone(), overlays.clone());
            table.0[i] = other;
            all.push(Mutant { what, table });
        }
        let mut table = (rows.clone(), overlays.clone());
        table.0.remove(i);
        all.push(Mutant { what: format!("row {} taken out", row.id), table });
    }
    for (i, overlay) in overlays.iter().enumerate() {
        for (what, other) in changed_row(guideline, &overlay.row) {
            let mut table = (rows.clone(), overlays.clone());
            table.1[i].row = other;
            all.push(Mutant { what, table });
        }
        for category in overlay.over {
            let mut table = (rows.clone(), overlays.clone());
            table.1[i].over = leak(overlay.over.iter().copied().filter(|one| one != category).collect());
            all.push(Mutant { what: format!("{} no longer over {category}", overlay.row.id), table });
        }
        let mut table = (rows.clone(), overlays.clone());
        table.1.remove(i);
        all.push(Mutant { what: format!("overlay {} taken out", overlay.row.id), table });
    }
    all
}

/// Goal: no single limit, comparison, word, condition, row or verdict can change unseen. Method: every such
/// change, one at a time, against the hand-written cases and verdicts.
#[test]
fn every_single_change_of_a_table_is_seen() {
    let listed: BTreeSet<&str> = include_str!("verdicts.txt").lines().collect();
    let (mut count, mut limits, mut survivors) = (0, 0, Vec::new());
    for guideline in ALL {
        let cases = cases(guideline);
        let unchanged = first_failure(&cases, guideline, guideline.rows, guideline.overlays);
        assert_eq!(unchanged, None, "the unchanged table must pass");
        for mutant in mutants(guideline) {
            count += 1;
            limits += usize::from(mutant.what.starts_with("limit") || mutant.what.starts_with("comparison"));
            if first_failure(&cases, guideline, &mutant.table.0, &mutant.table.1).is_none() {
                survivors.push(mutant.what);
            }
        }
        for (what, row) in guideline.all_rows().flat_map(changed_verdict) {
            count += 1;
            if listed.contains(verdict(&row).as_str()) {
                survivors.push(what);
            }
        }
    }
    eprintln!(
        "{count} changes of the tables, {limits} of them of limits and comparisons; {} unseen",
        survivors.len()
    );
    assert!(
        survivors.is_empty(),
        "{} of {count} changes are unseen:\n{}",
        survivors.len(),
        survivors.join("\n")
    );
    assert!(limits > 300, "only {limits} changes of limits: the run no longer reaches them");
}

//! Hand-written cases: inputs and the row that they must reach.

use super::super::facts::Facts;
use super::super::field::INPUTS;
use super::super::table::{Overlay, Row, Urgency};
use super::super::walk::{Found, Rows};
use super::super::{ALL, Guideline};
use crate::clinical::{Checked, ClinicalError, Inputs, Interval, Kind};
use std::collections::BTreeSet;

/// One line of `cases.txt`, with each of its alternatives spelled out.
pub(super) struct Case {
    pub(super) line: String,
    /// Facts, or the name of the input that was refused.
    pub(super) facts: Result<Facts, String>,
    /// What must come out.
    pub(super) expected: String,
    /// Whether the order of the rows must not matter.
    pub(super) in_any_order: bool,
}

/// Inputs of one word list: short forms and `name=value` with alternatives; all combinations.
pub(super) fn inputs(words: &str) -> Vec<Inputs> {
    let mut all = vec![Inputs::new()];
    for word in words.split_whitespace() {
        let long = long_form(word);
        let (name, values) = long.split_once('=').unwrap_or_else(|| panic!("no value in {word}"));
        let spread = |one: &Inputs| {
            let with = |value: &str| with_value(one.clone(), name, value);
            values.split('/').map(with).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(spread).collect();
    }
    all
}

fn long_form(word: &str) -> String {
    let known = match word {
        "solid" => "type=solid/solid_pleural",
        "ggn" => "type=ggn/nonsolid",
        "ps" => "type=part_solid",
        "same" => "timing=stable/decreased",
        other => other,
    };
    let short = [
        ("sv", "solid_volume_mm3"),
        ("d", "mean_mm"),
        ("s", "solid_mm"),
        ("v", "volume_mm3"),
        ("m", "max_mm"),
    ];
    for (letter, name) in short {
        if let Some(number) = word.strip_prefix(letter)
            && number.parse::<f64>().is_ok()
        {
            return format!("{name}={number}");
        }
    }
    known.to_owned()
}

fn with_value(inputs: Inputs, name: &str, value: &str) -> Inputs {
    let spec = INPUTS.iter().find(|input| input.name == name).unwrap_or_else(|| panic!("no input {name}"));
    match spec.kind {
        Kind::Flag => inputs.with(name, value == "true"),
        Kind::Choice(_) => inputs.with(name, value),
        _ => inputs.with(name, value.parse::<f64>().unwrap()),
    }
}

/// All cases of one guideline.
pub(super) fn cases(guideline: &Guideline) -> Vec<Case> {
    let section = format!("[{}]", guideline.spec.id.trim_start_matches("guideline:"));
    let text = include_str!("cases.txt");
    let lines =
        text.lines().skip_while(|line| *line != section).skip(1).take_while(|line| !line.starts_with('['));
    let mut cases = Vec::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let in_any_order = line.contains("->");
        let (left, right) = line.split_once("->").or_else(|| line.split_once("=>")).unwrap();
        for inputs in inputs(left) {
            let facts = Checked::new(guideline.spec.id, guideline.spec.inputs, &inputs)
                .and_then(|checked| Facts::new(guideline.spec.id, &checked))
                .map_err(|error| refused_field(&error));
            let line = format!("{line}   [{}]", spelled(&inputs));
            cases.push(Case { line, facts, expected: right.trim().to_owned(), in_any_order });
        }
    }
    assert!(!cases.is_empty(), "no cases for {section}");
    cases
}

fn spelled(inputs: &Inputs) -> String {
    inputs.iter().map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(" ")
}

fn refused_field(error: &ClinicalError) -> String {
    match error {
        ClinicalError::Contradiction { field, .. } | ClinicalError::OutOfRange { field, .. } => {
            (*field).to_owned()
        }
        other => panic!("an unexpected error: {other}"),
    }
}

/// What the walks ended in, in the words of `cases.txt`.
pub(super) fn outcome(ends: &[Found<'_>]) -> String {
    let mut rows: Vec<(Option<Urgency>, String)> = Vec::new();
    for end in ends {
        match end {
            Found::Missing { fields, .. } => return format!("? {}", fields.names().join(",")),
            Found::Nothing => return "none".to_owned(),
            Found::Row { row, under: None } => rows.push((row.verdict.urgency, row.id.to_owned())),
            Found::Row { row, under: Some(under) } => {
                rows.push((row.verdict.urgency, format!("{} < {}", row.id, under.id)));
            }
        }
    }
    rows.sort();
    let ids: Vec<String> = rows.into_iter().map(|(_, id)| id).collect();
    match ids.as_slice() {
        [one] => one.clone(),
        [first, .., last] => format!("{first} .. {last}"),
        [] => "none".to_owned(),
    }
}

/// What is wrong with a table by one case; `None` where it passes.
pub(super) fn failure(case: &Case, forward: Rows<'_>, backward: Rows<'_>) -> Option<String> {
    let got = match &case.facts {
        Err(field) => format!("! {field}"),
        Ok(facts) => outcome(&forward.walk_ranges(facts)),
    };
    if got != case.expected {
        return Some(format!("{}: got {got}", case.line));
    }
    let a_row = !case.expected.starts_with(['?', '!']) && case.expected != "none";
    if let (true, true, Ok(facts)) = (case.in_any_order, a_row, &case.facts) {
        let got = outcome(&backward.walk_ranges(facts));
        if got != case.expected {
            return Some(format!("{}: got {got} with the rows in reverse", case.line));
        }
    }
    None
}

/// First failure of a guideline's cases on these rows.
pub(super) fn first_failure(
    cases: &[Case],
    guideline: &Guideline,
    rows: &[Row],
    overlays: &[Overlay],
) -> Option<String> {
    let (rounding, needs) = (guideline.rounding, guideline.needs);
    let reversed: Vec<Row> = rows.iter().rev().cloned().collect();
    let forward = Rows { rows, overlays, rounding, needs };
    let backward = Rows { rows: &reversed, overlays, rounding, needs };
    cases.iter().find_map(|case| failure(case, forward, backward))
}

/// Goal: each case reaches its row, whatever the order of the rows where it says so. Method: `cases.txt`.
#[test]
fn every_case_reaches_its_row() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for guideline in ALL {
        let reversed: Vec<Row> = guideline.rows.iter().rev().cloned().collect();
        let backward = Rows { rows: &reversed, ..guideline.table() };
        let cases = cases(guideline);
        count += cases.len();
        wrong.extend(cases.iter().filter_map(|case| failure(case, guideline.table(), backward)));
    }
    assert!(wrong.is_empty(), "{} of {count} cases fail:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 500, "only {count} cases");
}

/// Goal: every row of every guideline is fired by a case. Method: rows named by `cases.txt` against the tables.
#[test]
fn every_row_is_fired_by_a_case() {
    let mut fired = BTreeSet::new();
    for guideline in ALL {
        for case in cases(guideline) {
            if let Ok(facts) = &case.facts {
                for end in guideline.table().walk_ranges(facts) {
                    if let Found::Row { row, .. } = end {
                        fired.insert(row.id);
                    }
                }
            }
        }
    }
    let all: BTreeSet<_> = ALL.iter().flat_map(|guideline| guideline.all_rows()).map(|row| row.id).collect();
    assert_eq!(fired, all);
}

/// Category, interval and urgency of a row, in the words of `verdicts.txt`.
pub(super) fn verdict(row: &Row) -> String {
    let interval = match &row.verdict.interval {
        Interval::Absent => "-".to_owned(),
        Interval::None => "none".to_owned(),
        Interval::Months(months) => months.to_string(),
        Interval::Text(text) => (*text).to_owned(),
    };
    let urgency = row.verdict.urgency.map_or("nothing".to_owned(), |urgency| format!("{urgency:?}"));
    format!("{} | {} | {interval} | {urgency}", row.id, row.verdict.category)
}

/// Goal: each row answers what the guideline prints. Method: every row against `verdicts.txt`, both ways.
#[test]
fn every_row_answers_what_the_guideline_prints() {
    let listed: BTreeSet<String> = include_str!("verdicts.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let ours: BTreeSet<String> = ALL.iter().flat_map(|guideline| guideline.all_rows()).map(verdict).collect();
    let differ: Vec<_> = listed.symmetric_difference(&ours).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert_eq!(
        ours.len(),
        ALL.iter().map(|guideline| guideline.all_rows().count()).sum::<usize>(),
        "no id twice"
    );
}

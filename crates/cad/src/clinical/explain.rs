//! Rules and evaluations for a person at a terminal and for `docs/CLINICAL.md`.

use super::answer::{Answer, Category, Interval, Outcome, Term};
use super::error::ClinicalError;
use super::formula::Link;
use super::inputs::{Checked, Inputs, Known};
use super::registry::{Unconfirmed, evaluate_rule, find, rules};
use super::rule::{Rule, Standing};
use std::fmt::Write as _;

/// One evaluation as a person would work it on paper.
///
/// # Errors
/// As [`super::evaluate`].
pub fn explain(id: &str, inputs: &Inputs, unconfirmed: Unconfirmed) -> Result<String, ClinicalError> {
    let rule = find(id)?;
    let spec = rule.spec();
    let checked = Checked::new(spec.id, spec.inputs, inputs)?;
    let evaluation = evaluate_rule(rule, inputs, unconfirmed)?;
    let mut text = format!("{} ({}, version {})\n{}\n", spec.title, spec.id, spec.version, spec.citation);
    let _ = writeln!(text, "for: {}", spec.population);
    for (input, value) in checked.given() {
        let _ = writeln!(text, "  {} = {}{}", input.name, known(value), unit(input.unit));
    }
    if !evaluation.terms.is_empty() {
        text.push_str("working\n");
        for term in &evaluation.terms {
            let _ = writeln!(text, "  {}", term_line(term));
        }
    }
    let whole = matches!(evaluation.answer, Answer::Result(_));
    if whole && rule.link() == Link::Logistic {
        let sum: f64 = evaluation.terms.iter().map(|term| term.value).sum();
        let probability = 1.0 / (1.0 + (-sum).exp());
        let _ = writeln!(text, "  {:<28} {:>44}", "x, the sum", signed(sum));
        let _ = writeln!(text, "  p = 1 / (1 + exp(-x)) = {probability:.8}");
    }
    for step in &evaluation.steps {
        let _ = writeln!(text, "  {step}");
    }
    let _ = writeln!(text, "answer: {}", answer_words(&evaluation.answer, spec.unit));
    if let Standing::PartlyConfirmed(what) | Standing::Off(what) = spec.standing {
        let _ = writeln!(text, "not confirmed: {what}");
    }
    for warning in &evaluation.warnings {
        let _ = writeln!(text, "note: {warning}");
    }
    text.push_str("second reader, for research use; not a diagnosis\n");
    Ok(text)
}

fn unit(unit: &str) -> String {
    if unit.is_empty() { String::new() } else { format!(" {unit}") }
}

fn known(value: Known) -> String {
    match value {
        Known::Number(number) => number.to_string(),
        Known::Flag(true) => "yes".to_owned(),
        Known::Flag(false) => "no".to_owned(),
        Known::Word(word) => word.to_owned(),
    }
}

fn signed(value: f64) -> String {
    // Not -0.0000: a term that adds nothing has no sign.
    if value.abs() < 0.5e-4 { "0.0000".to_owned() } else { format!("{value:+.4}") }
}

fn term_line(term: &Term) -> String {
    match term.coefficient {
        Some(coefficient) => {
            let product = format!("{coefficient} x {:.4}", term.input);
            format!("{:<28} {product:>32} = {:>9}", term.name, signed(term.value))
        }
        None => format!("{:<28} {:>44}", term.name, signed(term.value)),
    }
}

fn outcome_words(outcome: &Outcome, unit_word: &str) -> String {
    match outcome {
        Outcome::Probability(value) => format!("{:.1} % ({value:.6})", value * 100.0),
        Outcome::Number(value) => format!("{value}{}", unit(unit_word)),
        Outcome::Unbounded => "no bound".to_owned(),
        Outcome::Flag(true) => "yes".to_owned(),
        Outcome::Flag(false) => "no".to_owned(),
        Outcome::Text(text) => text.to_string(),
        Outcome::Category(category) => category_words(category),
    }
}

fn category_words(category: &Category) -> String {
    let Category { category, row, interval, management } = category;
    let interval = match interval {
        Interval::Absent | Interval::None => String::new(),
        Interval::Months(months) => format!(", {months} months"),
        Interval::Text(text) => format!(", {text} months"),
    };
    format!("{category} (row {row}{interval}): {management}")
}

fn answer_words(answer: &Answer, unit: &str) -> String {
    match answer {
        Answer::Result(outcome) => outcome_words(outcome, unit),
        Answer::Range { low, high, missing } => {
            let (low, high) = (outcome_words(low, unit), outcome_words(high, unit));
            format!("between {low} and {high}; not known: {}", missing.join(", "))
        }
        Answer::NotApplicable { reason } => format!("not applicable: {reason}"),
        Answer::Insufficient { missing } => format!("insufficient; needed: {}", missing.join(", ")),
    }
}

/// Every rule with citation, inputs, units, population and limits.
#[must_use]
pub fn list() -> String {
    rules().map(describe).collect::<Vec<_>>().join("\n")
}

/// A rule with citation, inputs, units, population and limits.
#[must_use]
pub fn describe(rule: &dyn Rule) -> String {
    let spec = rule.spec();
    let mut text = format!("{}  {} (version {})\n", spec.id, spec.title, spec.version);
    let _ = writeln!(
        text,
        "  gives       {}{}",
        spec.predicts,
        if spec.unit.is_empty() { String::new() } else { format!(", {}", spec.unit) }
    );
    let _ = writeln!(text, "  population  {}", spec.population);
    let _ = writeln!(text, "  citation    {}", spec.citation);
    let standing = match spec.standing {
        Standing::Confirmed => "confirmed".to_owned(),
        Standing::PartlyConfirmed(what) => format!("in use; not confirmed: {what}"),
        Standing::Off(why) => format!("off: {why}"),
    };
    let _ = writeln!(text, "  standing    {standing}");
    let uses = rule.uses();
    for input in spec.inputs.iter().filter(|input| uses.contains(&input.name)) {
        let usual = input.usual.map_or_else(String::new, |(low, high)| format!("; made for {low} to {high}"));
        let (name, need) = (input.name, input.need.word());
        let _ = writeln!(text, "    {name:<30} {need:<9} {}{usual}; {}", input.accepted(), input.meaning);
    }
    for note in spec.notes {
        let _ = writeln!(text, "  note        {note}");
    }
    text
}

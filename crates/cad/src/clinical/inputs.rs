//! Inputs by name: what a rule accepts, and values that were checked against it. Nothing is ever silently
//! zero: what was not given is missing.

use super::error::ClinicalError;
use std::collections::BTreeMap;

/// A value as given, before any check.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number; 0 and 1 also stand for no and yes.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// A word.
    Text(String),
    /// Stated to be unknown; the same as not given.
    Missing,
    /// Something of no accepted type (a list, an object), by its name.
    Other(&'static str),
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Inputs of one question, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    values: BTreeMap<String, Value>,
}

impl Inputs {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with `name` set.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets `name`.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// Takes `name` away.
    pub fn remove(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// Value of `name`, where given.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// Type and limits of an input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A finite number in `[min, max]`.
    Number {
        /// Least accepted.
        min: f64,
        /// Greatest accepted.
        max: f64,
    },
    /// A finite number in `(0, max]`.
    Positive {
        /// Greatest accepted.
        max: f64,
    },
    /// A whole number in `[min, max]`.
    Integer {
        /// Least accepted.
        min: i32,
        /// Greatest accepted.
        max: i32,
    },
    /// Yes or no: `true`, `false`, 1, 0.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// What happens when an input is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// No result: insufficient, with its name.
    Required,
    /// The rule answers with a range over all its values.
    Ranged,
    /// The rule has a defined answer without it, stated in `meaning`.
    Optional,
}

impl Need {
    /// It as a word: `required`, `ranged`, `optional`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Ranged => "ranged",
            Self::Optional => "optional",
        }
    }
}

/// An input that a rule takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputSpec {
    /// Name.
    pub name: &'static str,
    /// Type and limits: outside is an error.
    pub kind: Kind,
    /// Unit (`mm`, `years`); empty for yes/no and words.
    pub unit: &'static str,
    /// What happens without it.
    pub need: Need,
    /// Interval of the population: outside gives a warning. `None` = no such interval.
    pub usual: Option<(f64, f64)>,
    /// What it is, for people.
    pub meaning: &'static str,
}

impl InputSpec {
    /// A required input without usual interval.
    #[must_use]
    pub const fn required(name: &'static str, kind: Kind, unit: &'static str, meaning: &'static str) -> Self {
        Self { name, kind, unit, need: Need::Required, usual: None, meaning }
    }

    /// An input over which the rule ranges when it is missing.
    #[must_use]
    pub const fn ranged(name: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self { name, kind, unit: "", need: Need::Ranged, usual: None, meaning }
    }

    /// An input that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, kind: Kind, unit: &'static str, meaning: &'static str) -> Self {
        Self { name, kind, unit, need: Need::Optional, usual: None, meaning }
    }

    /// The same with the interval outside which the rule was not made.
    #[must_use]
    pub const fn usually(mut self, low: f64, high: f64) -> Self {
        self.usual = Some((low, high));
        self
    }

    /// Limits for people: `a number in (0, 100] mm`.
    #[must_use]
    pub fn accepted(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        match self.kind {
            Kind::Number { min, max } => format!("[{min}, {max}]{unit}"),
            Kind::Positive { max } => format!("(0, {max}]{unit}"),
            Kind::Integer { min, max } => format!("the whole numbers {min} to {max}{unit}"),
            Kind::Flag => "true or false".to_owned(),
            Kind::Choice(words) => words.join(", "),
        }
    }
}

/// A value of the right type, inside its limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known {
    /// Number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// Word, of the specification's list.
    Word(&'static str),
}

/// Inputs that were checked against a rule's specification.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    specs: &'static [InputSpec],
    values: Vec<Option<Known>>,
}

impl Checked {
    /// Checks `inputs` against `specs` of `model`.
    ///
    /// # Errors
    /// An unknown name, a wrong type, a number that is not finite or outside its limits, an unknown word;
    /// each names the field.
    pub fn new(
        model: &'static str,
        specs: &'static [InputSpec],
        inputs: &Inputs,
    ) -> Result<Self, ClinicalError> {
        let mut values = vec![None; specs.len()];
        for (name, value) in inputs.iter() {
            let place = specs.iter().position(|spec| spec.name == name);
            let Some((place, spec)) = place.and_then(|i| Some((values.get_mut(i)?, specs.get(i)?))) else {
                return Err(unknown_input(model, specs, name));
            };
            *place = check(model, spec, value)?;
        }
        Ok(Self { specs, values })
    }

    fn known(&self, name: &str) -> Option<Known> {
        let place = self.specs.iter().position(|spec| spec.name == name);
        debug_assert!(place.is_some(), "the rule asks for {name}, which is not in its specification");
        self.values.get(place?).copied().flatten()
    }

    /// A number; `None` where missing.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.known(name) {
            Some(Known::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// Yes or no; `None` where missing.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.known(name) {
            Some(Known::Flag(flag)) => Some(flag),
            _ => None,
        }
    }

    /// A word; `None` where missing.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&'static str> {
        match self.known(name) {
            Some(Known::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Whether `name` was given.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.known(name).is_some()
    }

    /// Whether nothing at all was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }

    /// The same with `name` set; nothing where the rule has no such input.
    #[must_use]
    pub fn with(mut self, name: &str, value: Known) -> Self {
        if let Some(i) = self.specs.iter().position(|spec| spec.name == name)
            && let Some(place) = self.values.get_mut(i)
        {
            *place = Some(value);
        }
        self
    }

    /// Those of `names` that are missing, in that order.
    #[must_use]
    pub fn missing_of(&self, names: &[&'static str]) -> Vec<&'static str> {
        names.iter().copied().filter(|name| !self.has(name)).collect()
    }

    /// Inputs with this need that are missing, in the order of the specification.
    #[must_use]
    pub fn missing(&self, need: Need) -> Vec<&'static str> {
        let both = self.specs.iter().zip(&self.values);
        both.filter(|(spec, value)| spec.need == need && value.is_none()).map(|(spec, _)| spec.name).collect()
    }

    /// Inputs that were given, in the order of the specification.
    pub fn given(&self) -> impl Iterator<Item = (&'static InputSpec, Known)> + '_ {
        self.specs.iter().zip(&self.values).filter_map(|(spec, value)| Some((spec, (*value)?)))
    }

    /// One sentence for each number outside the population's interval.
    #[must_use]
    pub fn unusual(&self) -> Vec<String> {
        let outside = self.given().filter_map(|(spec, value)| match (spec.usual, value) {
            (Some((low, high)), Known::Number(number)) if number < low || number > high => Some(format!(
                "{} {} is outside {low} to {high}, for which the rule was made",
                spec.name,
                // A measured length carries more digits than anybody measured.
                (number * 1000.0).round() / 1000.0
            )),
            _ => None,
        });
        outside.collect()
    }

    /// Every value that a missing input can take; empty for numbers.
    #[must_use]
    pub fn values_of(spec: &InputSpec) -> Vec<Known> {
        match spec.kind {
            Kind::Flag => vec![Known::Flag(false), Known::Flag(true)],
            Kind::Choice(words) => words.iter().copied().map(Known::Word).collect(),
            Kind::Number { .. } | Kind::Positive { .. } | Kind::Integer { .. } => Vec::new(),
        }
    }

    /// Missing inputs over which a rule ranges, in the order of the specification.
    pub fn open(&self) -> impl Iterator<Item = &'static InputSpec> + '_ {
        self.specs.iter().filter(|spec| spec.need == Need::Ranged && !self.has(spec.name))
    }

    /// All combinations of the missing inputs with need [`Need::Ranged`]; `self` alone where none is missing.
    #[must_use]
    pub fn combinations(&self) -> Vec<Self> {
        let mut all = vec![self.clone()];
        for spec in self.open() {
            let values = Self::values_of(spec);
            all = all
                .iter()
                .flat_map(|one| values.iter().map(|value| one.clone().with(spec.name, *value)))
                .collect();
        }
        all
    }
}

/// The word of `words` nearest to `given`; empty where there are none.
pub(crate) fn nearest<'a>(given: &str, words: impl IntoIterator<Item = &'a str>) -> &'a str {
    let distance = |word: &&str| strsim::damerau_levenshtein(&given.to_lowercase(), &word.to_lowercase());
    words.into_iter().min_by_key(distance).unwrap_or_default()
}

fn unknown_input(model: &'static str, specs: &'static [InputSpec], name: &str) -> ClinicalError {
    let field: String = name.chars().take(80).collect();
    if specs.is_empty() {
        return ClinicalError::NoInputs { model, field };
    }
    let nearest = nearest(&field, specs.iter().map(|spec| spec.name));
    ClinicalError::UnknownInput { model, field, nearest }
}

/// `value` as `spec` wants it; `None` where it is stated to be missing.
fn check(model: &'static str, spec: &InputSpec, value: &Value) -> Result<Option<Known>, ClinicalError> {
    let known = match (spec.kind, value) {
        (_, Value::Missing) => return Ok(None),
        (Kind::Flag, Value::Flag(flag)) => Known::Flag(*flag),
        (Kind::Flag, Value::Number(number)) if is(*number, 0.0) => Known::Flag(false),
        (Kind::Flag, Value::Number(number)) if is(*number, 1.0) => Known::Flag(true),
        (Kind::Choice(words), Value::Text(text)) => match words.iter().find(|word| **word == text.as_str()) {
            Some(word) => Known::Word(word),
            None => return Err(unknown_word(model, spec, words, text)),
        },
        (Kind::Number { .. } | Kind::Positive { .. } | Kind::Integer { .. }, Value::Number(number)) => {
            if !inside(spec.kind, *number) {
                let (given, accepted) = (number.to_string(), spec.accepted());
                return Err(ClinicalError::OutOfRange { model, field: spec.name, given, accepted });
            }
            Known::Number(*number)
        }
        _ => return Err(wrong_type(model, spec, value)),
    };
    Ok(Some(known))
}

/// Exactly equal: 0 and 1 of a yes/no input.
#[allow(clippy::float_cmp, reason = "0 and 1 are exact; anything between is an error")]
fn is(number: f64, exact: f64) -> bool {
    number == exact
}

fn inside(kind: Kind, number: f64) -> bool {
    match kind {
        Kind::Number { min, max } => number >= min && number <= max,
        Kind::Positive { max } => number > 0.0 && number <= max,
        Kind::Integer { min, max } => {
            number >= f64::from(min) && number <= f64::from(max) && is(number.fract(), 0.0)
        }
        Kind::Flag | Kind::Choice(_) => false,
    }
}

fn unknown_word(
    model: &'static str,
    spec: &InputSpec,
    words: &'static [&'static str],
    text: &str,
) -> ClinicalError {
    let given: String = text.chars().take(80).collect();
    let nearest = nearest(&given, words.iter().copied());
    ClinicalError::UnknownWord { model, field: spec.name, given, accepted: words.join(", "), nearest }
}

fn wrong_type(model: &'static str, spec: &InputSpec, value: &Value) -> ClinicalError {
    let wanted = match spec.kind {
        Kind::Number { .. } | Kind::Positive { .. } | Kind::Integer { .. } => {
            format!("a number in {}", spec.accepted())
        }
        Kind::Flag => "true, false, 1 or 0".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
    };
    let given = match value {
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Text(text) => format!("\"{}\"", text.chars().take(80).collect::<String>()),
        Value::Missing => "missing".to_owned(),
        Value::Other(name) => (*name).to_owned(),
    };
    ClinicalError::WrongType { model, field: spec.name, wanted, given }
}

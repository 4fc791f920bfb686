//! A criterion over a person's data, in three values: yes, no, not known.

use crate::clinical::Checked;

/// A test or a combination of tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Criterion {
    /// Every one.
    All(&'static [Criterion]),
    /// At least one.
    Any(&'static [Criterion]),
    /// Number of at least this.
    AtLeast(&'static str, f64),
    /// Number above this.
    Above(&'static str, f64),
    /// Number of at most this.
    AtMost(&'static str, f64),
    /// Number below this.
    Below(&'static str, f64),
    /// Yes.
    Yes(&'static str),
    /// This word.
    Is(&'static str, &'static str),
    /// Another word than this.
    IsNot(&'static str, &'static str),
}

/// What a criterion says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Met.
    Met,
    /// Not met.
    NotMet,
    /// It hangs on these inputs, which are missing.
    Open(Vec<&'static str>),
}

impl Criterion {
    /// What it says to `inputs`, `pack_years` standing for the input of that name (given or derived).
    #[must_use]
    pub fn verdict(&self, inputs: &Checked, pack_years: Option<f64>) -> Verdict {
        let number = |name: &'static str, test: &dyn Fn(f64) -> bool| {
            let value = if name == "pack_years" { pack_years } else { inputs.number(name) };
            verdict(name, value.map(test))
        };
        match *self {
            Self::All(parts) => fold(
                parts.iter().map(|part| part.verdict(inputs, pack_years)),
                &Verdict::NotMet,
                Verdict::Met,
            ),
            Self::Any(parts) => fold(
                parts.iter().map(|part| part.verdict(inputs, pack_years)),
                &Verdict::Met,
                Verdict::NotMet,
            ),
            Self::AtLeast(name, limit) => number(name, &|value| value >= limit),
            Self::Above(name, limit) => number(name, &|value| value > limit),
            Self::AtMost(name, limit) => number(name, &|value| value <= limit),
            Self::Below(name, limit) => number(name, &|value| value < limit),
            Self::Yes(name) => verdict(name, inputs.flag(name)),
            Self::Is(name, word) => verdict(name, inputs.word(name).map(|given| given == word)),
            Self::IsNot(name, word) => verdict(name, inputs.word(name).map(|given| given != word)),
        }
    }

    /// Names of the inputs that it looks at, each once, in order.
    pub fn names(&self, into: &mut Vec<&'static str>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.names(into)),
            Self::AtLeast(name, _)
            | Self::Above(name, _)
            | Self::AtMost(name, _)
            | Self::Below(name, _)
            | Self::Yes(name)
            | Self::Is(name, _)
            | Self::IsNot(name, _) => {
                if !into.contains(name) {
                    into.push(name);
                }
            }
        }
    }

    /// It in words.
    #[must_use]
    pub fn words(&self) -> String {
        let join = |parts: &[Self], with: &str| {
            let words: Vec<String> = parts
                .iter()
                .map(|part| match part {
                    Self::All(_) | Self::Any(_) => format!("({})", part.words()),
                    _ => part.words(),
                })
                .collect();
            words.join(with)
        };
        match self {
            Self::All(parts) => join(parts, " and "),
            Self::Any(parts) => join(parts, " or "),
            Self::AtLeast(name, limit) => format!("{name} >= {limit}"),
            Self::Above(name, limit) => format!("{name} > {limit}"),
            Self::AtMost(name, limit) => format!("{name} <= {limit}"),
            Self::Below(name, limit) => format!("{name} < {limit}"),
            Self::Yes(name) => (*name).to_owned(),
            Self::Is(name, word) => format!("{name} = {word}"),
            Self::IsNot(name, word) => format!("{name} is not {word}"),
        }
    }
}

fn verdict(name: &'static str, met: Option<bool>) -> Verdict {
    match met {
        Some(true) => Verdict::Met,
        Some(false) => Verdict::NotMet,
        None => Verdict::Open(vec![name]),
    }
}

/// `decisive` where one part says so; open where a part is open; `otherwise` where all say the opposite.
fn fold(parts: impl Iterator<Item = Verdict>, decisive: &Verdict, otherwise: Verdict) -> Verdict {
    let mut open: Vec<&'static str> = Vec::new();
    for part in parts {
        if part == *decisive {
            return part;
        }
        if let Verdict::Open(names) = part {
            for name in names {
                if !open.contains(&name) {
                    open.push(name);
                }
            }
        }
    }
    if open.is_empty() { otherwise } else { Verdict::Open(open) }
}

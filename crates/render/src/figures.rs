//! Figures as a reader needs them: no more digits than anybody measured, and the reader's signs.

use crate::names::word;
use crate::words::Language;
use domain::InputValue;

/// A probability: `7.4 %`, `26 %`, `< 0.1 %`.
pub(crate) fn percent(fraction: f64, language: Language) -> String {
    format!("{}{}", digits(fraction), sign(language))
}

/// Both ends of a range: `2–9 %`.
pub(crate) fn percent_range([low, high]: [f64; 2], language: Language) -> String {
    let whole = |fraction: f64| match fraction * 100.0 {
        value if value >= 0.95 => format!("{value:.0}"),
        _ => digits(fraction),
    };
    let (mut from, mut to) = (whole(low), whole(high));
    if from == to {
        (from, to) = (digits(low), digits(high));
    }
    let sign = sign(language);
    if from == to { format!("{from}{sign}") } else { format!("{from}–{to}{sign}") }
}

fn digits(fraction: f64) -> String {
    match fraction * 100.0 {
        value if value < 0.05 => "< 0.1".to_owned(),
        value if value < 9.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

fn sign(language: Language) -> &'static str {
    match language {
        Language::English => " %",
        Language::Chinese => "%",
    }
}

/// A value of the input `name`, with its unit.
pub(crate) fn value(name: &str, value: &InputValue, language: Language) -> String {
    let number = match value {
        InputValue::Flag(true) => return word("yes", language),
        InputValue::Flag(false) => return word("no", language),
        InputValue::Text(text) => return word(text, language),
        InputValue::Number(number) => *number,
    };
    let (years, days, months) = match language {
        Language::English => (" years", " days", " months"),
        Language::Chinese => (" 岁", " 天", " 个月"),
    };
    match name {
        name if name.starts_with("brock") || name.starts_with("herder") || name == "pretest" => {
            percent(number, language)
        }
        "volume_change" => format!("{:.0}{}", number * 100.0, sign(language)),
        "age" => format!("{number:.0}{years}"),
        "vdt_days" => format!("{number:.0}{days}"),
        name if name.starts_with("months") => format!("{}{months}", plain(number)),
        name if name.ends_with("_mm3") => format!("{number:.0} mm³"),
        name if name.ends_with("_mm") => format!("{number:.1} mm"),
        _ => plain(number),
    }
}

/// A number with at most one digit behind the point.
fn plain(number: f64) -> String {
    let rounded = (number * 10.0).round() / 10.0;
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: few digits, never a false zero, the sign of the language. Method: a table.
    #[test]
    fn figures_for_readers() {
        let (en, zh) = (Language::English, Language::Chinese);
        for (fraction, expected) in [
            (0.0738, "7.4 %"),
            (0.2598, "26 %"),
            (0.0004, "< 0.1 %"),
            (0.0995, "10 %"),
            (0.0994, "9.9 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(fraction, en), expected);
        }
        assert_eq!(percent(0.0738, zh), "7.4%");
        for (range, expected) in [
            ([0.0163, 0.0921], "2–9 %"),
            ([0.0946, 0.2598], "9–26 %"),
            ([0.0071, 0.0482], "0.7–5 %"),
            ([0.0001, 0.004], "< 0.1–0.4 %"),
            ([0.0312, 0.0339], "3.1–3.4 %"),
            ([0.031, 0.031], "3.1 %"),
        ] {
            assert_eq!(percent_range(range, en), expected);
        }
        for (name, number, expected) in [
            ("age", 68.0, "68 years"),
            ("mean_mm", 7.149_999, "7.1 mm"),
            ("volume_mm3", 13_212.6, "13213 mm³"),
            ("brock_min", 0.0946, "9.5 %"),
            ("nodule_count", 10.0, "10"),
            ("years_since_quit", 2.5, "2.5"),
        ] {
            assert_eq!(value(name, &InputValue::Number(number), en), expected);
        }
        assert_eq!(value("type", &InputValue::Text("part_solid".into()), en), "part-solid");
        assert_eq!(value("benign", &InputValue::Flag(false), zh), "否");
    }
}

//! Completed years from what DICOM says: PatientAge (AS), or PatientBirthDate and StudyDate (DA).

/// Completed years of an age string (`065Y`, `018M`, `090W`, `400D`); `None` where it is none.
/// PS3.5 6.2: four characters, three digits and a unit.
#[must_use]
pub fn years_of_age_string(text: &str) -> Option<u32> {
    let text = text.trim();
    let unit = text.chars().last()?;
    let digits = text.get(..text.len() - unit.len_utf8())?;
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u32 = digits.parse().ok()?;
    match unit {
        'Y' => Some(count),
        'M' => Some(count / 12),
        // Completed years of so many days; a day more or less does not matter for a screening age.
        'W' => Some(count * 7 * 4 / 1461),
        'D' => Some(count * 4 / 1461),
        _ => None,
    }
}

/// Year, month and day of a date (`19600229`); `None` where it is none.
fn date(text: &str) -> Option<(u32, u32, u32)> {
    let text = text.trim();
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) =
        (text.get(..4)?.parse().ok()?, text.get(4..6)?.parse().ok()?, text.get(6..)?.parse().ok()?);
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some((year, month, day))
}

/// Completed years between two dates; `None` where one is no date or the birth is after the examination.
/// Who was born on 29 February completes a year on 1 March of other years.
#[must_use]
pub fn years_between(birth: &str, examination: &str) -> Option<u32> {
    let (birth, examination) = (date(birth)?, date(examination)?);
    let years = examination.0.checked_sub(birth.0)?;
    let before_birthday = (examination.1, examination.2) < (birth.1, birth.2);
    years.checked_sub(u32::from(before_birthday))
}

/// Completed years on the day of the examination: by PatientAge, or, where it is absent or unreadable, by the
/// birth date.
#[must_use]
pub fn completed_years(age: Option<&str>, birth: Option<&str>, examination: Option<&str>) -> Option<u32> {
    let by_dates =
        || birth.zip(examination).and_then(|(birth, examination)| years_between(birth, examination));
    age.and_then(years_of_age_string).or_else(by_dates)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: every unit of AS and every way to be wrong. Method: a table.
    #[test]
    fn age_strings() {
        for (text, years) in [
            ("065Y", Some(65)),
            ("018M", Some(1)),
            ("011M", Some(0)),
            ("024M", Some(2)),
            ("052W", Some(0)),
            ("053W", Some(1)),
            ("365D", Some(0)),
            ("366D", Some(1)),
            (" 65Y", Some(65)),
            ("65", None),
            ("Y", None),
            ("0650Y", None),
            ("-65Y", None),
            ("065y", None),
            ("06é", None),
            ("", None),
        ] {
            assert_eq!(years_of_age_string(text), years, "{text:?}");
        }
    }

    /// Goal: a year is completed on the birthday, not before. Method: the days around it.
    #[test]
    fn dates() {
        for (birth, examination, years) in [
            ("19600615", "20250614", Some(64)),
            ("19600615", "20250615", Some(65)),
            ("19600229", "20250228", Some(64)),
            ("19600229", "20250301", Some(65)),
            ("20250615", "20250614", None),
            ("20300101", "20250614", None),
            ("19601301", "20250614", None),
            ("1960", "20250614", None),
        ] {
            assert_eq!(years_between(birth, examination), years, "{birth} {examination}");
        }
    }

    /// Goal: the birth date stands in where PatientAge is absent or unreadable, and only there.
    #[test]
    fn either_source() {
        assert_eq!(completed_years(None, Some("19600615"), Some("20250615")), Some(65));
        assert_eq!(completed_years(Some("65"), Some("19600615"), Some("20250614")), Some(64));
        assert_eq!(completed_years(Some("064Y"), Some("19600615"), Some("20250615")), Some(64));
        assert_eq!(completed_years(Some("018M"), None, Some("20250615")), Some(1));
        assert_eq!(completed_years(None, None, Some("20250615")), None);
        assert_eq!(completed_years(None, Some("19600615"), None), None);
    }
}

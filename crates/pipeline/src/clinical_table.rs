//! A table of clinical data (CSV, RFC 4180) as merge patches: one row a patient or study, named by PatientID or
//! AccessionNumber, or one of its nodules, named by TrackingUID beside them; an empty cell states nothing, `null` takes a
//! value away.

use crate::assess::{StatedOf, changed, stated_of, value_of_cell};
use crate::comma_separated::records;
use serde_json::{Map, Value};

/// Columns that name a patient or a study.
const PATIENT_ID: [&str; 2] = ["PatientID", "patient_id"];
const ACCESSION_NUMBER: [&str; 2] = ["AccessionNumber", "accession_number"];
/// Columns that name a nodule of the study by its Tracking Unique Identifier.
const TRACKING_UID: [&str; 2] = ["TrackingUID", "tracking_uid"];

/// Whom a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Every study of a patient.
    PatientId(String),
    /// One study; stands before the patient where both are given.
    AccessionNumber(String),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PatientId(id) => write!(f, "PatientID {id}"),
            Self::AccessionNumber(number) => write!(f, "AccessionNumber {number}"),
        }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    /// Line of the file on which it begins, from 1.
    pub line: usize,
    /// Whom it is about.
    pub subject: Subject,
    /// What it states.
    pub patch: Value,
}

/// Reads a whole table; nothing is taken from one with a mistake.
///
/// # Errors
/// The first mistake with its line: an unknown column (with the nearest name), a row without a subject, a wrong value.
pub fn read(text: &str) -> Result<Vec<TableRow>, String> {
    let mut records = records(text)?.into_iter();
    let (_, heading) = records.next().ok_or("the table is empty; its first line names the columns")?;
    let heading: Vec<String> = heading.iter().map(|name| name.trim().to_owned()).collect();
    for (index, name) in heading.iter().enumerate() {
        if heading.iter().take(index).any(|other| other == name) {
            return Err(format!("line 1: column {name:?} stands there twice"));
        }
        if !is_key(name) && !TRACKING_UID.contains(&name.as_str()) {
            value_of_cell(name, "").map_err(|error| format!("line 1: {error}"))?;
        }
    }
    if !heading.iter().any(|name| is_key(name)) {
        return Err("line 1: no column PatientID or AccessionNumber".to_owned());
    }
    records
        .map(|(line, cells)| row(line, &heading, &cells).map_err(|e| format!("line {line}: {e}")))
        .collect()
}

/// Whether a column names whom a row is about.
fn is_key(name: &str) -> bool {
    PATIENT_ID.contains(&name) || ACCESSION_NUMBER.contains(&name)
}

fn row(line: usize, heading: &[String], cells: &[String]) -> Result<TableRow, String> {
    if cells.len() != heading.len() {
        return Err(format!("{} cells where the heading has {}", cells.len(), heading.len()));
    }
    let cell = |names: [&str; 2]| {
        let found = heading.iter().zip(cells).find(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, cell)| cell.trim().to_owned()).filter(|cell| !cell.is_empty())
    };
    let subject = match (cell(ACCESSION_NUMBER), cell(PATIENT_ID)) {
        (Some(number), _) => Subject::AccessionNumber(number),
        (None, Some(id)) => Subject::PatientId(id),
        (None, None) => return Err("neither PatientID nor AccessionNumber".to_owned()),
    };
    let (mut patch, mut nodule) = (Map::new(), Map::new());
    for (name, cell) in heading.iter().zip(cells) {
        if is_key(name) || TRACKING_UID.contains(&name.as_str()) || cell.trim().is_empty() {
            continue;
        }
        let value = if cell.trim() == "null" { Value::Null } else { value_of_cell(name, cell)? };
        let of = if stated_of(name) == Some(StatedOf::Nodule) { &mut nodule } else { &mut patch };
        of.insert(name.clone(), value);
    }
    match (cell(TRACKING_UID), nodule.keys().next()) {
        (Some(uid), _) if !nodule.is_empty() => {
            patch.insert("nodules".to_owned(), Value::Object(Map::from_iter([(uid, Value::Object(nodule))])));
        }
        (None, Some(name)) => {
            return Err(format!("{name} is stated of a nodule; name it in a column TrackingUID"));
        }
        _ => {}
    }
    let patch = Value::Object(patch);
    changed(None, &patch)?;
    Ok(TableRow { line, subject, patch })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Goal: quotes, blank cells and lines, `null`, both keys, CR LF and a byte order mark. Method: one table.
    #[test]
    fn rows_become_patches() {
        let text = "\u{feff}PatientID,AccessionNumber,age,emphysema,risk\r\n\"P,1\",,68,yes,\r\n\r\nP2,A9,,null,high\r\n";
        let rows = read(text).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].subject, Subject::PatientId("P,1".into()));
        assert_eq!(rows[0].patch, json!({"age": 68, "emphysema": true}));
        assert_eq!((rows[1].line, &rows[1].subject), (4, &Subject::AccessionNumber("A9".into())));
        assert_eq!(rows[1].patch, json!({"emphysema": null, "risk": "high"}));
    }

    /// Goal: values of a nodule go under its tracking UID, beside those of the person in the same row. Method: one table.
    #[test]
    fn rows_of_nodules_become_patches() {
        let text = "AccessionNumber,TrackingUID,emphysema,spiculation,type\nA1,2.25.7,yes,no,part_solid\nA1,2.25.8,,null,\nA2,,no,,\n";
        let rows = read(text).unwrap();
        let nodule = json!({"spiculation": false, "type": "part_solid"});
        assert_eq!(rows[0].patch, json!({"emphysema": true, "nodules": {"2.25.7": nodule}}));
        assert_eq!(rows[1].patch, json!({"nodules": {"2.25.8": {"spiculation": null}}}));
        assert_eq!(rows[2].patch, json!({"emphysema": false}));
    }

    /// Goal: every mistake is named with its line. Method: one table each.
    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, part) in [
            ("", "empty"),
            ("PatientID,emphysemia\nP,1\n", "\"emphysema\""),
            ("age,emphysema\n60,1\n", "no column PatientID"),
            ("PatientID,age,age\nP,1,2\n", "twice"),
            ("PatientID,age\nP,60\n,61\n", "line 3: neither"),
            ("PatientID,age\nP,old\n", "line 2: "),
            ("PatientID,age\nP,200\n", "age"),
            ("PatientID,age\nP,60,1\n", "3 cells"),
            ("PatientID,age\n\"P,60\n", "not closed"),
            ("PatientID,spiculation\nP,yes\n", "line 2: spiculation is stated of a nodule"),
            ("PatientID,TrackingUID,spiculation\nP,one,yes\n", "line 2: "),
            ("PatientID,TrackingUID,spikulation\nP,1.2,yes\n", "\"spiculation\""),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(part), "{error} lacks {part} for {text:?}");
        }
    }
}

//! A site's own scored, read and labelled exams to what reading by score would have cost and found. The calculation
//! is in `cad`.

pub use cad::evaluate::workload::{CAUTION, Estimate, Policy, SCORE_MAX};

use crate::comma_separated::records;
use cad::evaluate::workload::{ReadExam, policies};

/// Columns of the table; others are an error.
const COLUMNS: [&str; 5] = ["exam", "score", "cancer", "reader1", "reader2"];

/// What the list says of every way to read, from double reading to single reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Exams of the list.
    pub exams_count: usize,
    /// Exams with cancer.
    pub cancers_count: usize,
    /// By the score up to which exams are read once.
    pub policies: Vec<Policy>,
}

/// Reads a table: `exam` (any text, each once), `score` (1 to 10), `cancer`, `reader1`, `reader2` (0 or 1; a reader's
/// 1 is a recall).
///
/// # Errors
/// The first mistake with its line.
pub fn simulate(text: &str) -> Result<Workload, String> {
    let mut records = records(text)?.into_iter();
    let (_, heading) = records.next().ok_or("the table is empty; its first line names the columns")?;
    let heading: Vec<&str> = heading.iter().map(|name| name.trim()).collect();
    let place = |name: &str| {
        let found = heading.iter().position(|one| *one == name);
        found.ok_or_else(|| format!("line 1: no column {name:?}; the columns are {}", COLUMNS.join(", ")))
    };
    let [exam, score, cancer, first, second] = {
        let mut places = [0; 5];
        for (slot, name) in places.iter_mut().zip(COLUMNS) {
            *slot = place(name)?;
        }
        places
    };
    if let Some(other) = heading.iter().find(|name| !COLUMNS.contains(name)) {
        return Err(format!("line 1: column {other:?} is not known; the columns are {}", COLUMNS.join(", ")));
    }
    let mut names = std::collections::BTreeSet::new();
    let mut exams = Vec::new();
    for (line, cells) in records {
        let cell = |index: usize| cells.get(index).map_or("", |cell| cell.trim());
        let flag = |index: usize, name: &str| match cell(index) {
            "1" => Ok(true),
            "0" => Ok(false),
            other => Err(format!("line {line}: {name} is 0 or 1, not {other:?}")),
        };
        if !names.insert(cell(exam).to_owned()) {
            return Err(format!("line {line}: exam {:?} stands there twice", cell(exam)));
        }
        let scored = cell(score).parse::<u8>().ok().filter(|score| (1..=SCORE_MAX).contains(score));
        let scored = scored.ok_or_else(|| {
            format!("line {line}: score is a whole number from 1 to {SCORE_MAX}, not {:?}", cell(score))
        })?;
        exams.push(ReadExam {
            score: scored,
            cancer: flag(cancer, "cancer")?,
            first_recalled: flag(first, "reader1")?,
            second_recalled: flag(second, "reader2")?,
        });
    }
    if exams.is_empty() {
        return Err("the table has no exam".to_owned());
    }
    let cancers_count = exams.iter().filter(|exam| exam.cancer).count();
    Ok(Workload { exams_count: exams.len(), cancers_count, policies: policies(&exams) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a table is read, whatever the order of its columns. Method: three exams.
    #[test]
    fn a_table_is_read() {
        let text = "score,exam,reader1,reader2,cancer\n10,a,1,0,1\n3,b,0,1,1\n1,c,0,0,0\n";
        let workload = simulate(text).unwrap();
        assert_eq!((workload.exams_count, workload.cancers_count), (3, 2));
        let found: Vec<f64> = workload.policies.iter().map(|policy| policy.found.value).collect();
        assert_eq!(found, [2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    }

    /// Goal: mistakes are named with their line. Method: one each.
    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("", "empty"),
            ("exam,score,cancer,reader1\n", "\"reader2\""),
            ("exam,score,cancer,reader1,reader2,age\n", "\"age\""),
            ("exam,score,cancer,reader1,reader2\n", "no exam"),
            ("exam,score,cancer,reader1,reader2\na,11,0,0,0\n", "line 2: score"),
            ("exam,score,cancer,reader1,reader2\na,1,0,0,2\n", "line 2: reader2"),
            ("exam,score,cancer,reader1,reader2\na,1,0,0,0\na,1,0,0,0\n", "line 3: exam \"a\""),
        ] {
            let error = simulate(text).expect_err(text);
            assert!(error.contains(part), "{error} lacks {part}");
        }
    }
}

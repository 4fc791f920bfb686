//! Tables of the LUNA16 challenge (CSV, RFC 4180), columns found by name: annotations, irrelevant findings, list of
//! scans, marks; and ours: facts of scans, classes.

use super::{ClassRow, EvaluateError, MarksByScan, ReferenceNodule, SystemMark, TruthScan};
use cad::evaluate::luna16::{ScoredMark, TruthMark};
use domain::{LpsPoint, Mask};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Size of one table; the challenge's largest has 60 MB.
const TABLE_SIZE_MAX: u64 = 512 << 20;

/// A table with the name that errors speak of.
#[derive(Debug, Clone)]
pub struct Table {
    name: String,
    text: String,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// [`EvaluateError`] when it cannot be read, is too large or no text.
    pub fn read(path: &Path) -> Result<Self, EvaluateError> {
        let name = path.display().to_string();
        let unreadable =
            |e: std::io::Error| EvaluateError::Unreadable { path: name.clone(), cause: e.to_string() };
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > TABLE_SIZE_MAX {
            let cause = format!("{size} bytes, at most {TABLE_SIZE_MAX} are read");
            return Err(EvaluateError::Malformed { path: name, cause });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Ok(Self { name, text })
    }

    /// A table in memory.
    #[must_use]
    pub fn of(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    fn fault(&self, line: usize, cause: impl std::fmt::Display) -> EvaluateError {
        EvaluateError::Malformed { path: self.name.clone(), cause: format!("line {line}: {cause}") }
    }

    /// Calls `row` with the cells of `columns` (`None` where the table has no such column) of each row.
    fn rows<'a, const N: usize>(
        &'a self,
        columns: [&str; N],
        needed_count: usize,
        mut row: impl FnMut(usize, [Option<&'a str>; N]) -> Result<(), EvaluateError>,
    ) -> Result<(), EvaluateError> {
        let mut lines = self.text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
        let Some((_, header)) = lines.next() else {
            return Err(self.fault(1, "is empty; a header row is needed"));
        };
        let names: Vec<&str> = cells(header.trim_start_matches('\u{feff}'));
        let places = columns.map(|c| names.iter().position(|n| n.eq_ignore_ascii_case(c)));
        if let Some(missing) = (0..needed_count.min(N)).find(|i| places[*i].is_none()) {
            return Err(self.fault(1, format!("no column {:?}; it has {names:?}", columns[missing])));
        }
        for (index, line) in lines {
            let cells = cells(line);
            if cells.len() != names.len() {
                return Err(
                    self.fault(index + 1, format!("{} cells, the header has {}", cells.len(), names.len()))
                );
            }
            row(index + 1, places.map(|p| p.and_then(|p| cells.get(p).copied())))?;
        }
        Ok(())
    }

    fn number(&self, line: usize, cell: Option<&str>) -> Result<f64, EvaluateError> {
        let cell = cell.unwrap_or_default();
        cell.parse::<f64>()
            .ok()
            .filter(|v| v.is_finite())
            .ok_or_else(|| self.fault(line, format!("{cell:?} is not a finite number")))
    }
}

/// Cells of a line; quotes may enclose a cell. (No table here has line ends or quotes within a cell.)
fn cells(line: &str) -> Vec<&str> {
    let (mut cells, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                cells.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    cells.push(&line[start..]);
    cells.into_iter().map(|c| c.trim().trim_matches('"')).collect()
}

/// Rows `(scan, centre, last column)` of an annotation or submission table, in file order.
fn places(table: &Table, last: &str) -> Result<Vec<(String, LpsPoint, f64)>, EvaluateError> {
    let mut found = Vec::new();
    table.rows(["seriesuid", "coordX", "coordY", "coordZ", last], 5, |line, [scan, x, y, z, value]| {
        let [x, y, z] = [table.number(line, x)?, table.number(line, y)?, table.number(line, z)?];
        found.push((scan.unwrap_or_default().to_owned(), LpsPoint { x, y, z }, table.number(line, value)?));
        Ok(())
    })?;
    Ok(found)
}

/// Truth of the challenge: `annotations`, where there are any `excluded` findings, and the list of `scans` (one UID a
/// row, no header). Without the list, every scan with an annotation or an excluded finding is one.
///
/// # Errors
/// [`EvaluateError::Malformed`] with file and line.
pub fn truth(
    annotations: &Table,
    excluded: Option<&Table>,
    scans: Option<&Table>,
) -> Result<Vec<TruthScan>, EvaluateError> {
    let annotations = places(annotations, "diameter_mm")?;
    let excluded = excluded.map_or(Ok(Vec::new()), |t| places(t, "diameter_mm"))?;
    let mut names: Vec<String> = Vec::new();
    match scans {
        Some(list) => {
            let rows = list.text.lines().map(|l| l.trim().trim_matches('"').trim_end_matches(','));
            names.extend(rows.filter(|l| !l.is_empty() && *l != "seriesuid").map(str::to_owned));
        }
        None => names.extend(annotations.iter().chain(&excluded).map(|(scan, _, _)| scan.clone())),
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let mut scans: Vec<TruthScan> =
        names.into_iter().map(|name| TruthScan { name, ..TruthScan::default() }).collect();
    let index: BTreeMap<String, usize> = scans.iter().enumerate().map(|(i, s)| (s.name.clone(), i)).collect();
    for (row, (scan, center, diameter_mm)) in annotations.into_iter().enumerate() {
        if let Some(scan) = index.get(&scan).and_then(|i| scans.get_mut(*i)) {
            let id = format!("annotation {}", row + 1);
            scan.nodules.push(ReferenceNodule::bare(id, TruthMark { center, diameter_mm }));
        }
    }
    for (scan, center, diameter_mm) in excluded {
        if let Some(scan) = index.get(&scan).and_then(|i| scans.get_mut(*i)) {
            scan.irrelevant.push(TruthMark { center, diameter_mm });
        }
    }
    Ok(scans)
}

impl ReferenceNodule {
    /// A nodule of which only place and size are known.
    #[must_use]
    pub fn bare(id: String, mark: TruthMark) -> Self {
        Self {
            id,
            mark,
            attenuation: None,
            is_calcified: None,
            place: None,
            consensus: Mask::default(),
            readers: Vec::new(),
        }
    }
}

/// Marks of a submission: `seriesuid,coordX,coordY,coordZ,probability`.
///
/// # Errors
/// [`EvaluateError::Malformed`] with file and line.
pub fn marks(table: &Table) -> Result<MarksByScan, EvaluateError> {
    let mut found = MarksByScan::new();
    for (scan, center, score) in places(table, "probability")? {
        let mark = SystemMark { center, score, attenuation: None, outline: Mask::default() };
        found.entry(scan).or_default().marks.push(mark);
    }
    Ok(found)
}

/// Marks as a submission, scores to the last digit.
#[must_use]
pub fn submission(marks: &MarksByScan) -> String {
    let mut text = "seriesuid,coordX,coordY,coordZ,probability\n".to_owned();
    for (scan, one) in marks {
        for ScoredMark { center: c, score } in one.marks.iter().map(SystemMark::scored) {
            text.push_str(&format!("{scan},{},{},{},{score}\n", c.x, c.y, c.z));
        }
    }
    text
}

impl SystemMark {
    pub(super) fn scored(&self) -> ScoredMark {
        ScoredMark { center: self.center, score: self.score }
    }
}

/// Facts of scans: `seriesuid`, and of `patient`, `slice_mm`, `kernel`, `manufacturer` those that are there.
///
/// # Errors
/// [`EvaluateError::Malformed`] with file and line.
pub fn add_facts(scans: &mut [TruthScan], table: &Table) -> Result<(), EvaluateError> {
    let mut by_name: BTreeMap<String, &mut TruthScan> =
        scans.iter_mut().map(|s| (s.name.clone(), s)).collect();
    table.rows(["seriesuid", "patient", "slice_mm", "kernel", "manufacturer"], 1, |line, cells| {
        let [scan, patient, slice, kernel, maker] = cells.map(|c| c.filter(|c| !c.is_empty()));
        let Some(scan) = by_name.get_mut(scan.unwrap_or_default()) else { return Ok(()) };
        if let Some(patient) = patient {
            patient.clone_into(&mut scan.patient);
        }
        if slice.is_some() {
            scan.facts.slice_mm = Some(table.number(line, slice)?);
        }
        scan.facts.kernel = kernel.map(str::to_owned).or(scan.facts.kernel.take());
        scan.facts.maker = maker.map(str::to_owned).or(scan.facts.maker.take());
        Ok(())
    })
}

/// Classes: `truth`, and of `task`, `said`, `score` those that are there. With a score, truth is `1` or `0`.
///
/// # Errors
/// [`EvaluateError::Malformed`] with file and line.
pub fn classes(table: &Table) -> Result<Vec<ClassRow>, EvaluateError> {
    let mut rows = Vec::new();
    table.rows(["truth", "task", "said", "score"], 1, |line, [truth, task, said, score]| {
        let score = score.filter(|s| !s.is_empty()).map(|s| table.number(line, Some(s))).transpose()?;
        let said = said.filter(|s| !s.is_empty()).map(str::to_owned);
        if score.is_none() && said.is_none() {
            return Err(table.fault(line, "neither said nor score"));
        }
        let truth = truth.unwrap_or_default();
        if score.is_some() && !matches!(truth, "0" | "1") {
            return Err(table.fault(line, format!("truth {truth:?}; with a score it is 1 or 0")));
        }
        rows.push(ClassRow {
            task: task.unwrap_or("classes").to_owned(),
            truth: truth.to_owned(),
            said,
            score,
        });
        Ok(())
    })?;
    Ok(rows)
}

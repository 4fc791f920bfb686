//! What `lungcad evaluate --out` leaves behind.

use super::{EvaluateError, MarksByScan, tables};
use domain::EvaluationDocument;
use std::path::Path;

/// Writes `evaluation.json`, `evaluation.html` and, for another look without running again, `marks.csv`.
///
/// # Errors
/// [`EvaluateError::Unwritable`] with the file that cannot be written.
pub fn write_files(
    out: &Path,
    document: &EvaluationDocument,
    marks: &MarksByScan,
) -> Result<(), EvaluateError> {
    let fault =
        |path: &Path, cause: String| EvaluateError::Unwritable { path: path.display().to_string(), cause };
    std::fs::create_dir_all(out).map_err(|e| fault(out, e.to_string()))?;
    let json = serde_json::to_string_pretty(document).map_err(|e| fault(out, e.to_string()))?;
    let page = render::evaluation_html(document);
    for (name, text) in
        [("evaluation.json", json), ("evaluation.html", page), ("marks.csv", tables::submission(marks))]
    {
        let path = out.join(name);
        std::fs::write(&path, text).map_err(|e| fault(&path, e.to_string()))?;
    }
    Ok(())
}

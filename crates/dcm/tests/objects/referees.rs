//! The foreign programs and how they are called.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Repository root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn installed(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

/// Warnings that say nothing about us: our private codes are declared where the checker does not look, and
/// what the scan's patient and study attributes lack or spell oddly is copied as it is.
const ALLOWED: [&str; 3] =
    ["<99LUNGCAD>", "needed to build DICOMDIR", "</PatientName(0010,0010)[1]> - Value dubious"];

/// Lines of `dciodvfy` that say Error; `None` when it is not installed. A crash counts as an error.
pub(crate) fn dciodvfy(file: &Path) -> Option<Vec<String>> {
    if !installed("dciodvfy") {
        return None;
    }
    let run = Command::new("dciodvfy").arg("-new").arg(file).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&run.stderr), String::from_utf8_lossy(&run.stdout));
    let mut errors: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with("Error") || line.starts_with("Warning"))
        .filter(|line| !ALLOWED.iter().any(|words| line.contains(words)))
        .map(str::to_owned)
        .collect();
    if !run.status.success() && errors.is_empty() {
        errors.push(format!("dciodvfy ended with {}", run.status));
    }
    Some(errors)
}

/// Asserts that `dciodvfy` finds nothing.
pub(crate) fn check_valid(name: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, bytes).unwrap();
    if let Some(errors) = dciodvfy(&file) {
        assert!(errors.is_empty(), "{name}:\n{}", errors.join("\n"));
    }
}

/// Complaints of `dsrdump` about a report, and the text that it prints; `None` when it is not installed.
pub(crate) fn dsrdump(file: &Path) -> Option<(Vec<String>, String)> {
    if !installed("dsrdump") {
        return None;
    }
    let run = Command::new("dsrdump").arg("+Pl").arg(file).output().unwrap();
    let mut complaints: Vec<String> = String::from_utf8_lossy(&run.stderr)
        .lines()
        .filter(|line| {
            ["E:", "F:", "W:"].iter().any(|mark| line.starts_with(mark)) && !line.contains("Character Set")
        })
        .map(str::to_owned)
        .collect();
    if !run.status.success() && complaints.is_empty() {
        complaints.push(format!("dsrdump ended with {}", run.status));
    }
    Some((complaints, String::from_utf8_lossy(&run.stdout).into_owned()))
}

/// Asserts that neither `dciodvfy` nor `dsrdump` has anything to say about a report.
pub(crate) fn check_report(name: &str, file: &Path) {
    if let Some(errors) = dciodvfy(file) {
        assert!(errors.is_empty(), "{name}:\n{}", errors.join("\n"));
    }
    if let Some((complaints, _)) = dsrdump(file) {
        assert!(complaints.is_empty(), "{name}:\n{}", complaints.join("\n"));
    }
}

/// Python with pydicom and highdicom; `None`, with a line that says so, when it is not there.
pub(crate) fn foreign_python() -> Option<PathBuf> {
    let python = root().join(".tools/venv/bin/python");
    if !python.is_file() {
        println!(
            "skipped: {} is not there (python3 -m venv, then pip install -r tests/foreign/requirements.txt)",
            python.display()
        );
        return None;
    }
    Some(python)
}

/// What pydicom and highdicom read in a folder (`tests/foreign/read_objects.py`).
pub(crate) fn foreign_reading(folder: &Path) -> Option<serde_json::Value> {
    let python = foreign_python()?;
    let run =
        Command::new(python).arg(root().join("tests/foreign/read_objects.py")).arg(folder).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{text}\n{}", String::from_utf8_lossy(&run.stderr));
    Some(serde_json::from_str(&text).unwrap())
}

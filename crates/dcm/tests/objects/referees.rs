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

/// Lines of `dciodvfy` that say Error; `None` when it is not installed. A crash counts as an error.
pub(crate) fn dciodvfy(file: &Path) -> Option<Vec<String>> {
    if !installed("dciodvfy") {
        return None;
    }
    let run = Command::new("dciodvfy").arg("-new").arg(file).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&run.stderr), String::from_utf8_lossy(&run.stdout));
    let mut errors: Vec<String> = text
        .lines()
        .filter(|line| {
            line.starts_with("Error") || (line.starts_with("Warning") && !line.contains("99LUNGCAD"))
        })
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

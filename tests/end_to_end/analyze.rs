//! `lungcad analyze`: however the files are given, the same findings; an exit code that a script can use.

use crate::support::{TINY, lungcad, root, run, simulate};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn analyze(inputs: &[&Path], out: &Path) -> Output {
    lungcad().arg("analyze").args(inputs).arg("--out").arg(out).output().unwrap()
}

fn findings(out: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(out.join("findings.json")).unwrap()).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

fn is_png(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x89PNG"))
}

/// Goal: a folder, a list of files in any order and a ZIP give the same findings and the same objects; everything
/// that is promised lies in the output folder. Method: one simulated chest with a nodule.
#[test]
fn folder_files_and_zip_give_the_same_findings() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let scan = simulate(&at("scan"), TINY);
    let zip = at("scan.zip");
    run(Command::new("python3").args(["-m", "zipfile", "-c"]).arg(&zip).arg(&scan.folder));
    let mut list = files(&scan.folder);
    list.reverse();
    let list: Vec<&Path> = list.iter().map(PathBuf::as_path).collect();
    for (name, inputs) in [("folder", &[scan.folder.as_path()][..]), ("files", &list), ("zip", &[&zip])] {
        let output = analyze(inputs, &at(name));
        assert_eq!(output.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let first = findings(&at("folder"));
    let series = &first["series"][0];
    assert_eq!(series["series_instance_uid"], scan.series.as_str());
    let nodules = series["nodules"].as_array().unwrap();
    assert!(!nodules.is_empty(), "{first:#}");
    for name in ["files", "zip"] {
        assert_eq!(findings(&at(name))["series"][0]["nodules"], series["nodules"], "{name}");
    }
    let schema: Value =
        serde_json::from_slice(&std::fs::read(root().join("docs/findings.schema.json")).unwrap()).unwrap();
    assert!(jsonschema::draft202012::is_valid(&schema, &first), "{first:#}");
    let out = at("folder");
    let rows = std::fs::read_to_string(out.join("findings.csv")).unwrap().lines().count();
    assert_eq!(rows, nodules.len() + 1);
    let page = std::fs::read_to_string(out.join("overview.html")).unwrap();
    for number in 1..=nodules.len() {
        let picture = format!("series-01/nodule-{number:02}.png");
        assert!(is_png(&out.join(&picture)) && page.contains(&picture), "{picture}");
    }
    assert!(is_png(&out.join("series-01/overview.png")));
    for object in ["report.sr.dcm", "nodules.seg.dcm"] {
        assert!(out.join("series-01").join(object).is_file(), "{object}");
    }
}

/// Goal: 1 when something failed, 2 when the call is wrong, 3 when there was nothing to analyse, each with a
/// line that names the object. (0 is in the story above.)
#[test]
fn exit_codes_tell_a_script_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let short =
        ["--slices", "12", "--matrix", "96", "--pixel", "3.6", "--spacing", "4", "--thickness", "2.5"];
    let scan = simulate(&at("short"), &[&["--no-nodules"], &short[..]].concat());
    std::fs::create_dir(at("text")).unwrap();
    std::fs::write(at("text/readme.txt"), "no DICOM").unwrap();
    std::fs::write(at("wall"), "a file where a folder should be made").unwrap();

    let output = analyze(&[&scan.folder], &at("a"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("TOO_FEW_SLICES"), "{said}");
    assert_eq!(findings(&at("a"))["series"][0]["reason"]["code"], "TOO_FEW_SLICES");

    for (inputs, out, code, word) in [
        (at("text"), at("b"), 3, "no DICOM"),
        (at("missing"), at("c"), 2, "missing"),
        (scan.folder.clone(), at("wall"), 1, "wall"),
    ] {
        let output = analyze(&[&inputs], &out);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{}: {said}", inputs.display());
        assert!(said.contains(word), "{said}");
    }
    let output = lungcad().args(["analyze", "--out"]).arg(at("d")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

//! `lungcad evaluate` and `calibrate`: the same numbers from every kind of truth, marks and scan; a threshold that a
//! site sets is the one that the next analysis uses.

use crate::support::{SimulatedScan, TINY, lungcad, referee_python, root, run, simulate};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// `lungcad evaluate ... --json`.
fn evaluate(arguments: &[&str]) -> Value {
    let output = run(lungcad().arg("evaluate").args(arguments).args(["--json", "--draws", "50"]));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// CSV files of the challenge with the truth of a simulated scan.
fn tables(folder: &Path, scan: &SimulatedScan) {
    let lists = &scan.truth["series"][0]["luna16"];
    for (name, list) in [("annotations.csv", "annotations"), ("excluded.csv", "annotations_excluded")] {
        let mut csv = "seriesuid,coordX,coordY,coordZ,diameter_mm\n".to_owned();
        for row in lists[list].as_array().unwrap() {
            let cells: Vec<String> = row.as_array().unwrap().iter().map(Value::to_string).collect();
            csv.push_str(&format!("{},{}\n", scan.series, cells.join(",")));
        }
        std::fs::write(folder.join(name), csv).unwrap();
    }
    std::fs::write(folder.join("seriesuids.csv"), format!("{}\n", scan.series)).unwrap();
}

/// Goal: a pack run on DICOM, on MetaImage and on NIfTI, marks read back as a submission with the challenge's tables,
/// and `findings.json` with the SEG beside it give the same hit and sensitivities; the outline is measured; the page
/// and the marks are written.
#[test]
fn every_kind_of_truth_marks_and_scan_gives_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let scan = simulate(&at("scan"), TINY);
    let truth = at("scan/truth.json");
    let out = at("out");
    let ran = evaluate(&["--truth", text(&truth), text(&scan.folder), "--out", text(&out)]);
    let detection = &ran["detection"];
    assert_eq!((&detection["nodules_count"], &detection["scans_count"]), (&1.into(), &1.into()), "{ran:#}");
    assert_eq!(detection["counts"]["hits"], 1, "{ran:#}");
    let scores: Vec<f64> = std::fs::read_to_string(out.join("marks.csv"))
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().unwrap().parse().unwrap())
        .collect();
    let own = detection["nodules"][0]["score"].as_f64().unwrap();
    let above = scores.iter().filter(|score| **score > own).count();
    assert!(scores.iter().any(|score| (score - own).abs() < 1e-12) && scores.len() > 1, "{scores:?}");
    assert_eq!(detection["nodules"][0]["rank"], above + 1, "{ran:#}");
    assert!(ran["segmentation"]["outlines"][0]["dice"].as_f64().unwrap() > 0.5, "{:#}", ran["segmentation"]);
    assert_eq!(ran["pack"]["name"], "baseline-log");
    let by: Vec<&str> =
        detection["subgroups"].as_array().unwrap().iter().filter_map(|g| g["by"].as_str()).collect();
    for wanted in ["size", "type", "place", "slices", "kernel", "maker"] {
        assert!(by.contains(&wanted), "{wanted}: {by:?}");
    }
    let page = std::fs::read_to_string(out.join("evaluation.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("CPM"));

    tables(folder.path(), &scan);
    let (annotations, excluded, list) = (at("annotations.csv"), at("excluded.csv"), at("seriesuids.csv"));
    let marks = out.join("marks.csv");
    let challenge =
        ["--annotations", text(&annotations), "--excluded", text(&excluded), "--scans", text(&list)];
    let read_back = evaluate(&[&challenge[..], &["--submission", text(&marks)]].concat());
    for member in ["rates", "cpm", "counts", "curve"] {
        assert_eq!(read_back["detection"][member], detection[member], "{member}");
    }
    let same =
        evaluate(&[&challenge[..], &["--submission", text(&marks), "--against", text(&marks)]].concat());
    assert_eq!(same["detection"]["compared"]["difference"]["value"], 0.0);

    run(lungcad().arg("analyze").arg(&scan.folder).arg("--out").arg(at("findings")));
    let found = evaluate(&["--truth", text(&truth), "--findings", text(&at("findings"))]);
    assert_eq!(found["detection"]["counts"]["hits"], 1, "{found:#}");
    let dice = |document: &Value| document["segmentation"]["outlines"][0]["dice"].as_f64().unwrap();
    assert!((dice(&found) - dice(&ran)).abs() < 1e-9, "outline of the SEG {} {}", dice(&found), dice(&ran));

    let Some(python) = referee_python() else { return };
    let script = root().join("tests/foreign/to_volumes.py");
    run(Command::new(python).arg(script).arg(&scan.folder).arg(at("volumes")).arg(&scan.series));
    let volume = evaluate(&["--truth", text(&truth), text(&at("volumes/nii"))]);
    assert_eq!(volume["detection"]["counts"], detection["counts"]);
    let score = |document: &Value| document["detection"]["nodules"][0]["score"].as_f64().unwrap();
    assert!((score(&volume) - score(&ran)).abs() < 1e-4, "{} {}", score(&volume), score(&ran));
    // The whole volume as search region: the same nodule, false marks by the litre.
    let whole = evaluate(&["--truth", text(&truth), "--search", "whole", text(&at("volumes/mhd"))]);
    assert_eq!(whole["detection"]["unit"], "five-litres");
    assert_eq!(whole["detection"]["counts"]["hits"], 1, "{whole:#}");
    let litres = whole["detection"]["searched_litres"].as_f64().unwrap();
    // 30 slices of 4 mm, 192 pixels of 1.9 mm, a rim of 4 mm taken off everywhere.
    let expected = (30.0 * 4.0 - 8.0) * (192.0f64 * 1.9 - 8.0).powi(2) / 1e6;
    assert!((litres - expected).abs() < 1e-6, "{litres} {expected}");
}

/// Goal: the vectors and random sets of the referee through files and the command line, byte for byte as a
/// participant of the challenge would hand them in. (All thousand: crates/pipeline/tests/luna16.rs.)
#[test]
fn the_command_line_judges_as_the_referee() {
    let folder = tempfile::tempdir().unwrap();
    let script = root().join("tests/foreign/luna16.py");
    let ran = run(Command::new("python3").arg(script).args(["6", "11"]));
    let sets: Value = serde_json::from_slice(&ran.stdout).unwrap();
    for set in sets["sets"].as_array().unwrap() {
        let path = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, set[name].as_str().unwrap()).unwrap();
            path
        };
        let (a, e, s, m) = (path("annotations"), path("excluded"), path("seriesuids"), path("submission"));
        let judged = evaluate(&[
            "--annotations",
            text(&a),
            "--excluded",
            text(&e),
            "--scans",
            text(&s),
            "--submission",
            text(&m),
        ]);
        let (ours, theirs) = (&judged["detection"], &set["expected"]);
        for name in ["hits", "missed", "false_marks", "doubles", "irrelevant", "cut"] {
            assert_eq!(ours["counts"][name], theirs[name], "{name}");
        }
        let cpm = |v: &Value| v.as_f64();
        match cpm(&theirs["cpm"]) {
            None => assert!(ours["cpm"].is_null()),
            Some(cpm) => assert!((ours["cpm"]["value"].as_f64().unwrap() - cpm).abs() < 1e-12),
        }
    }
}

/// Goal: a site's threshold is kept, used by the next analysis, and refused once it was edited. (Another pack, and a
/// second file beside the first: tests of `pipeline::calibration`.)
#[test]
fn a_site_sets_its_own_operating_point() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let scan = simulate(&at("scan"), TINY);
    let truth = at("scan/truth.json");
    let arguments = ["calibrate", "--fp-per-scan", "0", "--truth", text(&truth), "--out"];
    let output = run(lungcad().args(arguments).arg(at("site")).arg(&scan.folder));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("calibration-v1.json"), "{said}");

    let file = at("site/calibration-v1.json");
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let threshold = kept["operating_point"]["threshold"].as_f64().unwrap();
    assert_eq!(kept["operating_point"]["false_marks"], 0.0);
    let analyze = || {
        let mut command = lungcad();
        command.env("LUNGCAD_ANALYSIS__CALIBRATION_FILE", &file);
        command.arg("analyze").arg(&scan.folder).arg("--out").arg(at("out")).output().unwrap()
    };
    let output = analyze();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let findings: Value = serde_json::from_slice(&std::fs::read(at("out/findings.json")).unwrap()).unwrap();
    let used = findings["series"][0]["pack"]["threshold"].as_f64().unwrap();
    assert!((used - threshold).abs() < 1e-12, "{used} {threshold}");

    let edited =
        std::fs::read_to_string(&file).unwrap().replace("\"false_marks\": 0.0", "\"false_marks\": 0.5");
    std::fs::write(&file, edited).unwrap();
    let output = analyze();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("was changed") && said.contains("calibration-v1.json"), "{said}");
}

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

/// Goal: what a user gets who sets nothing: the default pack on the quickest provider that the runtime has finds what was
/// planted, on the right side, with few other marks; and the same on plain CPU kernels. Method: a coarse simulated chest
/// with two nodules.
#[test]
fn the_default_pack_finds_what_was_planted() {
    let folder = tempfile::tempdir().unwrap();
    let scan = ["--nodule", "RUL,12,solid", "--nodule", "LLL,9,solid"];
    let chest =
        ["--slices", "110", "--matrix", "256", "--pixel", "1.4", "--spacing", "2.5", "--thickness", "2.5"];
    let scan = simulate(&folder.path().join("scan"), &[&scan[..], &chest[..]].concat());
    let nodules_of = |provider: Option<&str>| {
        let out = folder.path().join(provider.unwrap_or("default"));
        let mut command = lungcad();
        command.env_remove("LUNGCAD_MODELS__PACK").env_remove("LUNGCAD_MODELS__PROVIDER");
        if let Some(provider) = provider {
            command.env("LUNGCAD_MODELS__PROVIDER", provider);
        }
        run(command.arg("analyze").arg(&scan.folder).arg("--out").arg(&out));
        let found = findings(&out);
        assert_eq!(found["series"][0]["pack"]["name"], "lungcad-default");
        println!("{}: {}", provider.unwrap_or("default"), found["series"][0]["timings_ms"]);
        found["series"][0]["nodules"].as_array().unwrap().clone()
    };
    let center = |value: &Value| [0, 1, 2].map(|a| value[a].as_f64().unwrap());
    let apart = |a: [f64; 3], b: [f64; 3]| (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt();
    let found = nodules_of(None);
    for planted in scan.truth["series"][0]["nodules"].as_array().unwrap() {
        let place = center(&planted["consensus50"]["centre_lps"]);
        let hit = found.iter().find(|n| apart(center(&n["center_lps_mm"]), place) < 5.0);
        let hit = hit.unwrap_or_else(|| panic!("nothing at {place:?} in {found:#?}"));
        assert_eq!(hit["side"], if place[0] < 0.0 { "right" } else { "left" });
        assert_eq!(hit["lobe"]["lobe"], planted["planted"]["lobe"], "{hit:#}");
    }
    assert!(found.len() <= 4, "{} marks for two nodules", found.len());
    let plain = nodules_of(Some("cpu"));
    for nodule in &found {
        let same =
            plain.iter().find(|n| apart(center(&n["center_lps_mm"]), center(&nodule["center_lps_mm"])) < 1.0);
        let score = |n: &Value| n["score"].as_f64().unwrap();
        assert!(same.is_some_and(|n| (score(n) - score(nodule)).abs() < 0.02), "only on one: {nodule:#}");
    }
}

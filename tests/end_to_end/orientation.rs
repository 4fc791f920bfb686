//! One nodule, one place: whatever way the patient lies, the slices are stored or the gantry leans.

use crate::support::{SimulatedScan, have, lungcad, referee_python, root, run, simulate};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Right upper lobe, well inside the lung.
const PLANTED: [f64; 3] = [-75.0, 4.0, 52.0];
/// Fine enough that half a millimetre means something, and quick. Low noise: the outline must not depend on it.
const FINE: &[&str] = &[
    "--nodule",
    "at=-75/4/52,14,solid,round",
    "--slices",
    "64",
    "--matrix",
    "256",
    "--pixel",
    "1.4",
    "--spacing",
    "2.5",
    "--thickness",
    "2.5",
    "--noise-sd",
    "4",
];
/// Agreement asked for between positions, and between findings, SR and SEG, mm.
const SAME_MM: f64 = 0.5;
/// Of the outline's centroid with the planted centre, mm (measured: 0.14 to 0.24).
const PLANTED_MM: f64 = 0.5;

/// The nodule as four documents tell it.
#[derive(Debug, Clone)]
struct Told {
    findings: [f64; 3],
    report: [f64; 3],
    segmentation: [f64; 3],
    /// SCOORD of the SR on its image.
    mark: [f64; 3],
    sides: [String; 2],
}

fn point(value: &Value) -> [f64; 3] {
    std::array::from_fn(|i| value[i].as_f64().unwrap_or_else(|| panic!("no point: {value}")))
}

fn distance_mm(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}

fn tools() -> Option<PathBuf> {
    if !["dciodvfy", "dsrdump"].iter().all(|p| have(p)) {
        return None;
    }
    referee_python()
}

/// Simulates, analyses, lets foreign readers read; the nodule nearest to the planted one.
fn told(python: &Path, more: &[&str]) -> Told {
    let folder = tempfile::tempdir().unwrap();
    let scan = simulate(&folder.path().join("scan"), &[FINE, more].concat());
    let (document, read) = analysed(python, &scan, &folder.path().join("out"));
    let series = &document["series"][0];
    assert_eq!(series["state"], "done", "{more:?}: {document:#}");
    let nodules = series["nodules"].as_array().unwrap();
    let off = |n: &&Value| distance_mm(point(&n["center_lps_mm"]), PLANTED);
    let nodule = nodules.iter().min_by(|a, b| off(a).total_cmp(&off(b))).unwrap();
    let same = |list: &Value| -> Value {
        let found = list.as_array().unwrap().iter().find(|n| n["tracking_uid"] == nodule["tracking_uid"]);
        found.unwrap_or_else(|| panic!("{} is not in {list:#}", nodule["tracking_uid"])).clone()
    };
    let reported = same(&read["reports"][0]["nodules"]);
    let outlined = same(&read["segmentations"][0]["segments"]);
    let told = Told {
        findings: point(&nodule["center_lps_mm"]),
        report: point(&reported["center_lps"]),
        segmentation: point(&outlined["center_lps"]),
        mark: point(&reported["mark_lps"]),
        sides: [&nodule["side"], &reported["side"]].map(|s| s.as_str().unwrap().to_lowercase()),
    };
    println!("{more:?}: {told:?}, {:.2} mm from the planted centre", distance_mm(told.findings, PLANTED));
    told
}

fn analysed(python: &Path, scan: &SimulatedScan, out: &Path) -> (Value, Value) {
    run(lungcad().arg("analyze").arg(&scan.folder).arg("--out").arg(out));
    let document = serde_json::from_slice(&std::fs::read(out.join("findings.json")).unwrap()).unwrap();
    let objects = out.join("series-01");
    run(Command::new(python).arg(root().join("tests/foreign/check.py")).arg(&objects));
    let reader = root().join("tests/foreign/read_objects.py");
    let read = run(Command::new(python).arg(reader).arg(&objects).arg(&scan.folder));
    (document, serde_json::from_slice(&read.stdout).unwrap())
}

/// The reference: head first, supine. Made once.
fn head_first_supine(python: &Path) -> &'static Told {
    static TOLD: OnceLock<Told> = OnceLock::new();
    TOLD.get_or_init(|| told(python, &["--position", "HFS"]))
}

/// `grid_mm` is how far the SEG may be off because its voxels are those of the images and not of the volume.
fn agrees(what: &[&str], told: &Told, reference: &Told, grid_mm: f64) {
    assert_eq!(told.sides, ["right", "right"], "{what:?}");
    let checks = [
        ("planted centre", told.findings, PLANTED, PLANTED_MM),
        ("findings of the reference", told.findings, reference.findings, SAME_MM),
        ("SR and findings", told.report, told.findings, 0.01),
        ("SEG and findings", told.segmentation, told.findings, 0.01 + grid_mm),
        ("SEG and SEG of the reference", told.segmentation, reference.segmentation, SAME_MM + grid_mm),
        // The mark is on the key slice: within a slice of the centre, and on it in the plane.
        ("mark and centre", told.mark, told.findings, 2.0),
    ];
    for (name, a, b, limit_mm) in checks {
        let off = distance_mm(a, b);
        assert!(off <= limit_mm, "{what:?}: {name}: {off:.3} mm apart, at most {limit_mm} mm: {told:#?}");
    }
}

/// Goal: point 3 of "It must show". Method: the same chest in each position, one file per slice.
#[test]
fn the_place_does_not_depend_on_how_the_patient_lies() {
    let Some(python) = tools() else { return };
    let reference = head_first_supine(&python);
    agrees(&["HFS"], reference, reference, 0.0);
    for position in ["FFS", "HFP"] {
        let told = told(&python, &["--position", position]);
        agrees(&[position], &told, reference, 0.0);
    }
}

#[test]
#[ignore = "nightly: the remaining position"]
fn nor_on_lying_feet_first_and_prone() {
    let Some(python) = tools() else { return };
    let told = told(&python, &["--position", "FFP"]);
    agrees(&["FFP"], &told, head_first_supine(&python), 0.0);
}

/// Goal: one multi-frame instance says what many instances say, to the digit: the pixels are the same.
#[test]
fn the_place_does_not_depend_on_the_kind_of_object() {
    let Some(python) = tools() else { return };
    let reference = head_first_supine(&python);
    let told = told(&python, &["--position", "HFS", "--enhanced"]);
    agrees(&["enhanced"], &told, reference, 0.0);
    assert!(distance_mm(told.findings, reference.findings) < 0.002, "{told:?}\n{reference:?}");
}

/// Goal: slices that are turned, and slices that lean (gantry tilt, straightened by resampling), lead to the same
/// place; the SEG, whose voxels are those of the images, is right to half a pixel.
#[test]
fn the_place_does_not_depend_on_oblique_or_leaning_slices() {
    let Some(python) = tools() else { return };
    let reference = head_first_supine(&python);
    for (what, grid_mm) in [(["--oblique", "6"], 0.0), (["--tilt", "12"], 0.7 * 1.415)] {
        let told = told(&python, &what);
        agrees(&what, &told, reference, grid_mm);
    }
}

//! Lungs of real scans of seven makers and protocols: all of them are chests, every nodule that a reader marked
//! lies in the search region, on its side, and fissures lie where readers marked them.

mod fissures;

use dcm::group::{AssemblyRules, plan};
use dcm::header::{ReadOptions, read};
use domain::{LpsPoint, Side, Volume};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    std::env::var_os("LUNGCAD_TEST_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")))
}

/// Files below `folder`, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "dcm") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[allow(clippy::disallowed_methods, reason = "tests of a pure crate read their scans from files")]
fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// The volume of a patient's only series; 8 mm slices are let in.
fn volume(patient: &Path) -> Volume {
    let paths = files(patient);
    let headers: Vec<_> = paths.iter().map(|p| read(&bytes(p), &ReadOptions::default()).unwrap()).collect();
    let rules = AssemblyRules { slices_count_min: 20, thickness_mm_max: 10.0, ..AssemblyRules::default() };
    let plan = plan(&headers, &rules).unwrap();
    dcm::volume::build(
        &plan,
        &headers,
        &dcm::limits::Limits::default(),
        &|i| Ok(bytes(&paths[i])),
        &|_, _| (),
    )
    .unwrap()
}

fn number(v: &Value) -> f64 {
    v.as_f64().unwrap()
}

/// Marked nodules of a patient: place and name.
fn marked(truth: &[Value], patient: &str) -> Vec<(LpsPoint, String)> {
    let series = truth.iter().flat_map(|t| t["series"].as_array().unwrap());
    let nodules =
        series.filter(|s| s["patient_id"] == patient).flat_map(|s| s["nodules"].as_array().unwrap());
    nodules
        .map(|n| {
            let c = &n["consensus50"]["centre_lps"];
            let place = LpsPoint { x: number(&c[0]), y: number(&c[1]), z: number(&c[2]) };
            (place, format!("nodule {} of {patient}", n["id"]))
        })
        .collect()
}

/// Goal: every scan has two lungs of plausible volume, every marked centre is searched, sides agree with the side of
/// the body (all of these scans are centred on it), fissures lie near the points that readers marked, and a lobe that is
/// called sure is right. Method: distances of marks, and lobes of places on either side of them; limits are a little
/// wider than what was measured (`docs/LOBES.md`).
#[test]
fn lungs_and_fissures_of_real_scans() {
    let root = root();
    let folders: Vec<PathBuf> = ["ct", "backgrounds"]
        .iter()
        .flat_map(|kind| std::fs::read_dir(root.join(kind)).into_iter().flatten().flatten())
        .map(|e| e.path())
        .filter(|p| p.is_dir())
        .collect();
    if folders.is_empty() {
        eprintln!("skipped: no scans at {}; set LUNGCAD_TEST_DATA", root.display());
        return;
    }
    let truth: Vec<Value> = ["lidc-truth.json", "qin-truth.json"]
        .iter()
        .filter_map(|name| std::fs::read_to_string(root.join(name)).ok())
        .map(|text| serde_json::from_str(&text).unwrap())
        .collect();
    let marks = fissures::marks();
    let (mut unseen, mut tuned) = (fissures::Tally::default(), fissures::Tally::default());
    let mut nodules = 0;
    for folder in folders {
        let patient = folder.file_name().unwrap().to_string_lossy().into_owned();
        let scan = volume(&folder);
        let lungs = cad::lungs::segment(&scan).unwrap_or_else(|e| panic!("{patient}: {e}"));
        let (left, right) = (lungs.volumes.left_ml, lungs.volumes.right_ml);
        assert!(
            (800.0..4500.0).contains(&left) && (800.0..4500.0).contains(&right),
            "{patient} {left} {right}"
        );
        let tally = if fissures::UNSEEN.contains(&patient.as_str()) { &mut unseen } else { &mut tuned };
        tally.add(&marks, &patient, &cad::lobes::find(&scan, &lungs));
        for (place, name) in marked(&truth, &patient) {
            assert!(lungs.searches(place), "{name} at {place:?} is not searched");
            // Sides may cross the midline by a lung's lingula, not at a nodule 25 mm beside it.
            if place.x.abs() > 25.0 {
                let expected = if place.x > 0.0 { Side::Left } else { Side::Right };
                assert_eq!(lungs.side(place), expected, "{name}");
            }
            nodules += 1;
        }
    }
    eprintln!("{nodules} marked nodules, all searched");
    assert!(nodules > 0);
    unseen.tell("unseen");
    tuned.tell("tuned");
    for fissure in ["left oblique", "right oblique"] {
        let mm = &unseen.distances_mm[fissure];
        assert!(fissures::within(mm, 3.0) > 0.5 && fissures::within(mm, 10.0) > 0.88, "{fissure}");
    }
    for tally in [unseen, tuned] {
        assert!(tally.beside[&(true, 10)].sure_right() > 0.97, "{:?}", tally.beside);
        assert!(tally.beside[&(false, 20)].sure_right() > 0.94, "{:?}", tally.beside);
    }
}

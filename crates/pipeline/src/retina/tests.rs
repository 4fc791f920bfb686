//! Parity with MONAI: the same weights, random and briefly trained, through MONAI in Python and through lungcad.

use super::*;
use crate::volumes;
use inference::{OpenVinoPrecision, ProviderChoice, Registry, Role, Runtime, RuntimeOptions};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What MONAI found in one scan.
#[derive(Deserialize)]
struct Verdict {
    pack: String,
    scan: String,
    /// Voxels of MONAI's grid.
    shape: [usize; 3],
    windows: bool,
    seconds: f64,
    boxes: Vec<[f64; 6]>,
    scores: Vec<f64>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Goal: on scans smaller and larger than a window the same boxes within 1e-3 voxel, the same scores within 1e-4, the
/// same number of them. Method: `tests/foreign/monai_boxes.py` in the environment that `MONAI_PYTHON` names (torch,
/// onnx, onnxruntime, monai); nightly, because that environment is large.
#[test]
#[ignore = "nightly: needs an environment with torch and monai (MONAI_PYTHON)"]
#[allow(clippy::print_stdout)] // measured times
fn boxes_are_those_of_monai() {
    let python = std::env::var_os("MONAI_PYTHON").expect("MONAI_PYTHON names the python of that environment");
    let folder = tempfile::tempdir().unwrap();
    let script = root().join("tests/foreign/monai_boxes.py");
    let ran = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let verdicts: Vec<Verdict> =
        serde_json::from_slice(&std::fs::read(folder.path().join("boxes.json")).unwrap()).unwrap();
    assert!(verdicts.iter().any(|v| v.windows) && verdicts.iter().any(|v| !v.windows));
    let library = Some(root().join(".tools/onnxruntime/lib/libonnxruntime.so")).filter(|p| p.is_file());
    let runtime = |provider| Runtime::load(&RuntimeOptions { library: library.clone(), provider }).unwrap();
    // Parity on the kernels that both sides have; time as shipped, on the provider that `auto` takes.
    let (plain, shipped) = (runtime(ProviderChoice::Cpu), runtime(ProviderChoice::Auto));
    // A site may choose bfloat16, which is no parity: how fast and how far off is told.
    let rounded = Runtime::load(&RuntimeOptions {
        library: library.clone(),
        provider: ProviderChoice::OpenVino(OpenVinoPrecision::Bf16),
    });
    let (mut times_as_fast, mut rounded_times_as_fast) = (Vec::new(), Vec::new());
    for verdict in &verdicts {
        let (grid, found, plain_seconds) = ours(folder.path(), verdict, &plain);
        let (_, _, seconds) = ours(folder.path(), verdict, &shipped);
        times_as_fast.push(verdict.seconds / seconds);
        println!(
            "{}: MONAI {:.2} s, lungcad {seconds:.2} s ({plain_seconds:.2} s on plain kernels), {} boxes",
            verdict.scan,
            verdict.seconds,
            found.len()
        );
        assert_eq!(grid.size, verdict.shape, "{}", verdict.scan);
        assert_eq!(found.len(), verdict.boxes.len(), "{}", verdict.scan);
        assert!(found.len() > 20, "{}: too tame", verdict.scan);
        same(&verdict.scan, &found, verdict);
        if let Ok(rounded) = &rounded {
            let (_, found, seconds) = ours(folder.path(), verdict, rounded);
            rounded_times_as_fast.push(verdict.seconds / seconds);
            let (mut off, score_off): (Vec<f64>, Vec<f64>) = paired(&found, verdict).unzip();
            off.sort_by(f64::total_cmp);
            println!(
                "{}: in bfloat16 {seconds:.2} s, {} boxes for MONAI's {}, corners of nine in ten within {:.2?} voxel, scores within {:.3}",
                verdict.scan,
                found.len(),
                verdict.boxes.len(),
                off.get(off.len() * 9 / 10),
                score_off.into_iter().fold(0.0, f64::max)
            );
        }
    }
    times_as_fast.sort_by(f64::total_cmp);
    println!("lungcad is {times_as_fast:.1?} times as fast as MONAI, reading and boxes included");
    rounded_times_as_fast.sort_by(f64::total_cmp);
    println!("in bfloat16 {rounded_times_as_fast:.1?} times");
}

/// Grid, boxes and seconds from the file on, the network loaded and run once before.
fn ours(folder: &Path, verdict: &Verdict, runtime: &Runtime) -> (RasGrid, Vec<RetinaBox>, f64) {
    let pack = Registry::scan(&folder.join("packs")).unwrap().take(&verdict.pack).unwrap();
    let mut network = Network::load(&pack, pack.network(Role::Detector).unwrap(), runtime, 2).unwrap();
    inference::selftest::run(&mut network).unwrap();
    let path = folder.join("scans").join(format!("{}.mhd", verdict.scan));
    let started = Instant::now();
    let volume = volumes::read(&path).unwrap();
    let (grid, found) = boxes(&volume, &mut network, &|_, _, _| {}).unwrap();
    (grid, found, started.elapsed().as_secs_f64())
}

/// How far each box of MONAI is from one of ours, in voxels and in score. Each has its own of ours; boxes of nearly equal
/// score may have changed places.
fn paired<'a>(found: &'a [RetinaBox], verdict: &'a Verdict) -> impl Iterator<Item = (f64, f64)> + use<'a> {
    let mut free: Vec<&RetinaBox> = found.iter().collect();
    verdict.boxes.iter().zip(&verdict.scores).filter_map(move |(theirs, score)| {
        let away = |ours: &RetinaBox| {
            let corners = ours.low.iter().chain(&ours.high).zip(theirs);
            corners.map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
        };
        let nearest = (0..free.len()).min_by(|a, b| away(free[*a]).total_cmp(&away(free[*b])))?;
        let ours = free.swap_remove(nearest);
        Some((away(ours), (f64::from(ours.score) - score).abs()))
    })
}

#[allow(clippy::print_stdout)] // measured differences
fn same(scan: &str, found: &[RetinaBox], verdict: &Verdict) {
    let pairs: Vec<_> = paired(found, verdict).collect();
    let worst = |part: fn(&(f64, f64)) -> f64| pairs.iter().map(part).fold(0.0, f64::max);
    let (worst_voxel, worst_score) = (worst(|p| p.0), worst(|p| p.1));
    println!("{scan}: corners within {worst_voxel:.1e} voxel, scores within {worst_score:.1e}");
    assert_eq!(pairs.len(), verdict.boxes.len(), "{scan}");
    assert!(worst_voxel < 1e-3 && worst_score < 1e-4, "{scan}: {worst_voxel} voxel, {worst_score}");
}

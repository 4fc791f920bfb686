//! Packs against the real ONNX Runtime: sound ones run, broken ones say what is wrong and how to mend it.
//!
//! Needs the library that `scripts/setup-onnxruntime` installs; without it every test fails with that advice.

use inference::{
    Kind, ModelPack, Network, NetworkError, PackError, ProviderChoice, Registry, Role, Runtime, RuntimeError,
    RuntimeOptions, selftest,
};
use ndarray::{Array5, s};
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn runtime(provider: ProviderChoice) -> Runtime {
    let library = repository().join(".tools/onnxruntime/lib");
    let library = std::env::var_os("ORT_DYLIB_PATH").map_or(library, PathBuf::from);
    Runtime::load(&RuntimeOptions { library: Some(library), provider }).unwrap_or_else(|e| panic!("{e}"))
}

fn baseline() -> PathBuf {
    repository().join("models/baseline-log/1.0.0")
}

fn data(pack: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(pack).join("1.0.0")
}

fn small() -> PathBuf {
    data("trained-shape")
}

/// A copy of the small pack with one change in its pack.toml.
fn changed(from: &str, to: &str) -> tempfile::TempDir {
    changed_in(&small(), from, to)
}

/// A copy of a pack with one change in its pack.toml.
fn changed_in(pack: &Path, from: &str, to: &str) -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(pack).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), temp.path().join(entry.file_name())).unwrap();
    }
    let path = temp.path().join("pack.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from:?} is not in pack.toml");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    temp
}

/// Goal: the shipped pack and one in the shapes of a trained pack pass `verify`. Method: the real runtime.
#[test]
fn sound_packs_verify() {
    let runtime = runtime(ProviderChoice::Cpu);
    for folder in [baseline(), small(), data("lungs-logits"), data("lungs-labels")] {
        let (pack, ran) = ModelPack::verify(&folder, &runtime, 2).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(ran.len(), pack.manifest().networks.len());
        assert!(ran.iter().all(|r| r.contains("onnxruntime 1.") && r.ends_with("CPU, f32")), "{ran:?}");
    }
}

/// Goal: the reducer's two patches and the calibration come through. Method: known sums.
#[test]
fn a_reducer_takes_two_patches() {
    let runtime = runtime(ProviderChoice::Cpu);
    let pack = ModelPack::open(&small()).unwrap();
    let spec = pack.network(Role::Reducer).unwrap();
    let Kind::Classifier(decode) = &spec.decode else { panic!("not a classifier") };
    assert_eq!(decode.detector_weight, Some(0.5));
    let mut network = Network::load(&pack, spec, &runtime, 1).unwrap();
    let fine = Array5::from_elem(spec.inputs[0].shape5(), 0.5_f32).into_dyn();
    let wide = Array5::from_elem(spec.inputs[1].shape5(), 0.25_f32).into_dyn();
    let out = network.run_all(&[fine.view(), wide.view()]).unwrap();
    assert!((out[0].iter().next().unwrap() - 1.25).abs() < 1e-6);
    let error = network.run_all(&[fine.view()]).unwrap_err().to_string();
    assert!(error.contains("1 inputs given, the pack states 2"), "{error}");
    let score = pack.score(1.25);
    assert!((score - 1.0 / (1.0 + (-1.4_f64).exp())).abs() < 1e-12);
}

/// A ball of soft tissue in air-filled lung, borders softened over one voxel; centre in voxels.
fn ball(shape: [usize; 5], center: [f64; 3], diameter: f64) -> Array5<f32> {
    let mut array = Array5::from_elem(shape, 0.12_f32);
    let around = |c: f64| (c - diameter / 2.0 - 2.0) as usize..(c + diameter / 2.0 + 3.0) as usize;
    for z in around(center[0]) {
        for y in around(center[1]) {
            for x in around(center[2]) {
                let d = [z as f64 - center[0], y as f64 - center[1], x as f64 - center[2]];
                let r = d.iter().map(|v| v * v).sum::<f64>().sqrt();
                let inside = (diameter / 2.0 - r + 0.5).clamp(0.0, 1.0);
                array[[0, 0, z, y, x]] = (0.12 + 0.62 * inside) as f32;
            }
        }
    }
    array
}

/// Strongest mark of a centre-point head: centre in input voxels, diameter mm, logit.
fn strongest(pack: &ModelPack, network: &mut Network, input: &Array5<f32>) -> ([f64; 3], f64, f64) {
    let Kind::CenterPoint(decode) = &pack.network(Role::Detector).unwrap().decode else { panic!("no head") };
    let out = network.run(input.view()).unwrap();
    let head = out[0].view().into_dimensionality::<ndarray::Ix5>().unwrap();
    let logits = head.slice(s![0, 0, .., .., ..]);
    let (cell, logit): ((usize, usize, usize), &f32) =
        logits.indexed_iter().max_by(|a, b| f32::total_cmp(a.1, b.1)).unwrap();
    let at = |channel: usize| f64::from(head[[0, channel, cell.0, cell.1, cell.2]]);
    let place = |cell: usize, offset: f64| decode.stride as f64 * (cell as f64 + offset) - 0.5;
    let center = [place(cell.0, at(1)), place(cell.1, at(2)), place(cell.2, at(3))];
    (center, decode.reference_diameter_mm * at(4).exp(), f64::from(*logit))
}

/// Goal: the shipped detector finds balls within 0.5 mm, and rods of the same width score far lower.
/// Method: balls at places between voxels; one rod through the tile.
#[test]
fn the_detector_finds_balls_and_not_vessels() {
    let runtime = runtime(ProviderChoice::Cpu);
    let pack = ModelPack::open(&baseline()).unwrap();
    let spec = pack.network(Role::Detector).unwrap();
    let mut network = Network::load(&pack, spec, &runtime, 2).unwrap();
    let shape = spec.inputs[0].shape5();
    for (center, diameter) in
        [([90.3, 100.8, 95.5], 6.0), ([101.7, 88.1, 97.0], 10.0), ([96.0, 95.0, 94.2], 16.0)]
    {
        let (found, size, logit) = strongest(&pack, &mut network, &ball(shape, center, diameter));
        let error = found.iter().zip(center).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        assert!(error < 0.5, "{diameter} mm ball at {center:?} found {error:.2} mm away at {found:?}");
        assert!((size / diameter - 1.0).abs() < 0.5, "{diameter} mm ball taken for {size:.1} mm");
        let threshold = pack.manifest().operating_points.default_threshold();
        assert!(pack.score(logit) > threshold, "{diameter} mm ball scores {:.3}", pack.score(logit));
    }
    let rod = Array5::from_shape_fn(shape, |(_, _, z, y, x)| {
        let along = (z as f64 - 80.0) * 0.3;
        let r = (y as f64 - 80.0 - along).hypot(x as f64 - 80.0);
        (0.12 + 0.62 * (3.0 - r + 0.5).clamp(0.0, 1.0)) as f32
    });
    // the ends of the rod at the tile's faces are in the margin
    let out = network.run(rod.view()).unwrap();
    let inner = out[0].slice(s![0, 0, 16..64, 16..64, 16..64]).iter().copied().fold(f32::MIN, f32::max);
    assert!(pack.score(f64::from(inner)) < 0.2, "a rod scores {:.3}", pack.score(f64::from(inner)));
}

/// Goal: the shipped segmenter outlines a ball to 15 % of its volume. Method: a ball in the middle of the patch.
#[test]
fn the_segmenter_outlines_a_ball() {
    let runtime = runtime(ProviderChoice::Cpu);
    let pack = ModelPack::open(&baseline()).unwrap();
    let spec = pack.network(Role::Segmenter).unwrap();
    let Kind::ProbabilityPatch(decode) = &spec.decode else { panic!("not a patch") };
    let mut network = Network::load(&pack, spec, &runtime, 2).unwrap();
    for diameter in [10.0, 16.0, 24.0] {
        let out = network.run(ball(spec.inputs[0].shape5(), [31.8, 31.0, 32.2], diameter).view()).unwrap();
        let voxels = out[0].iter().filter(|p| f64::from(**p) >= decode.threshold).count() as f64;
        let expected = std::f64::consts::PI / 6.0 * f64::powi(diameter, 3);
        assert!((voxels / expected - 1.0).abs() < 0.15, "{diameter}: {voxels} voxels for {expected:.0}");
    }
}

/// Goal: one and two threads, and two runs, give the same bits. Method: the self-test input of both networks.
#[test]
fn threads_do_not_change_a_bit() {
    let runtime = runtime(ProviderChoice::Cpu);
    let pack = ModelPack::open(&baseline()).unwrap();
    for spec in &pack.manifest().networks {
        let input = selftest::pattern(spec.inputs[0].shape5());
        let mut outputs = Vec::new();
        for threads in [1, 2] {
            let mut network = Network::load(&pack, spec, &runtime, threads).unwrap();
            outputs.push(network.run(input.view()).unwrap());
            outputs.push(network.run(input.view()).unwrap());
        }
        let bits = |o: &Vec<ndarray::ArrayD<f32>>| o[0].iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert!(outputs.iter().all(|o| bits(o) == bits(&outputs[0])), "{}", spec.file);
    }
}

/// Goal: each fault of a pack.toml is refused with its reason. Method: one change each, `open`.
#[test]
fn faulty_manifests_are_refused_with_the_reason() {
    let hash = std::fs::read_to_string(small().join("pack.toml")).unwrap();
    let hash = hash.split("sha256 = \"").nth(1).unwrap()[..64].to_owned();
    let zeros = "0".repeat(64);
    let cases: &[(&str, &str, &[&str])] = &[
        (&hash, &zeros, &["detector.onnx", "sha256 is", &hash, &zeros, "copy the pack again"]),
        ("\"center-point\"", "\"anchors\"", &["unknown variant", "anchors", "center-point"]),
        ("stride = 4", "stride = 4\ncolour = 1", &["unknown field", "colour"]),
        ("format = 1", "format = 2", &["format is 2", "reads format 1"]),
        ("licence = \"Apache-2.0\"", "licence = \" \"", &["licence is empty"]),
        ("\"detector.onnx\"", "\"../detector.onnx\"", &["not a plain file name"]),
        ("\"detector.onnx\"", "\"absent.onnx\"", &["absent.onnx", "No such file"]),
        ("role = \"reducer\"", "role = \"detector\"", &["kind classifier cannot serve role detector"]),
        (
            "[1, 5, 8, 8, 8]",
            "[1, 5, 9, 8, 8]",
            &["needs one output of shape [1, 5, 8, 8, 8]", "[1, 5, 9, 8, 8]"],
        ),
        ("[1, 1, 32, 32, 32]", "[1, 1, 320, 3200, 32]", &["outside the bounds"]),
        ("stride = 4", "stride = 5", &["stride 5 does not divide"]),
        ("stride = 4", "stride = 4\nphases = 0", &["phases 0 is not 1, or 2"]),
        ("stride = 4", "stride = 4\nphases = 3", &["phases 3 is not 1, or 2"]),
        ("hu_clip = [-1000.0, 400.0]", "hu_clip = [400.0, -1000.0]", &["hu_clip"]),
        ("balanced = 0.5", "balanced = 0.95", &["quiet >= balanced"]),
        ("[1, 1, 32, 32, 32]", "[1, 1, 32, 32]", &["is not [1, 1, d, h, w]"]),
        ("detector_weight = 0.5\n", "", &["a reducer needs"]),
        ("version = \"1.0.0\"", "version = \"1.0\"", &["is not like 1.0.0"]),
    ];
    for (from, to, parts) in cases {
        let folder = changed(from, to);
        let text = ModelPack::open(folder.path()).unwrap_err().to_string();
        for part in *parts {
            assert!(text.contains(part), "{to}: {part:?} is not in: {text}");
        }
    }
}

/// Goal: each fault of a network for the lungs is refused with its reason, and so is a kind that cannot serve them. Method:
/// one change each, `open`.
#[test]
fn faulty_networks_for_the_lungs_are_refused_with_the_reason() {
    let logits = "[1, 3, 1, 64, 64]\nvalues = \"logit\"";
    let cases: &[(&str, &str, &[&str])] = &[
        ("\"left-lung\"]", "\"lung\"]", &["network 2 (lungs)", "role lungs lack \"left-lung\""]),
        ("[\"background\", ", "[", &["role lungs lack \"background\""]),
        ("\"left-lung\"]", "\"left-lung\", \"left-lung\"]", &["each there once"]),
        (
            "\"left-lung\"]",
            "\"left-lung\", \"trachea\"]",
            &["with 4 labels", "[1, 4, 1, 64, 64]", "states [[1, 3"],
        ),
        ("fit = \"body-box\"", "fit = \"centre\"", &["unknown variant", "centre", "body-box"]),
        ("fit = \"body-box\"\n", "", &["missing field `fit`"]),
        (
            "[1, 1, 1, 64, 64]",
            "[1, 1, 2, 64, 64]",
            &["takes one slice", "[1, 1, 1, h, w]", "export_lungmask.py"],
        ),
        (
            "[1, 1, 1, 64, 64]\naxes = \"lps-zyx\"",
            "[1, 1, 1, 64, 64]\naxes = \"ras-xyz\"",
            &["takes one slice"],
        ),
        (
            "[1, 1, 1, 64, 64]\naxes = \"lps-zyx\"",
            "[1, 1, 1, 64, 64]\naxes = \"lps-zyx\"\nspacing_mm = [1.0, 1.0, 1.0]",
            &["slices are resized; leave spacing_mm out"],
        ),
        (logits, "[1, 3, 1, 32, 64]\nvalues = \"logit\"", &["needs one output, [1, 3, 1, 64, 64]"]),
        (logits, "[1, 3, 1, 64, 64]\nvalues = \"label\"", &["values = \"label\" [1, 1, 1, 64, 64]"]),
        ("role = \"lungs\"", "role = \"segmenter\"", &["kind segmentation cannot serve role segmenter"]),
        ("spacing_mm = [1.0, 1.0, 1.0]\n", "", &["network 1 (detector)", "is outside 0.1 to 10"]),
        (
            "[1, 5, 8, 8, 8]\nvalues = \"logit\"",
            "[1, 5, 8, 8, 8]\nvalues = \"label\"",
            &["belongs to kind segmentation"],
        ),
    ];
    for (from, to, parts) in cases {
        let folder = changed_in(&data("lungs-logits"), from, to);
        let text = ModelPack::open(folder.path()).unwrap_err().to_string();
        for part in *parts {
            assert!(text.contains(part), "{to}: {part:?} is not in: {text}");
        }
    }
    // A patch network was let in for this role once, and never ran.
    let folder = changed("role = \"segmenter\"", "role = \"lungs\"");
    let text = ModelPack::open(folder.path()).unwrap_err().to_string();
    assert!(text.contains("kind probability-patch cannot serve role lungs"), "{text}");
}

/// Goal: detectors of one shape may take turns; others, and other roles, may not. Method: the small pack with a network
/// of its own twice, and that copy changed.
#[test]
fn only_detectors_of_one_shape_take_turns() {
    let text = std::fs::read_to_string(small().join("pack.toml")).unwrap();
    let networks: Vec<&str> = text.split("[[network]]").skip(1).collect();
    let twice = |of: &str, from: &str, to: &str, copies: usize| {
        let copy = format!("[[network]]{}", of.replacen(from, to, 1));
        changed("[[network]]", &format!("{}[[network]]", copy.repeat(copies)))
    };
    let (detector, reducer) = (networks[0], networks[1]);
    let pack = ModelPack::open(twice(detector, "", "", 1).path()).unwrap();
    assert_eq!(pack.networks(Role::Detector).count(), 2);
    for (folder, words) in [
        (twice(reducer, "", "", 1), "two networks of role reducer"),
        (twice(detector, "margin_voxels = 8", "margin_voxels = 4", 1), "detectors that take turns"),
        (twice(detector, "spacing_mm = [1.0", "spacing_mm = [2.0", 1), "detectors that take turns"),
        (twice(detector, "", "", 4), "5 looks (detectors times phases) are more than the stride, 4"),
    ] {
        let error = ModelPack::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

/// Goal: a graph that disagrees with its pack.toml is refused with the reason. Method: one change each, `verify`.
#[test]
fn graphs_that_disagree_are_refused_with_the_reason() {
    let runtime = runtime(ProviderChoice::Cpu);
    let cases: &[(&str, &str, &[&str])] = &[
        ("tensor = \"image\"", "tensor = \"picture\"", &["no input \"picture\"", "image", "pack.toml"]),
        ("tensor = \"logit\"", "tensor = \"odds\"", &["no output \"odds\"", "logit"]),
        (
            "[1, 1, 16, 16, 16]",
            "[1, 1, 16, 16, 8]",
            &["has shape [1, 1, 16, 16, 16] in the graph", "[1, 1, 16, 16, 8]"],
        ),
        ("opset = 17", "opset = 18", &["opset 17", "states 18"]),
        ("tolerance = 0.0001", "tolerance = 1e-12", &["self-test", "detector.onnx", "is stated"]),
    ];
    for (from, to, parts) in cases {
        let folder = changed(from, to);
        let text = ModelPack::verify(folder.path(), &runtime, 1).unwrap_err().to_string();
        for part in *parts {
            assert!(text.contains(part), "{to}: {part:?} is not in: {text}");
        }
    }
}

/// Goal: a wrong tensor is refused before ONNX Runtime sees it, and a file that is no graph is named.
#[test]
fn wrong_inputs_and_files_are_named() {
    let runtime = runtime(ProviderChoice::Cpu);
    let pack = ModelPack::open(&small()).unwrap();
    let mut network = Network::load(&pack, pack.network(Role::Detector).unwrap(), &runtime, 1).unwrap();
    let error = network.run(Array5::zeros([1, 1, 32, 32, 16]).view()).unwrap_err();
    assert!(matches!(error, NetworkError::Input { .. }), "{error}");
    assert!(error.to_string().contains("[1, 1, 32, 32, 16]"), "{error}");

    let text = std::fs::read_to_string(small().join("pack.toml")).unwrap();
    let hash = text.split("sha256 = \"").nth(1).unwrap()[..64].to_owned();
    let nonsense = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; // of no bytes
    let folder = changed(&hash, nonsense);
    std::fs::write(folder.path().join("detector.onnx"), "").unwrap();
    let error = ModelPack::verify(folder.path(), &runtime, 1).unwrap_err().to_string();
    assert!(error.contains("loading network detector.onnx of pack trained-shape 1.0.0"), "{error}");
}

/// Goal: the file that changed after `open` is not loaded. Method: one byte more.
#[test]
fn a_file_that_changed_after_open_is_not_loaded() {
    let runtime = runtime(ProviderChoice::Cpu);
    let folder = changed("format = 1", "format = 1");
    let pack = ModelPack::open(folder.path()).unwrap();
    let file = folder.path().join("detector.onnx");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.push(0);
    std::fs::write(&file, bytes).unwrap();
    let error = Network::load(&pack, pack.network(Role::Detector).unwrap(), &runtime, 1).unwrap_err();
    assert!(matches!(error, NetworkError::Pack(PackError::Hash { .. })), "{error}");
}

/// Goal: a provider that the library lacks falls back, and provenance says so. Method: ask the plain library for CUDA.
#[test]
fn a_missing_provider_falls_back_to_cpu() {
    let runtime = runtime(ProviderChoice::Cuda { device_index: 0 });
    let pack = ModelPack::open(&small()).unwrap();
    let mut network = Network::load(&pack, pack.network(Role::Detector).unwrap(), &runtime, 1).unwrap();
    if Path::new("/dev/nvidia0").exists() {
        eprintln!("skipped: this machine has an NVIDIA GPU");
        return;
    }
    assert!(network.provenance().ends_with("CPU, f32"), "{}", network.provenance());
    selftest::run(&mut network).unwrap();
}

/// Goal: a second library in one process, and a file that is no library, are refused. Method: both, after a good load.
#[test]
fn another_library_is_refused() {
    runtime(ProviderChoice::Cpu);
    let temp = tempfile::tempdir().unwrap();
    let other = temp.path().join("libonnxruntime.so");
    std::fs::write(&other, "no library").unwrap();
    let options = RuntimeOptions { library: Some(other), provider: ProviderChoice::Cpu };
    let error = Runtime::load(&options).unwrap_err();
    assert!(matches!(error, RuntimeError::OtherLibrary { .. }), "{error}");
    assert!(error.to_string().contains("restart"), "{error}");
}

/// Goal: versions count as numbers, a broken pack hides nobody, place and name must agree. Method: four folders.
#[test]
fn a_registry_lists_the_newest_of_each() {
    let root = tempfile::tempdir().unwrap();
    let put = |version: &str, placed: &str| {
        let from = changed("version = \"1.0.0\"", &format!("version = \"{version}\""));
        let to = root.path().join("trained-shape").join(placed);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(from.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    };
    put("1.9.0", "1.9.0");
    put("1.10.0", "1.10.0");
    put("1.10.0", "1.11.0");
    std::fs::create_dir_all(root.path().join("empty/1.0.0")).unwrap();
    let registry = Registry::scan(root.path()).unwrap();
    let list: Vec<_> = registry
        .list()
        .iter()
        .map(|e| (e.name.as_str(), e.version.as_str(), e.pack.is_ok(), e.newest))
        .collect();
    assert_eq!(
        list,
        [
            ("empty", "1.0.0", false, false),
            ("trained-shape", "1.9.0", true, false),
            ("trained-shape", "1.10.0", true, true),
            ("trained-shape", "1.11.0", false, false),
        ]
    );
    assert_eq!(Registry::scan(root.path()).unwrap().take("trained-shape").unwrap().version(), "1.10.0");
    assert_eq!(Registry::scan(root.path()).unwrap().take("trained-shape/1.9.0").unwrap().version(), "1.9.0");
    let moved = Registry::scan(root.path()).unwrap().take("trained-shape/1.11.0").unwrap_err().to_string();
    assert!(moved.contains("its folder says trained-shape 1.11.0"), "{moved}");
    let unknown = Registry::scan(root.path()).unwrap().take("other").unwrap_err().to_string();
    assert!(unknown.contains("there is empty/1.0.0, trained-shape/1.9.0"), "{unknown}");
}

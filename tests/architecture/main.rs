//! The house rules that a machine can check: edges between our crates, owners of outside crates,
//! licences, file sizes, words. The edge table is also the one in `docs/ARCHITECTURE.md`; the test
//! compares both, so that the drawing cannot age.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// crate -> ours that it may use.
const EDGES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("cad", &["domain"]),
    ("inference", &["domain"]),
    ("dcm", &["domain"]),
    ("dimse", &["domain"]),
    ("render", &["domain", "dcm"]),
    ("archive", &["domain"]),
    ("pipeline", &["domain", "cad", "inference", "dcm", "dimse", "render", "archive"]),
    ("server", &["domain", "pipeline", "archive", "dcm", "dimse", "phantom"]),
    ("phantom", &["domain", "dcm"]),
];

/// outside crate -> the only ones of ours that may list it. Crates not named here are shared.
const OWNERS: &[(&str, &[&str])] = &[
    ("ort", &["inference"]),
    ("toml", &["inference"]),
    ("dicom-object", &["dcm"]),
    ("dicom-pixeldata", &["dcm"]),
    ("dicom-dictionary-std", &["dcm"]),
    ("dicom-transfer-syntax-registry", &["dcm"]),
    ("encoding_rs", &["dcm"]),
    ("flate2", &["dcm", "pipeline"]),
    ("dicom-core", &["dcm", "dimse"]),
    ("dicom-encoding", &["dcm", "dimse"]),
    ("dicom-ul", &["dimse"]),
    ("sqlx", &["archive"]),
    ("object_store", &["archive"]),
    ("image", &["render"]),
    ("tiny-skia", &["render"]),
    ("ab_glyph", &["render"]),
    ("nix", &["archive", "pipeline"]),
    ("axum", &["server"]),
    ("hyper", &["server"]),
    ("hyper-util", &["server"]),
    ("tower", &["server"]),
    ("tower-http", &["server"]),
    ("utoipa", &["server"]),
    ("utoipa-axum", &["server"]),
    ("clap", &["server"]),
    ("config", &["server"]),
    ("indicatif", &["server"]),
    ("comfy-table", &["server"]),
    ("metrics-exporter-prometheus", &["server"]),
    ("tracing-subscriber", &["server"]),
    ("zip", &["server", "pipeline"]),
    ("rust-embed", &["server"]),
    ("rustls", &["server"]),
    ("rand", &["phantom"]),
    ("rand_chacha", &["phantom"]),
    ("rand_distr", &["phantom"]),
    ("rustfft", &["phantom"]),
    ("tokio", &["dimse", "archive", "pipeline", "server"]),
    ("tokio-util", &["dimse", "archive", "pipeline", "server"]),
];

/// Licences that may be linked into the binary (SPDX ids, as in deny.toml).
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "0BSD",
    "BSL-1.0",
    "OpenSSL",
    "CDLA-Permissive-2.0",
    "NCSA",
    "Unlicense",
    "bzip2-1.0.6",
    "IJG", // jpeg-encoder, through dicom-pixeldata: acknowledge the Independent JPEG Group in the documentation
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn metadata(with_dependencies: bool) -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    // What is linked here; crates of other systems need not have been fetched.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    cargo
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", &target])
        .current_dir(root());
    if !with_dependencies {
        cargo.arg("--no-deps");
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Normal and build dependencies by real name; dev-dependencies are free.
fn dependencies(package: &Value) -> Vec<String> {
    package["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|d| d["kind"] != "dev")
        .map(|d| d["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Goal: an arrow that LAYOUT does not draw fails here. Method: cargo's own view of the manifests.
#[test]
fn edges_between_our_crates_are_those_of_the_table() {
    let metadata = metadata(false);
    let table: BTreeMap<_, _> = EDGES.iter().copied().collect();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages.iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(ours, table.keys().copied().collect(), "crates of the workspace and of the table");
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        for dependency in dependencies(package) {
            if ours.contains(dependency.as_str()) && !table[name].contains(&dependency.as_str()) {
                wrong.push(format!("{name} -> {dependency} is forbidden"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Goal: `phantom` makes truth without the code that is judged by it, tests included.
#[test]
fn phantom_never_sees_cad() {
    let metadata = metadata(false);
    let phantom = metadata["packages"].as_array().unwrap().iter().find(|p| p["name"] == "phantom").unwrap();
    assert!(phantom["dependencies"].as_array().unwrap().iter().all(|d| d["name"] != "cad"));
}

/// Goal: each outside crate with an owner is listed by its owner only, under whatever alias.
#[test]
fn outside_crates_are_listed_by_their_owner_only() {
    let metadata = metadata(false);
    let owners: BTreeMap<_, _> = OWNERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        for dependency in dependencies(package) {
            if let Some(allowed) = owners.get(dependency.as_str())
                && !allowed.contains(&name)
            {
                wrong.push(format!("{name} lists {dependency}, owned by {allowed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether an SPDX expression can be met with the allowed licences alone.
fn licence_allowed(expression: &str) -> bool {
    let flat = expression.replace(['(', ')'], " ").replace('/', " OR ");
    // `A AND B OR C` does not occur without brackets in the graph; brackets only group ANDs of allowed parts.
    let clauses: Vec<&str> = flat.split(" OR ").collect();
    if expression.contains(" AND ") && expression.contains(" OR ") {
        return flat.split(" AND ").all(|part| part.split(" OR ").any(|l| LICENCES.contains(&l.trim())));
    }
    clauses.iter().any(|clause| clause.split(" AND ").all(|l| LICENCES.contains(&l.trim())))
}

/// Goal: nothing is linked whose licence we may not ship. Method: the licence field of every package.
#[test]
fn every_dependency_has_an_allowed_licence() {
    let metadata = metadata(true);
    let wrong: Vec<String> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| !licence_allowed(p["license"].as_str().unwrap_or("none stated")))
        .map(|p| format!("{} {}: {}", p["name"], p["version"], p["license"]))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(!licence_allowed("GPL-3.0") && !licence_allowed("MIT AND GPL-3.0"), "the check itself");
    assert!(licence_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
}

/// Files that git tracks or would track, below `folder`, with one of these endings.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--", folder])
        .current_dir(root())
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter(|line| endings.is_empty() || endings.iter().any(|e| line.ends_with(e)))
        .map(|line| root().join(line))
        .filter(|path| path.is_file())
        .collect()
}

/// Goal: files small enough to hold in the head. Exceptions are tables of data, each with its reason.
#[test]
fn source_files_stay_small() {
    const DATA_TABLES: &[&str] = &[];
    let mut wrong = Vec::new();
    for path in files("crates", &[".rs"]).into_iter().chain(files("tests", &[".rs"])) {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if lines > 500 && !DATA_TABLES.contains(&name.as_str()) {
            wrong.push(format!("{name}: {lines} lines"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Goal: no large blob outside `models/`.
#[test]
fn no_large_blob_outside_models() {
    let wrong: Vec<_> = files(".", &[])
        .into_iter()
        .filter(|p| !p.starts_with(root().join("models")))
        .filter(|p| p.metadata().unwrap().len() > 4 << 20)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Goal: no `unsafe` of our own, and no module that is a drawer for leftovers.
#[test]
fn no_unsafe_and_no_drawers() {
    let mut wrong = Vec::new();
    for path in files("crates", &[".rs"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if ["utils", "helpers", "common", "misc", "manager", "context"].contains(&stem.as_str()) {
            wrong.push(format!("{}: name says nothing", path.display()));
        }
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            if code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("todo!(") {
                wrong.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Goal: a stage calls leaves and the archive, never another stage; handlers never compute.
#[test]
fn stages_do_not_call_stages_and_handlers_do_not_compute() {
    const STAGES: &[&str] = &["receive", "completeness", "assemble", "analyze", "report", "deliver"];
    let mut wrong = Vec::new();
    for stage in STAGES {
        for path in files(&format!("crates/pipeline/src/{stage}.rs"), &[]) {
            let text = std::fs::read_to_string(&path).unwrap();
            for other in STAGES.iter().filter(|o| *o != stage) {
                if text.contains(&format!("crate::{other}::")) {
                    wrong.push(format!("{stage} uses {other}"));
                }
            }
        }
    }
    for path in files("crates/server/src/api", &[".rs"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("cad::") || text.contains("inference::") {
            wrong.push(format!("{} computes", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Goal: the table of docs/ARCHITECTURE.md is this table.
#[test]
fn the_drawing_is_the_code() {
    let text = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let mut drawn = BTreeMap::new();
    for line in text.lines().filter(|l| l.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`').to_owned();
        let uses: BTreeSet<String> = cells[2]
            .split(',')
            .map(|c| c.trim().trim_matches('`').to_owned())
            .filter(|c| !c.is_empty() && c != "-")
            .collect();
        drawn.insert(name, uses);
    }
    let table: BTreeMap<String, BTreeSet<String>> = EDGES
        .iter()
        .map(|(name, uses)| ((*name).to_owned(), uses.iter().map(|u| (*u).to_owned()).collect()))
        .collect();
    assert_eq!(drawn, table);
}

/// Goal: a crate's own clippy.toml replaces the root's, so it must repeat every entry of it.
#[test]
fn clippy_of_pure_crates_repeats_the_root() {
    let root_entries = std::fs::read_to_string(root().join("clippy.toml")).unwrap();
    for name in ["domain", "cad", "dcm", "render"] {
        let own = std::fs::read_to_string(root().join("crates").join(name).join("clippy.toml")).unwrap();
        for line in root_entries.lines().filter(|l| !l.trim().is_empty()) {
            assert!(own.contains(line), "crates/{name}/clippy.toml lacks: {line}");
        }
    }
}

/// Goal: the conformance statement names what negotiation takes, no more and no less.
#[test]
fn the_conformance_statement_is_the_table() {
    use dcm::conformance::{Handling, Loss, STORAGE_CLASSES, TRANSFER_SYNTAXES};
    let text = std::fs::read_to_string(root().join("docs/CONFORMANCE.md")).unwrap();
    let mut expected = BTreeSet::new();
    for class in STORAGE_CLASSES {
        let handling = if class.handling == Handling::Analyzed { "stored and analysed" } else { "stored" };
        expected.insert(format!("| {} | {} | {handling} |", class.name, class.uid));
    }
    for syntax in TRANSFER_SYNTAXES {
        let loss = if syntax.lossy == Loss::Lossless { "lossless" } else { "lossy: the result says so" };
        expected.insert(format!("| {} | {} | {loss} |", syntax.name, syntax.uid));
    }
    let stated: BTreeSet<String> =
        text.lines().filter(|l| l.contains("| 1.2.840.10008.")).map(str::to_owned).collect();
    assert_eq!(stated, expected);
}

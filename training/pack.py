"""Write pack.toml beside the exported networks: sha256, self-test probes, thresholds from patients not trained on.

    python pack.py OUT FOLDER [--segmenter-from models/baseline-log/1.0.0]

Two passes: without OUT/measured-<name>-<version>.json the operating points are 0.5, 0.3 and 0.1 
measure.py then measures that pack, and a second pass takes the thresholds (and, if asked, a calibration) from it.
"""
import argparse
import hashlib
import json
import pathlib
import shutil
import sys
import tomllib

import numpy as np
import onnx
import onnxruntime

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "baseline_log"))
import selftest

POINTS = {"quiet": 0.25, "balanced": 1, "sensitive": 2}  # false marks a chest, over the whole scans
SCORE_MIN = 0.02
SURE = 0.7  # probability from which the characterizer's yes or no is stated; balanced draws, see measure_characterizer.py
NOMINAL = {"detector": {"input": 160, "head": 40}}  # edges that pack.toml and the self-test state where any will do
NODULES_PER_CHEST = 1186 / 888  # of >= 3 readers, LUNA16
REDUCER_MM, REDUCER_SHARE = (1.0, 1.5), (0.5, 0.5)  # spacings of near and wide; share of the two logits in the score

HEAD = '''# Made by training/pack.py; docs/MODEL_PACKS.md explains every key.
format = 1
name = "{name}"
version = "{version}"
licence = "Apache-2.0"
intended_input = "Chest CT of adults, axial slices of 3 mm or less, any kernel; marks round opacities of 4 to 30 mm in the lungs"
training = "{training}"

[operating_points]
default = "balanced"
quiet = {quiet:.6f}
balanced = {balanced:.6f}
sensitive = {sensitive:.6f}
'''

TRAINING = (
    "Learned (detector{others}) from nodule cubes of LIDC-IDRI (CC BY 3.0, doi:10.7937/K9/TCIA.2015.LO9QL9SX), four fifths "
    "of 548 patients, with unlabelled lungs of eight scans of QIN LUNG CT (CC BY 3.0), CMB-CRC (CC BY 4.0), CPTAC-LSCC "
    "(CC BY 4.0) and TCGA-THCA (CC BY 3.0) as background; thresholds from four whole scans of other patients"
)

CALIBRATION = '''
[calibration]
slope = {slope:.6f}
intercept = {intercept:.6f}
'''

NETWORK = '''
[[network]]
role = "{role}"
file = "{role}.onnx"
sha256 = "{sha256}"
opset = 17
number_format = "f32"

[network.decode]
{decode}

{inputs}
[[network.output]]
tensor = "{output}"
shape = {out_shape}
values = "logit"

[network.selftest]
tolerance = 0.01
probes = {probes}
'''

INPUT = '''[[network.input]]
tensor = "{tensor}"
shape = {shape}
axes = "lps-zyx"
spacing_mm = [{mm}, {mm}, {mm}]
hu_clip = [-1024.0, 300.0]
pad_value = 0.0
'''

DETECTOR = '''kind = "center-point"
stride = 4
margin_voxels = 16
tile_voxels_max = 6000000
phases = 1
reference_diameter_mm = 8.0
score_min = {score_min}
top_k = 100
nms_distance_mm = 4.0
nms_diameter_fraction = 0.5'''

REDUCER = '''kind = "classifier"
classes = ["nodule"]
detector_weight = {detector_weight:.6f}
reducer_weight = {reducer_weight:.6f}
bias = {bias:.6f}'''

CHARACTERIZER = '''kind = "classifier"
classes = {classes}
sure = {sure}'''

SEGMENTER = '''kind = "probability-patch"
channels = ["nodule"]
threshold = 0.4
edge_diameters_min = 1.2'''


def network_text(folder, role, decode, *spacings_mm):
    """The section of a network; one spacing an input."""
    file = folder / f"{role}.onnx"
    graph = onnx.load(file).graph
    stated = {n: [1, 1, e, e, e] for n, e in NOMINAL.get(role, {}).items()}
    shapes = {
        v.name: [d.dim_value or size for d, size in zip(v.type.tensor_type.shape.dim, stated.get(v.name, [0] * 5))]
        for v in (*graph.input, *graph.output)
    }
    names, output = [v.name for v in graph.input], graph.output[0].name
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    inputs = "\n".join(INPUT.format(tensor=n, shape=shapes[n], mm=mm) for n, mm in zip(names, spacings_mm, strict=True))
    return NETWORK.format(
        role=role, sha256=hashlib.sha256(file.read_bytes()).hexdigest(), decode=decode, inputs=inputs, output=output,
        out_shape=shapes[output], probes=selftest.probes(session, {n: shapes[n] for n in names}, output),
    )


def borrowed(folder, source):
    """The segmenter of another pack, file and text as they are there."""
    text = (source / "pack.toml").read_text()
    sections = ["[[network]]" + part for part in text.split("[[network]]")[1:]]
    section = next(s for s in sections if 'role = "segmenter"' in s)
    shutil.copyfile(source / "segmenter.onnx", folder / "segmenter.onnx")
    return "\n" + section


def logit(p):
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def calibrate(cube_hits, scan_hits, false, chests):
    """Slope and intercept of Platt scaling, by Newton steps, at the prevalence of whole chests.

    `cube_hits`, `scan_hits`: scores of nodules of >= 3 readers, of held-out cubes and of `chests` whole scans; `false`:
    scores of false marks in these scans. Cubes are cut around nodules and score higher than scans, which are few: each
    kind counts for half of the NODULES_PER_CHEST.
    """
    groups = [one for one in (cube_hits, scan_hits) if len(one)]
    scores, labels = np.array([*cube_hits, *scan_hits, *false]), np.zeros(len(cube_hits) + len(scan_hits) + len(false))
    labels[:len(cube_hits) + len(scan_hits)] = 1
    share = NODULES_PER_CHEST * chests / len(groups)
    weights = np.array([share / len(one) for one in groups for _ in one] + [1.0] * len(false))
    x, w = np.c_[logit(scores), np.ones(len(scores))], np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ w))
        curvature = (x * (weights * p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(2)
        w -= np.linalg.solve(curvature, x.T @ (weights * (p - labels)))
    return float(w[0]), float(w[1])


def scored(parts):
    """What a measured pack's scores are to be: slope, intercept and lowest score of the calibration, thresholds of the
    operating points. `parts`: measure.py's JSON with cubes and scans."""
    from measure import threshold_at

    false, chests = parts["scans"]["false_raw"], parts["scans"]["chests"]  # cubes have no hila, little diaphragm
    hits = [r["hit"] for r in parts["cube_rows"] if r["readers"] >= 3 and r["hit"] >= SCORE_MIN]
    scan_hits = [s for s in parts["scans"]["hits_raw"] if s >= SCORE_MIN]
    slope, intercept = calibrate(hits, scan_hits, [s for s in false if s >= SCORE_MIN], chests)
    scaled = lambda p: float(1 / (1 + np.exp(-(slope * logit(p) + intercept))))
    thresholds = {k: scaled(threshold_at(false, chests, rate)) for k, rate in POINTS.items()}
    return slope, intercept, float(f"{scaled(SCORE_MIN):.2g}"), thresholds


def main():
    # Here, since export_monai.py borrows from this file where the training's libraries are not installed.
    from train_characterizer import NEAR_MM, WIDE_MM, Characterizer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--segmenter-from", type=pathlib.Path)
    parser.add_argument("--points", type=float, nargs=3, help="thresholds read off the program's own marks instead")
    given = parser.parse_args()
    name, version = given.folder.parent.name, given.folder.name
    thresholds, text = {"quiet": 0.5, "balanced": 0.3, "sensitive": 0.1}, ""
    measured = given.out / f"measured-{name}-{version}.json"
    score_min, shares, bias = SCORE_MIN, REDUCER_SHARE, 0.0
    if measured.exists():
        slope, intercept, lowest, thresholds = scored(json.loads(measured.read_text()))
        has_reducer = (given.folder / "reducer.onnx").exists()
        if has_reducer:  # the calibration of both stages together goes into their weights
            shares, bias = [slope * s for s in REDUCER_SHARE], intercept
        else:
            text, score_min = CALIBRATION.format(slope=slope, intercept=intercept), lowest
        print(f"calibration {slope:.3f} x logit + {intercept:.3f}; points {thresholds}")
    if given.points:
        thresholds = dict(zip(POINTS, given.points))
    segmenter = borrowed(given.folder, given.segmenter_from) if given.segmenter_from else network_text(given.folder, "segmenter", SEGMENTER, 0.7)
    learned = [role for role in ("segmenter", "characterizer") if (given.folder / f"{role}.onnx").exists()]
    learned = learned[1:] if given.segmenter_from else learned
    training = TRAINING.format(others="".join(f", {role}" for role in learned))
    if given.segmenter_from:
        training += "; the segmenter is the classical one of baseline-log"
    toml = HEAD.format(name=name, version=version, training=training, **thresholds) + text
    toml += network_text(given.folder, "detector", DETECTOR.format(score_min=score_min), 1.0)
    if (given.folder / "reducer.onnx").exists():
        reducer = REDUCER.format(detector_weight=shares[0], reducer_weight=shares[1], bias=bias)
        toml += network_text(given.folder, "reducer", reducer, *REDUCER_MM)
    toml += segmenter
    if (given.folder / "characterizer.onnx").exists():
        classes = json.dumps(Characterizer.CLASSES)
        toml += network_text(given.folder, "characterizer", CHARACTERIZER.format(classes=classes, sure=SURE), NEAR_MM, WIDE_MM)
    tomllib.loads(toml)
    (given.folder / "pack.toml").write_text(toml)
    size = sum(f.stat().st_size for f in given.folder.iterdir())
    print(f"wrote {given.folder}: {size / 1e6:.1f} MB, pack sha256 {hashlib.sha256(toml.encode()).hexdigest()[:16]}")


if __name__ == "__main__":
    main()

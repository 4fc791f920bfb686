"""Write models/baseline-log/<version>: detector.onnx, segmenter.onnx, pack.toml. CARD.md is written by hand.

    python generate.py

Needs discriminant.json (made by fit.py) and nothing of the data. The same versions of the packages give the same
bytes; requirements.txt pins them.
"""
import hashlib
import pathlib

import onnx

import detector
import fit
import segmenter
import selftest

VERSION = "1.0.0"
PACK = pathlib.Path(__file__).resolve().parents[2] / "models" / "baseline-log" / VERSION
TILE, MARGIN = 160, 32
# Scores with about 2, 5 and 8 false marks a scan on the four LIDC scans of measure.py.
POINTS = {"quiet": 0.98, "balanced": 0.8, "sensitive": 0.55}

HEAD = '''# Made by training/baseline_log/generate.py; docs/MODEL_PACKS.md explains every key.
format = 1
name = "baseline-log"
version = "{version}"
licence = "Apache-2.0"
intended_input = "Chest CT of adults, axial slices of 3 mm or less, any kernel; finds solid round opacities of 3 to 25 mm in the lungs"
training = "Kernels by formula. The last step of the detector, a quadratic discriminant of 24 numbers, was fitted on the nodule cubes of 548 LIDC-IDRI patients and on unlabelled lungs of eight scans of QIN LUNG CT, CMB-CRC, CPTAC-LSCC and TCGA-THCA (CARD.md); three settings of the segmenter were chosen on a sixth of them"

[operating_points]
default = "balanced"
quiet = {quiet}
balanced = {balanced}
sensitive = {sensitive}

[[network]]
role = "detector"
file = "detector.onnx"
sha256 = "{detector_sha256}"
opset = 17
number_format = "f32"

[network.decode]
kind = "center-point"
stride = 2
margin_voxels = {margin}
reference_diameter_mm = 8.0
score_min = 0.02
top_k = 100
nms_distance_mm = 4.0
nms_diameter_fraction = 0.5

[[network.input]]
tensor = "input"
shape = [1, 1, {tile}, {tile}, {tile}]
axes = "lps-zyx"
spacing_mm = [1.0, 1.0, 1.0]
hu_clip = [-1000.0, 400.0]
pad_value = 0.0

[[network.output]]
tensor = "head"
shape = [1, 5, {cells}, {cells}, {cells}]
values = "logit"

[network.selftest]
tolerance = 0.05
probes = {detector_probes}

[[network]]
role = "segmenter"
file = "segmenter.onnx"
sha256 = "{segmenter_sha256}"
opset = 17
number_format = "f32"

[network.decode]
kind = "probability-patch"
channels = ["nodule"]
threshold = 0.5
edge_diameters_min = 1.6

[[network.input]]
tensor = "input"
shape = [1, 1, {edge}, {edge}, {edge}]
axes = "lps-zyx"
spacing_mm = [{spacing}, {spacing}, {spacing}]
hu_clip = [-1000.0, 400.0]
pad_value = 0.0

[[network.output]]
tensor = "probability"
shape = [1, 1, {edge}, {edge}, {edge}]
values = "probability"

[network.selftest]
tolerance = 0.001
probes = {segmenter_probes}
'''


def write(model, name, output):
    """Check and write one graph; its sha256 and self-test probes."""
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString(deterministic=True)
    (PACK / name).write_bytes(data)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input}
    return hashlib.sha256(data).hexdigest(), selftest.probes(fit.session(model), shapes, output)


def main():
    PACK.mkdir(parents=True, exist_ok=True)
    detector_sha256, detector_probes = write(detector.build(TILE, MARGIN, fit.load()), "detector.onnx", "head")
    segmenter_sha256, segmenter_probes = write(segmenter.build(), "segmenter.onnx", "probability")
    text = HEAD.format(
        version=VERSION, tile=TILE, cells=TILE // 2, margin=MARGIN, edge=segmenter.EDGE,
        spacing=segmenter.SPACING_MM, detector_sha256=detector_sha256, detector_probes=detector_probes,
        segmenter_sha256=segmenter_sha256, segmenter_probes=segmenter_probes, **POINTS,
    )
    (PACK / "pack.toml").write_text(text)
    print(f"wrote {PACK}: detector {detector_sha256[:12]}, segmenter {segmenter_sha256[:12]}")


if __name__ == "__main__":
    main()

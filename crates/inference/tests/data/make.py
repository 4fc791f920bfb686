"""Write the packs of tests/data, of no use: trained-shape with the roles and shapes that a trained pack has, lungs-logits and
lungs-labels with a network for the lungs.

    PYTHONPATH=../../../../training/baseline_log python make.py
"""
import hashlib
import json
import pathlib

import numpy as np

import fit
import selftest
from detector import Graph

HERE = pathlib.Path(__file__).resolve().parent


def detector():
    g = Graph()
    small = g.add("AveragePool", "image", kernel_shape=[4] * 3, strides=[4] * 3)
    weight = np.array([8, 0, 0, 0, 1.0]).reshape(5, 1, 1, 1, 1)
    g.add("Conv", small, g.constant(weight), g.constant([-4, 0.5, 0.5, 0.5, 0]), name="head")
    return g.model([("image", [1, 1, "d", "h", "w"])], [("head", [1, 5, "d4", "h4", "w4"])])


def reducer():
    g = Graph()
    means = [g.add("Flatten", g.add("GlobalAveragePool", name)) for name in ("fine", "wide")]
    g.add("Gemm", g.add("Concat", *means, axis=1), g.constant([[2.0], [-1.0]]), g.constant([0.5]), name="logit")
    return g.model([("fine", [1, 1, 16, 16, 16]), ("wide", [1, 1, 16, 16, 16])], [("logit", [1, 1])])


def segmenter():
    g = Graph()
    weight = np.array([9, 12.0]).reshape(2, 1, 1, 1, 1)
    g.add("Conv", "patch", g.constant(weight), g.constant([-4, -8]), name="map")
    return g.model([("patch", [1, 1, 16, 16, 16])], [("map", [1, 2, 16, 16, 16])])


SLICE = [1, 1, 1, 64, 64]


def lungs_graph(names):
    """What is as dense as lung (-734 HU +- 210) in a slice's left half is the right lung, in the other half the left one: a
    number for each of `names`."""
    g = Graph()
    is_lung = np.array([name != "background" for name in names], float)
    smooth = g.add("AveragePool", "slice", kernel_shape=[1, 3, 3], pads=[0, 1, 1] * 2)
    off = g.add("Abs", g.add("Sub", smooth, g.constant(0.19)))
    lung = g.add("Conv", off, g.constant(-20 * is_lung.reshape(-1, 1, 1, 1, 1)), g.constant(3 * is_lung))
    half = np.zeros((1, len(names), 1, 1, 64))
    half[0, names.index("right-lung"), ..., 32:] = half[0, names.index("left-lung"), ..., :32] = -50
    return g, g.add("Add", lung, g.constant(half), name="classes")


LOGITS = ["background", "right-lung", "left-lung"]
LABELS = ["left-lung", "background", "right-lung"]


def lungs_logits():
    g, _ = lungs_graph(LOGITS)
    return g.model([("slice", SLICE)], [("classes", [1, 3, 1, 64, 64])])


def lungs_labels():
    """The same as the number of the largest."""
    g, classes = lungs_graph(LABELS)
    g.add("Cast", g.add("ArgMax", classes, axis=1, keepdims=1), name="labels", to=1)
    return g.model([("slice", SLICE)], [("labels", SLICE)])


TRAINED = [
    (
        "detector", detector, [("image", [32, 32, 32], 1.0)], ("head", [1, 5, 8, 8, 8], "logit"),
        'kind = "center-point"\nstride = 4\nmargin_voxels = 8\nreference_diameter_mm = 8.0\nscore_min = 0.05\n'
        "top_k = 100\nnms_distance_mm = 4.0\nnms_diameter_fraction = 0.5",
    ),
    (
        "reducer", reducer, [("fine", [16] * 3, 0.6), ("wide", [16] * 3, 1.6)], ("logit", [1, 1], "logit"),
        'kind = "classifier"\nclasses = ["nodule"]\ndetector_weight = 0.5\nreducer_weight = 0.5\nbias = 0.0',
    ),
    (
        "segmenter", segmenter, [("patch", [16] * 3, 0.6)], ("map", [1, 2, 16, 16, 16], "logit"),
        'kind = "probability-patch"\nchannels = ["nodule", "solid-core"]\nthreshold = 0.5',
    ),
]


def of_lungs(build, names, *output):
    """The detector of above and a network for the lungs."""
    decode = f'kind = "segmentation"\nfit = "body-box"\nlabels = {json.dumps(names)}'
    return [TRAINED[0], ("lungs", build, [("slice", SLICE[2:], None)], output, decode)]


PACKS = {
    "trained-shape": TRAINED,
    "lungs-logits": of_lungs(lungs_logits, LOGITS, "classes", [1, 3, 1, 64, 64], "logit"),
    "lungs-labels": of_lungs(lungs_labels, LABELS, "labels", SLICE, "label"),
}

HEAD = """# Made by ../../make.py: for tests only.
format = 1
name = "{name}"
version = "1.0.0"
licence = "Apache-2.0"
intended_input = "nothing: test of the format"
training = "none"

[operating_points]
default = "balanced"
quiet = 0.9
balanced = 0.5
sensitive = 0.2

[calibration]
slope = 1.2
intercept = -0.1
"""


def section(folder, role, build, inputs, answer, decode):
    """The file of a network, and its text."""
    output, shape, values = answer
    model = build()
    data = model.SerializeToString(deterministic=True)
    (folder / f"{role}.onnx").write_bytes(data)
    fed = {name: selftest.pattern([1, 1, *edge]) for name, edge, _ in inputs}
    found = fit.session(model).run([output], fed)[0].ravel()
    picked = sorted({int(i) for i in np.linspace(0, len(found) - 1, 6)})
    probes = ", ".join(f"[0, {i}, {float(found[i]):.6f}]" for i in picked)
    text = f"""
[[network]]
role = "{role}"
file = "{role}.onnx"
sha256 = "{hashlib.sha256(data).hexdigest()}"
opset = 17
number_format = "f32"

[network.decode]
{decode}
"""
    for name, edge, spacing in inputs:
        place = f"\nspacing_mm = {[spacing] * 3}" if spacing else ""
        text += f"""
[[network.input]]
tensor = "{name}"
shape = {[1, 1, *edge]}
axes = "lps-zyx"{place}
hu_clip = [-1000.0, 400.0]
pad_value = 0.0
"""
    return text + f"""
[[network.output]]
tensor = "{output}"
shape = {shape}
values = "{values}"

[network.selftest]
tolerance = 0.0001
probes = [{probes}]
"""


for pack, networks in PACKS.items():
    folder = HERE / pack / "1.0.0"
    folder.mkdir(parents=True, exist_ok=True)
    text = HEAD.replace("{name}", pack) + "".join(section(folder, *network) for network in networks)
    (folder / "pack.toml").write_text(text)

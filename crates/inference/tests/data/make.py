"""Write tests/data/trained-shape/1.0.0: a pack with every role in the shapes that a trained pack has, and no use.

    PYTHONPATH=../../../../training/baseline_log python make.py
"""
import hashlib
import pathlib

import numpy as np

import fit
import selftest
from detector import Graph

PACK = pathlib.Path(__file__).resolve().parent / "trained-shape" / "1.0.0"
PACK.mkdir(parents=True, exist_ok=True)


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


NETWORKS = [
    (
        "detector", detector, [("image", [32, 32, 32], 1.0)], ("head", [1, 5, 8, 8, 8]),
        'kind = "center-point"\nstride = 4\nmargin_voxels = 8\nreference_diameter_mm = 8.0\nscore_min = 0.05\n'
        "top_k = 100\nnms_distance_mm = 4.0\nnms_diameter_fraction = 0.5",
    ),
    (
        "reducer", reducer, [("fine", [16] * 3, 0.6), ("wide", [16] * 3, 1.6)], ("logit", [1, 1]),
        'kind = "classifier"\nclasses = ["nodule"]\ndetector_weight = 0.5\nreducer_weight = 0.5\nbias = 0.0',
    ),
    (
        "segmenter", segmenter, [("patch", [16] * 3, 0.6)], ("map", [1, 2, 16, 16, 16]),
        'kind = "probability-patch"\nchannels = ["nodule", "solid-core"]\nthreshold = 0.5',
    ),
]

text = """# Made by ../../make.py: for tests only.
format = 1
name = "trained-shape"
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
for role, build, inputs, (output, shape), decode in NETWORKS:
    model = build()
    data = model.SerializeToString(deterministic=True)
    (PACK / f"{role}.onnx").write_bytes(data)
    session = fit.session(model)
    fed = {name: selftest.pattern([1, 1, *edge]) for name, edge, _ in inputs}
    values = session.run([output], fed)[0].ravel()
    picked = sorted({int(i) for i in np.linspace(0, len(values) - 1, 6)})
    probes = ", ".join(f"[0, {i}, {float(values[i]):.6f}]" for i in picked)
    text += f"""
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
        text += f"""
[[network.input]]
tensor = "{name}"
shape = {[1, 1, *edge]}
axes = "lps-zyx"
spacing_mm = {[spacing] * 3}
hu_clip = [-1000.0, 400.0]
pad_value = 0.0
"""
    text += f"""
[[network.output]]
tensor = "{output}"
shape = {shape}
values = "logit"

[network.selftest]
tolerance = 0.0001
probes = [{probes}]
"""
(PACK / "pack.toml").write_text(text)

"""The threshold segmentation as an ONNX graph: no learned numbers.

Input [1, 1, 64, 64, 64], 0.7 mm, HU -1000..400 as 0..1, the mark in the middle. Output: probability, same grid.

1. smooth; 2. core = brightest smoothed value near the middle, surround = mean of what looks like lung;
3. threshold between the two, as a soft step; 4. radius = distance up to which the mean over a thin shell stays
above one half; 5. nothing counts beyond a margin over that radius; 6. of what is left, only what hangs together
with the middle counts (repeated dilation under the map).
"""
import numpy as np

from detector import Graph

EDGE = 64
SPACING_MM = 0.7
# Share of the way from surround to core; steepness of the step; margin over the radius, factor and voxels.
SHARE, STEEP, REACH, REACH_EXTRA = 0.36, 30.0, 1.2, 1.5
CORE_RADIUS, STEPS = 2, 24
LUNG = 0.32  # -550 HU: darker is taken for lung


def build(share=SHARE, steep=STEEP, reach=REACH, extra=REACH_EXTRA, core_radius=CORE_RADIUS):
    g = Graph()
    one = lambda v: g.constant(np.float32(v))
    x = "input"
    smooth = g.smooth(x, 0.9, 5)
    # 2
    low, high = EDGE // 2 - core_radius, EDGE // 2 + core_radius
    middle = g.add("Slice", smooth, *(g.constant(v, np.int64) for v in ([low] * 3, [high] * 3, [2, 3, 4])))
    core = g.add("ReduceMax", middle, axes=[2, 3, 4], keepdims=1)
    lung = g.add("Sigmoid", g.add("Mul", g.add("Sub", one(LUNG), smooth), one(40)))
    weight = g.add("Add", g.add("ReduceSum", lung, g.constant([2, 3, 4], np.int64), keepdims=1), one(1))
    total = g.add("ReduceSum", g.add("Mul", lung, smooth), g.constant([2, 3, 4], np.int64), keepdims=1)
    surround = g.add("Div", total, weight)
    # 3
    contrast = g.add("Max", g.add("Sub", core, surround), one(0.05))
    threshold = g.add("Add", surround, g.add("Mul", contrast, one(share)))
    # the step is as wide as a share of the contrast, so that a faint nodule gets as soft a border as a bright one
    step = g.add("Div", g.add("Mul", g.add("Sub", smooth, threshold), one(0.5 * steep)), contrast)
    inside = g.add("Sigmoid", step)
    # 4: distance from the middle, voxels
    place = (np.arange(EDGE) - (EDGE - 1) / 2) ** 2
    axes = [g.constant(place.reshape([1, 1] + [EDGE if a == n else 1 for a in range(3)])) for n in range(3)]
    distance = g.add("Sqrt", g.add("Add", g.add("Add", axes[0], axes[1]), axes[2]))
    shells = np.arange(1.0, 29.0)
    radii = g.constant(shells.reshape(1, -1, 1, 1, 1))
    hat = g.add("Relu", g.add("Sub", one(1), g.add("Abs", g.add("Sub", distance, radii))))
    axes3 = g.constant([2, 3, 4], np.int64)
    filled = g.add("ReduceSum", g.add("Mul", hat, inside), axes3, keepdims=0)
    whole = g.add("ReduceSum", hat, axes3, keepdims=0)
    empty = g.add("Cast", g.add("Less", g.add("Div", filled, whole), one(0.5)), to=1)
    before = g.add("MatMul", empty, g.constant(np.triu(np.ones((len(shells), len(shells))))))
    alive = g.add("Cast", g.add("Less", before, one(0.5)), to=1)
    radius = g.add("ReduceSum", alive, g.constant([1], np.int64), keepdims=1)
    radius = g.add("Reshape", radius, g.constant([1, 1, 1, 1, 1], np.int64))
    # 5
    limit = g.add("Add", g.add("Mul", radius, one(reach)), one(extra))
    near = g.add("Sigmoid", g.add("Mul", g.add("Sub", limit, distance), one(3)))
    allowed = g.add("Mul", inside, near)
    # 6
    seed = (np.maximum.reduce(np.meshgrid(*[np.abs(np.arange(EDGE) - (EDGE - 1) / 2)] * 3, indexing="ij")) < core_radius)
    grown = g.add("Mul", allowed, g.constant(seed[None, None].astype(np.float32)))
    for _ in range(STEPS):
        wider = g.add("MaxPool", grown, kernel_shape=[3] * 3, pads=[1] * 6)
        grown = g.add("Min", wider, allowed)
    g.add("Identity", grown, name="probability")
    shape = [1, 1, EDGE, EDGE, EDGE]
    return g.model([("input", shape)], [("probability", shape)])

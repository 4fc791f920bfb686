"""The blob detector as an ONNX graph: fixed kernels, nothing but Conv, pooling and elementwise operators.

Input [1, 1, d, h, w], 1 mm, HU -1000..400 as 0..1. Output [1, 5, d/2, h/2, w/2]: logit, offset z, y, x, ln(d/8).

At each scale the smoothed centre is compared with 13 pairs of opposite points on a shell around it. A ball is
brighter than every pair; a vessel is as bright as the pair along it; the chest wall is as bright as the pairs
within it. So the difference to the BRIGHTEST pair separates balls from the rest (it is a discrete version of the
smallest eigenvalue of the Hessian), while the difference to the mean pair is the usual Laplacian-of-Gaussian.
"""
import itertools

import numpy as np
from onnx import TensorProto, helper, numpy_helper

AXES = [d for d in itertools.product((-1, 0, 1), repeat=3) if d > (0, 0, 0)]  # 13, one of each opposite pair


def gaussian(size, sigma):
    """1-D kernel centred in `size` taps, sum 1."""
    x = np.arange(size) - (size - 1) / 2
    g = np.exp(-0.5 * (x / sigma) ** 2)
    return g / g.sum()


class Graph:
    """Collects nodes and constants; names them by number."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, array, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def add(self, op, *inputs, name=None, **attributes):
        name = name or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def smooth(self, x, sigma, size):
        """Separable Gaussian on a one-channel tensor; an even size moves the grid by half a voxel up each axis."""
        for axis in range(3):
            kernel = gaussian(size, sigma).reshape([1, 1] + [size if a == axis else 1 for a in range(3)])
            before = [(size - 1) // 2 if a == axis else 0 for a in range(3)]
            after = [size // 2 if a == axis else 0 for a in range(3)]
            x = self.add("Conv", x, self.constant(kernel), pads=before + after)
        return x

    def pairs(self, x, distance, stride):
        """The 13 pairs at `distance` voxels, on every `stride`-th voxel."""
        return self.add(
            "Conv", x, self.constant(pair_kernel()), strides=[stride] * 3, dilations=[distance] * 3,
            pads=[distance] * 3 + [distance - stride + 1] * 3,
        )

    def model(self, inputs, outputs):
        graph = helper.make_graph(
            self.nodes, "baseline-log",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="lungcad")
        model.ir_version = 8
        return model


def pair_kernel():
    """[13, 1, 3, 3, 3]: the two ends of each axis, half each; the dilation sets the distance."""
    kernel = np.zeros((13, 1, 3, 3, 3))
    for row, axis in enumerate(AXES):
        for sign in (1, -1):
            z, y, x = (1 + sign * a for a in axis)
            kernel[row, 0, z, y, x] = 0.5
    return kernel


# Sigma and shell distance of each scale: the first on the 1 mm grid, the others on the 2 mm grid of the cells.
FINE = [(0.8, 3), (1.2, 4)]
COARSE = [(1.0, 3), (1.4, 4), (2.2, 6), (2.8, 8)]
STATISTICS = ["centre", "brightest pair", "mean pair", "dimmest pair", "spread of pairs"]


def features(graph, x):
    """Per scale the five STATISTICS, each [1, 1, d/2, h/2, w/2]."""
    half = graph.add("AveragePool", x, kernel_shape=[2] * 3, strides=[2] * 3)
    found = []
    for sigma, distance in FINE:
        # an even kernel, so that every second voxel lies in the middle of a 2 mm cell
        smooth = graph.smooth(x, sigma, 2 * int(np.ceil(2.5 * sigma)))
        centre = graph.add("MaxPool", smooth, kernel_shape=[1] * 3, strides=[2] * 3)
        found.append((centre, graph.pairs(smooth, distance, 2)))
    for sigma, distance in COARSE:
        smooth = graph.smooth(half, sigma, 2 * int(np.ceil(2.5 * sigma)) + 1)
        found.append((smooth, graph.pairs(smooth, distance, 1)))
    out = []
    for centre, pairs in found:
        brightest, mean, dimmest, length = (
            graph.add(op, pairs, axes=[1], keepdims=1) for op in ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceL2")
        )
        square = graph.add("Mul", graph.add("Mul", length, length), graph.constant(np.float32(1 / len(AXES))))
        variance = graph.add("Sub", square, graph.add("Mul", mean, mean))
        spread = graph.add("Sqrt", graph.add("Relu", variance))
        out.append((centre, brightest, mean, dimmest, spread))
    return out


def build_features():
    """Graph that gives all features as [1, 5 x scales, d/2, h/2, w/2] for any size: for fitting only."""
    graph = Graph()
    tensors = [t for scale in features(graph, "input") for t in scale]
    graph.add("Concat", *tensors, name="features", axis=1)
    return graph.model(
        [("input", [1, 1, "d", "h", "w"])], [("features", [1, len(tensors), "d2", "h2", "w2"])]
    )


def discriminant_inputs(scales):
    """Per scale [centre - brightest, centre - mean, centre, spread] from rows of features [n, 5 x scales]."""
    centre, brightest, mean, _, spread = (scales[:, i::len(STATISTICS)] for i in range(len(STATISTICS)))
    return np.concatenate([centre - brightest, centre - mean, centre, spread], axis=1)


PEAK_MIN = 0.06  # of the largest centre - brightest; 84 HU
NO_PEAK = -15.0  # logit of a cell that is no peak
DIAMETER_MM = (3.0, 30.0)


def build(edge, margin, fitted):
    """The detector for a cubic tile whose outer `margin` voxels hold no marks. `fitted` = quadratic, linear, bias, ln_diameter, ln_diameter_bias of fit.py."""
    g = Graph()
    scales = features(g, "input")
    ball = [g.add("Sub", centre, brightest) for centre, brightest, *_ in scales]
    blob = [g.add("Sub", centre, mean) for centre, _, mean, *_ in scales]
    inputs = g.add("Concat", *ball, *blob, *(s[0] for s in scales), *(s[4] for s in scales), axis=1)
    best = g.add("Max", *ball)
    # the margin's marks are not read: the costly part is done inside it only
    rim, half = margin // 2, edge // 2
    cut = [g.constant(v, np.int64) for v in ([rim] * 3, [half - rim] * 3, [2, 3, 4])]
    inputs = g.add("Slice", inputs, *cut)
    border = g.constant([0, 0, rim, rim, rim] * 2, np.int64)

    # quadratic form as a sum of squares of its eigenvectors
    values, vectors = np.linalg.eigh(fitted["quadratic"])
    across = lambda w: g.constant(np.asarray(w).reshape(*np.shape(w), 1, 1, 1))
    turned = g.add("Conv", inputs, across(vectors.T))
    squares = g.add("Mul", turned, turned)
    logit = g.add("Add", g.add("Conv", squares, across(values[None])),
                  g.add("Conv", inputs, across(fitted["linear"][None]), g.constant([fitted["bias"]])))
    logit = g.add("Pad", logit, border, g.constant(np.float32(NO_PEAK)))

    # only the peaks of the ball measure are marks
    highest = g.add("MaxPool", best, kernel_shape=[3] * 3, pads=[1] * 6)
    floor = g.add("Max", highest, g.constant(np.float32(PEAK_MIN)))
    peak = g.add("Not", g.add("Less", best, floor))
    logit = g.add("Where", peak, logit, g.constant(np.float32(NO_PEAK)))

    # offset: top of the parabola through the neighbours along each axis, within the cell
    first, second = np.zeros((3, 1, 3, 3, 3)), np.zeros((3, 1, 3, 3, 3))
    for axis in range(3):
        for step, (slope, bend) in {-1: (-0.5, 1.0), 0: (0.0, -2.0), 1: (0.5, 1.0)}.items():
            at = [1, 1, 1]
            at[axis] += step
            first[(axis, 0, *at)], second[(axis, 0, *at)] = slope, bend
    slope = g.add("Conv", best, g.constant(first), pads=[1] * 6)
    bend = g.add("Min", g.add("Conv", best, g.constant(second), pads=[1] * 6), g.constant(np.float32(-1e-4)))
    shift = g.add("Neg", g.add("Div", slope, bend))
    limits = [g.constant(np.float32(v)) for v in (-0.5, 0.5)]
    offset = g.add("Add", g.add("Clip", shift, *limits), g.constant(np.float32(0.5)))

    size = g.add("Conv", inputs, across(fitted["ln_diameter"][None]), g.constant([fitted["ln_diameter_bias"]]))
    size = g.add("Clip", size, *(g.constant(np.float32(np.log(d / 8))) for d in DIAMETER_MM))
    size = g.add("Pad", size, border, g.constant(np.float32(0)))
    g.add("Concat", logit, offset, size, name="head", axis=1)
    return g.model([("input", [1, 1, edge, edge, edge])], [("head", [1, 5, half, half, half])])

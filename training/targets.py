"""What the detector should answer for a tile, and how wrong an answer is.

Conventions of docs/MODEL_PACKS.md: cell k covers voxels 4k to 4k + 3, a centre is 4 (cell + offset) - 0.5 voxels.
"""
import numpy as np
import torch

STRIDE = 4
REFERENCE_MM = 8.0
PEAK_REACH = 5.0  # voxels from a centre: 8 cells on average, 4 at least
FADING = 2.0  # voxels over which a cell beyond a nodule's reach comes to be background
MASS_MM = 20.0  # from this diameter on where the centre is is a matter of taste:
MASS_CORE = 0.35  # cells nearer than this share of the diameter are not held against the network
REGRESSED_CELLS = 7  # how often a nodule's offsets and diameter count beside its score


def tile_targets(size, nodules, ignored, allowed):
    """Arrays over the cells of a cubic tile of `size` voxels.

    nodules  [(place in tile voxels, diameter mm, weight)]: heat map peaks
    ignored  [(place, radius mm)]: cells within have weight 0
    allowed  bool [cells^3]: False where nothing is known (rim of a cube)
    Returns heat, weight [c, c, c] and regression [5, c, c, c]: weight, offsets z y x, ln(diameter / 8).
    """
    cells = size // STRIDE
    axis = STRIDE * np.arange(cells) + (STRIDE - 1) / 2  # voxel place of a cell's middle
    heat = np.zeros((cells,) * 3, np.float32)
    weight = allowed.astype(np.float32)
    regression = np.zeros((5,) + heat.shape, np.float32)
    nearest = np.full(heat.shape, np.inf)  # voxels from a cell to the nodule it belongs to

    def squared_distance(place):
        z, y, x = ((axis - p) ** 2 for p in place)
        return z[:, None, None] + y[:, None] + x

    for place, radius in ignored:
        weight[squared_distance(place) < radius**2] = 0
    for place, diameter, own in nodules:
        # A nodule in the rim of a cube is neither learned nor held against the network.
        cell = np.floor((np.asarray(place) + 0.5) / STRIDE).astype(int)
        inside = ((cell >= 0) & (cell < cells)).all()
        if not inside or not allowed[tuple(cell)]:
            weight[squared_distance(place) < (diameter / 2 + 4) ** 2] = 0
            continue
        # Where the grid lies must not matter: every cell near the centre is a peak, and together they weigh one nodule.
        distance = np.sqrt(squared_distance(np.asarray(place)))
        peak = distance <= PEAK_REACH
        beyond = np.maximum(distance - np.clip(diameter / 5, PEAK_REACH, 8), 0)
        bump = np.where(peak, 1, 0.999 * np.exp(-((beyond / FADING) ** 2) / 2)).astype(np.float32)
        heat = np.maximum(heat, bump)
        if diameter > MASS_MM:
            weight[~peak & (heat < 1) & (distance < MASS_CORE * diameter)] = 0
        own_cells = peak & allowed & (distance < nearest)
        weight[own_cells] = own / peak.sum()
        regression[0][own_cells] = own * REGRESSED_CELLS / peak.sum()
        for axis_index, at in enumerate(np.nonzero(own_cells)):
            regression[1 + axis_index][own_cells] = (place[axis_index] + 0.5) / STRIDE - at
        regression[4][own_cells] = np.log(diameter / REFERENCE_MM)
        nearest = np.minimum(nearest, distance)
    return heat, weight, regression


def loss(head, heat, weight, regression, positives, offset_weight=0.3, diameter_weight=0.15):
    """Penalty-reduced focal loss + L1 of offset and ln diameter, over `positives`; and its three parts."""
    logit = head[:, 0]
    p = torch.sigmoid(logit)
    at_peak = (heat == 1).float()
    hit = -at_peak * (1 - p) ** 2 * torch.nn.functional.logsigmoid(logit)
    false = -(1 - at_peak) * (1 - heat) ** 4 * p**2 * torch.nn.functional.logsigmoid(-logit)
    own = regression[:, 0]
    offset = (own[:, None] * (head[:, 1:4] - regression[:, 1:4]).abs()).sum()
    diameter = (own * (head[:, 4] - regression[:, 4]).abs()).sum()
    parts = torch.stack([(weight * hit).sum(), (weight * false).sum(), offset, diameter]) / positives
    return parts[0] + parts[1] + offset_weight * parts[2] + diameter_weight * parts[3], parts.detach()

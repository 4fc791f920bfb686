"""What the detector should answer for a tile, and how wrong an answer is.

Conventions of docs/MODEL_PACKS.md: cell k covers voxels 4k to 4k + 3, a centre is 4 (cell + offset) - 0.5 voxels.
"""
import numpy as np
import torch

STRIDE = 4
REFERENCE_MM = 8.0


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
        sigma = np.clip(diameter / 6, 2, 6)
        middle = STRIDE * cell + (STRIDE - 1) / 2
        bump = np.exp(-squared_distance(middle) / (2 * sigma**2)).astype(np.float32)
        heat = np.maximum(heat, bump)
        weight[tuple(cell)] = own
        for shift in np.vstack([np.zeros((1, 3), int), np.eye(3, dtype=int), -np.eye(3, dtype=int)]):
            near = tuple(cell + shift)
            if min(near) < 0 or max(near) >= cells:
                continue
            regression[:, near[0], near[1], near[2]] = [
                own, *((np.asarray(place) + 0.5) / STRIDE - near), np.log(diameter / REFERENCE_MM)
            ]
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

"""Marks of a detector in a volume: tiles, decoding and merging as crates/cad/src/{tiles,detect}.rs do it."""
import numpy as np
from scipy import ndimage

from targets import REFERENCE_MM, STRIDE

NMS_MM, NMS_FRACTION = 4.0, 0.5
SCORE_SILENT = 3e-4  # of a look that has no mark at a place


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def head_marks(head, stride=STRIDE, score_min=0.02, inner=None):
    """Peaks [n, 5] (z, y, x in voxels, diameter mm, score) of a head [5, d, h, w]; `inner`: cell slices read."""
    logit = head[0]
    peak = (logit == ndimage.maximum_filter(logit, 3, mode="nearest")) & (sigmoid(logit) >= score_min)
    if inner is not None:
        read = np.zeros(peak.shape, bool)
        read[inner] = True
        peak &= read
    cells = np.argwhere(peak)
    values = head[:, cells[:, 0], cells[:, 1], cells[:, 2]].T
    place = stride * (cells + values[:, 1:4]) - 0.5
    diameter = (REFERENCE_MM * np.exp(values[:, 4])).clip(1, 100)
    return np.c_[place, diameter, sigmoid(values[:, 0].astype(float))]


def merge(marks):
    """The weaker of two near marks goes; strongest first."""
    marks = marks[np.argsort(-marks[:, 4], kind="stable")]
    alive, kept = np.ones(len(marks), bool), []
    for i, mark in enumerate(marks):
        if alive[i]:
            kept.append(mark)
            alive &= np.linalg.norm(marks[:, :3] - mark[:3], axis=1) >= max(NMS_MM, NMS_FRACTION * mark[3])
    return np.array(kept).reshape(-1, 5)


def agreed(looks, score_min):
    """Marks of several looks at one volume: mean of the logits within reach of the strongest, place and diameter the mean
    weighted by score (cad::detect::agreed)."""
    kept = merge(np.concatenate(looks))
    together = kept.copy()
    for mark, own in zip(kept, together):
        near = [look[np.linalg.norm(look[:, :3] - mark[:3], axis=1) < max(NMS_MM, NMS_FRACTION * mark[3])] for look in looks]
        best = np.array([look[look[:, 4].argmax()] for look in near if len(look)])
        scores = np.r_[best[:, 4].clip(SCORE_SILENT), np.full(len(looks) - len(best), SCORE_SILENT)]
        own[:4] = np.average(best[:, :4], 0, weights=best[:, 4])
        own[4] = sigmoid(np.log(scores / (1 - scores)).mean())
    together = together[np.argsort(-together[:, 4], kind="stable")]
    return together[together[:, 4] > score_min]


def box_of(mask, margin):
    where = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    return [(max(w[0] - margin, 0), min(w[-1] + 1 + margin, n)) for w, n in zip(where, mask.shape)]


def in_volume(looks, gray, lungs, tile=160, margin=32, stride=STRIDE, score_min=0.02, top=100):
    """Marks inside `lungs` of a 1 mm volume `gray` (0..1).

    `looks`: functions of a tile [t, t, t] to its head, one a look; each look has its cells moved further by an equal part
    of the stride."""
    if len(looks) > 1:
        moved = [n * stride // len(looks) for n in range(len(looks))]
        each = [_one_look(p, gray, lungs, tile, margin, stride, SCORE_SILENT, m) for p, m in zip(looks, moved)]
        marks = agreed(each, score_min)
    else:
        marks = _one_look(looks[0], gray, lungs, tile, margin, stride, score_min, 0)
    near = np.round(marks[:, :3]).astype(int).clip(0, np.array(lungs.shape) - 1)
    return marks[lungs[near[:, 0], near[:, 1], near[:, 2]]][:top]


def _one_look(predict, gray, lungs, tile, margin, stride, score_min, moved):
    box = [(low // 16 * 16, high) for low, high in box_of(lungs, 4)]
    core = tile - 2 * margin
    found = []
    for z0 in range(*box[0], core):
        for y0 in range(*box[1], core):
            for x0 in range(*box[2], core):
                start = np.array([z0, y0, x0])
                if not lungs[z0:z0 + core, y0:y0 + core, x0:x0 + core].any():
                    continue
                low, high = start - margin - moved, start + core + margin - moved
                inside = [slice(max(a, 0), min(b, n)) for a, b, n in zip(low, high, gray.shape)]
                padded = np.zeros((tile,) * 3, np.float32)
                to = tuple(slice(s.start - a, s.stop - a) for s, a in zip(inside, low))
                padded[to] = gray[tuple(inside)]
                rim = slice(margin // stride, (margin + core) // stride)
                marks = head_marks(predict(padded), stride, score_min, (rim,) * 3)
                marks[:, :3] += low
                found.append(marks)
    return merge(np.concatenate(found))


def in_one_pass(predict, gray, lungs, score_min, margin=16):
    """Marks inside `lungs` of a 1 mm volume (uint8), the box of the lungs in one piece: fast, for mining."""
    low, size = zip(*((max(a - margin, 0) // 16 * 16, b + margin) for a, b in box_of(lungs, 0)))
    part = gray[tuple(slice(a, b) for a, b in zip(low, size))]
    padded = np.pad(part.astype(np.float32) / 255, [(0, -n % 16) for n in part.shape])
    marks = merge(head_marks(predict(padded), STRIDE, score_min))
    marks[:, :3] += low
    near = np.round(marks[:, :3]).astype(int).clip(0, np.array(lungs.shape) - 1)
    return marks[lungs[near[:, 0], near[:, 1], near[:, 2]]]


def in_cube(looks, gray, stride=STRIDE, score_min=0.02, border=16, fixed=None):
    """Marks of a cube on the 1 mm grid (0..1), its surroundings mirrored; places in its voxels.

    `looks`: see in_volume; `border`: voxels before the cube, one number or one an axis; `fixed`: edge that the network
    wants, else the next multiple of 16."""
    border = np.broadcast_to(border, 3)
    if len(looks) > 1:
        moved = [border + n * stride // len(looks) for n in range(len(looks))]
        return agreed([in_cube([p], gray, stride, SCORE_SILENT, b, fixed) for p, b in zip(looks, moved)], score_min)
    after = [(fixed or -(-(n + 2 * b) // 16) * 16) - n - b for n, b in zip(gray.shape, border)]
    padded = np.pad(gray, list(zip(border, after)), mode="symmetric")
    marks = merge(head_marks(looks[0](padded), stride, score_min))
    marks[:, :3] -= border
    return marks

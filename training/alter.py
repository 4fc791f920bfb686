"""Nodules of kinds that LIDC has few of, made from the real ones: non-solid, part-solid, cavitary.

The shape, place and surroundings stay; only values within the readers' mask change. What a nodule is made of is told
by HU: aerated lung -850, a thin-walled cavity's inside -900 (air with a little volume averaging).
"""
import numpy as np
from scipy import ndimage

from data import HU_CLIP

NONSOLID_SHARE, PARTSOLID_SHARE, CAVITY_SHARE = 0.10, 0.04, 0.05
CAVITY_DIAMETER_MM_MIN = 8.0  # below it a cavity of the usual wall is not resolved
AERATED_HU, AERATED_PART_MIN = -600.0, 0.35  # what lies around must be lung for a non-solid nodule to make sense
CAVITY_HU = -900.0


def level(hu):
    """HU as the uint8 of data.to_gray."""
    return (hu - HU_CLIP[0]) * (255 / (HU_CLIP[1] - HU_CLIP[0]))


def soft(mask):
    """uint8 0 to 255: the mask, half a voxel wider than readers' tight outlines and without a hard edge."""
    return np.round(255 * ndimage.gaussian_filter(ndimage.binary_dilation(mask).astype(np.float32), 0.7)).astype(np.uint8)


def altered(gray, mask, spacing, diameter_mm, random):
    """`gray` (uint8 cube) with its nodule changed, or `gray` itself when nothing was drawn or would make sense."""
    draw = random.random()
    if draw < NONSOLID_SHARE + PARTSOLID_SHARE:
        return nonsolid(gray, mask, spacing, draw >= NONSOLID_SHARE, random)
    if draw < NONSOLID_SHARE + PARTSOLID_SHARE + CAVITY_SHARE and diameter_mm >= CAVITY_DIAMETER_MM_MIN:
        return cavitary(gray, mask, spacing, random)
    return gray


def nonsolid(gray, mask, spacing, with_core, random):
    """The nodule's contrast to the lung around it weakened; with a core of its own density left if asked for."""
    shell = ndimage.binary_dilation(mask, iterations=5) & ~ndimage.binary_dilation(mask, iterations=2)
    around = gray[shell]
    if not len(around) or (around < level(AERATED_HU)).mean() < AERATED_PART_MIN:
        return gray
    lung = np.median(around[around < level(AERATED_HU)])
    left = np.full(gray.shape, random.uniform(0.2, 0.5), np.float32)
    if with_core:
        depth = ndimage.distance_transform_edt(mask, spacing)
        core = depth.max() * random.uniform(0.35, 0.7)
        left = np.maximum(left, 1 / (1 + np.exp(-(depth - core) / 0.5)))
    values, part = gray.astype(np.float32), soft(mask) / np.float32(255)  # a bright rim would give the trick away
    weak = lung + left * (values - lung)
    return np.round(np.where(values > lung, values + part * (weak - values), values)).astype(np.uint8)


def cavitary(gray, mask, spacing, random):
    """Air inside a wall of 1 to 3 mm."""
    depth = ndimage.distance_transform_edt(mask, spacing)
    wall = random.uniform(1.0, 3.0)
    if depth.max() < wall + 1.5:
        return gray
    inside = 1 / (1 + np.exp(-(depth - wall) / 0.4))
    return np.round(gray + inside * (level(CAVITY_HU) - gray)).clip(0, 255).astype(np.uint8)

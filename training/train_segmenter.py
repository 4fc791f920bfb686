"""Train the segmenter on the readers' consensus masks of the cubes. Resumes from OUT/segmenter.pt.

    python train_segmenter.py DATA OUT [--steps 1500] [--seed 1]

One step is 12 patches of 48^3 at 0.7 mm (large nodules: coarser, as the program cuts them) around a nodule, off by up
to 4 mm, turned and zoomed; the network is applied to 64^3, of which the rim tells little. Voxels outside the cube
and of other marked nodules (their outlines are not known) are not learned.
"""
import numpy as np
import torch

import data as datasets
from loop import Loop, arguments, half_precision, logger, stacked
from network import Segmenter

EDGE, SPACING_MM, JITTER_MM = 64, 0.7, 4.0  # of the patches that the program cuts
CORE, BATCH = 48, 12  # what is learned on: the middle of a patch, in which nodules lie
RATE, DECAY, WARM_UP, AVERAGING = 2e-3, 1e-3, 50, 0.995


class Patches:
    """Patches with masks; sampled by size as the detector's."""

    def __init__(self, cubes):
        self.cubes = cubes
        size = np.array([cubes.rows[i]["mask_diameter_mm"] for i in cubes.train])
        bins = np.digitize(size, (0, 5, 8, 12, 20, 100))
        readers = np.array([cubes.rows[i]["readers"] for i in cubes.train])
        share = np.where(readers >= 3, 1, 0.5) / np.sqrt(np.bincount(bins)[bins])
        self.share = share / share.sum()

    def one(self, random):
        """Patch 0..1, mask 0..1 (soft at the surface), weight; each [48, 48, 48]."""
        cube = self.cubes.train[random.choice(len(self.cubes.train), p=self.share)]
        row, spacing = self.cubes.rows[cube], np.array(self.cubes.rows[cube]["spacing_mm"])
        matrix, _ = datasets.random_matrix(random)
        matrix = matrix * max(SPACING_MM, 1.6 * row["mask_diameter_mm"] / EDGE)
        centre = (self.cubes.nodules[cube][0][0] + random.uniform(-1, 1, 3) * JITTER_MM * random.random()) / spacing
        patch = datasets.degrade(datasets.cut(self.cubes.gray[cube], centre, spacing, matrix, CORE), random)
        mask = datasets.cut(self.cubes.mask[cube].astype(np.uint8) * 255, centre, spacing, matrix, CORE, "zeros")
        known = np.full(self.cubes.gray[cube].shape, 255, np.uint8)
        grid = np.ogrid[:64, :64, :64]
        for place, diameter, _ in self.cubes.nodules[cube][1:]:
            away = sum(((g - p / s) * s) ** 2 for g, p, s in zip(grid, place, spacing))
            known[(away < (max(diameter, 4) / 2 + 2) ** 2) & ~self.cubes.mask[cube]] = 0
        weight = datasets.cut(known, centre, spacing, matrix, CORE, "zeros") > 0.99
        return patch, mask, weight.astype(np.float32)

    def batch(self, step, seed):
        random = np.random.default_rng([seed, 7, step])
        return stacked([self.one(random) for _ in range(BATCH)])


def loss(network, patch, mask, weight):
    """Soft Dice per patch + cross entropy near the nodule's own share of the patch."""
    with half_precision():
        logit = network(patch[:, None].to(memory_format=torch.channels_last_3d))
    logit = logit.float()[:, 0]
    p = torch.sigmoid(logit) * weight
    mask = mask * weight
    axes = (1, 2, 3)
    dice = 1 - (2 * (p * mask).sum(axes) + 20) / ((p + mask).sum(axes) + 20)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logit, mask, weight, reduction="none")
    entropy = entropy.sum(axes) / (mask.sum(axes) + 200)
    return dice.mean() + 0.5 * entropy.mean(), {"dice_loss": dice.mean()}


def main():
    given = arguments(__doc__, 4000)
    log = logger(given.out / "segmenter.jsonl")
    patches = Patches(datasets.Cubes(given.data, given.out / "cache"))
    loop = Loop(given.out / "segmenter.pt", Segmenter, given.seed, given.rate or RATE, DECAY, WARM_UP, AVERAGING)
    loop.start_from(given.start_from, patches, loss)
    loop.run(patches, loss, given.steps, log)


if __name__ == "__main__":
    main()

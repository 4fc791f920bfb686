"""Train the segmenter on the readers' consensus masks of the cubes. Resumes from OUT/segmenter.pt.

    python train_segmenter.py DATA OUT [--steps 1500] [--seed 1]

One step is 8 patches of 64^3 at 0.7 mm around a nodule, off by up to 4 mm, turned and zoomed. Voxels outside the cube
and of other marked nodules (their outlines are not known) are not learned.
"""
import argparse
import math
import pathlib
import time

import numpy as np
import torch

import data as datasets
from network import Averaged, Segmenter, freeze_statistics
from train_detector import logger

EDGE, SPACING_MM, BATCH, JITTER_MM = 64, 0.7, 8, 4.0
RATE, DECAY, WARM_UP = 2e-3, 1e-3, 50


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
        """Patch 0..1, mask 0..1 (soft at the surface), weight; each [64, 64, 64]."""
        cube = self.cubes.train[random.choice(len(self.cubes.train), p=self.share)]
        row, spacing = self.cubes.rows[cube], np.array(self.cubes.rows[cube]["spacing_mm"])
        matrix, _ = datasets.random_matrix(random)
        matrix = matrix * max(SPACING_MM, 1.6 * row["mask_diameter_mm"] / EDGE)
        centre = (self.cubes.nodules[cube][0][0] + random.uniform(-1, 1, 3) * JITTER_MM * random.random()) / spacing
        patch = datasets.degrade(datasets.cut(self.cubes.gray[cube], centre, spacing, matrix, EDGE), random)
        mask = datasets.cut(self.cubes.mask[cube].astype(np.uint8) * 255, centre, spacing, matrix, EDGE, "zeros")
        known = np.full(self.cubes.gray[cube].shape, 255, np.uint8)
        grid = np.ogrid[:64, :64, :64]
        for place, diameter, _ in self.cubes.nodules[cube][1:]:
            away = sum(((g - p / s) * s) ** 2 for g, p, s in zip(grid, place, spacing))
            known[(away < (max(diameter, 4) / 2 + 2) ** 2) & ~self.cubes.mask[cube]] = 0
        weight = datasets.cut(known, centre, spacing, matrix, EDGE, "zeros") > 0.99
        return patch, mask, weight.astype(np.float32)

    def batch(self, step, seed):
        random = np.random.default_rng([seed, 7, step])
        return [torch.from_numpy(np.stack(part)) for part in zip(*(self.one(random) for _ in range(BATCH)))]


def loss(logit, mask, weight):
    """Soft Dice per patch + cross entropy near the nodule's own share of the patch."""
    p = torch.sigmoid(logit) * weight
    mask = mask * weight
    axes = (1, 2, 3)
    dice = 1 - (2 * (p * mask).sum(axes) + 20) / ((p + mask).sum(axes) + 20)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logit, mask, weight, reduction="none")
    entropy = entropy.sum(axes) / (mask.sum(axes) + 200)
    return dice.mean() + 0.5 * entropy.mean(), dice.mean().detach()


def learning_rate(step, steps):
    if step < WARM_UP:
        return RATE * (step + 1) / WARM_UP
    return RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1, step / steps))))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    file, log = given.out / "segmenter.pt", logger(given.out / "segmenter.jsonl")
    patches = Patches(datasets.Cubes(given.data, given.out / "cache"))
    network = Segmenter().to(memory_format=torch.channels_last_3d)
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], RATE, weight_decay=DECAY)
    averaged, step = Averaged(network, 0.99), 0
    if file.exists():
        kept = torch.load(file, weights_only=False)
        step, averaged.steps = kept["step"], kept["averaged_steps"]
        network.load_state_dict(kept["network"])
        optimiser.load_state_dict(kept["optimiser"])
        averaged.network.load_state_dict(kept["averaged"])

    def save():
        torch.save({"step": step, "network": network.state_dict(), "optimiser": optimiser.state_dict(),
                    "averaged": averaged.network.state_dict(), "averaged_steps": averaged.steps}, file.with_suffix(".new"))
        file.with_suffix(".new").replace(file)

    log(start=step, steps=given.steps, seed=given.seed)
    sums, started, since = np.zeros(2), time.time(), step
    while step < given.steps and not (given.out / "stop-segmenter").exists():
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, given.steps)
        network.train()
        if step >= 0.8 * given.steps:
            freeze_statistics(network)
        patch, mask, weight = patches.batch(step, given.seed)
        with torch.autocast("cpu", torch.bfloat16):
            logit = network(patch[:, None].to(memory_format=torch.channels_last_3d))
        total, dice = loss(logit.float()[:, 0], mask, weight)
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        averaged.update(network)
        step += 1
        sums += [float(total.detach()), float(dice)]
        if step % 20 == 0:
            log(step=step, patches=step * BATCH, loss=round(sums[0] / 20, 4), dice_loss=round(sums[1] / 20, 4),
                patches_per_second=round((step - since) * BATCH / (time.time() - started), 1))
            sums[:], started, since = 0, time.time(), step
        if step % 50 == 0:
            save()
    save()
    log(end=step)


if __name__ == "__main__":
    main()

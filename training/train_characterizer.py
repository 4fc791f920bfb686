"""Train the characterizer on the readers' median ratings of the cubes. Resumes from OUT/characterizer.pt.

    python train_characterizer.py DATA OUT [--steps 1500] [--seed 1]

One step is 24 nodules, each of five kinds (solid, part-solid, non-solid, calcified, spiculated) as often as SHARES says,
off their centre by what an outline's centre errs. LIDC has few non-solid and part-solid nodules: some are made from solid
ones (alter.py).
"""
import numpy as np
import torch

import alter
import data as datasets
from loop import Loop, arguments, half_precision, logger
from network import Characterizer

EDGE, NEAR_MM, WIDE_MM = 32, 0.7, 1.4
BATCH, SHARES = 24, (0.3, 0.15, 0.2, 0.15, 0.2)
MADE_SHARE = 0.15  # of the solid ones, made non-solid or part-solid by halves
ERROR_MM = 0.7  # SD along each axis
RATE, DECAY, AVERAGING = 1.5e-3, 1e-2, 0.995
LABELS = len(Characterizer.CLASSES)


def labels_of(ratings):
    """What readers said, by their medians (scales of LIDC): [5] of 1, 0 or -1 where they were of two minds.

    Texture 1 to 2 non-solid, 2.5 to 3.5 part-solid, 4 and 5 solid; calcification 6 absent, up to 5 some; spiculation 1
    and 2 none, from 3 on spiculated."""
    texture, calcification, spiculation = ratings["texture"], ratings["calcification"], ratings["spiculation"]
    return np.array([
        texture >= 4, 2 < texture < 4, texture <= 2,
        -1 if calcification == 5.5 else calcification < 5.5,
        -1 if spiculation == 2.5 else spiculation > 2.5,
    ], np.float32)


def patches(gray, place, spacing, matrix):
    """Near and wide cube around a place (mm from voxel 0), float32 0..1."""
    return [datasets.cut(gray, place / spacing, spacing, matrix * mm, EDGE, "border") for mm in (NEAR_MM, WIDE_MM)]


class Nodules:
    def __init__(self, cubes):
        self.cubes = cubes
        self.labels = np.array([labels_of(row["ratings"]) for row in cubes.rows])
        self.kinds = [[i for i in cubes.train if self.labels[i, kind] == 1] for kind in range(LABELS)]

    def shift(self):
        """What export.py adds to the logits, [5], since rare kinds are drawn more often than they are found: all of the
        difference for the traits, so that their probabilities hold for cubes as found; half of it for the types, between
        the many solid ones of LIDC and a screening's."""
        drawn, known = np.zeros(LABELS), np.zeros(LABELS)
        for kind, share in enumerate(SHARES):
            labels = self.labels[self.kinds[kind]].astype(float)
            if kind == 0:
                plain = labels[:, 3] == 0
                labels[plain, :3] *= 1 - MADE_SHARE
                labels[plain, 1:3] += MADE_SHARE / 2
            for trait in range(LABELS):
                sure = labels[:, trait] >= 0
                drawn[trait] += share * labels[sure, trait].sum() / len(labels)
                known[trait] += share * sure.sum() / len(labels)
        drawn /= known
        found = self.labels[self.cubes.train]
        found = np.array([(column == 1).sum() / (column >= 0).sum() for column in found.T])
        odds = lambda p: np.log(p / (1 - p))
        return [*(0.5 * np.log(found[:3] / drawn[:3])), *(odds(found[3:]) - odds(drawn[3:]))]

    def one(self, random):
        kind = random.choice(LABELS, p=SHARES)
        cube = self.kinds[kind][random.integers(len(self.kinds[kind]))]
        row, spacing = self.cubes.rows[cube], np.array(self.cubes.rows[cube]["spacing_mm"])
        gray, label = self.cubes.gray[cube], self.labels[cube].copy()
        if kind == 0 and label[3] == 0 and random.random() < MADE_SHARE:
            with_core = random.random() < 0.5
            made = alter.nonsolid(gray, self.cubes.mask[cube], spacing, with_core, random)
            if made is not gray:
                gray, label = made, np.array([0, with_core, not with_core, 0, -1], np.float32)
        matrix, _ = datasets.random_matrix(random, zoom=(0.9, 1.1))
        place = self.cubes.nodules[cube][0][0] + random.normal(0, ERROR_MM, 3)
        near, wide = patches(gray, place, spacing, matrix)
        # One seed for both: noise and offset of a scan agree.
        seed = random.integers(2**32)
        near, wide = (datasets.degrade(part, np.random.default_rng(seed)) for part in (near, wide))
        return near[None], wide[None], label, np.float32(1.0 if row["readers"] >= 3 else 0.5)

    def batch(self, step, seed):
        random = np.random.default_rng([seed, 13, step])
        return [np.stack(part) for part in zip(*(self.one(random) for _ in range(BATCH)))]


def loss(network, near, wide, label, weight):
    form = torch.channels_last_3d
    with half_precision():
        logit = network(near.to(memory_format=form), wide.to(memory_format=form))
    logit = logit.float()
    texture = torch.nn.functional.cross_entropy(logit[:, :3], label[:, :3].argmax(1), reduction="none")
    known = (label[:, 3:] >= 0).float()
    others = torch.nn.functional.binary_cross_entropy_with_logits(logit[:, 3:], label[:, 3:].clamp(min=0), reduction="none")
    parts = torch.cat([texture[:, None], known * others], 1) * weight[:, None]
    named = dict(zip(("texture", "calcified", "spiculated"), parts.mean(0)))
    return parts.sum(1).mean(), named


def main():
    given = arguments(__doc__, 1500)
    log = logger(given.out / "characterizer.jsonl")
    nodules = Nodules(datasets.Cubes(given.data, given.out / "cache"))
    log(cubes=len(nodules.cubes.train), kinds=[len(kind) for kind in nodules.kinds])
    loop = Loop(given.out / "characterizer.pt", Characterizer, given.seed, given.rate or RATE, DECAY, averaging=AVERAGING)
    loop.kept["shift"] = [float(value) for value in nodules.shift()]
    log(shift=loop.kept["shift"])
    loop.run(nodules, loss, given.steps, log)


if __name__ == "__main__":
    main()

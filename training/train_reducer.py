"""Train the second stage on the detector's own candidates. Needs OUT/detector.pt; resumes from OUT/reducer.pt.

    python train_reducer.py DATA OUT [--steps 1500] [--seed 1]

One step is 48 candidates, a third of them nodules of the training cubes, the rest the detector's false marks in those
cubes and in the background scans (what is masked there, by judgement or by score, stays out). A nodule is shown off its
centre by what the detector errs. The detector saw these cubes in its own training, so its false marks are fewer and
weaker here than elsewhere; marks down to a score of 0.01 are taken to make up for it.
"""
import numpy as np
import torch

import alter
import data as datasets
import marks
from loop import Loop, arguments, half_precision, logger
from network import Reducer
from train_detector import detector_of, false_in_cube, predictor

EDGE, NEAR_MM, WIDE_MM = 32, 1.0, 1.5
BATCH, NODULES, IN_CUBES = 48, 16, 16  # the rest from background scans
ERROR_MM = 1.0  # SD along each axis of the detector's places
RIM_MAX = 6  # voxels of a side that may be blank, for all alike: only cubes end near a nodule, scans seldom do
SCORE_MIN = 0.01
RATE, DECAY, AVERAGING = 1.5e-3, 1e-2, 0.99


class Candidates:
    def __init__(self, sampler, out, predict, log):
        self.sampler, self.cubes = sampler, sampler.cubes
        file = out / "reducer-candidates.npz"
        if not file.exists():
            self._find(file, predict)
        with np.load(file) as kept:
            self.cube_false = list(zip(kept["cubes"].tolist(), kept["places"]))
        self.scan_false = [(i, p) for i, places in enumerate(sampler.scan_false) for p in places]
        log(cube_false=len(self.cube_false), scan_false=len(self.scan_false))

    def _find(self, file, predict):
        cubes, places = [], []
        for cube in self.cubes.train:
            found = marks.in_cube([predict], self.cubes.at_one_mm(cube), score_min=SCORE_MIN)
            for mark in false_in_cube(self.cubes, cube, found):
                cubes.append(cube)
                places.append(mark[:3])
        np.savez(file, cubes=np.array(cubes), places=np.array(places))

    def pair(self, gray, place, spacing, random):
        """Near and wide cube around a place (mm), turned and degraded alike."""
        matrix, _ = datasets.random_matrix(random, zoom=(0.9, 1.1))
        place = (place + random.normal(0, ERROR_MM, 3)) / np.asarray(spacing)
        # One piece for both, so that noise and offset agree: 48 voxels at 1 mm, the wide one taken from it.
        tile = datasets.degrade(datasets.cut(gray, place, spacing, matrix, 48, "zeros"), random)
        if random.random() < 0.5:
            for axis in range(3):
                low, high = random.integers(0, RIM_MAX + 1, 2)
                index = [slice(None)] * 3
                index[axis] = slice(0, low)
                tile[tuple(index)] = 0
                index[axis] = slice(len(tile) - high, None)
                tile[tuple(index)] = 0
        middle = np.full(3, (48 - 1) / 2)
        wide = datasets.cut(tile * 255, middle, (1, 1, 1), np.eye(3) * WIDE_MM, EDGE, "zeros")
        return tile[8:40, 8:40, 8:40], wide

    def batch(self, step, seed):
        random = np.random.default_rng([seed, 11, step])
        pairs, labels, weights = [], [], []
        for number in range(BATCH):
            if number < NODULES:
                cube = self.cubes.train[random.choice(len(self.cubes.train), p=self.sampler.share)]
                row, (place, diameter, readers) = self.cubes.rows[cube], self.cubes.nodules[cube][0]
                gray = self.cubes.gray[cube]
                if row["ratings"]["texture"] >= 4.5:
                    gray = alter.altered(gray, self.cubes.mask[cube], row["spacing_mm"], diameter, random)
                pairs.append(self.pair(gray, place, row["spacing_mm"], random))
                labels.append(1.0)
                weights.append(1.0 if readers >= 3 else 0.5)
                continue
            if number < NODULES + IN_CUBES and self.cube_false:
                cube, place = self.cube_false[random.integers(len(self.cube_false))]
                pairs.append(self.pair(self.cubes.gray[cube], place, self.cubes.rows[cube]["spacing_mm"], random))
            else:
                scan, place = self.scan_false[random.integers(len(self.scan_false))]
                pairs.append(self.pair(self.sampler.scans[scan].gray, place, (1, 1, 1), random))
            labels.append(0.0)
            weights.append(1.0)
        near, wide = (np.stack(part)[:, None] for part in zip(*pairs))
        return near, wide, np.array(labels, np.float32), np.array(weights, np.float32)


def loss(network, near, wide, label, weight):
    form = torch.channels_last_3d
    with half_precision():
        logit = network(near.to(memory_format=form), wide.to(memory_format=form))
    logit = logit.float()[:, 0]
    total = torch.nn.functional.binary_cross_entropy_with_logits(logit, label, weight)
    return total, {"right": ((logit > 0) == (label > 0)).float().mean()}


def main():
    given = arguments(__doc__, 1500)
    log = logger(given.out / "reducer.jsonl")
    sampler, detector = detector_of(given)
    candidates = Candidates(sampler, given.out, predictor(detector.averaged.network), log)
    loop = Loop(given.out / "reducer.pt", Reducer, given.seed, RATE, DECAY, averaging=AVERAGING)
    loop.run(candidates, loss, given.steps, log)


if __name__ == "__main__":
    main()

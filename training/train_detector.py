"""Train the detector. Resumes from OUT/detector.pt; stops at --steps or at the file OUT/stop.

    python train_detector.py DATA OUT [--steps 3000] [--seed 1]

One step is 16 tiles of 48^3, by turns as they are or as 2 x 96^3 (a mosaic of 8 tiles of cubes and one tile of a
whole scan). Every random number of a step comes from (seed, step): a resumed run takes the same tiles.
"""
import argparse
import concurrent.futures
import json
import math
import multiprocessing
import pathlib
import time

import numpy as np
import torch

import alter
import data as datasets
import marks
from network import Averaged, Detector, freeze_statistics
from targets import STRIDE, loss, tile_targets

TILE = 48
BATCH, POSITIVE, ELSEWHERE = 16, 7, 4  # the rest are background scans
FIRST_MINING = 320  # steps; about 5 k patches. No background scan is used before.
MINING_EVERY = 480
MINED_CUBES = 200
MASK_ABOVE, MINE_ABOVE = 0.25, 0.05  # NETWORKS: what looks like a nodule in an unlabelled scan is left out,
MASKED_COUNT_MAX = 20  # but a network of few steps sees hundreds, and none of them would ever be unlearned
PLANTED_COUNT, PLANTED_SHARE = 6, 0.3  # tries in a large tile of a background scan; part of the small ones with one
AERATED_HU = -650.0  # where one may be planted: mean of 5 voxels
SIZE_BINS = (0, 5, 8, 12, 20, 100)
RATE, DECAY, WARM_UP = 1.5e-3, 1e-3, 100
HERE = pathlib.Path(__file__).resolve().parent


class Sampler:
    """Tiles with targets; knows the network's own false marks."""

    def __init__(self, cubes, scans):
        self.cubes, self.scans = cubes, scans
        size = np.array([cubes.rows[i]["mask_diameter_mm"] for i in cubes.train])
        bins = np.digitize(size, SIZE_BINS)
        share = 1 / np.sqrt(np.bincount(bins)[bins])  # half way between as found and uniform over sizes
        readers = np.array([cubes.rows[i]["readers"] for i in cubes.train])
        share *= np.where(readers >= 3, 1, 0.5)
        self.share = share / share.sum()
        self.cube_false = []  # (cube, place in mm)
        self.scan_found = [np.zeros((0, 5)) for _ in scans]  # own marks of the last mining
        self.scan_false = [[] for _ in scans]  # places
        self.scan_masked = [[] for _ in scans]  # (place, radius)

    def positive(self, random):
        cube = self.cubes.train[random.choice(len(self.cubes.train), p=self.share)]
        place, diameter, _ = self.cubes.nodules[cube][0]
        row, gray = self.cubes.rows[cube], self.cubes.gray[cube]
        if row["ratings"]["texture"] >= 4.5:  # solid: of those there are enough
            gray = alter.altered(gray, self.cubes.mask[cube], row["spacing_mm"], diameter, random)
        return self.from_cube(cube, place, 12, random, gray)

    def elsewhere(self, random):
        if self.cube_false and random.random() < 0.6:
            cube, place = self.cube_false[random.integers(len(self.cube_false))]
            return self.from_cube(cube, place, 8, random)
        cube = self.cubes.train[random.integers(len(self.cubes.train))]
        extent = 63 * np.array(self.cubes.rows[cube]["spacing_mm"])
        return self.from_cube(cube, random.uniform(0.25, 0.75, 3) * extent, 8, random)

    def from_cube(self, cube, place, jitter, random, gray=None):
        """Tile around a place (mm from voxel 0) of a cube; `gray`: the cube's values if they were changed."""
        spacing = np.array(self.cubes.rows[cube]["spacing_mm"])
        matrix, zoom = datasets.random_matrix(random)
        centre = place + random.uniform(-jitter, jitter, 3)
        tile = datasets.cut(self.cubes.gray[cube] if gray is None else gray, centre / spacing, spacing, matrix, TILE)
        middle, back = (TILE - 1) / 2, np.linalg.inv(matrix)
        axis = STRIDE * np.arange(TILE // STRIDE) + (STRIDE - 1) / 2 - middle
        mm = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1) @ matrix.T + centre
        rim = datasets.RIM_MM
        allowed = ((mm >= rim) & (mm <= 63 * spacing - rim)).all(-1)
        nodules, ignored = [], []
        for where, diameter, readers in self.cubes.nodules[cube]:
            at, size = back @ (where - centre) + middle, max(diameter, 0) * zoom
            own = where is self.cubes.nodules[cube][0][0]
            if readers >= 3 or own:
                nodules.append((at, size, 1.0 if readers >= 3 else 0.5))
            else:
                ignored.append((at, max(size / 2, 2) + datasets.AMBIGUOUS_MM))
        return self.finished(tile, nodules, ignored, allowed, random)

    def background(self, size, random):
        """Tile of a whole scan with nodules of the cubes planted in it: a network that sees nodules in cubes alone learns
        that scans have none."""
        index = random.integers(len(self.scans))
        scan = self.scans[index]
        if self.scan_false[index] and random.random() < 0.5:
            places = self.scan_false[index]
            jitter = 12
        else:
            places, jitter = scan.places, 16
        centre = places[random.integers(len(places))] + random.uniform(-jitter, jitter, 3)
        matrix, zoom = datasets.random_matrix(random)
        tile = datasets.cut(scan.gray, centre, (1, 1, 1), matrix, size, "zeros")
        back, middle = np.linalg.inv(matrix), (size - 1) / 2
        ignored = [(back @ (p - centre) + middle, r * zoom) for p, r in self.scan_masked[index]]
        nodules = []
        for _ in range(PLANTED_COUNT if size > TILE else random.random() < PLANTED_SHARE):
            at = random.uniform(4, size - 5, 3)
            voxel = np.round(matrix @ (at - middle) + centre).astype(int)
            if (voxel >= 0).all() and (voxel < scan.lungs.shape).all() and scan.lungs[tuple(voxel)]:
                nodules += self.planted(tile, at, [n[:2] for n in nodules], random)
        cells = size // STRIDE
        return self.finished(tile, nodules, ignored, np.ones((cells,) * 3, bool), random)

    def planted(self, tile, at, taken, random):
        """Put a nodule of a training cube into `tile` around voxel `at`; nothing where there is no lung or no room."""
        low = np.maximum(np.round(at).astype(int) - 2, 0)
        if tile[tuple(slice(a, a + 5) for a in low)].mean() * 255 > alter.level(AERATED_HU):
            return []
        cube = self.cubes.train[random.choice(len(self.cubes.train), p=self.share)]
        row, (place, diameter, readers) = self.cubes.rows[cube], self.cubes.nodules[cube][0]
        matrix, zoom = datasets.random_matrix(random)
        if any(np.linalg.norm(at - p) < (d + diameter * zoom) / 2 + 4 for p, d in taken):
            return []
        gray, spacing = self.cubes.gray[cube], np.array(row["spacing_mm"])
        if row["ratings"]["texture"] >= 4.5:
            gray = alter.altered(gray, self.cubes.mask[cube], spacing, diameter, random)
        # The patch is cut so that its middle comes to lie on a whole voxel of the tile next to `at`.
        edge = int(min(TILE, 2 * (np.ceil(diameter * zoom * 0.9) + 4)))
        start = np.round(at).astype(int) - edge // 2
        middle = matrix @ (start + (edge - 1) / 2 - at) + place
        patch = datasets.cut(gray, middle / spacing, spacing, matrix, edge, "border")
        mask = datasets.cut(alter.soft(self.cubes.mask[cube]), middle / spacing, spacing, matrix, edge, "zeros")
        inside = [slice(max(a, 0), min(a + edge, n)) for a, n in zip(start, tile.shape)]
        own = tuple(slice(i.start - a, i.stop - a) for i, a in zip(inside, start))
        here = tile[tuple(inside)]
        here += mask[own] * (patch[own] - here)
        return [(at, diameter * zoom, 1.0 if readers >= 3 else 0.5)]

    @staticmethod
    def finished(tile, nodules, ignored, allowed, random):
        tile = datasets.degrade(tile, random)
        return (tile, *tile_targets(len(tile), nodules, ignored, allowed))

    def batch(self, step, seed):
        """Lists of tiles with targets: 16 of 48^3, or 2 of 96^3 of which one is a mosaic."""
        random = np.random.default_rng([seed, step])
        mined = any(map(len, self.scan_found))
        if step % 2 and mined:
            small = [self.positive(random) for _ in range(5)] + [self.elsewhere(random) for _ in range(3)]
            random.shuffle(small)
            return [mosaic(small), self.background(2 * TILE, random)]
        count = (POSITIVE, ELSEWHERE) if mined else (POSITIVE + 2, BATCH - POSITIVE - 2)
        tiles = [self.positive(random) for _ in range(count[0])] + [self.elsewhere(random) for _ in range(count[1])]
        tiles += [self.background(TILE, random) for _ in range(BATCH - len(tiles))]
        return [mosaic(tiles[:8]), mosaic(tiles[8:])] if step % 2 else tiles

    def mine(self, predict, random, log):
        """The network's own false marks in cubes and background scans, and what to leave out in the latter."""
        self.cube_false = []
        for cube in random.choice(self.cubes.train, min(MINED_CUBES, len(self.cubes.train)), replace=False):
            for mark in false_in_cube(self.cubes, cube, marks.in_cube(predict, self.cubes.at_one_mm(cube), border=8)):
                if mark[4] >= MINE_ABOVE:
                    self.cube_false.append((int(cube), mark[:3]))
        for index, scan in enumerate(self.scans):
            self.scan_found[index] = marks.in_one_pass(predict, scan.gray, scan.lungs, MINE_ABOVE)
        self.judge()
        for index, scan in enumerate(self.scans):
            log(mined=scan.name, found=self.scan_found[index][:60].round(3).tolist(),
                masked=len(self.scan_masked[index]), false=len(self.scan_false[index]))
        log(cube_false=len(self.cube_false))


    def judge(self):
        """What of the own marks in background scans is masked and what is false, by what people saw there."""
        file = HERE / "background_marks.json"
        judged = json.loads(file.read_text()) if file.exists() else {}
        for index, scan in enumerate(self.scans):
            split = split_by_judgement(self.scan_found[index], judged.get(scan.name, []))
            self.scan_masked[index], self.scan_false[index] = split


def split_by_judgement(found, judged):
    """Masked (place, radius) and false places of an unlabelled scan.

    `judged`: [z, y, x, verdict, radius] of background_marks.json, verdict "false" or "real". Without a verdict the
    strongest marks above MASK_ABOVE are masked, all others are taken for false.
    """
    masked = [(np.array(j[:3], float), j[4]) for j in judged if j[3] == "real"]
    false = [np.array(j[:3], float) for j in judged if j[3] == "false"]
    unsure_count = 0
    for mark in found[np.argsort(-found[:, 4], kind="stable")]:
        if any(np.linalg.norm(mark[:3] - j[:3]) < 6 for j in judged):
            continue
        if mark[4] > MASK_ABOVE and unsure_count < MASKED_COUNT_MAX:
            unsure_count += 1
            masked.append((mark[:3], max(6.0, 0.75 * mark[3])))
        else:
            false.append(mark[:3])
    return masked, false


def false_in_cube(cubes, cube, found):
    """Marks of a cube (1 mm voxels = mm) that are surely none of its nodules and not in its rim."""
    extent = 63 * np.array(cubes.rows[cube]["spacing_mm"])
    rim = datasets.RIM_MM
    keep = ((found[:, :3] >= rim) & (found[:, :3] <= extent - rim)).all(1)
    for where, diameter, _ in cubes.nodules[cube]:
        keep &= np.linalg.norm(found[:, :3] - where, axis=1) > max(diameter, 0) / 2 + 6
    return found[keep]


def mosaic(tiles):
    """Eight tiles with targets as one of twice the edge."""
    return tuple(
        np.concatenate([
            np.concatenate([np.concatenate([tiles[4 * z + 2 * y + x][part] for x in range(2)], -1) for y in range(2)], -2)
            for z in range(2)
        ], -3) for part in range(4)
    )


class Ahead:
    """Batches made ahead by one process of its own, which knows the sampler as it was when it started."""

    DEPTH = 4
    _sampler = None  # inherited by the process

    def __init__(self, sampler, seed):
        Ahead._sampler, self.seed, self.waiting = sampler, seed, {}
        self.pool = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork"))

    @staticmethod
    def _make(step, seed):
        torch.set_num_threads(1)
        return [np.stack(part) for part in zip(*Ahead._sampler.batch(step, seed))]

    def batch(self, step):
        for ahead in range(step, step + self.DEPTH):
            if ahead not in self.waiting:
                self.waiting[ahead] = self.pool.submit(self._make, ahead, self.seed)
        return self.waiting.pop(step).result()

    def close(self):
        self.pool.shutdown(cancel_futures=True)


def predictor(network):
    """Tile [d, h, w] 0..1 to head [5, ...], in bfloat16."""
    @torch.no_grad()
    def predict(tile):
        x = torch.from_numpy(np.ascontiguousarray(tile))[None, None].to(memory_format=torch.channels_last_3d)
        with torch.autocast("cpu", torch.bfloat16):
            return network(x).float()[0].numpy()
    return predict


def learning_rate(step, steps):
    if step < WARM_UP:
        return RATE * (step + 1) / WARM_UP
    done = min(1, (step - WARM_UP) / max(1, steps - WARM_UP))
    return RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


class Run:
    """Network, optimiser, sampler and where they stand; written to and read from one file."""

    def __init__(self, out, sampler, seed):
        torch.manual_seed(seed)
        self.file, self.sampler, self.step, self.positives, self.mined_at = out / "detector.pt", sampler, 0, 8.0, -1
        self.network = Detector().to(memory_format=torch.channels_last_3d)
        learned = [p for p in self.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(learned, RATE, weight_decay=DECAY)
        self.averaged = Averaged(self.network)
        if self.file.exists():
            self.load()

    def save(self):
        kept = {
            "step": self.step, "positives": self.positives, "mined_at": self.mined_at,
            "network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(),
            "averaged": self.averaged.network.state_dict(), "averaged_steps": self.averaged.steps,
            "cube_false": self.sampler.cube_false, "scan_found": self.sampler.scan_found,
        }
        torch.save(kept, self.file.with_suffix(".new"))
        self.file.with_suffix(".new").replace(self.file)

    def load(self):
        kept = torch.load(self.file, weights_only=False)
        self.step, self.positives, self.mined_at = kept["step"], kept["positives"], kept["mined_at"]
        self.network.load_state_dict(kept["network"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.averaged.network.load_state_dict(kept["averaged"])
        self.averaged.steps = kept["averaged_steps"]
        if self.mined_at >= 0:
            self.sampler.cube_false, self.sampler.scan_found = kept["cube_false"], kept["scan_found"]
            self.sampler.judge()

    def train_step(self, steps, batch):
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, steps)
        self.network.train()
        if self.step >= 0.8 * steps:
            freeze_statistics(self.network)
        x, heat, weight, regression = (torch.from_numpy(part) for part in batch)
        self.positives = 0.95 * self.positives + 0.05 * float(((heat == 1) * weight).sum())
        with torch.autocast("cpu", torch.bfloat16):
            head = self.network(x[:, None].to(memory_format=torch.channels_last_3d))
        total, parts = loss(head.float(), heat, weight, regression, max(1.0, self.positives))
        self.optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.averaged.update(self.network)
        self.step += 1
        return float(total.detach()), parts.numpy()


def logger(file):
    def log(**entry):
        with file.open("a") as out:
            out.write(json.dumps({"time": time.strftime("%H:%M:%S"), **entry}) + "\n")
    return log


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--log-every", type=int, default=20)
    return parser.parse_args()


def main():
    given = arguments()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    log = logger(given.out / "detector.jsonl")
    cache = given.out / "cache"
    sampler = Sampler(datasets.Cubes(given.data, cache), datasets.backgrounds(given.data, cache))
    run = Run(given.out, sampler, given.seed)
    log(start=run.step, steps=given.steps, seed=given.seed, cubes=len(sampler.cubes.train))
    train(run, given, log)
    run.save()
    log(end=run.step)


def train(run, given, log):
    """Steps until --steps are done or OUT/stop appears; mining in between."""
    started, sums, since = time.time(), np.zeros(5), run.step
    ahead = Ahead(run.sampler, given.seed)
    while run.step < given.steps and not (given.out / "stop").exists():
        due = run.step >= FIRST_MINING and (run.step - FIRST_MINING) % MINING_EVERY == 0
        if due and run.mined_at != run.step and run.step < 0.9 * given.steps:
            ahead.close()
            run.sampler.mine(predictor(run.averaged.network), np.random.default_rng([given.seed, 1, run.step]), log)
            run.mined_at = run.step
            run.save()
            ahead = Ahead(run.sampler, given.seed)
            started, since = time.time(), run.step
        total, parts = run.train_step(given.steps, ahead.batch(run.step))
        sums += [total, *parts]
        if run.step % given.log_every == 0:
            count = run.step - since
            mean = (sums / given.log_every).round(4).tolist()
            log(step=run.step, patches=run.step * BATCH, loss=mean[0], hit=mean[1], false=mean[2], offset=mean[3],
                diameter=mean[4], patches_per_second=round(count * BATCH / (time.time() - started), 1))
            sums[:], started, since = 0, time.time(), run.step
        if run.step % 100 == 0:
            run.save()
    ahead.close()


if __name__ == "__main__":
    main()

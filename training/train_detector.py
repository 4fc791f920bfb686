"""Train a detector. Resumes from OUT/detector.pt; stops at --steps or at the file OUT/detector.stop.

    python train_detector.py DATA OUT [--steps 10000] [--seed 1] [--name detector]

One step is 16 tiles of 48^3, by turns as they are or as 2 x 96^3 (a mosaic of 8 tiles of cubes and one tile of a
whole scan). Whole scans and the nodules planted in them are there from the first step. Every random number of a step comes from (seed, step): a resumed run takes the same tiles.
"""
import json
import pathlib

import numpy as np
import torch

import alter
import data as datasets
import marks
from loop import Loop, arguments, half_precision, logger, stacked
from network import Detector
from targets import STRIDE, loss, tile_targets

TILE = 48
BATCH, POSITIVE, ELSEWHERE = 16, 7, 4  # the rest are background scans
FIRST_MINING = 320  # steps; about 5 k patches
MINING_EVERY = 800
MINED_CUBES = 200
MASK_ABOVE, MINE_ABOVE = 0.25, 0.05  # NETWORKS: what looks like a nodule in an unlabelled scan is left out,
MASKED_COUNT_MAX = 20  # but a network of few steps sees hundreds, and none of them would ever be unlearned
PLANTED_COUNT, PLANTED_SHARE = 6, 0.3  # tries in a large tile of a background scan; part of the small ones with one
MASS_SHARE, MASS_MM = 0.5, (24.0, 48.0)  # large tiles with one planted mass: a nodule enlarged to such a diameter,
MASS_FROM_MM, MASS_ZOOM_MAX = (10.0, 25.0), 3.5  # since cubes are too small to hold one; from nodules of such a size
KNOWN_SHARE = 0.15  # of the large tiles of a scan with a known lesion that are cut around it
AERATED_HU = -650.0  # where one may be planted: mean of 5 voxels
SIZE_BINS = (0, 5, 8, 12, 20, 100)
RATE, DECAY = 1.5e-3, 1e-3
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
        self.mass_sources = [i for i, mm, r in zip(cubes.train, size, readers) if MASS_FROM_MM[0] <= mm < MASS_FROM_MM[1] and r >= 3]
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
        if size > TILE and scan.lesions and random.random() < KNOWN_SHARE:
            centre = scan.lesions[random.integers(len(scan.lesions))][0] + random.uniform(-16, 16, 3)
        matrix, zoom = datasets.random_matrix(random)
        tile = datasets.cut(scan.gray, centre, (1, 1, 1), matrix, size, "zeros")
        back, middle = np.linalg.inv(matrix), (size - 1) / 2
        ignored = [(back @ (p - centre) + middle, r * zoom) for p, r in self.scan_masked[index]]
        nodules = [(back @ (p - centre) + middle, d * zoom, 1.0) for p, d in scan.lesions]
        masses_count = int(size > TILE and random.random() < MASS_SHARE)
        for number in range(PLANTED_COUNT if size > TILE else random.random() < PLANTED_SHARE):
            at = random.uniform(4, size - 5, 3)
            voxel = np.round(matrix @ (at - middle) + centre).astype(int)
            if (voxel >= 0).all() and (voxel < scan.lungs.shape).all() and scan.lungs[tuple(voxel)]:
                nodules += self.planted(tile, at, [n[:2] for n in nodules], random, mass=number < masses_count)
        cells = size // STRIDE
        return self.finished(tile, nodules, ignored, np.ones((cells,) * 3, bool), random)

    def planted(self, tile, at, taken, random, mass=False):
        """Put a nodule of a training cube into `tile` around voxel `at`, enlarged if it is to be a mass; nothing where there
        is no lung or no room."""
        low = np.maximum(np.round(at).astype(int) - 2, 0)
        if tile[tuple(slice(a, a + 5) for a in low)].mean() * 255 > alter.level(AERATED_HU):
            return []
        cube = self.cubes.train[random.choice(len(self.cubes.train), p=self.share)]
        if mass:
            cube = self.mass_sources[random.integers(len(self.mass_sources))]
        row, (place, diameter, readers) = self.cubes.rows[cube], self.cubes.nodules[cube][0]
        matrix, zoom = datasets.random_matrix(random)
        if mass:
            larger = min(random.uniform(*MASS_MM) / (diameter * zoom), MASS_ZOOM_MAX)
            matrix, zoom = matrix / larger, zoom * larger
        if any(np.linalg.norm(at - p) < (d + diameter * zoom) / 2 + 4 for p, d in taken):
            return []
        gray, spacing = self.cubes.gray[cube], np.array(row["spacing_mm"])
        if row["ratings"]["texture"] >= 4.5:
            gray = alter.altered(gray, self.cubes.mask[cube], spacing, diameter, random)
        # The patch is cut so that its middle comes to lie on a whole voxel of the tile next to `at`.
        edge = int(min(2 * TILE if mass else TILE, 2 * (np.ceil(diameter * zoom * 0.9) + 4)))
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
        """Tiles with targets: 16 of 48^3, or 2 of 96^3 of which one is a mosaic."""
        random = np.random.default_rng([seed, step])
        if step % 2:
            small = [self.positive(random) for _ in range(5)] + [self.elsewhere(random) for _ in range(3)]
            random.shuffle(small)
            return stacked([mosaic(small), self.background(2 * TILE, random)])
        tiles = [self.positive(random) for _ in range(POSITIVE)] + [self.elsewhere(random) for _ in range(ELSEWHERE)]
        return stacked(tiles + [self.background(TILE, random) for _ in range(BATCH - len(tiles))])

    def mine(self, predict, random, log):
        """The network's own false marks in cubes and background scans, and what to leave out in the latter."""
        self.cube_false = []
        for cube in random.choice(self.cubes.train, min(MINED_CUBES, len(self.cubes.train)), replace=False):
            for mark in false_in_cube(self.cubes, cube, marks.in_cube([predict], self.cubes.at_one_mm(cube), border=8)):
                if mark[4] >= MINE_ABOVE:
                    self.cube_false.append((int(cube), mark[:3]))
        for index, scan in enumerate(self.scans):
            self.scan_found[index] = marks.in_one_pass(predict, scan.gray, scan.lungs, MINE_ABOVE)
        self.judge()
        for index, scan in enumerate(self.scans):
            log(mined=scan.name, found=self.scan_found[index][:60].round(3).tolist(),
                masked=len(self.scan_masked[index]), false=len(self.scan_false[index]))
        log(cube_false=len(self.cube_false))

    def recall(self, kept):
        """What a run's file says was mined."""
        self.cube_false = kept.get("cube_false", self.cube_false)
        self.scan_found = kept.get("scan_found", self.scan_found)
        self.judge()

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


def predictor(network):
    """Tile [d, h, w] 0..1 to head [5, ...]."""
    @torch.no_grad()
    def predict(tile):
        x = torch.from_numpy(np.ascontiguousarray(tile))[None, None].to(memory_format=torch.channels_last_3d)
        with half_precision():
            return network(x).float()[0].numpy()
    return predict


class Mining:
    """Before a step that is due: what the averaged network marks falsely goes to the sampler and into the file."""

    def __init__(self, sampler, steps, log):
        self.sampler, self.steps, self.log = sampler, steps, log

    def __call__(self, loop):
        due = loop.step >= FIRST_MINING and (loop.step - FIRST_MINING) % MINING_EVERY == 0
        if not due or loop.kept.get("mined_at") == loop.step or loop.step >= 0.9 * self.steps:
            return False
        random = np.random.default_rng([loop.seed, 1, loop.step])
        self.sampler.mine(predictor(loop.averaged.network), random, self.log)
        loop.kept.update(mined_at=loop.step, cube_false=self.sampler.cube_false, scan_found=self.sampler.scan_found)
        loop.save()
        return True


class Loss:
    """Loss of a batch over a running number of positives, which a single batch has too few of."""

    def __init__(self, loop):
        self.kept = loop.kept
        self.kept.setdefault("positives", 8.0)

    def __call__(self, network, x, heat, weight, regression):
        positives = 0.95 * self.kept["positives"] + 0.05 * float(((heat == 1) * weight).sum())
        self.kept["positives"] = positives
        with half_precision():
            head = network(x[:, None].to(memory_format=torch.channels_last_3d))
        total, parts = loss(head.float(), heat, weight, regression, max(1.0, positives))
        return total, dict(zip(("hit", "false", "offset", "diameter"), parts))


def detector_of(given, name="detector"):
    """Sampler and loop as OUT/NAME.pt has them, or new ones."""
    cache = given.out / "cache"
    sampler = Sampler(datasets.Cubes(given.data, cache), datasets.backgrounds(given.data, cache))
    loop = Loop(given.out / f"{name}.pt", Detector, given.seed, given.rate or RATE, DECAY)
    loop.start_from(given.start_from, sampler, Loss(loop))
    sampler.recall(loop.kept)
    return sampler, loop


def main():
    given = arguments(__doc__, 10000, "detector")
    log = logger(given.out / f"{given.name}.jsonl")
    sampler, loop = detector_of(given, given.name)
    log(cubes=len(sampler.cubes.train), scans=len(sampler.scans))
    loop.run(sampler, Loss(loop), given.steps, log, Mining(sampler, given.steps, log))


if __name__ == "__main__":
    main()

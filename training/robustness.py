"""How a pack's marks change when scans get worse, one thing at a time. Writes a table and OUT/robustness-NAME.json.

    python robustness.py DATA OUT PACK [--cubes 60] [--threads 2]

Held-out cubes and the four whole scans. The threshold is the one that gives 4 false marks per five litres (cubes) or is
the pack's balanced point (scans) on what was not degraded; it then stays.
"""
import argparse
import json
import pathlib

import numpy as np
from scipy import ndimage

import data as datasets
import marks
import measure

HU_PER_LEVEL = (datasets.HU_CLIP[1] - datasets.HU_CLIP[0]) / 255
NOISE_HU = 25.0  # SD of a chest at full dose where it is not known
NOISE_MM = 0.7  # correlation of noise, as a standard kernel makes it


def thicker(gray, spacing, slice_mm, random):
    """Slices of `slice_mm` with a box profile, touching, back on the grid by linear interpolation."""
    if slice_mm <= spacing[0]:
        return gray
    smooth = ndimage.uniform_filter1d(gray, max(1, round(slice_mm / spacing[0])), axis=0, mode="nearest")
    at = np.arange(len(gray)) * spacing[0] / slice_mm
    low = np.floor(at).astype(int)
    part = (at - low)[:, None, None]
    index = lambda i: np.minimum(np.round(i * slice_mm / spacing[0]).astype(int), len(gray) - 1)
    return smooth[index(low)] * (1 - part) + smooth[index(low + 1)] * part


def less_dose(gray, spacing, dose, random, noise_hu=NOISE_HU):
    """Noise that a scan with the share `dose` of the photons would have more."""
    noise = ndimage.gaussian_filter(random.standard_normal(gray.shape), [0.3 / spacing[0], *(NOISE_MM / s for s in spacing[1:])])
    return gray + noise / noise.std() * noise_hu * np.sqrt(1 / dose - 1) / HU_PER_LEVEL


def kernel(gray, spacing, mm, random):
    """Positive: smoothed in plane by this SD. Negative: sharpened by as much (unsharp mask of weight 1)."""
    smooth = ndimage.gaussian_filter(gray, [0, *(abs(mm) / s for s in spacing[1:])])
    return smooth if mm > 0 else 2 * gray - smooth


def offset(gray, spacing, hu, random):
    return gray + hu / HU_PER_LEVEL


# name: what is done to (gray as float, spacing, value, random)
CASES = {
    "as it is": None,
    "slices 1.25 mm": (thicker, 1.25), "slices 2.5 mm": (thicker, 2.5), "slices 3 mm": (thicker, 3.0), "slices 5 mm": (thicker, 5.0),
    "dose 50 %": (less_dose, 0.5), "dose 25 %": (less_dose, 0.25), "dose 10 %": (less_dose, 0.1),
    "soft kernel": (kernel, 0.8), "sharp kernel": (kernel, -0.8),
    "HU + 20": (offset, 20.0), "HU - 20": (offset, -20.0),
    "turned 5 degrees": None, "tile grid shifted": None,
}
TURN = np.deg2rad(5.0)
SHIFT = (7, 11, 5)  # voxels: neither a multiple of the stride nor of a tile


def degraded(gray, spacing, case, seed):
    if not CASES[case]:
        return gray
    change, value = CASES[case]
    changed = change(gray.astype(np.float32), spacing, value, np.random.default_rng(seed))
    return np.round(changed).clip(0, 255).astype(np.uint8)


def one_cube(pack, looks, edge, stride, cubes, index, case):
    """Best score on the nodule (-inf: none), scores of false marks, litres."""
    spacing = np.array(cubes.rows[index]["spacing_mm"])
    changed = degraded(cubes.gray[index], spacing, case, index)
    size = [int((n - 1) * s) + 1 for n, s in zip(changed.shape, spacing)]
    middle, matrix = (np.array(size) - 1) / 2, np.eye(3)
    if case == "turned 5 degrees":
        matrix = np.array([[1, 0, 0], [0, np.cos(TURN), -np.sin(TURN)], [0, np.sin(TURN), np.cos(TURN)]])
    gray = datasets.cut(changed, middle / spacing, spacing, matrix, size, "border")
    lungs = measure.lungs_of_cube(datasets.cut(cubes.gray[index], middle / spacing, spacing, matrix, size, "border"))
    border = np.full(3, 16 if edge < 160 else 48)
    if case == "tile grid shifted":
        border += np.array(SHIFT) % 8
    found = marks.in_cube(looks, gray, stride, measure.SCORE_MIN, border, edge)
    world = found.copy()
    world[:, :3] = (found[:, :3] - middle) @ matrix.T + middle
    world = pack.reduced(world, changed, spacing)
    nodules = cubes.nodules[index]
    hits, false = measure.judge(world, [nodules[0][:2]], [(p, d) for p, d, _ in nodules[1:]])
    back = np.round((false[:, :3] - middle) @ matrix + middle).astype(int)
    kept = [m[4] for m, n in zip(false, back) if (n >= 0).all() and (n < lungs.shape).all() and lungs[tuple(n)]]
    return hits[0], kept, lungs.sum() / 1e6


def one_scan(pack, looks, given, case):
    """Scores of its nodules, scores of false marks."""
    hu, lungs, origin, truth = given
    gray, spec = datasets.to_gray(hu), pack.specs["detector"]
    changed = degraded(gray, np.ones(3), case, 0)
    matrix, middle = np.eye(3), (np.array(gray.shape) - 1) / 2
    searched = lungs
    if case == "turned 5 degrees":
        matrix = np.array([[1, 0, 0], [0, np.cos(TURN), -np.sin(TURN)], [0, np.sin(TURN), np.cos(TURN)]])
        changed = np.round(255 * datasets.cut(changed, middle, (1, 1, 1), matrix, gray.shape, "zeros")).astype(np.uint8)
        searched = datasets.cut(lungs.astype(np.uint8) * 255, middle, (1, 1, 1), matrix, gray.shape, "zeros") > 0.5
    shift = np.array(SHIFT if case == "tile grid shifted" else (0, 0, 0))
    pad = [(s, 0) for s in shift]
    decode, tile = spec["decode"], spec["input"][0]["shape"][2]
    found = marks.in_volume(
        looks, np.pad(changed, pad, mode="edge").astype(np.float32) / 255, np.pad(searched, pad), tile,
        decode["margin_voxels"], decode["stride"], measure.SCORE_MIN)
    found[:, :3] -= shift
    found = pack.reduced(found, changed, np.ones(3))
    world = found.copy()
    world[:, :3] = (found[:, :3] - middle) @ matrix.T + middle + origin
    flip = lambda rows: [(np.array(a[:3])[::-1], a[3]) for a in rows]
    hits, false = measure.judge(world, flip(truth["luna16"]["annotations"]), flip(truth["luna16"]["annotations_excluded"]))
    return [pack.score(h) if np.isfinite(h) else h for h in hits], [pack.score(f) for f in false[:, 4]]


def table_of_cubes(pack, cubes, indices, cases):
    looks, edge = measure.cube_detector(pack)
    stride, result, usual = pack.specs["detector"]["decode"]["stride"], {}, None
    for case in cases:
        rows = [one_cube(pack, looks, edge, stride, cubes, i, case) for i in indices]
        hits = np.array([h for i, (h, _, _) in zip(indices, rows) if cubes.rows[i]["readers"] >= 3])
        false, chests = np.sort([s for _, f, _ in rows for s in f])[::-1], sum(r[2] for r in rows) / measure.LITRES_PER_CHEST
        if usual is None:
            usual, threshold, least = hits, measure.threshold_at(false, chests, 4), chests
        both = np.isfinite(hits) & np.isfinite(usual)
        moved = np.abs(hits - usual)[both]
        result[case] = {
            "nodules": len(hits), "found": int((hits > threshold).sum()), "false_per_chest": float((false > threshold).sum() / least),
            "moved_median": float(np.median(moved)), "moved_95": float(np.percentile(moved, 95)),
        }
        print(f"| {case} | {result[case]['found']} of {len(hits)} | {result[case]['false_per_chest']:.1f} | "
              f"{result[case]['moved_median']:.3f} | {result[case]['moved_95']:.3f} |", flush=True)
    return result


def table_of_scans(pack, data, cache, cases):
    looks, threshold = pack.looks(), pack.manifest["operating_points"]["balanced"]
    scans, result = [datasets.unseen_scan(data, cache, p) for p in datasets.UNSEEN], {}
    for case in cases:
        rows = [one_scan(pack, looks, scan, case) for scan in scans]
        hits, false = np.array([h for r in rows for h in r[0]]), np.array([s for r in rows for s in r[1]])
        result[case] = {"scores": hits.tolist(), "found": int((hits > threshold).sum()), "false": int((false > threshold).sum())}
        print(f"| {case} | {result[case]['found']} of {len(hits)} | {result[case]['false'] / len(scans):.1f} | "
              f"{' '.join(f'{h:.2f}' for h in hits)} |", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("pack", type=pathlib.Path)
    parser.add_argument("--cubes", type=int, help="so many of the held-out cubes, spread over all; default all")
    parser.add_argument("--part", nargs="+", default=["cubes", "scans"])
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES), help="the first is what the others are compared with")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    pack, cache, result = measure.Pack(given.pack, given.threads), given.out / "cache", {}
    if "cubes" in given.part:
        cubes = datasets.Cubes(given.data, cache)
        step = max(1, len(cubes.test) // given.cubes) if given.cubes else 1
        print("| cubes | found | false marks per 5 l | score moved, median | 95 % |\n|---|---|---|---|---|")
        result["cubes"] = table_of_cubes(pack, cubes, cubes.test[::step], given.cases)
    if "scans" in given.part:
        print("| whole scans | found | false marks a scan | scores of the nodules |\n|---|---|---|---|")
        result["scans"] = table_of_scans(pack, given.data, cache, given.cases)
    name = f"{pack.manifest['name']}-{pack.manifest['version']}"
    (given.out / f"robustness-{name}.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

"""Measure the pack on real data and print the tables of CARD.md.

    python measure.py DATA           four whole LIDC scans (detector, time), one sixth of the cubes (segmenter)

Scans: LIDC-IDRI-0001, -0005, -0006, -0314, in none of the cubes. A mark hits a nodule of >= 3 readers when it is
nearer to its centre than its radius (LUNA16); marks on findings of fewer readers and second marks on one nodule
count neither way. The lung mask is the simple one of scans.py, not the product's.
"""
import argparse
import pathlib
import time
import tomllib

import numpy as np
import onnxruntime
from scipy import ndimage

import fit
import generate
import scans

PATIENTS = ("LIDC-IDRI-0001", "LIDC-IDRI-0005", "LIDC-IDRI-0006", "LIDC-IDRI-0314")


def lung_box(mask, margin):
    """Slices of the box around the lungs."""
    where = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    return [(max(w[0] - margin, 0), min(w[-1] + 1 + margin, n)) for w, n in zip(where, mask.shape)]


def detect(network, spec, hu, mask):
    """Marks (z, y, x in voxels, diameter mm, score) after the merge, strongest first; seconds in the network."""
    decode, tile = spec["decode"], spec["input"][0]["shape"][2]
    margin, stride = decode["margin_voxels"], decode["stride"]
    core = tile - 2 * margin
    padded = np.pad(fit.scaled(hu), [(margin, margin + core)] * 3)
    marks, seconds = [], 0.0
    box = [(low // stride * stride, high) for low, high in lung_box(mask, 4)]
    for z0 in range(*box[0], core):
        for y0 in range(*box[1], core):
            for x0 in range(*box[2], core):
                if not mask[z0:z0 + core, y0:y0 + core, x0:x0 + core].any():
                    continue
                cut = padded[z0:z0 + tile, y0:y0 + tile, x0:x0 + tile]
                cut = np.pad(cut, [(0, tile - n) for n in cut.shape])
                start = time.perf_counter()
                head = network.run(None, {"input": np.ascontiguousarray(cut)[None, None]})[0][0]
                seconds += time.perf_counter() - start
                inner = head[(slice(None),) + (slice(margin // stride, (margin + core) // stride),) * 3]
                score = 1 / (1 + np.exp(-inner[0]))
                for cell in np.argwhere(score >= decode["score_min"]):
                    at = (slice(None), *cell)
                    place = stride * (cell + inner[at][1:4]) - 0.5 + (z0, y0, x0)
                    near = np.round(place).astype(int).clip(0, np.array(mask.shape) - 1)
                    if mask[tuple(near)]:
                        marks.append((*place, decode["reference_diameter_mm"] * np.exp(inner[at][4]), score[tuple(cell)]))
    marks.sort(key=lambda m: -m[4])
    kept = []
    for mark in marks:
        def clash(strong):
            reach = max(decode["nms_distance_mm"], decode["nms_diameter_fraction"] * strong[3])
            return np.linalg.norm(np.subtract(mark[:3], strong[:3])) < reach
        if not any(clash(k) for k in kept):
            kept.append(mark)
    return kept[: decode["top_k"]], seconds


def judge(marks, series, origin):
    """Per nodule of >= 3 readers its best score (or none); scores of the false marks."""
    place = np.array([m[:3] for m in marks])[:, ::-1] + origin[::-1]
    scores = np.array([m[4] for m in marks])
    explained = np.zeros(len(marks), bool)
    nodules = []
    for nodule in series["nodules"]:
        size = nodule["consensus50"]
        distance = np.linalg.norm(place - size["centre_lps"], axis=1)
        hit = distance < size["sphere_diameter_mm"] / 2
        explained |= hit
        if nodule["readers"] >= 3:
            error = distance[hit][scores[hit].argmax()] if hit.any() else None
            nodules.append((size["sphere_diameter_mm"], scores[hit].max() if hit.any() else None, error))
    for x, y, z, diameter in series["luna16"]["annotations_excluded"]:
        explained |= np.linalg.norm(place - (x, y, z), axis=1) < (diameter / 2 if diameter > 0 else 5)
    return nodules, scores[~explained]


def whole_scans(data, pack):
    spec = next(n for n in pack["network"] if n["role"] == "detector")
    network = fit.session(generate.onnx.load(generate.PACK / "detector.onnx"))
    nodules, false = [], []
    for patient in PATIENTS:
        hu, spacing, origin = scans.read_series(next((data / "ct" / patient).iterdir()))
        hu = scans.resample(hu, spacing, 1.0)
        mask = scans.lung_mask(hu)
        marks, seconds = detect(network, spec, hu, mask)
        found, wrong = judge(marks, scans.truth_of(data, patient), origin)
        box = np.prod([high - low for low, high in lung_box(mask, 4)]) / 1e6
        print(f"{patient}: lung box {box:.1f} Mvoxel, {seconds:.1f} s in the network, {len(marks)} marks")
        for size, score, error in found:
            if score is None:
                print(f"  {size:.1f} mm: missed")
                continue
            rank = (wrong > score).sum() + 1
            print(f"  {size:.1f} mm: score {score:.3f}, {rank - 1} false marks above, {error:.1f} mm off")
        nodules += [score or 0 for _, score, _ in found]
        false.append(wrong)
    every = np.sort(np.concatenate(false))[::-1]
    for rate in (1, 2, 4, 8, 16):
        threshold = every[min(rate * len(PATIENTS), len(every) - 1)]
        print(f"{rate:2d} false marks a scan: {sum(s > threshold for s in nodules)} of {len(nodules)} nodules, score > {threshold:.3f}")


def outlines(data, pack):
    """Dice against the cubes' masks (>= half of the readers), the mark 0.7 mm (SD) off along each axis."""
    spec = next(n for n in pack["network"] if n["role"] == "segmenter")
    spacing, edge = spec["input"][0]["spacing_mm"][0], spec["input"][0]["shape"][2]
    network = fit.session(generate.onnx.load(generate.PACK / "segmenter.onnx"))
    noise, rows = np.random.default_rng(0), []
    for number, cube in enumerate(scans.cubes(data, lambda row: row["readers"] >= 3)):
        if number % 6 == 0:
            continue  # the settings were chosen on these
        grid = np.array(cube["spacing_mm"])
        centre = (np.array(cube["center_lps_mm"]) - cube["origin_lps_mm"])[::-1] + noise.normal(0, 0.7, 3)
        start = (centre - (edge - 1) / 2 * spacing) / grid
        cut = lambda a: ndimage.affine_transform(a, spacing / grid, start, (edge,) * 3, order=1, mode="nearest")
        mask = cut(cube["mask"].astype(np.float32)) >= 0.5
        found = network.run(None, {"input": fit.scaled(cut(cube["hu"]))[None, None]})[0][0, 0] >= 0.5
        dice = 2 * (found & mask).sum() / (found.sum() + mask.sum())
        rows.append((dice, found.sum() / mask.sum(), cube["mask_diameter_mm"], cube["ratings"]["texture"]))
    dice, volume, size, texture = np.array(rows).T
    print(f"segmenter on {len(rows)} cubes: Dice {dice.mean():.3f}, median volume ratio {np.median(volume):.2f}")
    groups = {"< 6 mm": size < 6, "6-10": (size >= 6) & (size < 10), "10-20": (size >= 10) & (size < 20),
              ">= 20": size >= 20, "texture <= 2": texture <= 2}
    for name, group in groups.items():
        print(f"  {name}: {group.sum()} cubes, Dice {dice[group].mean():.3f}, volume ratio {np.median(volume[group]):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    data = parser.parse_args().data
    pack = tomllib.loads((generate.PACK / "pack.toml").read_text())
    print(f"onnxruntime {onnxruntime.__version__}, 2 threads")
    whole_scans(data, pack)
    outlines(data, pack)


if __name__ == "__main__":
    main()

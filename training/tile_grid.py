"""How far the score of a nodule moves with the place of the detector's cells: python tile_grid.py DATA OUT PACK

Every second held-out nodule of three readers and more. The cells of all looks are moved by one, two and three voxels along all
axes, which are all places that a stride of 4 has. Stated for the first detector alone, for two looks of it (`phases = 2`) and,
where the pack has several detectors, for their looks in turn. Scores are those before calibration; a look without a mark counts
as marks.SCORE_SILENT.
"""
import pathlib
import sys

import numpy as np

import data as datasets
import marks
import measure


def main():
    data, out, folder = (pathlib.Path(part) for part in sys.argv[1:4])
    pack, cubes = measure.Pack(folder), datasets.Cubes(data, out / "cache")
    looks, edge = measure.cube_detector(pack)
    detectors = looks[:len(looks) // pack.specs["detector"]["decode"].get("phases", 1)]
    logits = []  # nodule, detector, place
    for cube in [c for c in cubes.test if cubes.rows[c]["readers"] >= 3][::2]:
        gray, (place, diameter, _) = cubes.at_one_mm(cube), cubes.nodules[cube][0]
        rows = []
        for predict in detectors:
            rows.append([])
            for moved in range(marks.STRIDE):
                found = marks.in_cube([predict], gray, score_min=1e-4, border=16 + moved, fixed=edge)
                near = np.linalg.norm(found[:, :3] - place, axis=1) < max(diameter / 2, 3)
                score = max(found[near, 4].max(initial=0), marks.SCORE_SILENT)
                rows[-1].append(np.log(score / (1 - score)))
        logits.append(rows)
    logits = np.array(logits)
    print(f"{len(logits)} nodules, mean score at each place {marks.sigmoid(logits[:, 0]).mean(0).round(3)}")
    ways = {"one look": [0], "two looks of one detector": [0, 0]}
    if len(detectors) > 1:
        ways[f"{len(detectors)} detectors in turn"] = list(range(len(detectors)))
    for name, turns in ways.items():
        step = marks.STRIDE // len(turns)
        places = [np.mean([logits[:, d, (at + n * step) % marks.STRIDE] for n, d in enumerate(turns)], 0) for at in range(marks.STRIDE)]
        moved = np.abs(np.stack([marks.sigmoid(p) - marks.sigmoid(places[0]) for p in places[1:]]))
        print(f"{name}: moved by {np.median(moved):.3f} on the median, {np.quantile(moved, 0.95):.3f} at 95 %")


if __name__ == "__main__":
    main()

"""How far the score of a nodule moves with the place of the detector's cells: python tile_grid.py DATA OUT PACK

Every second held-out nodule of three readers and more. The cells are moved by one, two and three voxels along all axes, which
are all places that a stride of 4 has; two looks are the mean logit of two places half a stride apart, as `phases = 2`.
Scores are those before calibration; a nodule without a mark counts as marks.SCORE_SILENT.
"""
import pathlib
import sys

import numpy as np

import data as datasets
import marks
import measure


def main():
    data, out, folder = (pathlib.Path(part) for part in sys.argv[1:4])
    predict, cubes, scores = measure.Pack(folder).predict("detector"), datasets.Cubes(data, out / "cache"), []
    for cube in [c for c in cubes.test if cubes.rows[c]["readers"] >= 3][::2]:
        gray, (place, diameter, _) = cubes.at_one_mm(cube), cubes.nodules[cube][0]
        row = []
        for moved in range(marks.STRIDE):
            found = marks.in_cube(predict, gray, score_min=1e-4, border=16 + moved)
            near = np.linalg.norm(found[:, :3] - place, axis=1) < max(diameter / 2, 3)
            row.append(max(found[near, 4].max(initial=0), marks.SCORE_SILENT))
        scores.append(row)
    scores = np.array(scores)
    logit = np.log(scores / (1 - scores))
    first, second = (marks.sigmoid((logit[:, a] + logit[:, a + 2]) / 2) for a in (0, 1))
    print(f"{len(scores)} nodules, mean score at each place {scores.mean(0).round(3)}")
    for name, moved in (("one look", np.abs(scores[:, 1:] - scores[:, :1])), ("two looks", np.abs(first - second))):
        print(f"{name}: moved by {np.median(moved):.3f} on the median, {np.quantile(moved, 0.95):.3f} at 95 %")


if __name__ == "__main__":
    main()

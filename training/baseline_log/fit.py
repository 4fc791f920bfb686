"""Fit the detector's last step, a quadratic discriminant of 24 numbers per peak, on real peaks.

Nodules and not-nodules come from the LIDC cubes; more not-nodules from the whole background scans, whose
strongest peaks are left out (by a first fit on the cubes alone), because nodules that nobody marked are among them.

    python fit.py DATA

Fits on two thirds of the patients and prints what the other third gives, then fits on all and writes
discriminant.json beside this file.
Everything before that step is fixed by formula. Deterministic; about five minutes on two cores.
"""
import argparse
import json
import pathlib

import numpy as np
import onnxruntime
from scipy import ndimage

import detector
import scans

HERE = pathlib.Path(__file__).resolve().parent
SCALES = len(detector.FINE) + len(detector.COARSE)
RIDGE_FIRST, RIDGE = 1e-4, 3e-5  # on standardised inputs
BACKGROUND_LEFT_OUT = 12  # strongest peaks of each background scan
BORDER = 12  # voxels mirrored around a cube, so that large scales see no edge


def session(model, threads=2):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def scaled(hu):
    return ((hu + 1000) / 1400).clip(0, 1).astype(np.float32)


def peaks(found, allowed):
    """Cells [n, 3] and their features [n, 5 x SCALES] where the ball measure has a peak inside `allowed`."""
    step = len(detector.STATISTICS)
    best = (found[0::step] - found[1::step]).max(axis=0)
    peak = (best == ndimage.maximum_filter(best, 3)) & (best >= detector.PEAK_MIN)
    cells = np.argwhere(peak & allowed[::2, ::2, ::2][tuple(slice(0, n) for n in best.shape)])
    return cells, found[:, cells[:, 0], cells[:, 1], cells[:, 2]].T


def cube_peaks(data):
    """Per cube: row of the index, features of its peaks, label (1 nodule, 0 not, -1 unknown), litres searched."""
    network = session(detector.build_features())
    for cube in scans.cubes(data):
        spacing = np.array(cube["spacing_mm"])
        shape = [int((n - 1) * s) + 1 for n, s in zip(cube["hu"].shape, spacing)]
        hu = ndimage.affine_transform(cube["hu"], 1 / spacing, output_shape=shape, order=1, mode="nearest")
        hu = np.pad(hu, BORDER, mode="reflect")
        hu = hu[tuple(slice(0, n // 2 * 2) for n in hu.shape)]
        lungs = hu < scans.LUNG_HU
        lungs |= ndimage.distance_transform_edt(ndimage.distance_transform_edt(~lungs) <= 10) > 10
        inner = np.zeros(hu.shape, bool)
        inner[(slice(BORDER + 2, -BORDER - 2),) * 3] = True
        cells, rows = peaks(network.run(None, {"input": scaled(hu)[None, None]})[0][0], lungs & inner)
        place = cells * 2 + 0.5 - BORDER
        origin = np.array(cube["origin_lps_mm"])
        offset = place - (np.array(cube["center_lps_mm"]) - origin)[::-1]
        distance = np.linalg.norm(offset, axis=1)
        radius = cube["mask_diameter_mm"] / 2
        label = np.where(distance <= radius, 1, np.where(distance < radius + 6, -1, 0))
        for other in cube["others_inside"]:
            away = np.linalg.norm(place - (np.array(other["lps"]) - origin)[::-1], axis=1)
            label[(away < other["d"] / 2 + 6) & (label == 0)] = -1
        yield cube, rows, label, (lungs & inner).sum() / 1e6


def ball_measure(rows):
    step = len(detector.STATISTICS)
    return (rows[:, 0::step] - rows[:, 1::step]).max(axis=1)


def squared(x):
    """Inputs and their products, one of each pair."""
    i, j = np.triu_indices(x.shape[1])
    return np.concatenate([x, x[:, i] * x[:, j]], axis=1)


def logistic(x, y, weight, ridge_scale):
    """Weighted ridge logistic regression by Newton steps; weights and bias for the unscaled x."""
    mean, sd = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = np.c_[(x - mean) / sd, np.ones(len(x))]
    b = np.zeros(z.shape[1])
    ridge = np.r_[np.full(x.shape[1], ridge_scale), 0]
    for _ in range(60):
        p = 1 / (1 + np.exp(-(z @ b).clip(-30, 30)))
        gradient = z.T @ (weight * (p - y)) / weight.sum() + ridge * b
        curve = (z * (weight * p * (1 - p))[:, None]).T @ z / weight.sum() + ridge_scale * np.eye(len(b))
        step = np.linalg.solve(curve, gradient)
        b -= step
        if np.abs(step).max() < 1e-5:
            break
    w = b[:-1] / sd
    return w, b[-1] - w @ mean


def background_peaks(data):
    """Features of every peak in the lungs, per background scan."""
    network = session(detector.build_features())
    for patient in sorted((data / "backgrounds").iterdir()):
        hu, spacing, _ = scans.read_series(next(patient.iterdir()))
        hu = scans.resample(hu, spacing, 1.0)
        padded = np.pad(scaled(hu), [(0, -n % 2) for n in hu.shape], mode="edge")
        mask = np.pad(scans.lung_mask(hu), [(0, -n % 2) for n in hu.shape])
        yield peaks(network.run(None, {"input": padded[None, None]})[0][0], mask)[1]


def fit(found, backgrounds):
    first = fit_to(found, [], RIDGE_FIRST)
    kept = [rows[np.argsort(-logits(first, rows), kind="stable")[BACKGROUND_LEFT_OUT:]] for rows in backgrounds]
    return fit_to(found, kept, RIDGE)


def fit_to(found, backgrounds, ridge_scale):
    x, y, weight, size = [], [], [], []
    for cube, rows, label, _ in found:
        if not len(rows):
            continue
        inputs = detector.discriminant_inputs(rows)
        hits = np.flatnonzero(label == 1)
        if len(hits):
            best = hits[ball_measure(rows[hits]).argmax()]
            x.append(inputs[best:best + 1])
            y.append([1])
            weight.append([1.0 if cube["readers"] >= 3 else 0.3])
            size.append((inputs[best], np.log(cube["mask_diameter_mm"] / 8)))
        x.append(inputs[label == 0])
        y.append(np.zeros((label == 0).sum()))
        weight.append(np.ones((label == 0).sum()))
    for rows in backgrounds:
        x.append(detector.discriminant_inputs(rows))
        y.append(np.zeros(len(rows)))
        weight.append(np.ones(len(rows)))
    x, y, weight = (np.concatenate(v) for v in (x, y, weight))
    w, bias = logistic(squared(x), y, weight, ridge_scale)
    n = x.shape[1]
    quadratic = np.zeros((n, n))
    quadratic[np.triu_indices(n)] = w[n:]
    rows, target = np.stack([s[0] for s in size]), np.array([s[1] for s in size])
    line = np.linalg.lstsq(np.c_[rows, np.ones(len(rows))], target, rcond=None)[0]
    return {
        "quadratic": (quadratic + quadratic.T) / 2, "linear": w[:n], "bias": bias,
        "ln_diameter": line[:-1], "ln_diameter_bias": line[-1],
    }


def logits(fitted, rows):
    x = detector.discriminant_inputs(rows)
    return np.einsum("ni,ij,nj->n", x, fitted["quadratic"], x) + x @ fitted["linear"] + fitted["bias"]


def load():
    raw = json.loads((HERE / "discriminant.json").read_text())
    return {k: np.array(v) if isinstance(v, list) else v for k, v in raw.items()}


def report(fitted, found, what):
    """Sensitivity for nodules of at least 3 readers at 1 to 16 false marks per 5 litres."""
    best, false, sizes, litres = [], [], [], 0
    for cube, rows, label, searched in found:
        scores = logits(fitted, rows) if len(rows) else np.zeros(0)
        litres += searched
        false.append(scores[label == 0])
        if cube["readers"] >= 3:
            best.append(scores[label == 1].max() if (label == 1).any() else -np.inf)
            sizes.append(cube["mask_diameter_mm"])
    best, sizes, false = np.array(best), np.array(sizes), np.sort(np.concatenate(false))[::-1]
    print(f"{what}: {len(best)} nodules of >= 3 readers, {litres:.1f} litres searched")
    for marks in (1, 2, 4, 8, 16):
        hit = best > false[min(int(marks * litres / 5), len(false) - 1)]
        parts = ", ".join(
            f"{low}-{high} mm {hit[(sizes >= low) & (sizes < high)].sum()}/{((sizes >= low) & (sizes < high)).sum()}"
            for low, high in ((3, 6), (6, 10), (10, 20), (20, 40))
        )
        print(f"  {marks:2d} false marks per 5 litres: {hit.mean():.3f} ({hit.sum()}/{len(hit)}; {parts})")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    data = parser.parse_args().data
    refit(list(cube_peaks(data)), list(background_peaks(data)))


def refit(found, backgrounds):
    """Print the held-out figures, then fit on everything and write discriminant.json."""
    patients = sorted({f[0]["patient"] for f in found})
    held = set(np.random.default_rng(0).permutation(patients)[: len(patients) // 3])
    kept = [f for f in found if f[0]["patient"] not in held]
    report(fit(kept, backgrounds), [f for f in found if f[0]["patient"] in held], "fitted on two thirds of the patients, the other third")
    fitted = fit(found, backgrounds)
    text = {k: np.asarray(v).tolist() for k, v in fitted.items()}
    (HERE / "discriminant.json").write_text(json.dumps(text, indent=0) + "\n")
    report(fitted, found, "as shipped, on the patients it was fitted on")


if __name__ == "__main__":
    main()

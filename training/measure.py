"""Measure a pack on patients that were not trained on; LUNA16 rules. Writes tables (stdout) and OUT/measured-NAME.json.

    python measure.py DATA OUT PACK [--part cubes scans outlines]

Scores of cubes are the detector's own, before calibration.

cubes     held-out fifth of the patients (data.held_out); false marks per five litres of lung, about one chest
scans     LIDC-IDRI-0001, -0005, -0006, -0314
outlines  the segmenter on held-out cubes

The lung mask is the simple one of baseline_log/scans.py, not the program's.
"""
import argparse
import json
import pathlib
import tomllib

import numpy as np
import onnx
import onnxruntime
from scipy import ndimage

import data as datasets
import marks

RATES = (0.125, 0.25, 0.5, 1, 2, 4, 8)
SIZES = ((0, 6), (6, 10), (10, 20), (20, 100))
NOISES_HU = ((0, 15), (15, 30), (30, 200))  # SD in the scan: what dose and kernel make together
MARK_ERROR_MM = 0.7  # SD along each axis: how far the segmenter's patch is off
LITRES_PER_CHEST = 5.0
SCORE_MIN = 0.01  # of the detector's marks that are looked at


class Pack:
    """Networks of a pack, as pack.toml describes them."""

    def __init__(self, folder, threads=1):
        self.folder, self.threads, self.sessions = folder, threads, {}
        self.manifest = tomllib.loads((folder / "pack.toml").read_text())
        self.specs = {n["role"]: n for n in reversed(self.manifest["network"])}  # of several detectors the first

    def looks(self, edge=None):
        """The detector's looks at a scan, in turn: what `predict` gives for each."""
        detectors = [self.predict(n, edge) for n in self.manifest["network"] if n["role"] == "detector"]
        return detectors * self.specs["detector"]["decode"].get("phases", 1)

    def predict(self, role, edge=None):
        """Function of a volume of 0..1 over datasets.HU_CLIP; the pack's own clip is applied.

        `role`: or a network as pack.toml has it; `edge`: another size (three numbers) than pack.toml states; fails where
        the graph has sizes built in."""
        spec = self.specs[role] if isinstance(role, str) else role
        given, low_high = spec["input"][0], spec["input"][0]["hu_clip"]
        model = onnx.load(self.folder / spec["file"])
        if edge and model.graph.input[0].type.tensor_type.shape.dim[2].dim_value:
            for value in (*model.graph.input, *model.graph.output):
                for axis, size in zip(value.type.tensor_type.shape.dim[2:], edge):
                    axis.dim_value = axis.dim_value * size // given["shape"][2]
            del model.graph.value_info[:]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

        def predict(gray):
            hu = gray * (datasets.HU_CLIP[1] - datasets.HU_CLIP[0]) + datasets.HU_CLIP[0]
            scaled = ((hu - low_high[0]) / (low_high[1] - low_high[0])).clip(0, 1).astype(np.float32)
            return session.run(None, {given["tensor"]: np.ascontiguousarray(scaled)[None, None]})[0][0]
        return predict

    def reduced(self, found, gray, spacing):
        """Marks [n, 5] (places in mm from voxel 0 of `gray`, uint8) with the second stage's say in their scores."""
        if "reducer" not in self.specs or not len(found):
            return found
        spec = self.specs["reducer"]
        if "reducer" not in self.sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self.threads
            self.sessions["reducer"] = onnxruntime.InferenceSession(
                str(self.folder / spec["file"]), options, providers=["CPUExecutionProvider"])
        decode, found = spec["decode"], found.copy()
        for mark in found:
            given = {}
            for one in spec["input"]:
                matrix = np.eye(3) * one["spacing_mm"][0]
                patch = datasets.cut(gray, mark[:3] / spacing, spacing, matrix, one["shape"][2], "zeros")
                given[one["tensor"]] = patch[None, None]
            own = float(self.sessions["reducer"].run(None, given)[0].ravel()[0])
            raw = np.log(mark[4] / (1 - mark[4]))
            mark[4] = marks.sigmoid(decode["detector_weight"] * raw + decode["reducer_weight"] * own + decode["bias"])
        return found[np.argsort(-found[:, 4], kind="stable")]

    def score(self, raw):
        """Score as the program reports it, from the detector's own."""
        if not self.manifest.get("calibration") or not 0 < raw < 1:
            return raw
        slope, intercept = (self.manifest["calibration"][k] for k in ("slope", "intercept"))
        return float(marks.sigmoid(slope * np.log(raw / (1 - raw)) + intercept))


def curve_at(hits, false, chests, rates=RATES):
    """Sensitivities by the LUNA16 script's rule: linear interpolation of the curve. `hits`: -inf where missed."""
    hits, false = np.sort(np.asarray(hits, float))[::-1], np.sort(np.asarray(false, float))[::-1]
    levels = np.unique(np.r_[hits[np.isfinite(hits)], false])[::-1]
    found = np.searchsorted(-hits, -levels, side="right") / max(len(hits), 1)
    wrong = np.searchsorted(-false, -levels, side="right") / chests
    return np.interp(rates, np.r_[0, wrong], np.r_[0, found])


def threshold_at(false, chests, rate):
    """Score above which there are `rate` false marks a chest."""
    false = np.sort(np.asarray(false))[::-1]
    place = int(rate * chests)
    return float(false[place]) if place < len(false) else 0.0


def judge(found, positives, ignored):
    """Best score per positive (-inf: missed), scores of false marks. Strict < radius, centre to centre."""
    free, hits = np.ones(len(found), bool), []
    for place, diameter in positives:
        near = np.linalg.norm(found[:, :3] - place, axis=1) < diameter / 2
        hits.append(found[near, 4].max() if near.any() else -np.inf)
        free &= ~near
    for place, diameter in ignored:
        free &= ~(np.linalg.norm(found[:, :3] - place, axis=1) < (diameter / 2 if diameter > 0 else 5.0))
    return hits, found[free]


def lungs_of_cube(gray):
    """Air of a 1 mm cube closed by 10 mm, less the rim; as baseline_log/fit.py."""
    lungs = gray * (datasets.HU_CLIP[1] - datasets.HU_CLIP[0]) + datasets.HU_CLIP[0] < -400
    if lungs.any():
        lungs |= ndimage.distance_transform_edt(ndimage.distance_transform_edt(~lungs) <= 10) > 10
    inner = np.zeros(gray.shape, bool)
    rim = int(datasets.RIM_MM)
    inner[(slice(rim, -rim),) * 3] = True
    return lungs & inner


def cube_detector(pack):
    """The detector's looks for cubes, in a smaller tile where the graph can be given one (faster); and its edge."""
    try:
        return pack.looks((96,) * 3), 96
    except onnxruntime.capi.onnxruntime_pybind11_state.Fail:
        return pack.looks(), pack.specs["detector"]["input"][0]["shape"][2]


def cube_marks(pack, looks, stride, cubes, indices, fixed):
    """Per cube: hit (score, or -inf), its row, false scores, litres of lung."""
    rows, border = [], 16 if fixed < 160 else 48
    for index in indices:
        gray = cubes.at_one_mm(index)
        lungs = lungs_of_cube(gray)
        found = marks.in_cube(looks, gray, stride, SCORE_MIN, border, fixed)
        found = pack.reduced(found, cubes.gray[index], np.array(cubes.rows[index]["spacing_mm"]))
        nodules = cubes.nodules[index]
        others = [(p, d) for p, d, _ in nodules[1:]]
        hits, false = judge(found, [nodules[0][:2]], others)
        near = np.round(false[:, :3]).astype(int)
        kept = [m[4] for m, n in zip(false, near) if (n >= 0).all() and (n < lungs.shape).all() and lungs[tuple(n)]]
        rows.append({
            "patient": cubes.rows[index]["patient"], "readers": cubes.rows[index]["readers"],
            "size": cubes.rows[index]["mask_diameter_mm"], "texture": cubes.rows[index]["ratings"]["texture"],
            "slice": cubes.rows[index]["slice_spacing_mm"], "noise": cubes.rows[index]["noise_sd_hu"],
            "contrast": cubes.rows[index]["contrast"], "hit": float(hits[0]), "false": kept,
            "litres": float(lungs.sum() / 1e6),
        })
    return rows


def summary(rows, rates=RATES):
    strong = [r for r in rows if r["readers"] >= 3]
    false = [s for r in rows for s in r["false"]]
    return curve_at([r["hit"] for r in strong], false, sum(r["litres"] for r in rows) / LITRES_PER_CHEST, rates)


def report_cubes(rows, resamples=1000):
    """Print the table; returns what goes into the JSON."""
    strong = [r for r in rows if r["readers"] >= 3]
    false = [s for r in rows for s in r["false"]]
    chests = sum(r["litres"] for r in rows) / LITRES_PER_CHEST
    patients = sorted({r["patient"] for r in rows})
    print(f"{len(strong)} nodules of >= 3 readers, {len(patients)} patients, {chests * LITRES_PER_CHEST:.1f} litres")
    by_patient = {p: [r for r in rows if r["patient"] == p] for p in patients}
    random = np.random.default_rng(0)
    drawn = [
        summary([r for p in random.choice(patients, len(patients)) for r in by_patient[p]]) for _ in range(resamples)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    cpm = np.percentile(np.mean(drawn, axis=1), [2.5, 97.5])
    sensitivity = summary(rows)
    for rate, s, a, b in zip(RATES, sensitivity, low, high):
        print(f"  {rate:5.3f} false marks per 5 l: {s:.3f} ({a:.3f}-{b:.3f})")
    print(f"  mean of the seven: {sensitivity.mean():.3f} ({cpm[0]:.3f}-{cpm[1]:.3f})")
    groups = {f"{a}-{b} mm": [r for r in strong if a <= r["size"] < b] for a, b in SIZES}
    groups["texture <= 2"] = [r for r in strong if r["texture"] <= 2]
    groups["texture 3-4"] = [r for r in strong if 2 < r["texture"] < 4.5]
    groups["slices <= 1.5 mm"] = [r for r in strong if r["slice"] <= 1.5]
    groups["slices > 1.5 mm"] = [r for r in strong if r["slice"] > 1.5]
    for least, most in NOISES_HU:
        groups[f"noise {least}-{most} HU"] = [r for r in strong if least <= r["noise"] < most]
    for contrast, name in ((True, "contrast medium"), (False, "no contrast medium")):
        groups[name] = [r for r in strong if r["contrast"] is contrast]
    by_group = {}
    for name, members in groups.items():
        counts = [sum(r["hit"] > threshold_at(false, chests, rate) for r in members) for rate in (1, 2, 4)]
        by_group[name] = {"nodules": len(members), "found_at_1_2_4": counts}
        print(f"  {name}: at 1, 2, 4: {counts[0]}, {counts[1]}, {counts[2]} of {len(members)}")
    return {
        "nodules": len(strong), "patients": len(patients), "litres": chests * LITRES_PER_CHEST,
        "sensitivity": sensitivity.tolist(), "low": low.tolist(), "high": high.tolist(), "cpm": float(sensitivity.mean()),
        "cpm_interval": cpm.tolist(), "groups": by_group,
        "false_raw": false, "chests": chests,
    }


def scan_marks(pack, given, one_pass):
    """Nodules [(diameter, score)], false marks [z y x mm d score] of one whole scan."""
    hu, lungs, origin, truth = given
    gray, spec = datasets.to_gray(hu), pack.specs["detector"]
    if one_pass:
        found = marks.in_one_pass(lambda x: pack.predict("detector", x.shape)(x), gray, lungs, SCORE_MIN)[:100]
    else:
        decode, tile = spec["decode"], spec["input"][0]["shape"][2]
        scaled = gray.astype(np.float32) / 255
        found = marks.in_volume(
            pack.looks(), scaled, lungs, tile, decode["margin_voxels"], decode["stride"], SCORE_MIN)
    found = pack.reduced(found, gray, np.ones(3))
    world = found.copy()
    world[:, :3] += origin
    sizes = [(np.array(a[:3])[::-1], a[3]) for a in truth["luna16"]["annotations"]]
    excluded = [(np.array(a[:3])[::-1], a[3]) for a in truth["luna16"]["annotations_excluded"]]
    hits, false = judge(world, sizes, excluded)
    return [(d, h) for (_, d), h in zip(sizes, hits)], false


def report_scans(pack, data, cache, one_pass, patients=datasets.UNSEEN):
    """Table and figures of the whole scans; scores as the program reports them, thresholds too."""
    nodules, false, raw, hits_raw, scans = [], [], [], [], []
    for patient in patients:
        given = datasets.unseen_scan(data, cache, patient)
        found, wrong = scan_marks(pack, given, one_pass)
        raw += wrong[:, 4].tolist()
        hits_raw += [float(s) for _, s in found]
        found = [(d, pack.score(s)) for d, s in found]
        wrong[:, 4] = [pack.score(s) for s in wrong[:, 4]]
        nodules += found
        false += wrong[:, 4].tolist()
        for diameter, score in found:
            text = "missed" if score == -np.inf else f"score {score:.3f}, {(wrong[:, 4] > score).sum()} false marks above"
            print(f"  {patient} {diameter:.1f} mm: {text}")
        print(f"  {patient} false marks: " + ", ".join(
            f"{m[4]:.2f} at LPS {m[2]:.0f} {m[1]:.0f} {m[0]:.0f}" for m in wrong[:6]))
        scans.append({"patient": patient, "nodules": [(d, float(s)) for d, s in found], "false": wrong[:20].tolist()})
    sensitivity = curve_at([s for _, s in nodules], false, len(patients))
    counts = [sum(s > threshold_at(false, len(patients), r) for _, s in nodules) for r in RATES]
    for rate, count in zip(RATES, counts):
        print(f"  {rate:5.3f} false marks a scan: {count} of {len(nodules)}, score > {threshold_at(false, len(patients), rate):.3f}")
    print(f"  CPM {sensitivity.mean():.3f}")
    return {"cpm": float(sensitivity.mean()), "sensitivity": sensitivity.tolist(), "found": counts, "scans": scans,
            "false_raw": raw, "hits_raw": hits_raw, "chests": len(patients)}


def outlined(predict, spec, cubes, index, noise):
    """The segmenter's outline of a cube's nodule, its patch off by the detector's error: mask, centre of the patch in voxels
    of the cube, its spacing in mm."""
    row, given, decode = cubes.rows[index], spec["input"][0], spec["decode"]
    edge, grid = given["shape"][2], np.array(row["spacing_mm"])
    step = max(given["spacing_mm"][0], decode.get("edge_diameters_min", 0) * row["mask_diameter_mm"] / edge)
    centre = (cubes.nodules[index][0][0] + noise.normal(0, MARK_ERROR_MM, 3)) / grid
    found = predict(datasets.cut(cubes.gray[index], centre, grid, np.eye(3) * step, edge, "border"))[0]
    found = (marks.sigmoid(found) if spec["output"][0]["values"] == "logit" else found) >= decode["threshold"]
    labels, _ = ndimage.label(found)
    core = labels[(slice(edge // 2 - 2, edge // 2 + 2),) * 3]
    ids = core[core > 0]
    return labels == np.bincount(ids).argmax() if len(ids) else found & False, centre, step


def dice_rows(predict, spec, cubes, indices):
    """Per held-out cube of >= 3 readers: Dice, volume ratio, size, texture."""
    noise, rows = np.random.default_rng(0), []
    for index in indices:
        row = cubes.rows[index]
        if row["readers"] < 3:
            continue
        found, centre, step = outlined(predict, spec, cubes, index, noise)
        mask, grid = cubes.mask[index].astype(np.uint8) * 255, np.array(row["spacing_mm"])
        truth = datasets.cut(mask, centre, grid, np.eye(3) * step, len(found), "zeros") >= 0.5
        rows.append((2 * (found & truth).sum() / (found.sum() + truth.sum()), found.sum() / truth.sum(),
                     row["mask_diameter_mm"], row["ratings"]["texture"]))
    return np.array(rows)


def report_outlines(rows):
    dice, volume, size, texture = rows.T
    groups = {"all": size > 0, **{f"{a}-{b} mm": (size >= a) & (size < b) for a, b in SIZES}, "texture <= 2": texture <= 2}
    out = {}
    for name, group in groups.items():
        out[name] = [int(group.sum()), float(dice[group].mean()), float(np.median(volume[group])), int((dice[group] == 0).sum())]
        print(f"  {name}: {out[name][0]} cubes, Dice {out[name][1]:.3f}, median volume ratio {out[name][2]:.2f}, {out[name][3]} without overlap")
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("pack", type=pathlib.Path)
    parser.add_argument("--part", nargs="+", default=["cubes", "scans", "outlines"])
    parser.add_argument("--one-pass", action="store_true", help="whole scans in one piece instead of the program's tiles")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    pack, cache = Pack(given.pack, given.threads), given.out / "cache"
    name = f"{pack.manifest['name']}-{pack.manifest['version']}"
    file = given.out / f"measured-{name}.json"
    result = json.loads(file.read_text()) if file.exists() else {}
    files = {spec["file"]: spec["sha256"] for spec in pack.manifest["network"]}
    if result.get("sha256") != files:
        result = {"pack": name, "sha256": files}
    print(f"{name}, onnxruntime {onnxruntime.__version__}, {given.threads} thread(s)")
    cubes = datasets.Cubes(given.data, cache) if {"cubes", "outlines"} & set(given.part) else None
    spec = pack.specs["detector"]
    if "cubes" in given.part:
        looks, edge = cube_detector(pack)
        rows = cube_marks(pack, looks, spec["decode"]["stride"], cubes, cubes.test, edge)
        result["cubes"] = report_cubes(rows)
        result["cube_rows"] = rows
    if "scans" in given.part:
        result["scans"] = report_scans(pack, given.data, cache, given.one_pass)
    if "outlines" in given.part:
        rows = dice_rows(pack.predict("segmenter"), pack.specs["segmenter"], cubes, cubes.test)
        result["outlines"] = report_outlines(rows)
    file.write_text(json.dumps(result, indent=1, default=float))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Packs on 60 fixed simulated series: found nodules, false marks, sides, lobes. One command, resumes where it was stopped.

    benches/phantom_accuracy.py LUNGCAD OUT PACK [PACK ...] [--series 60]

LUNGCAD is the release binary, PACK a folder of models/. Each series is simulated from its own seed (listed in
OUT/series.csv), searched by every pack and deleted; marks and truth stay in OUT. Then `lungcad evaluate` judges each pack
over all series (OUT/<pack>/evaluation.html), and packs are compared on the same scans.
"""
import argparse
import csv
import json
import math
import os
import pathlib
import random
import shutil
import subprocess

LOBES = ("RUL", "RML", "RLL", "LUL", "LLL")
TYPES = ("solid", "part-solid", "non-solid")
PLACES = ("", "", "juxtapleural", "perivascular")
DOSES_MAS, SLICES_MM = (60, 30, 15), (1.0, 2.5)
DIAMETERS_MM = (3.0, 25.0)
NODULES = 3  # a series
HEIGHT_MM = 275


def specification(seed):
    """Words for `lungcad simulate`: type, dose and slices by turns, diameter and place by the seed."""
    draw = random.Random(seed)
    dose, slice_mm = DOSES_MAS[seed % 3], SLICES_MM[seed // 3 % 2]
    nodules, lobes = [], draw.sample(LOBES, NODULES)
    for number, lobe in enumerate(lobes):
        low, high = DIAMETERS_MM
        diameter = low * (high / low) ** draw.random()
        kind = TYPES[(seed + number) % 3]
        if kind != "solid":
            diameter = max(diameter, 5.0)  # smaller ones are not told apart by any reader
        if lobe == "RML":
            diameter = min(diameter, 18.0)  # larger ones find no place in every seed's middle lobe
        words = [lobe, f"{diameter:.1f}", kind, draw.choice(PLACES), draw.choice(("round", "lobulated", "spiculated"))]
        nodules.append(",".join(w for w in words if w))
    return dose, slice_mm, nodules


def run(command, **environment):
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return done.stdout


def simulate(lungcad, folder, seed):
    dose, slice_mm, nodules = specification(seed)
    command = [lungcad, "simulate", "--out", folder, "--seed", str(seed), "--dose", str(dose), "--spacing", str(slice_mm),
               "--thickness", str(slice_mm), "--slices", str(round(HEIGHT_MM / slice_mm)), "--patient-id", f"PHANTOM-{seed}"]
    for nodule in nodules:
        command += ["--nodule", nodule]
    run(command)


def search(lungcad, scan, pack, out):
    run([lungcad, "evaluate", "--truth", scan / "truth.json", scan / "dicom", "--out", out, "--draws", "10"],
        LUNGCAD_MODELS__FOLDER=str(pack.parents[1]), LUNGCAD_MODELS__PACK="@".join(pack.parts[-2:]))


def name_lobes(lungcad, scan, pack, out):
    """Each planted nodule's lobe and what the report says of it: [[planted, stated, sure], ...]; none where it was missed."""
    shutil.rmtree(out, ignore_errors=True)  # of a run that was stopped
    run([lungcad, "analyze", scan / "dicom", "--out", out],
        LUNGCAD_MODELS__FOLDER=str(pack.parents[1]), LUNGCAD_MODELS__PACK="@".join(pack.parts[-2:]))
    found = json.loads((out / "findings.json").read_text())["series"][0]["nodules"]
    told = []
    for nodule in json.loads((scan / "truth.json").read_text())["series"][0]["nodules"]:
        planted = nodule["planted"]
        near = [n for n in found if math.dist(n["center_lps_mm"], planted["centre_lps"]) < 5 and n["lobe"]]
        told += [[planted["lobe"], near[0]["lobe"]["lobe"], near[0]["lobe"]["sure"]]] if near else []
    shutil.rmtree(out)
    return told


def tell_lobes(told):
    sure = [one for one in told if one[2]]
    right = lambda ones: sum(planted == stated for planted, stated, _ in ones)
    print(f"lobes of reported nodules: {right(told)} of {len(told)} right; sure {len(sure)}, of those right {right(sure)}")
    print("  wrong:", ", ".join(f"{p} as {s}{'' if sure else '?'}" for p, s, sure in told if p != s) or "none", flush=True)


def merged(files, to):
    rows = [row for file in files for row in csv.reader(file.open())]
    head = rows[0]
    with to.open("w", newline="") as out:
        csv.writer(out).writerows([head, *(row for row in rows if row != head)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lungcad", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("packs", type=pathlib.Path, nargs="+")
    parser.add_argument("--series", type=int, default=60)
    given = parser.parse_args()
    lungcad, packs = given.lungcad.resolve(), {"-".join(p.resolve().parts[-2:]): p.resolve() for p in given.packs}
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "series.csv").open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("seed", "mAs", "slice_mm", "nodules"))
        rows.writerows((s, *specification(s)[:2], " ".join(specification(s)[2])) for s in range(1, given.series + 1))
    for seed in range(1, given.series + 1):
        missing = [n for n in packs if not (given.out / n / f"{seed:02}" / "marks.csv").exists()]
        lobes = given.out / f"lobes-{seed:02}.json"
        if not missing and lobes.exists():
            continue
        scan = given.out / f"scan-{seed:02}"
        shutil.rmtree(scan, ignore_errors=True)  # of a run that was stopped
        simulate(lungcad, scan, seed)
        for name in missing:
            search(lungcad, scan, packs[name], given.out / name / f"{seed:02}")
        told = name_lobes(lungcad, scan, next(iter(packs.values())), given.out / f"lobes-{seed:02}")
        lobes.write_text(json.dumps(told))
        shutil.copyfile(scan / "truth.json", given.out / f"truth-{seed:02}.json")
        shutil.rmtree(scan)
        print(f"series {seed} of {given.series}", flush=True)
    documents = [json.loads((given.out / f"truth-{s:02}.json").read_text()) for s in range(1, given.series + 1)]
    whole = {**documents[0], "series": [series for d in documents for series in d["series"]]}
    (given.out / "truth.json").write_text(json.dumps(whole))
    for name in packs:
        merged([given.out / name / f"{s:02}" / "marks.csv" for s in range(1, given.series + 1)], given.out / f"{name}.csv")
    tell_lobes([one for s in range(1, given.series + 1) for one in json.loads((given.out / f"lobes-{s:02}.json").read_text())])
    first, *others = packs
    for name in packs:
        against = ["--against", given.out / f"{others[0] if name == first else first}.csv"] if others else []
        print(f"\n== {name}", flush=True)
        print(run([lungcad, "evaluate", "--truth", given.out / "truth.json", "--submission", given.out / f"{name}.csv",
                   "--out", given.out / name, *against]), flush=True)


if __name__ == "__main__":
    main()

"""Curves of a training log and of the measured sensitivities, as one PNG: python plot.py OUT FILE [NAME ...]"""
import argparse
import json
import pathlib

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

import measure


CURVES = {"detector": ("loss", "hit", "false"), "detector-2": ("loss", "hit", "false"), "reducer": ("loss",), "segmenter": ("loss", "dice_loss"),
          "characterizer": ("texture", "calcified", "spiculated")}


def entries(file):
    return [e for e in map(json.loads, file.read_text().splitlines()) if "loss" in e] if file.exists() else []


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("packs", nargs="*")
    given = parser.parse_args()
    logs = {role: entries(given.out / f"{role}.jsonl") for role in CURVES}
    logs = {role: steps for role, steps in logs.items() if steps}
    count = len(logs) + bool(given.packs)
    figure, axes = pyplot.subplots(1, count, figsize=(4.3 * count, 4), constrained_layout=True, squeeze=False)
    for axis, (role, steps) in zip(axes[0], logs.items()):
        for name in CURVES[role]:
            axis.plot([e["step"] for e in steps], [e[name] for e in steps], label=name)
        axis.set(title=role, xlabel="steps", yscale="log")
        axis.legend()
    for name in given.packs:
        axis = axes[0][-1]
        cubes = json.loads((given.out / f"measured-{name}.json").read_text())["cubes"]
        axis.plot(measure.RATES, cubes["sensitivity"], label=f"{name}: mean {cubes['cpm']:.3f}")
        axis.fill_between(measure.RATES, cubes["low"], cubes["high"], alpha=0.2)
        axis.set(title="held-out cubes, nodules of >= 3 readers", xlabel="false marks per 5 l", xscale="log", ylim=(0, 1))
        axis.set_xticks(measure.RATES, [f"{rate:g}" for rate in measure.RATES])
        axis.minorticks_off()
        axis.legend()
    figure.savefig(given.file, dpi=80)


if __name__ == "__main__":
    main()

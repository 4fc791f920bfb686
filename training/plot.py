"""Curves of a training log and of the measured sensitivities, as one PNG: python plot.py OUT FILE [NAME ...]"""
import argparse
import json
import pathlib

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

import measure


def entries(file):
    return [e for e in map(json.loads, file.read_text().splitlines()) if "loss" in e] if file.exists() else []


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("packs", nargs="*")
    given = parser.parse_args()
    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4), constrained_layout=True)
    steps = entries(given.out / "detector.jsonl")
    for name in ("loss", "hit", "false"):
        axes[0].plot([e["patches"] for e in steps], [e[name] for e in steps], label=name)
    axes[0].set(title="detector", xlabel="patches", yscale="log")
    axes[0].legend()
    steps = entries(given.out / "segmenter.jsonl")
    for name in ("loss", "dice_loss"):
        axes[1].plot([e["patches"] for e in steps], [e[name] for e in steps], label=name)
    axes[1].set(title="segmenter", xlabel="patches")
    axes[1].legend()
    for name in given.packs:
        cubes = json.loads((given.out / f"measured-{name}.json").read_text())["cubes"]
        axes[2].plot(measure.RATES, cubes["sensitivity"], label=f"{name}: mean {cubes['cpm']:.3f}")
        axes[2].fill_between(measure.RATES, cubes["low"], cubes["high"], alpha=0.2)
    axes[2].set(title="held-out cubes, nodules of >= 3 readers", xlabel="false marks per 5 l", xscale="log", ylim=(0, 1))
    axes[2].legend()
    figure.savefig(given.file, dpi=80)


if __name__ == "__main__":
    main()

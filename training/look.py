"""Pictures of the detector's marks in the unlabelled background scans, to judge them by eye before they are learned.

    python look.py DATA OUT FOLDER [--above 0.15] [--top 12]

Per scan one PNG: a row per mark with axial, coronal and sagittal cuts of 48 mm, as OUT/detector.pt last mined them.
Verdicts go into background_marks.json: {"scan": [[z, y, x, "real" or "false", radius], ...]}, in
voxels of the 1 mm grid.
"""
import argparse
import pathlib

import numpy as np
import torch
from PIL import Image, ImageDraw

import data as datasets

HALF, SCALE = 24, 3


def cuts(scan, mark):
    place = np.round(mark[:3]).astype(int)
    padded = np.pad(scan.gray, HALF)
    z, y, x = place + HALF
    part = padded[z - HALF:z + HALF, y - HALF:y + HALF, x - HALF:x + HALF]
    return np.hstack([part[HALF], part[::-1, HALF], part[::-1, :, HALF]])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--above", type=float, default=0.15)
    parser.add_argument("--top", type=int, default=12)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    found = torch.load(given.out / "detector.pt", weights_only=False)["scan_found"]
    for scan, own in zip(datasets.backgrounds(given.data, given.out / "cache"), found):
        own = own[own[:, 4] >= given.above][: given.top]
        pictures = []
        for number, mark in enumerate(own):
            picture = Image.fromarray(cuts(scan, mark)).resize((6 * HALF * SCALE, 2 * HALF * SCALE), Image.BICUBIC)
            ImageDraw.Draw(picture).text((2, 2), f"{number}: {mark[4]:.2f} d{mark[3]:.0f} " + " ".join(f"{v:.0f}" for v in mark[:3]), fill=255)
            pictures.append(np.asarray(picture))
        if pictures:
            pictures += [pictures[0] * 0] * (-len(pictures) % 3)
            rows = [np.hstack(pictures[i:i + 3]) for i in range(0, len(pictures), 3)]
            Image.fromarray(np.vstack(rows)).save(given.folder / f"{scan.name}.png")


if __name__ == "__main__":
    main()

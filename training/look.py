"""Pictures of the detector's marks in the unlabelled background scans, to judge them by eye before they are learned.

    python look.py DATA OUT FOLDER [--above 0.15] [--top 12] [--unjudged]

Per scan one PNG: a row per mark with axial, coronal and sagittal cuts of 48 mm, as OUT/detector.pt last mined them.
Verdicts go into background_marks.json: {"scan": [[z, y, x, "real" or "false", radius], ...]}, in
voxels of the 1 mm grid.
"""
import argparse
import json
import pathlib

import numpy as np
import torch
from PIL import Image, ImageDraw

import data as datasets

HALF, SCALE = 24, 3
JUDGED = pathlib.Path(__file__).resolve().parent / "background_marks.json"


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
    parser.add_argument("--unjudged", action="store_true", help="leave out what background_marks.json knows")
    given = parser.parse_args()
    judged = json.loads(JUDGED.read_text()) if given.unjudged else {}
    given.folder.mkdir(parents=True, exist_ok=True)
    found = torch.load(given.out / "detector.pt", weights_only=False)["scan_found"]
    for scan, own in zip(datasets.backgrounds(given.data, given.out / "cache"), found):
        known = np.array([j[:3] for j in judged.get(scan.name, [])]).reshape(-1, 3)
        new = [m for m in own if m[4] >= given.above and (np.linalg.norm(known - m[:3], axis=1) >= 6).all()]
        own = new[: given.top]
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

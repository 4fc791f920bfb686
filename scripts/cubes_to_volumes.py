#!/usr/bin/env python3
"""Nodule cubes as MetaImage volumes with a truth document, to be measured with `lungcad evaluate --search whole`.

    cubes_to_volumes.py CUBES OUT [--all] [--limit N]

CUBES is a folder with load.py, index.jsonl and the shards (numpy and Pillow are needed). Without --all only patients of
the fixed fifth that no training of ours has seen (sha256 of the name, as training/data.py). Writes OUT/<id>.mhd, .raw and
OUT/truth.json: nodules of at least three readers count, every other marked nodule in the cube is neither right nor wrong.
The outline is the mask of the cube: what most readers share; single readers are not known there.
"""
import argparse
import hashlib
import importlib.util
import json
import pathlib

import numpy as np


def held_out(patient):
    return hashlib.sha256(patient.encode()).digest()[0] % 5 == 0


def runs(mask):
    """[slice, row, first column, length] of every run."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (0, 0), (1, 1))), axis=2)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    return [[int(z), int(y), int(x), int(e - x)] for (z, y, x), (_, _, e) in zip(starts, ends)]


def series(cube):
    z, y, x = map(float, cube["spacing_mm"])
    origin, centre = cube["origin_lps_mm"], cube["center_lps_mm"]
    volume = float(cube["mask"].sum()) * z * y * x
    diameter = float(cube["reader_diameter_mm"])
    counts = cube["readers"] >= 3
    row = [*centre, diameter]
    others = [[*o["lps"], o["d"] if o["d"] else -1.0] for o in cube["others_inside"]]
    nodule = dict(
        id=cube["id"], readers=cube["readers"], median_ratings=cube["ratings"], rle_kji=runs(cube["mask"]),
        consensus50=dict(centre_lps=centre, mean_diameter_mm=diameter, volume_mm3=volume))
    return dict(
        patient_id=cube["patient"], series_instance_uid=cube["id"], slice_spacing=z,
        slice_thickness=cube["slice_spacing_mm"], pixel_spacing_row_col=[y, x], first_ipp_lps=origin, nodules=[nodule],
        luna16=dict(annotations=[row] if counts else [], annotations_excluded=others if counts else [row, *others]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cubes", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    spec = importlib.util.spec_from_file_location("load", given.cubes / "load.py")
    load = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(load)
    given.out.mkdir(parents=True, exist_ok=True)
    found = []
    for cube in load.cubes(lambda row: given.all or held_out(row["patient"])):
        if given.limit and len(found) == given.limit:
            break
        hu = np.rint(cube["hu"]).astype("<i2")
        (given.out / f"{cube['id']}.raw").write_bytes(hu.tobytes())
        x, y, z = map(float, cube["origin_lps_mm"])
        sz, sy, sx = map(float, cube["spacing_mm"])
        (given.out / f"{cube['id']}.mhd").write_text(
            "ObjectType = Image\nNDims = 3\nBinaryData = True\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n"
            f"Offset = {x} {y} {z}\nElementSpacing = {sx} {sy} {sz}\n"
            f"DimSize = {hu.shape[2]} {hu.shape[1]} {hu.shape[0]}\nElementType = MET_SHORT\n"
            f"ElementDataFile = {cube['id']}.raw\n")
        found.append(series(cube))
    document = dict(format="lungcad-truth/1", collection="LIDC-IDRI", licence="CC BY 3.0", series=found)
    (given.out / "truth.json").write_text(json.dumps(document))
    print(f"{len(found)} cubes of {len({s['patient_id'] for s in found})} patients in {given.out}")


if __name__ == "__main__":
    main()

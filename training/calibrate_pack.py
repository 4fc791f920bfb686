"""Set operating points and calibration of a pack from what measure.py found of it.

    python calibrate_pack.py OUT PACK [--points QUIET BALANCED SENSITIVE]

Reads OUT/measured-NAME-VERSION.json (cubes and scans), rewrites PACK/pack.toml. For packs without a second stage.
"""
import argparse
import json
import pathlib
import re
import tomllib

import pack


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("pack", type=pathlib.Path)
    parser.add_argument("--points", type=float, nargs=3, help="thresholds read off the program's own marks instead")
    given = parser.parse_args()
    file = given.pack / "pack.toml"
    text = file.read_text()
    manifest = tomllib.loads(text)
    measured = given.out / f"measured-{manifest['name']}-{manifest['version']}.json"
    slope, intercept, score_min, points = pack.scored(json.loads(measured.read_text()))
    points = dict(zip(points, given.points)) if given.points else points
    numbers = {"slope": f"{slope:.6f}", "intercept": f"{intercept:.6f}", "score_min": f"{score_min:.2g}"}
    numbers |= {name: f"{threshold:.6f}" for name, threshold in points.items()}
    for key, value in numbers.items():
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M)
        assert count, f"{key} is not in {file}"
    file.write_text(text)
    print(f"{file}: {numbers}")


if __name__ == "__main__":
    main()

"""An int8 twin of a pack: convolutions as QDQ (activations u8, weights s8 per channel, of which 7 bits are used).

    python quantize.py DATA OUT PACK FOLDER/NAME/VERSION [--beside detector-2.onnx] [--tiles 48] [--roles detector segmenter]

Thresholds and calibration are those of PACK until `calibrate_pack.py` sets what was measured of the twin. `--beside`: a second
detector in f32, of the same shape, that takes turns with the first.

Ranges of activations are read off training cubes and background scans (never the held-out fifth nor the whole scans).
The first and the last convolution of a network stay f32: a score is as fine as its last sum. Weights use 7 bits: processors
without VNNI add two products in 16 bits, which hold 2 x 255 x 64 and not 2 x 255 x 128.
"""
import argparse
import hashlib
import pathlib
import re
import shutil
import sys
import tempfile
import tomllib

import numpy as np
import onnx
import onnxruntime
from onnxruntime import quantization
from onnxruntime.quantization import shape_inference

import data as datasets

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "baseline_log"))
import selftest


class Tiles(quantization.CalibrationDataReader):
    """Tiles of training cubes and of background lungs, in turn, as the program would give them."""

    def __init__(self, tensor, edge, spacing_mm, cubes, scans, count, seed=5):
        random, self.tensor, self.tiles = np.random.default_rng(seed), tensor, []
        for n in range(count):
            if n % 3 == 2:
                scan = scans[(n // 3) % len(scans)]
                centre = np.argwhere(scan.lungs)[random.integers(scan.lungs.sum())].astype(float)
                gray, grid = scan.gray, np.ones(3)
            else:
                index = int(random.choice(cubes.train))
                gray, grid = cubes.gray[index], np.array(cubes.rows[index]["spacing_mm"])
                centre = cubes.nodules[index][0][0] / grid
            self.tiles.append(datasets.cut(gray, centre, grid, np.eye(3) * spacing_mm, edge, "border"))
        self.waiting = iter(self.tiles)

    def get_next(self):
        tile = next(self.waiting, None)
        return None if tile is None else {self.tensor: tile[None, None].astype(np.float32)}


def quantized(source, target, reader):
    """Write the int8 graph; the names of the nodes that stayed f32."""
    model = onnx.load(source)
    for n, node in enumerate(model.graph.node):
        node.name = node.name or f"node_{n}"
    convolutions = [n.name for n in model.graph.node if n.op_type in ("Conv", "ConvTranspose")]
    kept = [convolutions[0], convolutions[-1]]
    with tempfile.TemporaryDirectory() as folder:
        named = pathlib.Path(folder) / "named.onnx"
        onnx.save(model, named)
        ready = pathlib.Path(folder) / "ready.onnx"
        shape_inference.quant_pre_process(str(named), str(ready), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(ready), str(target), reader, quant_format=quantization.QuantFormat.QDQ, per_channel=True,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["Conv", "ConvTranspose", "Add"], nodes_to_exclude=kept,
            calibrate_method=quantization.CalibrationMethod.MinMax, reduce_range=True,
            extra_options={"CalibMovingAverage": True, "CalibMovingAverageConstant": 0.05},
        )
    model = onnx.load(target)
    onnx.checker.check_model(model, full_check=True)
    target.write_bytes(model.SerializeToString(deterministic=True))
    return kept


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("pack", type=pathlib.Path)
    parser.add_argument("twin", type=pathlib.Path)
    parser.add_argument("--tiles", type=int, default=48)
    parser.add_argument("--beside", type=pathlib.Path, help="second detector (f32)")
    parser.add_argument("--roles", nargs="+", default=["detector", "segmenter"])
    given = parser.parse_args()
    given.twin.mkdir(parents=True, exist_ok=True)
    sections = (given.pack / "pack.toml").read_text().split("[[network]]")
    if given.beside:
        first = next(n for n, s in enumerate(sections) if 'role = "detector"' in s)
        sections.insert(first + 1, sections[first].replace('file = "detector.onnx"', 'file = "detector-2.onnx"'))
    cache = given.out / "cache"
    cubes, scans = datasets.Cubes(given.data, cache), datasets.backgrounds(given.data, cache)
    for place, section in enumerate(sections[1:], 1):
        spec = tomllib.loads("[[network]]" + section)["network"][0]
        source, target = given.pack / spec["file"], given.twin / spec["file"]
        if spec["file"] == "detector-2.onnx":
            source = given.beside
        if spec["role"] not in given.roles:
            shutil.copyfile(source, target)
            continue
        one = spec["input"][0]
        edge = 96 if spec["role"] == "detector" else one["shape"][2]
        reader = Tiles(one["tensor"], edge, one["spacing_mm"][0], cubes, scans, given.tiles)
        kept = quantized(source, target, reader)
        section = section.replace(spec["sha256"], hashlib.sha256(target.read_bytes()).hexdigest())
        session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
        probes = selftest.probes(session, {i["tensor"]: i["shape"] for i in spec["input"]}, spec["output"][0]["tensor"])
        section = re.sub(r"^probes = .*$", f"probes = {probes}", section, flags=re.M)
        # Providers fuse and round int8 graphs each in its own way.
        section = re.sub(r"^tolerance = .*$", "tolerance = 1.5", section, flags=re.M)
        sections[place] = section.replace('number_format = "f32"', 'number_format = "int8"')
        print(f"{spec['file']}: {source.stat().st_size / 1e6:.1f} to {target.stat().st_size / 1e6:.1f} MB; f32 stay {', '.join(kept)}")
    head = re.sub(r'^name = .*$', f'name = "{given.twin.parent.name}"', sections[0], count=1, flags=re.M)
    sections[0] = re.sub(r'^version = .*$', f'version = "{given.twin.name}"', head, count=1, flags=re.M)
    (given.twin / "pack.toml").write_text("[[network]]".join(sections))


if __name__ == "__main__":
    main()

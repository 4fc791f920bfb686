"""Seconds from files to findings, stage by stage, and what the same networks take in Python. See analysis_speed.sh.

    python benches/analysis_speed.py DATA PACKS [--pack NAME ...] [--rounds 3]

DATA    folder with ct/<patient>/<series>/*.dcm
PACKS   folder of packs (models); of each name the latest version

program   `lungcad analyze` on 2 threads, every pack and execution provider, rounds interleaved, medians
Python    the pack's networks by onnxruntime with MONAI's sliding windows over the whole scan on a 1 mm grid (windows as
          large as the pack's tile, overlap a quarter), the same peaks, outlines and types of the same marks
share     arithmetic of a detector a second, as share of what one large f32 convolution reaches on this machine
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib

import numpy as np
import onnx
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "training"))
LUNGCAD = ROOT / "target/release/lungcad"
SCANS = ("LIDC-IDRI-0001", "LIDC-IDRI-0314")
THREADS = 2
STAGES = ("assemble", "lungs", "detect", "measure", "total")


def program(scan, models, pack, provider):
    """Timings in ms by stage, and the process's high water in MB, of one run."""
    with tempfile.TemporaryDirectory() as out:
        environment = dict(
            os.environ, LUNGCAD_MODELS__FOLDER=str(models), LUNGCAD_MODELS__PACK=pack, LUNGCAD_MODELS__PROVIDER=provider)
        started = time.monotonic()
        errors = pathlib.Path(out) / "errors"
        child = subprocess.Popen(
            [LUNGCAD, "analyze", scan, "--out", out, "--threads", str(THREADS)], env=environment,
            stdout=subprocess.DEVNULL, stderr=errors.open("w"))
        high = 0.0
        while child.poll() is None:
            high = max(high, high_water_mb(child.pid))
            time.sleep(0.02)
        seconds = time.monotonic() - started
        if child.returncode:
            raise SystemExit(errors.read_text())
        found = json.loads(next(pathlib.Path(out).rglob("findings.json")).read_text())
        found = found["series"][0]
        return {**found["timings_ms"], "wall": seconds * 1000}, high


def high_water_mb(pid):
    """What the process had in memory at most; 0 when it is gone. (ru_maxrss would tell that of this process.)"""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def session(file, threads=THREADS):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def in_python(scan, folder, score_min):
    """Seconds from files to marks, outlines and types, all in Python; and how many marks."""
    import torch
    from monai.inferers import sliding_window_inference

    import data
    import marks
    from baseline_log import scans

    torch.set_num_threads(THREADS)
    manifest = tomllib.loads((folder / "pack.toml").read_text())
    detectors = [n for n in manifest["network"] if n["role"] == "detector"]
    specs = {n["role"]: n for n in manifest["network"]}
    sessions = {n["file"]: session(str(folder / n["file"])) for n in manifest["network"]}
    started = time.monotonic()
    hu, spacing, _ = scans.read_series(scan)
    gray = data.to_gray(hu)
    volume = torch.from_numpy(data.one_mm(hu, spacing))
    one = specs["detector"]["input"][0]
    low, high = one["hu_clip"]
    volume = ((volume - low) / (high - low)).clamp(0, 1)[None, None]
    found = []
    for detector in detectors:
        predict = lambda x: torch.from_numpy(sessions[detector["file"]].run(None, {one["tensor"]: x.numpy()})[0])
        head = sliding_window_inference(volume, one["shape"][2:], 1, predict, overlap=0.25)[0].numpy()
        found.append(marks.head_marks(head, score_min=score_min))
    found = marks.merge(np.concatenate(found))[:100]
    for mark in found:
        centre = mark[:3] / spacing
        for role in ("segmenter", "characterizer"):
            given = {}
            for tensor in specs[role]["input"]:
                step, edge = tensor["spacing_mm"][0], tensor["shape"][2]
                given[tensor["tensor"]] = data.cut(gray, centre, spacing, np.eye(3) * step, edge, "border")[None, None]
            sessions[specs[role]["file"]].run(None, given)
    return time.monotonic() - started, len(found)


def arithmetic(file, edge):
    """Multiplications and additions of a graph's convolutions on a cube of `edge` voxels."""
    model = onnx.load(file)
    for axis in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        axis.Clear()
        axis.dim_value = edge
    del model.graph.value_info[:]
    for value in model.graph.output:
        for axis in value.type.tensor_type.shape.dim[2:]:
            axis.Clear()
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*model.graph.value_info, *model.graph.output)}
    weights = {i.name: list(i.dims) for i in model.graph.initializer}
    # Of 8-bit networks the weights come out of a DequantizeLinear.
    weights |= {n.output[0]: weights[n.input[0]] for n in model.graph.node if n.op_type == "DequantizeLinear" and n.input[0] in weights}
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            total += 2 * np.prod(shapes[node.output[0]], dtype=float) * np.prod(weights[node.input[1]][1:], dtype=float)
    return total


def convolution(channels=64, edge=64):
    """A graph of one 3 x 3 x 3 convolution, channels to channels."""
    make = onnx.helper
    shape = [1, channels, edge, edge, edge]
    weight = np.random.default_rng(0).standard_normal((channels, channels, 3, 3, 3)).astype(np.float32)
    graph = make.make_graph(
        [make.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 6)], "one",
        [make.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [make.make_tensor_value_info("y", onnx.TensorProto.FLOAT, shape)], [onnx.numpy_helper.from_array(weight, "w")])
    return make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9), shape


def rate(model, shape, operations, rounds=5):
    """1e9 operations a second, median."""
    run = session(model if isinstance(model, str) else model.SerializeToString())
    given = {run.get_inputs()[0].name: np.random.default_rng(0).random(shape, np.float32)}
    run.run(None, given)
    seconds = []
    for _ in range(rounds):
        started = time.monotonic()
        run.run(None, given)
        seconds.append(time.monotonic() - started)
    return operations / statistics.median(seconds) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("packs", type=pathlib.Path)
    parser.add_argument("--pack", nargs="+", default=["lungcad-default", "lungcad-default-f32"])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    latest = lambda name: max((given.packs / name).iterdir(), key=lambda f: [int(n) for n in f.name.split(".")])
    packs = {f"{name} {latest(name).name}": latest(name) for name in given.pack}
    scans = {name: next((given.data / "ct" / name).iterdir()) for name in SCANS}
    timings, memory, python, count = {}, {}, {}, {}
    for _ in range(given.rounds):
        for name, scan in scans.items():
            for pack, folder in packs.items():
                for provider in ("openvino", "cpu"):
                    key = (name, pack, provider)
                    one, high = program(scan, given.packs, f"{folder.parent.name}@{folder.name}", provider)
                    timings.setdefault(key, []).append(one)
                    memory[key] = max(memory.get(key, 0), high)
                seconds, count[name, pack] = in_python(scan, folder, 0.02)
                python.setdefault((name, pack), []).append(seconds)
    print("| scan | pack | provider | " + " | ".join(f"{s}, s" for s in STAGES) + " | process, s | peak memory, MB |")
    print("|---|---|---|" + "---|" * (len(STAGES) + 2))
    for key, runs in timings.items():
        cells = [f"{statistics.median(r.get(s, 0) for r in runs) / 1000:.2f}" for s in (*STAGES, "wall")]
        print(f"| {' | '.join(key)} | {' | '.join(cells)} | {memory[key]:.0f} |")
    print("\n| scan | pack | Python with MONAI's sliding windows, s | marks | OpenVINO: times as fast | plain runtime: times as fast |\n|---|---|---|---|---|---|")
    for (name, pack), runs in python.items():
        theirs = statistics.median(runs)
        faster = [theirs / statistics.median(r["total"] for r in timings[name, pack, p]) * 1000 for p in ("openvino", "cpu")]
        print(f"| {name} | {pack} | {theirs:.1f} | {count[name, pack]} | {faster[0]:.1f} | {faster[1]:.1f} |")
    edge = 160
    model, shape = convolution()
    peak = rate(model, shape, 2 * 64 * 64 * 27 * 64**3)
    print(f"\nonnxruntime {onnxruntime.__version__}, {THREADS} threads: one f32 convolution {peak:.0f} GFLOP/s")
    for pack, folder in packs.items():
        detector = str(folder / "detector.onnx")
        ours = rate(detector, [1, 1, edge, edge, edge], arithmetic(detector, edge))
        print(f"detector of {pack}: {ours:.0f}, {ours / peak:.0%} of it")


if __name__ == "__main__":
    main()

"""Checkpoint to ONNX: averaged weights, BatchNorm folded into convolutions, opset 17, f32. Detectors take tiles of any
size in steps of 16 voxels, the others one shape.

    python export.py OUT FOLDER [--roles detector segmenter]
"""
import argparse
import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from network import Characterizer, Detector, Reducer, Segmenter

OPSET = 17
# role: class, input tensors, output tensor, edge of the inputs, shape of the output from its third axis on
ROLES = {
    "detector": (Detector, ["input"], "head", 160, (40, 40, 40)),
    "detector-2": (Detector, ["input"], "head", 160, (40, 40, 40)),
    "segmenter": (Segmenter, ["input"], "logit", 48, (48, 48, 48)),
    "reducer": (Reducer, ["near", "wide"], "logit", 32, ()),
    "characterizer": (Characterizer, ["near", "wide"], "logit", 32, ()),
}


def folded(module):
    """The same network with every BatchNorm folded into the convolution before it."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Sequential) and len(child) >= 2 and isinstance(child[1], nn.BatchNorm3d):
            parts = [fuse_conv_bn_eval(child[0], child[1]), *list(child)[2:]]
            setattr(module, name, nn.Sequential(*parts))
        else:
            folded(child)
    return module


def export(role, checkpoint, file):
    """Write the graph; returns the largest difference between PyTorch and ONNX Runtime on random input."""
    make, inputs, output, edge, out_shape = ROLES[role]
    network, state = make().eval(), torch.load(checkpoint, weights_only=False, map_location="cpu")
    network.load_state_dict(state["averaged"])
    if "shift" in state.get("kept", {}):
        network.head[-1].bias.data += torch.tensor(state["kept"]["shift"])
    generator = torch.Generator().manual_seed(0)
    given = tuple(torch.rand(1, 1, edge, edge, edge, generator=generator) for _ in inputs)
    with torch.no_grad():
        want = network(*given).numpy()
        network = folded(network)
        axes = {2: "depth", 3: "height", 4: "width"}
        free = {name: {k: f"{name} {v}" for k, v in axes.items()} for name in (*inputs, output)} if make is Detector else None
        torch.onnx.export(
            network, given, str(file), opset_version=OPSET, input_names=inputs, output_names=[output], dynamo=False,
            dynamic_axes=free,
        )
    model = onnx.load(file)
    model.doc_string, model.producer_name = "", "lungcad training/export.py"
    for node in model.graph.node:
        node.doc_string = ""
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    file.write_bytes(model.SerializeToString(deterministic=True))
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    got = session.run([output], {name: x.numpy() for name, x in zip(inputs, given)})[0]
    assert got.shape[2:] == out_shape, got.shape
    return float(np.abs(got - want).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--roles", nargs="+", default=list(ROLES), choices=list(ROLES))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for role in given.roles:
        difference = export(role, given.out / f"{role}.pt", given.folder / f"{role}.onnx")
        print(f"{role}.onnx: largest difference from PyTorch {difference:.1e}")


if __name__ == "__main__":
    main()

"""A lungmask U-Net (R231, R231CovidWeb) to a model pack that finds the lungs with it.

    python export_lungmask.py CHECKPOINT FOLDER --networks-from models/lungcad-default/0.7.0

FOLDER is <name>/<version>. CHECKPOINT is the release's unet_r231-d5d2fc3d.pth (or any state dict of that U-Net with three
classes). A pack needs a detector: everything but the lungs is taken from the pack that is named, its thresholds too; they
were measured with its own search region, so measure them again (`lungcad evaluate`). Needs torch, onnx, onnxruntime and
lungmask. Cropping, resizing, argmax and tidying are not in the graph: lungcad does them as lungmask does.

It costs 96 GFLOP a slice: a chest of 300 slices takes some three minutes on two idle cores. A job that takes longer than
worker.job_time_max_s is given up.
"""
import argparse
import hashlib
import pathlib
import re
import shutil
import sys
import tomllib

import numpy as np
import onnxruntime
import torch
from lungmask.resunet import UNet

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "baseline_log"))
import selftest

LABELS = ["background", "right-lung", "left-lung"]
SHAPE = [1, 1, 1, 256, 256]

NETWORK = '''
[[network]]
role = "lungs"
file = "lungs.onnx"
sha256 = "{sha256}"
opset = 17
number_format = "f32"

[network.decode]
kind = "segmentation"
fit = "body-box"
labels = ["background", "right-lung", "left-lung"]

[[network.input]]
tensor = "slice"
shape = {shape}
axes = "lps-zyx"
hu_clip = [-1024.0, 600.0]
pad_value = 0.0

[[network.output]]
tensor = "classes"
shape = {out_shape}
values = "logit"

[network.selftest]
tolerance = 0.01
probes = {probes}
'''


class OneSlice(torch.nn.Module):
    """A network of pictures [1, 1, h, w] as one of volumes of one slice [1, 1, 1, h, w]."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x.squeeze(2)).unsqueeze(2)


def network(state):
    """lungmask's U-Net for a state dict: classes, width and depth are read off the weights."""
    classes, width = state["last.weight"].shape[0], state["down_path.0.block.0.weight"].shape[0]
    if classes != len(LABELS):
        sys.exit(f"{classes} classes; R231 and R231CovidWeb have {len(LABELS)}: {', '.join(LABELS)}")
    depth = len({name.split(".")[1] for name in state if name.startswith("down_path.")})
    net = UNet(
        n_classes=classes, wf=int(width).bit_length() - 1, depth=depth, padding=True, up_mode="upsample", batch_norm=True)
    net.load_state_dict(state)
    return net.eval()


def write_pack(net, folder, source, training):
    """`source` is the pack that gives all else."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "lungs.onnx"
    torch.onnx.export(
        OneSlice(net), torch.zeros(SHAPE), file, dynamo=False, opset_version=17, input_names=["slice"],
        output_names=["classes"])
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    out = session.run(["classes"], {"slice": selftest.pattern(SHAPE)})[0]
    places = np.linspace(0, out.size - 1, 12).astype(int)
    section = NETWORK.format(
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(), shape=SHAPE, out_shape=list(out.shape),
        probes="[" + ", ".join(f"[0, {i}, {float(out.ravel()[i]):.6f}]" for i in places) + "]")
    head, *networks = (source / "pack.toml").read_text().split("[[network]]")
    if any('role = "lungs"' in text for text in networks):
        sys.exit(f"{source} has a network for the lungs already; name a pack without one")
    for key, value in (("name", folder.parent.name), ("version", folder.name)):
        head = re.sub(rf'(?m)^{key} = ".*"$', f'{key} = "{value}"', head)
    head = re.sub(r'(?m)^training = "(.*)"$', lambda m: f'training = "{m[1]}; the network for the lungs: {training}"', head)
    text = f"# Lungs by training/export_lungmask.py, all else as in {source.parent.name} {source.name}.\n" + "[[network]]".join(
        [head, *networks]).rstrip() + "\n" + section
    for entry in tomllib.loads(text)["network"][:-1]:
        shutil.copyfile(source / entry["file"], folder / entry["file"])
    (folder / "pack.toml").write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--networks-from", type=pathlib.Path, required=True, help="the pack that gives all other networks")
    parser.add_argument(
        "--training", default="R231 of lungmask (Apache-2.0; Hofmanninger 2020, doi:10.1186/s41747-020-00173-2)")
    given = parser.parse_args()
    net = network(torch.load(given.checkpoint, map_location="cpu", weights_only=True))
    write_pack(net, given.folder, given.networks_from, given.training)
    print(f"wrote {given.folder}; `lungcad models verify {given.folder.parent.name}` checks it")


if __name__ == "__main__":
    main()

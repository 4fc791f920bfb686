"""A MONAI lung_nodule_ct_detection checkpoint to a model pack of kind retinanet3d.

    python export_monai.py CHECKPOINT FOLDER [--segmenter-from models/baseline-log/1.0.0]

FOLDER is <name>/<version>. CHECKPOINT is the bundle's models/model.pt (or any state dict of that network). Needs torch,
onnx, onnxruntime and monai; torchvision is not needed. Preparing the scan, anchors, decoding and suppression are not in
the graph: lungcad does them by the numbers in pack.toml.

The published weights were trained with MONAI before 1.6, whose anchors lie on a cell's first voxel (--anchor-offset
none). A network trained with 1.6 or later needs --anchor-offset half; the wrong choice shifts small boxes by more than
a millimetre, silently. Thresholds of the operating points are 0.9, 0.6 and 0.3 until `lungcad evaluate` has measured
the pack: set them with --points, or a site's own with `lungcad calibrate`.
"""
import argparse
import hashlib
import pathlib
import sys
import types

import numpy as np
import onnxruntime
import torch

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "baseline_log"))
import selftest
from pack import borrowed

ANCHORS = [[6, 8, 4], [8, 6, 5], [10, 10, 6]]
SCALES = [1, 2, 4]
DIVISOR = [16, 16, 8]
SPACING = [0.703125, 0.703125, 1.25]
# The self-test's input: small, and large enough for one anchor of every level.
SHAPE = [64, 64, 32]

TOML = '''# Made by training/export_monai.py; docs/MODEL_PACKS.md explains every key.
format = 1
name = "{name}"
version = "{version}"
licence = "Apache-2.0"
intended_input = "Chest CT; the network of MONAI's bundle lung_nodule_ct_detection, trained on LUNA16"
training = "{training}"

[operating_points]
default = "balanced"
quiet = {points[0]}
balanced = {points[1]}
sensitive = {points[2]}

[[network]]
role = "detector"
file = "detector.onnx"
sha256 = "{sha256}"
opset = 17
number_format = "f32"

[network.decode]
kind = "retinanet3d"
base_anchors = {anchors}
level_scales = {scales}
anchor_offset = "{offset}"
size_divisor = {divisor}
window = {window}
overlap = 0.25
score_min = {score_min}
level_top_k = 1000
nms_iou = 0.22
top_k = 300

[[network.input]]
tensor = "input"
shape = {shape}
axes = "ras-xyz"
spacing_mm = {spacing}
hu_clip = [-1024.0, 300.0]
pad_value = 0.0
{outputs}
[network.selftest]
tolerance = 0.01
probes = {probes}
'''

OUTPUT = '''
[[network.output]]
tensor = "{tensor}"
shape = {shape}
values = "logit"
'''


class LayerGetter(torch.nn.ModuleDict):
    """What MONAI takes from torchvision (models._utils.IntermediateLayerGetter), so that torchvision is not needed."""

    def __init__(self, model, return_layers):
        wanted, layers = dict(return_layers), {}
        for name, module in model.named_children():
            layers[name] = module
            wanted.pop(name, None)
            if not wanted:
                break
        super().__init__(layers)
        self.return_layers = dict(return_layers)

    def forward(self, x):
        found = {}
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                found[self.return_layers[name]] = x
        return found


def network():
    """The bundle's network with a list of outputs: three maps of classes, three of boxes."""
    from monai.apps.detection.networks import retinanet_network
    from monai.networks.blocks import backbone_fpn_utils
    from monai.networks.nets import resnet

    utils = types.SimpleNamespace(IntermediateLayerGetter=LayerGetter)
    backbone_fpn_utils.torchvision_models = types.SimpleNamespace(_utils=utils)
    # Without pretrained weights every layer may learn: torchvision's rule for that case.
    retinanet_network._validate_trainable_layers = lambda *given, max_value=5, **named: max_value
    backbone = resnet.ResNet(
        block=resnet.ResNetBottleneck, layers=[3, 4, 6, 3], block_inplanes=resnet.get_inplanes(), spatial_dims=3,
        n_input_channels=1, conv1_t_stride=(2, 2, 1), conv1_t_size=(7, 7, 7),
    )
    extractor = retinanet_network.resnet_fpn_feature_extractor(
        backbone=backbone, spatial_dims=3, pretrained_backbone=False, trainable_backbone_layers=None, returned_layers=[1, 2],
    )
    return retinanet_network.RetinaNet(
        spatial_dims=3, num_classes=1, num_anchors=len(ANCHORS), feature_extractor=extractor,
        size_divisible=DIVISOR, use_list_output=True,
    ).eval()


def state_dict(path):
    """Weights of a checkpoint: a plain state dict, or one within a dictionary."""
    held = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("model", "state_dict", "network"):
        held = held.get(key, held) if isinstance(held, dict) else held
    return {name.removeprefix("network."): value for name, value in held.items()}


def export(net, folder):
    names = [f"{kind}{level}" for kind in ("class", "box") for level in range(len(SCALES))]
    axes = {name: {2: f"{name}_x", 3: f"{name}_y", 4: f"{name}_z"} for name in names}
    torch.onnx.export(
        net, torch.zeros(1, 1, *SHAPE), folder / "detector.onnx", dynamo=False, opset_version=17, input_names=["input"],
        output_names=names, dynamic_axes={"input": {2: "x", 3: "y", 4: "z"}, **axes},
    )
    return names


def write_pack(net, folder, offset, training, points, window, segmenter=None, score_min=0.02):
    folder.mkdir(parents=True, exist_ok=True)
    names = export(net, folder)
    file = folder / "detector.onnx"
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    pattern = selftest.pattern([1, 1, *SHAPE])
    maps = session.run(names, {"input": pattern})
    outputs = "".join(OUTPUT.format(tensor=name, shape=list(found.shape)) for name, found in zip(names, maps))
    probes = []
    for index, found in enumerate(maps):
        flat = found.ravel()
        for place in np.linspace(0, flat.size - 1, 4).astype(int):
            probes.append([index, int(place), round(float(flat[place]), 6)])
    text = TOML.format(
        name=folder.parent.name, version=folder.name, training=training, points=points, offset=offset, window=window,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(), anchors=[[float(v) for v in a] for a in ANCHORS],
        scales=[float(s) for s in SCALES], divisor=DIVISOR, shape=[1, 1, *SHAPE], spacing=SPACING, outputs=outputs,
        probes=probes, score_min=score_min,
    )
    if segmenter:
        text += borrowed(folder, segmenter)
    (folder / "pack.toml").write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--anchor-offset", choices=["none", "half"], default="none")
    parser.add_argument("--segmenter-from", type=pathlib.Path, help="a pack whose segmenter outlines the findings")
    parser.add_argument("--points", type=float, nargs=3, default=[0.9, 0.6, 0.3], help="quiet, balanced, sensitive")
    parser.add_argument("--window", type=int, nargs=3, default=[512, 512, 192], help="largest input in one piece, x y z")
    parser.add_argument("--training", default="LUNA16 fold 0 by MONAI's bundle lung_nodule_ct_detection (Apache-2.0)")
    given = parser.parse_args()
    net = network()
    net.load_state_dict(state_dict(given.checkpoint))
    write_pack(net, given.folder, given.anchor_offset, given.training, given.points, given.window, given.segmenter_from)
    print(f"wrote {given.folder}; `lungcad models verify {given.folder.parent.name}` checks it")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Packs of random and briefly trained RetinaNets, and MONAI's own boxes for small scans.

    monai_boxes.py OUT      writes OUT/packs/<name>/1.0.0/, OUT/scans/<name>.mhd and OUT/boxes.json

Needs torch, onnx, onnxruntime and monai (the nightly environment, not the default one). The scan is prepared by MONAI's
transforms, run by MONAI's detector with its sliding windows, and its boxes are given in voxels of MONAI's grid.
"""
import json
import pathlib
import sys
import time

import numpy as np
import torch

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "training"))
import export_monai
from monai.apps.detection.networks import retinanet_detector
from monai.apps.detection.networks.retinanet_detector import RetinaNetDetector
from monai.apps.detection.utils.anchor_utils import AnchorGeneratorWithAnchorShape
from monai.data import MetaTensor
from monai.transforms import ScaleIntensityRange, Spacing

# Another matcher than ours, of torchvision, which is not needed otherwise.
retinanet_detector.Matcher = type("Matcher", (), {})
SCORE_MIN = 0.02
WINDOW = [64, 64, 32]

out = pathlib.Path(sys.argv[1])
(out / "scans").mkdir(parents=True, exist_ok=True)
torch.manual_seed(11)
torch.set_num_threads(2)


class EarlyAnchors(AnchorGeneratorWithAnchorShape):
    """Anchors of MONAI before 1.6: on a cell's first voxel."""

    def grid_anchors(self, grid_sizes, strides):
        moved = []
        for anchors, stride in zip(super().grid_anchors(grid_sizes, strides), strides):
            half = torch.tensor([int(s) // 2 for s in stride] * 2, dtype=anchors.dtype)
            moved.append(anchors - half)
        return moved


def detector(net, offset):
    kind = EarlyAnchors if offset == "none" else AnchorGeneratorWithAnchorShape
    anchors = kind(feature_map_scales=export_monai.SCALES, base_anchor_shapes=export_monai.ANCHORS)
    found = RetinaNetDetector(network=net, anchor_generator=anchors, debug=False)
    found.set_box_selector_parameters(
        score_thresh=SCORE_MIN, topk_candidates_per_level=1000, nms_thresh=0.22, detections_per_img=300)
    found.set_sliding_window_inferer(roi_size=WINDOW, overlap=0.25, sw_batch_size=1, mode="constant", device="cpu")
    return found.eval()


class DictionaryOutput(torch.nn.Module):
    """The list network as the detector wants it."""

    def __init__(self, net):
        super().__init__()
        self.net, self.spatial_dims, self.num_classes = net, 3, net.num_classes
        self.size_divisible, self.num_anchors = net.size_divisible, net.num_anchors
        self.cls_key, self.box_reg_key = net.cls_key, net.box_reg_key

    def forward(self, x):
        maps = list(self.net(x))
        half = len(maps) // 2
        return {self.cls_key: maps[:half], self.box_reg_key: maps[half:]}


def scan(seed, shape, spacing):
    """HU [z, y, x] of lung-like noise with balls, with the centres and diameters of the balls in mm from voxel 0."""
    rng = np.random.default_rng(seed)
    hu = rng.normal(-850, 60, shape)
    grid = np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, spacing)], indexing="ij"), -1)
    balls = []
    for _ in range(4):
        centre, diameter = [rng.uniform(6, n * s - 6) for n, s in zip(shape, spacing)], rng.uniform(6, 12)
        hu[((grid - centre) ** 2).sum(-1) < (diameter / 2) ** 2] = rng.uniform(-100, 60)
        balls.append((*centre, diameter))
    # lungcad clamps HU to -1024 .. 3071 before it resamples (below is padding, not tissue), MONAI's chain after.
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16), balls


def prepared(hu, spacing):
    """MONAI's chain on an LPS volume: RAS, [x, y, z], the bundle's spacing, 0 to 1."""
    ras = np.flip(hu.transpose(2, 1, 0), (0, 1)).astype(np.float32)
    affine = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    image = MetaTensor(torch.from_numpy(ras.copy())[None], affine=torch.from_numpy(affine))
    image = Spacing(pixdim=export_monai.SPACING, mode="bilinear", padding_mode="border")(image)
    image = ScaleIntensityRange(-1024, 300, 0, 1, clip=True)(image)
    return torch.as_tensor(np.asarray(image))


def write_mhd(name, hu, spacing):
    z, y, x = hu.shape
    (out / "scans" / f"{name}.mhd").write_text(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = -20 -30 40\n"
        f"ElementSpacing = {spacing[2]} {spacing[1]} {spacing[0]}\nDimSize = {x} {y} {z}\nElementType = MET_SHORT\n"
        f"ElementDataFile = {name}.raw\n")
    (out / "scans" / f"{name}.raw").write_bytes(hu.astype("<i2").tobytes())


def trained(net, steps):
    """A few steps on one scan with its balls as targets: weights that are not random any more."""
    net.train()
    found = detector(DictionaryOutput(net), "half").train()
    from monai.apps.detection.utils.hard_negative_sampler import HardNegativeSampler
    found.set_atss_matcher(num_candidates=4, center_in_gt=False)
    found.set_hard_negative_sampler(batch_size_per_image=64, positive_fraction=0.3, pool_size=20, min_neg=16)
    optimiser = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)
    spacing = export_monai.SPACING[::-1]
    hu, balls = scan(5, (32, 64, 64), spacing)
    image = prepared(hu, spacing)
    boxes = []
    for z, y, x, diameter in balls:
        # RAS: x and y count from the other end.
        middle = [63 - x / spacing[2], 63 - y / spacing[1], z / spacing[0]]
        half = [diameter / 2 / s for s in export_monai.SPACING]
        boxes.append([m - h for m, h in zip(middle, half)] + [m + h for m, h in zip(middle, half)])
    target = {"boxes": torch.tensor(boxes, dtype=torch.float32), "labels": torch.zeros(len(boxes), dtype=torch.long)}
    for _ in range(steps):
        losses = found([image], [target])
        loss = sum(losses.values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print(f"trained {steps} steps, loss {float(loss):.3f}", file=sys.stderr)
    return net.eval()


def spread(net):
    """Random weights say the prior everywhere; wider last layers make boxes and scores of every kind. (Much wider ones
    magnify what two runtimes round differently: at 0.02 corners differ by 0.04 voxel.)"""
    generator = torch.Generator().manual_seed(3)
    for head in (net.classification_head.cls_logits, net.regression_head.bbox_reg):
        with torch.no_grad():
            head.weight.copy_(torch.randn(head.weight.shape, generator=generator) * 0.004)
            if head.bias.shape[0] == len(export_monai.ANCHORS):
                head.bias.fill_(-3.5)
    return net


verdicts = []
for kind, make, offset in [("random", lambda: spread(export_monai.network()), "none"),
                           ("trained", lambda: trained(export_monai.network(), 8), "half")]:
    net = make()
    name = f"monai-{kind}"
    export_monai.write_pack(net, out / "packs" / name / "1.0.0", offset, "random numbers", [0.9, 0.6, 0.3], WINDOW)
    found = detector(DictionaryOutput(net), offset)
    # Smaller than a window; larger along every axis; larger in all but narrower than the window along one.
    for number, (shape, spacing) in enumerate(
            [((20, 40, 44), (1.3, 0.9, 0.8)), ((40, 70, 76), (1.5, 0.8, 0.9)), ((60, 90, 40), (1.25, 0.8, 0.85))]):
        hu, _ = scan(20 + number, shape, spacing)
        write_mhd(f"{name}-{number}", hu, spacing)
        started = time.perf_counter()
        image = prepared(hu, spacing)
        whole = image.numel() < np.prod(WINDOW) and np.prod(
            [-(-n // d) * d for n, d in zip(image.shape[1:], export_monai.DIVISOR)]) < np.prod(WINDOW)
        with torch.no_grad():
            boxes = found([image], use_inferer=not whole)[0]
        verdicts.append(dict(
            pack=name, scan=f"{name}-{number}", shape=list(image.shape[1:]), windows=not whole,
            seconds=time.perf_counter() - started,
            boxes=boxes["boxes"].tolist(), scores=boxes["labels_scores"].tolist()))
        print(f"{name}-{number}: {list(image.shape[1:])}, {'windows' if not whole else 'whole'}, {len(boxes['boxes'])} boxes",
              file=sys.stderr)
(out / "boxes.json").write_text(json.dumps(verdicts))

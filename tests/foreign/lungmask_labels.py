#!/usr/bin/env python3
"""Packs of random and briefly trained U-Nets of lungmask, and lungmask's own labels for the scans given.

    lungmask_labels.py OUT     reads OUT/scans/*.mhd; writes OUT/packs/<name>/1.0.0/, OUT/labels/*.raw, OUT/labels.json

Needs torch, onnx, onnxruntime and lungmask (the nightly environment, not the default one). lungmask loads the checkpoint
and runs from the file on; its labels are kept before its postprocessing (slices of the network) and at the end (voxels).
Both networks have lungmask's form; the trained one is narrower. Of scans named `few-*` both are run, of others the trained.
"""
import functools
import json
import pathlib
import sys
import time

import numpy as np
import SimpleITK as sitk
import torch
from scipy import ndimage

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "training"))
import export_lungmask
from lungmask import mask as lungmask_mask
from lungmask import utils
from lungmask.mask import LMInferer
from lungmask.resunet import UNet

out = pathlib.Path(sys.argv[1])
(out / "labels").mkdir(exist_ok=True)
torch.manual_seed(11)
torch.set_num_threads(2)
WIDTH, STEPS = 4, 60  # first width 2^4 instead of 2^6: a sixteenth of the work


def make(wf):
    return UNet(n_classes=3, padding=True, depth=5, up_mode="upsample", batch_norm=True, residual=False, wf=wf)


def truth(hu):
    """Air that the body encloses in a slice: 1 in the picture's left half (the right lung), 2 in the other."""
    body = hu > -400
    filled = ndimage.binary_fill_holes(ndimage.binary_closing(body, iterations=2))
    air = ndimage.binary_opening(filled & ~body, iterations=2)
    return np.where(air, 1 + (np.arange(hu.shape[1]) >= hu.shape[1] // 2), 0)


def prepared(scans):
    """Every sixth slice of the scans, with lungmask's preparation: the network's input, and truth() on its grid."""
    slices, targets = [], []
    for hu in (s for scan in scans for s in sitk.GetArrayFromImage(sitk.ReadImage(str(scan)))[::6]):
        picture, (top, left, bottom, right) = utils.crop_and_resize(np.clip(hu, -1024, 600), 256, 256)
        part = truth(hu)[top:bottom, left:right]
        slices.append(picture)
        targets.append(ndimage.zoom(part, 256 / np.asarray(part.shape), order=0))
    return torch.as_tensor((np.asarray(slices, np.float32) + 1024) / 1624)[:, None], torch.as_tensor(np.asarray(targets))


def trained(scans):
    """A minute on some slices: labels that look like lungs."""
    x, y = prepared(scans)
    net, rng = make(WIDTH).train(), np.random.default_rng(5)
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    for step in range(STEPS):
        picked = rng.choice(len(x), 4)
        loss = torch.nn.functional.nll_loss(net(x[picked]), y[picked])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 10 == 0:
            print(f"step {step}, loss {float(loss):.3f}", file=sys.stderr)
    return net.eval()


def random(scans):
    """As R231, untrained, with normal layers: every class comes up, as it happens."""
    net, (x, _) = make(6), prepared(scans[:1])
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean of what passes
    with torch.no_grad():
        net.train()(x[:1])
        net.eval()
        net.last.weight.mul_(10)
        net.last.bias.zero_()
        net.softmax, softmax = torch.nn.Identity(), net.softmax
        net.last.bias.copy_(-net(x[:1]).mean((0, 2, 3)))
        net.softmax = softmax
    return net


def run(checkpoint, wf, scan):
    """lungmask on one scan: labels before its postprocessing, at the end, seconds."""
    before = []
    tidy = utils.postprocessing

    def kept(labels, **named):
        before.append(labels.copy())
        return tidy(labels, **named)

    lungmask_mask.UNet = functools.partial(UNet, wf=wf)
    lungmask_mask.utils.postprocessing = kept
    try:
        image = sitk.ReadImage(str(scan))
        inferer = LMInferer(modelpath=str(checkpoint), force_cpu=True, tqdm_disable=True)
        started = time.perf_counter()
        after = inferer.apply(image)
        seconds = time.perf_counter() - started
    finally:
        lungmask_mask.utils.postprocessing = tidy
    return before[0], after, seconds


scans = sorted((out / "scans").glob("*.mhd"))
verdicts = []
for name, wf, make_net in [("lungmask-random", 6, random), ("lungmask-trained", WIDTH, trained)]:
    net = make_net(scans)
    checkpoint = out / f"{name}.pth"
    torch.save(net.state_dict(), checkpoint)
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    export_lungmask.write_pack(
        export_lungmask.network(state), out / "packs" / name / "1.0.0", ROOT / "models/baseline-log/1.0.0", "random numbers")
    for scan in scans:
        few = scan.stem.startswith("few-")
        if name == "lungmask-random" and not few:
            continue
        before, after, seconds = run(checkpoint, wf, scan)
        for kind, labels in (("before", before), ("after", after)):
            (out / "labels" / f"{name}-{scan.stem}-{kind}.raw").write_bytes(labels.astype(np.uint8).tobytes())
        counts = np.bincount(before.ravel(), minlength=3)
        verdicts.append(dict(pack=name, scan=scan.stem, seconds=seconds, network=list(before.shape), voxels=list(after.shape)))
        print(f"{name} on {scan.stem}: {seconds:.1f} s, {counts.tolist()} -> {np.bincount(after.ravel(), minlength=3).tolist()}",
              file=sys.stderr)
(out / "labels.json").write_text(json.dumps(verdicts))

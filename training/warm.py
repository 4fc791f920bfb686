"""A network's numbers taken back from its ONNX file, to go on learning from where a pack stands."""
import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

CALIBRATION_BATCHES = 24


def start_from(file, network, batches, forward):
    """Set `network` to answer as the graph in `file`; `forward(network, *batch)` runs it on arrays of `batches`.

    Export folded every BatchNorm into its convolution. Here each gets the statistics of its input on `batches` and the
    scale and shift that undo them, so that the answer is the same and learning finds the BatchNorm it knows.
    """
    learned = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in onnx.load(file).graph.initializer}
    network.eval()
    pairs = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Sequential) and len(module) >= 2 and isinstance(module[1], nn.BatchNorm3d):
            pairs.append((f"{name}.0", module))
    undone = {name for name, _ in pairs}
    with torch.no_grad():
        for name, module in pairs:
            module[0].weight.copy_(_taken(learned, f"{name}.weight", module[0].weight.shape))
            norm = module[1]
            norm.running_mean.zero_(), norm.running_var.fill_(1 - norm.eps), norm.weight.fill_(1)
            norm.bias.copy_(_taken(learned, f"{name}.bias", norm.bias.shape))
        for name, module in network.named_modules():
            if name in undone or not isinstance(module, (nn.Conv3d, nn.ConvTranspose3d)):
                continue
            module.weight.copy_(_taken(learned, f"{name}.weight", module.weight.shape))
            if module.bias is not None:
                module.bias.copy_(_taken(learned, f"{name}.bias", module.bias.shape))
        _find_statistics([module[1] for _, module in pairs], network, batches, forward)
    return network


def _taken(learned, name, shape):
    if name not in learned or learned[name].shape != shape:
        raise ValueError(f"{name} {tuple(shape)} is not in the file: it is of another network")
    return learned[name]


def _find_statistics(norms, network, batches, forward):
    sums = {norm: [0.0, 0.0, 0] for norm in norms}

    def see(norm, inputs):
        x = inputs[0].float().double()
        axes = (0, 2, 3, 4)
        sums[norm][0] += x.sum(axes)
        sums[norm][1] += x.square().sum(axes)
        sums[norm][2] += x.numel() // x.shape[1]

    hooks = [norm.register_forward_pre_hook(see) for norm in norms]
    for batch in batches:
        forward(network, *(torch.from_numpy(part) for part in batch))
    for hook in hooks:
        hook.remove()
    for norm, (total, squares, count) in sums.items():
        mean = total / count
        variance = (squares / count - mean.square()).clamp_min(1e-8)
        norm.running_mean.copy_(mean), norm.running_var.copy_(variance)
        # y = x + shift has to stay what it was: (x - mean) * scale + (shift + mean)
        norm.weight.copy_((variance + norm.eps).sqrt()), norm.bias.add_(mean.to(norm.bias.dtype))

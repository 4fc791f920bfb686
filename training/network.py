"""The networks: convolution without bias + BatchNorm + ReLU, so that all of it folds into convolutions at export."""
import copy

import torch
from torch import nn


def conv(inputs, outputs, kernel=3, stride=1):
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """Two convolutions around a short cut."""

    def __init__(self, channels):
        super().__init__()
        self.first = conv(channels, channels)
        self.second = nn.Sequential(nn.Conv3d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm3d(channels))

    def forward(self, x):
        return torch.relu(x + self.second(self.first(x)))


class Detector(nn.Module):
    """Centre-point pyramid: [n, 1, d, h, w] at 1 mm to [n, 5, d/4, h/4, w/4]; d, h, w multiples of 16."""

    def __init__(self, widths=(32, 48, 96, 128), neck=64):
        super().__init__()
        w2, w4, w8, w16 = widths
        # Two voxels along each axis become eight channels: nothing is lost, and no convolution runs at full size.
        self.fold = nn.Conv3d(1, 8, 2, 2, bias=False)
        self.fold.weight.data = torch.eye(8).view(8, 1, 2, 2, 2)
        self.fold.weight.requires_grad = False
        self.at2 = nn.Sequential(conv(8, w2), conv(w2, w2))
        self.at4 = nn.Sequential(conv(w2, w4, stride=2), Residual(w4))
        self.at8 = nn.Sequential(conv(w4, w8, stride=2), Residual(w8), Residual(w8))
        self.at16 = nn.Sequential(conv(w8, w16, stride=2), Residual(w16))
        self.side8, self.side4 = nn.Conv3d(w8, neck, 1), nn.Conv3d(w4, neck, 1)
        self.down16 = nn.Conv3d(w16, neck, 1)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.neck8 = conv(neck, neck)
        self.neck4 = conv(neck, neck)
        self.head = nn.Conv3d(neck, 5, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        self.head.bias.data = torch.tensor([-4.6, 0.5, 0.5, 0.5, 0.0])

    def forward(self, x):
        a4 = self.at4(self.at2(self.fold(x)))
        a8 = self.at8(a4)
        b8 = self.neck8(self.side8(a8) + self.up(self.down16(self.at16(a8))))
        return self.head(self.neck4(self.side4(a4) + self.up(b8)))


class Segmenter(nn.Module):
    """Three-level U-Net: [n, 1, 64, 64, 64] to logits of the nodule's voxels on the same grid."""

    def __init__(self, widths=(12, 24, 48)):
        super().__init__()
        a, b, c = widths
        self.enter = nn.Sequential(conv(1, a), conv(a, a))
        self.down2 = nn.Sequential(conv(a, b, stride=2), Residual(b))
        self.down4 = nn.Sequential(conv(b, c, stride=2), Residual(c))
        self.down8 = nn.Sequential(conv(c, c, stride=2), Residual(c))
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.up4 = conv(c + c, c)
        self.up2 = conv(c + b, b)
        self.up1 = conv(b + a, a)
        self.head = nn.Conv3d(a, 1, 1)
        self.head.bias.data.fill_(-3.0)

    def forward(self, x):
        x1 = self.enter(x)
        x2 = self.down2(x1)
        x4 = self.down4(x2)
        y = self.up4(torch.cat([self.up(self.down8(x4)), x4], 1))
        y = self.up2(torch.cat([self.up(y), x2], 1))
        return self.head(self.up1(torch.cat([self.up(y), x1], 1)))


class Averaged:
    """Exponential mean of a network's numbers; the mean is what is measured and exported."""

    def __init__(self, network, decay=0.998):
        self.network, self.decay, self.steps = copy.deepcopy(network).eval(), decay, 0

    @torch.no_grad()
    def update(self, network):
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mine, its in zip(self.network.state_dict().values(), network.state_dict().values()):
            if mine.dtype.is_floating_point:
                mine.lerp_(its, 1 - keep)
            else:
                mine.copy_(its)


def freeze_statistics(network):
    """BatchNorm keeps its running statistics from here on."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.eval()

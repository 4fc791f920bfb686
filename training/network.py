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


def fold():
    """Two voxels along each axis become eight channels: nothing is lost, and no convolution runs at full size."""
    folding = nn.Conv3d(1, 8, 2, 2, bias=False)
    folding.weight.data = torch.eye(8).view(8, 1, 2, 2, 2)
    folding.weight.requires_grad = False
    return folding


class Detector(nn.Module):
    """Centre-point pyramid: [n, 1, d, h, w] at 1 mm to [n, 5, d/4, h/4, w/4]; d, h, w multiples of 16."""

    def __init__(self, widths=(32, 64, 96, 128), neck=64):
        super().__init__()
        w2, w4, w8, w16 = widths
        self.fold = fold()
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
    """U-Net on the folded patch: [n, 1, 64, 64, 64] to logits of the nodule's voxels on the same grid."""

    def __init__(self, widths=(24, 48, 64)):
        super().__init__()
        a, b, c = widths
        self.fold = fold()
        self.at2 = nn.Sequential(conv(8, a), conv(a, a))
        self.at4 = nn.Sequential(conv(a, b, stride=2), Residual(b))
        self.at8 = nn.Sequential(conv(b, c, stride=2), Residual(c))
        self.at16 = nn.Sequential(conv(c, c, stride=2), Residual(c))
        self.down16, self.down8, self.down4 = nn.Conv3d(c, c, 1), nn.Conv3d(c, b, 1), nn.Conv3d(b, a, 1)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.neck8, self.neck4, self.neck2 = conv(c, c), conv(b, b), conv(a, a)
        self.head = nn.ConvTranspose3d(a, 1, 2, 2)
        self.head.bias.data.fill_(-3.0)

    def forward(self, x):
        x2 = self.at2(self.fold(x))
        x4 = self.at4(x2)
        x8 = self.at8(x4)
        y = self.neck8(x8 + self.up(self.down16(self.at16(x8))))
        y = self.neck4(x4 + self.up(self.down8(y)))
        return self.head(self.neck2(x2 + self.up(self.down4(y))))


class NearAndWide(nn.Module):
    """Two cubes of 32 voxels around a place, near and wide, to logits [n, outputs]. A branch for each, as what tells
    a small nodule from a vessel and a large one from a mass differs."""

    def __init__(self, outputs, widths=(32, 64, 96)):
        super().__init__()
        self.near, self.wide = self.branch(widths), self.branch(widths)
        self.head = nn.Sequential(
            nn.Linear(2 * widths[-1], 64), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Linear(64, outputs))

    @staticmethod
    def branch(widths):
        a, b, c = widths
        return nn.Sequential(
            fold(), conv(8, a), Residual(a), conv(a, b, stride=2), Residual(b), conv(b, c, stride=2), Residual(c),
            nn.AdaptiveAvgPool3d(1), nn.Flatten(),
        )

    def forward(self, near, wide):
        return self.head(torch.cat([self.near(near), self.wide(wide)], 1))


class Reducer(NearAndWide):
    """Second stage: is a candidate a nodule? Cubes at 1 and 1.5 mm to one logit."""

    def __init__(self):
        super().__init__(1)


class Characterizer(NearAndWide):
    """What a nodule is like, as readers would say: cubes at 0.7 and 1.4 mm to logits of CLASSES; the first three exclude
    each other."""

    CLASSES = ("solid", "part-solid", "non-solid", "calcified", "spiculated")

    def __init__(self):
        super().__init__(len(self.CLASSES), (16, 32, 64))


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

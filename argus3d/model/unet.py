"""The 2-D U-Net that both the token grid and the planes pass through."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _ConvPair(nn.Module):
    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(F.relu(self.conv1(x))))


class _Up(nn.Module):
    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.upconv = nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
        self.convs = _ConvPair(2 * channels_out, channels_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.convs(torch.cat([self.upconv(x), skip], 1))


class UNet(nn.Module):
    """`depth` levels of two 3x3 convolutions, filters doubling from `filters`, skips joined by concatenation.

    (B, channels_in, H, W) -> (B, channels_out, H, W); H and W divisible by 2^(depth-1). No normalisation layers.
    Source: Ronneberger et al. 2015, in the form of the released model.
    """

    def __init__(self, channels_in: int, channels_out: int, depth: int, filters: int) -> None:
        super().__init__()
        widths = [filters * 2**level for level in range(depth)]
        self.down = nn.ModuleList(
            _ConvPair(before, after) for before, after in zip([channels_in, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(_Up(2 * width, width) for width in reversed(widths[:-1]))
        self.out = nn.Conv2d(filters, channels_out, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for level, convs in enumerate(self.down):
            x = convs(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for up, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = up(x, skip)
        return self.out(x)

"""Three planes into one grid and back: the coupling that makes one token sequence of a tri-plane."""

import torch
from torch import Tensor, nn

from argus3d.config import AutoencoderConfig
from argus3d.model.unet import UNet

Convolution = type[nn.Conv2d] | type[nn.Conv3d]


def downsampling(config: AutoencoderConfig, convolution: Convolution) -> nn.Sequential:
    """`plane_channels` to `latent_channels`, each side divided by 2^down_steps."""
    channels = config.plane_channels
    layers: list[nn.Module] = []
    for step in range(config.down_steps):
        layers += [convolution(channels * 2**step, channels * 2 ** (step + 1), 2, stride=2), nn.ReLU()]
    layers.append(convolution(channels * 2**config.down_steps, config.latent_channels, 1))
    return nn.Sequential(*layers)


def upsampling(config: AutoencoderConfig, convolution: Convolution) -> nn.Sequential:
    """`latent_channels` to `plane_channels`, each side times 2^down_steps."""
    width = config.latent_channels
    layers: list[nn.Module] = []
    for step in reversed(range(config.down_steps)):
        channels = config.plane_channels * 2**step
        layers += [nn.Upsample(scale_factor=2), convolution(width, channels, 3, padding=1), nn.ReLU()]
        width = channels
    layers.append(convolution(width, config.plane_channels, 1))
    return nn.Sequential(*layers)


class Coupler(nn.Module):
    """planes (B, 3, C, R, R) -> latent (B, E, S, S), S = R / 2^down_steps. Source: ImAM section 3.1, released model."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        channels = config.plane_channels
        self.mix = nn.Sequential(
            nn.Conv2d(3 * channels, 3 * channels, 3, padding=1), nn.ReLU(),
            nn.Conv2d(3 * channels, channels, 3, padding=1), nn.ReLU(),
            nn.Conv2d(channels, channels, 1),
        )  # fmt: skip
        self.down = downsampling(config, nn.Conv2d)

    def forward(self, planes: Tensor) -> Tensor:
        return self.down(self.mix(planes.flatten(1, 2)))


class Uncoupler(nn.Module):
    """latent (B, E, S, S) -> planes (B, 3, C, R, R), order xz, xy, yz. Source: released model."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        channels, latent = config.plane_channels, config.latent_channels
        self.unet = UNet(latent, latent, config.unet_depth, config.latent_filters or config.unet_filters)
        self.up = upsampling(config, nn.Conv2d)
        self.split = nn.Sequential(
            nn.Conv2d(channels, 3 * channels, 3, padding=1), nn.ReLU(),
            nn.Conv2d(3 * channels, 3 * channels, 3, padding=1), nn.ReLU(),
            nn.Conv2d(3 * channels, 3 * channels, 1),
        )  # fmt: skip
        self.plane_unet = UNet(channels, channels, config.unet_depth, config.unet_filters)

    def forward(self, latent: Tensor) -> Tensor:
        joined = self.split(self.up(self.unet(latent)))  # (B, 3C, R, R)
        planes = self.plane_unet(torch.cat(joined.chunk(3, 1)))  # one pass: the three planes share the weights
        return torch.stack(planes.chunk(3), 1)

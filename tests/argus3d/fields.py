"""Analytic occupancy fields as planes: a decoder whose weights pass one channel straight through to the logit."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from argus3d.config import AutoencoderConfig
from argus3d.model.autoencoder import ShapeAutoencoder

Function = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Field:
    """The logit xz(x, z) + xy(x, y) + yz(y, z)."""

    xz: Function
    xy: Function
    yz: Function

    def planes(self, config: AutoencoderConfig) -> Tensor:
        """(3, C, R, R) float32, the field in channel 0, row = second coordinate."""
        resolution = config.plane_resolution
        line = (torch.arange(resolution) / (resolution - 1) - 0.5) * (1 + config.padding + 1e-5)
        second, first = torch.meshgrid(line, line, indexing="ij")
        planes = torch.zeros(3, config.plane_channels, resolution, resolution)
        for plane, function in zip(planes, (self.xz, self.xy, self.yz), strict=True):
            plane[0] = function(first, second)
        return planes


def pass_through(config: AutoencoderConfig) -> ShapeAutoencoder:
    """An autoencoder whose decoder gives channel 0 of the summed planes as logit: relu(c) - relu(-c)."""
    autoencoder = ShapeAutoencoder(config).eval()
    decoder = autoencoder.decoder
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.zero_()
        last = decoder.features[len(decoder.features) - 1].get_parameter("weight")
        last[0, 0], last[1, 0] = 1, -1
        decoder.out.weight[0, 0], decoder.out.weight[0, 1] = 1, -1
    return autoencoder


def none(a: Tensor, b: Tensor) -> Tensor:
    return torch.zeros_like(a)


def ball(radius: float, steepness: float = 60) -> Field:
    """A ball around 0; `steepness` is about the slope of the logit at its surface."""
    scale = steepness / (2 * radius)
    return Field(lambda x, z: scale * (radius**2 - x**2 - z**2), lambda x, y: -scale * y**2, none)


def gyroid(waves: float, steepness: float = 30) -> Field:
    """A gyroid of `waves` periods over a length of 1, cut by the box."""
    k, scale = 2 * np.pi * waves, steepness / (2 * np.pi * waves)
    return Field(
        lambda x, z: scale * torch.sin(k * z) * torch.cos(k * x),
        lambda x, y: scale * torch.sin(k * x) * torch.cos(k * y),
        lambda y, z: scale * torch.sin(k * y) * torch.cos(k * z),
    )


def blobs(waves: float, level: float = 1.5, steepness: float = 30) -> Field:
    """One blob in each period, the smaller the nearer `level` is to 3."""
    k, scale = 2 * np.pi * waves, steepness / (2 * np.pi * waves)
    return Field(
        lambda x, z: scale * (torch.cos(k * x) + torch.cos(k * z)),
        lambda x, y: scale * (torch.cos(k * y) - level),
        none,
    )


def plate(thickness: float, height: float, steepness: float = 100) -> Field:
    """A plate at y = `height`, narrower than the box."""
    return Field(
        lambda x, z: -10 * steepness * (torch.maximum(x.abs(), z.abs()) - 0.4).clamp(min=0),
        lambda x, y: steepness * (thickness / 2 - (y - height).abs()),
        none,
    )

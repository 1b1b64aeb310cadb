"""Occupancy of any point from the planes."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from argus3d.config import AutoencoderConfig
from argus3d.model.coordinates import PLANES, plane_coordinates
from argus3d.model.encoder import ResidualBlock


class OccupancyDecoder(nn.Module):
    """planes (B, 3, C, R, R), queries (B, Q, 3) -> logits (B, Q).

    Source: Convolutional Occupancy Networks, `LocalDecoder`. Planes are sampled bilinearly; unless `config.aligned`,
    with the centres of corner cells on the box's faces: up to half a cell off the encoder's cells, as in the released
    model.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        hidden = config.decoder_hidden
        self.padding, self.aligned = config.padding, config.aligned
        self.point_in = nn.Linear(3, hidden)
        self.features = nn.ModuleList(nn.Linear(config.plane_channels, hidden) for _ in range(config.blocks))
        self.blocks = nn.ModuleList(ResidualBlock(hidden, hidden) for _ in range(config.blocks))
        self.out = nn.Linear(hidden, 1)

    def forward(self, planes: Tensor, queries: Tensor) -> Tensor:
        return self.from_features(self.sample_planes(planes, queries), queries)

    def sample_planes(self, planes: Tensor, queries: Tensor) -> Tensor:
        """Sum over the planes of their bilinear samples at `queries`: (B, Q, C)."""
        grid = 2 * plane_coordinates(queries, self.padding) - 1
        places = torch.stack([grid[..., list(axes)] for axes in PLANES], 1)  # (B, 3, Q, 2)
        lines = places.flatten(0, 1)[:, :, None]  # (B*3, Q, 1, 2)
        sampled = sample_bilinear(planes.flatten(0, 1), lines, self.aligned)  # (B*3, C, Q, 1)
        return sampled.unflatten(0, (-1, 3)).sum(1)[..., 0].transpose(1, 2)

    def from_features(self, features: Tensor, queries: Tensor) -> Tensor:
        """Logits (B, Q) from summed plane features (B, Q, C) and raw coordinates (B, Q, 3)."""
        net = self.point_in(queries)
        for feature, block in zip(self.features, self.blocks, strict=True):
            net = block(net + feature(features))
        return self.out(F.relu(net))[..., 0]


def sample_bilinear(planes: Tensor, places: Tensor, aligned: bool) -> Tensor:
    """Planes (N, C, R, R) at `places` (N, H, W, 2) in [-1, 1], edges repeated: (N, C, H, W).

    aligned : see `AutoencoderConfig`
    """
    return F.grid_sample(planes, places, padding_mode="border", align_corners=not aligned)

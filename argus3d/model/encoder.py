"""A point cloud becomes three feature planes: PointNet with pooling by plane cell."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from argus3d.config import AutoencoderConfig
from argus3d.model.coordinates import cell_indices, plane_coordinates
from argus3d.model.unet import UNet


class ResidualBlock(nn.Module):
    """Two linear layers before which ReLU acts, beside a shortcut; the second starts at zero.

    Source: Convolutional Occupancy Networks (Peng et al. 2020), `ResnetBlockFC`.
    """

    def __init__(self, size_in: int, size_out: int) -> None:
        super().__init__()
        hidden = min(size_in, size_out)
        self.fc_0 = nn.Linear(size_in, hidden)
        self.fc_1 = nn.Linear(hidden, size_out)
        self.shortcut = nn.Identity() if size_in == size_out else nn.Linear(size_in, size_out, bias=False)
        nn.init.zeros_(self.fc_1.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.fc_1(F.relu(self.fc_0(F.relu(x))))


class _PoolByCell(torch.autograd.Function):
    """Each point's row replaced by the maximum over the points of its cell.

    The backward pass of `scatter_reduce` took a fifth of a training step; a mask of who holds the maximum is enough.
    Points that share the maximum of a cell all receive its gradient.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, cell: Tensor, cells: int) -> Tensor:
        highest = rows.new_full((cells, rows.shape[1]), -torch.inf)
        highest.scatter_reduce_(0, cell[:, None].expand_as(rows), rows, "amax")
        pooled = highest.index_select(0, cell)
        ctx.save_for_backward(rows == pooled, cell)
        ctx.cells = cells
        return pooled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        holds, cell = ctx.saved_tensors
        total = gradient.new_zeros((ctx.cells, gradient.shape[1])).index_add_(0, cell, gradient)
        return total.index_select(0, cell) * holds, None, None


class PointEncoder(nn.Module):
    """points (B, N, 3) -> planes (B, 3, C, R, R) float32, order xz, xy, yz; empty cells are 0.

    Source: Convolutional Occupancy Networks, `LocalPoolPointnet`, as in the released model, whose U-Net
    holds weights and is never run (`config.encoder_unet` "unused").
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        hidden = config.encoder_hidden
        self.resolution, self.padding = config.plane_resolution, config.padding
        self.local = config.local_coordinates
        self.point_in = nn.Linear(6 if self.local else 3, 2 * hidden)
        self.blocks = nn.ModuleList(ResidualBlock(2 * hidden, hidden) for _ in range(config.blocks))
        self.plane_out = nn.Linear(hidden, config.plane_channels)
        self.uses_unet = config.encoder_unet == "used"
        if config.encoder_unet != "none":
            self.unet = UNet(config.plane_channels, config.plane_channels, config.unet_depth, config.unet_filters)

    def _coordinates(self, points: Tensor) -> Tensor:
        """What is known of each point: where it is and, if asked for, where in its cell, in [-1, 1] along each axis.

        A network of few layers takes long to learn so fine a function of the place; convolutions cannot, for they do
        not know which cell they are at.
        """
        if not self.local:
            return points
        within = 2 * ((plane_coordinates(points, self.padding) * self.resolution) % 1) - 1
        return torch.cat([points, within], 2)  # (B, N, 6)

    def forward(self, points: Tensor) -> Tensor:
        cells = cell_indices(plane_coordinates(points, self.padding), self.resolution)
        flat = self.features_of_cells(points, cells, self.resolution**2)
        planes = flat.unflatten(2, (self.resolution, self.resolution)).permute(0, 1, 4, 2, 3)
        return self.unet(planes.flatten(0, 1)).unflatten(0, planes.shape[:2]) if self.uses_unet else planes

    def features_of_cells(self, points: Tensor, cells: Tensor, count: int) -> Tensor:
        """Points (B, N, 3) and their cells (K, B, N), `count` of each of K kinds: (B, K, count, C) float32."""
        batch = len(points)
        flat = (cells + count * torch.arange(batch, device=points.device)[:, None]).flatten(1)  # (K, B*N)
        compact = [torch.unique(cells, return_inverse=True) for cells in flat]

        net = self.blocks[0](self.point_in(self._coordinates(points).flatten(0, 1)))  # (B*N, H)
        for block in self.blocks[1:]:
            pooled = sum(_PoolByCell.apply(net, inverse, len(cells)) for cells, inverse in compact)
            net = block(torch.cat([net, pooled], 1))
        features = self.plane_out(net)  # (B*N, C)

        kinds = []
        for cells, inverse in compact:
            total = features.new_zeros((len(cells), features.shape[1])).index_add(0, inverse, features)
            mean = total / torch.bincount(inverse, minlength=len(cells))[:, None]
            kind = features.new_zeros((batch * count, features.shape[1])).index_copy(0, cells, mean)
            kinds.append(kind.view(batch, count, -1))
        return torch.stack(kinds, 1)

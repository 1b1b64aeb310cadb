"""From points to the three planes."""

import torch
from torch import Tensor

PLANES = ((0, 2), (0, 1), (1, 2))  # xz, xy, yz: (first coordinate = column, second = row)


def plane_coordinates(points: Tensor, padding: float) -> Tensor:
    """Coordinates in [0, 1) of `points` (..., 3) on the planes; what lies outside the padded box is clipped to it.

    Source: architecture of the released model (the constant 1e-5 included).
    """
    unit = points / (1 + padding + 1e-5) + 0.5
    return unit.clamp(min=0).where(unit < 1, torch.full_like(unit, 1 - 1e-5))


def cell_indices(unit: Tensor, resolution: int) -> Tensor:
    """Flat cell of each point on each plane: `unit` (B, N, 3) -> (3, B, N) int64, cell = column + resolution * row."""
    cells = (unit * resolution).long()
    return torch.stack([cells[..., first] + resolution * cells[..., second] for first, second in PLANES])

"""From planes to a mesh: occupancy on a regular grid, coarse to fine, then marching cubes."""

from dataclasses import dataclass

import mcubes
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from argus3d.errors import UserError
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.coordinates import PLANES, plane_coordinates

OUTSIDE = -1e6  # what lies around the grid, so that every surface is closed at the box
COARSE_STEP = 2  # fine cells a coarse cell
# A coarse cell is refined when a corner of it, or of a cell beside it, comes within this many logits of the threshold:
# a plate that slips between coarse samples still raises them.
MARGIN = 5.0
_CHUNK = 2**17


@dataclass(frozen=True)
class Mesh:
    """vertices : (V, 3) float32, in [-0.55, 0.55]; faces : (F, 3) int32, outward. Both empty for an empty shape."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    @property
    def empty(self) -> bool:
        return len(self.faces) == 0


class PlaneGrid:
    """Occupancy logits of one shape at the samples of a regular grid over the padded box.

    Each plane is resampled once at the grid's lines; the features of a sample are then three look-ups.
    """

    def __init__(self, autoencoder: ShapeAutoencoder, planes: Tensor, resolution: int) -> None:
        """planes : (3, C, R, R); resolution : cells along a side, (resolution + 1)^3 samples."""
        self.autoencoder, self.samples = autoencoder, resolution + 1
        side = 1 + autoencoder.config.padding
        line = side * (torch.arange(self.samples, device=planes.device, dtype=torch.float32) / resolution - 0.5)
        self.line = line
        unit = 2 * plane_coordinates(line, autoencoder.config.padding) - 1
        row, column = torch.meshgrid(unit, unit, indexing="ij")
        lattice = torch.stack([column, row], 2).expand(3, -1, -1, 2).to(planes.dtype)
        sampled = F.grid_sample(planes, lattice, padding_mode="border", align_corners=True)
        self.planes = sampled.permute(0, 2, 3, 1).contiguous()  # (3, row, column, C)

    def logits(self, index: Tensor) -> Tensor:
        """Logits (Q,) float32 at grid indices (Q, 3)."""
        return torch.cat([self._chunk(part) for part in index.split(_CHUNK)]) if len(index) else self.line.new_empty(0)

    def _chunk(self, index: Tensor) -> Tensor:
        features = sum(
            plane[index[:, second], index[:, first]] for plane, (first, second) in zip(self.planes, PLANES, strict=True)
        )
        queries = self.line[index].to(self.planes.dtype)
        return self.autoencoder.decoder.from_features(features[None], queries[None])[0].float()


def grid_indices(samples: int, step: int, device: torch.device) -> Tensor:
    """All (i, j, k) of a grid with `samples` a side, every `step`-th: (Q, 3) int64, k fastest."""
    line = torch.arange(0, samples, step, device=device)
    return torch.cartesian_prod(line, line, line)


@torch.no_grad()
def dense_occupancy(autoencoder: ShapeAutoencoder, planes: Tensor, resolution: int) -> Tensor:
    """Logits at every sample of the grid: (n, n, n) float32 with n = resolution + 1, axes x, y, z."""
    grid = PlaneGrid(autoencoder, planes, resolution)
    return grid.logits(grid_indices(grid.samples, 1, planes.device)).view((grid.samples,) * 3)


@torch.no_grad()
def occupancy_grid(autoencoder: ShapeAutoencoder, planes: Tensor, resolution: int, threshold: float) -> Tensor:
    """Logits as `dense_occupancy`, but exact only near the surface; elsewhere interpolated from every second sample.

    Raises: UserError for an odd resolution or one below 4.
    """
    if resolution < 2 * COARSE_STEP or resolution % COARSE_STEP:
        raise UserError(f"resolution {resolution} must be an even number of at least {2 * COARSE_STEP}.")
    grid = PlaneGrid(autoencoder, planes, resolution)
    coarse_side = resolution // COARSE_STEP + 1
    coarse = grid.logits(grid_indices(grid.samples, COARSE_STEP, planes.device)).view(1, 1, *(coarse_side,) * 3)
    fine = F.interpolate(coarse, size=(grid.samples,) * 3, mode="trilinear", align_corners=True)[0, 0]
    # Cells that touch the surface or come near it, then one cell more on all sides.
    iso = logit(threshold)
    highest, lowest = F.max_pool3d(coarse, 2, 1), -F.max_pool3d(-coarse, 2, 1)
    active = ((highest >= iso - MARGIN) & (lowest <= iso + MARGIN)).float()
    active = F.max_pool3d(active, 3, 1, padding=1)
    near = F.interpolate(active, scale_factor=COARSE_STEP)[0, 0] > 0
    touched = torch.zeros_like(fine, dtype=torch.bool)
    for corner in range(8):
        i, j, k = corner & 1, corner >> 1 & 1, corner >> 2 & 1
        touched[i : i + resolution, j : j + resolution, k : k + resolution] |= near
    wanted = touched.nonzero()
    fine[touched] = grid.logits(wanted)
    return fine


def logit(probability: float) -> float:
    """ln(p / (1 - p)). Raises: UserError when `probability` is not inside (0, 1)."""
    if not 0 < probability < 1:
        raise UserError(f"threshold {probability} must lie between 0 and 1.")
    return float(np.log(probability) - np.log(1 - probability))


def extract_mesh(values: NDArray[np.float32], threshold: float, side: float = 1.1) -> Mesh:
    """Marching cubes of a grid of logits (n, n, n) at probability `threshold`; closed at the box, outward.

    Source: released model (padding by one sample of -1e6); tables of PyMCubes.
    """
    iso = logit(threshold)
    if not (values >= iso).any():
        return Mesh(np.empty((0, 3), np.float32), np.empty((0, 3), np.int32))
    vertices, faces = mcubes.marching_cubes(np.pad(values, 1, constant_values=OUTSIDE), iso)
    scaled = side * ((vertices - 1) / (len(values) - 1) - 0.5)
    return Mesh(scaled.astype(np.float32), faces.astype(np.int32))


def mesh_of_planes(autoencoder: ShapeAutoencoder, planes: Tensor, resolution: int, threshold: float) -> Mesh:
    """The surface of one shape's planes (3, C, R, R)."""
    values = occupancy_grid(autoencoder, planes, resolution, threshold).cpu().numpy()
    return extract_mesh(values, threshold, 1 + autoencoder.config.padding)

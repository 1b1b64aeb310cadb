"""From planes, or from tokens, to meshes."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from argus3d.errors import UserError
from argus3d.meshing.cubes import Mesh, extract_mesh, logit
from argus3d.meshing.field import OccupancyField
from argus3d.meshing.refine import occupancy_of_field
from argus3d.meshing.through import surface_through
from argus3d.meshing.volume import VolumeField
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.representations import GridDecoder
from argus3d.pools import pool
from argus3d.threads import one_thread

LOWEST, HIGHEST = 4, 1024  # cells a side
_BYTES_IN_FLIGHT = 2**31  # of grids that wait for their meshes


def dense_occupancy(autoencoder: ShapeAutoencoder, planes: Tensor, resolution: int) -> Tensor:
    """Logits at every sample of the grid: (n, n, n) float32 on the CPU with n = resolution + 1, axes x, y, z.

    planes : (3, C, R, R), or (C, R, R, R) of a grid

    Raises: UserError for a resolution that is not a whole number from 4 to 1024.
    """
    field = _field(autoencoder, planes, resolution)
    n = field.samples
    layers = [field.logits(np.arange(i * n * n, (i + 1) * n * n)) for i in range(n)]
    return torch.from_numpy(np.stack(layers).reshape(n, n, n))


def occupancy_grid(autoencoder: ShapeAutoencoder, planes: Tensor, resolution: int, threshold: float) -> Tensor:
    """Logits as `dense_occupancy`, but exact only near the surface; elsewhere those of a sample on the same side.

    Raises: UserError for a resolution that is not a whole number from 4 to 1024, or a threshold outside (0, 1).
    """
    return torch.from_numpy(_occupancy(autoencoder, planes, resolution, threshold))


def mesh_of_planes(autoencoder: ShapeAutoencoder, planes: Tensor, resolution: int, threshold: float) -> Mesh:
    """The surface of one shape's planes (3, C, R, R), at probability `threshold`.

    Raises: as `occupancy_grid`.
    """
    values = _occupancy(autoencoder, planes, resolution, threshold)
    return extract_mesh(values, threshold, 1 + autoencoder.config.padding)


def meshes_of_tokens(
    autoencoder: ShapeAutoencoder, tokens: Tensor, resolution: int, threshold: float,
    through: Sequence[NDArray[np.floating]] | None = None,
) -> Iterator[Mesh]:  # fmt: skip
    """The surfaces of token grids (B, T), in order, each the same as if it were alone.

    through : for each grid, points (P, 3) that its surface is to go through, see `surface_through`

    Surfaces are extracted in threads while the device works on the next shapes; the shapes in flight hold at most as
    many grids as there are threads, and at most 2 GiB of them (but always one).

    Raises: as `occupancy_grid`.
    """
    bytes_of_grid = 4 * (check_resolution(resolution) + 1) ** 3
    most = min(torch.get_num_threads(), _BYTES_IN_FLIGHT // bytes_of_grid)
    side = 1 + autoencoder.config.padding
    waiting: deque[Future[Mesh]] = deque()
    with pool(max(most, 1)) as threads:
        for number, row in enumerate(tokens):
            # One shape at a time: the same planes whatever the batch, and memory for one.
            with torch.no_grad(), one_thread():
                planes = autoencoder.decode(row[None])[0]
            if len(waiting) >= max(most, 1):
                yield waiting.popleft().result()
            values = _occupancy(autoencoder, planes, resolution, threshold)
            if through is not None:
                values = surface_through(values, through[number], threshold, side)
            waiting.append(threads.submit(extract_mesh, values, threshold, side))
            del values  # the thread holds it as long as it needs it
        while waiting:
            yield waiting.popleft().result()


def check_resolution(resolution: int) -> int:
    """`resolution` itself. Raises: UserError when it is not a whole number from 4 to 1024."""
    if isinstance(resolution, bool) or not isinstance(resolution, int | np.integer) or resolution < LOWEST:
        raise UserError(f"resolution {resolution!r} must be a whole number of cells from {LOWEST} to {HIGHEST}.")
    if resolution > HIGHEST:
        needed = 4 * (resolution + 1) ** 3 / 1e9
        raise UserError(
            f"resolution {resolution} would need {needed:.0f} GB for its grid alone; choose at most {HIGHEST}."
        )
    return int(resolution)


def _occupancy(autoencoder: ShapeAutoencoder, planes: Tensor, resolution: int, threshold: float) -> NDArray[np.float32]:
    iso = np.float32(logit(threshold))
    return occupancy_of_field(_field(autoencoder, planes, resolution), iso)


def _field(autoencoder: ShapeAutoencoder, planes: Tensor, resolution: int) -> OccupancyField | VolumeField:
    decoder, cells = autoencoder.decoder, check_resolution(resolution)
    if isinstance(decoder, GridDecoder):
        return VolumeField(decoder, planes, cells)
    return OccupancyField(decoder, planes, cells)

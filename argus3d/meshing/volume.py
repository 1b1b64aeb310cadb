"""Occupancy logits at the samples of a regular grid, of shapes that are grids of cells themselves.

Trilinear samples do not fall apart into one term a plane: every sample that is asked for goes through the decoder.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from argus3d.errors import UserError
from argus3d.model.representations import GridDecoder
from argus3d.threads import one_thread

_CHUNK = 2**12


class VolumeField:
    """What `OccupancyField` is for planes; the logit of a sample does not depend on what is asked with it either."""

    def __init__(self, decoder: GridDecoder, volume: Tensor, resolution: int) -> None:
        """volume : (C, R, R, R), axes z, y, x."""
        self.samples = resolution + 1
        self.evaluated = 0  # logits computed so far
        self._decoder, self._volume = decoder, volume[None]
        unit = torch.arange(self.samples, device=volume.device, dtype=torch.float32) / resolution
        self._line = (1 + decoder.padding) * (unit - 0.5)

    @torch.no_grad()
    @one_thread()
    def logits(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits (Q,) at flat indices (Q,) of samples, z fastest.

        Raises: UserError when a logit is not finite.
        """
        self.evaluated += len(index)
        # Whole chunks only: matrix products of another shape may round otherwise.
        padded = F.pad(torch.from_numpy(index).to(self._line.device), (0, -len(index) % _CHUNK))
        parts = [self._decoder(self._volume, self._places(part)[None])[0] for part in padded.split(_CHUNK)]
        logits: NDArray[np.float32] = torch.cat(parts)[: len(index)].cpu().numpy()
        if not np.isfinite(logits).all():
            raise UserError("the grid gives logits that are not finite; check the weights it came from.")
        return logits

    def _places(self, index: Tensor) -> Tensor:
        x, yz = index // self.samples**2, index % self.samples**2
        return torch.stack([self._line[x], self._line[yz // self.samples], self._line[yz % self.samples]], 1)

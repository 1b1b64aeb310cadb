"""Occupancy logits at the samples of a regular grid.

On such a grid everything before the first ReLU is separable: the features of a sample are a sum of one term a plane,
and so is what linear layers make of them. Each plane is resampled once at the grid's lines and folded with the layers
that act on features and coordinates; a sample is then three look-ups and the residual blocks.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from argus3d.errors import UserError
from argus3d.meshing.mlp import arrays, blocks_of, compiled_logits, logits_in_torch, padded_width
from argus3d.model.coordinates import PLANES, plane_coordinates
from argus3d.model.decoder import OccupancyDecoder, sample_bilinear
from argus3d.pools import pool
from argus3d.threads import one_thread

_SLAB_BYTES = 2**26  # of the tables that hold x; the third, yz, is whole
_CPU_CHUNK = 2**12  # samples of one thread's turn
_DEVICE_CHUNK = 2**16


class OccupancyField:
    """Logits of one shape at the samples of a grid with `resolution` cells a side over the padded box.

    The logit of a sample is the same, bit for bit, whichever samples are asked for with it.
    """

    def __init__(self, decoder: OccupancyDecoder, planes: Tensor, resolution: int) -> None:
        """planes : (3, C, R, R), order xz, xy, yz."""
        self.samples = resolution + 1
        self.evaluated = 0  # logits computed so far
        self._decoder, self._device = decoder, planes.device
        side = 1 + decoder.padding
        line = side * (torch.arange(self.samples, device=planes.device, dtype=torch.float32) / resolution - 0.5)
        self._line = line
        with torch.no_grad(), one_thread():
            self._planes = _resample(planes.float(), 2 * plane_coordinates(line, decoder.padding) - 1, decoder.aligned)
            self._blocks = blocks_of(decoder)
            self._yz = self._fold(2, 0, self.samples)
        bytes_of_line = 2 * self._yz[: self.samples].nbytes
        self._slab = max(1, min(self.samples, _SLAB_BYTES // bytes_of_line))
        self._folded: tuple[int, Tensor, Tensor] | None = None

    def logits(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits (Q,) at flat indices (Q,) of samples, z fastest.

        Raises: UserError when a logit is not finite.
        """
        self.evaluated += len(index)
        logits = np.empty(len(index), np.float32)
        for first, members in self._slabs(index):
            logits[members] = self._in_slab(first, index[members])
        if not np.isfinite(logits).all():
            raise UserError("the planes give logits that are not finite; check the weights they came from.")
        return logits

    def _slabs(self, index: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64] | slice]]:
        """The first x line of each slab that holds some of the samples, and which these are."""
        if self._slab == self.samples:
            yield 0, slice(None)
            return
        slab = index // (self._slab * self.samples**2)
        for number in np.unique(slab):
            yield int(number) * self._slab, np.flatnonzero(slab == number)

    def _in_slab(self, first: int, index: NDArray[np.int64]) -> NDArray[np.float32]:
        if self._folded is None or self._folded[0] != first:
            self._folded = None  # frees the slab before the next one is made
            last = min(first + self._slab, self.samples)
            self._folded = first, self._fold(0, first, last), self._fold(1, first, last)
        tables = self._folded[1], self._folded[2], self._yz
        local = index - first * self.samples**2
        return self._on_cpu(tables, local) if self._device.type == "cpu" else self._on_device(tables, local)

    def _on_cpu(self, tables: tuple[Tensor, Tensor, Tensor], index: NDArray[np.int64]) -> NDArray[np.float32]:
        logits = np.empty(len(index), np.float32)
        kernel = compiled_logits(len(self._blocks.out))
        constant = *(table.numpy() for table in tables), *arrays(self._blocks), self.samples

        def chunk(start: int) -> None:
            kernel(*constant, index[start : start + _CPU_CHUNK], logits[start : start + _CPU_CHUNK])

        starts = range(0, len(index), _CPU_CHUNK)
        with pool(max(1, min(torch.get_num_threads(), len(starts)))) as threads:
            list(threads.map(chunk, starts))
        return logits

    @torch.no_grad()
    def _on_device(self, tables: tuple[Tensor, Tensor, Tensor], index: NDArray[np.int64]) -> NDArray[np.float32]:
        # Whole chunks only: matrix products of another shape may round otherwise.
        padded = F.pad(torch.from_numpy(index).to(self._device), (0, -len(index) % _DEVICE_CHUNK))
        parts = [logits_in_torch(tables, self._blocks, self.samples, part) for part in padded.split(_DEVICE_CHUNK)]
        return torch.cat(parts)[: len(index)].cpu().numpy()

    @torch.no_grad()
    @one_thread()
    def _fold(self, plane: int, first: int, last: int) -> Tensor:
        """What a plane adds to the input of every block: (lines * samples, blocks, H), `first` to `last` of its lines.

        Coordinates and biases are further features: the plane xz carries x and z, the plane xy also y and the biases.
        """
        decoder, lines = self._decoder, self._planes[plane, first:last]
        layers = [(layer.get_parameter("weight").float(), layer.get_parameter("bias")) for layer in decoder.features]
        point = decoder.point_in.weight.float()  # (H, 3)
        weight = torch.zeros((len(layers), padded_width(len(point)), lines.shape[2] + 2), device=self._device)
        for i, (of_features, bias) in enumerate(layers):
            weight[i, : len(point), :-2] = of_features
            if plane == 1:
                weight[i, : len(point), -2] = bias
        if plane == 0:
            weight[0, : len(point), -2:] = point[:, [0, 2]]
        if plane == 1:
            weight[0, : len(point), -2] += decoder.point_in.bias
            weight[0, : len(point), -1] = point[:, 1]
        first_axis = torch.ones_like(self._line) if plane == 1 else self._line
        extra = torch.stack(torch.broadcast_tensors(first_axis[first:last, None], self._line), 2)
        features = torch.cat([lines, extra], 2)
        return (features.flatten(0, 1) @ weight.flatten(0, 1).T).unflatten(1, weight.shape[:2])


def _resample(planes: Tensor, unit: Tensor, aligned: bool) -> Tensor:
    """Planes (3, C, R, R) at the crossings of lines at `unit` (n,) in [-1, 1]: (3, n, n, C), first axis first."""
    second, first = torch.meshgrid(unit, unit, indexing="ij")
    lattice = torch.stack([first, second], 2).expand(len(PLANES), -1, -1, 2)
    sampled = sample_bilinear(planes, lattice, aligned)  # (3, C, second, first)
    return sampled.permute(0, 3, 2, 1).contiguous()

"""Chamfer distances on a device of torch: minima by a backend's kernel, everything else here, for all alike."""

from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from eval.distances.chamfer import checked, convention
from eval.distances.chamfer_pairs import ChamferPairs, Hull

Points = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

SCRATCH = 1 << 29  # bytes on the device for what a list of pairs leaves between kernel and sums: 10 ms of an H100
PAIRS = 1 << 20  # of a matrix at once; bounds the lists of indices


class Minima(Protocol):
    """What a backend computes."""

    def __call__(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Squared distance of each point to the nearest one of the other cloud, for pairs of clouds.

        rows, columns : (K,) int64, on the device
        returns : from generated to reference (K, P) float32, and back (K, Q) float32; in the direct form, so that
            equal points are at 0, and the same for a pair whatever others are asked with it
        """
        ...


class Distances:
    """Chamfer distances of listed pairs; memory goes with the pairs, no distances of points are kept."""

    def __init__(self, a: Points, b: Points | None, kind: str, device: str, backend: str) -> None:
        """Bring the clouds to the device.

        a : (G, P, 3) float32, checked
        b : (R, Q, 3) float32, checked, or None for a with itself
        kind : see `chamfer.chamfer`
        device, backend : "triton" or "pytorch3d", resolved (see `backends.resolve`)
        """
        other = a if b is None else b
        self.shape = (len(a), len(other))
        self._device = torch.device(device)
        self._root, *self._weights = convention(kind, a.shape[1], other.shape[1])
        on_device = torch.tensor(a, device=self._device)
        self._minima = _kernel(backend, on_device, on_device if b is None else torch.tensor(b, device=self._device))
        points = a.shape[1], other.shape[1]
        # Doubles and their half sums, or copies of clouds and indices; and the rows' minima of 512 columns each.
        self._step = max(1, SCRATCH // (48 * sum(points) + 4 * points[0] * -(-points[1] // 512)))

    def exact(self, rows: Indices, columns: Indices) -> Values:
        """Chamfer distances of pairs.

        rows, columns : (K,) int64
        returns : (K,) float64, the same bits for a pair whatever others are asked with it, and with its roles swapped
        """
        out = torch.empty(len(rows), dtype=torch.float64, device=self._device)
        every = torch.tensor(np.stack([rows, columns]), device=self._device)  # (2, K)
        for first in range(0, len(rows), self._step):
            part = slice(first, first + self._step)
            there, back = (row_sums(one, self._root) for one in self._minima(every[0, part], every[1, part]))
            out[part] = self._weights[0] * there + self._weights[1] * back
        return np.asarray(out.cpu().numpy())

    def matrix(self) -> Values:
        """All of them, (G, R) float64."""
        out = np.empty(self.shape)
        step = max(1, PAIRS // self.shape[1])
        for first in range(0, self.shape[0], step):
            rows, columns = np.mgrid[first : min(first + step, self.shape[0]), : self.shape[1]].reshape(2, -1)
            out[first : first + step] = self.exact(rows, columns).reshape(-1, self.shape[1])
        return out


class DevicePairs(ChamferPairs):
    """`neighbours.Pairs` on a device: the lattice is built by the CPU, its product and all distances are the device's.

    The certificate of the bounds holds for these kernels' rounding too: they take differences in float32 and sum in
    float64, as the CPU's does. The product is in float64, which no setting of torch rounds to TF32.
    Memory on the device: 16 bytes a cloud and vertex of the lattice that is in use (10,000 of them are much), and 24 kB
    a cloud of 2,048 points.
    """

    def __init__(
        self, generated: npt.ArrayLike, reference: npt.ArrayLike | None, kind: str, device: str, backend: str
    ) -> None:
        """Build the lattice and bring it and the clouds to the device.

        generated : (G, P, 3) float32
        reference : (R, Q, 3) float32, or None for the generated set with itself
        device, backend : see `Distances`
        Raises : ValueError, see `chamfer.chamfer`
        """
        super().__init__(generated, reference, kind)
        a = checked(generated, "generated")
        b = None if reference is None else checked(reference, "reference")
        self._distances = Distances(a, b, kind, device, backend)
        self._lattice_a = _doubles(self._bound_a.weights, device), _doubles(self._bound_a.field, device)
        self._lattice_b = self._lattice_a
        if reference is not None:
            self._lattice_b = _doubles(self._bound_b.weights, device), _doubles(self._bound_b.field, device)

    def _solve(self, rows: Indices, columns: Indices) -> Values:
        return self._distances.exact(rows, columns)

    def _products(self, rows: Hull, columns: Hull) -> tuple[Values, Values]:
        (weights_a, field_a), (weights_b, field_b) = self._lattice_a, self._lattice_b
        there = weights_a[rows] @ field_b[columns].T
        return there.cpu().numpy(), (field_a[rows] @ weights_b[columns].T).cpu().numpy()


def row_sums(squared: Tensor, root: bool) -> Tensor:
    """Sums in float64, pairwise: one order for each row, however many rows there are, on every device.

    squared : (K, P) float32
    root : of plain distances instead
    returns : (K,) float64
    """
    values = squared.double().sqrt() if root else squared.double()
    width = 1 << (values.shape[1] - 1).bit_length()
    values = F.pad(values, (0, width - values.shape[1]))
    while values.shape[1] > 1:
        values = values[:, : values.shape[1] // 2] + values[:, values.shape[1] // 2 :]
    return values[:, 0]


def _kernel(backend: str, a: Tensor, b: Tensor) -> Minima:
    """Minima between clouds (G, P, 3) and (R, Q, 3) float32, which lie on the device."""
    if backend == "triton":
        from eval.distances.kernels import triton_chamfer  # neither package need be there

        padded = triton_chamfer.padded(a)
        points = a.shape[1], b.shape[1]
        return partial(triton_chamfer.minima, padded, padded if b is a else triton_chamfer.padded(b), points)
    from eval.distances.backends import with_pytorch3d

    return partial(with_pytorch3d.minima, a, b)


def _doubles(values: Points, device: str) -> Tensor:
    return torch.tensor(values, device=device).double()

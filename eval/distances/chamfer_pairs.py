"""Chamfer distances of pairs on demand, with certified bounds of all of them for next to nothing."""

import numpy as np
import numpy.typing as npt

from eval.distances.chamfer import checked, convention
from eval.distances.copies import Copies
from eval.distances.kernels import lattice
from eval.distances.kernels.blocks import BLOCK, pack
from eval.distances.kernels.nearest import pair_sums

Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Products = npt.NDArray[np.floating]
Hull = slice | Indices

ROUNDING = 2.0**-23  # of one float32 operation, and as much again
SLACK = 2e-6  # what rounding may do to an exact distance, and more
UNDERFLOW = 1e-37  # squares below it are rounded coarsely


class ChamferPairs:
    """`neighbours.Pairs` of clouds by Chamfer distance, generated in rows."""

    def __init__(
        self, generated: npt.ArrayLike, reference: npt.ArrayLike | None = None, kind: str = "squared_mean"
    ) -> None:
        """Pack the clouds and build their lattice.

        generated : (G, P, 3) float32
        reference : (R, Q, 3) float32, or None for the generated set with itself
        kind : see `chamfer`
        Raises : ValueError, see `chamfer`

        Memory: about 0.25 MB a cloud of 2,048 points; 1 to 2 ms of one core.
        """
        a = checked(generated, "generated")
        b = a if reference is None else checked(reference, "reference")
        self.shape = (len(a), len(b))
        self.symmetric = reference is None
        self._convention = convention(kind, a.shape[1], b.shape[1])
        root, weight_a, weight_b = self._convention
        self._copies = Copies(a, None if reference is None else b)
        self._a = pack(a)
        self._b = self._a if reference is None else pack(b)
        corners = np.array([(x.min(axis=(0, 1)), x.max(axis=(0, 1))) for x in (a, b)], np.float64)
        grid = lattice.around(corners[:, 0].min(axis=0), corners[:, 1].max(axis=0))
        raw_a = lattice.weights(a, grid, root)
        raw_b = raw_a if reference is None else lattice.weights(b, grid, root)
        touched = np.flatnonzero(_by_block(raw_a[0]).any(axis=(0, 2)) | _by_block(raw_b[0]).any(axis=(0, 2)))
        self._bound_a = _Side(raw_a, touched, lattice.fields(self._a, grid, touched, root), a.shape[1], weight_a, root)
        self._bound_b = self._bound_a
        if reference is not None:
            field = lattice.fields(self._b, grid, touched, root)
            self._bound_b = _Side(raw_b, touched, field, b.shape[1], weight_b, root)

    def exact(self, rows: Indices, columns: Indices) -> Values:
        """Chamfer distances of pairs, rows and columns (K,) int64; to the last bit those of `chamfer_matrix`."""
        return self._copies.once(self._solve, rows, columns)

    def _solve(self, rows: Indices, columns: Indices) -> Values:
        return pair_sums(self._a, self._b, rows, columns, *self._convention)

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        """Certified lower and upper bounds of `exact`; cheap for lists that fill a rectangle of rows and columns."""
        row_hull, row_place = _hull(rows, self.shape[0])
        column_hull, column_place = _hull(columns, self.shape[1])
        there, back = self._products(row_hull, column_hull)
        lower, upper = self._bound_a.one_way(there[row_place, column_place], rows)
        lower_back, upper_back = self._bound_b.one_way(back[row_place, column_place], columns)
        lower, upper = (lower + lower_back) * (1 - SLACK), (upper + upper_back) * (1 + SLACK)
        return self._copies.known(self._solve, rows, columns, lower, upper)

    def _products(self, rows: Hull, columns: Hull) -> tuple[Products, Products]:
        """Weights of each row's cloud times the field of each column's, and the field times the weights."""
        there = self._bound_a.weights[rows] @ self._bound_b.field[columns].T
        return there, self._bound_a.field[rows] @ self._bound_b.weights[columns].T


class _Side:
    """What one set brings to the bounds."""

    def __init__(
        self,
        raw: tuple[npt.NDArray[np.float32], Values],
        touched: Indices,
        field: npt.NDArray[np.float32],
        count: int,
        weight: float,
        root: bool,
    ) -> None:
        self.weights = _by_block(raw[0])[:, touched].reshape(len(raw[0]), -1)
        self.field = field
        self._spread, self._count, self._weight, self._root = raw[1], count, weight, root
        # A sum of n numbers that are not negative is off by at most n roundings of itself; zeros add none.
        self._margin = (np.count_nonzero(self.weights, axis=1) + 8) * ROUNDING

    def one_way(self, products: Products, clouds: Indices) -> tuple[Values, Values]:
        """Bounds of the weighted sum over a cloud's points of the distance to the other cloud.

        products : (K,), of the cloud's weights and the other's field
        """
        product, spread, margin = products.astype(np.float64), self._spread[clouds], self._margin[clouds]
        if self._root:
            lost = spread * (1 + SLACK) + self._count * UNDERFLOW**0.5
            lower, upper = product * (1 - margin) - lost, product * (1 + margin) + lost
        else:
            lost = spread * (1 + SLACK) + self._count * UNDERFLOW
            lower = product * (1 - margin) - lost
            upper = (np.sqrt(product * (1 + margin)) + np.sqrt(lost)) ** 2  # by Minkowski's inequality
        return self._weight * np.maximum(lower, 0), self._weight * upper


def _by_block(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return values.reshape(len(values), -1, BLOCK)


def _hull(indices: Indices, size: int) -> tuple[Hull, Indices]:
    """The different indices in order, as a slice where they follow each other, and where each index stands there."""
    present = np.zeros(size, np.bool_)
    present[indices] = True
    different = np.flatnonzero(present)
    place = (np.cumsum(present) - 1)[indices]
    if len(different) and different[-1] - different[0] + 1 == len(different):
        return slice(int(different[0]), int(different[-1]) + 1), place
    return different, place

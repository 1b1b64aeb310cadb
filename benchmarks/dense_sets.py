"""Set metrics of halves from a whole distance matrix, compiled, for simulations of many thousands of sets.

The tests hold it against `eval.metrics`, which ask for distances instead. Ties are not looked at: draws from a density
have none.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from eval.distances.kernels.groups import root_of
from eval.intervals import Split

Values = npt.NDArray[np.float64]

NAMES = ("cov", "one_nna", "one_nna_generated", "one_nna_reference", "zw", "zd", "zw1", "zd1")


class DenseSets:
    """Two sets of equal size, all distances known."""

    def __init__(self, union: Values, trees: int) -> None:
        """Grow the trees.

        union : (2 n, 2 n) float64, symmetric, generated shapes first
        trees : k of ECD
        """
        self.union, self.size = union, len(union) // 2
        rows, columns = np.triu_indices(len(union), 1)
        order = np.argsort(union[rows, columns])
        self._edges = _forests(rows[order].astype(np.int32), columns[order].astype(np.int32), len(union), trees)

    def values(self, generated: npt.NDArray[np.int64], reference: npt.NDArray[np.int64]) -> Values:
        """The metrics of NAMES on some shapes of both sets; zw and zd on all trees of the whole, zw1 and zd1 on one."""
        chosen = np.zeros(2 * self.size, np.bool_)
        chosen[generated] = chosen[self.size + reference] = True
        shares = _shares(self.union, chosen, self.size)
        return np.concatenate([shares, _scores(self._edges, chosen, self.size)])

    def distances(self, generated: npt.NDArray[np.int64]) -> Values:
        """(n,) of each reference shape to the nearest of some generated shapes."""
        return np.asarray(self.union[generated, self.size :].min(axis=0))

    def on_halves(self, splits: list[Split]) -> tuple[Values, Values]:
        """NAMES on the halves of each split, (splits, 2, 8), and `intervals.match_on_halves`."""
        values = [[self.values(split.generated[half], split.reference[half]) for half in (0, 1)] for split in splits]
        return np.array(values), np.array([[self.distances(half) for half in split.generated] for split in splits])


@njit(cache=True)
def _nearest(distances, chosen, row, first, last):  # type: ignore[no-untyped-def]
    best, place = np.inf, -1
    for column in range(first, last):
        if chosen[column] and column != row and distances[row, column] < best:
            best, place = distances[row, column], column
    return place


@njit(cache=True)
def _shares(distances, chosen, size):  # type: ignore[no-untyped-def]
    hit = np.zeros(2 * size, np.bool_)
    own = np.zeros(2)
    for row in range(2 * size):
        if chosen[row]:
            nearest = _nearest(distances, chosen, row, 0, 2 * size)
            own[0 if row < size else 1] += (row < size) == (nearest < size)
            if row < size:
                hit[_nearest(distances, chosen, row, size, 2 * size)] = True
    generated, reference = chosen[:size].sum(), chosen[size:].sum()
    return np.array(
        [hit.sum() / reference, own.sum() / (generated + reference), own[0] / generated, own[1] / reference]
    )


@njit(cache=True)
def _forests(rows, columns, size, trees):  # type: ignore[no-untyped-def]
    """Edges of the trees, (E, 3) int64, lower node first, with the number of the tree."""
    parents = np.empty((trees, size), np.int32)
    parents[:] = np.arange(size)
    edges, filled = np.empty((trees * (size - 1), 3), np.int64), 0
    for pair in range(rows.shape[0]):
        a, b = rows[pair], columns[pair]
        tree = 0
        while tree < trees and root_of(parents[tree], a) == root_of(parents[tree], b):
            tree += 1
        if tree < trees:
            parents[tree, root_of(parents[tree], a)] = root_of(parents[tree], b)
            edges[filled, 0], edges[filled, 1], edges[filled, 2] = a, b, tree
            filled += 1
    return edges[:filled]


@njit(cache=True)
def _scores(edges, chosen, size):  # type: ignore[no-untyped-def]
    """zw and zd on the edges between chosen shapes: of all trees, then of the first."""
    degrees, inside = np.zeros((2, 2 * size)), np.zeros((2, 2))
    for edge in range(edges.shape[0]):
        a, b, tree = edges[edge, 0], edges[edge, 1], edges[edge, 2]
        if not (chosen[a] and chosen[b]):
            continue
        for graph in range(2 if tree == 0 else 1):
            degrees[graph, a] += 1
            degrees[graph, b] += 1
            if b < size:
                inside[graph, 0] += 1
            elif a >= size:
                inside[graph, 1] += 1
    out = np.empty(4)
    out[:2] = _standardised(inside[0], degrees[0], chosen, size)
    out[2:] = _standardised(inside[1], degrees[1], chosen, size)
    return out


@njit(cache=True)
def _standardised(inside, degrees, chosen, size):  # type: ignore[no-untyped-def]
    """zw and zd; moments as in `eval.metrics.ecd`, in floats."""
    n, m = float(chosen[:size].sum()), float(chosen[size:].sum())
    total = n + m
    edges = degrees.sum() / 2
    shared = (degrees * (degrees - 1)).sum()
    apart = edges * (edges - 1) - shared
    two, three = total * (total - 1), total * (total - 1) * (total - 2)
    four = three * (total - 3)
    mean_1, mean_2 = edges * n * (n - 1) / two, edges * m * (m - 1) / two
    var_1 = shared * n * (n - 1) * (n - 2) / three + apart * n * (n - 1) * (n - 2) * (n - 3) / four + mean_1 - mean_1**2
    var_2 = shared * m * (m - 1) * (m - 2) / three + apart * m * (m - 1) * (m - 2) * (m - 3) / four + mean_2 - mean_2**2
    cov = apart * n * (n - 1) * m * (m - 1) / four - mean_1 * mean_2
    x, y, u, v = inside[0] - mean_1, inside[1] - mean_2, m - 1, n - 1
    zw = (u * x + v * y) / np.sqrt(u * u * var_1 + v * v * var_2 + 2 * u * v * cov)
    return zw, (x - y) / np.sqrt(var_1 + var_2 - 2 * cov)

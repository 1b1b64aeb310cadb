"""Exact assignment: shortest augmenting paths from a start that is nearly right.

Any potentials may be taken off rows and columns without changing which matching is best; good ones leave most rows
matched at cost zero and short paths for the rest. The start comes from a few Sinkhorn rounds, whose own answer would
be a few per cent off and is not used. The result is the optimum to rounding, as scipy's solver gives it.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

ROUNDS = 15
BLUR = 0.04  # of the mean cost; larger starts worse, smaller needs more rounds
TINY = 1e-300  # keeps sums that underflow from dividing by zero; potentials need not be good to be right


def assign(cost: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Column of each row in a matching of least total cost.

    cost : (N, N) float64, finite, 0 or more
    returns : (N,) int64
    Source : Jonker and Volgenant, Computing 1987; Cuturi, NeurIPS 2013 for the start
    """
    blur = BLUR * cost.mean()
    if blur == 0:
        return np.arange(len(cost))
    reduced = cost - blur * np.log(_balance(np.exp(cost / -blur)))
    reduced -= reduced.min(axis=1, keepdims=True)
    reduced -= reduced.min(axis=0)
    return _augment(reduced)


# Not by matrix products: the threads of the linear algebra library would compete with those that share out the pairs.
@njit(cache=True, nogil=True, fastmath={"nnan", "ninf", "nsz", "contract", "reassoc"})
def _balance(kernel):  # type: ignore[no-untyped-def]
    """Column factors after some rounds of scaling rows, then columns, to sums of one."""
    size = kernel.shape[0]
    columns = np.ones(size)
    for _ in range(ROUNDS):
        sums = np.zeros(size)
        for i in range(size):
            line, total = kernel[i], 0.0
            for j in range(size):
                total += line[j] * columns[j]
            factor = 1.0 / (total + TINY)
            for j in range(size):
                sums[j] += factor * line[j]
        for j in range(size):
            columns[j] = 1.0 / (sums[j] + TINY)
    return columns


@njit(cache=True, nogil=True)
def _augment(cost):  # type: ignore[no-untyped-def]
    """Best matching of a cost matrix of which every row and column has a zero and no entry is negative."""
    size = cost.shape[0]
    row_of = np.full(size, -1, np.int64)
    column_of = np.full(size, -1, np.int64)
    for i in range(size):
        for j in range(size):
            if cost[i, j] == 0 and row_of[j] < 0:
                row_of[j], column_of[i] = i, j
                break
    u, v = np.zeros(size), np.zeros(size)
    distance, open_, final = np.empty(size), np.empty(size), np.empty(size)
    before = np.empty(size, np.int64)
    for free in range(size):
        if column_of[free] >= 0:
            continue
        end = _shortest_path(cost, u, v, free, row_of, distance, open_, final, before)
        reached = distance[end]
        # Potentials move by how much nearer than the end a node was; then the path's edges swap sides.
        u[free] += reached
        for j in range(size):
            if final[j] >= 0 and j != end:
                u[row_of[j]] += reached - final[j]
                v[j] -= reached - final[j]
        j = end
        while True:
            i = before[j]
            row_of[j] = i
            j, column_of[i] = column_of[i], j
            if i == free:
                break
    return column_of


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _shortest_path(cost, u, v, free, row_of, distance, open_, final, before):  # type: ignore[no-untyped-def]
    """Nearest unmatched column from row `free` by reduced cost.

    distance : of each column so far; open_ : the same, infinite once final; final : distance once final, else -1;
    before : row that each column was reached from
    """
    size = cost.shape[0]
    for j in range(size):
        distance[j] = np.inf
        open_[j] = np.inf
        final[j] = -1.0
    i, base = free, 0.0
    while True:
        line, offset = cost[i], base - u[i]
        for j in range(size):
            through = offset + line[j] - v[j]
            closer = through < distance[j] and final[j] < 0
            distance[j] = through if closer else distance[j]
            open_[j] = through if closer else open_[j]
            before[j] = i if closer else before[j]
        base = np.inf
        for j in range(size):
            base = open_[j] if open_[j] < base else base
        nearest = 0
        while open_[nearest] != base:
            nearest += 1
        final[nearest] = max(base, 0.0)  # rounding may leave it just below
        open_[nearest] = np.inf
        if row_of[nearest] < 0:
            return nearest
        i = row_of[nearest]

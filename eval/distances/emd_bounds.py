"""Earth mover's distances of pairs on demand, with certified bounds of all of them for next to nothing.

Lower bounds: along a direction the best matching is that of the sorted coordinates, and no matching in space moves
points less than its shadow does. The mean over directions, divided by what it can be at most for a move of length one,
is a bound, and for plain distances each single direction is one, too; so is, one way, the mean distance to the nearest
point. Upper bound: both clouds are halved along x, y, z, x, ... down to single points, which are matched by rank.
"""

from functools import cache, partial

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from eval.distances.copies import Copies
from eval.distances.emd import SMALL, bound_small_pairs, demand_equal_sizes, demand_gap, prepared, solve_pairs
from eval.distances.kernels.blocks import pack
from eval.distances.kernels.nearest import pair_sums
from eval.distances.neighbours import Tighter

Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

DIRECTIONS = 64
BLOCKS = 32  # of sorted coordinates that are kept by their mean alone, which can only bring a lower bound down
ROUNDING = 1e-11  # of the set's extent: more than float64 can be off
ROUNDING_SINGLE = 4e-6  # the same for distances computed in float32


class EmdPairs:
    """`neighbours.Pairs` of clouds by earth mover's distance, generated in rows."""

    def __init__(
        self, generated: npt.ArrayLike, reference: npt.ArrayLike | None = None, squared: bool = False, gap: float = 0.0
    ) -> None:
        """Sort the clouds along the directions and into matching order.

        generated : (G, P, 3) float32
        reference : (R, P, 3) float32, or None for the generated set with itself
        squared : mean squared matched distances, as `emd_squared`
        gap : see `emd`; the default asks for exact distances
        Raises : ValueError, see `emd`

        Memory: 150 bytes a point and 16 KB a cloud.
        """
        demand_gap(gap)
        if gap >= 1:
            raise ValueError(f"gap {gap} leaves no upper bound; ask for less than 1")
        a = prepared(generated, "generated")
        b = a if reference is None else prepared(reference, "reference")
        demand_equal_sizes(a, b)
        self.shape = (len(a), len(b))
        self.symmetric = reference is None
        self._solver = (squared, float(gap))
        self._clouds = (a, b)
        self._copies = Copies(a, None if reference is None else b)
        middle = (a.min(axis=(0, 1)) + a.max(axis=(0, 1))) / 2
        self._reach = float(max(np.abs(x - middle).max() for x in (a, b))) or 1.0
        self._shadows_a = _Shadows((a - middle) / self._reach)
        self._shadows_b = self._shadows_a if reference is None else _Shadows((b - middle) / self._reach)

    def exact(self, rows: Indices, columns: Indices) -> Values:
        """Distances of pairs: `emd(..., gap).value`, to the last bit.

        rows, columns : (K,) int64
        returns : (K,) float64
        """
        return self._copies.once(self._solve, rows, columns)

    def _solve(self, rows: Indices, columns: Indices) -> Values:
        return solve_pairs(*self._clouds, rows, columns, *self._solver)[0]

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        """Certified bounds of `exact`, rounding included.

        rows, columns : (K,) int64
        returns : lower, upper, (K,) float64; lower is the tighter for pairs that may be the nearest of those asked for
        """
        squared, gap = self._solver
        a, b = self._shadows_a, self._shadows_b
        largest = largest_mean_square(directions()) if squared else largest_mean_length(directions())
        lower, upper = _bound_pairs(
            a.quantiles, b.quantiles, a.weights, a.ranked, b.ranked, rows, columns, squared, 1 / largest
        )
        near = np.flatnonzero(self._may_be_nearest(rows, columns, lower, upper))
        lower[near] = np.maximum(lower[near], self._one_way(rows[near], columns[near]))
        unit = self._reach**2 if squared else self._reach
        lower, upper = np.maximum(lower - ROUNDING, 0.0) * unit, (upper + ROUNDING) * unit / (1 - gap)
        return self._copies.known(self._solve, rows, columns, lower, upper)

    @property
    def tighter(self) -> Tighter | None:
        """Closer lower bounds, of small clouds; larger ones are not known to have any at a fair price."""
        if self._clouds[0].shape[1] > SMALL:
            return None
        return partial(bound_small_pairs, *self._clouds, squared=self._solver[0])

    def _may_be_nearest(self, rows: Indices, columns: Indices, lower: Values, upper: Values) -> npt.NDArray[np.bool_]:
        """Pairs whose lower bound is below every upper bound in the list of one of their shapes."""
        best_row = np.full(self.shape[0], np.inf)
        best_column = best_row if self.symmetric else np.full(self.shape[1], np.inf)
        np.minimum.at(best_row, rows, upper)
        np.minimum.at(best_column, columns, upper)
        return np.asarray((lower < best_row[rows]) | (lower < best_column[columns]))

    def _one_way(self, rows: Indices, columns: Indices) -> Values:
        """The larger of the mean distances of one cloud's points to the other cloud."""
        root, share = not self._solver[0], 1 / self._clouds[0].shape[1]
        a, b = self._shadows_a.blocks, self._shadows_b.blocks
        there = pair_sums(a, b, rows, columns, root, share, 0.0)
        back = pair_sums(a, b, rows, columns, root, 0.0, share)
        return np.maximum(there, back) * (1 - ROUNDING_SINGLE) - ROUNDING_SINGLE


class _Shadows:
    """What bounds need of a set of clouds in [-1, 1]^3.

    quantiles : (N, DIRECTIONS, B) float64, means of blocks of the sorted coordinates along each direction
    weights : (B,) float64, share of the points in each block, sum 1
    ranked : (N, P, 3) float64, points in an order in which those of the same rank lie near each other
    blocks : of `nearest.pair_sums`
    """

    def __init__(self, clouds: Values) -> None:
        points = clouds.shape[1]
        starts = np.unique(np.arange(BLOCKS) * points // BLOCKS)
        counts = np.diff(np.append(starts, points))
        self.weights = counts / points
        self.quantiles = np.empty((len(clouds), DIRECTIONS, len(starts)))
        for i, cloud in enumerate(clouds):
            along = np.sort(directions() @ cloud.T, axis=1)
            self.quantiles[i] = np.add.reduceat(along, starts, axis=1) / counts
        self.ranked = _ranked(clouds)
        self.blocks = pack(clouds.astype(np.float32))


@cache
def directions() -> Values:
    """Unit vectors spread over half a sphere, on a spiral of golden angles.

    returns : (DIRECTIONS, 3) float64
    """
    step = np.arange(DIRECTIONS) + 0.5
    height, angle = step / DIRECTIONS, np.pi * (1 + 5**0.5) * step
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), height], axis=1)


def largest_mean_length(units: Values) -> float:
    """The largest mean of |u . v| over the directions u that a unit vector v can have, to rounding, from above.

    units : (K, 3) float64, of which no three lie in a plane
    Source : the mean is |s . u| summed for some signs s, and largest along that sum itself, so the answer is the
        longest of the sums that occur; signs change at the planes normal to the units, and every set of signs meets a
        line that two of the planes share
    """
    first, second = np.triu_indices(len(units), 1)
    signs = np.sign(np.cross(units[first], units[second]) @ units.T)
    longest = 0.0
    for one in (-1, 1):
        signs[np.arange(len(first)), first] = one
        for other in (-1, 1):
            signs[np.arange(len(first)), second] = other
            longest = max(longest, float(np.linalg.norm(signs @ units, axis=1).max()))
    return longest / len(units) * (1 + 1e-12)


def largest_mean_square(units: Values) -> float:
    """The largest mean of (u . v)^2 over the directions u that a unit vector v can have, to rounding, from above.

    units : (K, 3) float64
    """
    return float(np.linalg.eigvalsh(units.T @ units / len(units))[-1]) * (1 + 1e-12)


@njit(parallel=True, cache=True, nogil=True)
def _bound_pairs(quantiles_a, quantiles_b, weights, ranked_a, ranked_b, rows, columns, squared, factor):  # type: ignore[no-untyped-def]
    """Bounds from the sorted coordinates, and from the matching by rank.

    factor : on the mean over directions
    """
    lower, upper = np.empty(len(rows)), np.empty(len(rows))
    for k in prange(len(rows)):
        mean, most = _shadow_costs(quantiles_a[rows[k]], quantiles_b[columns[k]], weights, squared)
        lower[k] = max(mean * factor, most)
        upper[k] = _rank_cost(ranked_a[rows[k]], ranked_b[columns[k]], squared)
    return lower, upper


@njit(cache=True, nogil=True, fastmath={"nnan", "ninf", "nsz", "contract", "reassoc"})
def _shadow_costs(a, b, weights, squared):  # type: ignore[no-untyped-def]
    """Cost of matching sorted coordinates: mean over the directions, and the largest."""
    total, most = 0.0, 0.0
    for direction in range(a.shape[0]):
        cost = 0.0
        if squared:
            for block in range(a.shape[1]):
                difference = a[direction, block] - b[direction, block]
                cost += weights[block] * difference * difference
        else:
            for block in range(a.shape[1]):
                cost += weights[block] * abs(a[direction, block] - b[direction, block])
        total += cost
        most = max(most, cost)
    return total / a.shape[0], most


@njit(cache=True, nogil=True, fastmath={"nnan", "ninf", "nsz", "contract", "reassoc"})
def _rank_cost(a, b, squared):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(a.shape[0]):
        dx, dy, dz = a[i, 0] - b[i, 0], a[i, 1] - b[i, 1], a[i, 2] - b[i, 2]
        square = dx * dx + dy * dy + dz * dz
        total += square if squared else np.sqrt(square)
    return total / a.shape[0]


@njit(parallel=True, cache=True, nogil=True)
def _ranked(clouds):  # type: ignore[no-untyped-def]
    """Points halved along x, y, z, x, ... by rank, down to single ones; clouds of a size are halved alike."""
    out = np.empty_like(clouds)
    for i in prange(clouds.shape[0]):
        order = np.arange(clouds.shape[1])
        open_ = [(0, clouds.shape[1], 0)]
        while len(open_) > 0:
            start, end, axis = open_.pop()
            if end - start < 2:
                continue
            order[start:end] = order[start:end][np.argsort(clouds[i][order[start:end], axis], kind="mergesort")]
            middle = (start + end) // 2
            open_.append((start, middle, (axis + 1) % 3))
            open_.append((middle, end, (axis + 1) % 3))
        out[i] = clouds[i][order]
    return out

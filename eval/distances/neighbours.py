"""Neighbours and spanning trees that ask for few distances: exact ones only where bounds leave a doubt.

Every answer is that of the full matrix, ties included: of equally near shapes the lowest index counts, of equally long
edges the one of the lower, then the higher index. A pair is solved only if its lower bound comes before what is known
already; what was solved once is remembered and serves every later question. Memory: 4 bytes a pair for the bounds
(1.6 GB for a union of 20,000) and 8 a solved one.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Protocol

import numpy as np
import numpy.typing as npt

from eval.distances.kernels import forests, known
from eval.distances.kernels.threads import threads_for

Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

LINE = 1 << 22  # pairs sorted at once for spanning trees
BATCH = 64  # of them solved at once
SIDE = 1 << 10  # of the squares of pairs handed to `bounds` and `exact` at once; bounds the lists of indices


Tighter = Callable[[Indices, Indices], Values]


class Pairs(Protocol):
    """Distances between the shapes of two sets, or of one set with itself, that cost something.

    Pairs may have an attribute `tighter` between the two methods: of rows and columns a lower bound (K,) float64,
    closer than that of `bounds` and cheaper than `exact`, asked once for each pair whose first bound leaves a doubt.

    shape : (rows, columns), generated shapes in rows
    symmetric : rows and columns are the same set; a shape is never its own neighbour
    """

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def symmetric(self) -> bool: ...

    def exact(self, rows: Indices, columns: Indices) -> Values:
        """Distances of pairs.

        rows, columns : (K,) int64
        returns : (K,) float64, finite, 0 or more; if symmetric, the same bits for (i, j) and (j, i)
        """
        ...

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        """Certified bounds of the same: lower <= exact <= upper, rounding included.

        rows, columns : (K,) int64
        returns : lower, upper, (K,) float64; where they are equal the distance is known and never asked for
        """
        ...


def tighter_of(pairs: Pairs) -> Tighter | None:
    """What pairs have between bounds and exact distances, None for nothing."""
    return getattr(pairs, "tighter", None)


class Neighbours:
    """Answers about all distances between two sets, or within one, from as few of them as it can."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self.shape = pairs.shape
        self.symmetric = pairs.symmetric
        self._state = np.zeros(self.shape, np.int32)  # see kernels/known.py
        self._tighten = tighter_of(pairs)
        self._solved = _Solved()
        self._take_bounds()

    @property
    def solved(self) -> int:
        """Pairs asked of `pairs.exact`, by parts too; not those whose bounds are equal."""
        return self._solved.asked

    @property
    def _values(self) -> Values:
        return self._solved.values

    def part(self, rows: Indices, columns: Indices) -> "Neighbours":
        """Some rows and some columns, with all that is known of them; what is solved for a part is known to the whole.

        rows, columns : (R,), (C,) int64, without repetition; equal ones make the part symmetric if the whole is
        """
        return _Portion(self, rows, columns)

    def nearest(self, axis: int = 1) -> tuple[Indices, Values]:
        """Nearest column of each row (axis 1, as for argmin) or nearest row of each column (axis 0).

        returns : index (N,) int64, distance (N,) float64
        Raises : ValueError for another axis, or if there is nothing to choose from
        """
        if axis not in (0, 1):
            raise ValueError(f"axis must be 0 (nearest row of each column) or 1 (column of each row), got {axis}")
        index, distance = self._search(1, columns=axis == 0)
        return index[:, 0], distance[:, 0]

    def k_nearest(self, k: int) -> tuple[Indices, Values]:
        """The k nearest columns of each row, nearest first.

        returns : index (R, k) int64, distance (R, k) float64
        Raises : ValueError if k is below 1 or there are fewer columns (other than the row's own)
        """
        return self._search(k, columns=False)

    def spanning_trees(self, k: int) -> tuple[Indices, int]:
        """k minimum spanning trees of a set, one after another, each without the edges already used.

        returns : edges (T * (N - 1), 2) int64, lower index first, tree after tree, and the number of trees T: fewer
            than k when the edges left no longer connect all shapes
        Raises : ValueError between two sets
        """
        if not self.symmetric:
            raise ValueError("spanning trees need one set with itself; join both sets first")
        grown, low = _Forests(self.shape[0], k), 0
        while not grown.complete and low < forests.END:
            groups = forests.groups_of(grown.parents[-1])
            low = self._grow(grown, groups, low, self._end_of_line(groups, low))
        return grown.trees()

    def _end_of_line(self, groups: npt.NDArray[np.int32], low: int) -> int:
        """Bits up to which a line reaches that is not too long to be sorted at once, and not empty."""
        if self.shape[0] * (self.shape[0] - 1) // 2 <= LINE:
            return forests.END
        counts = np.cumsum(forests.count_bits(self._state, self._values, groups, low))
        if counts[-1] == 0:
            return forests.END
        return int(max(np.searchsorted(counts, LINE, side="right"), np.argmax(counts > 0) + 1)) << forests.SHIFT

    def _grow(self, grown: "_Forests", groups: npt.NDArray[np.int32], low: int, high: int) -> int:
        """Join what can be joined by pairs whose bits lie in [low, high). Returns `high`."""
        value, row, column = forests.gather(self._state, self._values, groups, low, high)
        order = np.argsort(value, kind="stable")
        value, row, column = value[order], row[order], column[order]
        asked = np.empty((BATCH, 2), np.int64)
        heap, place, waiting = np.empty((BATCH, 3)), 0, 0
        while True:
            place, waiting, count = forests.grow(
                self._state, self._values, value, row, column, place, heap, waiting,
                grown.parents, grown.edges, grown.filled, asked,
            )  # fmt: skip
            if not count:
                return high
            self._advance(asked[:count, 0], asked[:count, 1])
            if waiting + count > len(heap):
                heap = np.concatenate([heap, np.empty((waiting + count, 3))])
            waiting = forests.push_back(self._state, self._values, asked, count, high, heap, waiting)

    def matrix(self) -> Values:
        """All distances, every pair solved.

        returns : (R, C) float64; if symmetric, with a zero diagonal
        """
        for rows, columns in self._all_pairs():
            self.exact(rows, columns)
        return self.known()

    def known(self) -> Values:
        """The distances known so far.

        returns : (R, C) float64, nan where nothing was solved; if symmetric, with a zero diagonal
        """
        out = self._values[np.maximum(~self._state, 0)]
        out[self._state >= 0] = np.nan
        if self.symmetric:
            np.fill_diagonal(out, 0.0)
        return np.asarray(out)

    def exact(self, rows: Indices, columns: Indices) -> Values:
        """Distances of pairs, solved now or before (see `Pairs`)."""
        unknown = self._state[rows, columns] >= 0
        if unknown.any():
            self._solve(rows[unknown], columns[unknown])
        return np.asarray(self._values[~self._state[rows, columns]])

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        """What is known of pairs: the distance twice where it was solved, else a lower bound and infinity."""
        state = self._state[rows, columns]
        open_ = state >= 0
        lower = np.where(open_, state, 0).astype(np.int32).view(np.float32).astype(np.float64)
        lower[~open_] = self._values[~state[~open_]]
        return lower, np.where(open_, np.inf, lower)

    def _take_bounds(self) -> None:
        for rows, columns in self._all_pairs():
            lower, upper = self._pairs.bounds(rows, columns)
            self._set(rows, columns, known.fresh(_rounded_down(lower)))
            exact = lower == upper
            self._store(rows[exact], columns[exact], lower[exact])

    def _all_pairs(self) -> Iterator[tuple[Indices, Indices]]:
        """All pairs, a square of rows and columns at a time; if symmetric, each once with the lower index first."""
        for top, left in product(range(0, self.shape[0], SIDE), range(0, self.shape[1], SIDE)):
            if self.symmetric and left < top:
                continue
            below, right = min(top + SIDE, self.shape[0]), min(left + SIDE, self.shape[1])
            rows, columns = np.mgrid[top:below, left:right].reshape(2, -1)
            if self.symmetric and left == top:
                above = rows < columns
                rows, columns = rows[above], columns[above]
            if len(rows):
                yield rows, columns

    def _advance(self, rows: Indices, columns: Indices) -> None:
        """Take pairs that are not solved a step on: to a closer bound where there is one, else solve them."""
        rows, columns = self._each_once(rows, columns)
        if self._tighten is not None:
            before = self._state[rows, columns]
            fresh = known.is_fresh(before)
            bits = known.tightened(_rounded_down(self._tighten(rows[fresh], columns[fresh])), before[fresh])
            self._set(rows[fresh], columns[fresh], bits)
            fresh[fresh] = bits > 0  # a bound of 0 says nothing
            rows, columns = rows[~fresh], columns[~fresh]
        self._solve(rows, columns)

    def _solve(self, rows: Indices, columns: Indices) -> None:
        """Solve pairs that are not solved; repetitions and, if symmetric, both orders of a pair count once."""
        rows, columns = self._each_once(rows, columns)
        self._store(rows, columns, self._pairs.exact(rows, columns))
        self._solved.asked += len(rows)

    def _each_once(self, rows: Indices, columns: Indices) -> tuple[Indices, Indices]:
        if self.symmetric:
            rows, columns = np.minimum(rows, columns), np.maximum(rows, columns)
        rows, columns = np.divmod(np.unique(rows * self.shape[1] + columns), self.shape[1])
        return rows, columns

    def _set(self, rows: Indices, columns: Indices, state: npt.NDArray[np.int32]) -> None:
        self._state[rows, columns] = state
        if self.symmetric:
            self._state[columns, rows] = state

    def _store(self, rows: Indices, columns: Indices, values: Values) -> None:
        self._set(rows, columns, (~self._solved.keep(values)).astype(np.int32))

    def _search(self, k: int, columns: bool) -> tuple[Indices, Values]:
        state = self._state.T if columns else self._state
        choices = state.shape[1] - self.symmetric
        if not 1 <= k <= choices:
            raise ValueError(f"{k} nearest of {choices} cannot be found; ask for 1 to {choices}")
        value = np.empty((len(state), k))
        index = np.empty((len(state), k), np.int64)
        asked = np.zeros(len(state), np.int64)
        while True:
            with threads_for(*state.shape):
                known.best_so_far(state, self._values, self.symmetric, value, index, asked)
            open_ = np.flatnonzero(asked >= 0)
            if len(open_) == 0:
                return index, value
            pair = (asked[open_], open_) if columns else (open_, asked[open_])
            self._advance(*pair)


class _Portion(Neighbours):
    """Some rows and columns of others: their state as it was at first, which is brought up to date where it counts."""

    def __init__(self, whole: Neighbours, rows: Indices, columns: Indices) -> None:
        self.shape = len(rows), len(columns)
        self.symmetric = whole.symmetric and np.array_equal(rows, columns)
        self._state = whole._state[np.ix_(rows, columns)]
        self._whole: Neighbours = whole
        self._rows, self._columns = rows, columns
        if isinstance(whole, _Portion):  # which may be let go
            self._whole, self._rows, self._columns = whole._whole, whole._rows[rows], whole._columns[columns]
        self._solved = whole._solved

    def _advance(self, rows: Indices, columns: Indices) -> None:
        row, column = self._rows[rows], self._columns[columns]
        behind = self._whole._state[row, column] != self._state[rows, columns]
        self._whole._advance(row[~behind], column[~behind])
        self._set(rows, columns, self._whole._state[row, column])

    def _solve(self, rows: Indices, columns: Indices) -> None:
        row, column = self._rows[rows], self._columns[columns]
        self._whole.exact(row, column)
        self._set(rows, columns, self._whole._state[row, column])


class _Solved:
    """Distances that were solved, in the order in which they came."""

    def __init__(self) -> None:
        self.asked = 0
        self.values = np.empty(1024)
        self._count = 0

    def keep(self, values: Values) -> Indices:
        """Their places from now on."""
        places = np.arange(self._count, self._count + len(values))
        self._count += len(values)
        if self._count > len(self.values):
            self.values = np.concatenate([self.values, np.empty(self._count)])
        self.values[places] = values
        return places


class _Forests:
    """What k spanning trees have become so far (see kernels/forests.py)."""

    def __init__(self, size: int, k: int) -> None:
        self.parents = np.tile(np.arange(size, dtype=np.int32), (k, 1))
        self.edges = np.empty((k, size - 1, 2), np.int64)
        self.filled = np.zeros(k, np.int64)

    @property
    def complete(self) -> bool:
        return bool(self.filled[-1] == self.edges.shape[1])

    def trees(self) -> tuple[Indices, int]:
        """Edges of the trees that connect all, and how many these are."""
        whole = int((self.filled == self.edges.shape[1]).sum())
        return self.edges[:whole].reshape(-1, 2), whole


def _rounded_down(values: Values) -> npt.NDArray[np.float32]:
    """The largest float32 not above, and not below 0."""
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
    below = np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)
    return np.asarray(np.maximum(below, np.float32(0)) + np.float32(0))  # no negative zero: its bits mean "solved"

"""Coarse to fine: the logits of a grid near the surface, and no others.

Three lattices: blocks of 4^3 cells, halves of 2^3, and the grid itself. Blocks that the surface crosses or comes near
are opened, which evaluates the corners of their halves; halves that it crosses or comes near are refined, which
evaluates all their samples. Then the region is closed: where a side of a refined half shows both signs, the half beyond
it is refined too, until no side does. So the surface that the region holds is made of whole components of the dense
grid's surface, vertex for vertex.

Every component that passes between two neighbouring samples of the coarse lattice with different signs is among them:
the samples of such an edge are evaluated, and halves that have both signs on it are refined. Coarse is every fourth
sample from 128 cells on, every second from 64 on, every sample below.
"""

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from argus3d.meshing.field import OccupancyField

# A plate that slips between two samples raises both: going on as it did before each of them, the logit would reach the
# threshold between them. It may have to change so many times faster than it did, between coarse samples and between
# corners of halves in blocks. Of 24 shapes of nano at 64 and at 128 cells, one loses a component, of 10 vertices.
COARSE_SLACK, HALF_SLACK = 2.0, 1.0
_BATCH = 2**16  # halves refined at once

_UNTOUCHED, _NEW, _DONE = 0, 1, 2

Evaluate = Callable[[NDArray[np.int64]], NDArray[np.float32]]


def occupancy_of_field(field: OccupancyField, iso: np.float32) -> NDArray[np.float32]:
    """Logits (n, n, n): exact near the surface of {logit > iso}, elsewhere those of a sample on the same side."""
    resolution = field.samples - 1
    if resolution < 64:
        return field.logits(np.arange(field.samples**3)).reshape((field.samples,) * 3)
    return Refinement(field.logits, resolution, iso, coarse_step=4 if resolution >= 128 else 2).run()


class Refinement:
    """One run over a grid of `resolution` cells; `evaluate` gives logits at flat indices."""

    def __init__(self, evaluate: Evaluate, resolution: int, iso: np.float32, coarse_step: int) -> None:
        """coarse_step : 4, or 2 to open all blocks."""
        self._evaluate, self._iso, self._step = evaluate, iso, coarse_step
        n, halves = resolution + 1, -(-resolution // 2)
        self.values = np.empty((n, n, n), np.float32)
        self._known = np.zeros((halves + 1,) * 3, np.bool_)  # corners of halves that are evaluated
        self._halves = np.zeros((halves,) * 3, np.uint8)
        self._blocks = np.zeros((-(-halves // 2),) * 3, np.uint8)
        self._change = np.empty((0, 0, 0, 3), np.float32)

    def run(self) -> NDArray[np.float32]:
        """The grid's logits, (n, n, n)."""
        self._sample_coarsely()
        fresh = np.empty(0, np.int64)
        while len(fresh) or (self._blocks == _NEW).any():
            fresh = np.union1d(fresh, self._open_blocks())
            for start in range(0, len(fresh), _BATCH):
                self._refine(fresh[start : start + _BATCH])
            fresh = _close(self.values, self._halves, self._blocks, fresh, self._iso)
        if self._step == 4:
            _settle(self.values, self._halves, self._blocks, self._iso)
        return self.values

    def _sample_coarsely(self) -> None:
        """Evaluate the coarse lattice, learn how it changes and mark the blocks to open."""
        n = len(self.values)
        line = np.minimum(np.arange(0, n - 1 + self._step, self._step), n - 1)
        index = (line[:, None, None] * n + line[:, None]) * n + line
        coarse = self._evaluate(index.ravel()).reshape(index.shape)
        _spread(coarse, self._step, self.values)
        self._change = _change_nearby(coarse)
        self._known[np.ix_(*(-(-line // 2),) * 3)] = True
        if self._step == 2:
            self._blocks[:] = _NEW
        else:
            _choose_blocks(self.values, self._blocks, self._iso, self._change)

    def _open_blocks(self) -> NDArray[np.int64]:
        """Evaluate the corners of halves in new blocks; the halves to refine."""
        blocks = np.flatnonzero(self._blocks == _NEW)
        self._store(_unknown_corners(self._known, blocks, len(self.values)))
        if self._step == 4:
            side = len(self._blocks)
            self._store(np.unique(_samples_on_crossed_edges(self.values, blocks, self._iso, side)))
        return _choose_halves(self.values, self._halves, self._blocks, blocks, self._iso, self._change)

    def _refine(self, halves: NDArray[np.int64]) -> None:
        self._store(_missing_samples(self._halves, halves, len(self.values)))
        self._halves.ravel()[halves] = _DONE

    def _store(self, index: NDArray[np.int64]) -> None:
        if len(index):
            self.values.ravel()[index] = self._evaluate(index)


def _change_nearby(coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each cell of a lattice (m + 1)^3, the largest change along x, y and z at its corners: (m, m, m, 3)."""
    m = len(coarse) - 1
    change = np.empty((m, m, m, 3), np.float32)
    for axis in range(3):
        largest = np.abs(np.diff(coarse, axis=axis))
        for other in range(3):
            along = np.moveaxis(largest, other, 0)
            if other == axis:
                along = np.pad(along, ((1, 1), (0, 0), (0, 0)))
                along = np.maximum(np.maximum(along[:-2], along[1:-1]), along[2:])
            else:
                along = np.maximum(along[:-1], along[1:])
            largest = np.moveaxis(along, 0, other)
        change[..., axis] = largest
    return change


@njit(cache=True, nogil=True)
def _spread(coarse, step, values):  # type: ignore[no-untyped-def]
    """Give every sample the value of the coarse sample at or below it."""
    n, last = len(values), len(coarse) - 1
    for i in range(n):
        for j in range(n):
            row = coarse[last if i == n - 1 else i // step, last if j == n - 1 else j // step]
            for k in range(n - 1):
                values[i, j, k] = row[k // step]
            values[i, j, n - 1] = row[last]


@njit(cache=True, nogil=True)
def _wanted(values, i, j, k, step, iso, change, share):  # type: ignore[no-untyped-def]
    """Whether a cell of `step` samples a side from (i, j, k) on has to be looked into.

    So it is where the surface crosses an edge or caps the box, and where an edge may pass through a plate: its ends are
    together no further from the threshold than the logit changes along edges nearby, `share` of `change`.
    """
    last = len(values) - 1
    x, y, z = (i, min(i + step, last)), (j, min(j + step, last)), (k, min(k + step, last))
    for corner in range(8):
        a, b, c = x[corner & 1], y[corner >> 1 & 1], z[corner >> 2]
        here = values[a, b, c] - iso
        if here > 0 and (min(a, b, c) == 0 or max(a, b, c) == last):
            return True
        for axis in range(3):
            if corner >> axis & 1:
                continue
            other = corner | 1 << axis
            there = values[x[other & 1], y[other >> 1 & 1], z[other >> 2]] - iso
            if (here > 0) != (there > 0) or abs(here) + abs(there) <= share * change[axis]:
                return True
    return False


@njit(cache=True, nogil=True)
def _choose_blocks(values, blocks, iso, change):  # type: ignore[no-untyped-def]
    """Mark the blocks that are to be opened."""
    m = len(blocks)
    for i in range(m):
        for j in range(m):
            for k in range(m):
                if _wanted(values, 4 * i, 4 * j, 4 * k, 4, iso, change[i, j, k], COARSE_SLACK):
                    blocks[i, j, k] = _NEW


@njit(cache=True, nogil=True)
def _unknown_corners(known, blocks, n):  # type: ignore[no-untyped-def]
    """Flat indices of the corners of the halves in `blocks` that are not evaluated; they are known from here on."""
    corners = len(known)
    m = corners // 2
    index, found = np.empty(27 * len(blocks), np.int64), 0
    for block in blocks:
        i, j, k = 2 * (block // (m * m)), 2 * (block // m % m), 2 * (block % m)
        for a in range(i, min(i + 3, corners)):
            for b in range(j, min(j + 3, corners)):
                for c in range(k, min(k + 3, corners)):
                    if not known[a, b, c]:
                        known[a, b, c] = True
                        index[found] = (min(2 * a, n - 1) * n + min(2 * b, n - 1)) * n + min(2 * c, n - 1)
                        found += 1
    return index[:found]


@njit(cache=True, nogil=True)
def _samples_on_crossed_edges(values, blocks, iso, side):  # type: ignore[no-untyped-def]
    """Flat indices of the samples between corners of halves on edges of `blocks` whose ends have different signs."""
    n = len(values)
    index, found = np.empty(24 * len(blocks), np.int64), 0
    for block in blocks:
        x, y, z = 4 * (block // (side * side)), 4 * (block // side % side), 4 * (block % side)
        xs, ys, zs = (x, min(x + 4, n - 1)), (y, min(y + 4, n - 1)), (z, min(z + 4, n - 1))
        for corner in range(8):
            low = (xs[corner & 1], ys[corner >> 1 & 1], zs[corner >> 2])
            for axis in range(3):
                high = corner | 1 << axis
                if high == corner:
                    continue
                end = (xs[high & 1], ys[high >> 1 & 1], zs[high >> 2])
                if (values[low[0], low[1], low[2]] > iso) == (values[end[0], end[1], end[2]] > iso):
                    continue
                stride = n * n if axis == 0 else n if axis == 1 else 1
                for step in range(1, end[axis] - low[axis], 2):
                    index[found] = (low[0] * n + low[1]) * n + low[2] + step * stride
                    found += 1
    return index[:found]


@njit(cache=True, nogil=True)
def _on_crossed_edge(values, i, j, k, iso):  # type: ignore[no-untyped-def]
    """Whether both signs lie in a half along an edge of its block whose ends have different signs."""
    last = len(values) - 1
    x, y, z = i // 2 * 4, j // 2 * 4, k // 2 * 4
    xs, ys, zs = (x, min(x + 4, last)), (y, min(y + 4, last)), (z, min(z + 4, last))
    for corner in range(8):
        a, b, c = xs[corner & 1], ys[corner >> 1 & 1], zs[corner >> 2]
        if not (2 * i <= a <= 2 * i + 2 and 2 * j <= b <= 2 * j + 2 and 2 * k <= c <= 2 * k + 2):
            continue
        inside = values[a, b, c] > iso
        for axis in range(3):
            other = corner ^ 1 << axis
            if (values[xs[other & 1], ys[other >> 1 & 1], zs[other >> 2]] > iso) == inside:
                continue
            between = (
                min(2 * i + 1, last) if axis == 0 else a,
                min(2 * j + 1, last) if axis == 1 else b,
                min(2 * k + 1, last) if axis == 2 else c,
            )
            if (values[between[0], between[1], between[2]] > iso) != inside:
                return True
    return False


@njit(cache=True, nogil=True)
def _choose_halves(values, halves, blocks, opened, iso, change):  # type: ignore[no-untyped-def]
    """Halves of the opened blocks that are to be refined and were not yet; marks both. `change` of halves or blocks."""
    m, side = len(halves), len(blocks)
    share = COARSE_SLACK if len(change) == m else HALF_SLACK / 2
    chosen, found = np.empty(8 * len(opened), np.int64), 0
    for block in opened:
        x, y, z = block // (side * side), block // side % side, block % side
        blocks[x, y, z] = _DONE
        crossed = _wanted(values, 4 * x, 4 * y, 4 * z, 4, iso, change[x, y, z], 0.0)
        for i in range(2 * x, min(2 * x + 2, m)):
            for j in range(2 * y, min(2 * y + 2, m)):
                for k in range(2 * z, min(2 * z + 2, m)):
                    if halves[i, j, k] != _UNTOUCHED:
                        continue
                    nearby = change[i, j, k] if len(change) == m else change[x, y, z]
                    if _wanted(values, 2 * i, 2 * j, 2 * k, 2, iso, nearby, share) or (
                        crossed and _on_crossed_edge(values, i, j, k, iso)
                    ):
                        halves[i, j, k] = _NEW
                        chosen[found] = (i * m + j) * m + k
                        found += 1
    return chosen[:found]


@njit(cache=True, nogil=True)
def _claimed(halves, i, j, k, a, b, c):  # type: ignore[no-untyped-def]
    """Whether another half that holds the sample (a, b, c) has it already, or is due for it before half (i, j, k)."""
    m = len(halves)
    own = (i * m + j) * m + k
    for x in range(max((a + 1) // 2 - 1, 0), min(a // 2, m - 1) + 1):
        for y in range(max((b + 1) // 2 - 1, 0), min(b // 2, m - 1) + 1):
            for z in range(max((c + 1) // 2 - 1, 0), min(c // 2, m - 1) + 1):
                state = halves[x, y, z]
                if state == _DONE or (state == _NEW and (x * m + y) * m + z < own):
                    return True
    return False


@njit(cache=True, nogil=True)
def _is_corner(a, b, c, last):  # type: ignore[no-untyped-def]
    """Whether a sample is a corner of halves."""
    return (a % 2 == 0 or a == last) and (b % 2 == 0 or b == last) and (c % 2 == 0 or c == last)


@njit(cache=True, nogil=True)
def _missing_samples(halves, fresh, n):  # type: ignore[no-untyped-def]
    """Flat indices of the samples of new halves, in ascending order, that are not evaluated, each once."""
    m = len(halves)
    index, found = np.empty(19 * len(fresh), np.int64), 0
    for half in fresh:
        i, j, k = half // (m * m), half // m % m, half % m
        for a in range(2 * i, min(2 * i + 3, n)):
            for b in range(2 * j, min(2 * j + 3, n)):
                for c in range(2 * k, min(2 * k + 3, n)):
                    if not _is_corner(a, b, c, n - 1) and not _claimed(halves, i, j, k, a, b, c):
                        index[found] = (a * n + b) * n + c
                        found += 1
    return index[:found]


@njit(cache=True, nogil=True)
def _crossed_side(values, i, j, k, axis, upper, iso):  # type: ignore[no-untyped-def]
    """Whether a side of a refined half shows both signs; what is inside at the box has its other sign beyond."""
    n = len(values)
    low = np.array((2 * i, 2 * j, 2 * k))
    high = np.minimum(low + 2, n - 1)
    low[axis] = high[axis] = high[axis] if upper else low[axis]
    some, every = False, True
    for a in range(low[0], high[0] + 1):
        for b in range(low[1], high[1] + 1):
            for c in range(low[2], high[2] + 1):
                inside = values[a, b, c] > iso
                some |= inside
                every &= inside and min(a, b, c) > 0 and max(a, b, c) < n - 1
    return some and not every


@njit(cache=True, nogil=True)
def _close(values, halves, blocks, refined, iso):  # type: ignore[no-untyped-def]
    """Halves beyond crossed sides of refined ones, to be refined too; marks them, and their blocks where closed."""
    m = len(halves)
    beyond, found = np.empty(6 * len(refined), np.int64), 0
    for half in refined:
        i, j, k = half // (m * m), half // m % m, half % m
        for direction in range(6):
            axis, upper = direction >> 1, direction & 1
            step = 2 * upper - 1
            a, b, c = i + step * (axis == 0), j + step * (axis == 1), k + step * (axis == 2)
            if min(a, b, c) < 0 or max(a, b, c) == m or halves[a, b, c] != _UNTOUCHED:
                continue
            if _crossed_side(values, i, j, k, axis, upper, iso):
                halves[a, b, c] = _NEW
                if blocks[a // 2, b // 2, c // 2] == _UNTOUCHED:
                    blocks[a // 2, b // 2, c // 2] = _NEW
                beyond[found] = (a * m + b) * m + c
                found += 1
    return np.sort(beyond[:found])


@njit(cache=True, nogil=True)
def _settle(values, halves, blocks, iso):  # type: ignore[no-untyped-def]
    """Bring what was not evaluated in opened blocks to its side: a half that stayed shut is all on one side, but that
    need not be the side of its block's lowest corner, whose value it has."""
    n, m = len(values), len(halves)
    for i in range(m):
        for j in range(m):
            for k in range(m):
                if halves[i, j, k] != _UNTOUCHED or blocks[i // 2, j // 2, k // 2] == _UNTOUCHED:
                    continue
                corner = values[2 * i, 2 * j, 2 * k]
                same = (corner > iso) == (values[i // 2 * 4, j // 2 * 4, k // 2 * 4] > iso)
                if same and max(i, j, k) < m - 1:  # the last line has values of its own
                    continue
                for a in range(2 * i, min(2 * i + 3, n)):
                    for b in range(2 * j, min(2 * j + 3, n)):
                        for c in range(2 * k, min(2 * k + 3, n)):
                            if not _is_corner(a, b, c, n - 1) and not _claimed(halves, i, j, k, a, b, c):
                                values[a, b, c] = corner

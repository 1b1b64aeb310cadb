"""The least cost of laying one light field over another, and a bound of it.

A cost of two views is a sum of weighted differences of bytes. Numbers of weight 1 and of weight 2 are kept apart. All
views of all orientations of one shape sit side by side in the vector lanes, against one view of the other shape at a
time, and then all orientations of one shape while the 60 alignments are tried: no lane ever branches.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from argus3d.compiled import compile_anew_with
from eval.distances.light_field.views import ORIENTATIONS, PERMUTATIONS, VIEWS

UNROLL = 4  # numbers of a descriptor taken at once: fewer passes over the sums
PADDED = 48  # numbers of a descriptor, zeros included, so that each weight has a multiple of UNROLL
LANES = 128  # views of a shape, ORIENTATIONS * VIEWS, rounded up to whole vectors
ROW = 16  # orientations of a shape, rounded up
HALVES = 2
FAR = np.int32(1 << 30)

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packed:
    """Descriptors of N shapes, laid out for matching.

    views : (N, ORIENTATIONS, VIEWS, PADDED) uint8, light numbers first
    lanes : (N, PADDED, LANES) uint8, the same; lane is view * ORIENTATIONS + orientation
    halves : (N, ORIENTATIONS, HALVES * PADDED) int16, weighted sums of the lower and upper half of each number's values
    light : how many of PADDED numbers have weight 1; the others have weight 2
    """

    views: npt.NDArray[np.uint8]
    lanes: npt.NDArray[np.uint8]
    halves: npt.NDArray[np.int16]
    light: int


def pack(descriptors: npt.NDArray[np.uint8], double: npt.NDArray[np.bool_]) -> Packed:
    """Lay descriptors out for matching.

    descriptors : (N, ORIENTATIONS, VIEWS, C) uint8
    double : (C,), whether a number has weight 2
    """
    light, heavy = (_padded(descriptors[..., which]) for which in (~double, double))
    views = np.concatenate([light, heavy], axis=-1)
    if views.shape[-1] != PADDED:
        raise ValueError(f"descriptors of {views.shape[-1]} numbers, padding included; {PADDED} are laid out for")
    lanes = np.zeros((len(views), PADDED, LANES), np.uint8)
    lanes[..., : ORIENTATIONS * VIEWS] = views.transpose(0, 3, 2, 1).reshape(len(views), PADDED, -1)
    weights = np.repeat((1, 2), (light.shape[-1], heavy.shape[-1]))
    ordered = np.sort(views, axis=2).reshape(len(views), ORIENTATIONS, HALVES, VIEWS // HALVES, PADDED)
    halves = (ordered.sum(axis=3) * weights).reshape(len(views), ORIENTATIONS, -1).astype(np.int16)
    return Packed(np.ascontiguousarray(views), lanes, halves, light.shape[-1])


def costs(a: Packed, b: Packed, rows: Indices, columns: Indices) -> Indices:
    """Least costs of pairs.

    rows, columns : (K,) int64, into a and b
    returns : (K,) int64, the same with the roles of a and b swapped
    """
    return np.asarray(_costs(a.views, b.lanes, rows, columns, PERMUTATIONS, a.light))


def cost_bounds(a: Packed, b: Packed, rows: Indices, columns: Indices) -> Indices:
    """Numbers that the least costs of the same pairs are never below, for less than a fiftieth of the work.

    However 10 values are paired with 10 others, the differences add up to no less than when both are sorted; and those
    of the lower five, as those of the upper five, to no less than the difference of their sums. That holds for each of
    a descriptor's numbers, and so for their weighted sum, whatever the alignment; the least over all pairs of
    orientations is therefore below the cost.
    """
    return np.asarray(_bounds(a.halves, b.halves, rows, columns))


def _padded(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, -values.shape[-1] % UNROLL)])


@njit(parallel=True, cache=True)
def _costs(views, lanes, rows, columns, permutations, light):  # type: ignore[no-untyped-def]
    out = np.empty(rows.shape[0], np.int64)
    for pair in prange(rows.shape[0]):
        out[pair] = _cost(views[rows[pair]], lanes[columns[pair]], permutations, light)
    return out


@njit(cache=True)
def _cost(views, lanes, permutations, light):  # type: ignore[no-untyped-def]
    sums = np.empty(LANES, np.uint16)
    table = np.zeros((VIEWS, VIEWS, ROW), np.uint16)
    best = np.full(ROW, FAR)
    for orientation in range(ORIENTATIONS):
        for view in range(VIEWS):
            _differences(views[orientation, view], lanes, light, sums)
            for other in range(VIEWS):
                for lane in range(ORIENTATIONS):
                    table[view, other, lane] = sums[other * ORIENTATIONS + lane]
        _align(table, permutations, best)
    return best[:ORIENTATIONS].min()


@njit(cache=True)
def _differences(view, lanes, light, sums):  # type: ignore[no-untyped-def]
    """Costs of one view against all views of the other shape; below 2^16, as 58 weighted bytes are."""
    for lane in range(LANES):
        sums[lane] = 0
    for first in range(light, PADDED, UNROLL):
        _add(view[first : first + UNROLL], lanes[first : first + UNROLL], sums)
    for lane in range(LANES):
        sums[lane] *= 2
    for first in range(0, light, UNROLL):
        _add(view[first : first + UNROLL], lanes[first : first + UNROLL], sums)


@njit(cache=True)
def _add(view, lanes, sums):  # type: ignore[no-untyped-def]
    a, b, c, d = view[0], view[1], view[2], view[3]
    for lane in range(LANES):
        sums[lane] += (
            _difference(lanes[0, lane], a)
            + _difference(lanes[1, lane], b)
            + _difference(lanes[2, lane], c)
            + _difference(lanes[3, lane], d)
        )


@njit(cache=True)
def _difference(one, other):  # type: ignore[no-untyped-def]
    # By selection, since the compiler keeps that in bytes; the absolute value of a difference it widens.
    return (one if one > other else other) - (other if one > other else one)


@njit(cache=True)
def _align(table, permutations, best):  # type: ignore[no-untyped-def]
    """Sum the costs of views along each alignment, for all orientations of the other shape; keep the least."""
    total = np.empty(ROW, np.int32)
    for p in range(permutations.shape[0]):
        to = permutations[p]
        # Written out: one pass over the lanes instead of ten.
        a, b, c, d, e = table[0, to[0]], table[1, to[1]], table[2, to[2]], table[3, to[3]], table[4, to[4]]
        f, g, h, i, j = table[5, to[5]], table[6, to[6]], table[7, to[7]], table[8, to[8]], table[9, to[9]]
        for n in range(ROW):
            total[n] = np.int32(a[n]) + b[n] + c[n] + d[n] + e[n] + f[n] + g[n] + h[n] + i[n] + j[n]
        for n in range(ROW):
            best[n] = total[n] if total[n] < best[n] else best[n]


@njit(parallel=True, cache=True)
def _bounds(a, b, rows, columns):  # type: ignore[no-untyped-def]
    out = np.empty(rows.shape[0], np.int64)
    for pair in prange(rows.shape[0]):
        one, other = a[rows[pair]], b[columns[pair]]
        least = FAR
        for i in range(ORIENTATIONS):
            for j in range(ORIENTATIONS):
                total = np.int32(0)
                for n in range(HALVES * PADDED):
                    total += abs(np.int32(one[i, n]) - np.int32(other[j, n]))
                least = min(least, total)
        out[pair] = least
    return out


compile_anew_with(__name__, "eval.distances.light_field.views")

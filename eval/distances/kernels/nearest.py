"""Sums of nearest-point distances between clouds in kd order: exact, one SIMD lane a query.

A block of queries sits in the vector lanes, so that every lane does the same arithmetic and none ever branches; four
candidates are unrolled to use the registers. Leaves of candidates whose box lies farther from the block than any of its
queries has come already cannot change a minimum and are left out: the minima are those of all points, to the last bit.
Differences are taken directly: |a|^2 + |b|^2 - 2ab would be cheaper by an instruction, but loses digits and gives
copies a distance that is not zero.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from argus3d.compiled import compile_anew_with
from eval.distances.kernels.blocks import BLOCK, LEAF, LEAVES, Blocks
from eval.distances.kernels.threads import threads_for

UNROLL = 4
# Multiply-adds may be fused; infinities and NaN never come in (callers check).
FAST = {"nnan", "ninf", "nsz", "contract", "arcp", "reassoc"}
FAR = np.float32(3e38)
SLACK = np.float32(1 + 4e-6)  # a box's bound and a point's distance are rounded differently
NEAR = np.float32(0.25)  # leaves within half the worst distance so far come first: they bring it down


def pair_sums(
    a: Blocks,
    b: Blocks,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    root: bool,
    weight_a: float,
    weight_b: float,
) -> npt.NDArray[np.float64]:
    """weight_a * sum over A's points of the distance to B plus weight_b * sum over B's points of that to A, a pair.

    rows, columns : (K,), indices into a and b
    root : plain distances instead of squared ones
    returns : (K,) float64, the same bits with the roles of a and b swapped
    """
    with threads_for(len(rows), a.count * b.count // BLOCK):
        return np.asarray(_pair_sums(*_arrays(a), *_arrays(b), rows, columns, root, weight_a, weight_b))


def _arrays(blocks: Blocks) -> tuple[tuple[npt.NDArray[np.float32], ...], int]:
    return (blocks.points, blocks.boxes, blocks.lows, blocks.highs), blocks.count


# Without FAST: a fused weight times sum would make (A, B) and (B, A) differ in the last bit.
@njit(parallel=True, cache=True)
def _pair_sums(a, count_a, b, count_b, rows, columns, root, weight_a, weight_b):  # type: ignore[no-untyped-def]
    out = np.empty(rows.shape[0], np.float64)
    for pair in prange(rows.shape[0]):
        i, j = rows[pair], columns[pair]
        (points_a, boxes_a, lows_a, highs_a), (points_b, boxes_b, lows_b, highs_b) = a, b
        there = _nearest_sum(points_a[i], boxes_a[i], count_a, points_b[j], lows_b[j], highs_b[j], root)
        back = _nearest_sum(points_b[j], boxes_b[j], count_b, points_a[i], lows_a[i], highs_a[i], root)
        out[pair] = weight_a * there + weight_b * back
    return out


@njit(cache=True)
def _nearest_sum(queries, boxes, count, points, lows, highs, root):  # type: ignore[no-untyped-def]
    """Sum over `count` queries of the squared (or, if `root`, plain) distance to the nearest point, in float64."""
    leaves = lows.shape[1]
    bound, chosen = np.empty(leaves, np.float32), np.empty(leaves + 1, np.int32)
    best, found = np.empty(BLOCK, np.float32), np.zeros((queries.shape[0], BLOCK))
    for block in range(queries.shape[0]):
        block_minima(queries[block], boxes[block], points, lows, highs, bound, chosen, best)
        used = min(BLOCK, count - block * BLOCK)
        if root:
            for lane in range(used):
                found[block, lane] = np.sqrt(np.float64(best[lane]))
        else:
            for lane in range(used):
                found[block, lane] = np.float64(best[lane])
    return sum_in_any_order(found)


# Without FAST, which would take (value + grid) - grid for value.
@njit(cache=True)
def sum_in_any_order(values):  # type: ignore[no-untyped-def]
    """The sum of values (B, BLOCK) float64, 0 or more, the same bits in whichever order they stand.

    Each value is cut at two grids, so coarse that sums of their multiples are exact; what is finer than 2^-80 of the
    largest value is left out. Source: Demmel and Nguyen, Fast reproducible floating-point summation (2013).
    """
    largest = 0.0
    for block in range(values.shape[0]):
        for lane in range(BLOCK):
            largest = max(largest, values[block, lane])
    if largest == 0.0:
        return 0.0
    spare = math.frexp(float(values.size))[1]  # bits that the sum has more than its terms
    top = math.frexp(largest)[1] + spare
    coarse, fine = math.ldexp(1.5, top), math.ldexp(1.5, top - 53 + spare)
    high, low = np.zeros(BLOCK), np.zeros(BLOCK)
    for block in range(values.shape[0]):
        for lane in range(BLOCK):
            value = values[block, lane]
            part = (value + coarse) - coarse
            high[lane] += part
            low[lane] += ((value - part) + fine) - fine
    total, rest = 0.0, 0.0
    for lane in range(BLOCK):
        total += high[lane]
        rest += low[lane]
    return total + rest


@njit(fastmath=FAST, cache=True)
def block_minima(query, box, points, lows, highs, bound, chosen, best):  # type: ignore[no-untyped-def]
    """Squared distance of each query of a block to the nearest of all points, into `best`."""
    for lane in range(BLOCK):
        best[lane] = FAR
    start = _nearest_centre(box, lows, highs, bound)
    _box_bounds(box, lows, highs, bound)
    _visit(query, points, start, best)
    bound[start] = FAR
    for turn in range(_choose(bound, _worst(best) * NEAR, chosen)):
        _visit(query, points, chosen[turn], best)
        bound[chosen[turn]] = FAR
    limit = _worst(best) * SLACK
    for turn in range(_choose(bound, limit, chosen)):
        leaf = chosen[turn]
        if bound[leaf] < limit and _reaches(query, leaf, lows, highs, best):
            _visit(query, points, leaf, best)
            limit = _worst(best) * SLACK


@njit(fastmath=FAST, cache=True)
def _outside(low, high, other_low, other_high):  # type: ignore[no-untyped-def]
    """Distance between two intervals; selects, as the compiler does not pack `max` of floats."""
    below, above, zero = other_low - high, low - other_high, np.float32(0)
    distance = below if below > above else above
    return distance if distance > zero else zero


@njit(fastmath=FAST, cache=True)
def _box_bounds(box, lows, highs, bound):  # type: ignore[no-untyped-def]
    """Squared distance of a block's box to the box of each leaf."""
    low_x, low_y, low_z, high_x, high_y, high_z = box[0, 0], box[0, 1], box[0, 2], box[1, 0], box[1, 1], box[1, 2]
    for leaf in range(bound.shape[0]):
        x = _outside(low_x, high_x, lows[0, leaf], highs[0, leaf])
        y = _outside(low_y, high_y, lows[1, leaf], highs[1, leaf])
        z = _outside(low_z, high_z, lows[2, leaf], highs[2, leaf])
        bound[leaf] = x * x + y * y + z * z


@njit(fastmath=FAST, cache=True)
def _nearest_centre(box, lows, highs, scratch):  # type: ignore[no-untyped-def]
    """The leaf whose box has its centre nearest to that of the block."""
    x, y, z = box[0, 0] + box[1, 0], box[0, 1] + box[1, 1], box[0, 2] + box[1, 2]
    for leaf in range(scratch.shape[0]):
        dx = lows[0, leaf] + highs[0, leaf] - x
        dy = lows[1, leaf] + highs[1, leaf] - y
        dz = lows[2, leaf] + highs[2, leaf] - z
        scratch[leaf] = dx * dx + dy * dy + dz * dz
    # Floats of 0 or more are ordered as their bits are, and the compiler packs minima of integers only.
    bits = scratch.view(np.int32)
    least = bits[0]
    for leaf in range(bits.shape[0]):
        least = min(least, bits[leaf])
    nearest = 0
    while bits[nearest] != least:
        nearest += 1
    return nearest


@njit(fastmath=FAST, cache=True)
def _choose(bound, limit, chosen):  # type: ignore[no-untyped-def]
    """List the leaves below a limit, and count them."""
    found = 0
    for leaf in range(bound.shape[0]):
        chosen[found] = leaf
        found += bound[leaf] < limit
    return found


@njit(fastmath=FAST, cache=True)
def _worst(best):  # type: ignore[no-untyped-def]
    bits, worst = best.view(np.int32), np.int32(0)
    for lane in range(BLOCK):
        worst = max(worst, bits[lane])
    for lane in range(BLOCK):
        if bits[lane] == worst:
            return best[lane]
    return FAR


@njit(fastmath=FAST, cache=True)
def _reaches(query, leaf, lows, highs, best):  # type: ignore[no-untyped-def]
    """Whether the box of a leaf comes nearer to any query of the block than that has come already."""
    nearer = np.int32(0)
    low_x, low_y, low_z = lows[0, leaf], lows[1, leaf], lows[2, leaf]
    high_x, high_y, high_z = highs[0, leaf], highs[1, leaf], highs[2, leaf]
    for lane in range(BLOCK):
        x = _outside(low_x, high_x, query[0, lane], query[0, lane])
        y = _outside(low_y, high_y, query[1, lane], query[1, lane])
        z = _outside(low_z, high_z, query[2, lane], query[2, lane])
        nearer += np.int32(x * x + y * y + z * z < best[lane] * SLACK)
    return nearer > 0


@njit(fastmath=FAST, cache=True)
def _visit(query, points, leaf, best):  # type: ignore[no-untyped-def]
    """Take the points of a leaf into the minima of a block of queries."""
    block, first = points[leaf // LEAVES], leaf % LEAVES * LEAF
    xs, ys, zs = block[0], block[1], block[2]
    for k in range(first, first + LEAF, UNROLL):
        x0, y0, z0 = xs[k], ys[k], zs[k]
        x1, y1, z1 = xs[k + 1], ys[k + 1], zs[k + 1]
        x2, y2, z2 = xs[k + 2], ys[k + 2], zs[k + 2]
        x3, y3, z3 = xs[k + 3], ys[k + 3], zs[k + 3]
        for lane in range(BLOCK):
            x, y, z = query[0, lane], query[1, lane], query[2, lane]
            d0 = (x - x0) * (x - x0) + (y - y0) * (y - y0) + (z - z0) * (z - z0)
            d1 = (x - x1) * (x - x1) + (y - y1) * (y - y1) + (z - z1) * (z - z1)
            d2 = (x - x2) * (x - x2) + (y - y2) * (y - y2) + (z - z2) * (z - z2)
            d3 = (x - x3) * (x - x3) + (y - y3) * (y - y3) + (z - z3) * (z - z3)
            d0 = d0 if d0 < d1 else d1
            d2 = d2 if d2 < d3 else d3
            d0 = d0 if d0 < d2 else d2
            old = best[lane]
            best[lane] = d0 if d0 < old else old


compile_anew_with(__name__, "eval.distances.kernels.blocks")

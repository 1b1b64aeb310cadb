"""Which blocks to open, which halves to refine and which samples that takes: compiled, for `refine`.

values : (n, n, n) float32, all samples; halves, blocks : (m, m, m) uint8, their states. Those at the end of a line
may be narrower than the others.
"""

import numpy as np
from numba import njit

UNTOUCHED, NEW, DONE = 0, 1, 2

# A plate that slips between two samples raises both: going on as it did before each of them, the logit would reach the
# threshold between them. It may have to change so many times faster than it did, between coarse samples and between
# corners of halves in blocks. Of 24 shapes of nano at 64 and at 128 cells, one loses a component, of 10 vertices.
COARSE_SLACK, HALF_SLACK = 2.0, 1.0


@njit(cache=True, nogil=True)
def spread(coarse, step, values):  # type: ignore[no-untyped-def]
    """Give every sample the value of the coarse sample at or below it."""
    n, last = len(values), len(coarse) - 1
    for i in range(n):
        for j in range(n):
            row = coarse[last if i == n - 1 else i // step, last if j == n - 1 else j // step]
            for c in range(last):
                values[i, j, c * step : min((c + 1) * step, n - 1)] = row[c]
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
def choose_blocks(values, blocks, iso, change):  # type: ignore[no-untyped-def]
    """Mark the blocks that are to be opened."""
    m = len(blocks)
    for i in range(m):
        for j in range(m):
            for k in range(m):
                if _wanted(values, 4 * i, 4 * j, 4 * k, 4, iso, change[i, j, k], COARSE_SLACK):
                    blocks[i, j, k] = NEW


@njit(cache=True, nogil=True)
def unknown_corners(known, blocks, n):  # type: ignore[no-untyped-def]
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
def samples_on_crossed_edges(values, blocks, iso, side):  # type: ignore[no-untyped-def]
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
def choose_halves(values, halves, blocks, opened, iso, change):  # type: ignore[no-untyped-def]
    """Halves of the opened blocks that are to be refined and were not yet; marks both. `change` of halves or blocks."""
    m, side = len(halves), len(blocks)
    share = COARSE_SLACK if len(change) == m else HALF_SLACK / 2
    chosen, found = np.empty(8 * len(opened), np.int64), 0
    for block in opened:
        x, y, z = block // (side * side), block // side % side, block % side
        blocks[x, y, z] = DONE
        crossed = _wanted(values, 4 * x, 4 * y, 4 * z, 4, iso, change[x, y, z], 0.0)
        for i in range(2 * x, min(2 * x + 2, m)):
            for j in range(2 * y, min(2 * y + 2, m)):
                for k in range(2 * z, min(2 * z + 2, m)):
                    if halves[i, j, k] != UNTOUCHED:
                        continue
                    nearby = change[i, j, k] if len(change) == m else change[x, y, z]
                    if _wanted(values, 2 * i, 2 * j, 2 * k, 2, iso, nearby, share) or (
                        crossed and _on_crossed_edge(values, i, j, k, iso)
                    ):
                        halves[i, j, k] = NEW
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
                if state == DONE or (state == NEW and (x * m + y) * m + z < own):
                    return True
    return False


@njit(cache=True, nogil=True)
def _is_corner(a, b, c, last):  # type: ignore[no-untyped-def]
    """Whether a sample is a corner of halves."""
    return (a % 2 == 0 or a == last) and (b % 2 == 0 or b == last) and (c % 2 == 0 or c == last)


@njit(cache=True, nogil=True)
def missing_samples(halves, fresh, n):  # type: ignore[no-untyped-def]
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
    last, some, every = len(values) - 1, False, True
    a, b, c = 2 * i, 2 * j, 2 * k
    a_end, b_end, c_end = min(a + 2, last), min(b + 2, last), min(c + 2, last)
    if axis == 0:
        a = a_end = a_end if upper else a
    elif axis == 1:
        b = b_end = b_end if upper else b
    else:
        c = c_end = c_end if upper else c
    for x in range(a, a_end + 1):
        for y in range(b, b_end + 1):
            for z in range(c, c_end + 1):
                inside = values[x, y, z] > iso
                some |= inside
                every &= inside and min(x, y, z) > 0 and max(x, y, z) < last
    return some and not every


@njit(cache=True, nogil=True)
def close(values, halves, blocks, refined, iso):  # type: ignore[no-untyped-def]
    """Halves beyond crossed sides of refined ones, to be refined too; marks them, and their blocks where closed."""
    m = len(halves)
    beyond, found = np.empty(6 * len(refined), np.int64), 0
    for half in refined:
        i, j, k = half // (m * m), half // m % m, half % m
        for direction in range(6):
            axis, upper = direction >> 1, direction & 1
            step = 2 * upper - 1
            a, b, c = i + step * (axis == 0), j + step * (axis == 1), k + step * (axis == 2)
            if min(a, b, c) < 0 or max(a, b, c) == m or halves[a, b, c] != UNTOUCHED:
                continue
            if _crossed_side(values, i, j, k, axis, upper, iso):
                halves[a, b, c] = NEW
                if blocks[a // 2, b // 2, c // 2] == UNTOUCHED:
                    blocks[a // 2, b // 2, c // 2] = NEW
                beyond[found] = (a * m + b) * m + c
                found += 1
    return np.sort(beyond[:found])


@njit(cache=True, nogil=True)
def settle(values, halves, blocks, iso):  # type: ignore[no-untyped-def]
    """Bring what was not evaluated in opened blocks to its side: a half that stayed shut is all on one side, but that
    need not be the side of its block's lowest corner, whose value it has."""
    n, m = len(values), len(halves)
    for i in range(m):
        for j in range(m):
            for k in range(m):
                if halves[i, j, k] != UNTOUCHED or blocks[i // 2, j // 2, k // 2] == UNTOUCHED:
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

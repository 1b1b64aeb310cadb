"""Approximate matching of clouds: masses that are asked for, shared out and moved, level by level.

A level is three sums over all pairs of points, of exp(level * squared distance) times a mass. Weights are not stored:
32 MB a pair of 2,048 points would be read slower than they are computed anew, given an exponential that fills the
vector lanes, which the library's does not. Single precision would be twice as fast, but what a point is left with is
a difference of nearly equal numbers, and values came out up to 3e-5 off.
"""

import numpy as np
from numba import njit, prange

FAST = {"nnan", "ninf", "nsz", "contract", "arcp", "reassoc"}
LEAST = -80.0  # exp of less is taken for exp of this, 2e-35: nothing beside FLOOR
FLOOR = 1e-9  # added to denominators, as the common code does
LOG2_E, LN2 = 1.4426950408889634, 0.6931471805599453
SHIFT = 1.5 * 2.0**52 + 1023  # added, it leaves a number rounded to an integer, plus 1023, in the lowest bits
# Taylor's to the eighth power: off by 2e-10 at half a logarithm of 2.
C3, C4, C5, C6, C7, C8 = (1 / n for n in (6, 24, 120, 720, 5040, 40320))


@njit(parallel=True, cache=True, nogil=True)
def move_pairs(asking, giving, rows, columns, levels, squared):  # type: ignore[no-untyped-def]
    """Cost of moving all the mass that the levels move, a pair, divided by the points of a cloud.

    asking, giving : (N, 3, P), (M, 3, P) float64, each point of mass 1
    rows, columns : (K,) int64, which cloud of `asking` with which of `giving`
    levels : (L,) float64, factors of the squared distance in the exponent, 0 or less
    squared : squared distances as ground cost
    returns : (K,) float64
    """
    out = np.empty(len(rows))
    for pair in prange(len(rows)):
        out[pair] = _move(asking[rows[pair]], giving[columns[pair]], levels, squared)
    return out


@njit(cache=True, nogil=True)
def _move(asking, giving, levels, squared):  # type: ignore[no-untyped-def]
    points = asking.shape[1]
    left, right = np.ones(points), np.ones(points)
    ratio, granted = np.empty(points), np.empty(points)
    total = 0.0
    for level in levels:
        for i in range(points):
            ratio[i] = left[i] / (_near(asking[0, i], asking[1, i], asking[2, i], giving, right, level) + FLOOR)
        for j in range(points):
            asked = right[j] * _near(giving[0, j], giving[1, j], giving[2, j], asking, ratio, level)
            granted[j] = right[j] * min(1.0, right[j] / (asked + FLOOR))
            right[j] = max(0.0, right[j] - asked)
        for i in range(points):
            moved, cost = _moved(asking[0, i], asking[1, i], asking[2, i], giving, granted, level, squared)
            left[i] = max(0.0, left[i] - ratio[i] * moved)
            total += ratio[i] * cost
    return total / points


@njit(cache=True, nogil=True, fastmath=FAST)
def _near(x, y, z, points, masses, level):  # type: ignore[no-untyped-def]
    """Sum of the masses, weighted by nearness to (x, y, z)."""
    total = 0.0
    for i in range(points.shape[1]):
        dx, dy, dz = points[0, i] - x, points[1, i] - y, points[2, i] - z
        total += _exp(level * (dx * dx + dy * dy + dz * dz)) * masses[i]
    return total


@njit(cache=True, nogil=True, fastmath=FAST)
def _moved(x, y, z, points, masses, level, squared):  # type: ignore[no-untyped-def]
    """The same sum, and that of masses times their distance."""
    total, cost = 0.0, 0.0
    for i in range(points.shape[1]):
        dx, dy, dz = points[0, i] - x, points[1, i] - y, points[2, i] - z
        square = dx * dx + dy * dy + dz * dz
        part = _exp(level * square) * masses[i]
        total += part
        cost += part * (square if squared else np.sqrt(square))
    return total, cost


# Without reassoc: it would undo the rounding.
@njit(cache=True, nogil=True, fastmath={"nnan", "ninf", "nsz", "contract"})
def _exp(x):  # type: ignore[no-untyped-def]
    """e to the power of x, for x of 0 or less: x = n ln 2 + r, a polynomial in r, and n into the exponent's bits."""
    shifted = max(x, LEAST) * LOG2_E + SHIFT
    r = max(x, LEAST) - (shifted - SHIFT) * LN2
    e = 1 + r * (1 + r * (0.5 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * (C7 + r * C8)))))))
    return e * np.int64(np.float64(shifted).view(np.int64) << 52).view(np.float64)

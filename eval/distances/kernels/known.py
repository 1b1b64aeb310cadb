"""What is known of each pair, in four bytes, and the searches over it.

`state` (rows, columns) int32 holds for a pair not solved the bits of its lower bound (float32, 0 or more, so ordered as
their bits are), and for a solved one the complement of its place in `values` (float64), which is below zero. The last
bit of a bound tells whether it is the first one, which is cheap for all pairs (0), or a closer one (1).
"""

import numpy as np
import numpy.typing as npt
from numba import njit, prange

ANY = np.int32(0x7FFFFFFF)  # above the bits of every float

State = npt.NDArray[np.int32]


def fresh(lower: npt.NDArray[np.float32]) -> State:
    """State of pairs by their first bounds."""
    return lower.view(np.int32) & np.int32(~1)


def is_fresh(state: State) -> npt.NDArray[np.bool_]:
    """Which pairs have their first bound only."""
    return (state >= 0) & (state & 1 == 0)


def tightened(lower: npt.NDArray[np.float32], before: State) -> State:
    """State of pairs by closer bounds; 0 for a bound of nothing, for which no bit is left to mark it.

    before : their states with first bounds, which may turn out to be the better ones
    """
    bits = np.maximum(lower.view(np.int32), before)
    return np.where(bits > 1, (bits - 1) | 1, 0).astype(np.int32)


@njit(parallel=True, cache=True)
def best_so_far(state, values, own, value, index, asked):  # type: ignore[no-untyped-def]
    """The nearest solved columns of each row, and the pair that must be solved next.

    own : whether rows and columns are the same set; the diagonal is left out
    value, index : (rows, k) float64, int64, filled with the nearest solved columns, by (value, index); inf and the
        number of columns where too few are solved
    asked : (rows,) int64, only rows that are not -1 are searched; filled with the column not solved that comes first by
        (lower bound, index), or -1 if that one cannot be among the k nearest
    """
    size = state.shape[1]
    for i in prange(state.shape[0]):
        if asked[i] < 0:
            continue
        value[i] = np.inf
        index[i] = size
        low, first = ANY, -1
        for j in range(size):
            bits = state[i, j]
            if own and i == j:
                continue
            if bits >= 0:
                if bits < low:
                    low, first = bits, j
            elif values[~bits] < value[i, -1]:
                _insert(value[i], index[i], values[~bits], j)
        bound = np.float64(as_float(low))
        wins = first >= 0 and (bound < value[i, -1] or (bound == value[i, -1] and first < index[i, -1]))
        asked[i] = first if wins else -1


@njit(cache=True)
def _insert(values, indices, value, index):  # type: ignore[no-untyped-def]
    place = values.shape[0] - 1
    while place > 0 and values[place - 1] > value:
        values[place], indices[place] = values[place - 1], indices[place - 1]
        place -= 1
    values[place], indices[place] = value, index


@njit(cache=True)
def as_float(bits):  # type: ignore[no-untyped-def]
    """The float32 of these bits."""
    one = np.empty(1, np.int32)
    one[0] = bits
    return one.view(np.float32)[0]


@njit(cache=True)
def bits_below(value):  # type: ignore[no-untyped-def]
    """Bits of the largest float32 that is not above a number of 0 or more."""
    one = np.empty(1, np.float32)
    one[0] = value
    bits = one.view(np.int32)[0]
    return bits - np.int32(1) if np.float64(one[0]) > value else bits

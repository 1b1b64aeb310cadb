"""k spanning trees in one pass over the pairs in order, which solves only pairs that might join something.

Kruskal's way: a pair joins the first forest in which its ends lie apart. The first forest becomes the minimum spanning
tree, the second that of the pairs left, and so on. What a forest turned away is connected in it, so the groups of each
forest lie within those of the one before: ends that are connected in the last one are connected in all, and such a pair
is never solved, nor looked at again. A pair not solved waits at its lower bound; once solved it goes back into the line
at its distance. `state` and `values` are those of kernels/known.py; pairs stand in order of (distance, row, column).
"""

import numpy as np
from numba import njit, prange

from argus3d.compiled import compile_anew_with
from eval.distances.kernels.groups import root_of
from eval.distances.kernels.known import as_float, bits_below

BINS, SHIFT = 1 << 16, 15  # of the bits of a float of 0 or more: sign gone, exponent and 8 bits of the fraction
END = BINS << SHIFT  # above all bits


@njit(cache=True)
def groups_of(parents):  # type: ignore[no-untyped-def]
    """Number of the group that each node of a forest belongs to.

    parents : (N,) int32, changed: paths get shorter
    """
    out = np.empty(parents.shape[0], np.int32)
    for node in range(parents.shape[0]):
        out[node] = root_of(parents, node)
    return out


@njit(parallel=True, cache=True)
def count_bits(state, values, groups, low):  # type: ignore[no-untyped-def]
    """How many pairs between groups wait in each bin of bits.

    low : int, bits below which nothing is counted
    returns : (BINS,) int64
    """
    parts = 64
    counts = np.zeros((parts, BINS), np.int64)
    for part in prange(parts):
        for i in range(part, state.shape[0], parts):
            for j in range(i + 1, state.shape[0]):
                if groups[i] != groups[j]:
                    bits = _bits(state[i, j], values)
                    if bits >= low:
                        counts[part, bits >> SHIFT] += 1
    return counts.sum(axis=0)


@njit(parallel=True, cache=True)
def gather(state, values, groups, low, high):  # type: ignore[no-untyped-def]
    """Pairs between groups whose bits lie in [low, high), row after row, with what they wait at.

    returns : value (P,) float64; row, column (P,) int32, row below column
    """
    size = state.shape[0]
    starts = np.zeros(size + 1, np.int64)
    for i in prange(size):
        for j in range(i + 1, size):
            if groups[i] != groups[j] and low <= _bits(state[i, j], values) < high:
                starts[i + 1] += 1
    starts = np.cumsum(starts)
    value = np.empty(starts[-1])
    row, column = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.int32)
    for i in prange(size):
        place = starts[i]
        for j in range(i + 1, size):
            if groups[i] != groups[j] and low <= _bits(state[i, j], values) < high:
                bits = state[i, j]
                value[place] = np.float64(as_float(bits)) if bits >= 0 else values[~bits]
                row[place], column[place] = i, j
                place += 1
    return value, row, column


@njit(cache=True)
def grow(state, values, value, row, column, place, heap, waiting, parents, edges, filled, asked):  # type: ignore[no-untyped-def]
    """Go along the line until pairs must be solved, or it ends, or all forests are trees.

    value, row, column : the line, in order; taken rows are set to -1
    place : where it goes on
    heap, waiting : (W, 3) float64 and how many of its rows, pairs asked before, as (value, row, column)
    parents, edges, filled : (k, N) int32, (k, N - 1, 2) int64, (k,) int64, the forests
    asked : (B, 2) int64, filled with the pairs to solve, the next in the line that might join something
    returns : place, waiting, how many are asked
    """
    size = parents.shape[1]
    while filled[-1] < size - 1:
        while place < row.shape[0] and row[place] < 0:
            place += 1
        first = place < row.shape[0]
        if waiting and (not first or _before(heap[0], value[place], row[place], column[place])):
            i, j = np.int64(heap[0, 1]), np.int64(heap[0, 2])
            if state[i, j] >= 0 and not _connected(parents[-1], i, j):
                waiting, count = _waiting_open(state, heap, waiting, parents[-1], asked)
                return place, waiting, count
            waiting = _pop(heap, waiting)
            _join(parents, edges, filled, i, j)
            continue
        if not first:
            break
        i, j = np.int64(row[place]), np.int64(column[place])
        if state[i, j] >= 0 and not _connected(parents[-1], i, j):
            return place, waiting, _next_open(state, row, column, place, parents[-1], asked)
        _join(parents, edges, filled, i, j)
        place += 1
    return place, waiting, 0


@njit(cache=True)
def push(heap, waiting, value, row, column):  # type: ignore[no-untyped-def]
    """Put a pair back into the line; the heap must have room. Returns how many wait."""
    place = waiting
    while place and _before_entry(value, row, column, heap[(place - 1) // 2]):
        heap[place] = heap[(place - 1) // 2]
        place = (place - 1) // 2
    heap[place, 0], heap[place, 1], heap[place, 2] = value, row, column
    return waiting + 1


@njit(cache=True)
def push_back(state, values, asked, count, high, heap, waiting):  # type: ignore[no-untyped-def]
    """Put asked pairs back, now solved or of a closer bound, unless that is at `high` bits or beyond: a later line has
    them."""
    for index in range(count):
        i, j = asked[index, 0], asked[index, 1]
        if _bits(state[i, j], values) < high:
            bits = state[i, j]
            value = np.float64(as_float(bits)) if bits >= 0 else values[~bits]
            waiting = push(heap, waiting, value, i, j)
    return waiting


@njit(cache=True)
def _waiting_open(state, heap, waiting, parents, asked):  # type: ignore[no-untyped-def]
    """Take the pairs out of the heap that come first in it, are not solved, and might join something."""
    count = 0
    while waiting and count < asked.shape[0]:
        i, j = np.int64(heap[0, 1]), np.int64(heap[0, 2])
        if not _connected(parents, i, j):
            if state[i, j] < 0:
                break
            asked[count, 0], asked[count, 1] = i, j
            count += 1
        waiting = _pop(heap, waiting)
    return waiting, count


@njit(cache=True)
def _next_open(state, row, column, place, parents, asked):  # type: ignore[no-untyped-def]
    count = 0
    while count < asked.shape[0] and place < row.shape[0]:
        i, j = row[place], column[place]
        if i >= 0 and state[i, j] >= 0 and not _connected(parents, i, j):
            asked[count, 0], asked[count, 1] = i, j
            row[place] = -1
            count += 1
        place += 1
    return count


@njit(cache=True)
def _join(parents, edges, filled, i, j):  # type: ignore[no-untyped-def]
    """Let the first forest that can take a pair have it; none can if the last one cannot."""
    if _connected(parents[-1], i, j):
        return
    for forest in range(parents.shape[0]):
        a, b = root_of(parents[forest], i), root_of(parents[forest], j)
        if a != b:
            parents[forest, max(a, b)] = min(a, b)
            edges[forest, filled[forest], 0], edges[forest, filled[forest], 1] = i, j
            filled[forest] += 1
            return


@njit(cache=True)
def _connected(parents, i, j):  # type: ignore[no-untyped-def]
    return root_of(parents, i) == root_of(parents, j)


@njit(cache=True)
def _bits(state, values):  # type: ignore[no-untyped-def]
    return state if state >= 0 else bits_below(values[~state])


@njit(cache=True)
def _before(entry, value, row, column):  # type: ignore[no-untyped-def]
    return not _before_entry(value, row, column, entry)


@njit(cache=True)
def _before_entry(value, row, column, entry):  # type: ignore[no-untyped-def]
    if value != entry[0]:
        return value < entry[0]
    return row < entry[1] or (row == entry[1] and column < entry[2])


@njit(cache=True)
def _pop(heap, waiting):  # type: ignore[no-untyped-def]
    """Take the first entry away. Returns how many are left."""
    last, place = waiting - 1, 0
    value, row, column = heap[last, 0], heap[last, 1], heap[last, 2]
    while True:
        child = 2 * place + 1
        if child >= last:
            break
        if child + 1 < last and _before_entry(heap[child + 1, 0], heap[child + 1, 1], heap[child + 1, 2], heap[child]):
            child += 1
        if _before_entry(value, row, column, heap[child]):
            break
        heap[place] = heap[child]
        place = child
    heap[place, 0], heap[place, 1], heap[place, 2] = value, row, column
    return last


compile_anew_with(__name__, "eval.distances.kernels.groups", "eval.distances.kernels.known")

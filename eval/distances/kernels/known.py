"""What is known of each pair, in four bytes, and the searches over it.

`state` (rows, columns) int32 holds for a pair not solved the bits of its lower bound (float32, 0 or more, so ordered as
their bits are), and for a solved one the complement of its place in `values` (float64), which is below zero.
"""

import numpy as np
from numba import njit, prange

ANY = np.int32(0x7FFFFFFF)  # above the bits of every float


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
        bound = np.float64(_as_float(low))
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
def _as_float(bits):  # type: ignore[no-untyped-def]
    one = np.empty(1, np.int32)
    one[0] = bits
    return one.view(np.float32)[0]


@njit(cache=True)
def least_trees(state, values, used, k):  # type: ignore[no-untyped-def]
    """Up to k minimum spanning trees, one after another, if every pair not solved were as near as its lower bound.

    state : (N, N), symmetric
    used : (E, 2) int64, edges that no tree may have
    returns : edges (T * (N - 1), 2) int64, tree after tree, lower index first; T below k if the pairs left do not
        connect all

    Edges are ordered by (distance, lower index, higher index), which no two edges share, so the trees are unique.
    """
    size = state.shape[0]
    edges = np.concatenate((used, np.empty((k * (size - 1), 2), np.int64)))
    filled = used.shape[0]
    for _ in range(k):
        starts, others = _adjacent(edges, filled, size)
        if not _prim(state, values, starts, others, edges, filled):
            break
        filled += size - 1
    return edges[used.shape[0] : filled]


@njit(cache=True)
def _adjacent(edges, filled, size):  # type: ignore[no-untyped-def]
    """Ends of the first edges: those of edges at node i are others[starts[i] : starts[i + 1]]."""
    starts = np.zeros(size + 2, np.int64)
    for edge in range(filled):
        starts[edges[edge, 0] + 2] += 1
        starts[edges[edge, 1] + 2] += 1
    for node in range(2, size + 2):
        starts[node] += starts[node - 1]
    others = np.empty(2 * filled, np.int64)
    for edge in range(filled):
        for end in range(2):
            node = edges[edge, end]
            others[starts[node + 1]] = edges[edge, 1 - end]
            starts[node + 1] += 1
    return starts, others


@njit(cache=True)
def _prim(state, values, starts, others, edges, filled):  # type: ignore[no-untyped-def]
    """Write the minimum spanning tree of the edges not used before behind these; False if there is none.

    The nodes outside the tree lie side by side, with their nearest node inside (`link`, -1 where no edge leads), its
    distance, and the bits of that rounded down: most nodes pass by a comparison of whole numbers.
    """
    size = state.shape[0]
    outside, used = np.arange(1, size), np.zeros(size, np.bool_)
    bits, distance, link = np.full(size, ANY), np.full(size, np.inf), np.full(size, -1, np.int64)
    newest = 0
    for step in range(size - 1):
        row, last = state[newest], size - 2 - step
        for end in range(starts[newest], starts[newest + 1]):
            used[others[end]] = True
        chosen, least = -1, ANY
        for place in range(last + 1):
            node = outside[place]
            if row[node] <= bits[place] and not used[node]:  # so are all solved pairs, which are below zero
                value = np.float64(_as_float(row[node])) if row[node] >= 0 else values[~row[node]]
                if _comes_first(value, newest, node, distance[place], link[place], node):
                    bits[place], distance[place], link[place] = _bits_below(value), value, newest
            if bits[place] <= least and link[place] >= 0:
                other = outside[chosen]
                if chosen < 0 or _comes_first(
                    distance[place], link[place], node, distance[chosen], link[chosen], other
                ):
                    chosen, least = place, bits[place]
        if chosen < 0:
            return False
        for end in range(starts[newest], starts[newest + 1]):
            used[others[end]] = False
        newest, linked = outside[chosen], link[chosen]
        edges[filled + step, 0], edges[filled + step, 1] = min(newest, linked), max(newest, linked)
        outside[chosen], bits[chosen] = outside[last], bits[last]
        distance[chosen], link[chosen] = distance[last], link[last]
    return True


@njit(cache=True)
def _bits_below(value):  # type: ignore[no-untyped-def]
    """Bits of the largest float32 that is not above a number of 0 or more."""
    one = np.empty(1, np.float32)
    one[0] = value
    bits = one.view(np.int32)[0]
    return bits - np.int32(1) if np.float64(one[0]) > value else bits


@njit(cache=True)
def _comes_first(value, a, b, other_value, c, d):  # type: ignore[no-untyped-def]
    """Whether edge (a, b) comes before edge (c, d)."""
    if value != other_value:
        return value < other_value
    low, other_low = min(a, b), min(c, d)
    if low != other_low:
        return low < other_low
    return max(a, b) < max(c, d)

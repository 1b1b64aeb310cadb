"""What is known of each pair, in four bytes, and the searches over it.

`state` (rows, columns) int32 holds for a pair not solved the bits of its lower bound (float32, 0 or more, so ordered as
their bits are), and for a solved one the complement of its place in `values` (float64), which is below zero.
"""

import numpy as np
from numba import njit, prange

CHUNKS = 16
BINS = 1 << 16
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
def cheapest_across(state, labels, wanted):  # type: ignore[no-untyped-def]
    """The first pairs not solved between nodes of different labels, by (lower bound, lower index, higher index).

    state : (N, N), of which the upper triangle is read
    labels : (N,) int64, the component of each node
    wanted : how many
    returns : rows, columns (K,) int64, K <= wanted, lower index first, not sorted; and the key (float64, int64, int64)
        that no other such pair lies below: infinite if there is no other
    """
    high = _histogram(state, labels, np.int32(-1))
    upper, before = _reaching(high, wanted)
    if upper < 0:
        cut, before = ANY, 0
    else:
        lower, within = _reaching(_histogram(state, labels, np.int32(upper)), wanted - before)
        cut, before = np.int32((upper << 15) | lower), before + within
    return _collect(state, labels, cut, wanted - before)


@njit(parallel=True, cache=True)
def _histogram(state, labels, upper):  # type: ignore[no-untyped-def]
    """How many pairs have each value of their upper 16 bits or, where those are `upper`, of their lower 15."""
    size = state.shape[0]
    parts = np.zeros((CHUNKS, BINS), np.int64)
    for chunk in prange(CHUNKS):
        for i in range(chunk, size, CHUNKS):
            label = labels[i]
            for j in range(i + 1, size):
                bits = state[i, j]
                if bits < 0 or labels[j] == label:
                    continue
                if upper < 0:
                    parts[chunk, bits >> 15] += 1
                elif bits >> 15 == upper:
                    parts[chunk, bits & 0x7FFF] += 1
    return parts.sum(axis=0)


@njit(cache=True)
def _reaching(histogram, wanted):  # type: ignore[no-untyped-def]
    """The bin in which the running count reaches a number, and the count before it; -1 if it never does."""
    before = 0
    for place in range(histogram.shape[0]):
        if before + histogram[place] >= wanted:
            return place, before
        before += histogram[place]
    return -1, before


@njit(cache=True)
def _collect(state, labels, cut, ties):  # type: ignore[no-untyped-def]
    """All pairs below a cut, and the first `ties` of those that equal it."""
    size = state.shape[0]
    rows, columns = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    following = _as_float(np.int32(cut + 1)) if cut < ANY else np.float32(np.inf)
    frontier = (np.float64(following), np.int64(0), np.int64(0))
    for i in range(size):
        label = labels[i]
        for j in range(i + 1, size):
            bits = state[i, j]
            if bits < 0 or bits > cut or labels[j] == label:
                continue
            if bits == cut:
                ties -= 1
                if ties < 0:
                    if ties == -1:
                        frontier = (np.float64(_as_float(cut)), np.int64(i), np.int64(j))
                    continue
            rows.append(np.int64(i))
            columns.append(np.int64(j))
    return np.array(rows), np.array(columns), frontier


@njit(cache=True)
def needed(parent, known, edges, lower, rows, columns, wanted):  # type: ignore[no-untyped-def]
    """The first of some unsolved pairs that may be an edge of the minimum spanning tree, given the edges known.

    parent : (N,) int64, components so far (see `root`)
    known : (E,) float64, lengths of known edges; edges : (E, 2) int64; both by (length, lower index, higher index)
    lower : (K,) float64; rows, columns : (K,) int64; pairs not solved, in the same order
    returns : up to `wanted` places in the list of pairs; the ends of those passed over are joined by shorter edges
    """
    forest, chosen, turn = parent.copy(), [np.int64(0) for _ in range(0)], 0
    for pair in range(lower.shape[0]):
        i, j = rows[pair], columns[pair]
        while turn < known.shape[0] and before(known[turn], edges[turn, 0], edges[turn, 1], lower[pair], i, j):
            forest[root(forest, edges[turn, 0])] = root(forest, edges[turn, 1])
            turn += 1
        if root(forest, i) != root(forest, j):
            chosen.append(np.int64(pair))
            if len(chosen) == wanted:
                break
    return np.array(chosen)


@njit(cache=True)
def join(parent, known, edges, frontier):  # type: ignore[no-untyped-def]
    """Join components by those edges, in their order, that come before a key; which joined two, (E,) bool."""
    took = np.zeros(edges.shape[0], np.bool_)
    value, i, j = frontier
    for edge in range(edges.shape[0]):
        if not before(known[edge], edges[edge, 0], edges[edge, 1], value, i, j):
            break
        a, b = root(parent, edges[edge, 0]), root(parent, edges[edge, 1])
        parent[a] = b
        took[edge] = a != b
    return took


@njit(cache=True)
def roots(parent):  # type: ignore[no-untyped-def]
    """The component of each node, (N,) int64."""
    out = np.empty_like(parent)
    for node in range(parent.shape[0]):
        out[node] = root(parent, node)
    return out


@njit(cache=True)
def root(parent, node):  # type: ignore[no-untyped-def]
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@njit(cache=True)
def before(a, i, j, b, k, m):  # type: ignore[no-untyped-def]
    """Whether key (a, i, j) comes before key (b, k, m)."""
    if a != b:
        return a < b
    return i < k or (i == k and j < m)

"""Spanning trees on a dense distance matrix, each avoiding the edges of those before."""

import numpy as np
from numba import njit


@njit(cache=True)
def spanning_trees(distances, k):  # type: ignore[no-untyped-def]
    """k minimum spanning trees of a complete graph, one after another, each without the edges already used.

    distances : (N, N) float64, symmetric, finite; a zero is an edge of length zero
    returns : edges (k * (N - 1), 2) int64, lower index first, and how many trees there are: fewer than k when the edges
        left no longer connect all points

    Edges are ordered by (distance, lower index, higher index), which no two edges share, so the trees are unique.
    """
    size = distances.shape[0]
    edges = np.empty((k * (size - 1), 2), np.int64)
    used = np.zeros((size, size), np.bool_)
    for tree in range(k):
        start = tree * (size - 1)
        if not _prim(distances, used, edges[start : start + size - 1]):
            return edges, tree
    return edges, k


@njit(cache=True)
def _prim(distances, used, edges):  # type: ignore[no-untyped-def]
    """Fill `edges` with the minimum spanning tree of the unused edges and mark them; False if there is none."""
    size = distances.shape[0]
    inside = np.zeros(size, np.bool_)
    link = np.full(size, -1, np.int64)  # best neighbour inside the tree; -1 where no unused edge leads there
    newest = 0
    inside[0] = True
    for step in range(size - 1):
        chosen = -1
        for node in range(size):
            if inside[node]:
                continue
            if not used[newest, node] and (link[node] < 0 or _edge_before(distances, newest, node, link[node], node)):
                link[node] = newest
            if link[node] >= 0 and (chosen < 0 or _edge_before(distances, link[node], node, link[chosen], chosen)):
                chosen = node
        if chosen < 0:
            return False
        a, b = min(link[chosen], chosen), max(link[chosen], chosen)
        edges[step, 0], edges[step, 1] = a, b
        inside[chosen] = True
        newest = chosen
    for step in range(size - 1):
        a, b = edges[step, 0], edges[step, 1]
        used[a, b] = True
        used[b, a] = True
    return True


@njit(cache=True)
def _edge_before(distances, a, b, c, d):  # type: ignore[no-untyped-def]
    """Whether edge (a, b) comes before edge (c, d)."""
    first, second = distances[a, b], distances[c, d]
    if first != second:
        return first < second
    low_first, low_second = min(a, b), min(c, d)
    if low_first != low_second:
        return low_first < low_second
    return max(a, b) < max(c, d)

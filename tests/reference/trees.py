"""Spanning trees by Kruskal on all edges, sorted."""

import numpy as np
import numpy.typing as npt

Edge = tuple[int, int]


def spanning_trees(distances: npt.NDArray[np.float64], k: int) -> list[list[Edge]]:
    """Up to k minimum spanning trees, each without the edges of those before, each sorted by (lower, higher index)."""
    size = len(distances)
    edges = sorted((float(distances[i, j]), i, j) for i in range(size) for j in range(i + 1, size))
    trees: list[list[Edge]] = []
    used: set[Edge] = set()
    while len(trees) < k:
        group = list(range(size))
        tree: list[Edge] = []
        for _, i, j in edges:
            if (i, j) not in used and group[i] != group[j]:
                tree.append((i, j))
                old, new = group[j], group[i]
                group = [new if entry == old else entry for entry in group]
        if len(tree) < size - 1:
            break
        trees.append(sorted(tree))
        used |= set(tree)
    return trees

"""Relabelling: how unusual is a set's share of a graph among all ways to deal out the labels?

If both sets are independent draws from one distribution, then, given all shapes together, every choice of G of them as
the generated ones is equally likely: whatever the distribution, the distance and the sizes. A graph made from distances
alone (who is nearest to whom, spanning trees) does not know the labels. So it is held fixed, the labels are dealt out
anew many times, and the share of dealings at least as extreme as what was seen is the p-value. The labelling that was
seen counts as one of them, (1 + hits) / (1 + draws), which keeps it valid with few draws too: under "same distribution"
it is at most a in at most a share a of cases.

It is exact where no two distances tie. Ties go by index, generated shapes first, so copies across the sets make the
graph know a label. Sets drawn class by class, as many of each class on both sides, are more alike than one deal of all
labels makes them: their p-values of sameness are not uniform, 1-NNA's lean towards the low side (see `one_nna`).
"""

import numpy as np
import numpy.typing as npt
from numba import njit

Edges = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]

DRAWS = 9999  # p-values in steps of 1/10,000


def relabelled_counts(edges: Edges, generated: int, size: int, draws: int, seed: int) -> Counts:
    """Edges inside each set when the labels are dealt out at random.

    edges : (E, 2) int64 over nodes 0 to size - 1, fixed
    generated : how many nodes are called generated
    returns : (draws, 2) int64, edges between two generated and between two reference nodes
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(size) < generated
    counts = np.empty((draws, 2), np.int64)
    for row in counts:
        rng.shuffle(labels)
        row[:] = _inside(edges, labels)
    return counts


def inside_counts(edges: Edges, generated: int) -> tuple[int, int]:
    """Edges between two generated nodes (0 to generated - 1) and between two reference nodes (the rest)."""
    ends = (edges < generated).sum(axis=1)
    return int((ends == 2).sum()), int((ends == 0).sum())


def p_value(extreme: npt.NDArray[np.bool_]) -> float:
    """Share of labellings at least as extreme as the one that was seen, itself included.

    extreme : (draws,) bool
    returns : float in (0, 1]
    Source : Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.2
    """
    return (1 + int(extreme.sum())) / (1 + len(extreme))


@njit(cache=True)
def _inside(edges, labels):  # type: ignore[no-untyped-def]
    generated, reference = 0, 0
    for edge in range(edges.shape[0]):
        a, b = labels[edges[edge, 0]], labels[edges[edge, 1]]
        generated += a & b
        reference += not (a | b)
    return generated, reference

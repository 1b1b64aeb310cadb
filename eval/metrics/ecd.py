"""ECD: the generalized edge-count two-sample statistic on k spanning trees over both sets.

Under "same distribution" its mean is 2 at any size, so a perfect generator scores about 2, not 0; 5.99 is the 95 %
point. It grows with the number of shapes and with k (to about k N for sets that lie apart): values of different set
sizes or k must not be compared. It is two-sided, copies of the reference raise it too, so read it with its parts:
zw well above 0 means the sets lie apart, well below 0 that generated shapes sit closer to references than references to
each other; zd above 0 means that the generated set is the tighter one. Exact copies of the whole reference make every
edge between two shapes tie with those between their copies; the tie rule then takes the generated side's, and zd rises.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from eval.distances.sets import Sets

Edges = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ecd:
    """The statistic and its parts.

    value : S = zw^2 + zd^2, 0 or more; nan where undefined
    zw : location-type difference, mean 0 and variance 1 under "same distribution"; nan where undefined
    zd : spread-type difference, mean 0 and variance 1 under "same distribution"; nan where undefined
    per_edge : S / (k N), a companion of our own that hardly depends on the sizes; nan where undefined
    note : why something is undefined, else ""
    """

    value: float
    zw: float
    zd: float
    per_edge: float
    note: str = ""


def ecd(sets: Sets, k: int = 10) -> Ecd:
    """Edge-count distance of two sets, generated first.

    k : spanning trees in the graph; of equally long edges the lowest indices count, generated before reference
    returns : Ecd; all nan, with a note, where k disjoint spanning trees do not exist
    Raises : ValueError for fewer than 4 shapes in all, an empty set, or k below 1
    Source : Chen and Friedman, JASA 2017, section 3; proposed for shapes by Ibing et al., CVPR 2021
    """
    generated, reference = sets.generated, sets.reference
    if k < 1:
        raise ValueError(f"ECD needs k of 1 or more, got {k}")
    if generated < 1 or reference < 1 or generated + reference < 4:
        raise ValueError(
            f"ECD needs at least 4 shapes in all and 1 a set, got {generated} generated and {reference} reference"
        )
    edges, trees = sets.union.spanning_trees(k)
    if trees < k:
        nan = float("nan")
        note = f"undefined: only {trees} of {k} disjoint spanning trees exist over {generated + reference} shapes"
        return Ecd(nan, nan, nan, nan, note)
    return edge_count(edges, generated, reference, k)


def edge_count(edges: Edges, generated: int, reference: int, k: int = 1) -> Ecd:
    """The statistic of any graph over generated shapes (nodes 0 to G - 1) and reference shapes (the rest).

    edges : (E, 2) int64, simple undirected graph
    generated, reference : set sizes G and R
    k : divides `per_edge` only
    returns : Ecd; nan with a note where the covariance is singular (all degrees equal; a star), never a pseudo-inverse
    Source : Chen and Friedman, JASA 2017; moments over all relabellings of the fixed graph, as exact fractions
    """
    n, m, size = generated, reference, generated + reference
    mean_1, mean_2, var_1, var_2, cov = edge_moments(edges, n, m)
    inside = (edges < n).sum(axis=1)
    x = Fraction(int((inside == 2).sum())) - mean_1
    y = Fraction(int((inside == 0).sum())) - mean_2
    u, v = m - 1, n - 1
    zw = _standardised(u * x + v * y, u * u * var_1 + v * v * var_2 + 2 * u * v * cov)
    zd = _standardised(x - y, var_1 + var_2 - 2 * cov)
    determinant = var_1 * var_2 - cov * cov
    if determinant == 0:
        nan = float("nan")
        return Ecd(nan, zw, zd, nan, "undefined: the covariance of the edge counts is singular for this graph")
    value = float((x * x * var_2 - 2 * x * y * cov + y * y * var_1) / determinant)
    return Ecd(value, zw, zd, value / (k * size))


def edge_moments(edges: Edges, n: int, m: int) -> tuple[Fraction, Fraction, Fraction, Fraction, Fraction]:
    """Mean and covariance of the within-set edge counts over all relabellings of a fixed graph.

    edges : (E, 2) int64 over n + m nodes, n + m >= 4
    returns : mean_1, mean_2, var_1, var_2, covariance, exact; products of this size overflow 64-bit integers at a few
        hundred shapes, Python's do not
    Source : Chen and Friedman, JASA 2017, lemma 3.1
    """
    size = n + m
    count = len(edges)
    degrees = np.bincount(edges.ravel(), minlength=size)
    shared = sum(int(d) * (int(d) - 1) for d in degrees)  # ordered pairs of edges that share a node
    apart = count * (count - 1) - shared
    two = size * (size - 1)
    three = two * (size - 2)
    four = three * (size - 3)

    def moments(s: int) -> tuple[Fraction, Fraction]:
        mean = Fraction(count * s * (s - 1), two)
        touching = Fraction(shared * s * (s - 1) * (s - 2), three)
        disjoint = Fraction(apart * s * (s - 1) * (s - 2) * (s - 3), four)
        return mean, touching + disjoint + mean - mean * mean

    mean_1, var_1 = moments(n)
    mean_2, var_2 = moments(m)
    return mean_1, mean_2, var_1, var_2, Fraction(apart * n * (n - 1) * m * (m - 1), four) - mean_1 * mean_2


def _standardised(deviation: Fraction, variance: Fraction) -> float:
    return float(deviation) / float(variance) ** 0.5 if variance else float("nan")

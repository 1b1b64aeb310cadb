"""ECD: the generalized edge-count two-sample statistic on k spanning trees over both sets.

Under "same distribution" its mean is 2 at any size, so a perfect generator scores about 2, not 0; 5.99 is the 95 %
point. It grows with the number of shapes and with k (to about k N for sets that lie apart): values of different set
sizes or k must not be compared. It is two-sided, so read it with its parts: zw well above 0 means the sets lie apart,
well below 0 that generated shapes sit closer to references than references to each other; zd above 0 means that the
generated set is the tighter one. Copies of the reference raise S of one tree; of ten trees, in which a copy is one of
some twenty neighbours, S can stay below 2 (reports/tables/what-metrics-notice.md). Exact copies of the whole reference
make every edge between two shapes tie with those between their copies; the tie rule then takes the generated side's,
and zd rises.

The p-value is that of S among relabellings of the same graph; for a few hundred shapes and few trees it is near the
tail of a chi-square of two degrees of freedom, exp(-S / 2), but needs no such limit.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from eval.distances.sets import Sets
from eval.metrics.relabelling import DRAWS, Edges, inside_counts, p_value, relabelled_counts

ROUNDING = 1e-9  # labellings whose S differ by less, relatively, tie


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


@dataclass(frozen=True)
class Moments:
    """Exact mean and covariance of the within-set edge counts over all relabellings of a fixed graph."""

    mean_1: Fraction
    mean_2: Fraction
    var_1: Fraction
    var_2: Fraction
    cov: Fraction

    @property
    def determinant(self) -> Fraction:
        return self.var_1 * self.var_2 - self.cov * self.cov


def ecd(sets: Sets, k: int = 10) -> Ecd:
    """Edge-count distance of two sets, generated first.

    k : spanning trees in the graph; of equally long edges the lowest indices count, generated before reference
    returns : Ecd; all nan, with a note, where k disjoint spanning trees do not exist
    Raises : ValueError for fewer than 4 shapes in all, an empty set, or k below 1
    Source : Chen and Friedman, JASA 2017, section 3; proposed for shapes by Ibing et al., CVPR 2021
    """
    return nested_ecd(sets, (k,))[0]


def nested_ecd(sets: Sets, ks: tuple[int, ...]) -> tuple[Ecd, ...]:
    """`ecd` at several k for the price of the largest: the trees of a smaller k are the first of a larger one."""
    edges, trees = _trees(sets, ks)
    size = sets.generated + sets.reference
    return tuple(
        edge_count(edges[: k * (size - 1)], sets.generated, sets.reference, k)
        if k <= trees
        else _too_few_trees(trees, k, size)
        for k in ks
    )


def nested_graphs(sets: Sets, ks: tuple[int, ...]) -> tuple[Edges, ...]:
    """The graphs behind `nested_ecd`: for each k, (k (N - 1), 2) int64, or fewer where so many trees do not exist.

    Raises : as `ecd`
    """
    edges, _ = _trees(sets, ks)
    return tuple(edges[: k * (sets.generated + sets.reference - 1)] for k in ks)


def between(edges: Edges, nodes: npt.NDArray[np.int64], size: int) -> Edges:
    """The edges between some nodes of a graph, which are numbered anew in their order.

    edges : (E, 2) int64 over nodes 0 to size - 1
    nodes : (M,) int64, without repetition
    returns : (F, 2) int64 over nodes 0 to M - 1
    """
    number = np.full(size, -1, np.int64)
    number[nodes] = np.arange(len(nodes))
    renumbered = number[edges]
    return np.asarray(renumbered[(renumbered >= 0).all(axis=1)])


def ecd_p_values(sets: Sets, ks: tuple[int, ...], draws: int = DRAWS, seed: int = 0) -> tuple[float, ...]:
    """How often labels dealt out at random over the same trees give an S as large as the sets' own, for each k.

    draws : random labellings; p-values come in steps of 1 / (draws + 1)
    returns : floats in (0, 1], nan where S is undefined; small says that the sets are not of one distribution
    Raises : as `ecd`
    Source : Chen and Friedman, JASA 2017, section 3; see `eval.metrics.relabelling`
    """
    edges, trees = _trees(sets, ks)
    size = sets.generated + sets.reference
    return tuple(
        edge_count_p_value(edges[: k * (size - 1)], sets.generated, sets.reference, draws, seed)
        if k <= trees
        else float("nan")
        for k in ks
    )


def edge_count_p_value(edges: Edges, generated: int, reference: int, draws: int = DRAWS, seed: int = 0) -> float:
    """Share of relabellings of any graph with an S at least as large; see `edge_count` and `ecd_p_values`."""
    moments = edge_moments(edges, generated, reference)
    if moments.determinant == 0:
        return float("nan")
    dealt = relabelled_counts(edges, generated, generated + reference, draws, seed)
    seen = np.array([inside_counts(edges, generated)])
    return p_value(_squared_lengths(dealt, moments) >= _squared_lengths(seen, moments) * (1 - ROUNDING))


def edge_count(edges: Edges, generated: int, reference: int, k: int = 1) -> Ecd:
    """The statistic of any graph over generated shapes (nodes 0 to G - 1) and reference shapes (the rest).

    edges : (E, 2) int64, simple undirected graph
    generated, reference : set sizes G and R
    k : divides `per_edge` only
    returns : Ecd; nan with a note where the covariance is singular (all degrees equal; a star), never a pseudo-inverse
    Source : Chen and Friedman, JASA 2017; moments over all relabellings of the fixed graph, as exact fractions
    """
    n, m, size = generated, reference, generated + reference
    moments = edge_moments(edges, n, m)
    inside = inside_counts(edges, n)
    x, y = inside[0] - moments.mean_1, inside[1] - moments.mean_2
    u, v = m - 1, n - 1
    zw = _standardised(u * x + v * y, u * u * moments.var_1 + v * v * moments.var_2 + 2 * u * v * moments.cov)
    zd = _standardised(x - y, moments.var_1 + moments.var_2 - 2 * moments.cov)
    if moments.determinant == 0:
        nan = float("nan")
        return Ecd(nan, zw, zd, nan, "undefined: the covariance of the edge counts is singular for this graph")
    value = float((x * x * moments.var_2 - 2 * x * y * moments.cov + y * y * moments.var_1) / moments.determinant)
    return Ecd(value, zw, zd, value / (k * size))


def edge_moments(edges: Edges, n: int, m: int) -> Moments:
    """Mean and covariance of the within-set edge counts over all relabellings of a fixed graph.

    edges : (E, 2) int64 over n + m nodes, n + m >= 4
    returns : Moments, exact; products of this size overflow 64-bit integers at a few hundred shapes, Python's do not
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
    cov = Fraction(apart * n * (n - 1) * m * (m - 1), four) - mean_1 * mean_2
    return Moments(mean_1, mean_2, var_1, var_2, cov)


def _trees(sets: Sets, ks: tuple[int, ...]) -> tuple[Edges, int]:
    generated, reference = sets.generated, sets.reference
    if min(ks) < 1:
        raise ValueError(f"ECD needs k of 1 or more, got {min(ks)}")
    if generated < 1 or reference < 1 or generated + reference < 4:
        raise ValueError(
            f"ECD needs at least 4 shapes in all and 1 a set, got {generated} generated and {reference} reference"
        )
    return sets.union.spanning_trees(max(ks))


def _too_few_trees(trees: int, k: int, size: int) -> Ecd:
    nan = float("nan")
    return Ecd(nan, nan, nan, nan, f"undefined: only {trees} of {k} disjoint spanning trees exist over {size} shapes")


def _squared_lengths(counts: npt.NDArray[np.int64], moments: Moments) -> npt.NDArray[np.float64]:
    """S of (draws, 2) edge counts."""
    x, y = counts[:, 0] - float(moments.mean_1), counts[:, 1] - float(moments.mean_2)
    cross = float(moments.var_2) * x * x - 2 * float(moments.cov) * x * y + float(moments.var_1) * y * y
    return np.asarray(cross / float(moments.determinant))


def _standardised(deviation: Fraction, variance: Fraction) -> float:
    return float(deviation) / float(variance) ** 0.5 if variance else float("nan")

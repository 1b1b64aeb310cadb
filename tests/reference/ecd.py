"""Edge-count statistic by enumerating all relabellings."""

from fractions import Fraction
from itertools import combinations

import numpy as np

Edge = tuple[int, int]


def counts(edges: list[Edge], first: set[int]) -> tuple[int, int]:
    """Edges with both ends inside `first`, and with both ends outside."""
    inside = sum(a in first and b in first for a, b in edges)
    outside = sum(a not in first and b not in first for a, b in edges)
    return inside, outside


def moments(edges: list[Edge], n: int, m: int) -> tuple[Fraction, Fraction, Fraction, Fraction, Fraction]:
    """Means, variances and covariance of the counts over every way to call n nodes the first sample."""
    seen = [counts(edges, set(first)) for first in combinations(range(n + m), n)]
    total = len(seen)
    mean_1 = Fraction(sum(x for x, _ in seen), total)
    mean_2 = Fraction(sum(y for _, y in seen), total)
    var_1 = Fraction(sum(x * x for x, _ in seen), total) - mean_1**2
    var_2 = Fraction(sum(y * y for _, y in seen), total) - mean_2**2
    cov = Fraction(sum(x * y for x, y in seen), total) - mean_1 * mean_2
    return mean_1, mean_2, var_1, var_2, cov


def ecd(edges: list[Edge], n: int, m: int) -> float:
    mean_1, mean_2, var_1, var_2, cov = moments(edges, n, m)
    inside, outside = counts(edges, set(range(n)))
    deviation = np.array([float(inside - mean_1), float(outside - mean_2)])
    covariance = np.array([[float(var_1), float(cov)], [float(cov), float(var_2)]])
    return float(deviation @ np.linalg.inv(covariance) @ deviation)


def p_value(edges: list[Edge], n: int, m: int) -> Fraction:
    """Share of all ways to call n nodes the first sample whose statistic is at least that of nodes 0 to n - 1."""
    mean_1, mean_2, var_1, var_2, cov = moments(edges, n, m)

    def length(first: set[int]) -> Fraction:
        x, y = (seen - mean for seen, mean in zip(counts(edges, first), (mean_1, mean_2), strict=True))
        return x * x * var_2 - 2 * x * y * cov + y * y * var_1

    lengths = [length(set(first)) for first in combinations(range(n + m), n)]
    return Fraction(sum(one >= length(set(range(n))) for one in lengths), len(lengths))

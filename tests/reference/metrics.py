"""Set metrics by loops over distance matrices, generated shapes in rows."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


def mmd(d_gr: Matrix) -> float:
    total = 0.0
    for r in range(d_gr.shape[1]):
        total += min(float(d_gr[g, r]) for g in range(d_gr.shape[0]))
    return total / d_gr.shape[1]


def coverage(d_gr: Matrix) -> float:
    hit = set()
    for g in range(d_gr.shape[0]):
        best = 0
        for r in range(d_gr.shape[1]):
            if d_gr[g, r] < d_gr[g, best]:
                best = r
        hit.add(best)
    return len(hit) / d_gr.shape[1]


def union(d_gr: Matrix, d_gg: Matrix, d_rr: Matrix) -> Matrix:
    """All distances, generated shapes first."""
    return np.concatenate([np.concatenate([d_gg, d_gr], axis=1), np.concatenate([d_gr.T, d_rr], axis=1)])


def one_nna(d_gr: Matrix, d_gg: Matrix, d_rr: Matrix) -> float:
    right = one_nna_halves(d_gr, d_gg, d_rr)
    return (right[0] + right[1]) / (len(d_gg) + len(d_rr))


def one_nna_halves(d_gr: Matrix, d_gg: Matrix, d_rr: Matrix) -> tuple[int, int]:
    """Generated and reference shapes whose nearest other shape is of their own set."""
    generated = d_gr.shape[0]
    right = [0, 0]
    for i, best in enumerate(nearest_other(union(d_gr, d_gg, d_rr))):
        right[i >= generated] += (i < generated) == (best < generated)
    return right[0], right[1]


def nearest_other(every: Matrix) -> list[int]:
    found = []
    for i in range(len(every)):
        best = -1
        for j in range(len(every)):
            if j != i and (best < 0 or every[i, j] < every[i, best]):
                best = j
        found.append(best)
    return found


def one_nna_p_value(every: Matrix, generated: int) -> Fraction:
    """Share of all ways to call `generated` shapes so whose accuracy is as far from the mean of all as the first's."""
    nearest = nearest_other(every)
    right = [
        sum((i in first) == (best in first) for i, best in enumerate(nearest))
        for first in combinations(range(len(every)), generated)
    ]
    mean = Fraction(sum(right), len(right))
    return Fraction(sum(abs(one - mean) >= abs(right[0] - mean) for one in right), len(right))

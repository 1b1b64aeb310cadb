"""Distances by loops, in float64."""

from itertools import permutations

import numpy as np
import numpy.typing as npt

Cloud = npt.NDArray[np.float32]


def chamfer(a: Cloud, b: Cloud, kind: str = "squared_mean") -> float:
    there, back = _nearest_squared(a, b), _nearest_squared(b, a)
    if kind == "squared_sum":
        return sum(there) + sum(back)
    if kind == "squared_mean":
        return sum(there) / len(there) + sum(back) / len(back)
    plain = sum(d**0.5 for d in there) / len(there) + sum(d**0.5 for d in back) / len(back)
    return plain / 2 if kind == "l2_half" else plain


def _nearest_squared(a: Cloud, b: Cloud) -> list[float]:
    return [min(sum((float(p) - float(q)) ** 2 for p, q in zip(x, y, strict=True)) for y in b) for x in a]


def emd(a: Cloud, b: Cloud) -> float:
    """Every matching is tried: for a handful of points only."""
    cost = [[sum((float(p) - float(q)) ** 2 for p, q in zip(x, y, strict=True)) ** 0.5 for y in b] for x in a]
    return min(sum(cost[i][j] for i, j in enumerate(order)) for order in permutations(range(len(b)))) / len(a)

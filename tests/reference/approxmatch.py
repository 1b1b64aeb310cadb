"""The approximate matching by loops, in float64."""

from math import exp

import numpy as np
import numpy.typing as npt

Cloud = npt.NDArray[np.float32]


def approximate_emd(asking: Cloud, giving: Cloud, squared: bool) -> float:
    """Each point asks for what lies near; what is asked for too much is shared out; the rest asks again, farther."""
    square = [[sum((float(p) - float(q)) ** 2 for p, q in zip(x, y, strict=True)) for y in giving] for x in asking]
    levels = [-(4.0**exponent) for exponent in (7, 6, 5, 4, 3, 2, 1, 0, -1)] + ([0.0] if squared else [])
    left, right = [1.0] * len(asking), [1.0] * len(giving)
    cost = 0.0
    for level in levels:
        weight = [[exp(level * entry) for entry in row] for row in square]
        near = [1e-9 + sum(w * r for w, r in zip(row, right, strict=True)) for row in weight]
        ratio = [mass / around for mass, around in zip(left, near, strict=True)]
        asked = [right[j] * sum(weight[i][j] * ratio[i] for i in range(len(asking))) for j in range(len(giving))]
        granted = [r * min(1.0, r / (a + 1e-9)) for r, a in zip(right, asked, strict=True)]
        right = [max(0.0, r - a) for r, a in zip(right, asked, strict=True)]
        for i, row in enumerate(weight):
            moved = [ratio[i] * w * g for w, g in zip(row, granted, strict=True)]
            left[i] = max(0.0, left[i] - sum(moved))
            cost += sum(m * (d if squared else d**0.5) for m, d in zip(moved, square[i], strict=True))
    return cost / len(asking)

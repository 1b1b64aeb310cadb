"""Logits near points, one sample after the other: what `argus3d.meshing.through` does at once."""

import math

import numpy as np
from numpy.typing import NDArray


def surface_through(
    values: NDArray[np.float32], points: NDArray[np.floating], threshold: float, side: float
) -> NDArray[np.float64]:
    """Logits (n, n, n) of a box of `side` about 0, moved so that points (P, 3) come to lie at the threshold."""
    n, iso = len(values), math.log(threshold / (1 - threshold))
    reach = max(0.04, 2 * side / (n - 1))
    full, nearest, thickness = reach * 0.015 / 0.04, 8, 0.5
    corner = np.linspace(-side / 2, side / 2, n)
    wanted = []
    for point in points:
        found = trilinear(values, (point / side + 0.5) * (n - 1))
        wanted.append(iso - found + (thickness if found < iso else 0))
    changed = values.astype(np.float64)
    for i in range(n):
        for j in range(n):
            for k in range(n):
                sample = np.array([corner[i], corner[j], corner[k]])
                order = sorted((float(np.linalg.norm(sample - point)), p) for p, point in enumerate(points))
                some = [(d, wanted[p]) for d, p in order[:nearest] if d < reach]
                if not some:
                    continue
                shares = [(1 - (d / reach) ** 2) ** 2 for d, _ in some]
                mean = sum(share * want for share, (_, want) in zip(shares, some, strict=True)) / sum(shares)
                changed[i, j, k] += mean * min(1, (reach - some[0][0]) / (reach - full))
    return changed


def trilinear(values: NDArray[np.float32], place: NDArray[np.floating]) -> float:
    """The value between the eight samples about a place, in samples."""
    total = 0.0
    for corner in np.ndindex(2, 2, 2):
        low = np.minimum(np.floor(place), len(values) - 2).astype(int)
        share = np.prod([place[a] - low[a] if corner[a] else 1 - place[a] + low[a] for a in range(3)])
        total += float(share) * float(values[tuple(low + corner)])
    return total

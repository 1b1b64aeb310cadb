"""Loops for what the model does in batches."""

import numpy as np
from numpy.typing import NDArray

PLANES = ((0, 2), (0, 1), (1, 2))


def cell(point: NDArray[np.float32], plane: int, resolution: int, padding: float) -> int:
    """Flat cell of one point on one plane: column + resolution * row."""
    cells = []
    for axis in PLANES[plane]:
        u = np.float32(point[axis]) / np.float32(1 + padding + 1e-5) + np.float32(0.5)
        u = min(max(u, np.float32(0)), np.float32(1 - 1e-5))
        cells.append(int(u * resolution))
    return cells[0] + resolution * cells[1]


def pool_by_cell(rows: NDArray[np.float32], cells: list[int]) -> NDArray[np.float32]:
    """Each row replaced by the maximum over the rows of its cell."""
    pooled = np.empty_like(rows)
    for i, own in enumerate(cells):
        pooled[i] = np.max([rows[j] for j, other in enumerate(cells) if other == own], axis=0)
    return pooled


def nearest_code(code: NDArray[np.float64], table: NDArray[np.float64]) -> int:
    """Index of the nearest row of `table`, the lowest on a tie."""
    best, index = np.inf, -1
    for i, row in enumerate(table):
        distance = sum((a - b) ** 2 for a, b in zip(code, row, strict=True))
        if distance < best:
            best, index = distance, i
    return index


def bilinear(plane: NDArray[np.float64], column: float, row: float) -> NDArray[np.float64]:
    """Sample of a plane (C, R, R) at fractional indices, edges repeated."""
    side = plane.shape[1]
    x, y = min(max(column, 0.0), side - 1), min(max(row, 0.0), side - 1)
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, side - 1), min(y0 + 1, side - 1)
    fx, fy = x - x0, y - y0
    top = (1 - fx) * plane[:, y0, x0] + fx * plane[:, y0, x1]
    bottom = (1 - fx) * plane[:, y1, x0] + fx * plane[:, y1, x1]
    return (1 - fy) * top + fy * bottom


def filter_logits(logits: list[float], top_k: int | None, top_p: float | None) -> list[float]:
    """Logits with everything but the likeliest set to -inf, one row."""
    kept = list(logits)
    if top_k is not None:
        kth = sorted(kept, reverse=True)[min(top_k, len(kept)) - 1]
        kept = [value if value >= kth else -np.inf for value in kept]
    if top_p is not None:
        weights = np.exp(np.array(kept) - max(kept))
        weights /= weights.sum()
        total, chosen = 0.0, set()
        for index in sorted(range(len(kept)), key=lambda i: (-weights[i], i)):
            if total >= top_p:
                break
            chosen.add(index)
            total += weights[index]
        kept = [value if index in chosen else -np.inf for index, value in enumerate(kept)]
    return kept

"""Inside and outside of triangle meshes, point by point and triangle by triangle."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def solid_angle(triangle: Array, point: Array) -> float:
    """Of a triangle (3, 3) seen from a point (3,), positive from behind. Source: Van Oosterom and Strackee 1983."""
    a, b, c = triangle - point
    la, lb, lc = (math.sqrt(v @ v) for v in (a, b, c))
    return 2 * math.atan2(a @ np.cross(b, c), la * lb * lc + (a @ b) * lc + (b @ c) * la + (c @ a) * lb)


def winding_number(triangles: Array, point: Array) -> float:
    """Of triangles (F, 3, 3) around a point (3,)."""
    return sum(solid_angle(triangle, point) for triangle in triangles) / (4 * math.pi)


def crossings(triangles: Array, point: Array, axis: int, way: int) -> int:
    """How much more often the ray from a point along `way` times an axis leaves triangles (F, 3, 3) than it enters."""
    u, v = (axis + 1) % 3, (axis + 2) % 3
    count = 0
    for a, b, c in triangles - point:
        areas = [p[u] * q[v] - q[u] * p[v] for p, q in ((b, c), (c, a), (a, b))]
        if all(area > 0 for area in areas) or all(area < 0 for area in areas):
            height = sum(area * corner[axis] for area, corner in zip(areas, (a, b, c), strict=True)) / sum(areas)
            if height * way > 0:
                count += way * (1 if areas[0] > 0 else -1)
    return count


def votes(triangles: Array, point: Array) -> int:
    """How many of the six axis rays cross outwards more or less often than inwards."""
    return sum(crossings(triangles, point, axis, way) != 0 for axis in range(3) for way in (1, -1))


def is_inside(triangles: Array, point: Array) -> bool:
    """By the rays where they agree, else by the winding number."""
    found = votes(triangles, point)
    return found == 6 or (0 < found < 6 and abs(winding_number(triangles, point)) > 0.5)


def distance(triangle: Array, point: Array) -> float:
    """From a point (3,) to a triangle (3, 3) with an area."""
    a, b, c = triangle
    normal = np.cross(b - a, c - a)
    foot = point - normal * ((point - a) @ normal) / (normal @ normal)
    if all(np.cross(q - p, foot - p) @ normal >= 0 for p, q in ((a, b), (b, c), (c, a))):
        return float(np.linalg.norm(point - foot))
    return min(distance_to_segment(p, q, point) for p, q in ((a, b), (b, c), (c, a)))


def distance_to_segment(a: Array, b: Array, point: Array) -> float:
    """From a point (3,) to the segment from a to b, (3,) each."""
    share = min(1.0, max(0.0, (point - a) @ (b - a) / ((b - a) @ (b - a))))
    return float(np.linalg.norm(point - a - share * (b - a)))

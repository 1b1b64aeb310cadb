"""Winding numbers of triangles, by a tree of dipoles."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

LEAF = 4  # triangles


@dataclass(frozen=True)
class WindingTree:
    """Triangles (C, 3, 3) float64 in the order of the tree, and its nodes.

    Source: Barill et al. 2018, Fast Winding Numbers for Soups and Clouds, at first order.
    """

    triangles: NDArray[np.float64]
    dipoles: NDArray[np.float64]
    ranges: NDArray[np.int64]

    @classmethod
    def of(cls, triangles: NDArray[np.float64]) -> "WindingTree":
        """Of triangles (C, 3, 3) float64."""
        centres = triangles.mean(1)
        low = centres.min(0)
        steps = ((centres - low) / max(float((centres.max(0) - low).max()), 1e-12) * 1023).astype(np.int64)
        ordered = np.ascontiguousarray(triangles[np.argsort(_interleaved(steps), kind="stable")])
        return cls(ordered, *_nodes(ordered))

    def around(self, points: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
        """Winding numbers (Q,) around points (Q, 3); nodes further than `reach` of their radii count as dipoles."""
        found: NDArray[np.float64] = _around(self.triangles, self.dipoles, self.ranges, points, reach)
        return found


def _interleaved(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Morton codes (C,) of steps (C, 3) in 0 .. 1023."""
    codes = np.zeros(len(steps), np.int64)
    for bit in range(10):
        for axis in range(3):
            codes |= ((steps[:, axis] >> bit) & 1) << (3 * bit + axis)
    return codes


@njit(cache=True)
def _nodes(triangles):  # type: ignore[no-untyped-def]
    """Dipoles (N, 7): centre, squared radius, vector area; ranges (N, 3): first triangle, end, first child or -1."""
    count = len(triangles)
    dipoles = np.zeros((2 * count + 1, 7))
    ranges = np.zeros((2 * count + 1, 3), np.int64)
    ranges[0] = 0, count, -1
    used = 1
    node = 0
    while node < used:
        first, last = ranges[node, 0], ranges[node, 1]
        d = dipoles[node]
        total = 0.0
        for t in range(first, last):
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            p, q, r = b[0] - a[0], b[1] - a[1], b[2] - a[2]
            x, y, z = c[0] - a[0], c[1] - a[1], c[2] - a[2]
            nx, ny, nz = (q * z - r * y) / 2, (r * x - p * z) / 2, (p * y - q * x) / 2
            size = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-30  # a node of triangles without area has a centre too
            total += size
            for k in range(3):
                d[k] += size * (a[k] + b[k] + c[k]) / 3
            d[4] += nx
            d[5] += ny
            d[6] += nz
        for k in range(3):
            d[k] /= total
        for t in range(first, last):
            for corner in range(3):
                v = triangles[t, corner]
                x, y, z = v[0] - d[0], v[1] - d[1], v[2] - d[2]
                d[3] = max(d[3], x * x + y * y + z * z)
        ranges[node, 2] = -1
        if last - first > LEAF:
            middle = (first + last) // 2
            ranges[node, 2] = used
            ranges[used, 0], ranges[used, 1] = first, middle
            ranges[used + 1, 0], ranges[used + 1, 1] = middle, last
            used += 2
        node += 1
    return dipoles[:used].copy(), ranges[:used].copy()


@njit(cache=True)
def _around(triangles, dipoles, ranges, points, reach):  # type: ignore[no-untyped-def]
    # Solid angles are added as arguments of a product of complex numbers: one arctangent a point, not one a triangle.
    found = np.zeros(len(points))
    pending = np.empty(64, np.int64)
    for q in range(len(points)):
        x, y, z = points[q, 0], points[q, 1], points[q, 2]
        far, turns = 0.0, 0.0
        real, imaginary = 1.0, 0.0
        pending[0] = 0
        left = 1
        while left:
            left -= 1
            node = pending[left]
            d = dipoles[node]
            dx, dy, dz = d[0] - x, d[1] - y, d[2] - z
            squared = dx * dx + dy * dy + dz * dz
            if squared > reach * reach * d[3]:
                far += (d[4] * dx + d[5] * dy + d[6] * dz) / (squared * np.sqrt(squared))
            elif ranges[node, 2] >= 0:
                pending[left] = ranges[node, 2]
                pending[left + 1] = ranges[node, 2] + 1
                left += 2
            else:
                for t in range(ranges[node, 0], ranges[node, 1]):
                    along, across = _half_angle(triangles[t], x, y, z)
                    if along == 0 and across == 0:
                        continue  # the point is on an edge, from where there is no angle
                    before = imaginary
                    imaginary = real * across + before * along
                    real = real * along - before * across
                    turns += int((across > 0) & (before >= 0) & (imaginary < 0))
                    turns -= int((across < 0) & (before < 0) & (imaginary >= 0))
                size = abs(real) + abs(imaginary)
                real /= size
                imaginary /= size
        found[q] = far / (4 * np.pi) + turns + np.arctan2(imaginary, real) / (2 * np.pi)
    return found


@njit(cache=True)
def _half_angle(t, x, y, z):  # type: ignore[no-untyped-def]
    """A complex number whose argument is half the solid angle of a triangle. Source: Van Oosterom and Strackee 1983."""
    ax, ay, az = t[0, 0] - x, t[0, 1] - y, t[0, 2] - z
    bx, by, bz = t[1, 0] - x, t[1, 1] - y, t[1, 2] - z
    cx, cy, cz = t[2, 0] - x, t[2, 1] - y, t[2, 2] - z
    a = np.sqrt(ax * ax + ay * ay + az * az)
    b = np.sqrt(bx * bx + by * by + bz * bz)
    c = np.sqrt(cx * cx + cy * cy + cz * cz)
    volume = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    ab, bc, ca = ax * bx + ay * by + az * bz, bx * cx + by * cy + bz * cz, cx * ax + cy * ay + cz * az
    return a * b * c + ab * c + bc * a + ca * b, volume

"""What lies within a distance of some triangles, without asking how far the nearest is."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from argus3d.compiled import compile_anew_with
from argus3d.data.solid.rays import UVW, cheapest_axis, column_at, columns_for, columns_of


@dataclass(frozen=True)
class Sheets:
    """Triangles (F, 3, 3) float64 in columns along one axis, and the distance that counts as near."""

    triangles: NDArray[np.float64]
    distance: float
    axis: int
    arrays: tuple[object, ...]

    @classmethod
    def of(cls, vertices: NDArray[np.float64], faces: NDArray[np.int64], distance: float) -> "Sheets":
        """Of vertices (V, 3) float64 and faces (F, 3) int64."""
        axis = cheapest_axis(vertices, faces)
        columns = min(columns_for(len(faces)), int(1 / (2 * distance)))  # narrower ones would only repeat themselves
        u, v, w = UVW[axis]
        triangles = vertices[faces]
        low, high = triangles.min(1) - 1.001 * distance, triangles.max(1) + 1.001 * distance
        flat = np.stack([low[:, u], high[:, u], low[:, v], high[:, v]], 1)
        grid, starts, listed = columns_of(flat, np.ones(len(faces), bool), columns)
        boxes = np.concatenate([flat, low[:, w, None], high[:, w, None]], 1)[listed].astype(np.float32)
        longest = int(np.diff(starts).max())
        return cls(triangles, distance, axis, (grid, starts, listed, boxes, columns, longest))

    def near(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(Q,) bool: which of points (Q, 3) float64 are nearer to a triangle than `distance`."""
        found: NDArray[np.bool_] = _near(self.triangles, self.arrays, points, UVW[self.axis], self.distance**2)
        return found


@njit(cache=True)
def _near(triangles, arrays, points, uvw, limit):  # type: ignore[no-untyped-def]
    grid, starts, listed, boxes, columns, longest = arrays
    u, v, w = uvw
    found = np.zeros(len(points), np.bool_)
    kept = np.empty(longest + 1, np.int32)
    for q in range(len(points)):
        x, y, z = points[q, u], points[q, v], points[q, w]
        cell = column_at(grid, columns, x, y)
        if cell < 0:
            continue
        count = 0
        for entry in range(starts[cell], starts[cell + 1]):
            b = boxes[entry]
            kept[count] = listed[entry]
            count += int((x >= b[0]) & (x <= b[1]) & (y >= b[2]) & (y <= b[3]) & (z >= b[4]) & (z <= b[5]))
        for n in range(count):
            if squared_distance(triangles[kept[n]], points[q]) < limit:
                found[q] = True
                break
    return found


@njit(cache=True)
def squared_distance(triangle, point):  # type: ignore[no-untyped-def]
    """From a point (3,) to a triangle (3, 3). Source: Ericson, Real-Time Collision Detection, 5.1.5."""
    a, b, c = triangle[0], triangle[1], triangle[2]
    abx, aby, abz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    acx, acy, acz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    apx, apy, apz = point[0] - a[0], point[1] - a[1], point[2] - a[2]
    bpx, bpy, bpz = point[0] - b[0], point[1] - b[1], point[2] - b[2]
    cpx, cpy, cpz = point[0] - c[0], point[1] - c[1], point[2] - c[2]
    d1, d2 = abx * apx + aby * apy + abz * apz, acx * apx + acy * apy + acz * apz
    d3, d4 = abx * bpx + aby * bpy + abz * bpz, acx * bpx + acy * bpy + acz * bpz
    d5, d6 = abx * cpx + aby * cpy + abz * cpz, acx * cpx + acy * cpy + acz * cpz
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    if d1 <= 0 and d2 <= 0:
        s, t = 0.0, 0.0
    elif d3 >= 0 and d4 <= d3:
        s, t = 1.0, 0.0
    elif d6 >= 0 and d5 <= d6:
        s, t = 0.0, 1.0
    elif vc <= 0 and d1 >= 0 and d3 <= 0:
        s, t = d1 / (d1 - d3), 0.0
    elif vb <= 0 and d2 >= 0 and d6 <= 0:
        s, t = 0.0, d2 / (d2 - d6)
    elif va <= 0 and d4 >= d3 and d5 >= d6:
        t = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        s = 1.0 - t
    else:
        # Rounding may leave slivers no area; any point of the triangle is near enough to them then.
        area = max(va + vb + vc, 1e-300)
        s = min(max(vb / area, 0.0), 1.0)
        t = min(max(vc / area, 0.0), 1.0 - s)
    x, y, z = apx - s * abx - t * acx, apy - s * aby - t * acy, apz - s * abz - t * acz
    return x * x + y * y + z * z


compile_anew_with(__name__, "argus3d.data.solid.rays")

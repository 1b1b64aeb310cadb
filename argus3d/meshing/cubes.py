"""Marching cubes over the cells that the surface crosses."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from argus3d.errors import UserError
from argus3d.meshing.cases import triangle_table

OUTSIDE = -1e6  # what lies around the grid, so that every surface is closed at the box
_COUNTS, _TRIANGLES = triangle_table()


@dataclass(frozen=True)
class Mesh:
    """vertices : (V, 3) float32, in [-0.55, 0.55]; faces : (F, 3) int32, outward. Both empty for an empty shape."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    @property
    def empty(self) -> bool:
        return len(self.faces) == 0


def logit(probability: float) -> float:
    """ln(p / (1 - p)). Raises: UserError when `probability` is not inside (0, 1)."""
    if not 0 < probability < 1:
        raise UserError(f"threshold {probability} must lie between 0 and 1.")
    return float(np.log(probability) - np.log(1 - probability))


def extract_mesh(values: NDArray[np.float32], threshold: float, side: float = 1.1) -> Mesh:
    """The surface of a grid of logits at probability `threshold`: closed at the box, edge-manifold, outward.

    values : (n, n, n) float32, axes x, y, z; inside is what lies above the threshold's logit, rounded to float32
    side : of the box that the grid spans, its centre at 0

    One vertex lies on every edge of the grid, padded by one sample of -1e6, whose ends lie on different sides.

    Raises: UserError for a grid that holds values that are not finite.
    Source: marching cubes (Lorensen and Cline 1987), in the released model's form.
    """
    iso = np.float32(logit(threshold))
    values = np.ascontiguousarray(values, np.float32)
    cells, cases = _crossed_cells(values, iso)
    owned = np.array([_owned_edges(case) for case in range(256)])
    vertices, faces = _emit(values, iso, cells, cases, owned[cases].sum(), _COUNTS[cases].sum(), _COUNTS, _TRIANGLES)
    if not np.isfinite(vertices).all():
        raise UserError("the grid of logits holds values that are not finite; check the weights it came from.")
    return Mesh((side * (vertices / (len(values) - 1) - 0.5)).astype(np.float32), faces)


def _owned_edges(case: int) -> int:
    """How many of a cell's three edges at its highest corner the surface crosses."""
    return sum((case >> 7 ^ case >> corner) & 1 for corner in (3, 5, 6))


@njit(cache=True, nogil=True)
def _mark_inside(layer, iso, inside):  # type: ignore[no-untyped-def]
    """Mark a layer (n, n) of samples in its padded twin (n + 2, n + 2)."""
    for j in range(len(layer)):
        values, marks = layer[j], inside[j + 1, 1:]  # rows, because the compiler makes SIMD of such loops only
        for k in range(len(values)):
            marks[k] = values[k] > iso


@njit(cache=True, nogil=True)
def _combine(a, b, c, d, combined):  # type: ignore[no-untyped-def]
    """Four rows of marks as bits of one; what any and what every position holds."""
    some, every = np.uint8(0), np.uint8(15)
    for k in range(len(combined)):
        four = np.uint8(a[k] | np.uint8(b[k] << 1) | np.uint8(c[k] << 2) | np.uint8(d[k] << 3))
        combined[k] = four
        some |= four
        every &= four
    return some, every


@njit(cache=True, nogil=True)
def _append_crossed(row, i, j, cells, cases):  # type: ignore[no-untyped-def]
    """Write down the crossed cells of a row of combined marks; how many they are."""
    found = 0
    for k in range(len(row) - 1):
        case = row[k] | row[k + 1] << 4
        if case != 0 and case != 255:
            cells[found, 0], cells[found, 1], cells[found, 2], cases[found] = i, j, k, case
            found += 1
    return found


@njit(cache=True, nogil=True)
def _crossed_cells(values, iso):  # type: ignore[no-untyped-def]
    """Cells of the padded grid whose corners are not all alike: positions (N, 3) int32 in raster order, cases (N,)."""
    n = values.shape[0]
    here, there = np.zeros((n + 2, n + 2), np.uint8), np.zeros((n + 2, n + 2), np.uint8)
    row = np.empty(n + 2, np.uint8)
    room = (n + 1) ** 2  # more than a row's cells at any time
    cells, cases, found = np.empty((room, 3), np.int32), np.empty(room, np.uint8), 0
    for i in range(n + 1):
        here, there = there, here
        if i < n:
            _mark_inside(values[i], iso, there)
        else:
            there[:] = 0
        for j in range(n + 1):
            some, every = _combine(here[j], there[j], here[j + 1], there[j + 1], row)
            if some == 0 or every == 15:
                continue
            if found + n + 1 > len(cases):
                grown, grown_cases = np.empty((2 * len(cells), 3), np.int32), np.empty(2 * len(cases), np.uint8)
                grown[:found], grown_cases[:found] = cells[:found], cases[:found]
                cells, cases = grown, grown_cases
            found += _append_crossed(row, i, j, cells[found:], cases[found:])
    return cells[:found], cases[:found]


@njit(cache=True, nogil=True)
def _sample(values, i, j, k):  # type: ignore[no-untyped-def]
    """Value at a position of the padded grid."""
    n = values.shape[0]
    if min(i, j, k) < 1 or max(i, j, k) > n:
        return OUTSIDE
    return np.float64(values[i - 1, j - 1, k - 1])


@njit(cache=True, nogil=True)
def _emit(values, iso, cells, cases, vertex_count, face_count, counts, triangles):  # type: ignore[no-untyped-def]
    """Vertices in grid units and faces, cell by cell.

    A cell makes the vertices on the three edges at its highest corner and finds the others, which cells before it in
    raster order have made: an edge with a vertex never lies on the hull of the padded grid, so all four cells around
    it are there, and all are crossed. Two layers of edges are all that has to be remembered.
    """
    n, level = values.shape[0], np.float64(iso)
    along_x = np.empty((n + 2, n + 2), np.int32)
    along_y, along_z = np.empty((2, n + 2, n + 2), np.int32), np.empty((2, n + 2, n + 2), np.int32)
    vertices, faces = np.empty((vertex_count, 3), np.float64), np.empty((face_count, 3), np.int32)
    edge = np.empty(12, np.int32)
    made, written = 0, 0
    for c in range(len(cells)):
        i, j, k, case = cells[c, 0], cells[c, 1], cells[c, 2], np.int64(cases[c])
        high = _sample(values, i + 1, j + 1, k + 1)
        near, far = i & 1, (i + 1) & 1
        for axis in range(3):
            if (case >> 7 ^ case >> (7 - (1 << axis))) & 1 == 0:
                continue
            vertices[made, 0], vertices[made, 1], vertices[made, 2] = i, j, k  # the highest corner, without padding
            low = _sample(values, i + (axis != 0), j + (axis != 1), k + (axis != 2))
            vertices[made, axis] += (level - low) / (high - low) - 1
            if axis == 0:
                along_x[j + 1, k + 1] = made
            elif axis == 1:
                along_y[far, j, k + 1] = made
            else:
                along_z[far, j + 1, k] = made
            made += 1
        edge[0], edge[1], edge[2], edge[3] = along_x[j, k], along_x[j + 1, k], along_x[j, k + 1], along_x[j + 1, k + 1]
        edge[4], edge[5], edge[6], edge[7] = (
            along_y[near, j, k], along_y[far, j, k], along_y[near, j, k + 1], along_y[far, j, k + 1],
        )  # fmt: skip
        edge[8], edge[9], edge[10], edge[11] = (
            along_z[near, j, k], along_z[far, j, k], along_z[near, j + 1, k], along_z[far, j + 1, k],
        )  # fmt: skip
        for t in range(counts[case]):
            for corner in range(3):
                faces[written, corner] = edge[triangles[case, t, corner]]
            written += 1
    return vertices, faces

"""The 256 cases of marching cubes, made by a rule instead of typed.

A corner is numbered x + 2 y + 4 z. On each face of the cell every run of inside corners is cut off by a segment of its
own; the rule sees nothing but the signs on the face, so the two cells that share it cut it alike. The segments close to
loops, and a loop becomes triangles without a diagonal that lies in a face, where the neighbour might put one too.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Triangle = tuple[int, int, int]

# Four edges along x, four along y, four along z, as pairs of corners.
EDGES = tuple((corner, corner + axis) for axis in (1, 2, 4) for corner in range(8) if not corner & axis)


def _faces() -> Iterator[tuple[int, int, int, int]]:
    """Corners of the six faces, counter-clockwise as seen from outside."""
    for axis in range(3):
        u, v = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
        yield 0, v, u + v, u
        yield tuple(corner + (1 << axis) for corner in (0, u, u + v, v))  # type: ignore[misc]


_FACES = tuple(_faces())


def _edge(a: int, b: int) -> int:
    return EDGES.index((min(a, b), max(a, b)))


def loops(case: int) -> list[list[int]]:
    """The surface's outlines in a cell as cycles of edges, counter-clockwise as seen from outside the shape.

    case : bit c says whether corner c is inside
    """
    after = {}
    for face in _FACES:
        inside = [case >> corner & 1 for corner in face]
        for start in range(4):
            if not inside[start] or inside[start - 1]:
                continue
            end = next(start + length for length in range(1, 4) if not inside[(start + length) % 4])
            entered, left = _edge(face[start - 1], face[start]), _edge(face[(end - 1) % 4], face[end % 4])
            after[entered] = left
    found = []
    while after:
        first, edge = after.popitem()
        loop = [first]
        while edge != first:
            loop.append(edge)
            edge = after.pop(edge)
        found.append(loop)
    return found


def _share_a_face(a: int, b: int) -> bool:
    corners = {*EDGES[a], *EDGES[b]}
    return any(corners <= set(face) for face in _FACES)


def triangulate(loop: Sequence[int]) -> list[Triangle] | None:
    """Triangles of a loop whose diagonals all run through the cell, or None where there are none."""
    if len(loop) < 3:
        return []
    first, last = loop[0], loop[-1]
    for middle in range(1, len(loop) - 1):
        apex = loop[middle]
        if (middle > 1 and _share_a_face(first, apex)) or (middle < len(loop) - 2 and _share_a_face(apex, last)):
            continue
        near, far = triangulate(loop[: middle + 1]), triangulate(loop[middle:])
        if near is not None and far is not None:
            return [(first, apex, last), *near, *far]
    return None


def triangle_table() -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """How many triangles each case has, (256,), and their edges, (256, most, 3), -1 where there is none."""
    cases = []
    for case in range(256):
        triangulations = [triangulate(loop) for loop in loops(case)]
        if None in triangulations:
            raise AssertionError(f"case {case} has a loop that no diagonals inside the cell cut")
        cases.append([triangle for triangles in triangulations for triangle in triangles or []])
    counts = np.array([len(triangles) for triangles in cases])
    table = np.full((256, counts.max(), 3), -1, np.int8)
    for case, triangles in enumerate(cases):
        table[case, : len(triangles)] = np.array(triangles, np.int8).reshape(-1, 3)
    return counts, table

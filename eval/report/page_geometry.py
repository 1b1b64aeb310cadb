"""Shapes made small enough for a page: meshes of few faces, or discs on the surface.

A mesh is simplified to FACES faces. One that cannot be (edges with three faces, say), and points with normals, become
at most POINTS discs. All are centred by their bounding box with longest side 1, as results compare them.
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import igl
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from argus3d.data.formats.mesh_files import read_mesh_file
from eval.meshes import sample_triangles

FACES, POINTS = 1500, 4000
CELLS = 128  # a side of the grid that spreads points, to begin with
AMONG = 30_000  # points drawn from a mesh, for POINTS of them to be spread

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Geometry:
    """A shape as `shapes.js` reads it; its length is the number of characters that it takes."""

    parts: Mapping[str, Any]

    def __len__(self) -> int:
        """Characters of its arrays."""
        return sum(len(part) for part in self.parts.values() if isinstance(part, str))


def geometry_of_mesh(path: Path) -> Geometry:
    """A mesh file as faces, or as discs where it cannot be simplified.

    Raises : UserError for a file that is missing, or no mesh
    """
    vertices, faces = read_mesh_file(path)
    if len(faces) <= FACES:
        return _faces(vertices, faces)
    if _is_manifold(faces):
        few, kept, _, _ = igl.qslim(np.asfortranarray(vertices), np.asfortranarray(faces.astype(np.int32)), FACES)
        if 0 < len(kept) <= FACES:  # of corners that surfaces share, it may give nothing back
            return _faces(few, kept)
    return geometry_of_cloud(*sample_triangles(vertices[faces], AMONG, np.random.default_rng(0), str(path)))


def geometry_of_cloud(points: Array, normals: Array) -> Geometry:
    """Discs spread over a surface.

    points, normals : (N, 3) float
    """
    points = _placed(points)
    chosen = _spread(points)
    points, normals = points[chosen], normals[chosen]
    return Geometry(
        {
            "kind": "discs",
            "points": packed(np.round((points + 0.5) * 255).astype(np.uint8)),
            "normals": packed(_octahedral(normals)),
            "radius": round(_radius(points), 4),
        }
    )


def packed(array: Array) -> str:
    """Whole numbers as text: steps from row to row, column by column, low bytes first, deflated, in base64.

    array : (N, C) uint8 or uint16
    """
    steps = np.diff(array, axis=0, prepend=np.zeros_like(array[:1])).T  # wraps around, as it does on the way back
    planes = [(steps >> shift & 255).astype(np.uint8).tobytes() for shift in range(0, 8 * array.itemsize, 8)]
    return base64.b64encode(zlib.compress(b"".join(planes), 9)).decode()


def _is_manifold(faces: Array) -> bool:
    """Whether no directed edge comes twice: what the simplifier can work on."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return len(np.unique(edges, axis=0)) == len(edges)


def _faces(vertices: Array, faces: Array) -> Geometry:
    """Vertices as 12-bit shares of the unit box, faces as indices of vertices."""
    used, ranks = np.unique(faces, return_inverse=True)
    whole = np.round((_placed(vertices[used]) + 0.5) * 4095).astype(np.uint16)
    return Geometry(
        {"kind": "faces", "vertices": packed(whole), "faces": packed(ranks.reshape(-1, 3).astype(np.uint16))}
    )


def _placed(points: Array) -> Array:
    """Points with their bounding box centred and its longest side 1, in [-0.5, 0.5]."""
    low, high = points.min(axis=0), points.max(axis=0)
    return np.clip((points - (low + high) / 2) / max(float((high - low).max()), 1e-12), -0.5, 0.5)


def _octahedral(normals: Array) -> Array:
    """Directions as two bytes: on an octahedron, its lower half folded out into the corners of a square."""
    lengths = np.abs(normals).sum(axis=1, keepdims=True)
    flat = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    signs = np.where(flat[:, :2] >= 0, 1.0, -1.0)
    folded = np.where(flat[:, 2:] < 0, (1 - np.abs(flat[:, 1::-1])) * signs, flat[:, :2])
    return np.round(127 + 127 * folded).astype(np.uint8)


def _spread(points: Array) -> Array:
    """Indices of at most POINTS points: one a cell of a grid as fine as that allows, neighbours after each other."""
    cells = CELLS
    while True:
        places = np.floor((points + 0.5) * cells).astype(np.int64)
        _, first = np.unique(places @ np.array([1, 2048, 2048**2]), return_index=True)
        if len(first) <= POINTS or cells == 1:
            return np.asarray(first[:POINTS])
        cells = int(cells * 0.95)


def _radius(points: Array) -> float:
    """Of discs that cover the surface between them, by how far the fourth nearest other point is."""
    if len(points) < 5:
        return 0.05
    far, _ = cKDTree(points).query(points, k=5)
    return 0.8 * float(np.quantile(far[:, 4], 0.75))

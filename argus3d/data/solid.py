"""Inside and outside of meshes as people find them: open, double-sided, flipped, overlapping."""

from dataclasses import dataclass

import igl
import numpy as np
from numpy.typing import NDArray

from argus3d.data.rays import ray_votes
from argus3d.errors import UserError

# Parts thinner than this become plates of this half-thickness. 2 / 96 is more than one cell of a 64-cell grid over the
# box of side 1.1, so a sheet of paper survives meshing; thicker parts keep their exact boundary.
SHELL = 1 / 96


def normalized(vertices: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Vertices with their bounding box centred at 0 and its longest side scaled to 1.

    Raises: UserError when there are no vertices, a coordinate is not finite, or the box has no extent.
    """
    if len(vertices) == 0:
        raise UserError(f"{name}: the mesh has no vertices; leave it out or repair it.")
    if not np.isfinite(vertices).all():
        raise UserError(f"{name}: the mesh has a coordinate that is not a number; leave it out or repair it.")
    low, high = vertices.min(0), vertices.max(0)
    side = float((high - low).max())
    if side <= 0:
        raise UserError(f"{name}: the mesh has zero extent; leave it out or repair it.")
    return (vertices - (low + high) / 2) / side


def oriented(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], name: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices merged, faces without area and duplicates dropped, every connected patch turned outward.

    A patch is turned as a whole, so the inner wall of a cavity that has no opening is turned too: such a cavity is
    filled. Raises: UserError when no face with an area is left.
    """
    unique, inverse = np.unique(np.round(vertices, 6), axis=0, return_inverse=True)
    faces = inverse.reshape(-1)[faces]
    a, b, c = (unique[faces[:, k]] for k in range(3))
    faces = faces[np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-12]
    if len(faces) == 0:
        raise UserError(f"{name}: the mesh has no faces; leave it out or repair it.")
    # Two faces on the same three vertices are the two sides of one sheet; together they cancel in the winding number.
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    faces, patch = igl.bfs_orient(np.ascontiguousarray(faces[np.sort(first)]))
    return unique, np.where(_turned_inward(unique, faces, patch)[patch][:, None], faces[:, ::-1], faces)


def _turned_inward(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], patch: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(patches,) bool: does the patch enclose a negative volume, seen from its own centre?"""
    corners = vertices[faces]
    count = np.bincount(patch)
    centre = np.stack([np.bincount(patch, corners[:, :, k].mean(1)) for k in range(3)], 1) / count[:, None]
    local = corners - centre[patch][:, None]
    volume = np.einsum("fi,fi->f", local[:, 0], np.cross(local[:, 1], local[:, 2]))
    return np.bincount(patch, volume) < 0


@dataclass(frozen=True)
class MeshSolid:
    """A normalised mesh with an inside: where the generalised winding number exceeds 1/2, or within `SHELL` of a thin part.

    vertices : (V, 3) float64 in [-0.5, 0.5]; faces : (F, 3) int64, outward; thin : (F,) bool, faces of parts thinner
    than `SHELL`. Source: Barill et al. 2018 (fast winding numbers), through libigl.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    thin: NDArray[np.bool_]

    @classmethod
    def from_mesh(cls, vertices: NDArray[np.float64], faces: NDArray[np.int64], name: str) -> "MeshSolid":
        """Repair, normalise and examine a mesh. Raises: UserError naming `name` when there is nothing to examine."""
        if len(faces) == 0:
            raise UserError(f"{name}: the mesh has no faces; leave it out or repair it.")
        used, compact = np.unique(faces, return_inverse=True)
        scaled = normalized(np.asarray(vertices, np.float64)[used], name)
        clean, outward = oriented(scaled, compact.reshape(-1, 3), name)
        solid = cls(clean, outward, np.zeros(len(outward), bool))
        centres, normals = clean[outward].mean(1), solid._face_normals()
        behind, before = solid._winds(centres - SHELL * normals), solid._winds(centres + SHELL * normals)
        return cls(clean, outward, ~behind & ~before)

    def _face_normals(self) -> NDArray[np.float64]:
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        normals = np.cross(b - a, c - a)
        return normals / np.linalg.norm(normals, axis=1, keepdims=True)

    def _winds(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        winding = igl.fast_winding_number(self.vertices, self.faces, np.ascontiguousarray(points, np.float64))
        return np.abs(np.asarray(winding)) > 0.5

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(Q,) bool: which of `points` (Q, 3) lie inside."""
        points = np.ascontiguousarray(points, np.float64)
        inside = self._winds(points)
        if not self.thin.any():
            return inside
        sheets = self.faces[self.thin]
        low, high = self.vertices[sheets].min((0, 1)) - SHELL, self.vertices[sheets].max((0, 1)) + SHELL
        near = np.flatnonzero(~inside & ((points >= low) & (points <= high)).all(1))
        squared = igl.point_mesh_squared_distance(points[near], self.vertices, np.ascontiguousarray(sheets))[0]
        inside[near] = np.asarray(squared) < SHELL**2
        return inside

    def solidity(self, inside_points: NDArray[np.float64]) -> float:
        """Share of `inside_points` that the winding number alone calls inside, in [0, 1]: 0 for sheets, 1 for solids."""
        return float(self._winds(inside_points).mean())

    def disagreement(self, points: NDArray[np.float64]) -> float:
        """Share of `points` on which the winding number and the majority of six signed rays differ, in [0, 1]."""
        return float((self._winds(points) != (ray_votes(self.vertices, self.faces, points) > 3)).mean())

    def surface(
        self, count: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points uniform by area on what can be seen from outside, and their outward unit normals, (count, 3) float64."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        cumulative = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
        normals = self._face_normals()
        kept: list[NDArray[np.float64]] = []
        # A mesh that is one sheet inside another has little outside; ten rounds of twice the count find it if it is there.
        for _ in range(10):
            face = np.searchsorted(cumulative, rng.random(2 * count) * cumulative[-1], side="right")
            face = np.minimum(face, len(self.faces) - 1)
            u, v = np.sqrt(rng.random((2 * count, 1))), rng.random((2 * count, 1))
            points = (1 - u) * a[face] + u * (1 - v) * b[face] + u * v * c[face]
            hidden = self._winds(points + 1e-3 * normals[face]) & self._winds(points - 1e-3 * normals[face])
            kept.append(np.concatenate([points, normals[face]], 1)[~hidden])
            if sum(map(len, kept)) >= count:
                break
        found = np.concatenate(kept)
        if len(found) < count:
            raise UserError(f"only {len(found)} of {count} surface points lie outside the shape; leave it out.")
        return found[:count, :3], found[:count, 3:]

    def mesh(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Vertices (V, 3) and triangles (F, 3)."""
        return self.vertices, self.faces

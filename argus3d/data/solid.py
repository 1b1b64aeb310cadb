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
_THIN_TESTS = 8192  # faces of a mesh on which thinness is tested


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
class Examination:
    """What was found out about Q points: `winds` without and `inside` with thin parts, and ray `votes` in 0 .. 6."""

    winds: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    votes: NDArray[np.int64]

    @property
    def disagreement(self) -> float:
        """Share of the points on which the answer and the majority of the six rays differ, in [0, 1]."""
        return float((self.winds != (self.votes > 3)).mean())

    @property
    def solidity(self) -> float:
        """Share of the inside points that owe nothing to the thickening of thin parts: 0 for sheets, 1 for solids."""
        return float(self.winds.sum() / max(1, self.inside.sum()))


@dataclass(frozen=True)
class MeshSolid:
    """A normalised mesh with an inside: enclosed by it, or within `SHELL` of a part thinner than that.

    Enclosed is where all six axis rays cross the oriented surface outwards once more than inwards, and, where the rays
    disagree (at holes), where the generalised winding number exceeds 1/2.

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
        # Faces that follow one another in a file belong to one part, so that one of them answers for a run of them.
        run = len(outward) // _THIN_TESTS + 1
        centres, depth = clean[outward[::run]].mean(1), SHELL * solid._face_normals()[::run]
        thin = ~solid._winds(centres - depth)
        thin[thin] = ~solid._winds((centres + depth)[thin])
        return cls(clean, outward, np.repeat(thin, run)[: len(outward)])

    def _face_normals(self) -> NDArray[np.float64]:
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        normals = np.cross(b - a, c - a)
        return normals / np.linalg.norm(normals, axis=1, keepdims=True)

    def _winds(self, points: NDArray[np.float64], votes: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """Inside by the six rays where they agree, which is fast, and by the winding number elsewhere."""
        votes = ray_votes(self.vertices, self.faces, points) if votes is None else votes
        winds = votes == 6
        split = (votes > 0) & (votes < 6)
        if split.any():
            asked = np.ascontiguousarray(points[split])
            winds[split] = np.abs(np.asarray(igl.fast_winding_number(self.vertices, self.faces, asked))) > 0.5
        return winds

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(Q,) bool: which of `points` (Q, 3) lie inside."""
        return self.examine(points).inside

    def examine(self, points: NDArray[np.float64]) -> "Examination":
        """Which of `points` (Q, 3) lie inside, and how sure that is."""
        points = np.ascontiguousarray(points, np.float64)
        votes = ray_votes(self.vertices, self.faces, points)
        winds = self._winds(points, votes)
        return Examination(winds, winds | self._in_shell(points, ~winds), votes)

    def _in_shell(self, points: NDArray[np.float64], asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if not self.thin.any():
            return np.zeros(len(points), bool)
        sheets = np.ascontiguousarray(self.faces[self.thin])
        low, high = self.vertices[sheets].min((0, 1)) - SHELL, self.vertices[sheets].max((0, 1)) + SHELL
        near = asked & ((points >= low) & (points <= high)).all(1)
        if near.any():
            squared = igl.point_mesh_squared_distance(np.ascontiguousarray(points[near]), self.vertices, sheets)[0]
            near[near] = np.asarray(squared) < SHELL**2
        return near

    def surface(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points uniform by area on what can be seen from outside, and outward unit normals, (count, 3) float64."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        cumulative = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
        normals = self._face_normals()
        kept: list[NDArray[np.float64]] = []
        draw = count + count // 4
        # Parts inside other parts are hidden; twenty rounds find what can be seen where nearly everything is.
        for _ in range(20):
            face = np.searchsorted(cumulative, rng.random(draw) * cumulative[-1], side="right")
            face = np.minimum(face, len(self.faces) - 1)
            u, v = np.sqrt(rng.random((draw, 1))), rng.random((draw, 1))
            points = (1 - u) * a[face] + u * (1 - v) * b[face] + u * v * c[face]
            hidden = self._winds(points + 1e-3 * normals[face])
            hidden[hidden] = self._winds((points - 1e-3 * normals[face])[hidden])
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

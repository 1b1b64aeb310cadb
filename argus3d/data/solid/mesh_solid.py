"""Inside and outside of meshes as people find them: open, double-sided, flipped, overlapping."""

from dataclasses import dataclass

import igl
import numpy as np
from numpy.typing import NDArray

from argus3d.data.solid.enclosure import Enclosure
from argus3d.data.solid.sheets import Sheets
from argus3d.errors import UserError

# Parts thinner than this become plates of this half-thickness. 2 / 96 is more than one cell of a 64-cell grid over the
# box of side 1.1, so a sheet of paper survives meshing; thicker parts keep their exact boundary.
SHELL = 1 / 96
_THIN_TESTS = 8192  # faces of a mesh on which thinness is tested
_SEEN_TESTS = 1024  # surface points at a time, at least


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
    unique, inverse = _merged(vertices)
    faces = inverse[faces]
    a, b, c = (unique[faces[:, k]] for k in range(3))
    faces = faces[np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-12]
    if len(faces) == 0:
        raise UserError(f"{name}: the mesh has no faces; leave it out or repair it.")
    # Two faces on the same three vertices are the two sides of one sheet; together they cancel in the winding number.
    faces, patch = igl.bfs_orient(np.ascontiguousarray(faces[_first_of_equals(faces, len(unique))]))
    turned = np.where(_turned_inward(unique, faces, patch)[patch][:, None], faces[:, ::-1], faces)
    return unique, np.ascontiguousarray(turned)


def _merged(vertices: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distinct vertices (U, 3), rounded to a millionth and sorted, and which of them each vertex (V,) has become."""
    rounded = np.round(vertices, 6)
    steps = np.rint(rounded * 1e6).astype(np.int64) + (1 << 20)  # all of [-1, 1] in 21 bits
    keys = (steps[:, 0] << 42) | (steps[:, 1] << 21) | steps[:, 2]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return rounded[first], inverse.reshape(-1)


def _first_of_equals(faces: NDArray[np.int64], vertices: int) -> NDArray[np.int64]:
    """Which faces have other vertices than all faces before them."""
    low, middle, high = np.sort(faces, axis=1).T
    pairs = low * vertices + middle
    order = np.lexsort((high, pairs))
    new = np.diff(pairs[order], prepend=-1).astype(bool) | np.diff(high[order], prepend=-1).astype(bool)
    return np.sort(order[new])


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

    Enclosed is where all six axis rays leave the oriented surface more or less often than they enter it, and, where the
    rays disagree (at holes), where the generalised winding number is beyond +-1/2.

    enclosure : the repaired surface; thin : (F,) bool, its faces of parts thinner than `SHELL`; sheets : these, or None
    where there are none. Source: Jacobson et al. 2013 (generalised winding numbers).
    """

    enclosure: Enclosure
    thin: NDArray[np.bool_]
    sheets: Sheets | None

    @property
    def vertices(self) -> NDArray[np.float64]:
        """(V, 3) float64, in [-0.5, 0.5]."""
        return self.enclosure.vertices

    @property
    def faces(self) -> NDArray[np.int64]:
        """(F, 3) int64, outward."""
        return self.enclosure.faces

    @classmethod
    def from_mesh(cls, vertices: NDArray[np.float64], faces: NDArray[np.int64], name: str) -> "MeshSolid":
        """Repair, normalise and examine a mesh. Raises: UserError naming `name` when there is nothing to examine."""
        if len(faces) == 0:
            raise UserError(f"{name}: the mesh has no faces; leave it out or repair it.")
        used = np.zeros(len(vertices), bool)
        used[faces] = True
        scaled = normalized(np.asarray(vertices, np.float64)[used], name)
        clean, outward = oriented(scaled, (np.cumsum(used) - 1)[faces], name)
        enclosure = Enclosure.of(clean, outward)
        # Faces that follow one another in a file belong to one part, so that one of them answers for a run of them.
        run = len(outward) // _THIN_TESTS + 1
        sample = outward[::run]
        centres, depth = clean[sample].mean(1), SHELL * _face_normals(clean, sample)
        thin = ~enclosure.examine(centres - depth)[0]
        thin[thin] = ~enclosure.examine((centres + depth)[thin])[0]
        thin = np.repeat(thin, run)[: len(outward)]
        return cls(enclosure, thin, Sheets.of(clean, outward[thin], SHELL) if thin.any() else None)

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(Q,) bool: which of `points` (Q, 3) lie inside."""
        return self.examine(points).inside

    def examine(self, points: NDArray[np.float64]) -> "Examination":
        """Which of `points` (Q, 3) lie inside, and how sure that is."""
        points = np.ascontiguousarray(points, np.float64)
        winds, votes = self.enclosure.examine(points)
        return Examination(winds, winds | self._in_shell(points, ~winds), votes)

    def _in_shell(self, points: NDArray[np.float64], asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        near = np.zeros(len(points), bool)
        if self.sheets is not None:
            near[asked] = self.sheets.near(points[asked])
        return near

    def surface(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points uniform by area on what can be seen from outside, and outward unit normals, (count, 3) float64."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        across = np.cross(b - a, c - a)
        areas = np.linalg.norm(across, axis=1)
        cumulative, normals = np.cumsum(areas), across / areas[:, None]
        kept = np.empty((0, 6))
        draw = count + count // 4
        # Parts inside other parts are hidden; twenty rounds find what can be seen where nearly everything is.
        for _ in range(20):
            face = np.searchsorted(cumulative, rng.random(draw) * cumulative[-1], side="right")
            face = np.minimum(face, len(self.faces) - 1)
            u, v = np.sqrt(rng.random((draw, 1))), rng.random((draw, 1))
            points = (1 - u) * a[face] + u * (1 - v) * b[face] + u * v * c[face]
            drawn = np.concatenate([points, normals[face]], 1)
            while len(drawn) and len(kept) < count:
                asked, drawn = np.split(drawn, [max(count - len(kept), _SEEN_TESTS)])
                kept = np.concatenate([kept, asked[self._seen(asked[:, :3], asked[:, 3:])]])
            if len(kept) >= count:
                return kept[:count, :3], kept[:count, 3:]
        raise UserError(f"only {len(kept)} of {count} surface points lie outside the shape; leave it out.")

    def _seen(self, points: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which surface points (P, 3) have an outside on one side."""
        hidden, _ = self.enclosure.examine(points + 1e-3 * normals)
        hidden[hidden] = self.enclosure.examine((points - 1e-3 * normals)[hidden])[0]
        return ~hidden

    def mesh(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Vertices (V, 3) and triangles (F, 3)."""
        return self.vertices, self.faces


def _face_normals(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Unit normals (F, 3) of faces (F, 3) that have an area."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)

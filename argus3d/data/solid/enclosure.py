"""What an oriented surface encloses: by rays where it has no hole, by its winding number elsewhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from argus3d.data.solid.caps import caps
from argus3d.data.solid.rays import ASIDE, Rays, cheapest_axis
from argus3d.data.solid.winding import WindingTree

# Radii from which nodes of caps count as dipoles, and how close to 1/2 winding numbers come then that are computed
# again: about twice the largest error seen on real meshes. After the last pass it is 5e-5.
_PASSES = ((1.5, 0.15), (3.0, 0.03), (6.0, 0.005), (20.0, 0.0))


@dataclass(frozen=True)
class Lids:
    """The caps of an open surface: their rays along each axis, and their winding numbers."""

    rays: tuple[Rays, Rays, Rays]
    tree: WindingTree


@dataclass(frozen=True)
class Enclosure:
    """An oriented surface: vertices (V, 3) float64, faces (F, 3) int64, all faces with its caps (A, 3), and their rays.

    With its caps the surface has no boundary, so that one ray says how often it winds around a point; less what the
    caps alone add to a ray, or to the winding number, it is what the surface alone would give.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    whole: NDArray[np.int64]
    closed: Rays
    lids: Lids | None

    @classmethod
    def of(cls, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> "Enclosure":
        """Of vertices (V, 3) float64 and faces (F, 3) int64."""
        lids = caps(faces, len(vertices))
        whole = np.concatenate([faces, lids])
        closed = Rays.along(cheapest_axis(vertices, whole), vertices, whole)
        if len(lids) == 0:
            return cls(vertices, faces, whole, closed, None)
        x, y, z = (Rays.along(axis, vertices, lids) for axis in range(3))
        return cls(vertices, faces, whole, closed, Lids((x, y, z), WindingTree.of(vertices[lids])))

    def examine(self, points: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which of points (Q, 3) float64 are inside (Q,), and how many of their six axis rays say so (Q,) int64.

        Inside is where all six rays do or, where they disagree, where the winding number is beyond +-1/2.
        """
        depth = self._depth(points)
        if self.lids is None:
            return depth != 0, np.where(depth != 0, 6, 0)
        counts = np.concatenate([rays.crossings(points) for rays in self.lids.rays], 1)
        votes = (counts != depth[:, None]).sum(1)
        inside = votes == 6
        split = (votes > 0) & (votes < 6)
        if split.any():
            inside[split] = self._wound(points[split] + ASIDE, depth[split], self.lids.tree)
        return inside, votes

    def _depth(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """(Q,): how often the surface with its caps winds around each point."""
        counts = self.closed.crossings(points)
        depth = counts[:, 0].copy()
        # Rays through an edge may count wrongly, but not both ways alike; then most of the six are right.
        odd = depth != counts[:, 1]
        if odd.any():
            six = [Rays.along(axis, self.vertices, self.whole).crossings(points[odd]) for axis in range(3)]
            depth[odd] = np.sort(np.concatenate(six, 1), axis=1)[:, 3]
        return depth

    def _wound(self, points: NDArray[np.float64], depth: NDArray[np.int64], tree: WindingTree) -> NDArray[np.bool_]:
        """Which of points (P, 3) the surface winds around more than half, where with its caps it does so by `depth`."""
        winding = np.full(len(points), 0.5)
        doubtful = np.arange(len(points))
        for reach, doubt in _PASSES:
            winding[doubtful] = depth[doubtful] - tree.around(points[doubtful], reach)
            doubtful = doubtful[np.abs(np.abs(winding[doubtful]) - 0.5) < doubt]
        return np.abs(winding) > 0.5

"""A catalogue of balls, prepared in a blink."""

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from argus3d.data.catalogue import Item
from argus3d.data.shape_files import PrepareConfig
from argus3d.errors import UserError

SMALL = PrepareConfig(surface_points=300, uniform_points=400, near_points=200)


@dataclass(frozen=True)
class Ball:
    """An ellipsoid with half axes 0.5, `height` and 0.5."""

    height: float

    def surface(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        directions = rng.standard_normal((count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return directions * [0.5, self.height, 0.5], directions

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = ((points / [0.5, self.height, 0.5]) ** 2).sum(1) < 1
        return inside

    def mesh(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        sphere = trimesh.creation.icosphere(subdivisions=2)
        return np.array(sphere.vertices) * [1, 2 * self.height, 1] / 2, np.array(sphere.faces, np.int64)


@dataclass(frozen=True)
class BallCatalogue:
    """`count` balls of growing height in two classes; the ids in `broken` fail."""

    count: int = 6
    broken: tuple[str, ...] = ()
    name: str = "balls"

    def items(self) -> list[Item]:
        return [Item(f"ball-{i:02d}", ("chair", "lamp")[i % 2], f"ball {i}", "balls") for i in range(self.count)]

    def shape(self, item_id: str) -> Ball:
        if item_id in self.broken:
            raise UserError(f"{item_id}: the mesh has no faces; leave it out or repair it.")
        return Ball(0.15 + 0.05 * int(item_id[-2:]))

    def picture(self, item_id: str) -> bytes | None:
        return None

"""Batches for both stages: prepared shapes, every draw a function of (seed, step)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from argus3d.data.prepared import PreparedShape
from argus3d.data.shape_files import BOX
from argus3d.errors import UserError

HELD_BYTES = 2**32  # a third of a megabyte a shape: some 13,000 shapes


@dataclass(frozen=True)
class Augmentation:
    """Mirrors of x and z with probability 1/2 each where allowed, axis scales exp(+-scale) for some, turns about y.

    scale : largest logarithm of an axis factor, drawn for `scaled_share` of the shapes
    yaw : largest turn about the vertical, degrees
    """

    mirror_x: bool = True
    mirror_z: bool = True
    scale: float = 0.25
    scaled_share: float = 0.5
    yaw: float = 0.0

    def matrix(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """(3, 3): points (N, 3) @ matrix are mirrored, stretched, then turned."""
        stretch = np.exp(rng.uniform(-self.scale, self.scale, 3)) if rng.random() < self.scaled_share else np.ones(3)
        signs = np.where(rng.random(3) < 0.5, -1.0, 1.0)
        changed = np.diag(stretch * np.where([self.mirror_x, False, self.mirror_z], signs, 1.0))
        if self.yaw == 0:
            return changed
        angle = np.radians(rng.uniform(-self.yaw, self.yaw))
        cos, sin = np.cos(angle), np.sin(angle)
        turned: NDArray[np.float64] = changed @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
        return turned


class OccupancyBatch(NamedTuple):
    """points (B, N, 3), queries (B, Q, 3), inside (B, Q) in {0, 1}, weight (B, Q): 0 for queries outside the box."""

    points: Tensor
    queries: Tensor
    inside: Tensor
    weight: Tensor


class ShapeArrays(NamedTuple):
    """Cloud (N, 3) float16 of a shape; uniform and near queries (Q, 3) float16 and which are inside (Q,)."""

    cloud: NDArray[np.float16]
    uniform: NDArray[np.float16]
    uniform_inside: NDArray[np.bool_]
    near: NDArray[np.float16]
    near_inside: NDArray[np.bool_]
    extent: NDArray[np.float32]  # (3,), of the cloud

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in self)


class OccupancyData:
    """Clouds and occupancy samples of prepared shapes: in memory where `held_bytes` hold all, else read when asked for.

    Shapes that come without queries near the surface, as those of Objaverse-MIX, give uniform ones in their place.
    """

    def __init__(self, shapes: Sequence[PreparedShape], held_bytes: int = HELD_BYTES) -> None:
        self._shapes = shapes
        held = len(shapes) * _read(shapes[0]).bytes <= held_bytes
        self._held = [_read(shape) for shape in shapes] if held else None

    def __len__(self) -> int:
        return len(self._shapes)

    def shape(self, index: int) -> ShapeArrays:
        """What is stored of a shape."""
        return _read(self._shapes[index]) if self._held is None else self._held[index]

    def cloud(
        self, index: int, count: int, rng: np.random.Generator, matrix: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """`count` points of a cloud times `matrix` (3, 3), normalised again: (count, 3) float32.

        A cloud of fewer points gives all that it has and some of them again.
        """
        stored = self.shape(index)
        return _draw(stored.cloud, count, rng, normalised(stored, matrix))

    def batch(
        self,
        indices: NDArray[np.int64],
        points: int,
        queries: int,
        augmentation: Augmentation,
        rng: np.random.Generator,
    ) -> OccupancyBatch:
        """`points` cloud points and `queries` uniform plus as many near-surface queries of each of `indices`."""
        rows = [self._row(int(index), points, queries, augmentation, rng) for index in indices]
        return OccupancyBatch(*(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)))

    def _row(
        self, index: int, points: int, queries: int, augmentation: Augmentation, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], ...]:
        matrix, stored = augmentation.matrix(rng), self.shape(index)
        scaled = normalised(stored, matrix)
        cloud = _draw(stored.cloud, points, rng, scaled)
        cloud += rng.normal(0, 0.0005, cloud.shape).astype(np.float32)  # the released amount of noise
        if queries > min(len(stored.uniform), len(stored.near)):
            raise UserError(
                f"{queries} queries of each kind are asked of a shape that has {len(stored.uniform)} uniform and "
                f"{len(stored.near)} near ones; ask for fewer by --queries, or prepare with more."
            )
        u = rng.choice(len(stored.uniform), queries, replace=False)
        n = rng.choice(len(stored.near), queries, replace=False)
        places = np.concatenate([stored.uniform[u], stored.near[n]]).astype(np.float64)
        asked: NDArray[np.float32] = (places @ scaled).astype(np.float32)
        inside = np.concatenate([stored.uniform_inside[u], stored.near_inside[n]]).astype(np.float32)
        within: NDArray[np.float32] = (np.abs(asked).max(1) <= BOX).astype(np.float32)
        return cloud, asked, inside, within


def normalised(stored: ShapeArrays, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """`matrix` (3, 3) scaled so that a shape's cloud times it has longest side 1 again."""
    if np.count_nonzero(matrix - np.diag(np.diag(matrix))) == 0:
        return matrix / ((stored.extent * np.abs(np.diag(matrix))).max() / stored.extent.max())
    changed = stored.cloud.astype(np.float32) @ matrix.astype(np.float32)
    return matrix / float(np.ptp(changed, axis=0).max())


def _draw(
    cloud: NDArray[np.float16], count: int, rng: np.random.Generator, matrix: NDArray[np.float64]
) -> NDArray[np.float32]:
    points = cloud[rng.choice(len(cloud), count, replace=count > len(cloud))]
    return (points.astype(np.float64) @ matrix).astype(np.float32)


def _read(shape: PreparedShape) -> ShapeArrays:
    uniform = shape.occupancy("uniform")
    near = shape.occupancy("near") if "near" in shape.queries else uniform
    cloud = shape.cloud()
    return ShapeArrays(cloud, *uniform, *near, np.ptp(cloud.astype(np.float32), axis=0))

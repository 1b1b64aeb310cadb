"""Batches for both stages: prepared shapes in memory, every draw a function of (seed, step)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from argus3d.data.prepared import PreparedShape
from argus3d.data.shape_files import BOX


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


class OccupancyData:
    """Clouds and occupancy samples of prepared shapes, held in memory as float16."""

    def __init__(self, shapes: Sequence[PreparedShape]) -> None:
        self.clouds = np.stack([shape.cloud() for shape in shapes])
        self._extents = np.stack([np.ptp(cloud.astype(np.float32), axis=0) for cloud in self.clouds])
        uniform, near = ([shape.occupancy(kind) for shape in shapes] for kind in ("uniform", "near"))
        self.uniform = np.stack([points for points, _ in uniform])
        self.uniform_inside = np.stack([inside for _, inside in uniform])
        self.near = np.stack([points for points, _ in near])
        self.near_inside = np.stack([inside for _, inside in near])

    def __len__(self) -> int:
        return len(self.clouds)

    def cloud(
        self, index: int, count: int, rng: np.random.Generator, matrix: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """`count` points of a cloud times `matrix` (3, 3), normalised again: (count, 3) float32.

        A cloud of fewer points gives all that it has and some of them again.
        """
        held = self.clouds.shape[1]
        points = self.clouds[index][rng.choice(held, count, replace=count > held)]
        return (points.astype(np.float64) @ self.normalised(index, matrix)).astype(np.float32)

    def normalised(self, index: int, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """`matrix` (3, 3) scaled so that a shape comes out with longest side 1 again."""
        if np.count_nonzero(matrix - np.diag(np.diag(matrix))) == 0:
            extent = self._extents[index]
            return matrix / ((extent * np.abs(np.diag(matrix))).max() / extent.max())
        changed = self.clouds[index].astype(np.float32) @ matrix.astype(np.float32)
        return matrix / float(np.ptp(changed, axis=0).max())

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
        matrix = augmentation.matrix(rng)
        cloud = self.cloud(index, points, rng, matrix)
        cloud += rng.normal(0, 0.0005, cloud.shape).astype(np.float32)  # the released amount of noise
        u = rng.choice(self.uniform.shape[1], queries, replace=False)
        n = rng.choice(self.near.shape[1], queries, replace=False)
        stored = np.concatenate([self.uniform[index, u], self.near[index, n]]).astype(np.float64)
        asked: NDArray[np.float32] = (stored @ self.normalised(index, matrix)).astype(np.float32)
        inside = np.concatenate([self.uniform_inside[index, u], self.near_inside[index, n]]).astype(np.float32)
        within: NDArray[np.float32] = (np.abs(asked).max(1) <= BOX).astype(np.float32)
        return cloud, asked, inside, within

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
    """Mirrors of x and z with probability 1/2 each where allowed, and axis scales exp(+-scale) for some shapes."""

    mirror_x: bool = True
    mirror_z: bool = True
    scale: float = 0.25
    scaled_share: float = 0.5

    def factors(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """(3,) factors of the three axes."""
        stretch = np.exp(rng.uniform(-self.scale, self.scale, 3)) if rng.random() < self.scaled_share else np.ones(3)
        signs = np.where(rng.random(3) < 0.5, -1.0, 1.0)
        return stretch * np.where([self.mirror_x, False, self.mirror_z], signs, 1.0)


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
        uniform, near = ([shape.occupancy(kind) for shape in shapes] for kind in ("uniform", "near"))
        self.uniform = np.stack([points for points, _ in uniform])
        self.uniform_inside = np.stack([inside for _, inside in uniform])
        self.near = np.stack([points for points, _ in near])
        self.near_inside = np.stack([inside for _, inside in near])

    def __len__(self) -> int:
        return len(self.clouds)

    def cloud(
        self, index: int, count: int, rng: np.random.Generator, factors: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """`count` points of a cloud, scaled by `factors` and normalised again: (count, 3) float32."""
        points = self.clouds[index][rng.choice(self.clouds.shape[1], count, replace=False)]
        return (points.astype(np.float64) * factors / self._side(index, factors)).astype(np.float32)

    def _side(self, index: int, factors: NDArray[np.float64]) -> float:
        extent = np.ptp(self.clouds[index].astype(np.float32), axis=0)
        return float((extent * np.abs(factors)).max() / extent.max())

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
        factors = augmentation.factors(rng)
        cloud = self.cloud(index, points, rng, factors)
        cloud += rng.normal(0, 0.0005, cloud.shape).astype(np.float32)  # the released amount of noise
        u = rng.choice(self.uniform.shape[1], queries, replace=False)
        n = rng.choice(self.near.shape[1], queries, replace=False)
        stored = np.concatenate([self.uniform[index, u], self.near[index, n]]).astype(np.float64)
        asked: NDArray[np.float32] = (stored * factors / self._side(index, factors)).astype(np.float32)
        inside = np.concatenate([self.uniform_inside[index, u], self.near_inside[index, n]]).astype(np.float32)
        within: NDArray[np.float32] = (np.abs(asked).max(1) <= BOX).astype(np.float32)
        return cloud, asked, inside, within

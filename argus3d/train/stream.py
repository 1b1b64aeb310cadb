"""Prepared shapes that are read when they are asked for, for data sets that do not fit in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from argus3d.data.prepared import PreparedShape
from argus3d.data.streams import item_rng


class StreamedShape(NamedTuple):
    """row of the shape, points (N, 3) float32 of its surface, queries (Q, 3) float32 and inside (Q,) float32."""

    row: int
    points: np.ndarray
    queries: np.ndarray
    inside: np.ndarray


@dataclass(frozen=True)
class ShapeStream(Dataset[StreamedShape]):
    """A torch data set over prepared shapes in folders or packs; what is drawn depends on (seed, epoch, id) alone.

    points, queries : how many of the stored ones are drawn each time, without replacement
    """

    shapes: Sequence[PreparedShape]
    points: int = 2048
    queries: int = 2048
    seed: int = 0
    epoch: int = 0

    def at(self, epoch: int) -> "ShapeStream":
        """The same shapes with the draws of another epoch."""
        return replace(self, epoch=epoch)

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, index: int) -> StreamedShape:
        shape = self.shapes[index]
        rng = item_rng(self.seed, f"{self.epoch}:{shape.id}")
        cloud, (places, inside) = shape.cloud(), shape.occupancy("uniform")
        chosen = rng.choice(len(cloud), self.points, replace=False)
        asked = rng.choice(len(places), self.queries, replace=False)
        return StreamedShape(
            index, cloud[chosen].astype(np.float32), places[asked].astype(np.float32), inside[asked].astype(np.float32)
        )

"""The shapes that all runs of ablations share: some of each split, and smaller shares of the very same."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from argus3d.data.prepared import PreparedData, PreparedShape, prepared_sources
from argus3d.data.streams import item_rng
from argus3d.errors import UserError
from argus3d.train.data import OccupancyData
from eval.splits import load_part

SPLITS = ("household-v1", "components-v1", "procedural-v1")
# Stage 2 learns the real ones, and is measured on them: procedural ones would hide them by their number.
GENERATED = SPLITS[:2]
WATCHED = 8


@dataclass(frozen=True)
class Source:
    """Shapes of a split: `name` without its version, and whether stage 2 learns them."""

    name: str
    train: tuple[PreparedShape, ...]
    val: tuple[PreparedShape, ...]
    generated: bool

    def share(self, share: float) -> list[PreparedShape]:
        """The first of the training shapes, in no order that means anything; a smaller share is part of a larger."""
        return list(self.train[: max(1, round(share * len(self.train)))])


def read_sources(root: Path, train: int, val: int) -> tuple[Source, ...]:
    """At most so many shapes of the parts train and val of each of `SPLITS`.

    Raises: UserError where a split has no prepared shapes.
    """
    there = PreparedData(root, prepared_sources(root)).shapes

    def shapes(split: str, part: str, count: int) -> tuple[PreparedShape, ...]:
        found = [there[item] for item in load_part(f"{split}/{part}", root) if item in there]
        if not found:
            source = split.rsplit("-", 1)[0]
            raise UserError(f"{root} holds no shape of {split}/{part}; run `argus3d data prepare {source}` first.")
        return tuple(sorted(found, key=lambda shape: item_rng(0, shape.id).random())[:count])

    return tuple(
        Source(split.rsplit("-", 1)[0], shapes(split, "train", train), shapes(split, "val", val), split in GENERATED)
        for split in SPLITS
    )


@dataclass(frozen=True, eq=False)
class Shapes:
    """What the runs learn from and are measured on; occupancy samples are read once and kept."""

    sources: tuple[Source, ...]

    @lru_cache(maxsize=1)  # noqa: B019 - one set of shapes lives as long as the command
    def train(self, share: float) -> list[OccupancyData]:
        """A share of the training shapes of each source."""
        return [OccupancyData(source.share(share)) for source in self.sources]

    @lru_cache(maxsize=1)  # noqa: B019
    def watched(self) -> dict[str, OccupancyData]:
        """A few validation shapes of each source, for the log of a training."""
        return {source.name: OccupancyData(source.val[:WATCHED]) for source in self.sources}

    @lru_cache(maxsize=1)  # noqa: B019
    def val(self) -> dict[str, OccupancyData]:
        """The validation shapes by source."""
        return {source.name: OccupancyData(source.val) for source in self.sources}

    def count(self, share: float) -> int:
        """Training shapes of a share."""
        return sum(len(source.share(share)) for source in self.sources)

    @property
    def classes(self) -> tuple[str, ...]:
        """Categories of what stage 2 learns, of all its training shapes."""
        return tuple(sorted({shape.category for source in self.generated for shape in source.train}))

    @property
    def generated(self) -> list[Source]:
        """The sources that stage 2 learns."""
        return [source for source in self.sources if source.generated]

    def asked(self) -> list[PreparedShape]:
        """Validation shapes that one sample each is made for: those of the classes that are learned."""
        known = set(self.classes)
        return [shape for source in self.generated for shape in source.val if shape.category in known]


def cloud_of(shape: PreparedShape, points: int, seed: int) -> NDArray[np.float32]:
    """Some of the stored points of a shape: (points, 3) float32."""
    stored = shape.cloud()
    return stored[item_rng(seed, shape.id).choice(len(stored), points, replace=False)].astype(np.float32)

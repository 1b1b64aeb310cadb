"""What every source of shapes looks like from outside."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Item:
    """One shape of a source: what is known of it without opening its geometry."""

    id: str
    category: str
    caption: str
    source: str
    licence: str = ""
    creator: str = ""


class Solid(Protocol):
    """A shape in [-0.5, 0.5]^3, longest side 1, y up, that can be sampled and asked for inside and outside."""

    def surface(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points uniform by area and their outward unit normals, each (count, 3) float64."""
        ...

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(Q,) bool: which of `points` (Q, 3) lie inside."""
        ...

    def mesh(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Vertices (V, 3) and triangles (F, 3), for pictures."""
        ...


class Catalogue(Protocol):
    """A source: a list of items, and the solid and the picture of each."""

    @property
    def name(self) -> str: ...

    def items(self) -> list[Item]:
        """All items, sorted by id."""
        ...

    def shape(self, item_id: str) -> Solid: ...

    def picture(self, item_id: str) -> bytes | None:
        """The PNG that the source has of the item, or None where it has none."""
        ...

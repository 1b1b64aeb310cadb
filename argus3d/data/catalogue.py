"""What every source of shapes looks like from outside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from argus3d.errors import UserError


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


@dataclass(frozen=True)
class Sampled:
    """A shape that its source has sampled already, in the units of a `Solid`.

    points, normals : (N, 3) of the surface, float; normals None where the source has none
    uniform, inside : (Q, 3) float in [-0.55, 0.55] and (Q,) bool, queries uniform in the box and which are inside
    """

    points: NDArray[np.floating]
    normals: NDArray[np.floating] | None
    uniform: NDArray[np.floating]
    inside: NDArray[np.bool_]


@runtime_checkable
class Archived(Protocol):
    """A source of sampled shapes in archives, each of which is read in one pass, from its beginning."""

    @property
    def name(self) -> str: ...

    def items(self) -> list[Item]:
        """All items, sorted by id."""
        ...

    def portions(self) -> list[tuple[str, list[str]]]:
        """Name and ids of what is read in one pass, the ids in the order of the archive; names are safe file names."""
        ...

    def samples(self, ids: Sequence[str]) -> Iterator[tuple[str, Sampled | UserError]]:
        """The samples of ids of one portion, each once, in the order of the archive."""
        ...

    def views(self, ids: Sequence[str]) -> Iterator[tuple[str, tuple[bytes, ...] | UserError]]:
        """The pictures of ids of one portion, PNG or JPEG files; none of them for a portion without pictures."""
        ...

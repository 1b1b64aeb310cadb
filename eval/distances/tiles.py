"""Distances of pairs by the workers of an engine, a tile of pairs at a time; finished tiles outlive a killed run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from argus3d.engine import Apply, Engine
from argus3d.errors import UserError
from eval.distances.neighbours import Indices, Pairs, Tighter, Values, tighter_of

EXACT = 32  # pairs of a tile: an EMD takes as long as thousands of bounds, and quick tiles are sent together anyway
BOUNDS = 1 << 16
TIGHTER = 256
STORED = np.dtype([("row", "<i8"), ("column", "<i8"), ("distance", "<f8")])


class _Tile(NamedTuple):
    """What is asked of pairs: the name of a method, rows and columns; None for what the pairs are."""

    method: str | None
    rows: Indices
    columns: Indices


@dataclass(frozen=True)
class _Facts:
    """What pairs are."""

    shape: tuple[int, int]
    symmetric: bool
    has_tighter: bool


@dataclass(frozen=True)
class _Start:
    """For `Engine.session`: opens the pairs, clouds and all, once a worker."""

    open_pairs: Callable[[], Pairs]

    def __call__(self) -> Callable[[_Tile], Any]:
        return partial(_answer, self.open_pairs())


def _answer(pairs: Pairs, tile: _Tile) -> Any:
    if tile.method is None:
        return _Facts(pairs.shape, pairs.symmetric, tighter_of(pairs) is not None)
    return getattr(pairs, tile.method)(tile.rows, tile.columns)


@contextmanager
def tiled(open_pairs: Callable[[], Pairs], engine: Engine, kept: Path | None = None) -> Iterator[Pairs]:
    """Pairs whose every distance and bound is computed by an engine's workers, who stay until the end of the block.

    open_pairs : picklable, such as partial(EmdPairs, clouds); called in each worker, whose memory must hold the pairs
    kept : file of exact distances, which another run of the same pairs goes on from; a distance is there once its
        tile is finished
    """
    with engine.session(_Start(open_pairs)) as apply:
        yield Tiled(apply, None if kept is None else _Kept(kept))


class Tiled:
    """See `neighbours.Pairs` and `tiled`."""

    def __init__(self, apply: Apply[_Tile, Any], kept: "_Kept | None") -> None:
        self._apply, self._kept = apply, kept
        nothing = np.empty(0, np.int64)
        (facts,) = apply([_Tile(None, nothing, nothing)])
        self.shape: tuple[int, int] = facts.shape
        self.symmetric: bool = facts.symmetric
        self._has_tighter: bool = facts.has_tighter

    def exact(self, rows: Indices, columns: Indices) -> Values:
        """Distances of pairs; what the file knows is not solved again."""
        if self._kept is None:
            return np.concatenate([np.empty(0), *self._tiles("exact", rows, columns, EXACT)])
        values = self._kept.find(rows, columns)
        open_ = np.flatnonzero(np.isnan(values))
        start = 0
        for found in self._tiles("exact", rows[open_], columns[open_], EXACT):
            place = open_[start : start + len(found)]
            self._kept.add(rows[place], columns[place], found)
            values[place] = found
            start += len(found)
        return values

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        """Certified bounds. Those of a tile may be closer or further than those of the whole list: both are certain."""
        tiles = list(self._tiles("bounds", rows, columns, BOUNDS))
        lower, upper = (np.concatenate([np.empty(0), *(tile[side] for tile in tiles)]) for side in (0, 1))
        return lower, upper

    @property
    def tighter(self) -> Tighter | None:
        """That of the pairs."""
        return self._tighter if self._has_tighter else None

    def _tighter(self, rows: Indices, columns: Indices) -> Values:
        return np.concatenate([np.empty(0), *self._tiles("tighter", rows, columns, TIGHTER)])

    def _tiles(self, method: str, rows: Indices, columns: Indices, size: int) -> Iterator[Any]:
        """Answers of tiles, in order."""
        cuts = range(0, len(rows), size)
        return self._apply([_Tile(method, rows[cut : cut + size], columns[cut : cut + size]) for cut in cuts])


class _Kept:
    """Distances in a file to which whole tiles are appended; a piece that a killed run left at its end is dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        whole = path.stat().st_size // STORED.itemsize
        with path.open("r+b") as stream:
            stream.truncate(whole * STORED.itemsize)
        known = np.fromfile(path, STORED)
        if not (np.isfinite(known["distance"]) & (known["distance"] >= 0)).all():
            raise UserError(f"{path} holds what is no distance; remove it.")
        self._known = {(row, column): distance for row, column, distance in known.tolist()}

    def find(self, rows: Indices, columns: Indices) -> Values:
        """Distances (K,), nan where a pair was not there when the file was opened."""
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return np.array([self._known.get(pair, np.nan) for pair in pairs])

    def add(self, rows: Indices, columns: Indices, values: Values) -> None:
        """Append a tile."""
        tile = np.empty(len(rows), STORED)
        tile["row"], tile["column"], tile["distance"] = rows, columns, values
        with self._path.open("ab") as stream:
            stream.write(tile.tobytes())

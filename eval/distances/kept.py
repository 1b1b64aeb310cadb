"""Distances among reference shapes that a folder keeps from run to run."""

from pathlib import Path

import numpy as np

from argus3d.data.files import beside
from eval.distances.neighbours import Indices, Neighbours, Pairs, Tighter, Values, tighter_of


class Kept:
    """Pairs of a union, generated shapes first; what a file knows of pairs of reference shapes is not solved again."""

    symmetric = True

    def __init__(self, pairs: Pairs, generated: int, path: Path) -> None:
        """Read the file, if it is there.

        pairs : of the union, symmetric
        generated : how many generated shapes there are, G
        path : .npy, (R, R) float64, nan where nothing is known
        """
        self._pairs, self._generated, self._path = pairs, generated, path
        self.shape = pairs.shape
        size = pairs.shape[0] - generated
        self._known = np.asarray(np.load(path, allow_pickle=False)) if path.is_file() else np.full((size, size), np.nan)

    def exact(self, rows: Indices, columns: Indices) -> Values:
        return self._pairs.exact(rows, columns)

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        lower, upper = self._pairs.bounds(rows, columns)
        inside = np.flatnonzero((rows >= self._generated) & (columns >= self._generated))
        known = self._known[rows[inside] - self._generated, columns[inside] - self._generated]
        inside, known = inside[~np.isnan(known)], known[~np.isnan(known)]
        lower[inside] = upper[inside] = known
        return lower, upper

    @property
    def tighter(self) -> Tighter | None:
        """That of the pairs."""
        return tighter_of(self._pairs)

    def save(self, union: Neighbours) -> None:
        """Write what is known by now, unless the file says so already."""
        known = union.known()[self._generated :, self._generated :]
        if np.array_equal(known, self._known, equal_nan=True):
            return
        with beside(self._path) as scratch:
            np.save(scratch, known)

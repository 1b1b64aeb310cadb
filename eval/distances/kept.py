"""Distances among reference shapes that a folder keeps from run to run."""

import hashlib
import os
from pathlib import Path

import numpy as np

from argus3d.data.arrays import read_npy
from argus3d.data.files import beside
from argus3d.errors import UserError, raise_if_machine
from eval.distances.neighbours import Indices, Neighbours, Pairs, Tighter, Values, tighter_of


class Kept:
    """Pairs of a union, generated shapes first; what a file knows of pairs of reference shapes is not solved again."""

    symmetric = True

    def __init__(self, pairs: Pairs, generated: int, path: Path) -> None:
        """Read the file, if it is there.

        pairs : of the union, symmetric
        generated : how many generated shapes there are, G
        path : .npy, (R, R) float64, nan where nothing is known, and behind it its sha256
        Raises : UserError for a file that is damaged
        """
        self._pairs, self._generated, self._path = pairs, generated, path
        self.shape = pairs.shape
        size = pairs.shape[0] - generated
        self._known = _read(path, size) if path.is_file() else np.full((size, size), np.nan)

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
        with beside(self._path) as scratch, scratch.open("wb") as stream:
            np.save(stream, known)
            stream.write(_digest(known))


def _read(path: Path, size: int) -> Values:
    """What is known of `size` shapes. Raises : UserError for a file that is not what was written"""
    try:
        known = read_npy(path)
    except (OSError, ValueError) as error:
        raise_if_machine(error, path)
        raise UserError(f"{path} is no cache of distances ({error}); remove it.") from error
    if known.shape != (size, size) or known.dtype != np.float64:
        raise UserError(f"{path} holds {known.dtype} {known.shape} in place of {size} x {size} distances; remove it.")
    with path.open("rb") as stream:
        stream.seek(-hashlib.sha256().digest_size, os.SEEK_END)
        if stream.read() != _digest(known):
            raise UserError(f"{path} is damaged, or of an older version; remove it.")
    return known


def _digest(known: Values) -> bytes:
    """Of what a disk may lose, so that no result is made of it."""
    return hashlib.sha256(np.ascontiguousarray(known).data).digest()

"""Clouds that are there more than once: their distances are known, or solved for one of them."""

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

MANY = 16  # copies of a cloud from which on its distances are solved at once, at most a MANYth of all pairs

Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


class Copies:
    """Which clouds of one set, or two, are the same to the last bit, points in the same order."""

    def __init__(self, generated: npt.NDArray[np.floating], reference: npt.NDArray[np.floating] | None) -> None:
        """Compare all clouds.

        generated : (G, P, 3)
        reference : (R, Q, 3), or None for the generated set with itself
        """
        seen: dict[bytes, int] = {}
        self._rows, self._row_of = _first_of_each(generated, seen)
        self._columns, self._column_of = self._rows, self._row_of
        if reference is not None:
            self._columns, self._column_of = _first_of_each(reference, seen)
        self._many_rows, self._many_columns = (_counts(own) >= MANY for own in (self._row_of, self._column_of))
        self._within = any((own != np.arange(len(own))).any() for own in (self._row_of, self._column_of))

    def same(self, rows: Indices, columns: Indices) -> npt.NDArray[np.bool_]:
        """Pairs of clouds that are the same: at distance zero."""
        return np.asarray(self._rows[rows] == self._columns[columns])

    def known(
        self, solve: Callable[[Indices, Indices], Values], rows: Indices, columns: Indices, lower: Values, upper: Values
    ) -> tuple[Values, Values]:
        """Bounds with what copies tell: 0 for the same clouds, and the distances of clouds of which there are many.

        Bounds of copies are all equal: each pair of them would have to be solved before one could be told the nearest.
        """
        same = self.same(rows, columns)
        lower, upper = np.where(same, 0.0, lower), np.where(same, 0.0, upper)
        many = np.flatnonzero((self._many_rows[rows] | self._many_columns[columns]) & ~same)
        lower[many] = upper[many] = self.once(solve, rows[many], columns[many])
        return lower, upper

    def once(self, solve: Callable[[Indices, Indices], Values], rows: Indices, columns: Indices) -> Values:
        """Distances of pairs, of copies solved once."""
        if not self._within:
            return solve(rows, columns)
        size = len(self._column_of)
        pairs, place = np.unique(self._row_of[rows] * size + self._column_of[columns], return_inverse=True)
        return solve(*np.divmod(pairs, size))[place]


def _first_of_each(clouds: npt.NDArray[np.floating], seen: dict[bytes, int]) -> tuple[Indices, Indices]:
    """A number that the same clouds share in all sets, and the first of the same clouds in this set."""
    number, first = np.empty(len(clouds), np.int64), np.empty(len(clouds), np.int64)
    own: dict[int, int] = {}
    for index, cloud in enumerate(clouds):
        number[index] = seen.setdefault(_digest(cloud), len(seen))
        first[index] = own.setdefault(int(number[index]), index)
    return number, first


def _counts(first: Indices) -> Indices:
    """How often each cloud is there."""
    return np.bincount(first)[first]


def _digest(cloud: npt.NDArray[np.floating]) -> bytes:
    return hashlib.blake2b(cloud.tobytes(), digest_size=16).digest()

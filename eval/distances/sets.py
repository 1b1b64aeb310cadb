"""Generated and reference shapes as one set of pairs: what set metrics ask."""

from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from eval.distances.neighbours import Indices, Neighbours, Pairs, Values


class Sets:
    """Distances within and between two sets, generated shapes first, each solved once at most.

    union : Neighbours of all shapes, generated shapes 0 to G - 1, reference shapes the rest
    generated, reference : how many, G and R
    """

    def __init__(self, pairs: Pairs | Neighbours, generated: int) -> None:
        """Take the bounds of all pairs.

        pairs : of the union, symmetric; Neighbours of them keep what they know
        generated : G
        """
        self.union = pairs if isinstance(pairs, Neighbours) else Neighbours(pairs)
        self.generated, self.reference = generated, self.union.shape[0] - generated

    @cached_property
    def between(self) -> Neighbours:
        """Neighbours with generated shapes in rows and reference shapes in columns."""
        rows, columns = np.arange(self.generated), np.arange(self.generated, self.union.shape[0])
        return self.union.part(rows, columns)

    @classmethod
    def of_matrices(cls, d_gr: Values, d_gg: Values, d_rr: Values) -> Self:
        """Sets whose distances are all known.

        d_gr : (G, R) float64, generated in rows
        d_gg, d_rr : (G, G) and (R, R) float64, made symmetric by their mean with the transpose; diagonals are ignored
        Raises : ValueError for distances that are not finite, or below 0
        """
        union = np.block([[(d_gg + d_gg.T) / 2, d_gr], [d_gr.T, (d_rr + d_rr.T) / 2]])
        if not np.isfinite(union).all() or (union < 0).any():
            raise ValueError("distances must be finite and 0 or more; a matrix holds NaN, infinity or less than 0")
        return cls(_Known(union), len(d_gg))

    def part(self, generated: Indices, reference: Indices) -> "Sets":
        """Some shapes of each set; what is solved for a part is known to the whole.

        generated, reference : (g,), (r,) int64, without repetition
        """
        both = np.concatenate([generated, self.generated + reference])
        return Sets(self.union.part(both, both), len(generated))


class _Known:
    """Pairs out of a matrix."""

    symmetric = True

    def __init__(self, distances: npt.NDArray[np.float64]) -> None:
        self._distances = distances
        self.shape = (len(distances), len(distances))

    def exact(self, rows: Indices, columns: Indices) -> Values:
        return np.asarray(self._distances[rows, columns])

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        exact = self.exact(rows, columns)
        return exact, exact

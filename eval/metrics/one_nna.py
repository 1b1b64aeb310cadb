"""1-NNA: accuracy of the leave-one-out nearest-neighbour classifier between the two sets."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.distances.sets import Sets
from eval.metrics.relabelling import DRAWS, inside_counts, p_value, relabelled_counts


@dataclass(frozen=True)
class OneNna:
    """The accuracy and its halves, in [0, 1].

    value : share of all shapes whose nearest other shape is of their own set; the mean of the halves
    generated : the same among generated shapes; high alone: samples crowd together, few modes
    reference : the same among reference shapes; high alone: references that no sample comes near
    """

    value: float
    generated: float
    reference: float


def one_nna(sets: Sets) -> OneNna:
    """Share of shapes whose nearest other shape, over both sets, is of their own set.

    sets : of equal size
    returns : OneNna; 0.5 is ideal, 1 means the sets lie apart, below 0.5 that generated shapes sit closer to
        references than references to each other: exact copies of the reference give 0
    Raises : ValueError for sets of different sizes, where 0.5 would not be ideal, or of fewer than two shapes

    Of equally near shapes the first counts, generated before reference. So a reference shape as near to a generated
    shape as to a reference shape is counted as mistaken: duplicates never make two sets look more different.

    Sets drawn class by class, n shapes of each class in both, have an ideal of (n - 1) / (2 n - 1) where classes lie
    apart: with one shape left out, n - 1 of its class are left in its own set and n in the other; 0.47 at n = 10.

    Source : Lopez-Paz and Oquab, ICLR 2017; Yang et al., PointFlow, ICCV 2019, section 5
    """
    size = sets.generated
    own_generated, own_reference = inside_counts(_nearest(sets), size)
    return OneNna((own_generated + own_reference) / (2 * size), own_generated / size, own_reference / size)


def one_nna_p_value(sets: Sets, draws: int = DRAWS, seed: int = 0) -> float:
    """How often labels dealt out at random give an accuracy as far from its mean, on either side, as the sets' own.

    draws : random labellings; the p-value comes in steps of 1 / (draws + 1)
    returns : float in (0, 1]; small says that the sets are not of one distribution: they lie apart, or, with an
        accuracy below 0.5, sit too close, as copies do. The mean over labellings is (n - 1) / (2 n - 1)
    Raises : as `one_nna`
    Source : Schilling, JASA 1986 (nearest-neighbour counts under relabelling); see `eval.metrics.relabelling`
    """
    size = sets.generated
    edges = _nearest(sets)
    dealt = relabelled_counts(edges, size, 2 * size, draws, seed).sum(axis=1)
    # In whole numbers, so that labellings equally far from the mean 2 n (n - 1) / (2 n - 1) tie.
    step, mean = 2 * size - 1, 2 * size * (size - 1)
    return p_value(np.abs(dealt * step - mean) >= abs(sum(inside_counts(edges, size)) * step - mean))


def _nearest(sets: Sets) -> npt.NDArray[np.int64]:
    """Each shape and its nearest other shape, (2 n, 2). Raises: see `one_nna`."""
    generated, reference = sets.generated, sets.reference
    if generated != reference:
        raise ValueError(
            f"1-NNA needs sets of equal size, got {generated} generated and {reference} reference shapes: "
            "draw as many from the larger"
        )
    if generated < 2:
        raise ValueError("1-NNA needs at least two shapes a set, got one: nothing is left when it is left out")
    index, _ = sets.union.nearest()
    return np.column_stack([np.arange(2 * generated), index])

"""1-NNA: accuracy of the leave-one-out nearest-neighbour classifier between the two sets."""

import numpy as np

from eval.distances.sets import Sets


def one_nna(sets: Sets) -> float:
    """Share of shapes whose nearest other shape, over both sets, is of their own set.

    sets : of equal size
    returns : float in [0, 1]; 0.5 is ideal, 1 means the sets lie apart, below 0.5 that generated shapes sit closer to
        references than references to each other: exact copies of the reference give 0
    Raises : ValueError for sets of different sizes, where 0.5 would not be ideal, or of fewer than two shapes

    Of equally near shapes the first counts, generated before reference. So a reference shape as near to a generated
    shape as to a reference shape is counted as mistaken: duplicates never make two sets look more different.

    Sets drawn class by class, n shapes of each class in both, have an ideal of (n - 1) / (2 n - 1) where classes lie
    apart: with one shape left out, n - 1 of its class are left in its own set and n in the other; 0.47 at n = 10.

    Source : Lopez-Paz and Oquab, ICLR 2017; Yang et al., PointFlow, ICCV 2019, section 5
    """
    generated, reference = sets.generated, sets.reference
    if generated != reference:
        raise ValueError(
            f"1-NNA needs sets of equal size, got {generated} generated and {reference} reference shapes: "
            "draw as many from the larger"
        )
    if generated < 2:
        raise ValueError("1-NNA needs at least two shapes a set, got one: nothing is left when it is left out")
    index, _ = sets.union.nearest()
    own = (np.arange(generated + reference) < generated) == (index < generated)
    return int(own.sum()) / (generated + reference)

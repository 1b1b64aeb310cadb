"""COV: coverage."""

import numpy as np

from eval.distances.sets import Sets


def coverage(sets: Sets) -> float:
    """Share of reference shapes that are the nearest reference of at least one generated shape.

    sets : of equally near references the lowest index counts
    returns : float in (0, 1], higher is better; sets of the same distribution and size reach 0.50 to 0.60, not 1
    Source : Achlioptas et al., ICML 2018
    """
    index, _ = sets.between.nearest(axis=1)
    return len(np.unique(index)) / sets.reference

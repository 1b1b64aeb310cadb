"""CovT: coverage that counts near matches only."""

import numpy as np

from eval.distances.sets import Sets


def covt(sets: Sets, threshold: float) -> float:
    """Share of reference shapes that are the nearest reference of a generated shape closer than a threshold.

    sets : of equally near references the lowest index counts
    threshold : unit of the distances, above 0; infinity gives COV. The published one is the mean MMD of all methods of
        a table: values of different tables must not be compared. `reference_threshold` depends on no method
    returns : float in [0, 1], higher is better, at most COV; like COV it has no meaning without the ratio of the sizes
    Raises : ValueError for a threshold that is not above 0
    Source : Argus-3D (arXiv 2402.12225), as far as it is known: strictly closer, the sample's own nearest reference
    """
    if not threshold > 0:
        raise ValueError(f"CovT needs a threshold above 0, got {threshold:g}")
    index, distance = sets.between.nearest(axis=1)
    return len(np.unique(index[distance < threshold])) / sets.reference


def reference_threshold(sets: Sets) -> float:
    """A threshold of our own: mean distance of reference shapes to the nearest other reference shape.

    It is what MMD would be for one more draw of R - 1 shapes from the reference's own distribution.

    returns : float, 0 or more, unit of the distances; 0 if every reference shape has a copy
    Raises : ValueError for fewer than two reference shapes
    """
    if sets.reference < 2:
        raise ValueError("a threshold from reference shapes needs two or more of them, got one; give a number instead")
    rows = np.arange(sets.generated, sets.union.shape[0])
    _, distance = sets.union.part(rows, rows).nearest()
    return float(distance.mean())

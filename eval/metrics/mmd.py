"""MMD: minimum matching distance."""

from eval.distances.sets import Sets


def mmd(sets: Sets) -> float:
    """Mean over reference shapes of the distance to the nearest generated shape.

    returns : float, 0 or more, unit of the distances, lower is better; falls with G, says little about variety
    Source : Achlioptas et al., ICML 2018
    """
    _, distance = sets.between.nearest(axis=0)
    return float(distance.mean())

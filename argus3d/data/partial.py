"""Parts of clouds, as completion is trained on and measured: what lies near a viewpoint, and the bottom half."""

import numpy as np
from numpy.typing import NDArray

VIEW_DISTANCE = 1.0  # of the viewpoint from the centre, in longest sides of the shape
KEPT = (0.25, 0.75)  # share of the points that a viewpoint leaves

Points = NDArray[np.floating]


def random_viewpoint(points: Points, rng: np.random.Generator, kept: float | None = None) -> Points:
    """The points of a shape that lie nearest to a viewpoint in a random direction.

    points : (N, 3), in [-0.5, 0.5]
    kept : share of the points, in (0, 1]; None draws it from `KEPT`
    returns : (max(1, round(kept N)), 3), in the order in which they came

    Source: the completion task of PointTr (Yu et al. 2021), which removes 25 to 75 % of the points, the farthest
    """
    direction = rng.standard_normal(3)
    share = rng.uniform(*KEPT) if kept is None else kept
    viewpoint = VIEW_DISTANCE * direction / np.linalg.norm(direction)
    far = np.square(points.astype(np.float64) - viewpoint).sum(1)
    nearest = np.argsort(far, kind="stable")[: max(1, round(share * len(points)))]
    return points[np.sort(nearest)]


def bottom_half(points: Points) -> Points:
    """The points of a shape below the middle of its height: (M, 3) of (N, 3), y up, in the order in which they came."""
    height = points[:, 1].astype(np.float64)
    return points[height <= (height.min() + height.max()) / 2]

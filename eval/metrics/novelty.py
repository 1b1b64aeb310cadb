"""Novelty: how far generated shapes lie from the nearest training shape."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Novelty:
    """Nearest training shape of each generated shape.

    nearest : (G,) int64, index of the training shape, the lowest of equally near ones
    distance : (G,) float64, its distance; 0 is a copy
    """

    nearest: npt.NDArray[np.int64]
    distance: npt.NDArray[np.float64]


def novelty(d_gt: npt.NDArray[np.float64]) -> Novelty:
    """Nearest training shape of each generated shape.

    d_gt : (G, T) float64, generated in rows, training shapes in columns
    returns : Novelty; compare its distances with those of held-out shapes to the same training shapes
    """
    nearest = d_gt.argmin(axis=1)
    return Novelty(nearest, d_gt[np.arange(len(d_gt)), nearest])

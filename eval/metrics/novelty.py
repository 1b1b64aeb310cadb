"""Novelty: how far generated shapes lie from the nearest training shape."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.distances.neighbours import Neighbours
from eval.distances.sets import Sets


@dataclass(frozen=True)
class Novelty:
    """Nearest training shape of each shape of a set.

    nearest : (G,) int64, index of the training shape, the lowest of equally near ones
    distance : (G,) float64, its distance; 0 is a copy
    """

    nearest: npt.NDArray[np.int64]
    distance: npt.NDArray[np.float64]


@dataclass(frozen=True)
class NoveltyComparison:
    """Distances of generated shapes to the training shapes, beside those of the training shapes to each other.

    generated : Novelty of the G generated shapes
    training : Novelty of the T training shapes, each without itself
    p_value : (G,) float64 in [2 / (T + 1), 1], small for a copy: the share of the T training shapes and the generated
        one that have, among these T + 1, a neighbour as near as the generated one has. For a new draw from the
        training shapes' own distribution it is below a with probability a at most, for every a; of G shapes about a G
    farther : in [0, 1]: probability that a generated shape lies farther from its nearest training shape than a
        training shape does, ties half. Near 0.5 for new draws (a little less: T neighbours to choose from, not T - 1),
        0 for copies; near 1 for new shapes, but for broken ones too
    """

    generated: Novelty
    training: Novelty
    p_value: npt.NDArray[np.float64]
    farther: float


def compare_novelty(sets: Sets) -> NoveltyComparison:
    """Novelty of generated shapes against that of the training shapes among themselves.

    sets : generated shapes, and training shapes in the place of the reference
    returns : NoveltyComparison. Copies within the training shapes raise the p-value of copies of them: a shape that
        exists twice is no rarer a third time
    Raises : ValueError for fewer than two training shapes
    Source : the p-value is that of full conformal prediction, Vovk et al., 2005, chapter 2, with the distance to the
        nearest neighbour for its score; its use here is ours
    """
    if sets.reference < 2:
        raise ValueError("novelty is compared with distances between training shapes: it needs two or more, got one")
    generated = Novelty(*sets.between.nearest(axis=1))
    rows = np.arange(sets.generated, sets.union.shape[0])
    training = Novelty(*sets.union.part(rows, rows).nearest())
    return NoveltyComparison(
        generated,
        training,
        _p_values(sets.between, generated.distance, training.distance),
        _farther(generated.distance, training.distance),
    )


def _p_values(
    between: Neighbours, generated: npt.NDArray[np.float64], training: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """With the generated shape beside it, a training shape may find it nearer than any other: then it counts too."""
    count = np.empty(len(generated))
    columns = np.arange(len(training))
    for row, distance in enumerate(generated):
        lower, _ = between.bounds(np.full(len(columns), row), columns)
        maybe = np.flatnonzero((lower <= distance) & (training > distance))
        near = between.exact(np.full(len(maybe), row), maybe) <= distance
        count[row] = (training <= distance).sum() + near.sum()
    return (1 + count) / (len(training) + 1)


def _farther(generated: npt.NDArray[np.float64], training: npt.NDArray[np.float64]) -> float:
    ordered = np.sort(training)
    below = np.searchsorted(ordered, generated, side="left")
    up_to = np.searchsorted(ordered, generated, side="right")
    return float((below + up_to).mean() / (2 * len(training)))

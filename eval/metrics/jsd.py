"""JSD: Jensen-Shannon divergence between where two sets put their points, all shapes of a set thrown together.

It compares average shapes only: sets of the same average, however different shape by shape, score 0. Clouds that are
not brought to one place, size and up-axis before give a number about that and nothing else.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.special import rel_entr

from eval.distances.chamfer import checked

RESOLUTION = 28
TOLERANCE = 1e-3  # beyond the ball or cube, as in the published code
# A hair towards lower indices, first axis first: of equally near nodes the first counts. Clouds mirrored about the
# centre have many such points, an even lattice has no node there.
TILT = 1e-7 * np.array([1.0, 1 / 64, 1 / 4096])


@dataclass(frozen=True)
class Jsd:
    """The divergence and how far the clouds fit its lattice.

    value : bits, in [0, 1], lower is better; 0 for equal histograms, 1 where no node has points of both
    outside_generated, outside_reference : share of points beyond the ball (or cube), which count at the nearest node;
        more than a few make the value depend on how clouds were normalised
    """

    value: float
    outside_generated: float
    outside_reference: float


def jsd(generated: npt.ArrayLike, reference: npt.ArrayLike, ball: bool = True, resolution: int = RESOLUTION) -> Jsd:
    """Jensen-Shannon divergence of the points' histograms on a lattice.

    generated : (G, P, 3) float32, in the ball of diameter 1 around 0: half of what `normalize` calls "unit_sphere"
    reference : (R, Q, 3) float32, the same
    ball : as published; False for clouds that fill the cube [-0.5, 0.5]^3, whose corners the ball's lattice lacks
    resolution : nodes along a side, the outer ones on the cube's faces: nodes 1/27 apart, not 28 cells; 3 or more
    returns : Jsd. A point counts at its nearest node, the first of equally near ones. n points a set, independent and
        of the same distribution over m nodes, have an expected value of about (m - 1) / (4 n ln 2), not 0
    Raises : ValueError, naming set and cloud, for an empty set or cloud, a value that is not finite, or a cloud with no
        point in the ball (or cube); for a resolution below 3
    Source : Achlioptas et al., ICML 2018; the lattice and the clipping to the ball as in the code of Yang et al.,
        PointFlow, ICCV 2019, which warns of points outside
    """
    if resolution < 3:  # of 2, all nodes are corners and none is in the ball
        raise ValueError(f"JSD needs a resolution of 3 or more nodes a side, got {resolution}")
    there = _nodes(resolution, ball)
    p, outside_generated = _histogram(checked(generated, "generated"), there, ball, "generated")
    q, outside_reference = _histogram(checked(reference, "reference"), there, ball, "reference")
    middle = (p + q) / 2
    value = float((rel_entr(p, middle) + rel_entr(q, middle)).sum() / (2 * np.log(2)))
    return Jsd(min(max(value, 0.0), 1.0), outside_generated, outside_reference)


def _nodes(resolution: int, ball: bool) -> npt.NDArray[np.bool_]:
    """Which nodes of the cube's lattice there are, (S, S, S)."""
    if not ball:
        return np.ones((resolution,) * 3, np.bool_)
    squared = (2 * np.arange(resolution) - (resolution - 1)) ** 2  # in half spacings: integers, so no border is blurred
    return (squared[:, None, None] + squared[:, None] + squared) <= (resolution - 1) ** 2


def _histogram(
    clouds: npt.NDArray[np.float32], there: npt.NDArray[np.bool_], ball: bool, name: str
) -> tuple[npt.NDArray[np.float64], float]:
    """Share of all points at each node, (S^3,) float64, and the share of points outside."""
    nodes = np.flatnonzero(there)
    tree = cKDTree(np.argwhere(there))
    counts = np.zeros(there.size, np.int64)
    outside = 0
    for index, cloud in enumerate(clouds.astype(np.float64)):
        reach = np.linalg.norm(cloud, axis=1) if ball else np.abs(cloud).max(axis=1)
        beyond = int((reach > 0.5 + TOLERANCE).sum())
        if beyond == len(cloud):
            where = "ball of diameter 1" if ball else "cube of side 1"
            raise ValueError(f"{name}: no point of cloud {index} is in the {where} around 0; normalise clouds first")
        outside += beyond
        counts += np.bincount(_nearest_nodes(cloud, there, nodes, tree), minlength=there.size)
    points = clouds.shape[0] * clouds.shape[1]
    return counts / points, outside / points


def _nearest_nodes(
    cloud: npt.NDArray[np.float64], there: npt.NDArray[np.bool_], nodes: npt.NDArray[np.int64], tree: cKDTree
) -> npt.NDArray[np.int64]:
    last = len(there) - 1
    place = (cloud + 0.5) * last - TILT
    cell = np.clip(np.rint(place), 0, last).astype(np.int64)
    nearest = np.ravel_multi_index(tuple(cell.T), there.shape)
    # Only where the cube's nearest node is none of the ball's is there something to search.
    stray = ~there.ravel()[nearest]
    if stray.any():
        nearest[stray] = nodes[tree.query(place[stray])[1]]
    return np.asarray(nearest)

"""JSD: Jensen-Shannon divergence between where two sets put their points, all shapes of a set thrown together.

It compares average shapes only: sets of the same average, however different shape by shape, score 0. Clouds that are
not brought to one place, size and up-axis before give a number about that and nothing else.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
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
    p = point_counts(generated, ball, resolution, "generated")
    q = point_counts(reference, ball, resolution, "reference")
    return Jsd(divergence(p.counts.sum(axis=0), q.counts.sum(axis=0)), p.outside, q.outside)


@dataclass(frozen=True)
class PointCounts:
    """Where the points of each cloud lie.

    counts : (N, S^3) int64, sparse, points of each cloud at each node
    outside : share of all points beyond the ball (or cube)
    """

    counts: sparse.csr_array
    outside: float


def point_counts(
    clouds: npt.ArrayLike, ball: bool = True, resolution: int = RESOLUTION, name: str = "clouds"
) -> PointCounts:
    """Points of each cloud at the nodes of the lattice, for the divergence of any of them: see `jsd`."""
    if resolution < 3:  # of 2, all nodes are corners and none is in the ball
        raise ValueError(f"JSD needs a resolution of 3 or more nodes a side, got {resolution}")
    there = _nodes(resolution, ball)
    nodes = np.flatnonzero(there)
    tree = cKDTree(np.argwhere(there))
    every = checked(clouds, name).astype(np.float64)
    nearest = np.empty(every.shape[:2], np.int64)
    outside = 0
    for index, cloud in enumerate(every):
        reach = np.linalg.norm(cloud, axis=1) if ball else np.abs(cloud).max(axis=1)
        beyond = int((reach > 0.5 + TOLERANCE).sum())
        if beyond == len(cloud):
            where = "ball of diameter 1" if ball else "cube of side 1"
            raise ValueError(f"{name}: no point of cloud {index} is in the {where} around 0; normalise clouds first")
        outside += beyond
        nearest[index] = _nearest_nodes(cloud, there, nodes, tree)
    starts = np.arange(len(every) + 1) * every.shape[1]
    counts = sparse.csr_array((np.ones(nearest.size, np.int64), nearest.ravel(), starts), (len(every), there.size))
    counts.sum_duplicates()
    return PointCounts(counts, outside / nearest.size)


def divergence(p: npt.NDArray[np.int64], q: npt.NDArray[np.int64]) -> float:
    """Jensen-Shannon divergence of two histograms, (M,) counts with a sum above 0, in bits."""
    one, other = p / p.sum(), q / q.sum()
    middle = (one + other) / 2
    value = float((rel_entr(one, middle) + rel_entr(other, middle)).sum() / (2 * np.log(2)))
    return min(max(value, 0.0), 1.0)


def _nodes(resolution: int, ball: bool) -> npt.NDArray[np.bool_]:
    """Which nodes of the cube's lattice there are, (S, S, S)."""
    if not ball:
        return np.ones((resolution,) * 3, np.bool_)
    squared = (2 * np.arange(resolution) - (resolution - 1)) ** 2  # in half spacings: integers, so no border is blurred
    return (squared[:, None, None] + squared[:, None] + squared) <= (resolution - 1) ** 2


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

"""Distances between clouds as others compute them; packages of the `bench` extra are imported where they are used."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from torch import Tensor

Points = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

BATCH = 32  # reference clouds a step, the default of the common evaluation code
PIVOTS = 10**8  # of the network simplex; its own default stops before the optimum


def one_way_by_trees(queries: Points, targets: Points) -> Values:
    """Mean squared distance of each query cloud's points to each target cloud, by pykdtree.

    queries : (N, P, 3) float32
    targets : (M, Q, 3) float32, a tree each, which is asked once, about all points of all queries
    returns : (N, M) float64
    """
    from pykdtree.kdtree import KDTree

    joined = queries.reshape(-1, 3)
    found = np.empty((len(queries), len(targets)))
    for column, target in enumerate(targets):
        squares, _ = KDTree(target).query(joined, sqr_dists=True)
        found[:, column] = squares.reshape(len(queries), -1).mean(axis=1, dtype=np.float64)
    return found


def chamfer_by_trees(generated: Points, reference: Points) -> Values:
    """Chamfer distances, squared_mean, (G, R) float64, by pykdtree."""
    return one_way_by_trees(generated, reference) + one_way_by_trees(reference, generated).T


def chamfer_by_products(generated: Points, reference: Points) -> Values:
    """Chamfer distances, squared_mean, (G, R) float64, by three batched matrix products and two minima in torch.

    |a - b|^2 as |a|^2 + |b|^2 - 2ab, with the norms from the diagonals of whole products: the arithmetic of the
    evaluation code that most papers share.
    """
    import torch  # heavy, and not for the processes that solve EMDs

    found = chamfer_by_products_on_device(torch.from_numpy(generated), torch.from_numpy(reference))
    return found.numpy().astype(np.float64)


def chamfer_by_products_on_device(generated: "Tensor", reference: "Tensor") -> "Tensor":
    """The same, (G, R) float32, of clouds that lie on a device."""
    import torch

    rows = []
    for cloud in generated:
        row = []
        for y in reference.split(BATCH):
            x = cloud.expand(len(y), -1, -1).contiguous()
            xx, yy, xy = x.bmm(x.mT), y.bmm(y.mT), x.bmm(y.mT)
            squares = xx.diagonal(dim1=1, dim2=2)[:, :, None] + yy.diagonal(dim1=1, dim2=2)[:, None] - 2 * xy
            row.append(squares.amin(2).mean(1) + squares.amin(1).mean(1))
        rows.append(torch.cat(row))
    return torch.stack(rows)


def costs(a: Points, b: Points) -> Values:
    """All distances between two clouds' points, (P, P) float64, which exact solvers want first."""
    return np.asarray(cdist(a.astype(np.float64), b.astype(np.float64)))


def emd_by_simplex(cost: Values) -> float:
    """Earth mover's distance from all distances, by POT's network simplex."""
    import ot

    return float(ot.emd2([], [], cost, numItermax=PIVOTS))


def emd_by_paths(cost: Values) -> float:
    """Earth mover's distance from all distances, by scipy's shortest augmenting paths."""
    return float(cost[linear_sum_assignment(cost)].mean())


def emd_of_pair(pair: tuple[Points, Points]) -> float:
    """Earth mover's distance of two clouds by POT, for a process of its own."""
    return emd_by_simplex(costs(*pair))


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes for `emd_of_pair`, which have all loaded POT: it solves a pair on one core."""
    warm = np.zeros((2, 3), np.float32)
    with ProcessPoolExecutor(count, get_context("spawn")) as pool:
        list(pool.map(emd_of_pair, [(warm, warm)] * (4 * count)))
        yield pool

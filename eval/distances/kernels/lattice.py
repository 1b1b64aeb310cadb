"""A coarse lattice over all clouds, from which sums of squared distances to a cloud follow nearly, with certainty.

The squared distance to a cloud, minus |x|^2, is concave: it is the least of functions linear in x. So interpolated
between the corners v of a simplex around a point a, with weights that sum to one and have a as their mean,

    sum of w(v) D^2(v) - sum of w(v) |v - a|^2   <=   D^2(a)   <=   sum of w(v) (D(v) + |v - a|)^2.

Summed over the points of a cloud, the left side is a product of two long vectors (the cloud's weights, the other
cloud's D^2) minus a number of the cloud's own (its spread); the bounds of all pairs are one product of two matrices.
Plain distances are 1-Lipschitz: there |v - a| takes the place of its square, on both sides.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from argus3d.compiled import compile_anew_with
from eval.distances.kernels.blocks import BLOCK, Blocks
from eval.distances.kernels.nearest import block_minima

SIDE = 4  # vertices of a block a side: the kernel's block of queries is a cube
BLOCKS = 7  # blocks along the longest side of the box that holds all clouds
CELLS = BLOCKS * SIDE - 1


@dataclass(frozen=True)
class Lattice:
    """Where vertices lie: vertex k of an axis at origin + k * step, exactly, in float32 too.

    origin : (3,) float64
    step : float
    blocks : (3,) int64, blocks of SIDE^3 vertices a side
    """

    origin: npt.NDArray[np.float64]
    step: float
    blocks: npt.NDArray[np.int64]


def around(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> Lattice:
    """The lattice over a box.

    low, high : (3,) float64, its corners
    """
    longest = max((high - low).max(), np.abs([low, high]).max() / 1024, 1e-30)
    # Origin and step are small multiples of a power of two, so that no vertex is rounded.
    quantum = 2.0 ** (np.floor(np.log2(longest / CELLS)) - 5)
    origin = np.floor(low / quantum) * quantum
    step = float(np.ceil((longest / quantum + 1) / CELLS) * quantum)
    vertices = np.floor((high - origin) / step).astype(np.int64) + 2
    return Lattice(origin, step, -(-vertices // SIDE))


def weights(
    clouds: npt.NDArray[np.float32], lattice: Lattice, root: bool
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """How much each vertex counts for a cloud.

    clouds : (N, P, 3) float32, inside the lattice
    root : spread by plain distances instead of squared ones
    returns : weights (N, V) float32, V = BLOCK times the number of blocks, summing to P; spread (N,) float64, the
        weighted sum of the vertices' distances from their points
    """
    share, spread = _weights(clouds, lattice.origin, lattice.step, lattice.blocks, root)
    return share, spread


def fields(blocks: Blocks, lattice: Lattice, chosen: npt.NDArray[np.int64], root: bool) -> npt.NDArray[np.float32]:
    """Distance of the vertices of some lattice blocks to each cloud.

    chosen : (B,) int64, numbers of lattice blocks
    root : plain distances instead of squared ones
    returns : (N, B * BLOCK) float32
    """
    place = np.stack(np.unravel_index(chosen, lattice.blocks), axis=1) * SIDE  # (B, 3)
    inside = np.stack(np.unravel_index(np.arange(BLOCK), (SIDE, SIDE, SIDE)))  # (3, BLOCK)
    vertices = lattice.origin[:, None] + (place[:, :, None] + inside) * lattice.step  # (B, 3, BLOCK)
    squared = _fields(vertices.astype(np.float32), blocks.points, blocks.lows, blocks.highs)
    return np.asarray(np.sqrt(squared, out=squared) if root else squared)


@njit(parallel=True, cache=True)
def _weights(clouds, origin, step, blocks, root):  # type: ignore[no-untyped-def]
    size = clouds.shape[0]
    out = np.zeros((size, blocks[0] * blocks[1] * blocks[2] * BLOCK), np.float32)
    spread = np.zeros(size)
    for i in prange(size):
        exact = np.zeros(out.shape[1])
        for p in range(clouds.shape[1]):
            spread[i] += _spread_point(clouds[i, p], origin, step, blocks, root, exact)
        for vertex in range(out.shape[1]):
            out[i, vertex] = exact[vertex]
    return out, spread


@njit(cache=True)
def _spread_point(point, origin, step, blocks, root, out):  # type: ignore[no-untyped-def]
    """Share a point out among the corners of its simplex (Kuhn's, of a cell); return their distances, weighted."""
    cell, part, offset, order = np.empty(3, np.int64), np.empty(3), np.empty(3), np.arange(3)
    for axis in range(3):
        place = (np.float64(point[axis]) - origin[axis]) / step
        cell[axis] = min(max(np.int64(np.floor(place)), 0), blocks[axis] * SIDE - 2)
        part[axis] = offset[axis] = place - cell[axis]  # of the point from the corner, in steps
    for turn in range(3):
        a, b = turn % 2, turn % 2 + 1
        if part[order[a]] < part[order[b]]:
            order[a], order[b] = order[b], order[a]
    total, before = 0.0, 1.0
    for corner in range(4):
        after = part[order[corner]] if corner < 3 else 0.0
        block = ((cell[0] // SIDE) * blocks[1] + cell[1] // SIDE) * blocks[2] + cell[2] // SIDE
        lane = ((cell[0] % SIDE) * SIDE + cell[1] % SIDE) * SIDE + cell[2] % SIDE
        out[block * BLOCK + lane] += before - after
        squared = (offset[0] * offset[0] + offset[1] * offset[1] + offset[2] * offset[2]) * step * step
        total += (before - after) * (np.sqrt(squared) if root else squared)
        if corner < 3:
            cell[order[corner]] += 1
            offset[order[corner]] -= 1.0
        before = after
    return total


@njit(parallel=True, cache=True)
def _fields(vertices, points, lows, highs):  # type: ignore[no-untyped-def]
    size, count = points.shape[0], vertices.shape[0]
    out = np.empty((size, count * BLOCK), np.float32)
    for i in prange(size):
        bound, chosen = np.empty(lows.shape[2], np.float32), np.empty(lows.shape[2] + 1, np.int32)
        box = np.empty((2, 3), np.float32)
        for block in range(count):
            for axis in range(3):
                box[0, axis], box[1, axis] = vertices[block, axis, 0], vertices[block, axis, BLOCK - 1]
            best = out[i, block * BLOCK : (block + 1) * BLOCK]
            block_minima(vertices[block], box, points[i], lows[i], highs[i], bound, chosen, best)
    return out


compile_anew_with(__name__, "eval.distances.kernels.blocks", "eval.distances.kernels.nearest")

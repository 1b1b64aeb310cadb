"""Sums of nearest-point distances between packed clouds: brute force, exact, one SIMD lane a query.

A cloud is held twice: as queries, in blocks of LANES points with one coordinate a row, and as candidates, one
coordinate a row. Queries sit in the inner loop, so that every vector lane does the same arithmetic and no lane ever
branches; four candidates are unrolled to use the registers. Differences are taken directly: |a|^2 + |b|^2 - 2ab would
be cheaper by an instruction, but loses digits and gives copies a distance that is not zero.
"""

import numpy as np
import numpy.typing as npt
from numba import njit, prange

LANES = 64
UNROLL = 4
# Sums may be reordered and multiply-adds fused; infinities and NaN never come in (callers check).
FAST = {"nnan", "ninf", "nsz", "contract", "arcp", "reassoc"}
FAR = np.float32(3e38)


def pack(clouds: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Lay clouds out for the kernels.

    clouds : (N, P, 3) float32
    returns : queries (N, ceil(P / LANES), 3, LANES) float32 and candidates (N, 3, P rounded up to UNROLL) float32; the
        last point is repeated as padding, which changes no minimum, and padded lanes are left out of the sums
    """
    queries = _pad(clouds, LANES).reshape(len(clouds), -1, LANES, 3).transpose(0, 1, 3, 2)
    candidates = _pad(clouds, UNROLL).transpose(0, 2, 1)
    return np.ascontiguousarray(queries), np.ascontiguousarray(candidates)


def _pad(clouds: npt.NDArray[np.float32], multiple: int) -> npt.NDArray[np.float32]:
    missing = -clouds.shape[1] % multiple
    return np.concatenate([clouds, np.repeat(clouds[:, -1:], missing, axis=1)], axis=1)


@njit(fastmath=FAST, cache=True)
def nearest_sum(queries, count, candidates, root, best):  # type: ignore[no-untyped-def]
    """Sum over `count` queries of the squared (or, if `root`, plain) distance to the nearest candidate, in float64."""
    total = 0.0
    xs, ys, zs = candidates[0], candidates[1], candidates[2]
    for block in range(queries.shape[0]):
        query = queries[block]
        for lane in range(LANES):
            best[lane] = FAR
        for k in range(0, xs.shape[0], UNROLL):
            x0, y0, z0 = xs[k], ys[k], zs[k]
            x1, y1, z1 = xs[k + 1], ys[k + 1], zs[k + 1]
            x2, y2, z2 = xs[k + 2], ys[k + 2], zs[k + 2]
            x3, y3, z3 = xs[k + 3], ys[k + 3], zs[k + 3]
            for lane in range(LANES):
                x, y, z = query[0, lane], query[1, lane], query[2, lane]
                d0 = (x - x0) * (x - x0) + (y - y0) * (y - y0) + (z - z0) * (z - z0)
                d1 = (x - x1) * (x - x1) + (y - y1) * (y - y1) + (z - z1) * (z - z1)
                d2 = (x - x2) * (x - x2) + (y - y2) * (y - y2) + (z - z2) * (z - z2)
                d3 = (x - x3) * (x - x3) + (y - y3) * (y - y3) + (z - z3) * (z - z3)
                d0 = d0 if d0 < d1 else d1
                d2 = d2 if d2 < d3 else d3
                d0 = d0 if d0 < d2 else d2
                old = best[lane]
                best[lane] = d0 if d0 < old else old
        used = min(LANES, count - block * LANES)
        for lane in range(used):
            total += np.sqrt(np.float64(best[lane])) if root else np.float64(best[lane])
    return total


# Without FAST: a fused weight times sum would make (A, B) and (B, A) differ in the last bit.
@njit(parallel=True, cache=True)
def both_ways(q_a, c_a, n_a, q_b, c_b, n_b, root, w_a, w_b):  # type: ignore[no-untyped-def]
    """(G, R) float64: w_a * sum of A's points to B plus w_b * sum of B's points to A."""
    out = np.empty((q_a.shape[0], q_b.shape[0]), np.float64)
    for i in prange(q_a.shape[0]):
        best = np.empty(LANES, np.float32)
        for j in range(q_b.shape[0]):
            there = w_a * nearest_sum(q_a[i], n_a, c_b[j], root, best)
            out[i, j] = there + w_b * nearest_sum(q_b[j], n_b, c_a[i], root, best)
    return out


@njit(parallel=True, cache=True)
def both_ways_self(queries, candidates, count, root, weight):  # type: ignore[no-untyped-def]
    """(N, N) float64, symmetric with a zero diagonal; each pair is computed once."""
    size = queries.shape[0]
    out = np.zeros((size, size), np.float64)
    for half in prange((size + 1) // 2):
        best = np.empty(LANES, np.float32)
        # A long row and a short row together: every turn of the parallel loop has the same work.
        for turn in range(2):
            i = np.int64(half) if turn == 0 else np.int64(size - 1 - half)
            if turn == 1 and i == np.int64(half):
                continue
            for j in range(i + 1, size):
                there = weight * nearest_sum(queries[i], count, candidates[j], root, best)
                out[i, j] = there + weight * nearest_sum(queries[j], count, candidates[i], root, best)
                out[j, i] = out[i, j]
    return out

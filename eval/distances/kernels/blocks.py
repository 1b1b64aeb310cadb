"""Clouds in kd order: blocks of neighbouring points in packed lanes, with the boxes of quarters of a block.

A cloud is cut at the median of its widest side, then each half again, so that BLOCK points that follow each other lie
close together. As queries, the points of a block fill the vector lanes; as candidates, they come in leaves of LEAF
points, most of which their boxes rule out.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit, prange

BLOCK = 64
LEAF = 16
LEAVES = BLOCK // LEAF


@dataclass(frozen=True)
class Blocks:
    """A set of clouds as the kernels read it.

    points : (N, B, 3, BLOCK) float32, B = ceil(P / BLOCK); the last point is repeated as padding
    boxes : (N, B, 2, 3) float32, low and high corner of each block
    lows, highs : (N, 3, B * LEAVES) float32, corners of the leaves
    count : points a cloud, P
    """

    points: npt.NDArray[np.float32]
    boxes: npt.NDArray[np.float32]
    lows: npt.NDArray[np.float32]
    highs: npt.NDArray[np.float32]
    count: int


def pack(clouds: npt.NDArray[np.float32]) -> Blocks:
    """Put clouds in kd order.

    clouds : (N, P, 3) float32, finite
    returns : Blocks; the same for the same cloud in any set
    """
    points, boxes, lows, highs = _pack(clouds)
    return Blocks(points, boxes, lows, highs, clouds.shape[1])


@njit(parallel=True, cache=True)
def _pack(clouds):  # type: ignore[no-untyped-def]
    size, count, _ = clouds.shape
    blocks = (count + BLOCK - 1) // BLOCK
    points = np.empty((size, blocks, 3, BLOCK), np.float32)
    boxes = np.empty((size, blocks, 2, 3), np.float32)
    lows = np.empty((size, 3, blocks * LEAVES), np.float32)
    highs = np.empty((size, 3, blocks * LEAVES), np.float32)
    for i in prange(size):
        ordered = clouds[i].copy()
        _order(ordered)
        for block in range(blocks):
            for lane in range(BLOCK):
                source = min(block * BLOCK + lane, count - 1)
                for axis in range(3):
                    points[i, block, axis, lane] = ordered[source, axis]
            for axis in range(3):
                lanes = points[i, block, axis]
                boxes[i, block, 0, axis], boxes[i, block, 1, axis] = lanes.min(), lanes.max()
                for leaf in range(LEAVES):
                    part = lanes[leaf * LEAF : (leaf + 1) * LEAF]
                    lows[i, axis, block * LEAVES + leaf] = part.min()
                    highs[i, axis, block * LEAVES + leaf] = part.max()
    return points, boxes, lows, highs


@njit(cache=True)
def _order(points):  # type: ignore[no-untyped-def]
    """Sort points (P, 3) in place so that every leaf is a cell of a kd tree; all leaves but the last are full."""
    starts, ends = np.empty(64, np.int64), np.empty(64, np.int64)
    starts[0], ends[0], waiting = 0, points.shape[0], 1
    while waiting > 0:
        waiting -= 1
        start, end = starts[waiting], ends[waiting]
        axis, extent = _widest(points, start, end)
        if end - start <= LEAF or extent == 0:
            continue
        unit = BLOCK if end - start > BLOCK else LEAF
        middle = start + (end - start + 2 * unit - 1) // (2 * unit) * unit
        _split(points, start, end, middle, axis)
        starts[waiting], ends[waiting] = start, middle
        starts[waiting + 1], ends[waiting + 1] = middle, end
        waiting += 2


@njit(cache=True)
def _widest(points, start, end):  # type: ignore[no-untyped-def]
    axis, extent = 0, np.float32(-1)
    for candidate in range(3):
        low = high = points[start, candidate]
        for i in range(start + 1, end):
            value = points[i, candidate]
            low = value if value < low else low
            high = value if value > high else high
        if high - low > extent:
            axis, extent = candidate, high - low
    return axis, extent


@njit(cache=True)
def _split(points, start, end, middle, axis):  # type: ignore[no-untyped-def]
    """Move the `middle - start` lowest points along an axis to the front (Hoare's selection)."""
    low, high = start, end - 1
    while low < high:
        pivot = points[(low + high) // 2, axis]
        i, j = low, high
        while i <= j:
            while points[i, axis] < pivot:
                i += 1
            while points[j, axis] > pivot:
                j -= 1
            if i <= j:
                for k in range(3):
                    points[i, k], points[j, k] = points[j, k], points[i, k]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return

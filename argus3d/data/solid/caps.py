"""Caps: triangles that close the holes of an oriented surface, wherever they may run."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


def caps(faces: NDArray[np.int64], vertices: int) -> NDArray[np.int64]:
    """Triangles (C, 3) int64 on the same vertices that leave no edge unpaired: each runs as often one way as the other.

    faces : (F, 3) int64; vertices : how many there are. The caps of one hole halve it again and again, so that they
    are small near its rim and few in its middle; they may cross the surface and each other.
    """
    starts, ends = _unpaired(faces, vertices)
    if len(starts) == 0:
        return np.empty((0, 3), np.int64)
    order = np.argsort(starts, kind="stable")
    first = np.searchsorted(starts[order], np.arange(vertices + 1))
    loops, bounds = _loops(ends[order], first, starts[order])
    filled: NDArray[np.int64] = _halved(loops, bounds)
    return filled


def _unpaired(faces: NDArray[np.int64], vertices: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and ends (B,) of the edges that caps must have: one backwards for each that has no other way back."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    forward = edges[:, 0] < edges[:, 1]
    keys = np.where(forward, edges[:, 0] * vertices + edges[:, 1], edges[:, 1] * vertices + edges[:, 0])
    order = np.argsort(keys, kind="stable")
    firsts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    excess = np.add.reduceat(np.where(forward, 1, -1)[order], firsts)
    unpaired = np.flatnonzero(excess)
    low, high = np.divmod(keys[order[firsts[unpaired]]], vertices)
    excess = excess[unpaired]
    starts, ends = np.where(excess > 0, high, low), np.where(excess > 0, low, high)
    return np.repeat(starts, np.abs(excess)), np.repeat(ends, np.abs(excess))


@njit(cache=True)
def _loops(ends, first, starts):  # type: ignore[no-untyped-def]
    """The edges as closed walks: vertices (B,) and where each walk begins, with the end of the last."""
    # As many edges leave a vertex as arrive there, so that a walk can only end where it began.
    free = first[:-1].copy()
    walked = np.empty(len(ends), np.int64)
    bounds = [0]
    count = 0
    for edge in range(len(ends)):
        at = starts[edge]
        while free[at] < first[at + 1]:
            walked[count] = at
            count += 1
            free[at] += 1
            at = ends[free[at] - 1]
        if count > bounds[-1]:
            bounds.append(count)
    return walked, np.array(bounds)


@njit(cache=True)
def _halved(loops, bounds):  # type: ignore[no-untyped-def]
    """Triangles (C, 3) of closed walks: one over each walk's ends and middle, then over each half, and so on."""
    found = np.empty((len(loops), 3), np.int64)
    count = 0
    pending = [(0, 0)]
    for loop in range(len(bounds) - 1):
        pending.append((bounds[loop], bounds[loop + 1] - 1))
        while len(pending) > 1:
            low, high = pending.pop()
            if high - low < 2:
                continue
            middle = (low + high) // 2
            a, b, c = loops[low], loops[middle], loops[high]
            if a != b and b != c and c != a:  # a walk may pass a vertex again
                found[count] = a, b, c
                count += 1
            pending.append((low, middle))
            pending.append((middle, high))
    return found[:count]

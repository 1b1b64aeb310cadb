"""Coarse to fine: the logits of a grid near the surface, and no others.

Three lattices: blocks of 4^3 cells, halves of 2^3, and the grid itself. Blocks that the surface crosses or comes near
are opened, which evaluates the corners of their halves; halves that it crosses or comes near are refined, which
evaluates all their samples. Then the region is closed: where a side of a refined half shows both signs, the half beyond
it is refined too, until no side does. So the surface that the region holds is made of whole components of the dense
grid's surface, vertex for vertex.

Every component that passes between two neighbouring samples of the coarse lattice with different signs is among them:
the samples of such an edge are evaluated, and halves that have both signs on it are refined. Coarse is every fourth
sample from 128 cells on, every second from 64 on, every sample below.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from argus3d.meshing.field import OccupancyField
from argus3d.meshing.lattice import (
    DONE,
    NEW,
    choose_blocks,
    choose_halves,
    close,
    missing_samples,
    samples_on_crossed_edges,
    settle,
    spread,
    unknown_corners,
)
from argus3d.meshing.volume import VolumeField

_BATCH = 2**16  # halves refined at once

Evaluate = Callable[[NDArray[np.int64]], NDArray[np.float32]]


def occupancy_of_field(field: OccupancyField | VolumeField, iso: np.float32) -> NDArray[np.float32]:
    """Logits (n, n, n): exact near the surface of {logit > iso}, elsewhere those of a sample on the same side."""
    resolution = field.samples - 1
    if resolution < 64:
        return field.logits(np.arange(field.samples**3)).reshape((field.samples,) * 3)
    return Refinement(field.logits, resolution, iso, coarse_step=4 if resolution >= 128 else 2).run()


class Refinement:
    """One run over a grid of `resolution` cells; `evaluate` gives logits at flat indices."""

    def __init__(self, evaluate: Evaluate, resolution: int, iso: np.float32, coarse_step: int) -> None:
        """coarse_step : 4, or 2 to open all blocks."""
        self._evaluate, self._iso, self._step = evaluate, iso, coarse_step
        n, halves = resolution + 1, -(-resolution // 2)
        self.values = np.empty((n, n, n), np.float32)
        self._known = np.zeros((halves + 1,) * 3, np.bool_)  # corners of halves that are evaluated
        self._halves = np.zeros((halves,) * 3, np.uint8)
        self._blocks = np.zeros((-(-halves // 2),) * 3, np.uint8)
        self._change = np.empty((0, 0, 0, 3), np.float32)

    def run(self) -> NDArray[np.float32]:
        """The grid's logits, (n, n, n)."""
        self._sample_coarsely()
        fresh = np.empty(0, np.int64)
        while len(fresh) or (self._blocks == NEW).any():
            fresh = np.union1d(fresh, self._open_blocks())
            for start in range(0, len(fresh), _BATCH):
                self._refine(fresh[start : start + _BATCH])
            fresh = close(self.values, self._halves, self._blocks, fresh, self._iso)
        if self._step == 4:
            settle(self.values, self._halves, self._blocks, self._iso)
        return self.values

    def _sample_coarsely(self) -> None:
        """Evaluate the coarse lattice, learn how it changes and mark the blocks to open."""
        n = len(self.values)
        line = np.minimum(np.arange(0, n - 1 + self._step, self._step), n - 1)
        index = (line[:, None, None] * n + line[:, None]) * n + line
        coarse = self._evaluate(index.ravel()).reshape(index.shape)
        spread(coarse, self._step, self.values)
        self._change = _change_nearby(coarse)
        self._known[np.ix_(*(-(-line // 2),) * 3)] = True
        if self._step == 2:
            self._blocks[:] = NEW
        else:
            choose_blocks(self.values, self._blocks, self._iso, self._change)

    def _open_blocks(self) -> NDArray[np.int64]:
        """Evaluate the corners of halves in new blocks; the halves to refine."""
        blocks = np.flatnonzero(self._blocks == NEW)
        self._store(unknown_corners(self._known, blocks, len(self.values)))
        if self._step == 4:
            side = len(self._blocks)
            self._store(np.unique(samples_on_crossed_edges(self.values, blocks, self._iso, side)))
        return choose_halves(self.values, self._halves, self._blocks, blocks, self._iso, self._change)

    def _refine(self, halves: NDArray[np.int64]) -> None:
        self._store(missing_samples(self._halves, halves, len(self.values)))
        self._halves.ravel()[halves] = DONE

    def _store(self, index: NDArray[np.int64]) -> None:
        if len(index):
            self.values.ravel()[index] = self._evaluate(index)


def _change_nearby(coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each cell of a lattice (m + 1)^3, the largest change along x, y and z at its corners: (m, m, m, 3)."""
    m = len(coarse) - 1
    change = np.empty((m, m, m, 3), np.float32)
    for axis in range(3):
        largest = np.abs(np.diff(coarse, axis=axis))
        for other in range(3):
            along = np.moveaxis(largest, other, 0)
            if other == axis:
                along = np.pad(along, ((1, 1), (0, 0), (0, 0)))
                along = np.maximum(np.maximum(along[:-2], along[1:-1]), along[2:])
            else:
                along = np.maximum(along[:-1], along[1:])
            largest = np.moveaxis(along, 0, other)
        change[..., axis] = largest
    return change

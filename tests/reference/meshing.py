"""Meshing as the released model does it, written plainly, and the vertices of marching cubes by loops."""

from collections.abc import Callable

import mcubes
import numpy as np
import torch
from numpy.typing import NDArray

from argus3d.model.autoencoder import ShapeAutoencoder

COARSE, ROUNDS = 32, 2  # 128 cells
CHUNK = 100_000  # points evaluated at once
OUTSIDE = -1e6

Evaluate = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def point_logits(
    autoencoder: ShapeAutoencoder, planes: torch.Tensor, points: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Logits of planes (3, C, R, R) at points (Q, 3), each sampled on its own."""
    with torch.no_grad():
        parts = [autoencoder.decoder(planes[None], part[None])[0] for part in torch.from_numpy(points).split(CHUNK)]
    return torch.cat(parts).cpu().numpy()


def positions(index: NDArray[np.int64], cells: int) -> NDArray[np.float32]:
    """Where the samples (Q, 3) of a grid lie."""
    return (np.float32(1.1) * (index.astype(np.float32) / np.float32(cells) - np.float32(0.5))).astype(np.float32)


def adaptive_occupancy(
    evaluate: Evaluate, iso: float, coarse: int = COARSE, rounds: int = ROUNDS
) -> tuple[NDArray[np.float32], int]:
    """Multiresolution isosurface extraction: logits (n, n, n) with n = coarse * 2^rounds + 1, and evaluations made.

    Every known sample marks the leaf voxels that touch it; leaves with marks of both signs are split in eight.
    """
    cells = coarse << rounds
    values = np.full((cells + 1,) * 3, np.nan, np.float32)
    depth = np.zeros((cells,) * 3, np.int64)  # of the leaf that holds a fine cell
    above, below = np.zeros((cells,) * 3, bool), np.zeros((cells,) * 3, bool)  # marks, at a leaf's lowest fine cell
    around = np.array([[i, j, k] for i in (-1, 0) for j in (-1, 0) for k in (-1, 0)])
    corners = np.array([[i, j, k] for i in range(3) for j in range(3) for k in range(3)])
    line = np.arange(0, cells + 1, 1 << rounds)
    pending = np.stack(np.meshgrid(line, line, line, indexing="ij"), 3).reshape(-1, 3)
    evaluations = 0
    while len(pending):
        values[tuple(pending.T)] = evaluate(positions(pending, cells))
        evaluations += len(pending)
        known = np.argwhere(~np.isnan(values))
        own = values[tuple(known.T)]
        above[:], below[:] = False, False
        for offset in around:
            touched = known + offset
            here = ((touched >= 0) & (touched < cells)).all(1)
            touched = touched[here]
            size = rounds - depth[tuple(touched.T)][:, None]
            leaf = touched >> size << size
            above[tuple(leaf[own[here] >= iso].T)] = True
            below[tuple(leaf[own[here] <= iso].T)] = True
        split = np.argwhere(above & below & (depth < rounds))
        before = depth[tuple(split.T)]  # a leaf that is split now has children, which wait for their own marks
        fresh = []
        for leaf_depth in range(rounds):
            leaves = split[before == leaf_depth]
            half = 1 << (rounds - leaf_depth - 1)
            inner = np.arange(2 * half)
            block = np.stack(np.meshgrid(inner, inner, inner, indexing="ij"), 3).reshape(-1, 3)
            fresh.append((leaves[:, None] + half * corners).reshape(-1, 3))
            depth[tuple((leaves[:, None] + block).reshape(-1, 3).T)] = leaf_depth + 1
        candidates = np.zeros(values.shape, bool)
        candidates[tuple(np.concatenate(fresh).T)] = True
        pending = np.argwhere(candidates & np.isnan(values))
    return complete(values), evaluations


def complete(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unknown samples copy the last known one before them, along x, then y, then z."""
    for axis in range(3):
        values = np.moveaxis(values, axis, 0)
        for i in range(1, len(values)):
            unknown = np.isnan(values[i])
            values[i][unknown] = values[i - 1][unknown]
        values = np.moveaxis(values, 0, axis)
    return values


def padded_marching_cubes(
    values: NDArray[np.float32], iso: float, side: float = 1.1
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices and faces of PyMCubes on the grid padded by a layer of -1e6."""
    vertices, faces = mcubes.marching_cubes(np.pad(values, 1, constant_values=OUTSIDE), float(np.float32(iso)))
    return side * ((vertices - 1) / (len(values) - 1) - 0.5), faces


def released_mesh(
    autoencoder: ShapeAutoencoder, planes: torch.Tensor, iso: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A mesh of 128 cells the released way: adaptive, point by point, then marching cubes."""
    values, _ = adaptive_occupancy(lambda points: point_logits(autoencoder, planes, points), iso)
    return padded_marching_cubes(values, iso)


def crossings(values: NDArray[np.float32], iso: float, side: float = 1.1) -> NDArray[np.float64]:
    """Where the edges of the padded grid cross the level, one point for each whose ends lie on different sides."""
    padded, level = np.pad(values, 1, constant_values=OUTSIDE).astype(np.float64), float(np.float32(iso))
    found = []
    for start in np.ndindex(padded.shape):
        for axis in range(3):
            end = tuple(start[i] + (i == axis) for i in range(3))
            if end[axis] == len(padded) or (padded[start] > level) == (padded[end] > level):
                continue
            point = np.array(start, np.float64)
            point[axis] += (level - padded[start]) / (padded[end] - padded[start])
            found.append(side * ((point - 1) / (len(values) - 1) - 0.5))
    return np.array(found).reshape(-1, 3)

"""Surfaces that go through given points: what makes completions keep the part they were given."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from argus3d.meshing.cubes import logit

# In longest sides of a shape. Chosen on 36 completions of validation shapes at 64 cells: reaches of 0.03 to 0.06 and
# half as much or twice the rest gave UHDs of 0.031 to 0.044, where 0.075 was without.
REACH = 0.04  # how far from the points logits change; at least two cells, or few samples would
FULL = 0.015  # as near as that by all that is needed, in the same proportion
NEAREST = 8  # points that decide together
THICKNESS = 0.5  # logits above the threshold at points that were outside: a sheet through them has two sides


def surface_through(
    values: NDArray[np.float32], points: NDArray[np.floating], threshold: float, side: float
) -> NDArray[np.float32]:
    """Logits (n, n, n) as `values`, changed near points (P, 3) so that the surface at `threshold` passes through them.

    values : (n, n, n) float32, axes x, y, z, of the box of that `side` about 0; `points` lie in it

    At each point the logit falls short of the threshold, or passes it, by some amount; samples nearby change by what
    the nearest points want, the nearer a point the more it counts, and less the farther they all are.
    """
    last = len(values) - 1
    cell = side / last
    reach = max(REACH, 2 * cell)
    places = (np.asarray(points, np.float64) / side + 0.5) * last  # in samples
    iso = logit(threshold)
    found = map_coordinates(values, places.T, output=np.float64, order=1, mode="nearest")
    wanted = iso - found + np.where(found < iso, THICKNESS, 0.0)
    near = _around(places, reach / cell, last)
    distance, index = cKDTree(places).query(near, NEAREST, distance_upper_bound=reach / cell)
    reached = np.isfinite(distance[:, 0])
    near, distance, index = near[reached], distance[reached] * cell, index[reached]
    share = np.where(np.isfinite(distance), (1 - np.minimum(distance / reach, 1) ** 2) ** 2, 0)
    # What is not there stands at the end with a share of 0. At the very reach all shares are 0, and so is the change.
    change = (share * np.append(wanted, 0)[index]).sum(1) / np.maximum(share.sum(1), np.finfo(float).tiny)
    change *= np.clip((1 - distance[:, 0] / reach) / (1 - FULL / REACH), 0, 1)
    changed = values.copy()
    changed[tuple(near.T)] += change.astype(np.float32)
    return changed


def _around(places: NDArray[np.float64], reach: float, last: int) -> NDArray[np.int64]:
    """The samples (M, 3) of the box about `places` that is larger by `reach`."""
    low = np.clip(np.floor(places.min(0) - reach), 0, last).astype(np.int64)
    high = np.clip(np.ceil(places.max(0) + reach), 0, last).astype(np.int64)
    axes = [np.arange(first, end + 1) for first, end in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)

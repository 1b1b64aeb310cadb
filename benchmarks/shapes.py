"""Clouds to measure on: real shapes as far as they go, then procedural ones."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from argus3d.data.procedural import CATEGORIES, make
from argus3d.data.streams import item_rng
from argus3d.errors import UserError
from eval.clouds import load_clouds
from eval.normalize import normalize

Points = npt.NDArray[np.float32]

REAL = ("household", "components")  # as many of them as are prepared
POINTS = 2048


class Shapes:
    """Clouds of shapes in boxes of longest side 1: real ones as far as they go, then procedural ones."""

    def __init__(self, data_root: Path) -> None:
        """Draw POINTS points of each prepared real shape. Raises: UserError where nothing real is prepared."""
        found = [name for name in REAL if (data_root / name).is_dir()]
        if not found:
            raise UserError(f"{data_root} holds none of {', '.join(REAL)}: run `argus3d data prepare household` first")
        sets = [load_clouds(str(data_root / name), POINTS, seed=0) for name in found]
        names = np.repeat(found, [len(one.clouds) for one in sets])
        order = np.random.default_rng(0).permutation(len(names))
        self._real = normalize(np.concatenate([one.clouds for one in sets]), "box")[order]
        self._names = names[order]

    def halves(self, count: int) -> tuple[Points, Points, dict[str, int]]:
        """Two sets of `count` clouds of one distribution, and how many of both come from where."""
        real = self._real[: 2 * count]
        filled = procedural(2 * count - len(real), POINTS)
        both = np.concatenate([real, filled])[np.random.default_rng(1).permutation(2 * count)]
        names, counts = np.unique(self._names[: 2 * count], return_counts=True)
        sources = dict(zip(names.tolist(), counts.tolist(), strict=True)) | {"procedural": len(filled)}
        return both[:count], both[count:], sources


def procedural(count: int, points: int) -> Points:
    """Clouds of the first procedural shapes, class after class."""
    found = np.empty((count, points, 3), np.float32)
    for index in range(count):
        category, seed = CATEGORIES[index % len(CATEGORIES)], index // len(CATEGORIES)
        found[index] = make(category, seed).surface(points, item_rng(0, f"{category}-{seed}"))[0]
    return normalize(found, "box")

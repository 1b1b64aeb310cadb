"""Prepared shapes and generators made up for tests of the commands."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from argus3d.data.files import write_json
from argus3d.data.splits import write_split

# README shows this generator.
BOXES = """\
import numpy as np
import trimesh
from argus3d.generator import Sample

class Boxes:
    name, categories = "boxes", ("chair", "table")

    def sample(self, category, count, seed=0):
        sides = np.random.default_rng(seed).uniform(0.3, 1, (count, 3))
        boxes = [trimesh.creation.box(side) for side in sides]
        return [Sample(str(i), category, seed, np.empty(0, int), b.vertices, b.faces) for i, b in enumerate(boxes)]
"""


def write_toys(
    root: Path, classes: Mapping[str, int], source: str = "toys", split: str = "toys-v1/test", points: int = 300
) -> list[str]:
    """Prepare ellipsoids, so many of each class, and a split of one part that holds them all; returns the ids."""
    shapes = []
    for category, count in classes.items():
        for index in range(count):
            item = f"{source}-{category}-{index:02d}"
            folder = root / source / category / item
            folder.mkdir(parents=True)
            rng = np.random.default_rng(len(shapes))
            directions = rng.standard_normal((points, 3))
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            cloud = directions * [0.5, *rng.uniform(0.1, 0.5, 2)]
            np.savez(folder / "pointcloud.npz", points=cloud.astype(np.float16), normals=directions.astype(np.float16))
            shapes.append({"id": item, "category": category, "source": source})
    write_json(root / source / "manifest.json", {"shapes": shapes})
    ids = [str(shape["id"]) for shape in shapes]
    name, part = split.split("/")
    write_split(root / "splits" / f"{name}.json", name, 1, "", {part: ids})
    return ids

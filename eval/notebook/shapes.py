"""Sets of shapes that notebooks make on the spot: samples, and procedural shapes to hold them against."""

from collections.abc import Sequence

import numpy as np

from argus3d.data.procedural.catalogue import make
from argus3d.data.streams import item_rng
from argus3d.generator import Sample
from eval.clouds import CloudSet
from eval.meshes import sample_triangles

NO_TOKENS = np.empty(0, np.int64)


def procedural_shapes(category: str, count: int, first: int = 0) -> list[Sample]:
    """Shapes of the source procedural as meshes, with the ids that they have there.

    first : number of the first one
    Raises : UserError for a class that is not procedural
    """
    solids = {seed: make(category, seed).mesh() for seed in range(first, first + count)}
    return [
        Sample(_id(category, seed), category, seed, NO_TOKENS, vertices.astype(np.float32), faces.astype(np.int32))
        for seed, (vertices, faces) in solids.items()
    ]


def procedural_clouds(category: str, count: int, first: int = 0, points: int = 512) -> CloudSet:
    """Points on the outer surfaces of the same shapes."""
    ids = tuple(_id(category, seed) for seed in range(first, first + count))
    drawn = [make(category, int(item[-5:])).surface(points, item_rng(0, item))[0] for item in ids]
    return CloudSet("procedural", np.stack(drawn).astype(np.float32), ids, (category,) * count, count)


def sample_clouds(samples: Sequence[Sample], points: int = 512) -> CloudSet:
    """Points on samples; those that are empty have failed.

    Raises : ValueError where all are empty
    """
    there = [sample for sample in samples if not sample.empty]
    if not there:
        raise ValueError(f"all {len(samples)} samples are empty; take other ones")
    corners = {sample.id: sample.vertices[sample.faces].astype(np.float64) for sample in there}
    drawn = [sample_triangles(corners[item], points, item_rng(0, item))[0] for item in corners]
    failed = tuple((sample.id, "empty") for sample in samples if sample.empty)
    ids, classes = (sample.id for sample in there), (sample.category or "" for sample in there)
    return CloudSet("samples", np.stack(drawn), tuple(ids), tuple(classes), len(samples), failed)


def _id(category: str, seed: int) -> str:
    return f"{category}-{seed:05d}"

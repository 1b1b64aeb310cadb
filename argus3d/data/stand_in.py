"""A few procedural shapes in the layout of Objaverse-MIX, to try commands on before half a terabyte is fetched."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from argus3d.data.annotations import CAPTIONS, LVIS, METADATA, OBJECT_PATHS
from argus3d.data.files import npz, write_atomically
from argus3d.data.formats.occnet import CLOUD, QUERIES
from argus3d.data.objaverse import ANNOTATIONS, SHAPES, part_of
from argus3d.data.procedural.catalogue import make
from argus3d.data.shape_files import BOX, PrepareConfig
from argus3d.data.streams import item_rng

CHUNK = "000-000"
USUAL = PrepareConfig()  # stored are as many points as are taken when nothing else is asked; the real files have more
SIDES = ("train", "test")  # of objaverse-v1


def write_objaverse(folder: Path, categories: Sequence[str], each: int) -> list[str]:
    """Write one unpacked chunk with its annotations; uids are made up so that both sides of objaverse-v1 are filled.

    categories : classes of the source procedural; so they are called in Objaverse-LVIS here
    each : shapes of each class on each of the sides train and test
    returns : uids, in the order of classes

    Raises: UserError for a class that is not procedural
    """
    shapes = [(uid, category, seed) for category in categories for uid, seed in _uids(category, each)]
    captions = {uid: _write_shape(folder, uid, category, seed) for uid, category, seed in shapes}
    classes = {category: [uid for uid, own, _ in shapes if own == category] for category in categories}
    names = {uid: f"{category} {seed}" for uid, category, seed in shapes}
    records = {uid: {"name": name, "license": "cc0", "user": {"username": "argus3d"}} for uid, name in names.items()}
    _write_gz(folder / ANNOTATIONS / LVIS, classes)
    _write_gz(folder / ANNOTATIONS / OBJECT_PATHS, {uid: f"glbs/{CHUNK}/{uid}.glb" for uid in captions})
    _write_gz(folder / ANNOTATIONS / METADATA.format(chunk=CHUNK), records)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(captions.items())
    write_atomically(folder / ANNOTATIONS / CAPTIONS[0], text.getvalue().encode())
    return list(captions)


def _uids(category: str, each: int) -> Iterator[tuple[str, int]]:
    """Uids, and the seeds that they stand for, until each side has `each`."""
    left, seed = dict.fromkeys(SIDES, each), 0
    while any(left.values()):
        uid = hashlib.md5(f"{category} {seed}".encode()).hexdigest()
        if left.get(part_of(uid), 0):
            left[part_of(uid)] -= 1
            yield uid, seed
        seed += 1


def _write_shape(folder: Path, uid: str, category: str, seed: int) -> str:
    """The two files of a shape, as they come out of the archives; returns its caption."""
    solid, rng = make(category, seed), item_rng(seed, uid)
    points, normals = solid.surface(USUAL.surface_points, rng)
    asked = rng.uniform(-BOX, BOX, (USUAL.uniform_points, 3)).astype(np.float16)
    inside = np.packbits(solid.contains(asked.astype(np.float64)))
    frame = {"loc": np.zeros(3), "scale": np.ones(())}
    place = folder / SHAPES / CHUNK / CHUNK / uid
    half = {"points": points.astype(np.float16), "normals": normals.astype(np.float16)}
    write_atomically(place / CLOUD, npz({**half, **frame}))
    write_atomically(place / QUERIES, npz({"points": asked, "occupancies": inside, **frame}))
    return solid.caption


def _write_gz(path: Path, value: Mapping[str, Any]) -> None:
    write_atomically(path, gzip.compress(json.dumps(value).encode(), mtime=0))

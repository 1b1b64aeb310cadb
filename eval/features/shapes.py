"""Labelled clouds that the point network is trained and tested on: parts of our own splits."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from argus3d.data.prepared import PreparedData, PreparedShape
from argus3d.errors import UserError
from eval.splits import load_part

SOURCES = ("household", "procedural", "components")
STORED = 8192  # points of a cloud that are read: new ones can be drawn at every step, and memory suffices
NO_CLASS = "other"  # household's name for what fits nowhere: its shapes have nothing in common to learn


@dataclass(frozen=True, eq=False)
class LabelledClouds:
    """Shapes of one part of one source.

    clouds : (N, P, 3) float16, as prepared, at most `STORED` points
    labels : (N,) int64, into the classes
    left_out : shapes of the part whose category is no class
    sha256 : of the ids, categories and clouds' own sha256
    """

    clouds: npt.NDArray[np.float16]
    labels: npt.NDArray[np.int64]
    left_out: int
    sha256: str

    def __len__(self) -> int:
        return len(self.labels)


def find_classes(data: PreparedData, least: int) -> tuple[str, ...]:
    """Categories with at least `least` training shapes in all sources together, sorted."""
    found = Counter(shape.category for source in SOURCES for shape in _part(data, source, "train"))
    return tuple(sorted(name for name, count in found.items() if count >= least and name != NO_CLASS))


def labelled(data: PreparedData, source: str, part: str, classes: Sequence[str]) -> LabelledClouds:
    """The shapes of a part whose category is one of `classes`.

    Raises : UserError for shapes that are not prepared, or a part without any of the classes
    """
    every = _part(data, source, part)
    shapes = [shape for shape in every if shape.category in classes]
    if not shapes:
        raise UserError(f"{source}-v1/{part} has no shape of {', '.join(classes)}; prepare the whole source")
    index = {name: label for label, name in enumerate(classes)}
    lines = (f"{shape.id} {shape.category} {shape.record['sha256']['pointcloud.npz']}" for shape in shapes)
    return LabelledClouds(
        np.stack([shape.cloud()[:STORED] for shape in shapes]),
        np.array([index[shape.category] for shape in shapes]),
        len(every) - len(shapes),
        hashlib.sha256("\n".join(lines).encode()).hexdigest(),
    )


def open_data(root: Path) -> PreparedData:
    """The prepared sources. Raises : UserError where one is missing."""
    return PreparedData(root, SOURCES)


def _part(data: PreparedData, source: str, part: str) -> list[PreparedShape]:
    return data.select(load_part(f"{source}-v1/{part}"))

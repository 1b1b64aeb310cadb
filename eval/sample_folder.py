"""Folders of samples as their manifests describe them; anyone may have made one, so that nothing in it is believed."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from argus3d.data.arrays import read_npz
from argus3d.data.files import is_name, is_text, read_json
from argus3d.errors import UserError, raise_if_machine

MANIFEST, PARTS = "manifest.json", "parts.npz"
MOST_NAMED = 60  # classes in a message

Points = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SampleRecord:
    """What a manifest says of one sample.

    said : all of it; properties check what they give
    """

    folder: Path
    said: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.said["id"])

    @property
    def category(self) -> str:
        """The class it was asked for, "" where none was."""
        return str(self.said.get("category") or "")

    @property
    def title(self) -> str:
        """The class as pictures name it."""
        return self.category or "no class"

    @property
    def source(self) -> str:
        """The catalogue that its shape comes from, "" where not said."""
        return str(self.said.get("source") or "")

    @property
    def empty(self) -> bool:
        """Whether it has no surface."""
        return bool(self.said.get("empty"))

    @property
    def file(self) -> Path | None:
        """The mesh, None where there is none. Raises : UserError for one out of the folder"""
        place = self.said.get("file")
        return self._inside(str(place)) if place else None

    @property
    def picture(self) -> Path | None:
        """The picture, None of an empty sample. Raises : UserError for one that is missing, or an id that is no name"""
        if self.empty:
            return None
        if not is_name(self.id):
            raise self._damaged("its id is no name, so that it has no picture")
        return self._there(self.folder / "pictures" / f"{self.id}.png")

    @property
    def shape(self) -> str:
        """The id of the shape that it was made for. Raises : UserError where that is not said"""
        if "shape" not in self.said or "number" not in self.said:
            raise UserError(
                f"{self.folder}: sample {self.id} does not say for which shape it was made; make the folder with "
                "--like."
            )
        return str(self.said["shape"])

    @property
    def number(self) -> int:
        """The how-manieth it is of those that were made alike, 0 where not said. Raises : UserError for no number"""
        number = self.said.get("number", 0)
        if type(number) is not int:
            raise self._damaged("its number is none")
        return number

    @property
    def given(self) -> dict[str, str]:
        """What the generator was given, by kind: "category", "text", "image", "part". Raises : UserError"""
        given = self.said.get("given") or {}
        if not isinstance(given, dict):
            raise self._damaged("what was given for it is no list by kind")
        return {str(kind): str(value) for kind, value in given.items() if value is not None}

    @property
    def given_image(self) -> Path:
        """The picture that was given. Raises : UserError for one that is missing, or out of the folder"""
        return self._there(self._inside(self.given["image"]))

    def measured(self, key: str) -> float:
        """A number that the manifest holds. Raises : UserError where it holds none"""
        value = self.said.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            raise self._damaged(f"it says no {key}")
        return float(value)

    def share(self, key: str) -> float:
        """The same of a number from 0 to 1. Raises : UserError where it holds none"""
        value = self.measured(key)
        if not 0 <= value <= 1:
            raise self._damaged(f"its {key} is {value:g}, not from 0 to 1")
        return value

    def _inside(self, place: str) -> Path:
        path = PurePath(place)
        if path.is_absolute() or ".." in path.parts or "\0" in place:
            raise self._damaged(f"{place!r} is out of the folder")
        return self.folder / path

    def _there(self, path: Path) -> Path:
        if not path.is_file():
            raise UserError(f"{path} is missing; make the folder again.")
        return path

    def _damaged(self, what: str) -> UserError:
        return UserError(f"{self.folder / MANIFEST}: sample {self.id}: {what}; make the folder again.")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder, empty where it has none.

    Raises : UserError for a file that is no JSON, or whose samples are no list of records that have an id
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    content = read_json(path, "make the folder again")
    if not isinstance(content, dict):
        return {}
    samples = content.get("samples", [])
    if not isinstance(samples, list) or not all(isinstance(entry, dict) for entry in samples):
        raise UserError(f"{path}: its samples are no list of records; make the folder again.")
    if not all("id" in entry and is_text(str(entry["id"])) for entry in samples):
        raise UserError(f"{path}: a sample has no id in letters; make the folder again.")
    return content


def read_samples(folder: Path) -> list[SampleRecord]:
    """The samples of a folder, in the manifest's order. Raises : UserError as `read_manifest`, and for no samples"""
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder of samples; make one with `argus3d sample` or `argus3d complete`.")
    samples = read_manifest(folder).get("samples")
    if not samples:
        raise UserError(f"{folder} has no {MANIFEST} with samples; finish it, or make it again.")
    return [SampleRecord(folder, entry) for entry in samples]


def of_classes(samples: Sequence[SampleRecord], classes: Sequence[str]) -> list[SampleRecord]:
    """Samples of some classes, of all for (). Raises : UserError for a class that none is of"""
    there = {sample.title for sample in samples}
    if missing := [name for name in classes if name not in there]:
        names = ", ".join(sorted(there)[:MOST_NAMED])
        raise UserError(f"{samples[0].folder} has no sample of {missing[0]}; its classes: {names}")
    return [sample for sample in samples if not classes or sample.title in classes]


def read_parts(folder: Path, shapes: Sequence[str]) -> dict[str, Points]:
    """The partial cloud (M, 3) float32 of each shape, from a folder of completions.

    Raises : UserError where there are none, of a shape there is none, or one is no cloud
    """
    path = folder / PARTS
    if not path.is_file():
        raise UserError(f"{path} is missing, but completions are measured against their parts; make the folder again.")
    try:
        stored = read_npz(path, shapes)
        missing = [shape for shape in shapes if shape not in stored]
        parts = {shape: np.asarray(array, np.float32) for shape, array in stored.items()}
    except (OSError, ValueError, TypeError) as error:
        raise_if_machine(error, path)
        raise UserError(f"{path} cannot be read ({error}); make the folder again.") from error
    if missing:
        raise UserError(f"{path} has no part of {missing[0]} and {len(missing) - 1} other shapes; make it again.")
    for shape, part in parts.items():
        if part.ndim != 2 or part.shape[1] != 3 or len(part) == 0 or not np.isfinite(part).all():
            raise UserError(f"{path}: the part of {shape} is no cloud of finite points (M, 3); make the folder again.")
    return parts

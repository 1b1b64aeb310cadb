"""Prepared shapes read back: by id, from the folders that `prepare` wrote."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus3d.errors import UserError


@dataclass(frozen=True)
class PreparedShape:
    """One shape of a manifest: its record and its folder."""

    record: dict[str, Any]
    folder: Path

    @property
    def id(self) -> str:
        return str(self.record["id"])

    @property
    def category(self) -> str:
        return str(self.record["category"])

    def cloud(self) -> NDArray[np.float16]:
        """Surface points (N, 3) float16."""
        return _read(self.folder / "pointcloud.npz", "points")

    def occupancy(self, kind: str) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        """Query points (Q, 3) float16 and which are inside (Q,) bool; kind "uniform" or "near"."""
        path = self.folder / {"uniform": "points.npz", "near": "points_near.npz"}[kind]
        points = _read(path, "points")
        return points, np.unpackbits(_read(path, "occupancies"))[: len(points)].astype(bool)


def _read(path: Path, key: str) -> NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[key])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} cannot be read ({error}); remove its folder and prepare again.") from error


class PreparedData:
    """All prepared shapes of the sources under a root, found by id."""

    def __init__(self, root: Path, sources: Sequence[str]) -> None:
        """Read the manifests. Raises: UserError when a source has not been prepared."""
        self.root = root
        self.shapes: dict[str, PreparedShape] = {}
        for source in sources:
            path = root / source / "manifest.json"
            if not path.exists():
                raise UserError(f"{path} is missing; run `argus3d data prepare {source} --root {root}`.")
            for record in json.loads(path.read_text())["shapes"]:
                folder = root / source / record["category"] / record["id"]
                self.shapes[record["id"]] = PreparedShape(record, folder)

    def select(self, ids: Sequence[str]) -> list[PreparedShape]:
        """The shapes of `ids`, in that order. Raises: UserError when some are missing, naming the first."""
        missing = [item_id for item_id in ids if item_id not in self.shapes]
        if missing:
            raise UserError(f"{len(missing)} of {len(ids)} shapes are not under {self.root}, first {missing[0]}.")
        return [self.shapes[item_id] for item_id in ids]

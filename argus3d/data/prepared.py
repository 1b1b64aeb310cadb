"""Prepared shapes read back: by id, from the folders and packs that `prepare` wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus3d.data.files import is_name, read_json_object
from argus3d.data.shape_files import CLOUD, PICTURE, QUERIES, RENDER
from argus3d.data.stores import PACKS, VIEWS, Folder, Packed, Place, read_arrays, read_records, records_file
from argus3d.errors import UserError


@dataclass(frozen=True)
class PreparedShape:
    """One shape of a manifest: its record, and where its files lie."""

    record: dict[str, Any]
    place: Place

    @property
    def id(self) -> str:
        return str(self.record["id"])

    @property
    def category(self) -> str:
        return str(self.record["category"])

    def cloud(self) -> NDArray[np.float16]:
        """Surface points (N, 3) float16."""
        return self._arrays(CLOUD, "points")[0]

    def normals(self) -> NDArray[np.float16] | None:
        """Outward unit normals (N, 3) float16 of the cloud, None where the source has none."""
        return read_arrays(self.place, CLOUD, "normals")[0]

    @property
    def queries(self) -> tuple[str, ...]:
        """The kinds of occupancy samples that there are: "uniform", and "near" unless they come from elsewhere."""
        return tuple(kind for kind, name in QUERIES.items() if name in (self.record.get("sha256") or ()))

    def occupancy(self, kind: str) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        """Query points (Q, 3) float16 and which are inside (Q,) bool; kind "uniform" or "near".

        Raises: UserError where there are none, see `queries`.
        """
        points, packed = self._arrays(QUERIES[kind], "points", "occupancies")
        return points, np.unpackbits(packed)[: len(points)].astype(bool)

    def views(self) -> list[bytes]:
        """PNG or JPEG files of the shape from all around, empty where `prepare_views` has made none."""
        return [self.place.read(name) for name in self._view_names()]

    @property
    def has_views(self) -> bool:
        """Whether `prepare_views` has made pictures of it."""
        return bool(self._view_names())

    def _view_names(self) -> list[str]:
        return [name for name in self.place.names() if name.startswith(VIEWS) and not name.endswith(".npz")]

    def _arrays(self, name: str, *keys: str) -> list[NDArray[Any]]:
        arrays = read_arrays(self.place, name, *keys)
        missing = [key for key, array in zip(keys, arrays, strict=True) if array is None]
        if missing:
            raise UserError(f"{name} of {self.place} holds no {missing[0]}; remove it and prepare again.")
        return [array for array in arrays if array is not None]

    def render(self) -> bytes:
        """A small PNG of the shape, drawn like those of samples."""
        return self.place.read(RENDER)

    def picture(self) -> bytes:
        """The source's own PNG of the shape, or the small one where it has none."""
        return self.place.read(PICTURE)


class PreparedData:
    """All prepared shapes of the sources under a root, found by id."""

    def __init__(self, root: Path, sources: Sequence[str] | None = None) -> None:
        """Read the manifests.

        sources : names, None for all that are prepared under the root

        Raises: UserError when a source has not been prepared, or two of them share an id.
        """
        self.root = root
        self.sources = prepared_sources(root) if sources is None else list(sources)
        self.shapes: dict[str, PreparedShape] = {}
        for source in self.sources:
            for record in _records(root / source):
                shape = PreparedShape(record, _place(root / source, record))
                other = self.shapes.setdefault(shape.id, shape)
                if other is not shape:
                    both = f"{other.record.get('source')} and {source}"
                    raise UserError(f"{both} under {root} share the id {shape.id}; prepare one under another root.")

    def select(self, ids: Sequence[str]) -> list[PreparedShape]:
        """The shapes of `ids`, in that order. Raises: UserError when some are missing, naming the first."""
        missing = [item_id for item_id in ids if item_id not in self.shapes]
        if missing:
            others = ", ".join(name for name in prepared_sources(self.root) if name not in self.sources)
            raise UserError(
                f"{len(missing)} of {len(ids)} shapes are not in the sources searched under {self.root} "
                f"({', '.join(self.sources) or 'none'}), first {missing[0]}; "
                + (f"name their source with --source (there are {others})." if others else "prepare their source.")
            )
        return [self.shapes[item_id] for item_id in ids]


def prepared_sources(root: Path) -> list[str]:
    """Names of the sources that are prepared under a root, sorted."""
    return sorted(path.parent.name for path in root.glob("*/manifest.json"))


def _records(folder: Path) -> list[dict[str, Any]]:
    path = folder / "manifest.json"
    if not path.is_file():
        raise UserError(f"{path} is missing; run `argus3d data prepare {folder.name} --root {folder.parent}`.")
    manifest = read_json_object(path, "prepare the source again")
    shapes, packs = manifest.get("shapes"), manifest.get("packs", {})
    if not isinstance(shapes, list) or not isinstance(packs, list | dict) or not all(map(is_name, packs)):
        raise UserError(f"{path} has no lists of shapes and packs; prepare the source again.")
    listed = ((path, record) for record in shapes)
    places = [folder / PACKS / name for name in sorted(packs)]
    packed = ((records_file(place), record) for place in places for record in read_records(place))
    found = [*listed, *((place, record) for place, record in packed if "failed" not in record)]
    for place, record in found:
        _require_record(record, place)
    return [record for _, record in found]


def _require_record(record: object, path: Path) -> None:
    """Refuse what names no folder: a manifest from elsewhere must not lead to other files."""
    known = record if isinstance(record, dict) else {}
    names = [known.get("id"), known.get("category"), known.get("pack", "none")]
    if not all(map(is_name, names)):
        raise UserError(f"{path}: the record {str(record)[:60]!r} names no shape; prepare the source again.")
    if not isinstance(known.get("sha256") or {}, dict):
        raise UserError(f"{path}: the hashes of {known['id']} are no list by file; prepare the source again.")


def _place(folder: Path, record: dict[str, Any]) -> Place:
    if "pack" in record:
        return Packed(folder / PACKS / record["pack"], f"{record['category']}/{record['id']}/")
    return Folder(folder / record["category"] / record["id"])

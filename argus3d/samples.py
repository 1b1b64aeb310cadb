"""A folder of shapes: meshes, pictures and tokens by id, and a manifest that is written last."""

import json
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from argus3d.data.arrays import read_npy
from argus3d.data.files import beside, is_name, read_json, read_json_object, shown, write_atomically, write_json
from argus3d.errors import UserError, raise_if_machine
from argus3d.generator import Sample
from argus3d.render import render_png

FORMATS = ("ply", "obj", "glb", "stl", "off")
_MAX_NAME = 60  # bytes of words in a name; an id and a suffix are added to it


@dataclass
class SampleFolder:
    """Collects shapes one by one; what an interrupted run left is taken up again when the settings are the same.

    A shape of which a file is gone counts as not made.

    settings : everything that decides the shapes; kept in `settings.json`
    format : of the mesh files, one of `FORMATS`
    """

    folder: Path
    settings: dict[str, Any]
    format: str = "ply"
    _records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nearest = next(place for place in (self.folder, *self.folder.absolute().parents) if place.exists())
        if not nearest.is_dir():
            raise UserError(f"{nearest} is a file, and shapes are written into a folder; name another.")
        path, way_out = self.folder / "settings.json", "name another folder, or remove this one"
        if path.exists() and read_json(path, way_out) != json.loads(json.dumps(self.settings)):
            raise UserError(f"{self.folder} holds shapes of other settings (see {path}); name another folder.")
        for path in shown((self.folder / "records").glob("*.json")):
            record = read_json_object(path, "remove it, and its shape is made again")
            if all((self.folder / name).is_file() for name in self._names(path.stem, record.get("file") is None)):
                self._records[path.stem] = record

    def __contains__(self, sample_id: str) -> bool:
        return sample_id in self._records

    @property
    def finished(self) -> int:
        """Shapes that are whole."""
        return len(self._records)

    def write(self, sample: Sample, **facts: Any) -> None:
        """Make and keep the files of one shape."""
        self.keep(sample_files(sample, self.format), **facts)

    def keep(self, made: "SampleFiles", **facts: Any) -> None:
        """Write the mesh, the picture, the tokens and, last, the record of one shape, with `facts` in it.

        Raises: UserError for an id that would lead out of the folder
        """
        if not is_name(made.record["id"]):
            raise UserError(f"{str(made.record['id'])[:80]!r} is no name that a file can have; give shapes other ids.")
        if not self._records:  # not before: settings that turn out to be impossible leave no folder behind
            write_json(self.folder / "settings.json", self.settings)
        record = made.record | facts
        for name, content in made.files.items():
            write_atomically(self.folder / name, content)
        with beside(self.folder / _tokens_name(record["id"])) as scratch:
            np.save(scratch, made.tokens)
        write_json(self.folder / "records" / f"{record['id']}.json", record)
        self._records[record["id"]] = record

    def _names(self, sample_id: str, empty: bool) -> list[str]:
        """The files of a shape beside its record."""
        drawn = [] if empty else [_mesh_name(sample_id, self.format), _picture_name(sample_id)]
        return [*drawn, _tokens_name(sample_id)]

    def finish(self, ids: list[str], checkpoint: dict[str, Any], command: str) -> dict[str, Any]:
        """Write the manifest of `ids`, in that order, and return it."""
        manifest = {
            "schema": 1,
            "samples": [self._records[sample_id] for sample_id in ids],
            "checkpoint": checkpoint,
            "command": command,
            "settings": self.settings,
        }
        write_json(self.folder / "manifest.json", manifest)
        return manifest


@dataclass(frozen=True)
class SampleFiles:
    """A shape as it goes into a folder: contents by path, mesh before picture, and its record in the manifest."""

    record: dict[str, Any]
    files: dict[str, bytes]
    tokens: NDArray[np.int64]


def sample_files(sample: Sample, file_type: str) -> SampleFiles:
    """The mesh in one of `FORMATS`, the picture and the record of a shape; an empty one has no files."""
    mesh = _mesh_name(sample.id, file_type)
    files = {}
    if not sample.empty:
        files[mesh] = mesh_bytes(sample.vertices, sample.faces, file_type)
        files[_picture_name(sample.id)] = render_png(sample.vertices, sample.faces)
    record = {
        "id": sample.id, "category": sample.category, "seed": sample.seed, "file": mesh if files else None,
        "empty": sample.empty,
    }  # fmt: skip
    return SampleFiles(record, files, sample.tokens)


def _mesh_name(sample_id: str, file_type: str) -> str:
    return f"meshes/{sample_id}.{file_type}"


def _picture_name(sample_id: str) -> str:
    return f"pictures/{sample_id}.png"


def _tokens_name(sample_id: str) -> str:
    return f"tokens/{sample_id}.npy"


def mesh_bytes(vertices: NDArray[np.floating], faces: NDArray[np.int32], file_type: str) -> bytes:
    """The file of a mesh in one of `FORMATS`, vertices and faces as they are."""
    content = trimesh.Trimesh(vertices, faces, process=False).export(file_type=file_type)
    assert isinstance(content, bytes | str)  # the formats that are one file
    return content.encode() if isinstance(content, str) else content


def read_tokens(folder: Path) -> NDArray[np.int64]:
    """Tokens (S, T) of all shapes of a finished folder, in its order. Raises: UserError when it is not whole."""
    path = folder / "manifest.json"
    if not path.exists():
        raise UserError(f"{path} is missing; make the folder with `argus3d reconstruct` or `argus3d sample` first.")
    samples = read_json_object(path).get("samples")
    found = samples if isinstance(samples, list) else []
    ids = [sample.get("id") if isinstance(sample, dict) else None for sample in found]
    if not ids or not all(map(is_name, ids)):
        raise UserError(f"{path} names no samples, or one whose id is no name; make the folder again.")
    tokens = [_tokens_of(folder / _tokens_name(str(sample_id))) for sample_id in ids]
    if len({array.shape for array in tokens}) > 1:
        raise UserError(f"{folder / 'tokens'} holds sequences of several lengths; make the folder again.")
    return np.stack(tokens)


def _tokens_of(path: Path) -> NDArray[np.int64]:
    try:
        tokens = read_npy(path)
    except (OSError, ValueError) as error:
        raise_if_machine(error, path)
        raise UserError(f"{path} cannot be read ({error}); make the folder again.") from error
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        raise UserError(f"{path} holds {tokens.dtype} {tokens.shape}, no tokens; make the folder again.")
    return tokens


def slug(words: str) -> str:
    """Words as part of a file's name: letters and digits of any script in lower case, joined by dashes, or nothing."""
    safe = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", words).lower())
    return safe.encode(errors="ignore")[:_MAX_NAME].decode(errors="ignore").strip("-")

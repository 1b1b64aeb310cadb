"""The source `folder`: any tree of mesh files, classes by sub-folder."""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from argus3d.data.catalogue import Item
from argus3d.data.files import is_empty, read_json_object, sha256_file, write_json
from argus3d.data.formats.mesh_files import MESH_SUFFIXES, read_mesh_file
from argus3d.data.formats.meshes import Mesh
from argus3d.data.solid import MeshSolid
from argus3d.errors import UserError

TOP_LEVEL = "all"  # the class of files that lie in no sub-folder
UP_AXES = ("y", "z")
ORIGIN = "origin.json"
# Folders of prepared data that belong to others.
RESERVED = frozenset({"raw", "household", "procedural", "components", "objaverse", "shapenet"})
_MAX_BYTES = 200  # of an id; file systems take names of 255


@dataclass(frozen=True)
class _Entry:
    """A file of the tree: its item, its path below the tree, and why it is not read, if so."""

    item: Item
    path: str
    refused: str = ""


class FolderCatalogue:
    """The mesh files below a folder; the first sub-folder is the class, the path without suffix makes the id.

    Hidden files are left out, and linked folders are not entered: `linked_folders` names them. Units are ignored,
    because every shape gets a longest side of 1; the up axis is declared, for all files alike, glTF too.
    """

    def __init__(self, folder: Path, up: str = "y", name: str | None = None) -> None:
        """List the files; meshes are read when asked for.

        up : "y" or "z", the axis that points up in the files
        name : of the prepared source (default: made from the folder's name)

        Raises UserError when there is no such folder, it holds no mesh file, or the name is unsafe or taken.
        """
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder; give a folder of mesh files with --path.")
        if up not in UP_AXES:
            raise UserError(f"{folder}: up axis {up!r} is not known; use {' or '.join(UP_AXES)}.")
        self.folder = folder.resolve()
        self.up = up
        self.name = _source_name(self.folder, name)
        paths, self.linked_folders = _walk(self.folder)
        if not paths:
            raise UserError(f"{folder} holds no mesh files ({', '.join(MESH_SUFFIXES)}); give another with --path.")
        self._entries = {entry.item.id: entry for entry in _entries(self.folder, paths, self.name)}

    def items(self) -> list[Item]:
        """All items, sorted by id."""
        return [entry.item for entry in self._entries.values()]

    def picture(self, item_id: str) -> None:
        """None: the source has no pictures."""

    def mesh(self, item_id: str) -> Mesh:
        """Vertices (V, 3) float64 and faces (F, 3) int64 of an item, y up, in the file's units.

        Raises UserError for a file that is refused or cannot be read as a shape.
        """
        entry = self._entry(item_id)
        if entry.refused:
            raise UserError(f"{entry.path}: {entry.refused}")
        vertices, faces = read_mesh_file(self.folder / entry.path, entry.path)
        if self.up == "z":
            vertices = np.stack([vertices[:, 0], vertices[:, 2], -vertices[:, 1]], axis=1)
        return vertices, faces

    def shape(self, item_id: str) -> MeshSolid:
        """The item as a solid in [-0.5, 0.5]^3, longest side 1, y up. Raises UserError as `mesh`."""
        vertices, faces = self.mesh(item_id)
        return MeshSolid.from_mesh(vertices, faces, self._entry(item_id).path)

    def record_origin(self, root: Path) -> None:
        """Write which file each id stands for, its sha256 and the up axis to `root`/<name>/origin.json.

        Called before preparing, so that a second tree, another up axis or changed files never mix with what is
        prepared there. The sha256 is of the file itself, not of the .bin files beside a .gltf.

        Raises UserError when something prepared there came from another source, axis or content.
        """
        target = root / self.name
        files = {key: {"path": entry.path, "sha256": self._sha256(entry)} for key, entry in self._entries.items()}
        way_out = f"remove {target}, or give another name with --name"
        if (target / ORIGIN).exists():
            up, known_files = _read_origin(target / ORIGIN, way_out)
            if up != self.up:
                raise UserError(f"{target} was prepared with --up {up}; {way_out}.")
            prepared = {record.parent.name for record in target.glob("*/*/record.json")}
            kept = {key: known for key, known in known_files.items() if key in prepared}
            for key, known in kept.items():
                if known != files.get(key, known):
                    raise UserError(f"{known['path']} is not the file that {target} was prepared from; {way_out}.")
            files = kept | files
        elif target.exists() and not is_empty(target):
            raise UserError(f"{target} holds data of another source; {way_out}.")
        units = "ignored: the longest side of every shape becomes 1"
        write_json(target / ORIGIN, {"up": self.up, "units": units, "files": files})

    def _sha256(self, entry: _Entry) -> str | None:
        try:
            return None if entry.refused else sha256_file(self.folder / entry.path)
        except OSError:
            return None  # the item fails with its reason when it is read

    def _entry(self, item_id: str) -> _Entry:
        if item_id not in self._entries:
            raise UserError(f"{self.name} has no item {item_id}: `argus3d data prepare folder` lists them in {ORIGIN}.")
        return self._entries[item_id]


def _read_origin(path: Path, way_out: str) -> tuple[str, dict[str, dict[str, str | None]]]:
    """The up axis and the files that a source was prepared from."""
    origin = read_json_object(path, way_out)
    up, files = origin.get("up"), origin.get("files")
    if up not in UP_AXES or not isinstance(files, dict) or not all(map(_is_known, files.values())):
        raise UserError(f"{path} names no up axis, or not which files were prepared; {way_out}.")
    return up, files


def _is_known(entry: object) -> bool:
    return isinstance(entry, dict) and set(entry) == {"path", "sha256"}


def _source_name(folder: Path, name: str | None) -> str:
    chosen = _slug(folder.name) if name is None else name
    if not chosen or chosen != _slug(chosen) or chosen in RESERVED:
        what = "is taken by another source" if chosen in RESERVED else "is not of lower-case letters, digits and dashes"
        raise UserError(f"{folder}: the name {chosen!r} {what}; give another with --name.")
    return chosen


def _slug(text: str) -> str:
    """Letters and digits of any script in lower case, joined by dashes: safe as the name of a file anywhere."""
    return re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", text).lower()).strip("-")


def _walk(folder: Path) -> tuple[list[str], list[str]]:
    """Mesh files and linked folders below a folder, as sorted paths relative to it."""
    files: list[str] = []
    links: list[str] = []
    for parent, folders, names in os.walk(folder, onerror=_refuse_folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = Path(parent).relative_to(folder)
        links += [(here / name).as_posix() for name in folders if (Path(parent) / name).is_symlink()]
        meshes = [name for name in names if Path(name).suffix.lower() in MESH_SUFFIXES and not name.startswith(".")]
        files += [(here / name).as_posix() for name in meshes]
    return sorted(files), sorted(links)


def _refuse_folder(error: OSError) -> None:
    raise UserError(f"{error.filename} cannot be listed ({error.strerror}); allow it, or move it away.") from error


def _entries(folder: Path, paths: list[str], source: str) -> list[_Entry]:
    """Entries with ids that are safe and unique, sorted by id."""
    slugs = {path: _slug(_without_suffix(path)) for path in paths}
    uses = Counter(slugs.values())
    twins = Counter(map(_without_suffix, paths))
    found = []
    for path, slug in slugs.items():
        short = slug.encode()[:_MAX_BYTES].decode(errors="ignore")
        unique = slug if slug == short and slug and uses[slug] == 1 else f"{short}-{_digest(path)}".strip("-")
        entry = _Entry(Item(unique, _category(path), _caption(path), source), path)
        if twins[_without_suffix(path)] > 1:
            refused = "another file differs only in its suffix, so both would have one id; keep one, or rename one."
            entry = replace(entry, refused=refused)
        elif not (folder / path).is_file():
            entry = replace(entry, refused="is no file, or a link to none; put the file there, or remove it.")
        elif not (folder / path).resolve().is_relative_to(folder):
            entry = replace(entry, refused="is a link out of the folder, which is not followed; copy the file there.")
        found.append(entry)
    return sorted(found, key=lambda entry: entry.item.id)


def _without_suffix(path: str) -> str:
    return path[: -len(Path(path).suffix)]


def _digest(path: str) -> str:
    return hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:12]


def _category(path: str) -> str:
    first, inside, _ = path.partition("/")
    if not inside:
        return TOP_LEVEL
    short = _slug(first).encode()[:_MAX_BYTES].decode(errors="ignore")
    return short or _digest(first)


def _caption(path: str) -> str:
    """The words of the file's name."""
    return re.sub(r"[\W_]+", " ", Path(path).stem).strip() or _category(path)

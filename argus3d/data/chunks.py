"""Chunks of Objaverse-MIX as they lie in a folder: 7z archives, their volumes, or what was unpacked from them."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from argus3d.data.annotations import CHUNK, UID
from argus3d.data.files import regular
from argus3d.data.formats.groups import MAX_GROUP, read_groups
from argus3d.data.formats.sevenzip import list_members
from argus3d.errors import UserError

ARCHIVE = ".7z"


@dataclass(frozen=True)
class Place:
    """A chunk in one of its forms.

    path : of the archive, without the number of its volumes, or of the folder
    """

    chunk: str
    packed: bool
    path: Path

    @property
    def name(self) -> str:
        """A file name that no other place of the same kind of data has."""
        return self.chunk if self.packed else f"{self.chunk}-unpacked"

    def files(self) -> tuple[list[str], list[str]]:
        """The files, as paths with slashes, in the order in which they are read; and those that come twice.

        No content is read. Raises UserError, see `sevenzip.list_members`.
        """
        if not self.packed:
            return list(_walk(self.path)), []
        uses = Counter(member.name for member in list_members(self.path))
        return list(uses), [name for name, times in uses.items() if times > 1]

    def read(self, groups: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, tuple[bytes, ...] | UserError]]:
        """The files of each group together, or why one of them cannot be read; the order is that of `files`.

        Raises UserError for an archive that cannot be read at all.
        """
        if self.packed:
            return read_groups(self.path, groups)
        return ((key, _read_files(self.path, names)) for key, names in groups.items())


def find_places(folder: Path, chunks: Sequence[str]) -> tuple[list[Place], list[str]]:
    """The forms in which some of `chunks` are in a folder, unpacked ones first, and names that are of no chunk.

    Raises UserError for a folder that cannot be listed.
    """
    try:
        names = sorted(os.listdir(folder)) if folder.is_dir() else []
    except OSError as error:
        _refuse(error)
    wanted = set(chunks)
    places = set()
    strange = []
    for name in names:
        chunk, suffix, _ = name.partition(ARCHIVE)
        if name.startswith("."):
            continue
        if not CHUNK.fullmatch(chunk) or (not suffix and not (folder / name).is_dir()):
            strange.append(name)
        elif chunk in wanted:
            places.add(Place(chunk, bool(suffix), folder / (chunk + suffix)))
    return sorted(places, key=lambda place: (place.packed, place.chunk)), strange


def uid_folders(files: Iterable[str], wanted: Callable[[str], bool]) -> dict[str, dict[str, set[str]]]:
    """uid -> folder of that name -> the wanted names in it; above it the chunk may come once, twice or not at all."""
    found: dict[str, dict[str, set[str]]] = {}
    for path in files:
        folder, _, name = path.rpartition("/")
        uid = folder.rpartition("/")[2]
        if UID.fullmatch(uid) and wanted(name):
            found.setdefault(uid, {}).setdefault(folder, set()).add(name)
    return found


def _walk(folder: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        folders.sort()
        yield from (Path(parent, name).relative_to(folder).as_posix() for name in sorted(names))


def _refuse(error: OSError) -> NoReturn:
    raise UserError(f"{error.filename} cannot be listed ({error.strerror}); allow it.") from error


def _read_files(folder: Path, names: Sequence[str]) -> tuple[bytes, ...] | UserError:
    paths = [folder / name for name in names]
    try:
        size = sum(path.stat().st_size for path in paths)
        if size > MAX_GROUP:
            return UserError(f"{paths[0].parent} has files of {size} bytes, more than {MAX_GROUP}; they are not read.")
        return tuple(regular(path).read_bytes() for path in paths)
    except OSError as error:
        return UserError(f"{error.filename} cannot be read ({error.strerror}); fetch or unpack it again.")

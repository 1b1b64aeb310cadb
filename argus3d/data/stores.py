"""Where prepared shapes lie: each in a folder, or many in a pack, an uncompressed .zip of the same tree."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from argus3d.data.arrays import read_npz
from argus3d.data.files import (
    beside,
    read_json_object,
    read_zip_member,
    regular,
    shown,
    write_atomically,
    write_json,
    zip_names,
)
from argus3d.data.shape_files import ShapeFiles
from argus3d.errors import UserError, raise_if_machine

RECORD, VIEWS_RECORD = "record.json", "views.json"
PACKS = "packs"  # the folder of a source's packs
VIEWS = "img/"  # pictures from all sides; of a pack they lie in a second one, made in a second pass


class Place(Protocol):
    """Where the files of one prepared shape lie."""

    def read(self, name: str) -> bytes:
        """Raises: UserError for a file that is missing or damaged."""
        ...

    def names(self) -> list[str]:
        """The files there, sorted, with sub-folders as in "img/000.png"."""
        ...


@dataclass(frozen=True)
class Folder:
    """Files in a folder of their own."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def read(self, name: str) -> bytes:
        try:
            return regular(self.path / name).read_bytes()
        except OSError as error:
            raise_if_machine(error, self.path / name)
            raise UserError(f"{self.path / name} cannot be read ({error.strerror}); prepare it again.") from error

    def names(self) -> list[str]:
        paths = shown(path for path in self.path.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.path).as_posix() for path in paths)


@dataclass(frozen=True)
class Packed:
    """Files that a pack holds below `prefix`, such as "chair/some-id/"."""

    pack: Path
    prefix: str

    def __str__(self) -> str:
        return f"{self.pack}/{self.prefix}"

    def read(self, name: str) -> bytes:
        pack = views_pack(self.pack) if name.startswith(VIEWS) else self.pack
        try:
            return read_zip_member(pack, self.prefix + name)
        except (OSError, ValueError) as error:
            raise_if_machine(error, pack)
            raise UserError(f"{pack} cannot be read ({error}); prepare it again.") from error

    def names(self) -> list[str]:
        packs = filter(Path.is_file, (self.pack, views_pack(self.pack)))
        every = (name for pack in packs for name in zip_names(pack))
        return sorted(name.removeprefix(self.prefix) for name in every if name.startswith(self.prefix))


def views_pack(pack: Path) -> Path:
    """The pack that holds the views of the shapes of a pack."""
    return pack.with_suffix(".views.zip")


def read_arrays(place: Place, name: str, *keys: str) -> list[NDArray[Any] | None]:
    """Arrays of an .npz file by their keys, None where it has none. Raises: UserError for a missing or damaged file."""
    content = place.read(name)
    try:
        stored = read_npz(content, keys)
        return [stored.get(key) for key in keys]
    except ValueError as error:
        raise UserError(f"{name} of {place} cannot be read ({error}); remove it and prepare again.") from error


@dataclass
class PackWriter:
    """A pack in the making."""

    archive: zipfile.ZipFile

    def add(self, folder: str, files: dict[str, bytes]) -> None:
        """Put the files of a shape below `folder`, such as "chair/some-id"."""
        for name, content in files.items():
            # A member without a date: equal contents give equal bytes.
            self.archive.writestr(zipfile.ZipInfo(f"{folder}/{name}"), content)


@contextmanager
def pack_writer(path: Path) -> Iterator[PackWriter]:
    """A pack that is there when the block ends well, and not at all when it does not."""
    with beside(path) as scratch, zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as archive:
        yield PackWriter(archive)


def records_file(pack: Path) -> Path:
    """The list of what a pack holds, one record a line; a pack without it is not whole."""
    return pack.with_suffix(".jsonl")


def write_records(pack: Path, records: list[dict[str, Any]]) -> None:
    """Write the list of what a pack holds."""
    lines = (json.dumps(record, sort_keys=True, allow_nan=False) + "\n" for record in records)
    write_atomically(records_file(pack), "".join(lines).encode())


def read_records(pack: Path) -> list[dict[str, Any]]:
    """What a pack holds. Raises: UserError for a pack that is not there, or not whole."""
    if not (pack.is_file() and records_file(pack).is_file()):
        raise UserError(f"{pack} or the {records_file(pack).name} beside it is missing; prepare the source again.")
    try:
        return [dict(json.loads(line)) for line in records_file(pack).read_text(encoding="utf-8").splitlines()]
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{records_file(pack)} is damaged ({error}); prepare the source again.") from error


def write_shape(folder: Path, shape: ShapeFiles, record_name: str = RECORD) -> None:
    """Write the files of a shape, or its views, and last the record, which marks them as whole."""
    for name, content in shape.files.items():
        write_atomically(folder / name, content)
    write_json(folder / record_name, shape.record)


def read_record(folder: Path, name: str = RECORD) -> dict[str, Any] | None:
    """The record of a shape's folder or of its views, None where they are not whole."""
    path = folder / name
    return read_json_object(path, "remove it and prepare again") if path.is_file() else None

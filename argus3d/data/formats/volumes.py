"""An archive in one file or cut into numbered volumes, read as one file."""

import io
import re
import struct
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

from argus3d.errors import AGAIN, UserError

MAGIC = b"7z\xbc\xaf\x27\x1c"
START_BYTES = 32  # before the packed streams; says where the header ends, and with it the archive
_DIGITS = re.compile(r"\d{3,4}")


def volumes(path: Path) -> list[Path]:
    """The files of the archive `path`: itself, or its volumes `path`.001, `path`.002 ..., of which none may be missing.

    Raises UserError that names the volume that is missing or truncated, or says that there is no archive.
    """
    if path.is_file():
        _require_whole([path])
        return [path]
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    found = {int(part.suffix[1:]): part for part in beside if part.stem == path.name and _numbered(part)}
    if not found:
        raise UserError(f"there is no archive {path}, nor a volume {path.name}.001; put it there.")
    for number in range(1, max(found) + 1):
        if number not in found:
            raise UserError(f"{_volume(path, number)} is missing, though later volumes are there; fetch it again.")
    parts = [found[number] for number in sorted(found)]
    _require_whole(parts)
    return parts


def _numbered(path: Path) -> bool:
    return _DIGITS.fullmatch(path.suffix[1:]) is not None and path.is_file()


def _volume(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number:03d}")


def _require_whole(parts: list[Path]) -> None:
    """Refuse what the sizes of the files show to be cut short; all volumes but the last are of one size."""
    sizes = [part.stat().st_size for part in parts]
    size = max(sizes)
    for part, found in zip(parts[:-1], sizes, strict=False):
        if found < size:
            raise UserError(f"{part} is truncated: it has {found} bytes, other volumes {size}; fetch it again.")
    with Joined(parts) as stream:
        end = archive_bytes(stream.read(START_BYTES), parts[0])
    if sum(sizes) >= end:
        return
    if len(parts) > 1 or _numbered(parts[0]):
        base = parts[0].with_suffix("")
        wanted = -(-end // size)
        if wanted > len(parts):
            raise UserError(f"{_volume(base, len(parts) + 1)} is missing: there are {wanted} volumes; fetch it again.")
    raise UserError(f"{parts[-1]} is truncated: {end - sum(sizes)} bytes are missing at its end; fetch it again.")


def archive_bytes(start: bytes, path: Path) -> int:
    """The length of a 7z archive by its first 32 bytes. Raises UserError when they are not those of a 7z archive."""
    if len(start) < START_BYTES or not start.startswith(MAGIC):
        raise UserError(f"{path} is no 7z archive, or not the start of one; fetch it again.")
    offset, size = struct.unpack("<QQ", start[12:28])
    return int(START_BYTES + offset + size)


class Joined(io.RawIOBase):
    """Files one behind the other as one file, read-only; one of them is open at a time."""

    def __init__(self, parts: list[Path]) -> None:
        super().__init__()
        self._parts = parts
        self._ends = list(accumulate(part.stat().st_size for part in parts))
        self._at = 0
        self._open: tuple[int, IO[bytes]] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1]}[whence]
        if start + offset < 0:
            raise ValueError(f"{self._parts[0]}: position {start + offset} is before the file")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        try:
            return self._read_into(buffer)
        except OSError as error:  # not as it is: py7zr takes one for a file of another kind
            raise UserError(f"{error.filename or self._parts[0]} cannot be read ({error.strerror}); {AGAIN}") from error

    def _read_into(self, buffer: Any) -> int:
        index = bisect_right(self._ends, self._at)
        if index == len(self._parts):
            return 0
        left = self._ends[index] - self._at
        stream = self._part(index)
        stream.seek(self._at - (self._ends[index - 1] if index else 0))
        content = stream.read(min(len(buffer), left))
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def close(self) -> None:
        if self._open:
            self._open[1].close()
        self._open = None
        super().close()

    def _part(self, index: int) -> IO[bytes]:
        if self._open and self._open[0] == index:
            return self._open[1]
        if self._open:
            self._open[1].close()
        stream = self._parts[index].open("rb", buffering=0)
        self._open = (index, stream)
        return stream

"""Files of one shape that lie apart in an archive, brought together in one pass."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from argus3d.data.formats.sevenzip import read_members
from argus3d.errors import UserError

MAX_WAITING = 256 << 20  # bytes in memory of files whose fellows have not come yet; the others wait on disk
MAX_GROUP = 512 << 20  # bytes of one shape's files


def read_groups(path: Path, groups: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, tuple[bytes, ...] | UserError]]:
    """The members of each group of a 7z archive, in the group's order, as soon as the last of them was read.

    An archive that was packed by kind of file has the first file of all shapes before the second of any. Where one
    member of a group cannot be read, or all are larger than the limit, the group is that UserError.

    groups : key -> one or more members; no member is in two groups

    Raises UserError, see `read_members`.
    """
    owner = {name: key for key, names in groups.items() for name in names}
    left = {key: len(names) for key, names in groups.items()}
    room = dict.fromkeys(groups, MAX_GROUP)
    errors: dict[str, UserError] = {}
    with tempfile.TemporaryFile() as spill:
        waiting = _Waiting(spill)
        for name, content in read_members(path, owner):
            key = owner[name]
            left[key] -= 1
            if isinstance(content, UserError):
                errors.setdefault(key, content)
            elif len(content) > room[key]:
                errors.setdefault(key, UserError(f"{path}: {key} has more than {MAX_GROUP} bytes; it is not read."))
            else:
                room[key] -= len(content)
                waiting.put(name, content)
            if not left[key]:
                contents = tuple(waiting.take(member) for member in groups[key])
                yield key, errors.pop(key) if key in errors else contents


class _Waiting:
    """Contents by name: in memory up to a limit, then in a file."""

    def __init__(self, spill: IO[bytes]) -> None:
        self._spill = spill
        self._held: dict[str, bytes] = {}
        self._bytes = 0
        self._places: dict[str, tuple[int, int]] = {}

    def put(self, name: str, content: bytes) -> None:
        if self._bytes + len(content) <= MAX_WAITING:
            self._held[name] = content
            self._bytes += len(content)
            return
        self._places[name] = (self._spill.seek(0, os.SEEK_END), len(content))
        self._spill.write(content)

    def take(self, name: str) -> bytes:
        """The content, which is forgotten; b"" for one that never came."""
        if name in self._places:
            start, size = self._places.pop(name)
            self._spill.seek(start)
            return self._spill.read(size)
        content = self._held.pop(name, b"")
        self._bytes -= len(content)
        return content

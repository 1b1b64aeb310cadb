"""Files that are either whole or not there."""

import errno
import fcntl
import functools
import hashlib
import io
import json
import os
import platform
import re
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus3d.errors import UserError, raise_if_machine

# What an archive may unpack to: so many bytes, or so many times its own size. Real files stay below a tenth of it.
MAX_UNPACKED, MAX_RATIO = 256 << 20, 20
LONGEST_NAME = 200  # bytes; file systems hold 255, and numbers and endings are added


def _machine() -> str:
    """This machine, or the container that numbers its processes for itself, in eight signs."""
    space = Path("/proc/self/ns/pid")
    words = f"{platform.node()} {os.readlink(space) if space.is_symlink() else ''}"
    return hashlib.sha256(words.encode()).hexdigest()[:8]


_HERE = _machine()  # scratch files name it beside their process, as folders may be shared
_SCRATCH = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)\.part(\.[^.]+)?")
_STALE = 24 * 3600  # seconds after which a scratch file of another machine is nobody's


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A scratch path beside `path` that becomes `path` when the block ends well, and is removed when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _tidy(path.parent.absolute())
    # The suffix stays last, because numpy, trimesh and matplotlib choose the format by it.
    scratch = path.with_name(f".{path.stem}.{_HERE}-{os.getpid()}.part{path.suffix}")
    try:
        yield scratch
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def is_empty(folder: Path) -> bool:
    """Whether nothing is in a folder but what killed processes left half-written."""
    return all(_SCRATCH.fullmatch(path.name) for path in folder.iterdir())


def shown(paths: Iterable[Path]) -> list[Path]:
    """Paths in order, without hidden files: what killed processes left half-written, what systems lay beside files."""
    return sorted(path for path in paths if not path.name.startswith("."))


@functools.lru_cache(maxsize=256)
def _tidy(folder: Path) -> None:
    """Remove what killed processes left half-written; once a folder, as a list of many files takes its time."""
    for scratch in folder.iterdir():
        found = _SCRATCH.fullmatch(scratch.name)
        if found is None:
            continue
        with suppress(OSError):  # gone by now, or not ours to remove: it is in nobody's way
            if _ended(found[1], int(found[2]), scratch.stat().st_mtime):
                scratch.unlink()


def _ended(machine: str, process: int, changed: float) -> bool:
    """Whether nobody can be writing a scratch file any more."""
    if machine != _HERE:
        return time.time() - changed > _STALE
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's, alive
        return False
    facts = Path(f"/proc/{process}/stat")  # a dead one that its parent has not asked about is still listed
    return facts.exists() and facts.read_text().rpartition(")")[2].split()[0] == "Z"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep a folder to this process for a block; the system lets go of it however the process ends.

    Raises: UserError while another process holds it.
    """
    opened = os.open(folder, os.O_RDONLY)
    try:
        _lock(opened, folder)
        yield
    finally:
        os.close(opened)


def _lock(opened: int, folder: Path) -> None:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(f"another run is at work in {folder}; let it end, or name another folder.") from error
    except OSError as error:
        print(f"{folder} cannot be locked ({error.strerror}): see that no other run works in it.", file=sys.stderr)


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and rename it into place."""
    with beside(path) as scratch:
        scratch.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys, so that equal values give equal bytes."""
    write_atomically(path, _json_bytes(value))


def update_json(path: Path, value: Any) -> None:
    """Write `value` unless the file says it already: what was made from it stays newer than it."""
    if not path.is_file() or path.read_bytes() != _json_bytes(value):
        write_json(path, value)


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def regular(path: Path) -> Path:
    """The same path. Raises: OSError for a pipe or a device, whose content may never come, or never end."""
    if path.exists() and not path.is_file() and not path.is_dir():  # a folder fails when it is opened
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return path


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file, read in pieces."""
    with regular(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: Path, way_out: str = "make it again") -> Any:
    """The value in a JSON file. Raises: OSError, and UserError that ends in `way_out` for a file that is no JSON."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is no regular file; {way_out}.")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({error}); {way_out}.") from error


def read_json_object(path: Path, way_out: str = "make it again") -> dict[str, Any]:
    """The same of a file that holds an object. Raises: as `read_json`, also for any other value."""
    value = read_json(path, way_out)
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no JSON object but a {type(value).__name__}; {way_out}.")
    return value


def is_name(value: object) -> bool:
    """Whether it is a text that can be the name of a file or a folder, leads nowhere else, and is no scratch file's."""
    if not isinstance(value, str) or value in ("", ".", "..") or set(value) & set("/\\\0"):
        return False
    return is_text(value) and len(value.encode()) <= LONGEST_NAME and not _SCRATCH.fullmatch(value)


def is_text(value: str) -> bool:
    """Whether it can be written in UTF-8; JSON may hold halves of letters, which cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def most_unpacked(packed: int) -> int:
    """Bytes that an archive of `packed` bytes may unpack to."""
    return max(MAX_UNPACKED, MAX_RATIO * packed)


def require_bounded(archive: zipfile.ZipFile, packed: int) -> None:
    """Raises: ValueError for an archive of `packed` bytes that declares far more, as those that fill memory do, or that
    is compressed by a method that takes as much memory as a file asks for.
    """
    for member in archive.infolist():
        _require_plain_method(member)
    size = sum(member.file_size for member in archive.infolist())
    if size > most_unpacked(packed):
        raise ValueError(f"it would unpack to {size:,} bytes, from {packed:,}")


def _require_plain_method(member: zipfile.ZipInfo) -> None:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} is neither stored nor deflated, but compressed by {member.compress_type}")


def read_zip_member(path: Path, name: str) -> bytes:
    """One file of an archive that stays open, see `open_zip`.

    Raises: OSError, and ValueError for a damaged archive, a missing member, or one that is far larger than the archive
    """
    try:
        archive = open_zip(path)
        _require_plain_method(archive.getinfo(name))
        size, most = archive.getinfo(name).file_size, most_unpacked(path.stat().st_size)
        if size > most:
            raise ValueError(f"{name} would unpack to {size:,} bytes, more than {most:,}")
        return archive.read(name)
    except OSError as error:
        raise_if_machine(error, path)
        if error.filename is not None:
            raise
        raise ValueError(f"{name}: {error}") from error  # zipfile sought a place that is not in the file
    except KeyError as error:
        raise ValueError(f"there is no {name} in it") from error
    except ValueError:
        raise
    except Exception as error:  # zipfile stumbles over damaged bytes in many ways
        raise_if_machine(error, path)
        raise ValueError(f"{name}: {type(error).__name__}: {error}") from error


def zip_names(path: Path) -> list[str]:
    """The files of an archive that stays open. Raises: UserError for a damaged one."""
    try:
        return open_zip(path).namelist()
    except Exception as error:  # zipfile stumbles over damaged bytes in many ways
        raise_if_machine(error, path)
        raise UserError(f"{path} cannot be read ({error}); prepare it again.") from error


def open_zip(path: Path) -> zipfile.ZipFile:
    """An archive that stays open, since its list is long to read; opened anew where the file is another one by now.

    Each process has its own: one that forked workers share would mix up their reads.
    """
    found = path.stat()
    return _opened(path, found.st_mtime_ns, found.st_size, os.getpid())


@functools.lru_cache(maxsize=64)
def _opened(path: Path, changed: int, size: int, process: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(regular(path))


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The content of an uncompressed .npz file; equal arrays give equal bytes, whenever and wherever."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            member = zipfile.ZipInfo(f"{name}.npy")  # dated 1980
            member.create_system = 3  # as on Unix, wherever it is written
            archive.writestr(member, content.getvalue())
    return stream.getvalue()

"""Files that are either whole or not there."""

import functools
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A scratch path beside `path` that becomes `path` when the block ends well, and is removed when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last, because numpy, trimesh and matplotlib choose the format by it.
    scratch = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield scratch
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and rename it into place."""
    with beside(path) as scratch:
        scratch.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys, so that equal values give equal bytes."""
    write_atomically(path, _json_bytes(value))


def update_json(path: Path, value: Any) -> None:
    """Write `value` unless the file says it already: what was made from it stays newer than it."""
    if not path.exists() or path.read_bytes() != _json_bytes(value):
        write_json(path, value)


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def open_zip(path: Path) -> zipfile.ZipFile:
    """An archive that stays open, since its list is long to read; opened anew where the file is another one by now.

    Each process has its own: one that forked workers share would mix up their reads.
    """
    found = path.stat()
    return _opened(path, found.st_mtime_ns, found.st_size, os.getpid())


@functools.lru_cache(maxsize=64)
def _opened(path: Path, changed: int, size: int, process: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


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

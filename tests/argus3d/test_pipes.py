"""Pipes and folders in the place of files: both are refused by name, and nothing waits for what never comes."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from argus3d.checkpoint.shards import files_of
from argus3d.checkpoint.store import About
from argus3d.complete import read_part
from argus3d.data import shapenet
from argus3d.data.arrays import read_npy, read_npz
from argus3d.data.chunks import _read_files
from argus3d.data.files import read_json_object, sha256_file, zip_names
from argus3d.data.formats.debian import unpack_members
from argus3d.data.formats.images import load_image
from argus3d.data.formats.mesh_files import read_mesh_file
from argus3d.data.formats.sevenzip import list_members
from argus3d.data.prepared import PreparedData
from argus3d.data.splits import read_split
from argus3d.data.stores import Folder, read_records
from argus3d.errors import UserError
from tests.argus3d.gltf_files import tetrahedron


class _Waited(BaseException):
    """Past `except Exception`."""


@contextmanager
def seconds(limit: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _Waited

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _records(path: Path) -> object:
    path.with_suffix(".zip").touch()
    return read_records(path.with_suffix(".zip"))


def _weights(path: Path) -> object:
    return files_of(path.parent, {path.name: {"sha256": "", "bytes": 0}})


def _buffer(path: Path) -> object:
    writer = tetrahedron()
    writer.node(mesh=0)
    return read_mesh_file(writer.write_gltf(path.with_name("a.gltf"), path.name))


def _returned(path: Path) -> object:
    found = _read_files(path.parent, [path.name])
    raise found if isinstance(found, UserError) else AssertionError


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "JSON": ("x.json", read_json_object),
    "manifest of prepared data": ("src/manifest.json", lambda path: PreparedData(path.parents[1], ["src"])),
    "prepared cloud": ("pointcloud.npz", lambda path: Folder(path.parent).read(path.name)),
    "records of a pack": ("x.jsonl", _records),
    "pack": ("x.zip", zip_names),
    "split": ("x.json", read_split),
    "checkpoint": ("argus.json", lambda path: About.read(path.parent)),
    "weights": ("autoencoder.safetensors", _weights),
    ".npy": ("x.npy", read_npy),
    ".npz": ("x.npz", read_npz),
    "list of ShapeNet": ("test.lst", shapenet._text),
    "cloud of ShapeNet": ("pointcloud.npz", shapenet._content),
    "shape of Objaverse": ("pointcloud.npz", _returned),
    "mesh": ("x.obj", read_mesh_file),
    "buffer of a .gltf": ("x.bin", _buffer),
    "part": ("x.npy", lambda path: read_part(path, 512, 0)),
    "picture": ("x.png", load_image),
    "7z": ("x.7z", list_members),
    "volume of a 7z": ("x.7z.001", lambda path: list_members(path.with_suffix(""))),
    "package": ("x.deb", lambda path: unpack_members(path, path.parent / "out", "*")),
    "any file to hash": ("x.bin", sha256_file),
}


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize(("file", "read"), READERS.values(), ids=READERS.keys())
def test_what_is_no_file_is_refused_by_name(
    file: str, read: Callable[[Path], object], make: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    make(path)
    with seconds(5), pytest.raises((UserError, OSError), match=path.name.removesuffix(".001")):
        read(path)

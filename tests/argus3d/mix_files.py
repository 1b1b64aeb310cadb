"""Small archives and annotation files in the layouts of Objaverse-MIX, Objaverse, Cap3D and ShapeNet."""

import gzip
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from argus3d.data.formats.sevenzip import list_members, read_members

PNG, JPG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def uid(number: int) -> str:
    """A uid that looks like one of Objaverse 1.0."""
    return hashlib.md5(str(number).encode()).hexdigest()


def npz(**arrays: Any) -> bytes:
    """The content of an .npz file."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def cloud(seed: int = 0, count: int = 50, dtype: type = np.float16) -> bytes:
    """A pointcloud.npz: points on a box with longest side 1, of another width for each seed."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.5, 0.5, (count, 3)) * [1, 1, 0.2 + 0.1 * (seed % 8)]
    points[0], points[1] = (0.5, 0, 0), (-0.5, 0, 0)
    normals = rng.normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    extra = {"loc": np.zeros(3), "scale": np.float64(1)}
    return npz(points=points.astype(dtype), normals=normals.astype(dtype), **extra)


def queries(seed: int = 0, count: int = 61, dtype: type = np.float16, packed: bool = True) -> bytes:
    """A points.npz; 61 is no multiple of 8, so that packed occupancies have a tail."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.55, 0.55, (count, 3))
    inside = np.abs(points).max(axis=1) < 0.3
    inside[-1] = True
    stored = np.packbits(inside) if packed else inside
    return npz(points=points.astype(dtype), occupancies=stored, loc=np.zeros(3), scale=np.float64(1))


def shape_files(chunk: str, numbers: range) -> dict[str, bytes]:
    """The files of an occupancies archive: two for each object."""
    return {
        f"{chunk}/{uid(number)}/{name}": content
        for number in numbers
        for name, content in (("pointcloud.npz", cloud(number)), ("points.npz", queries(number)))
    }


def picture_files(chunk: str, numbers: range, views: int = 3) -> dict[str, bytes]:
    """The files of a rendered_images archive."""
    return {
        f"{chunk}/{uid(number)}/{view}.png": PNG + f"{number} {view}".encode()
        for number in numbers
        for view in range(views)
    }


def archive(files: Mapping[str, bytes], **settings: Any) -> bytes:
    """A solid .7z of `files` in that order."""
    import py7zr

    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w", **settings) as writer:
        for name, content in files.items():
            writer.writestr(content, name)
    return stream.getvalue()


def write_archive(path: Path, files: Mapping[str, bytes], volume: int | None = None) -> list[Path]:
    """Write `path`, or its volumes of `volume` bytes; return what was written."""
    content = archive(files)
    path.parent.mkdir(parents=True, exist_ok=True)
    if volume is None:
        path.write_bytes(content)
        return [path]
    return write_volumes(path, content, volume)


def rename_members(path: Path, renamed: Mapping[str, str]) -> None:
    """Write the archive again with names (old -> new) that py7zr would refuse to write."""
    import py7zr

    contents = dict(read_members(path, names := [member.name for member in list_members(path)]))
    with py7zr.SevenZipFile(path, "w") as writer:
        for number, name in enumerate(names):
            content = contents[name]
            assert isinstance(content, bytes)
            writer.writestr(content, f"{number}")
        for entry, name in zip(writer.header.files_info.files, names, strict=True):
            entry["filename"] = renamed.get(name, name)


def write_volumes(path: Path, content: bytes, volume: int) -> list[Path]:
    """Cut `content` into `path`.001, `path`.002 ..."""
    pieces = [content[start : start + volume] for start in range(0, len(content), volume)]
    parts = [path.with_name(f"{path.name}.{number:03d}") for number in range(1, len(pieces) + 1)]
    for part, piece in zip(parts, pieces, strict=True):
        part.write_bytes(piece)
    return parts


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The files unpacked."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_json_gz(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(value).encode()))
    return path


def metadata(number: int, licence: str | None = "by") -> dict[str, Any]:
    """An object's annotation, as much of it as is read."""
    user = {"uid": "u", "username": f"user{number}", "displayName": f"User {number}", "account": "pro"}
    return {"uid": uid(number), "name": f"Thing {number}", "license": licence, "user": user, "tags": []}


def shapenet_files(synset: str, models: Mapping[str, list[str]], views: int = 2) -> dict[str, bytes]:
    """A synset's lists (part -> models, with the empty last line they come with) and its models."""
    files = {f"{synset}/{part}.lst": "\n".join([*names, ""]).encode() for part, names in models.items()}
    for seed, name in enumerate(name for names in models.values() for name in names):
        folder = f"{synset}/{name}"
        files[f"{folder}/pointcloud.npz"] = cloud(seed)
        files[f"{folder}/points.npz"] = queries(seed)
        pictures = f"{folder}/img_choy2016"
        files |= {f"{pictures}/{view:03d}.jpg": JPG + bytes([view]) for view in range(views)}
        matrices = {f"camera_mat_{view}": np.eye(3) * (view + 1) for view in range(views)}
        matrices |= {f"world_mat_{view}": np.eye(3, 4) for view in range(views)}
        files[f"{pictures}/cameras.npz"] = npz(**matrices)
    return files

"""Mesh files of people: one way to read what MESH_SUFFIXES names, and to refuse what is no shape."""

import re
from pathlib import Path

import numpy as np

from argus3d.data.formats.gltf import BROKEN, read_gltf
from argus3d.data.formats.meshes import MAX_BYTES, MAX_FACES, Mesh, checked_mesh, mesh_from_bytes
from argus3d.data.formats.wrl import wrl_mesh
from argus3d.errors import UserError, raise_if_machine

MESH_SUFFIXES = (".glb", ".gltf", ".obj", ".off", ".ply", ".stl", ".wrl")
NO_SUCH_FILE = "there is no such file; give the path of a mesh file."
MAX_COORDINATE = 1e8  # single precision has steps of 8 there; what lies further is a mistake
_MIN_AREA = 1e-12  # twice the area of the smallest face that is kept, in squares of the longest side


def read_mesh_file(path: Path, name: str | None = None) -> Mesh:
    """Read a mesh file: all its parts joined, each where the file's scene places it, faces without area dropped.

    name : what an error calls the file (default: its path)

    Returns vertices (V, 3) float64 and faces (F, 3) int64. Units are ignored: coordinates are the file's own numbers,
    whatever they measure, and its axes are kept.

    Raises UserError for a file that is missing, unreadable, larger than MAX_BYTES or MAX_FACES, without faces, of zero
    size, or with a coordinate that is NaN or beyond MAX_COORDINATE.
    """
    name = name or str(path)
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise UserError(f"{name}: {suffix or 'no suffix'} is no mesh format read here; use {', '.join(MESH_SUFFIXES)}.")
    if not path.is_file():
        raise UserError(f"{name}: {NO_SUCH_FILE}")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"{name}: the file is larger than {MAX_BYTES >> 30} GiB; simplify the mesh.")
    try:
        vertices, faces = READERS.get(suffix, _read_plain)(path, name)
    except FileNotFoundError as error:  # gone since it was looked for
        raise UserError(f"{name}: {NO_SUCH_FILE}") from error
    except BROKEN as error:
        raise_if_machine(error, name)
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{name}: cannot be read as {suffix} ({reason}); export the mesh again.") from error
    return _with_area(vertices, faces, name)


def _read_gltf(path: Path, name: str) -> Mesh:
    return _checked(*read_gltf(path, MAX_FACES, name), name)


def _read_wrl(path: Path, name: str) -> Mesh:
    return _checked(*wrl_mesh(path.read_bytes(), name), name)


def _read_plain(path: Path, name: str) -> Mesh:
    content = path.read_bytes()
    _check_faces(_declared_faces(content, path.suffix.lower()), name)
    vertices, faces = mesh_from_bytes(content, path.suffix[1:].lower(), name)
    _check_faces(len(faces), name)  # polygons become several triangles
    return _checked(vertices, faces, name)


READERS = {".glb": _read_gltf, ".gltf": _read_gltf, ".wrl": _read_wrl}  # of the rest, `_read_plain`


def _declared_faces(content: bytes, suffix: str) -> int:
    """How many polygons a file says it has; 0 where it does not say, which its reader will notice."""
    if suffix == ".obj":
        return len(re.findall(rb"^f\s", content, re.MULTILINE))
    if suffix == ".stl":
        count = int.from_bytes(content[80:84], "little")
        return count if len(content) == 84 + 50 * count else content.count(b"endfacet")
    head = content[: 1 << 16]
    if suffix == ".ply":
        found = re.search(rb"element\s+face\s+(\d+)", head)
    else:
        found = re.search(rb"OFF\s+\d+\s+(\d+)", re.sub(rb"#[^\n]*", b"", head))
    return int(found[1]) if found else 0


def _check_faces(count: int, name: str) -> None:
    if count > MAX_FACES:
        raise UserError(f"{name}: the mesh has {count:,} faces, more than the limit of {MAX_FACES:,}; simplify it.")


def _checked(vertices: np.ndarray, faces: np.ndarray, name: str) -> Mesh:
    vertices, faces = checked_mesh(vertices, faces, name)
    far = float(np.abs(vertices).max())
    if far > MAX_COORDINATE:
        raise UserError(
            f"{name}: the mesh has a coordinate of {far:.3g}, beyond the limit of {MAX_COORDINATE:g}; repair it, or "
            "scale it down."
        )
    return vertices, faces


def _with_area(vertices: np.ndarray, faces: np.ndarray, name: str) -> Mesh:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    side = np.ptp(vertices, axis=0).max()
    kept = np.linalg.norm(np.cross(b - a, c - a), axis=1) > _MIN_AREA * side**2
    if not kept.any():
        raise UserError(f"{name}: no face of the mesh has an area; leave it out, or export it again.")
    return (vertices, faces) if kept.all() else checked_mesh(vertices, faces[kept], name)

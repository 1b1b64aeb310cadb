"""Triangle meshes read from files, and refused where they cannot be a shape."""

import io
import re

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from argus3d.errors import UserError, raise_if_machine

Mesh = tuple[NDArray[np.float64], NDArray[np.int64]]
MAX_MATERIALS = 2_000  # of an .obj: trimesh takes their square of time, a second for so many
MAX_FACES = 10_000_000  # of a file; a sample cut at 1,024 cells may have six million
MAX_BYTES = 2 << 30  # of a file, and of those that it names; no format needs more for MAX_FACES
# Faces that a scene may have by placing its parts again and again, beside one for each byte of the file: a bolt of
# 10,000 placed 200 times. Faces that are written down take a byte each at the least.
FREE_FACES = 2_000_000


def checked_mesh(vertices: ArrayLike, faces: ArrayLike, name: str) -> Mesh:
    """Return the mesh as float64 and int64 without unused vertices, or say what is wrong with it.

    vertices : (V, 3) numbers
    faces : (F, 3) integers in [0, V)
    name : the id or file that an error names

    Raises UserError for other shapes, no faces, faces that name missing vertices, NaN or infinity, or a box of zero
    size.
    """
    v, f = np.asarray(vertices, dtype=np.float64), np.asarray(faces, dtype=np.int64)
    for what, array in (("vertices", v), ("faces", f)):
        if array.size and array.shape[1:] != (3,):
            raise UserError(f"{name}: the mesh has {what} of shape {array.shape}, not (N, 3); export the mesh again.")
    if len(f) == 0:
        raise UserError(f"{name}: the mesh has no faces; leave it out, or export it as triangles.")
    if f.min() < 0 or f.max() >= len(v):
        wrong = f.min() if f.min() < 0 else f.max()
        raise UserError(f"{name}: a face names vertex {wrong}, but there are only {len(v)}; export the mesh again.")
    used, f = np.unique(f, return_inverse=True)
    v, f = v[used], f.reshape(-1, 3)
    if not np.isfinite(v).all():
        raise UserError(f"{name}: the mesh has NaN or infinite coordinates; leave it out, or repair it.")
    if np.ptp(v, axis=0).max() == 0:
        raise UserError(f"{name}: all vertices of the mesh are one point; leave it out, or export it again.")
    return v, f.astype(np.int64)


def mesh_from_bytes(content: bytes, file_type: str, name: str) -> Mesh:
    """Read the content of a mesh file, with the parts of a scene put together as placed.

    file_type : the suffix without dot, such as "obj"
    name : the id or file that an error names

    Returns vertices (V, 3) float64 and faces (F, 3) int64 in the file's own units and axes.

    Raises UserError for content that is unreadable or refused by `checked_mesh`.
    """
    try:
        if file_type == "obj":
            _require_few_materials(content)
        # process=False keeps the vertices as written; materials would be looked for in files that are not there.
        mesh = trimesh.load(io.BytesIO(content), file_type=file_type, force="mesh", process=False, skip_materials=True)
    except Exception as error:  # each of trimesh's readers fails in its own way
        raise_if_machine(error, name)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{name}: cannot be read as .{file_type} ({reason}); export the mesh again.") from error
    if not isinstance(mesh, trimesh.Trimesh):
        raise UserError(f"{name}: the mesh has no faces; leave it out, or export it as triangles.")
    return checked_mesh(mesh.vertices, mesh.faces, name)


def _require_few_materials(content: bytes) -> None:
    """Raises: ValueError for more materials than `MAX_MATERIALS`, found as trimesh finds them."""
    text = trimesh.util.decode_text(content).replace("\r\n", "\n").replace("\\\n", "")
    count = len(set(re.findall(r"usemtl ([^\n]*)", text)))
    if count > MAX_MATERIALS:
        raise ValueError(f"it has {count:,} materials, more than {MAX_MATERIALS:,}")

"""The parts of shapes that completion starts from: out of a user's file, or cut off prepared shapes."""

import io
import re
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from argus3d.data.arrays import read_npy, read_npz
from argus3d.data.formats.gltf import BROKEN
from argus3d.data.formats.mesh_files import MESH_SUFFIXES, read_mesh_file
from argus3d.data.partial import bottom_half, random_viewpoint
from argus3d.data.prepared import PreparedShape
from argus3d.data.streams import item_rng
from argus3d.errors import UserError, raise_if_machine
from argus3d.prompts import require_part

CUTS = ("viewpoint", "bottom")
ARRAYS = (".npy", ".npz")

Points = NDArray[np.float32]


def read_part(path: Path, count: int, seed: int) -> Points:
    """The part of a shape in a file: points (P, 3) float32, P at most `count`, in the frame of the whole shape.

    A mesh gives points of its surface, uniform by area; a .ply without faces, an .npy (P, 3) and the `points` of an
    .npz give theirs. Where these are more than `count`, some are chosen.

    Raises: UserError for a file that is none of these, and for points that are no part, see `require_part`.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; give a cloud or a mesh of the part.")
    rng = item_rng(seed, path.name)
    points = _points(path, count, rng)
    require_part(points, str(path))
    return _at_most(count, points, rng).astype(np.float32)


def cut_part(shape: PreparedShape, cut: str, count: int, seed: int) -> Points:
    """What is left of the cloud of a prepared shape, at most `count` points of it: (M, 3) float32.

    cut : one of `CUTS`; "viewpoint" keeps what is nearest to a random one, "bottom" the lower half

    The same for the same seed and id.
    """
    rng = item_rng(seed, f"part:{shape.id}")
    cloud = shape.cloud().astype(np.float32)
    part = random_viewpoint(cloud, rng) if cut == "viewpoint" else bottom_half(cloud)
    return _at_most(count, part, rng).astype(np.float32)


def _at_most(count: int, points: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.floating]:
    """`points` themselves, or `count` of them in their order."""
    if len(points) <= count:
        return points
    return points[np.sort(rng.choice(len(points), count, replace=False))]


def _points(path: Path, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    suffix = path.suffix.lower()
    if suffix in ARRAYS:
        return _array(path)
    if suffix == ".ply" and not _declares_faces(path):
        return _cloud(path)
    if suffix not in MESH_SUFFIXES:
        known = ", ".join([*MESH_SUFFIXES, *ARRAYS])
        raise UserError(
            f"{path}: {suffix or 'no suffix'} is neither a cloud nor a mesh that is read here; use {known}."
        )
    vertices, faces = read_mesh_file(path)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    return np.asarray(trimesh.sample.sample_surface(mesh, count, seed=rng)[0])


def _array(path: Path) -> NDArray[np.float64]:
    try:
        array = read_npy(path) if path.suffix.lower() == ".npy" else read_npz(path, ["points"])["points"]
        points: NDArray[np.float64] = np.asarray(array, np.float64)
    except BROKEN as error:
        raise_if_machine(error, path)
        raise UserError(f"{path}: cannot be read as an array of points ({_reason(error)}); write it again.") from error
    return points


def _declares_faces(path: Path) -> bool:
    with path.open("rb") as stream:
        found = re.search(rb"element\s+face\s+(\d+)", stream.read(1 << 16))
    return found is not None and int(found[1]) > 0


def _cloud(path: Path) -> NDArray[np.float64]:
    """The vertices of a .ply without faces."""
    content = path.read_bytes()
    if not content:
        raise UserError(f"{path}: the file is empty; give a cloud or a mesh of the part.")
    try:
        loaded = trimesh.load(io.BytesIO(content), file_type="ply", process=False)
        return np.asarray(getattr(loaded, "vertices", np.empty((0, 3))), np.float64)
    except Exception as error:  # trimesh's reader fails in many ways
        raise_if_machine(error, path)
        raise UserError(f"{path}: cannot be read as .ply ({_reason(error)}); export the cloud again.") from error


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]

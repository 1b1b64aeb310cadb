"""Points with normals drawn by area from the surface of a mesh file."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from argus3d.data.formats.mesh_files import read_mesh_file
from argus3d.errors import UserError
from eval.extent import require_single

Points = npt.NDArray[np.float32]


def sample_mesh_file(path: Path, points: int, rng: np.random.Generator) -> tuple[Points, Points]:
    """Points uniform by area on the mesh in a file.

    returns : points and unit normals of their faces, (points, 3) float32, in the file's own coordinates
    Raises : UserError for a file that is missing, is no mesh, or has no surface
    """
    vertices, faces = read_mesh_file(path, path.name)
    return sample_triangles(vertices[faces], points, rng, path.name)


def sample_triangles(
    triangles: npt.NDArray[np.float64], points: int, rng: np.random.Generator, name: str = "mesh"
) -> tuple[Points, Points]:
    """Points uniform by area on triangles.

    triangles : (F, 3, 3) float64, corners
    returns : points and unit normals of their triangles, (points, 3) float32
    Raises : UserError for corners that are not finite or too far for single precision, or no area at all
    """
    if not np.isfinite(triangles).all():
        raise UserError(f"{name}: vertices that are not finite")
    require_single(triangles, name)
    first = triangles[:, 0]
    edge_a, edge_b = triangles[:, 1] - first, triangles[:, 2] - first
    normals = np.cross(edge_a, edge_b)
    areas = np.linalg.norm(normals, axis=1)
    cumulative = np.cumsum(areas)
    if not cumulative[-1] > 0:
        raise UserError(f"{name}: surface of zero area")
    u = rng.random((points, 3))
    face = np.searchsorted(cumulative, u[:, 0] * cumulative[-1], side="right")
    # The square root makes the density uniform: the strip at height r of a triangle is proportional to r wide.
    root, along = np.sqrt(u[:, 1:2]), u[:, 2:3]
    drawn = first[face] + root * (1 - along) * edge_a[face] + root * along * edge_b[face]
    return drawn.astype(np.float32), (normals[face] / areas[face, None]).astype(np.float32)

"""Pictures of a shape from all around, for image conditions, with their cameras in the Occupancy-Networks form.

View i is taken from azimuth 30 i degrees (from the front, +z, over the right, +x) and from elevations 25, 10 and 40
degrees in turn, at a distance of 2.1 from the centre, through a lens of 35 mm on a sensor of 32 mm: a field of view of
49.1 degrees, as in the renderings of ShapeNet by Choy et al. 2016. A unit cube just fits every view. Shapes are drawn
in one material under soft light, on white.
"""

import numpy as np
from numpy.typing import NDArray

from argus3d.data.files import npz
from argus3d.render import Model, camera_axes, png_bytes

VIEWS = 12
SIZE = 224  # pixels a side, what most image encoders take
ELEVATIONS = (25.0, 10.0, 40.0)  # degrees, in turn
DISTANCE = 2.1  # from the centre, in longest sides of the shape
LENS = 35 / 32  # focal length in widths of the picture
FOLDER = "img"


def camera_matrices(view: int, size: int = SIZE) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where view number `view` is taken from: `world_mat` (3, 4) and `camera_mat` (3, 3), float64.

    A point p of the shape, in [-0.5, 0.5], lies at world_mat @ (p, 1) to the right, below and in front of the camera,
    and camera_mat @ that is (column, row, 1) times its depth: in pixels from the left and the top edge of the picture,
    so that the first pixel's centre is at 0.5.
    """
    right, up, towards = camera_axes(360.0 / VIEWS * view, ELEVATIONS[view % len(ELEVATIONS)])
    world_mat = np.concatenate([np.stack([right, -up, -towards]), [[0.0], [0.0], [DISTANCE]]], axis=1)
    camera_mat = np.array([[LENS * size, 0.0, size / 2], [0.0, LENS * size, size / 2], [0.0, 0.0, 1.0]])
    return world_mat, camera_mat


def cameras(size: int = SIZE) -> dict[str, NDArray[np.float64]]:
    """All cameras by their names in `cameras.npz`: `world_mat_<i>` (3, 4) and `camera_mat_<i>` (3, 3), float64.

    Source: Occupancy Networks, Mescheder et al. 2019, whose readers want `loc` 0 and `scale` 1 of shapes in this frame.
    """
    found = {}
    for view in range(VIEWS):
        found[f"world_mat_{view}"], found[f"camera_mat_{view}"] = camera_matrices(view, size)
    return found


def render_views(vertices: NDArray[np.floating], faces: NDArray[np.integer], size: int = SIZE) -> list[bytes]:
    """The pictures of a mesh as PNG files of `size` x `size` pixels, in the order of `cameras`.

    vertices : (V, 3) float, in [-0.5, 0.5], y up, front towards +z; faces : (F, 3) int, either winding

    Raises: ValueError for arrays of another shape, a face that names no vertex, or a vertex that is not finite or not
    in front of every camera.
    """
    model = Model.from_mesh(vertices, faces)
    return [png_bytes(model.seen_through(*camera_matrices(view, size), size)) for view in range(VIEWS)]


def view_files(vertices: NDArray[np.floating], faces: NDArray[np.integer], size: int = SIZE) -> dict[str, bytes]:
    """What an item's folder gets: `img/000.png` ... `img/011.png` and `img/cameras.npz`, by these names.

    vertices, faces and what is raised: as for `render_views`. Pictures have equal pixels on every machine, and equal
    bytes wherever Pillow's PNG compression is of one version.
    """
    pictures = render_views(vertices, faces, size)
    files = {f"{FOLDER}/{view:03d}.png": picture for view, picture in enumerate(pictures)}
    return files | {f"{FOLDER}/cameras.npz": npz(cameras(size))}

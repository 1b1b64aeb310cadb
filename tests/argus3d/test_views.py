"""Pictures from all around, and the cameras that come with them."""

import io
import zipfile

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from argus3d.data.files import npz
from argus3d.data.views import DISTANCE, FOLDER, VIEWS, camera_matrices, cameras, render_views, view_files

SIZE = 96
CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
FACES = np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6]])
FACES = np.concatenate([FACES, [[0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]])


def boxes(centres: NDArray[np.float64], side: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    vertices = (CORNERS * side + centres[:, None]).reshape(-1, 3)
    return vertices, (FACES + 8 * np.arange(len(centres))[:, None, None]).reshape(-1, 3)


def covered(png: bytes) -> NDArray[np.bool_]:
    picture: NDArray[np.bool_] = (np.asarray(Image.open(io.BytesIO(png))) < 250).any(axis=2)
    return picture


def projected(points: NDArray[np.float64], view: int, size: int = SIZE) -> NDArray[np.float64]:
    """Columns and rows (N, 2), point by point, as a reader of Occupancy Networks computes them."""
    stored = cameras(size)
    found = []
    for point in points:
        right, down, forward = stored[f"world_mat_{view}"] @ np.append(point, 1)
        column, row, depth = stored[f"camera_mat_{view}"] @ [right, down, forward]
        found.append((column / depth, row / depth))
    return np.array(found)


def test_known_points_lie_in_every_picture_where_its_matrices_say() -> None:
    points = np.array([[0.4, 0.1, 0.2], [-0.3, -0.4, 0.1], [0.0, 0.45, -0.3]])
    pictures = [render_views(*boxes(point[None], 0.03), SIZE) for point in points]
    for view in range(VIEWS):
        for point, drawn in zip(points, pictures, strict=True):
            rows, columns = np.nonzero(covered(drawn[view]))
            centre = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
            np.testing.assert_allclose(centre, projected(point[None], view)[0], atol=0.75)


def test_a_unit_cube_fits_every_view_and_nearly_fills_one() -> None:
    masks = [covered(png) for png in render_views(*boxes(np.zeros((1, 3)), 1.0), SIZE)]
    assert not any(m[0].any() or m[-1].any() or m[:, 0].any() or m[:, -1].any() for m in masks)
    spans = [max(np.ptp(np.nonzero(mask)[0]), np.ptp(np.nonzero(mask)[1])) + 1 for mask in masks]
    assert max(spans) > 0.85 * SIZE


def test_the_first_view_is_the_front_and_the_camera_goes_over_the_right() -> None:
    front, right = np.array([0.0, 0.0, 0.5]), np.array([0.5, 0.0, 0.0])

    def depth(point: NDArray[np.float64], view: int) -> float:
        return float((camera_matrices(view)[0] @ np.append(point, 1))[2])

    assert depth(front, 0) < depth(np.zeros(3), 0) == DISTANCE < depth(-front, 0)
    assert min(range(VIEWS), key=lambda view: depth(right, view)) == 3
    up = projected(np.array([[0.0, 0.4, 0.0]]), 0)[0]
    assert up[1] < SIZE / 2 and up[0] == pytest.approx(SIZE / 2)


def test_what_is_nearer_is_larger() -> None:
    vertices, faces = boxes(np.zeros((1, 3)), 0.2)
    near, far = (covered(render_views(vertices + np.array([0, 0, z]), faces, SIZE)[1]).sum() for z in (0.4, -0.4))
    assert near > 1.5 * far


def test_world_matrices_are_rotations_at_one_distance() -> None:
    for view in range(VIEWS):
        world_mat, camera_mat = camera_matrices(view)
        np.testing.assert_allclose(world_mat[:, :3] @ world_mat[:, :3].T, np.eye(3), atol=1e-11)
        assert np.linalg.det(world_mat[:, :3]) == pytest.approx(1)
        np.testing.assert_array_equal(world_mat[:, 3], [0, 0, DISTANCE])
        assert camera_mat[2].tolist() == [0, 0, 1]


def test_files_are_named_as_readers_want_them_and_equal_bytes_every_time() -> None:
    files = view_files(*boxes(np.zeros((1, 3)), 0.7), SIZE)
    assert sorted(files) == [f"{FOLDER}/{view:03d}.png" for view in range(VIEWS)] + [f"{FOLDER}/cameras.npz"]
    assert files == view_files(*boxes(np.zeros((1, 3)), 0.7), SIZE)
    assert Image.open(io.BytesIO(files[f"{FOLDER}/011.png"])).convert("RGB").size == (SIZE, SIZE)
    with np.load(io.BytesIO(files[f"{FOLDER}/cameras.npz"])) as stored:
        assert sorted(stored) == sorted(cameras(SIZE))
        for name, matrix in cameras(SIZE).items():
            np.testing.assert_array_equal(stored[name], matrix)


def test_an_npz_file_bears_no_date() -> None:
    with zipfile.ZipFile(io.BytesIO(npz({"a": np.zeros(3)}))) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_shape_behind_the_camera_is_refused() -> None:
    with pytest.raises(ValueError, match="not in front of the camera"):
        render_views(*boxes(np.zeros((1, 3)), 9.0), SIZE)

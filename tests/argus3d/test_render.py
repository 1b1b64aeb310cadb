"""Pictures of meshes."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from argus3d.render import HALF_EXTENT, render, render_png

SIZE = 64
RED = (0.9, 0.1, 0.1)


def square(side: float, z: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A square that faces the front."""
    h = side / 2
    return np.array([[-h, -h, z], [h, -h, z], [h, h, z], [-h, h, z]]), np.array([[0, 1, 2], [0, 2, 3]])


def cube() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return corners, np.array([triangle for a, b, c, d in quads for triangle in ((a, b, c), (a, c, d))])


def covered(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (picture < 250).any(axis=2)


def test_a_cube_from_the_front_covers_its_square() -> None:
    mask = covered(render(*cube(), SIZE, azimuth=0, elevation=0))
    side = SIZE / (2 * HALF_EXTENT)
    assert mask.sum() == pytest.approx(side**2, rel=0.08)
    rows, columns = np.nonzero(mask)
    assert rows.max() - rows.min() == pytest.approx(side, abs=2)
    assert rows.mean() == pytest.approx((SIZE - 1) / 2, abs=0.6)
    assert columns.mean() == pytest.approx((SIZE - 1) / 2, abs=0.6)


def test_a_cube_fits_the_picture_from_the_usual_side() -> None:
    mask = covered(render(*cube(), SIZE))
    assert not (mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def test_the_silhouette_does_not_depend_on_the_winding() -> None:
    vertices, faces = cube()
    assert np.array_equal(render(vertices, faces, SIZE), render(vertices, faces[:, ::-1], SIZE))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_face_wins_whichever_comes_first(order: tuple[int, int]) -> None:
    parts = [square(0.9, -0.3), square(0.3, 0.3)]
    vertices = np.concatenate([parts[i][0] for i in order])
    faces = np.concatenate([parts[i][1] + 4 * place for place, i in enumerate(order)])
    with_both = render(vertices, faces, SIZE, azimuth=0, elevation=0)
    behind_only = render(*parts[0], SIZE, azimuth=0, elevation=0)
    assert not np.array_equal(with_both, behind_only)  # the small square's outline shows
    hidden = [square(0.9, 0.3), square(0.3, -0.3)]
    vertices = np.concatenate([hidden[i][0] for i in order])
    faces = np.concatenate([hidden[i][1] + 4 * place for place, i in enumerate(order)])
    front_only = render(*hidden[0], SIZE, azimuth=0, elevation=0)
    assert np.array_equal(render(vertices, faces, SIZE, azimuth=0, elevation=0), front_only)


def test_right_is_right_up_is_up_and_the_camera_turns_to_the_right() -> None:
    vertices, faces = square(0.2, 0.0)
    rows, columns = np.nonzero(covered(render(vertices + np.array([0.4, 0.4, 0]), faces, SIZE, azimuth=0, elevation=0)))
    assert columns.mean() > SIZE / 2 > rows.mean()
    turned = np.nonzero(covered(render(vertices + np.array([0, 0, 0.4]), faces, SIZE, azimuth=60, elevation=0)))
    assert turned[1].mean() < SIZE / 2  # what is in front moves left


def test_light_comes_from_above() -> None:
    picture = render(*cube(), SIZE).sum(axis=2)
    lid = picture[round(SIZE * (0.5 - 0.45 / (2 * HALF_EXTENT))), SIZE // 2]  # where the centre of the lid lies
    sides = picture[round(SIZE * 0.65), [round(SIZE * 0.4), round(SIZE * 0.75)]]
    assert (lid > 1.1 * sides).all()


def test_colour_is_the_colour_of_the_material() -> None:
    centre = render(*cube(), SIZE, colour=RED)[SIZE // 2, SIZE // 2].astype(int)
    assert centre[0] > 3 * centre[1]


def test_the_same_mesh_gives_the_same_bytes() -> None:
    assert render_png(*cube(), SIZE) == render_png(*cube(), SIZE)
    assert Image.open(io.BytesIO(render_png(*cube(), SIZE))).size == (SIZE, SIZE)


def test_a_mesh_without_faces_is_a_white_picture() -> None:
    assert (render(np.zeros((0, 3)), np.zeros((0, 3), int), SIZE) == 255).all()


def test_faces_without_area_leave_nothing() -> None:
    assert (render(np.zeros((3, 3)), np.array([[0, 1, 2]]), SIZE) == 255).all()


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (np.zeros((3, 2)), np.array([[0, 1, 2]]), "vertices must be"),
        (np.zeros((3, 3)), np.array([[0, 1]]), "faces must be"),
        (np.full((3, 3), np.nan), np.array([[0, 1, 2]]), "not finite"),
        (np.zeros((3, 3)), np.array([[0, 1, 3]]), "names vertex 3"),
    ],
)
def test_what_is_no_mesh_is_refused(vertices: NDArray[np.float64], faces: NDArray[np.int64], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(vertices, faces, SIZE)

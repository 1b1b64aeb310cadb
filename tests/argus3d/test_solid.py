from dataclasses import replace

import numpy as np
import pytest
import trimesh

from argus3d.data.solid import MeshSolid
from argus3d.data.solid import mesh_solid as solid_module
from argus3d.data.solid.mesh_solid import SHELL
from argus3d.errors import UserError

RNG = np.random.default_rng(0)
QUERIES = RNG.uniform(-0.55, 0.55, (20_000, 3))
SPHERE = trimesh.creation.icosphere(subdivisions=4)
BOX = trimesh.creation.box((1, 0.6, 0.8))


def arrays(mesh: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    return np.array(mesh.vertices), np.array(mesh.faces, np.int64)


def in_sphere(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points, axis=1) < 0.5


def in_box(points: np.ndarray) -> np.ndarray:
    return (np.abs(points) < [0.5, 0.3, 0.4]).all(1)


def flipped(faces: np.ndarray) -> np.ndarray:
    some = np.random.default_rng(1).random(len(faces)) < 0.3
    return np.where(some[:, None], faces[:, ::-1], faces)


@pytest.mark.parametrize(
    ("fault", "change", "wrong_share"),
    [
        ("none", lambda faces: faces, 0.0006),
        ("inside out", lambda faces: faces[:, ::-1], 0.0006),
        ("a third flipped", flipped, 0.0006),
        ("double-sided", lambda faces: np.concatenate([faces, faces[:, ::-1]]), 0.0006),
        ("5 % missing", lambda faces: faces[np.random.default_rng(2).random(len(faces)) > 0.05], 0.002),
    ],
)
@pytest.mark.parametrize(("mesh", "truth"), [(SPHERE, in_sphere), (BOX.subdivide().subdivide(), in_box)])
def test_inside_is_right_on_faulty_meshes(mesh, truth, fault, change, wrong_share) -> None:  # type: ignore[no-untyped-def]
    vertices, faces = arrays(mesh)
    solid = MeshSolid.from_mesh(3 * vertices + 5, change(faces), fault)
    assert (solid.contains(QUERIES) != truth(QUERIES)).mean() <= wrong_share


def test_overlapping_parts_are_their_union_also_when_one_is_inside_out() -> None:
    a, b = BOX.copy(), BOX.copy()
    b.apply_translation([0, 0.3, 0])
    b.invert()
    vertices, faces = arrays(trimesh.util.concatenate([a, b]))
    solid = MeshSolid.from_mesh(vertices, faces, "two boxes")
    below, above = in_box(np.add(QUERIES, [0, 0.15, 0])), in_box(np.subtract(QUERIES, [0, 0.15, 0]))
    inside = below | above
    assert (solid.contains(QUERIES) != inside).mean() < 0.0002  # a point may lie on a face but for rounding


def test_rays_along_edges_and_diagonals_do_not_mislead() -> None:
    line = np.linspace(-0.55, 0.55, 23)
    grid = np.stack(np.meshgrid(line, line, line), -1).reshape(-1, 3)
    grid = grid[(np.abs(np.abs(grid) - [0.5, 0.3, 0.4]) > 1e-6).all(1)]
    assert (MeshSolid.from_mesh(*arrays(BOX), "box").contains(grid) == in_box(grid)).all()


def test_a_box_without_a_lid_is_still_filled_well_below_the_opening() -> None:
    vertices, faces = arrays(BOX.subdivide().subdivide())
    lidless = faces[vertices[faces][:, :, 1].mean(1) < 0.29]
    solid = MeshSolid.from_mesh(vertices, lidless, "lidless")
    deep = QUERIES[np.abs(QUERIES[:, 1]) < 0.5]
    deep = deep[deep[:, 1] < 0.0]
    assert (solid.contains(deep) == in_box(deep)).mean() > 0.99


def test_a_sheet_becomes_a_plate() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1.0]])
    solid = MeshSolid.from_mesh(vertices, np.array([[0, 1, 2], [0, 2, 3]]), "sheet")
    assert solid.thin.all()
    above = np.array([[0.1, 0.9 * SHELL, 0.2], [0.1, 1.1 * SHELL, 0.2]])
    assert solid.contains(above).tolist() == [True, False]
    examined = solid.examine(QUERIES)
    assert examined.solidity == 0 and examined.inside.any()


def test_a_closed_solid_is_not_thickened() -> None:
    solid = MeshSolid.from_mesh(*arrays(SPHERE), "sphere")
    assert not solid.thin.any()
    assert solid.examine(QUERIES).solidity == 1
    assert solid.examine(QUERIES).disagreement < 0.001


def test_the_surface_is_seen_from_outside_and_uniform() -> None:
    inner = BOX.copy()
    inner.apply_scale(0.5)
    vertices, faces = arrays(trimesh.util.concatenate([BOX, inner]))
    points, normals = MeshSolid.from_mesh(vertices, faces, "nested").surface(4000, np.random.default_rng(3))
    distance = np.abs(np.abs(points) - [0.5, 0.3, 0.4]).min(1)
    assert distance.max() < 1e-9  # nothing from the box inside
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    top = (np.abs(normals[:, 1]) > 0.9).mean()
    assert abs(top - 0.8 / (0.8 + 0.6 + 0.48)) < 0.04


def test_surface_points_are_the_first_that_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = BOX.copy()
    inner.apply_scale(0.9)
    solid = MeshSolid.from_mesh(*arrays(trimesh.util.concatenate([BOX, inner])), "nested")
    points, normals = solid.surface(1500, np.random.default_rng(4))
    assert np.array_equal(points, solid.surface(1500, np.random.default_rng(4))[0])
    monkeypatch.setattr(solid_module, "_SEEN_TESTS", 100_000)  # all that are drawn, at once
    at_once = solid.surface(1500, np.random.default_rng(4))
    assert np.array_equal(points, at_once[0]) and np.array_equal(normals, at_once[1])


def test_what_is_hidden_everywhere_is_refused() -> None:
    solid = MeshSolid.from_mesh(*arrays(BOX), "lost")
    hidden = replace(solid, enclosure=replace(solid.enclosure, closed=Everywhere()))
    with pytest.raises(UserError, match="only 0 of 50 surface points"):
        hidden.surface(50, np.random.default_rng(5))


class Everywhere:
    """Rays that call every point inside."""

    def crossings(self, points: np.ndarray) -> np.ndarray:
        return np.ones((len(points), 2), np.int64)


def test_vertices_a_millionth_apart_are_one_and_copies_of_faces_are_dropped() -> None:
    vertices, faces = arrays(BOX)
    moved = np.concatenate([vertices, vertices + 2e-7, [[9.0, 9.0, 9.0]]])  # the last one is of no face
    solid = MeshSolid.from_mesh(moved, np.concatenate([faces, faces[:, [1, 0, 2]] + 8]), "twice")
    assert solid.vertices.shape == vertices.shape and solid.faces.shape == faces.shape
    assert (solid.contains(QUERIES) == in_box(QUERIES)).mean() > 0.9998


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (np.zeros((3, 3)), np.empty((0, 3), np.int64), "lost: the mesh has no faces"),
        (np.array([[0, 0, 0], [1, 0, np.nan], [0, 1, 0]]), np.array([[0, 1, 2]]), "lost: .* not a number"),
        (np.ones((3, 3)), np.array([[0, 1, 2]]), "lost: the mesh has zero extent"),
        (np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0.0]]), np.array([[0, 1, 2]]), "lost: the mesh has no faces"),
    ],
)
def test_what_is_no_shape_is_refused_by_name(vertices: np.ndarray, faces: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        MeshSolid.from_mesh(vertices, faces, "lost")

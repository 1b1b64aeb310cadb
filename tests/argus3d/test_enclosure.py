"""What oriented surfaces enclose, against loops over rays and solid angles."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from argus3d.data.solid.caps import caps
from argus3d.data.solid.enclosure import Enclosure
from argus3d.data.solid.rays import ASIDE, Rays, cheapest_axis
from argus3d.data.solid.sheets import Sheets, squared_distance
from argus3d.data.solid.winding import WindingTree
from tests.reference import solid as slow

Mesh = tuple[NDArray[np.float64], NDArray[np.int64]]
SPHERE = trimesh.creation.icosphere(subdivisions=2, radius=0.5)
TORUS = trimesh.creation.torus(0.35, 0.15, major_sections=16, minor_sections=8)


def arrays(mesh: trimesh.Trimesh) -> Mesh:
    return np.array(mesh.vertices), np.array(mesh.faces, np.int64)


def torn(mesh: trimesh.Trimesh, share: float, seed: int) -> Mesh:
    """With a share of its faces gone."""
    vertices, faces = arrays(mesh)
    return vertices, faces[np.random.default_rng(seed).random(len(faces)) > share]


def soup(seed: int) -> Mesh:
    """Random triangles between a few random vertices: every fault that a mesh can have."""
    rng = np.random.default_rng(seed)
    faces = np.array([rng.choice(9, 3, replace=False) for _ in range(12)])
    return rng.uniform(-0.5, 0.5, (9, 3)), faces


def directed(faces: NDArray[np.int64]) -> dict[tuple[int, int], int]:
    """How much more often each edge is run along from its lower vertex than to it."""
    found: dict[tuple[int, int], int] = {}
    for face in faces.tolist():
        for a, b in ((face[0], face[1]), (face[1], face[2]), (face[2], face[0])):
            key = (min(a, b), max(a, b))
            found[key] = found.get(key, 0) + (1 if a < b else -1)
    return found


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_caps_leave_no_edge_unpaired(seed: int) -> None:
    vertices, faces = soup(seed)
    assert not any(directed(np.concatenate([faces, caps(faces, len(vertices))])).values())


def test_a_closed_surface_needs_no_caps_and_a_hole_few() -> None:
    vertices, faces = arrays(SPHERE)
    assert len(caps(faces, len(vertices))) == 0
    lid = caps(faces[vertices[faces][:, :, 1].max(1) < 0.4], len(vertices))
    rim = {edge for edge, excess in directed(faces[vertices[faces][:, :, 1].max(1) < 0.4]).items() if excess}
    assert len(lid) == len(rim) - 2


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_soups_of_triangles_enclose_what_loops_say(seed: int) -> None:
    vertices, faces = soup(seed)
    points = np.random.default_rng(seed).uniform(-0.55, 0.55, (25, 3))
    inside, votes = Enclosure.of(vertices, faces).examine(points)
    corners = vertices[faces]
    assert votes.tolist() == [slow.votes(corners, point + ASIDE) for point in points]
    for point, found in zip(points, inside, strict=True):
        if abs(abs(slow.winding_number(corners, point)) - 0.5) > 1e-4:
            assert found == slow.is_inside(corners, point + ASIDE)


@pytest.mark.parametrize("mesh", [arrays(SPHERE), arrays(TORUS), torn(SPHERE, 0.1, 1), torn(TORUS, 0.4, 2)])
def test_surfaces_enclose_what_loops_say(mesh: Mesh) -> None:
    rng = np.random.default_rng(4)
    vertices, faces = mesh
    corners = vertices[faces]
    centres = corners[rng.integers(len(faces), size=20)].mean(1)
    points = np.concatenate([rng.uniform(-0.55, 0.55, (20, 3)), centres + 0.01 * rng.standard_normal((20, 3))])
    inside, votes = Enclosure.of(vertices, faces).examine(points)
    assert votes.tolist() == [slow.votes(corners, point + ASIDE) for point in points]
    assert inside.tolist() == [slow.is_inside(corners, point + ASIDE) for point in points]


def test_answers_do_not_depend_on_the_other_points() -> None:
    enclosure = Enclosure.of(*torn(TORUS, 0.4, 2))
    points = np.random.default_rng(5).uniform(-0.55, 0.55, (500, 3))
    inside, votes = enclosure.examine(points)
    assert np.array_equal(enclosure.examine(points[::-1])[0], inside[::-1])
    alone = [enclosure.examine(point[None]) for point in points[:50]]
    assert [bool(one[0][0]) for one in alone] == inside[:50].tolist()
    assert [int(one[1][0]) for one in alone] == votes[:50].tolist()


def test_a_ray_through_an_edge_is_outvoted() -> None:
    vertices, faces = arrays(trimesh.creation.box((1, 1, 1)))
    enclosure = Enclosure.of(vertices - ASIDE, faces)
    line = np.linspace(-0.45, 0.45, 7)
    diagonal = np.stack([line, line, line], 1)  # with ASIDE, exactly below and beside the diagonals of all sides
    counts = enclosure.closed.crossings(diagonal - 2 * ASIDE)
    assert (counts == 0).any()
    assert enclosure.examine(diagonal - 2 * ASIDE)[0].all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_crossings_are_those_of_a_loop(axis: int) -> None:
    vertices, faces = torn(TORUS, 0.3, 6)
    points = np.random.default_rng(7).uniform(-0.6, 0.6, (40, 3))
    counts = Rays.along(axis, vertices, faces).crossings(points)
    for way, column in ((1, 0), (-1, 1)):
        expected = [slow.crossings(vertices[faces], point + ASIDE, axis, way) for point in points]
        assert counts[:, column].tolist() == expected


def test_the_cheapest_axis_is_the_one_with_the_fewest_faces_behind_each_other() -> None:
    layers = [np.array([[0, 0, z], [1, 0, z], [0, 1, z + 0.01]]) for z in np.linspace(0, 1, 20)]
    assert cheapest_axis(np.concatenate(layers), np.arange(60).reshape(20, 3)) != 2


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_tree_adds_up_to_the_winding_number(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices, faces = torn(TORUS, 0.5, seed)
    points = rng.uniform(-0.55, 0.55, (20, 3))
    tree = WindingTree.of(vertices[faces])
    exact = np.array([slow.winding_number(vertices[faces], point) for point in points])
    np.testing.assert_allclose(tree.around(points, 1e9), exact, atol=1e-12)
    np.testing.assert_allclose(tree.around(points, 2.0), exact, atol=0.05)
    np.testing.assert_allclose(tree.around(points, 6.0), exact, atol=0.005)


def test_a_tree_of_triangles_without_area_winds_around_nothing() -> None:
    flat = np.zeros((9, 3, 3)) + np.arange(9)[:, None, None] / 9
    assert (WindingTree.of(flat).around(np.array([[0.3, 0.1, -0.2]]), 2.0) == 0).all()


def test_points_on_edges_and_corners_wind_somehow() -> None:
    vertices, faces = torn(SPHERE, 0.5, 8)
    corners = vertices[faces]
    points = np.concatenate([corners[:20, 0], (corners[:20, 0] + corners[:20, 1]) / 2, corners[:20].mean(1)])
    found = WindingTree.of(corners).around(points, 2.0)
    assert np.isfinite(found).all() and (np.abs(found) < 2).all()


def test_distances_to_slivers_are_those_to_their_longest_side() -> None:
    rng = np.random.default_rng(9)
    for exponent in range(3, 14):
        a, b = rng.uniform(-0.5, 0.5, (2, 3))
        sliver = np.stack([a, b, (a + b) / 2 + 10.0**-exponent * rng.uniform(-1, 1, 3)])
        for point in rng.uniform(-0.5, 0.5, (20, 3)):
            expected = slow.distance_to_segment(a, b, point)
            assert np.sqrt(squared_distance(sliver, point)) == pytest.approx(expected, abs=3 * 10.0**-exponent + 1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), limit=st.floats(0.01, 0.2))
def test_near_is_nearer_than_the_limit(seed: int, limit: float) -> None:
    vertices, faces = soup(seed)
    points = np.random.default_rng(seed).uniform(-0.55, 0.55, (30, 3))
    near = Sheets.of(vertices, faces, limit).near(points)
    distances = np.array([min(slow.distance(corners, point) for corners in vertices[faces]) for point in points])
    sure = np.abs(distances - limit) > 1e-9
    assert np.array_equal(near[sure], (distances < limit)[sure])

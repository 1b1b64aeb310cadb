import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from argus3d.errors import UserError
from argus3d.meshing import Mesh, extract_mesh, logit
from argus3d.meshing.cases import EDGES, loops, triangle_table
from tests.reference.meshing import crossings, padded_marching_cubes


def ball(cells: int, radius: float = 0.4) -> NDArray[np.float32]:
    line = 1.1 * (np.arange(cells + 1) / cells - 0.5)
    x, y, z = np.meshgrid(line, line, line, indexing="ij")
    return (60 * (radius - np.sqrt(x**2 + y**2 + z**2))).astype(np.float32)


def as_trimesh(values: NDArray[np.float32], threshold: float = 0.5) -> trimesh.Trimesh:
    mesh = extract_mesh(values, threshold)
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def in_order(points: NDArray[np.float32]) -> NDArray[np.float32]:
    return points[np.lexsort(points.T)]


def assert_closed(mesh: Mesh) -> None:
    """Every edge of a triangle runs once each way, and every vertex is used."""
    edges = mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    once = np.unique(edges, axis=0)
    assert len(once) == len(edges)
    assert {*map(tuple, once)} == {*map(tuple, once[:, ::-1])}
    assert len(np.unique(mesh.faces)) == len(mesh.vertices)


@st.composite
def noise(draw: st.DrawFn) -> NDArray[np.float32]:
    """Random grids, rounded to few values in half of the cases so that samples lie on the level."""
    side = draw(st.integers(2, 7))
    values = np.random.default_rng(draw(st.integers(0, 2**32))).normal(0, 1.5, (side,) * 3)
    return (np.round(values) if draw(st.booleans()) else values).astype(np.float32)


def test_a_ball_comes_back_closed_outward_and_in_place() -> None:
    mesh = as_trimesh(ball(40))
    assert mesh.is_watertight and mesh.volume > 0
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.4, atol=2e-3)
    assert abs(mesh.volume - 4 / 3 * np.pi * 0.4**3) < 0.005


def test_every_triangle_of_a_ball_looks_outward() -> None:
    mesh = as_trimesh(ball(30))
    assert (np.einsum("fi,fi->f", mesh.face_normals, mesh.triangles_center) > 0)[mesh.area_faces > 1e-9].all()


def test_a_lower_threshold_gives_a_larger_shape() -> None:
    assert as_trimesh(ball(24), 0.2).volume > as_trimesh(ball(24), 0.5).volume > as_trimesh(ball(24), 0.8).volume


def test_what_leaves_the_box_is_capped_there() -> None:
    mesh = as_trimesh(ball(24, radius=0.7))
    assert mesh.is_watertight
    np.testing.assert_allclose(np.abs(mesh.vertices).max(), 0.55, atol=1e-5)


def test_axes_stay_in_order() -> None:
    values = np.full((9, 9, 9), -5, np.float32)
    values[2, 4, 7] = 5
    vertices = extract_mesh(values, 0.5).vertices
    np.testing.assert_allclose(vertices.mean(0), 1.1 * (np.array([2, 4, 7]) / 8 - 0.5), atol=1e-5)


def test_nothing_inside_is_an_empty_mesh() -> None:
    mesh = extract_mesh(np.full((5, 5, 5), -3, np.float32), 0.5)
    assert mesh.empty and mesh.vertices.shape == mesh.faces.shape == (0, 3)


def test_all_inside_is_the_box() -> None:
    mesh = as_trimesh(np.full((6, 6, 6), 3, np.float32))
    assert mesh.is_watertight and abs(mesh.volume - 1.1**3) < 1e-4


@settings(deadline=None, max_examples=60)
@given(values=noise(), threshold=st.sampled_from([0.2, 0.5]))
def test_noise_gives_a_closed_surface_with_a_vertex_on_each_crossed_edge(
    values: NDArray[np.float32], threshold: float
) -> None:
    mesh = extract_mesh(values, threshold)
    assert_closed(mesh)
    expected = crossings(values, logit(threshold)).astype(np.float32)
    np.testing.assert_array_equal(in_order(mesh.vertices), in_order(expected))


@settings(deadline=None, max_examples=30)
@given(values=noise())
def test_the_vertices_of_noise_are_those_of_pymcubes(values: NDArray[np.float32]) -> None:
    expected, _ = padded_marching_cubes(values, logit(0.2))
    mesh = extract_mesh(values, 0.2)
    np.testing.assert_array_equal(in_order(mesh.vertices), in_order(expected.astype(np.float32)))


def test_a_smooth_shape_has_the_volume_of_pymcubes() -> None:
    line = np.linspace(-4, 4, 40)
    x, y, z = np.meshgrid(line, line, line, indexing="ij")
    values = (np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x)).astype(np.float32)
    vertices, faces = padded_marching_cubes(values, 0.0)
    expected = trimesh.Trimesh(vertices, faces, process=False).volume
    assert abs(as_trimesh(values).volume - expected) < 1e-3 * expected


def test_a_sample_on_the_level_is_outside() -> None:
    values = np.full((3, 3, 3), -3, np.float32)
    values[1, 1, 1] = np.float32(logit(0.2))
    assert extract_mesh(values, 0.2).empty
    values[1, 1, 1] = np.nextafter(values[1, 1, 1], np.float32(1))
    assert len(extract_mesh(values, 0.2).vertices) == 6


def test_equal_grids_give_equal_meshes_byte_for_byte() -> None:
    values = np.random.default_rng(5).normal(0, 1, (12, 12, 12)).astype(np.float32)
    first, second = extract_mesh(values, 0.3), extract_mesh(np.asfortranarray(values), 0.3)
    assert first.vertices.tobytes() == second.vertices.tobytes() and first.faces.tobytes() == second.faces.tobytes()


def test_values_that_are_not_finite_are_refused() -> None:
    values = ball(8)
    values[4, 4, 0] = np.inf
    with pytest.raises(UserError, match="not finite"):
        extract_mesh(values, 0.5)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5, float("nan")])
def test_a_threshold_outside_0_to_1_is_refused(threshold: float) -> None:
    with pytest.raises(UserError, match="must lie between 0 and 1"):
        extract_mesh(ball(4), threshold)


def test_the_cases_cut_each_crossed_edge_once() -> None:
    for case in range(256):
        crossed = {e for e, (a, b) in enumerate(EDGES) if (case >> a ^ case >> b) & 1}
        visited = [edge for loop in loops(case) for edge in loop]
        assert sorted(visited) == sorted(crossed)


def test_the_triangles_of_a_case_are_those_of_its_loops() -> None:
    counts, table = triangle_table()
    for case in range(256):
        assert counts[case] == sum(len(loop) - 2 for loop in loops(case))
        assert (table[case, : counts[case]] >= 0).all() and (table[case, counts[case] :] == -1).all()

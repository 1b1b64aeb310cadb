"""Surfaces through points: against the loop, and what they promise."""

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from argus3d.meshing.cubes import extract_mesh
from argus3d.meshing.through import REACH, surface_through
from tests.reference import surface_through as reference

SIDE = 1.1


def ball(cells: int, radius: float, slope: float = 40.0) -> np.ndarray:
    """Logits of a ball about 0: 0 on its surface."""
    axis = np.linspace(-SIDE / 2, SIDE / 2, cells + 1)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    return (slope * (radius - np.sqrt(x**2 + y**2 + z**2))).astype(np.float32)


def on_ball(radius: float, count: int = 3000, cap: float = 0.2) -> np.ndarray:
    """Points of the upper cap of a ball."""
    points = np.random.default_rng(0).standard_normal((10 * count, 3))
    points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
    return points[points[:, 1] > cap][:count]


@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_it_is_what_the_loop_gives(threshold: float) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 3, (9, 9, 9)).astype(np.float32)
    points = rng.uniform(-0.5, 0.5, (20, 3))
    near = np.concatenate([points, points[:12] + 0.01])
    for some in (points, near, near[:1], np.full((1, 3), SIDE / 2)):
        found = surface_through(values, some, threshold, SIDE)
        np.testing.assert_allclose(found, reference.surface_through(values, some, threshold, SIDE), atol=1e-5)


@pytest.mark.parametrize("radius", [0.33, 0.3, 0.27])
@pytest.mark.parametrize("cells", [24, 48, 96])
def test_a_surface_moves_onto_the_points(radius: float, cells: int) -> None:
    values, points = ball(cells, 0.3), on_ball(radius)

    def farthest(logits: np.ndarray) -> float:
        mesh = extract_mesh(logits, 0.5, SIDE)
        samples = trimesh.sample.sample_surface(trimesh.Trimesh(mesh.vertices, mesh.faces), 40_000, seed=0)[0]
        return float(cKDTree(samples).query(points)[0].max())

    assert farthest(surface_through(values, points, 0.5, SIDE)) < max(0.016, 0.6 * SIDE / cells)
    assert radius == 0.3 or farthest(values) > 0.025


def test_points_where_nothing_is_become_a_thin_sheet() -> None:
    points = on_ball(0.4)
    mesh = extract_mesh(surface_through(ball(64, 0.2), points, 0.4, SIDE), 0.4, SIDE)
    whole = trimesh.Trimesh(mesh.vertices, mesh.faces)
    assert whole.is_watertight and len(whole.split()) == 2
    sheet = max(whole.split(), key=lambda part: np.linalg.norm(part.vertices, axis=1).max())
    radii = np.linalg.norm(sheet.vertices, axis=1)
    assert 0.4 - REACH < radii.min() < 0.4 < radii.max() < 0.4 + REACH


@given(st.integers(0, 1000), st.integers(1, 30))
def test_what_is_far_from_the_points_stays_and_their_order_is_nothing(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    values, points = ball(16, 0.3), rng.uniform(-0.5, 0.5, (count, 3))
    found = surface_through(values, points, 0.5, SIDE)
    samples = np.stack(np.meshgrid(*[np.linspace(-SIDE / 2, SIDE / 2, 17)] * 3, indexing="ij"), -1)
    far = cKDTree(points).query(samples)[0] > max(REACH, 2 * SIDE / 16)
    assert np.array_equal(found[far], values[far]) and np.isfinite(found).all()
    np.testing.assert_allclose(surface_through(values, points[::-1], 0.5, SIDE), found, atol=1e-5)

"""The procedural source: exact occupancy that agrees with its surface and its mesh, and shapes that differ."""

import igl
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from argus3d.data.procedural import CATEGORIES, ProceduralCatalogue, ProceduralSolid, make
from argus3d.data.procedural.forms import ball, beam, box, disc, post, ring, rod, sheared, shell
from argus3d.data.procedural.solid import Part
from argus3d.errors import UserError

PARTS = {
    "box": box((0.1, 0.0, 0.0), (0.4, 0.6, 0.5), (0.5, 0.7)),
    "beam": beam((-0.2, -0.4, 0.1), (0.2, 0.4, -0.1), 0.2, 0.3, 0.6),
    "post": post((0.0, -0.4, 0.0), (0.3, 0.4, 0.1), 0.2, 0.5),
    "rod": rod((-0.3, -0.2, 0.1), (0.2, 0.3, 0.3), 0.1, 0.15),
    "oval": disc((0.0, 0.1, 0.0), 0.4, 0.2, 0.5),
    "ellipsoid": ball((0.0, 0.0, 0.1), (0.4, 0.2, 0.3)),
    "ring": ring((0.0, 0.0, 0.0), 0.3, 0.1, -60.0, 100.0, 1.3),
    "cup": shell([(0.2, -0.4), (0.3, 0.0), (0.25, 0.4)], 0.06, floor=0.1),
    "tube": sheared(shell([(0.2, -0.4), (0.3, 0.4)], 0.08), z_per_y=0.3),
}


def solid(*parts: Part) -> ProceduralSolid:
    return ProceduralSolid(parts, "test", "a test", {})


def grid(cells: int) -> NDArray[np.float64]:
    centres = ((np.arange(cells) + 0.5) / cells - 0.5) * 1.1
    return np.stack(np.meshgrid(centres, centres, centres, indexing="ij"), axis=-1).reshape(-1, 3)


def mesh_volume(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


@pytest.mark.parametrize("name", PARTS)
def test_inside_of_a_part_agrees_with_the_winding_number_of_its_mesh(name: str) -> None:
    part = PARTS[name]
    vertices, faces = part.mesh()
    points = np.random.default_rng(0).uniform(-0.55, 0.55, (20_000, 3))
    winding = igl.winding_number(vertices, np.ascontiguousarray(faces), points)
    assert np.abs(winding - np.round(winding)).max() < 1e-6  # closed, and
    assert set(np.round(np.unique(winding))) <= {0.0, 1.0}  # outward
    # Circles are polygons in the mesh, so only points close to the surface may differ.
    assert np.mean((winding > 0.5) != part.contains(points)) < 0.002


@pytest.mark.parametrize("name", PARTS)
def test_bounds_of_a_part_are_those_of_its_surface(name: str) -> None:
    part = PARTS[name]
    points, _ = solid(part).surface(40_000, np.random.default_rng(0))
    low, high = part.bounds
    assert np.all(points >= low - 1e-9) and np.all(points <= high + 1e-9)
    np.testing.assert_allclose(np.ptp(points, axis=0), high - low, rtol=0.02)


@pytest.mark.parametrize("name", PARTS)
def test_surface_of_a_part_is_uniform_by_area(name: str) -> None:
    """The flux of x through the surface is three times the volume only if areas and normals are right."""
    part = PARTS[name]
    vertices, faces = part.mesh()
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2.0
    points, normals = solid(part).surface(60_000, np.random.default_rng(0))
    flux = area * np.mean(np.einsum("ij,ij->i", points, normals)) / 3.0
    assert flux == pytest.approx(mesh_volume(vertices, faces), rel=0.03)
    np.testing.assert_allclose(np.mean(normals, axis=0), 0.0, atol=0.02)


def test_a_face_that_two_parts_share_counts_once_and_hidden_faces_do_not_count() -> None:
    halves = solid(box((-0.25, 0.0, 0.0), (0.5, 1.0, 1.0)), box((0.2, 0.0, 0.0), (0.6, 1.0, 1.0)))
    points, normals = halves.surface(60_000, np.random.default_rng(0))
    assert np.all(np.max(np.abs(points) / [0.5, 0.5, 0.5], axis=1) == pytest.approx(1.0, abs=1e-9))
    share = [np.mean(normals @ axis > 0.5) for axis in np.concatenate([np.eye(3), -np.eye(3)])]
    np.testing.assert_allclose(share, 1.0 / 6.0, atol=0.01)
    top = points[normals[:, 1] > 0.5, 0]  # the overlap -0.1 < x < 0 holds no more points than its area
    assert np.mean((top > -0.1) & (top < 0.0)) == pytest.approx(0.1, abs=0.015)


def test_a_mug_is_hollow_and_has_a_floor() -> None:
    plain = [mug for mug in (make("mug", seed) for seed in range(20)) if not mug.parameters["saucer"]]
    for mug in plain:
        cup = mug.parts[0]
        low, high = cup.bounds
        heights = np.concatenate([[low[1] + 1e-3], np.linspace(low[1] + 0.2 * (high[1] - low[1]), high[1], 50)])
        axis = np.stack([np.full(51, cup.offset[0]), heights, np.full(51, cup.offset[2])], axis=1)
        inside = mug.contains(axis)
        assert inside[0] and not inside[1:].any()


@pytest.mark.parametrize("category", CATEGORIES)
def test_shapes_fill_the_unit_box(category: str) -> None:
    for seed in range(20):
        shape = make(category, seed)
        low = np.min([part.bounds[0] for part in shape.parts], axis=0)
        high = np.max([part.bounds[1] for part in shape.parts], axis=0)
        np.testing.assert_allclose(low + high, 0.0, atol=1e-12)
        assert np.max(high - low) == pytest.approx(1.0, abs=1e-12)
        assert np.min(high - low) > 0.05


@pytest.mark.parametrize("category", CATEGORIES)
def test_surface_separates_inside_from_outside(category: str) -> None:
    for seed in range(5):
        shape = make(category, seed)
        points, normals = shape.surface(2000, np.random.default_rng(seed))
        assert points.shape == normals.shape == (2000, 3) and points.dtype == normals.dtype == np.float64
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-9)
        assert np.abs(points).max() <= 0.5 + 1e-9
        assert shape.contains(points - 1e-4 * normals).mean() >= 0.99
        assert shape.contains(points + 1e-4 * normals).mean() <= 0.01


@pytest.mark.parametrize("category", CATEGORIES)
def test_occupancy_agrees_with_the_winding_number_of_the_mesh(category: str) -> None:
    points = np.random.default_rng(1).uniform(-0.55, 0.55, (4000, 3))
    for seed in range(2):
        shape = make(category, seed)
        vertices, faces = shape.mesh()
        winding = igl.winding_number(vertices, np.ascontiguousarray(faces), points)
        assert np.mean((winding > 0.5) != shape.contains(points)) < 0.003


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_grid_of_64_cells_sees_one_connected_body(category: str) -> None:
    """No part floats and none is too thin for the grid that shapes are decoded on."""
    points = grid(64)
    for seed in range(200, 206):
        shape = make(category, seed)
        bodies, _ = ndimage.label(shape.contains(points).reshape(64, 64, 64), np.ones((3, 3, 3)))
        sizes = np.bincount(bodies.ravel())[1:]
        assert sizes.max() / sizes.sum() > 0.999, (category, seed, sizes)


@pytest.mark.parametrize("category", CATEGORIES)
def test_volume_agrees_with_the_flux_through_the_surface(category: str) -> None:
    """By the divergence theorem the means of x n_x, y n_y and z n_z over the surface all equal volume / area."""
    shape = make(category, 3)
    points, normals = shape.surface(60_000, np.random.default_rng(0))
    flux = np.mean(points * normals, axis=0)
    rng = np.random.default_rng(1)
    jittered = grid(80) + rng.uniform(-0.5, 0.5, (80**3, 3)) * 1.1 / 80
    volume = shape.contains(jittered).mean() * 1.1**3
    random = shape.contains(rng.uniform(-0.55, 0.55, (100_000, 3))).mean() * 1.1**3
    assert random == pytest.approx(volume, rel=0.1, abs=5e-4) and volume > 0.0
    np.testing.assert_allclose(flux, flux.mean(), rtol=0.2, atol=2e-3)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_seed_decides_everything_and_seeds_differ(category: str) -> None:
    def draw(seed: int) -> bytes:
        return make(category, seed).mesh()[0].tobytes()

    meshes = [draw(seed) for seed in range(50)]
    assert len(set(meshes)) == 50
    assert draw(7) == meshes[7]
    first, second = (make(category, 7).surface(100, np.random.default_rng(0))[0] for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert len({make(category, seed).caption for seed in range(50)}) >= 4


def test_an_unknown_class_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'chiar'.*chair"):
        make("chiar", 0)
    with pytest.raises(UserError, match="negative"):
        make("chair", -1)


def test_catalogue_lists_every_class_and_gives_its_shapes() -> None:
    catalogue = ProceduralCatalogue(count=3)
    items = catalogue.items()
    assert [item.id for item in items] == sorted(item.id for item in items)
    assert {item.category for item in items} == set(CATEGORIES) and len(items) == 3 * len(CATEGORIES)
    for item in items:
        shape = catalogue.shape(item.id)
        assert (shape.category, shape.caption) == (item.category, item.caption)
        assert catalogue.picture(item.id) is None
    assert (items[0].source, items[0].licence) == ("procedural", "MIT")


@pytest.mark.parametrize("item_id", ["chair-00003", "chair-3", "chair", "chair-0000x", "-00001", "sofas-00001"])
def test_catalogue_refuses_ids_that_it_does_not_list(item_id: str) -> None:
    with pytest.raises(UserError, match="procedural: no"):
        ProceduralCatalogue(count=3).shape(item_id)

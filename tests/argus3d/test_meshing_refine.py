import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import zoom
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from argus3d.meshing import Mesh, OccupancyField, extract_mesh, logit, occupancy_of_field
from argus3d.meshing.refine import Refinement
from tests.argus3d.fields import Field, ball, blobs, gyroid, pass_through, plate
from tests.argus3d.sizes import AUTOENCODER

LEVEL = np.float32(0)
Triangles = set[frozenset[bytes]]


class Grid:
    """A dense grid as a field that counts what is asked for."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self.values, self.asked = values, np.zeros(values.size, np.int64)

    def logits(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        np.add.at(self.asked, index, 1)
        return self.values.ravel()[index]


def refine(values: NDArray[np.float32], step: int) -> tuple[NDArray[np.float32], Grid]:
    grid = Grid(values)
    return Refinement(grid.logits, len(values) - 1, LEVEL, step).run(), grid


def components(mesh: Mesh) -> list[tuple[NDArray[np.float32], Triangles]]:
    """Vertices and triangles, as sets of vertex bytes, of each connected component."""
    a, b = mesh.faces[:, [0, 1, 2]].ravel(), mesh.faces[:, [1, 2, 0]].ravel()
    size = len(mesh.vertices)
    count, label = connected_components(coo_matrix((np.ones(len(a)), (a, b)), (size, size)), directed=False)
    key = [vertex.tobytes() for vertex in mesh.vertices]
    triangles: list[Triangles] = [set() for _ in range(count)]
    for face in mesh.faces:
        triangles[label[face[0]]].add(frozenset(key[v] for v in face))
    return [(mesh.vertices[label == c], triangles[c]) for c in range(count)]


def seen_coarsely(vertices: NDArray[np.float32], values: NDArray[np.float32], step: int) -> bool:
    """Whether one of the vertices lies between two neighbouring coarse samples with different signs."""
    cells = len(values) - 1
    place = (vertices.astype(np.float64) / 1.1 + 0.5) * cells
    whole = np.abs(place - np.round(place)) < 1e-4
    for position, on_line in zip(place, whole, strict=True):
        for axis in range(3):
            others = [other for other in range(3) if other != axis]
            lines = [round(position[other]) for other in others]
            if not on_line[others].all() or any(line % step and line != cells for line in lines):
                continue
            start = int(np.clip(position[axis], 0, cells - 1e-9)) // step * step
            low, high = [0, 0, 0], [0, 0, 0]
            for other, line in zip(others, lines, strict=True):
                low[other] = high[other] = line
            low[axis], high[axis] = start, min(start + step, cells)
            if (values[tuple(low)] > LEVEL) != (values[tuple(high)] > LEVEL):
                return True
    return False


def assert_same_surface(values: NDArray[np.float32], refined: NDArray[np.float32], step: int) -> None:
    """What is found is whole components of the dense surface, and every one that the coarse samples see is found."""
    found: Triangles = set()
    for _, triangles in components(extract_mesh(refined, 0.5)):
        found |= triangles
    left = set(found)
    for vertices, triangles in components(extract_mesh(values, 0.5)):
        assert triangles <= found or not triangles & found
        assert triangles <= found or not seen_coarsely(vertices, values, step)
        left -= triangles
    assert not left


@st.composite
def rough(draw: st.DrawFn) -> NDArray[np.float32]:
    """Noise of any smoothness, far from the margins so that signs alone decide."""
    cells, knots = draw(st.integers(5, 22)), draw(st.integers(3, 18))
    mean, seed = draw(st.sampled_from([-1.0, 0, 0.7])), draw(st.integers(0, 2**32))
    noise = np.random.default_rng(seed).normal(mean, 1, (knots,) * 3)
    values = zoom(noise, (cells + 1) / knots, order=1)[: cells + 1, : cells + 1, : cells + 1].astype(np.float32)
    assume(values.shape == (cells + 1,) * 3 and (np.abs(values) > 1e-3).all())
    return 1e5 * values


@settings(deadline=None, max_examples=80)
@given(values=rough(), step=st.sampled_from([2, 4]))
def test_no_component_that_coarse_samples_see_is_missed_or_cut(values: NDArray[np.float32], step: int) -> None:
    refined, grid = refine(values, step)
    assert_same_surface(values, refined, step)
    line = np.arange(len(values))
    x, y, z = np.meshgrid(*[(line % 4 == 0) | (line == line[-1])] * 3, indexing="ij")
    off_edges = x.astype(int) + y + z < 2
    asked = grid.asked.reshape(values.shape)
    assert asked[off_edges].max(initial=0) <= 1 and asked.max() <= 5
    assert (refined == values)[off_edges & (asked > 0)].all()
    assert ((refined > LEVEL) == (values > LEVEL))[asked > 0].all()


def test_a_thin_wire_is_followed_from_the_one_place_where_it_is_seen() -> None:
    values = np.full((33, 33, 33), -1e5, np.float32)
    values[4, 4, 4:30] = values[4, 4:30, 29] = values[4:30, 29, 29] = 1e5
    values[29, 13:30, 29] = values[29, 13, 2:30] = values[17:30, 13, 2] = 1e5
    refined, grid = refine(values, 4)
    np.testing.assert_array_equal(refined, values)
    assert (grid.asked > 0).mean() < 0.35


def test_a_sheet_at_the_box_is_followed_along_its_cap() -> None:
    values = np.full((33, 33, 33), -1e5, np.float32)
    values[:, :, 32] = 1e5
    values[1:16, 5, 32] = -1e5
    refined, _ = refine(values, 4)
    assert_same_surface(values, refined, 4)
    np.testing.assert_array_equal(refined > 0, values > 0)


def test_a_full_box_is_capped_on_all_sides() -> None:
    values = np.full((24, 24, 24), 1e5, np.float32)
    refined, _ = refine(values, 4)
    assert (refined > 0).all()


def test_nothing_near_is_left_at_the_coarse_samples() -> None:
    values = np.full((41, 41, 41), -1e5, np.float32)
    refined, grid = refine(values, 4)
    assert (refined == values).all() and (grid.asked > 0).sum() == 11**3


SHARP = dataclasses.replace(AUTOENCODER, plane_resolution=128)


@pytest.mark.parametrize("resolution", [66, 128, 131])
@pytest.mark.parametrize(
    "shape",
    [ball(0.37), ball(0.7), gyroid(1.5), blobs(3, 2.6), plate(0.02, 0.013)],
    ids=["ball", "cut by the box", "gyroid", "blobs", "thin plate"],
)
def test_coarse_to_fine_is_the_dense_surface_of_analytic_fields(shape: Field, resolution: int) -> None:
    field = OccupancyField(pass_through(SHARP).decoder, shape.planes(SHARP), resolution)
    n = field.samples
    dense = field.logits(np.arange(n**3)).reshape(n, n, n)
    field.evaluated = 0
    fine = occupancy_of_field(field, np.float32(logit(0.2)))
    expected, found = extract_mesh(dense, 0.2), extract_mesh(fine, 0.2)
    assert len(expected.vertices) > 500
    assert found.vertices.tobytes() == expected.vertices.tobytes()
    assert found.faces.tobytes() == expected.faces.tobytes()
    assert field.evaluated < 0.7 * n**3

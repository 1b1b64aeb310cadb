"""Shapes small enough for the page: what is taken, how it is packed, what is refused."""

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from argus3d.errors import UserError
from eval.report.page_geometry import FACES, POINTS, geometry_of_cloud, geometry_of_mesh, packed
from eval.report.page_shapes import Given, shapes
from tests.eval.report.page_inputs import write_nearest, write_prepared, write_samples

PLENTY = 1_000_000


def unpacked(text: str, columns: int, size: int) -> Any:
    """Rows of whole numbers, as the page reads them."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(size, columns, -1).astype(int)
    steps = sum(plane << (8 * place) for place, plane in enumerate(planes))
    return (np.cumsum(steps, axis=1) % 256**size).T


def write_mesh(path: Path, mesh: trimesh.Trimesh) -> Path:
    mesh.export(path)
    return path


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 65535)] * 3), min_size=1, max_size=50), st.sampled_from([1, 2]))
def test_packed_numbers_come_back(rows: list[tuple[int, int, int]], size: int) -> None:
    array = np.array(rows) % 256**size
    text = packed(array.astype(np.uint8 if size == 1 else np.uint16))
    assert np.array_equal(unpacked(text, 3, size), array)


def test_a_mesh_keeps_its_form_with_fewer_faces(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=3)
    ball.apply_translation((10, 0, 0))
    parts = geometry_of_mesh(write_mesh(tmp_path / "ball.ply", ball)).parts
    faces, vertices = unpacked(parts["faces"], 3, 2), unpacked(parts["vertices"], 3, 2) / 4095 - 0.5
    assert parts["kind"] == "faces"
    assert 0.9 * FACES < len(faces) <= FACES < len(ball.faces)
    assert faces.max() == len(vertices) - 1
    assert np.abs(np.linalg.norm(vertices, axis=1) - 0.5).max() < 0.02
    assert trimesh.Trimesh(vertices, faces, process=False).volume == pytest.approx(np.pi / 6, rel=0.02)


def test_a_small_mesh_stays_as_it_is_but_for_place_and_size(tmp_path: Path) -> None:
    box = trimesh.creation.box((2, 1, 4))
    parts = geometry_of_mesh(write_mesh(tmp_path / "box.obj", box)).parts
    placed = unpacked(parts["vertices"], 3, 2) / 4095 - 0.5
    assert np.allclose(sorted(placed.max(axis=0) - placed.min(axis=0)), [0.25, 0.5, 1], atol=1e-3)
    assert len(unpacked(parts["faces"], 3, 2)) == 12


def test_a_mesh_that_cannot_be_simplified_becomes_discs(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=4)
    twice = trimesh.Trimesh(ball.vertices, np.concatenate([ball.faces, ball.faces]), process=False)
    parts = geometry_of_mesh(write_mesh(tmp_path / "twice.ply", twice)).parts
    assert parts["kind"] == "discs"
    points = unpacked(parts["points"], 3, 1) / 255 - 0.5
    assert np.abs(np.linalg.norm(points, axis=1) - 0.5).max() < 0.01


def test_a_mesh_of_which_simplifying_leaves_nothing_becomes_discs(tmp_path: Path) -> None:
    ring = trimesh.creation.torus(1, 0.3, 28, 29)
    faces = np.array(ring.faces)
    for face, corner in (([9, 38, 10], 522), ([493, 550, 522], 10)):  # two faces across the ring
        faces[(faces == face).all(axis=1), 2] = corner
    torn = trimesh.Trimesh(ring.vertices, faces, process=False)
    assert len(faces) > FACES
    assert geometry_of_mesh(write_mesh(tmp_path / "torn.ply", torn)).parts["kind"] == "discs"


def test_discs_are_spread_over_the_surface_and_face_outwards() -> None:
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(30_000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    parts = geometry_of_cloud(7 + 2 * normals, normals).parts
    points, folded = unpacked(parts["points"], 3, 1) / 255 - 0.5, unpacked(parts["normals"], 2, 1) / 127 - 1
    assert 0.7 * POINTS < len(points) <= POINTS
    assert 0.005 < parts["radius"] < 0.05
    height = 1 - np.abs(folded).sum(axis=1, keepdims=True)
    back = np.concatenate([folded - np.sign(folded) * np.maximum(-height, 0), height], axis=1)
    back /= np.linalg.norm(back, axis=1, keepdims=True)
    outwards = points / np.linalg.norm(points, axis=1, keepdims=True)
    assert (back * outwards).sum(axis=1).min() > 0.98


def test_what_is_no_mesh_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ply"
    broken.write_bytes(b"ply\nformat")
    with pytest.raises(UserError, match=r"broken\.ply"):
        geometry_of_mesh(broken)
    with pytest.raises(UserError, match=r"absent\.ply: there is no such file"):
        geometry_of_mesh(tmp_path / "absent.ply")


def boxes(folder: Path, *ids: str) -> Path:
    return write_samples(folder, {item: trimesh.creation.box() for item in ids})


def taken(given: list[Given], root: Path | None, budget: int = PLENTY) -> list[list[str]]:
    return [[sample["id"] for sample in folder["samples"]] for folder in shapes(given, root, budget)["folders"]]


def test_the_first_of_each_class_come_before_the_second_of_any(tmp_path: Path) -> None:
    given = Given(boxes(tmp_path / "run", "chair-0", "chair-1", "lamp-0", "lamp-1"), None)
    assert taken([given], None) == [["chair-0", "chair-1", "lamp-0", "lamp-1"]]
    one = len(geometry_of_mesh(tmp_path / "run" / "meshes" / "chair-0.ply"))
    assert taken([given], None, 3 * one) == [["chair-0", "chair-1", "lamp-0"]]
    assert taken([given], None, 2 * one) == [["chair-0", "lamp-0"]]
    with pytest.raises(UserError, match="no sample with a surface fits"):
        taken([given], None, one - 1)


def test_folders_share_the_room_and_empty_samples_take_none(tmp_path: Path) -> None:
    folder = write_samples(tmp_path / "one", {"chair-0": None, "chair-1": trimesh.creation.box()})
    given = [Given(folder, None), Given(boxes(tmp_path / "two", "lamp-0", "lamp-1"), None)]
    one = len(geometry_of_mesh(folder / "meshes" / "chair-1.ply"))
    assert taken(given, None, 2 * one) == [["chair-1"], ["lamp-0"]]
    found = shapes(given, None, PLENTY)["folders"][0]
    assert (found["asked"], found["filled"], found["command"]) == (2, 1, "argus3d sample --seed 7")


def test_samples_stand_beside_their_nearest_training_shape_with_its_maker(tmp_path: Path) -> None:
    root = write_prepared(tmp_path / "data", ("near", "far"))
    nearest = write_nearest(tmp_path / "nearest.json", {"chair-0": "near", "chair-1": "near"}, p_value=0.01)
    found = shapes([Given(boxes(tmp_path / "run", "chair-0", "chair-1", "lamp-0"), nearest)], root, PLENTY)
    chair, _, lamp = found["folders"][0]["samples"]
    assert list(found["twins"]) == ["near"]
    assert found["twins"]["near"]["creator"] == "A. Maker"
    assert found["twins"]["near"]["geometry"]["kind"] == "discs"
    assert chair["beside"] == {
        "id": "near", "what": "Nearest training shape", "distance": "1.23", "p": 0.01, "copy": True,
    }  # fmt: skip
    assert lamp["beside"] is None


def test_without_nearest_shapes_samples_stand_beside_what_they_were_made_from(tmp_path: Path) -> None:
    root = write_prepared(tmp_path / "data", ("chair-0",))
    found = shapes([Given(boxes(tmp_path / "run", "chair-0", "chair-1"), None)], root, PLENTY)
    assert [sample["beside"] and sample["beside"]["id"] for sample in found["folders"][0]["samples"]] == [
        "chair-0",
        None,
    ]


def test_a_training_shape_that_is_not_prepared_is_named(tmp_path: Path) -> None:
    nearest = write_nearest(tmp_path / "nearest.json", {"chair-0": "elsewhere"})
    given = Given(boxes(tmp_path / "run", "chair-0"), nearest)
    with pytest.raises(UserError, match="elsewhere is not in the prepared data"):
        shapes([given], write_prepared(tmp_path / "data", ("near",)), PLENTY)
    with pytest.raises(UserError, match="no prepared data; name their folder"):
        shapes([given], tmp_path / "absent", PLENTY)

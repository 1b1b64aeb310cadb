"""`argus3d reconstruct` of a mesh file: in its own place, and measured."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from argus3d import checkpoint
from argus3d.cli import main
from argus3d.data.solid import MeshSolid
from argus3d.generator import Sample
from argus3d.reconstruct_mesh import Frame, f_score
from tests.argus3d.test_sample_command import manifest, write_checkpoint
from tests.argus3d.test_sample_engine import contents


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights that fill little enough for their surface to touch the cabinet's."""
    folder = write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")
    argus = checkpoint.load(folder)
    with torch.no_grad():
        argus.autoencoder.decoder.out.bias.sub_(2)
    checkpoint.save(argus, folder.with_name("touching"))
    return folder.with_name("touching")


def cabinet(folder: Path, name: str = "My Cabinet.glb") -> Path:
    """A box of 2 x 6 x 1 about (10, -20, 30)."""
    box = trimesh.creation.box((2, 6, 1))
    box.apply_translation([10, -20, 30])
    box.export(folder / name)
    return folder / name


def reconstruct(checkpoint: Path, out: Path, *words: str | Path) -> int:
    return main(["reconstruct", "--checkpoint", str(checkpoint), "--out", str(out), *map(str, words)])


def record(folder: Path) -> dict[str, Any]:
    (found,) = manifest(folder)["samples"]
    return found


@pytest.mark.parametrize("form", ["ply", "obj", "glb", "stl"])
def test_a_mesh_comes_back_where_it_was(
    form: str, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reconstruct(tiny, tmp_path / "out", cabinet(tmp_path), "--format", form) == 0
    said, found = capsys.readouterr(), record(tmp_path / "out")
    assert found["id"] == "my-cabinet" and found["file"] == f"meshes/my-cabinet.{form}"
    assert (found["mesh"], found["side"], found["closed"]) == ("My Cabinet.glb", 6.0, True)
    np.testing.assert_allclose(found["centre"], [10, -20, 30])
    mesh = trimesh.load(tmp_path / "out" / found["file"], force="mesh")
    assert (np.abs(mesh.vertices - [10, -20, 30]) <= 0.55 * 6 + 1e-4).all() and np.ptp(mesh.vertices, axis=0).max() > 1
    assert 0 < found["iou"] < 1 and 0 < found["f_score"] < 1
    assert json.loads(said.out) == {key: found[key] for key in ("file", "empty", "closed", "iou", "f_score")}
    assert "My Cabinet.glb: IoU" in said.err and "F-score at 0.02" in said.err
    assert (tmp_path / "out" / "pictures" / "my-cabinet.png").is_file()


def test_the_axis_that_points_up_is_turned_back(tiny: Path, tmp_path: Path) -> None:
    """A mesh lying on its back with z up gives what the standing one gives, lying."""
    standing = trimesh.load(cabinet(tmp_path), force="mesh")
    x, y, z = standing.vertices.T
    trimesh.Trimesh(np.stack([x, -z, y], 1), standing.faces).export(tmp_path / "lying.obj")
    assert reconstruct(tiny, tmp_path / "a", cabinet(tmp_path, "lying.ply")) == 0
    assert reconstruct(tiny, tmp_path / "b", tmp_path / "lying.obj", "--up", "z") == 0
    a, b = (trimesh.load(tmp_path / name / "meshes" / "lying.ply", process=False) for name in "ab")
    x, y, z = a.vertices.T
    np.testing.assert_allclose(b.vertices, np.stack([x, -z, y], 1), atol=1e-3)


def test_an_open_mesh_has_no_iou(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = trimesh.load(cabinet(tmp_path), force="mesh")
    trimesh.Trimesh(box.vertices, box.faces[2:]).export(tmp_path / "open.stl")
    assert reconstruct(tiny, tmp_path / "out", tmp_path / "open.stl") == 0
    found = record(tmp_path / "out")
    assert found["closed"] is False and found["iou"] is None and 0 < found["f_score"] < 1
    assert "open.stl: not closed, so that it has no IoU" in capsys.readouterr().err


def test_nothing_may_come_back(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argus = checkpoint.load(tiny)
    with torch.no_grad():
        argus.autoencoder.decoder.out.bias.fill_(-1000)
    checkpoint.save(argus, tmp_path / "hollow")
    assert reconstruct(tmp_path / "hollow", tmp_path / "out", cabinet(tmp_path)) == 0
    found = record(tmp_path / "out")
    assert found["empty"] and found["file"] is None and (found["iou"], found["f_score"]) == (0.0, 0.0)
    assert "nothing came back" in capsys.readouterr().err


def test_again_is_the_same_and_another_mesh_is_refused(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = cabinet(tmp_path)
    for name in ("one", "two", "two"):
        assert reconstruct(tiny, tmp_path / name, path) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    trimesh.creation.box((2, 3, 1)).export(path)
    assert reconstruct(tiny, tmp_path / "one", path) == 1
    assert "holds shapes of other settings" in capsys.readouterr().err


def test_files_that_are_refused(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.obj").write_text("this is no mesh")
    (tmp_path / "empty.ply").write_bytes(b"")
    (tmp_path / "a.txt").write_bytes(b"")
    for name, reason in {
        "text.obj": "faces", "empty.ply": "cannot be read", "a.txt": ".txt is no mesh format", "b.glb": "no such file",
    }.items():  # fmt: skip
        assert reconstruct(tiny, tmp_path / "out", tmp_path / name) == 1
        error = capsys.readouterr().err.strip()
        assert name in error and reason in error and "\n" not in error and not (tmp_path / "out").exists()
    for words in ((), (cabinet(tmp_path), "--shapes", "balls-v1.json/test")):
        assert reconstruct(tiny, tmp_path / "out", *words) == 1
        assert "either the file of a mesh, or prepared shapes" in capsys.readouterr().err


@given(arrays(np.float64, (8, 3), elements=st.floats(-1e4, 1e4).map(lambda x: round(x, 3))), st.sampled_from("yz"))
def test_a_frame_and_back(vertices: np.ndarray, up: str) -> None:
    if np.ptp(vertices, axis=0).max() < 1:
        vertices = np.concatenate([vertices, vertices[:1] + 1])
    frame = Frame.of(vertices, up)
    shape = (vertices @ frame.turn - frame.centre) / frame.side
    low, high = shape.min(0), shape.max(0)
    np.testing.assert_allclose((low + high) / 2, 0, atol=1e-9)
    assert (high - low).max() == pytest.approx(1)
    np.testing.assert_allclose(frame.restored(shape), vertices, atol=1e-8)
    assert np.linalg.det(frame.turn) == pytest.approx(1)  # turned, not mirrored


def test_f_score_is_one_for_the_same_surface_and_none_for_another_far_away() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.5)
    solid = MeshSolid.from_mesh(np.asarray(ball.vertices), np.asarray(ball.faces), "ball")

    def of(radius: float) -> float:
        vertices, faces = (ball.vertices * (radius / 0.5)).astype(np.float32), ball.faces.astype(np.int32)
        return f_score(Sample("ball", None, 0, np.empty(0, int), vertices, faces), solid, np.random.default_rng(0))

    assert of(0.5) > 0.999 and of(0.47) == 0.0
    assert of(0.49) > 0.999 > of(0.4805) > 0.5

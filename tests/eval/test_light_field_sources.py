"""Where light fields come from: folders of meshes and samples, caches, and sources that have none."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from argus3d.data.files import write_json
from argus3d.errors import UserError
from eval import light_fields as sources
from eval.distances.lightfield import SHAPE, lfd_like, light_field
from eval.light_fields import LightFieldSet, load_light_fields
from tests.eval.test_lightfield import SHAPES, Fields, Matrix, mesh_of


def write_meshes(folder: Path) -> None:
    for name, suffix in (("chair/a", "ply"), ("chair/b", "obj"), ("rod", "stl")):
        path = folder / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        SHAPES["rod" if name == "rod" else "chair"]().export(path)


def test_a_folder_of_meshes(tmp_path: Path) -> None:
    write_meshes(tmp_path)
    (tmp_path / "broken.off").write_text("nonsense")
    (tmp_path / "empty.ply").write_bytes(b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n")
    found = load_light_fields(str(tmp_path), name="mine")
    assert found.name == "mine" and found.ids == ("chair/a.ply", "chair/b.obj", "rod.stl") and found.asked == 5
    assert found.categories == ("chair", "chair", "") and found.fields.shape == (3, *SHAPE)
    assert [item for item, _ in found.failed] == ["broken.off", "empty.ply"]
    assert all(reason.startswith(item) for item, reason in found.failed)
    assert lfd_like(found.fields[0], light_field(*mesh_of(SHAPES["chair"]()))) < 100
    assert lfd_like(found.fields[0], found.fields[1]) < 100
    assert lfd_like(found.fields[2], light_field(*mesh_of(SHAPES["rod"]()))) < 100


def test_a_folder_of_samples(tmp_path: Path) -> None:
    write_meshes(tmp_path / "meshes")
    samples = [
        {"id": "s0", "category": "chair", "file": "meshes/chair/a.ply", "empty": False},
        {"id": "s1", "category": "lamp", "file": None, "empty": True},
        {"id": "s2", "category": "lamp", "file": "meshes/gone.ply", "empty": False},
    ]
    write_json(tmp_path / "manifest.json", {"schema": 1, "samples": samples})
    found = load_light_fields(str(tmp_path))
    assert found.ids == ("s0",) and found.categories == ("chair",) and found.asked == 3
    assert "empty" in found.failed[0][1] and found.failed[1] == ("s2", "gone.ply: file is missing")


def test_a_cache_knows_files_by_their_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_meshes(tmp_path / "one")
    cache = tmp_path / "kept" / "fields.npz"
    fresh = load_light_fields(str(tmp_path / "one"), cache)
    assert same(fresh, load_light_fields(str(tmp_path / "one")))
    written = cache.stat().st_mtime_ns

    def refuse(*_: object) -> Fields:
        raise AssertionError("described again")

    with monkeypatch.context() as patch:
        patch.setattr(sources, "light_field", refuse)
        (tmp_path / "one").rename(tmp_path / "two")
        again = load_light_fields(str(tmp_path / "two"), cache, name=fresh.name)
        assert same(again, fresh) and cache.stat().st_mtime_ns == written
        patch.setattr(sources, "VERSION", "another")
        with pytest.raises(AssertionError, match="described again"):
            load_light_fields(str(tmp_path / "two"), cache)
    SHAPES["cone"]().export(tmp_path / "two" / "rod.stl")
    assert (load_light_fields(str(tmp_path / "two"), cache).fields[2] != fresh.fields[2]).any()
    cache.write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"fields\.npz: not a readable cache.*remove it"):
        load_light_fields(str(tmp_path / "two"), cache)


def same(one: LightFieldSet, other: LightFieldSet) -> bool:
    return one.ids == other.ids and one.categories == other.categories and bool((one.fields == other.fields).all())


def test_an_interrupted_run_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_meshes(tmp_path / "meshes")
    made: list[str] = []

    def stopping(vertices: Matrix, faces: npt.NDArray[np.int64], name: str) -> Fields:
        if made:
            raise KeyboardInterrupt
        made.append(name)
        return light_field(vertices, faces, name)

    monkeypatch.setattr(sources, "light_field", stopping)
    with pytest.raises(KeyboardInterrupt):
        load_light_fields(str(tmp_path / "meshes"), tmp_path / "fields.npz")
    with np.load(tmp_path / "fields.npz") as content:
        assert len(content["fields"]) == 1


def test_sources_without_meshes_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "clouds.npy", np.zeros((2, 10, 3), np.float32))
    for source in (str(tmp_path / "clouds.npy"), "household-v1/test", str(tmp_path / "nowhere")):
        with pytest.raises(UserError, match=r"need meshes.*give a folder"):
            load_light_fields(source)
    prepared = tmp_path / "prepared" / "chair" / "c0"
    prepared.mkdir(parents=True)
    np.savez(prepared / "pointcloud.npz", points=np.zeros((10, 3)))
    with pytest.raises(UserError, match="prepared data hold points; give a folder"):
        load_light_fields(str(tmp_path / "prepared"))
    hollow = tmp_path / "hollow"
    hollow.mkdir()
    (hollow / "manifest.json").write_text(json.dumps({"samples": [{"id": "s0", "file": None}]}))
    with pytest.raises(UserError, match=r"none of its 1 shapes.*s0: empty"):
        load_light_fields(str(hollow))

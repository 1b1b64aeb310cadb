"""Sets of clouds from every kind of source, and what goes wrong with them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from argus3d.data.files import write_json
from argus3d.data.splits import write_split
from argus3d.data.streams import item_rng
from argus3d.errors import UserError
from eval import splits as module
from eval.clouds import CloudSet, draw, halves, load_clouds, thin
from eval.meshes import sample_mesh_file, sample_triangles


def write_mesh(path: Path, size: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    trimesh.creation.box((size, 0.5, 0.25)).export(path)


def write_samples(folder: Path, broken: bool = False) -> None:
    samples = []
    for index in range(3):
        write_mesh(folder / "meshes" / f"s{index}.ply", 1 + index)
        samples.append({"id": f"s{index}", "category": "chair", "file": f"meshes/s{index}.ply", "empty": False})
    samples.append({"id": "s3", "category": "lamp", "file": None, "empty": True})
    if broken:
        (folder / "meshes" / "s0.ply").write_bytes(b"ply\nformat nonsense")
        (folder / "meshes" / "s1.ply").unlink()
    write_json(folder / "manifest.json", {"schema": 1, "samples": samples})


def write_prepared(root: Path) -> None:
    shapes = []
    for index, category in enumerate(["chair", "chair", "lamp"]):
        target = root / "toys" / category / f"t{index}"
        target.mkdir(parents=True)
        points = np.random.default_rng(index).uniform(-0.5, 0.5, (50, 3)).astype(np.float16)
        np.savez(target / "pointcloud.npz", points=points, normals=points)
        shapes.append({"id": f"t{index}", "category": category, "source": "toys"})
    write_json(root / "toys" / "manifest.json", {"shapes": shapes})


def named(count: int, categories: tuple[str, ...] | None = None, failed: int = 0) -> CloudSet:
    found = np.random.default_rng(0).random((count, 4, 3)).astype(np.float32)
    return CloudSet(
        "set",
        found,
        tuple(f"i{index}" for index in range(count)),
        categories or ("",) * count,
        count + failed,
        tuple((f"f{index}", "why") for index in range(failed)),
    )


def test_a_folder_of_samples_counts_the_empty_one_as_failed(tmp_path: Path) -> None:
    write_samples(tmp_path)
    found = load_clouds(str(tmp_path), 64, 0)
    assert found.clouds.shape == (3, 64, 3) and found.clouds.dtype == np.float32
    assert found.ids == ("s0", "s1", "s2") and found.categories == ("chair",) * 3
    assert found.asked == 4 and [item for item, _ in found.failed] == ["s3"] and "empty" in found.failed[0][1]


def test_broken_and_missing_meshes_are_named_not_dropped(tmp_path: Path) -> None:
    write_samples(tmp_path, broken=True)
    found = load_clouds(str(tmp_path), 8, 0)
    assert found.ids == ("s2",) and found.asked == 4
    reasons = dict(found.failed)
    assert "cannot be read as .ply" in reasons["s0"] and "no such file" in reasons["s1"]


def test_reasons_name_files_from_the_source_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_samples(tmp_path / "made")
    write_mesh(tmp_path / "made" / "made" / "a.ply")
    monkeypatch.chdir(tmp_path)
    read = Path.read_bytes

    def locked(path: Path) -> bytes:
        if path.name in ("s1.ply", "a.ply"):
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    def reason(source: str, item: str) -> str:
        return dict(load_clouds(source, 8, 0).failed)[item]

    monkeypatch.setattr(Path, "read_bytes", locked)
    for source in ("made", str(tmp_path / "made"), "./made/../made/"):
        assert "Permission denied: 'meshes/s1.ply'" in reason(source, "s1")
    (tmp_path / "made" / "manifest.json").unlink()
    for source in ("made", str(tmp_path / "made")):
        assert "Permission denied: 'made/a.ply'" in reason(source, "made/a.ply")
    monkeypatch.chdir(tmp_path / "made")
    assert "Permission denied: 'made/a.ply'" in reason(".", "made/a.ply")


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb", ".stl", ".off"])
def test_a_folder_of_meshes_takes_classes_from_sub_folders(tmp_path: Path, suffix: str) -> None:
    write_mesh(tmp_path / "chair" / f"a{suffix}")
    write_mesh(tmp_path / f"b{suffix}")
    found = load_clouds(str(tmp_path), 500, 0)
    assert found.ids == (f"b{suffix}", f"chair/a{suffix}") and found.categories == ("", "chair")
    assert np.abs(found.clouds).max(axis=(0, 1)) == pytest.approx([0.5, 0.25, 0.125], abs=1e-6)


def test_company_and_order_change_no_point(tmp_path: Path) -> None:
    write_mesh(tmp_path / "one" / "a.ply")
    write_mesh(tmp_path / "two" / "a.ply")
    write_mesh(tmp_path / "two" / "0.ply")
    alone, together = load_clouds(str(tmp_path / "one"), 32, 5), load_clouds(str(tmp_path / "two"), 32, 5)
    assert (alone.clouds[0] == together.clouds[together.ids.index("a.ply")]).all()
    assert (alone.clouds != load_clouds(str(tmp_path / "one"), 32, 6).clouds).any()


def test_samples_are_uniform_by_area() -> None:
    # Two triangles, one of three times the area.
    triangles = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[5, 0, 0], [8, 0, 0], [5, 1, 0]]], dtype=float)
    points, normals = sample_triangles(triangles, 20_000, item_rng(0, "x"))
    assert (normals == [0, 0, 1]).all()
    right = points[:, 0] >= 5
    assert right.mean() == pytest.approx(0.75, abs=0.01)
    assert points[right].mean(axis=0) == pytest.approx([6, 1 / 3, 0], abs=0.02)


def test_a_mesh_without_surface_is_refused(tmp_path: Path) -> None:
    (tmp_path / "points.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
    (tmp_path / "flat.obj").write_text("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n")
    (tmp_path / "nan.obj").write_text("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    for name, words in (("points", "no faces"), ("flat", "no face .* has an area"), ("nan", "NaN")):
        with pytest.raises(UserError, match=words):
            sample_mesh_file(tmp_path / f"{name}.obj", 4, item_rng(0, name))


def test_arrays(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).random((3, 20, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", stored)
    np.savez(tmp_path / "b.npz", clouds=stored, ids=np.array(["x", "y", "z"]))
    torch.save(torch.from_numpy(stored), tmp_path / "c.pt")
    for name in ("a.npy", "b.npz", "c.pt"):
        found = load_clouds(str(tmp_path / name), 20, 0)
        assert (np.sort(found.clouds, axis=1) == np.sort(stored, axis=1)).all(), name
    assert load_clouds(str(tmp_path / "b.npz"), 5, 0).ids == ("x", "y", "z")
    few = load_clouds(str(tmp_path / "a.npy"), 5, 0).clouds[0]
    assert len({tuple(point) for point in few.tolist()} & {tuple(point) for point in stored[0].tolist()}) == 5


def test_prepared_data_and_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_prepared(tmp_path)
    whole = load_clouds(str(tmp_path / "toys"), 16, 0)
    assert whole.ids == ("t0", "t1", "t2") and whole.categories == ("chair", "chair", "lamp")
    (tmp_path / "toys").rename(tmp_path / "bare")
    manifest = (tmp_path / "bare" / "manifest.json").rename(tmp_path / "manifest-of-toys")
    assert (load_clouds(str(tmp_path / "bare"), 16, 0).clouds == whole.clouds).all(), "the layout alone will do"
    manifest.rename(tmp_path / "bare" / "manifest.json")
    (tmp_path / "bare").rename(tmp_path / "toys")
    monkeypatch.setattr(module, "FOLDER", tmp_path / "splits")
    write_split(tmp_path / "splits" / "toys-v1.json", "toys-v1", 1, "", {"train": ["t0"], "test": ["t2", "gone"]})
    part = load_clouds("toys-v1/test", 16, 0, data_root=tmp_path)
    assert part.ids == ("t2",) and part.asked == 2 and part.failed[0][0] == "gone"
    assert (part.clouds[0] == whole.clouds[2]).all(), "a shape has the same points whichever way it is named"
    with pytest.raises(UserError, match="--data-root"):
        load_clouds("toys-v1/test", 16, 0)
    with pytest.raises(UserError, match="has no part 'val'; it has test, train"):
        load_clouds("toys-v1/val", 16, 0, data_root=tmp_path)
    with pytest.raises(UserError, match="no prepared data"):
        load_clouds("toys-v1/test", 16, 0, data_root=tmp_path / "elsewhere")


def test_a_file_of_torch_says_what_it_must_hold(tmp_path: Path) -> None:
    clouds, path = torch.rand(3, 20, 3), tmp_path / "a.pt"
    for content, what in (({"clouds": clouds}, "dict"), (clouds.bfloat16(), r"torch\.bfloat16"), ([clouds], "list")):
        torch.save(content, path)
        with pytest.raises(UserError, match=rf"a\.pt: .*holds {what}; save one tensor \(N, P, 3\) of float16, float32"):
            load_clouds(str(path), 8, 0)
    torch.save(clouds.requires_grad_(), path)
    assert load_clouds(str(path), 20, 0).clouds.shape == (3, 20, 3)


def test_a_collapsed_shape_fails_by_id_and_the_rest_goes_on(tmp_path: Path) -> None:
    write_prepared(tmp_path)
    point = np.full((50, 3), 0.25, np.float16)
    np.savez(tmp_path / "toys" / "chair" / "t1" / "pointcloud.npz", points=point, normals=point)
    found = load_clouds(str(tmp_path / "toys"), 16, 0)
    assert found.ids == ("t0", "t2") and found.asked == 3
    assert found.failed == (("t1", "t1: all of its points are equal, so that it has no size; repair or drop it"),)


def test_a_collapsed_cloud_of_an_array_is_named_with_its_file(tmp_path: Path) -> None:
    clouds = np.random.default_rng(0).random((3, 20, 3)).astype(np.float32)
    clouds[1] = 7
    np.save(tmp_path / "a.npy", clouds)
    np.savez(tmp_path / "b.npz", clouds=clouds, ids=np.array(["x", "y", "z"]))
    for name, which in (("a.npy", "cloud 1"), ("b.npz", r"cloud 1 \(y\)")):
        with pytest.raises(UserError, match=rf"{name}: {which}: all of its points are equal"):
            load_clouds(str(tmp_path / name), 8, 0)
    assert load_clouds(str(tmp_path / "a.npy"), 1, 0).clouds.shape == (3, 1, 3), "a single point is no collapse"


FAR = "too far from the origin for its size: .* centre it first"


def test_a_mesh_that_single_precision_would_bend_fails_by_id(tmp_path: Path) -> None:
    box = trimesh.creation.box((1, 0.5, 0.25))
    for name, away in (("near", 0), ("bearable", 5_000), ("far", 500_000)):
        write_mesh(tmp_path / f"{name}.obj")
        (tmp_path / f"{name}.obj").write_text(trimesh.Trimesh(box.vertices + away, box.faces).export(file_type="obj"))
    found = load_clouds(str(tmp_path), 64, 0)
    assert found.ids == ("bearable.obj", "near.obj") and [item for item, _ in found.failed] == ["far.obj"]
    assert re.search(FAR, found.failed[0][1])


def test_a_prepared_shape_that_single_precision_would_bend_fails_by_id(tmp_path: Path) -> None:
    write_prepared(tmp_path)
    points = np.random.default_rng(0).random((50, 3)) + 1e6
    np.savez(tmp_path / "toys" / "lamp" / "t2" / "pointcloud.npz", points=points, normals=points)
    found = load_clouds(str(tmp_path / "toys"), 16, 0)
    assert [item for item, _ in found.failed] == ["t2"] and re.search(f"t2: lies {FAR}", found.failed[0][1])


@pytest.mark.parametrize(
    ("factor", "away", "words"),
    [
        (1e-3, 1e6, f"cloud 0: lies {FAR}"),
        (1e39, 0, "cloud 0: a coordinate of .*e.38 is beyond single precision"),
        (1e-43, 0, "cloud 0: its longest side of 9.*e-44 is too small"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_an_array_that_single_precision_would_bend_is_named(
    factor: float, away: float, words: str, tmp_path: Path
) -> None:
    clouds = np.random.default_rng(0).random((3, 20, 3))
    np.save(tmp_path / "a.npy", clouds * factor + away)
    with pytest.raises(UserError, match=rf"a\.npy: {words}"):
        load_clouds(str(tmp_path / "a.npy"), 8, 0)


def test_bad_sources_are_named(tmp_path: Path) -> None:
    bad = np.zeros((3, 20, 3), np.float32)
    bad[1, 4, 0] = np.nan
    np.save(tmp_path / "nan.npy", bad)
    np.save(tmp_path / "flat.npy", np.zeros((3, 4)))
    np.save(tmp_path / "few.npy", np.zeros((3, 4, 3)))
    np.savez(tmp_path / "nameless.npz", points=bad)
    (tmp_path / "broken.npy").write_bytes(b"nonsense")
    (tmp_path / "void").mkdir()
    for name, words in {
        "nan.npy": "cloud 1 .* not finite",
        "flat.npy": "shape",
        "few.npy": "4 points, the protocol asks for 8",
        "nameless.npz": "clouds=",
        "broken.npy": "not a readable array",
        "void": "no meshes",
        "nowhere": "no such file",
    }.items():
        with pytest.raises(UserError, match=words):
            load_clouds(str(tmp_path / name), 8, 0)


def test_a_source_where_everything_failed_says_why(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"samples": [{"id": "a", "file": None, "empty": True}]}))
    with pytest.raises(UserError, match=r"none of its 1 shapes gave a cloud.*a: empty"):
        load_clouds(str(tmp_path), 8, 0)


def test_draw_keeps_failures_in_proportion() -> None:
    whole = named(6, failed=4)
    part = draw(whole, 5, 0)
    assert part.asked == 5 == len(part.ids) + len(part.failed)
    assert draw(whole, 10, 0).failed == whole.failed
    assert thin(whole, 3, 0).asked == 3
    with pytest.raises(UserError, match="1 to 10"):
        draw(whole, 11, 0)
    with pytest.raises(UserError, match="ask for fewer"):
        thin(whole, 7, 0)


def test_halves_are_disjoint_and_of_equal_size() -> None:
    whole = named(21)
    one, two = halves(whole, 0)
    assert len(one.ids) == len(two.ids) == 10 and not set(one.ids) & set(two.ids)
    assert halves(whole, 1)[0].ids != one.ids
    with pytest.raises(UserError, match="halved"):
        halves(named(1), 0)


def test_a_set_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="comes twice"):
        CloudSet("set", np.zeros((2, 4, 3), np.float32), ("a", "a"), ("", ""), 2)
    with pytest.raises(ValueError, match="3 shapes asked"):
        CloudSet("set", np.zeros((1, 4, 3), np.float32), ("a",), ("",), 3)

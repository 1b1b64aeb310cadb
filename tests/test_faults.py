"""The checks of benchmarks/faults see what they are to see."""

import json
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image
from safetensors.torch import save_file

from benchmarks.faults import processes, whole
from benchmarks.faults.kills import changed, marks
from benchmarks.faults.others import way
from benchmarks.faults.processes import HUNG, Ended
from eval.distances.tiles import STORED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole file of every kind."""
    (tmp_path / "a.json").write_text('{"seconds": 1}')
    (tmp_path / "log.jsonl").write_text('{"step": 1, "seconds": 1}\n{"step": 2, "seconds": 2}\n')
    np.savez(tmp_path / "a.npz", points=np.zeros(3))
    np.save(tmp_path / "a.npy", np.zeros(3))
    trimesh.creation.box().export(tmp_path / "a.ply")
    Image.new("RGB", (20, 20), (90, 120, 150)).save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", b"0123456789")
    torch.save({"seconds": 1.0, "weights": {"a": torch.arange(6.0).reshape(2, 3).T}}, tmp_path / "a.pt")
    save_file({"a": torch.zeros(3)}, tmp_path / "a.safetensors")
    (tmp_path / "a.html").write_text("<html></html>\n")
    return tmp_path


def test_whole_files_are_whole(folder: Path) -> None:
    assert whole.broken(folder) == []


@pytest.mark.parametrize("name", [f"a.{one}" for one in ("json", "npz", "npy", "ply", "png", "zip", "pt", "html")])
def test_half_a_file_is_seen_unless_it_is_named_as_partial(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (found,) = whole.broken(folder)
    assert found.startswith(f"{name}: ")
    path.rename(folder / f".a.0123abcd-1.part{path.suffix}")
    assert whole.broken(folder) == [] and len(whole.leftovers(folder)) == 1


def test_half_a_line_half_weights_and_unknown_files_are_seen(folder: Path) -> None:
    with (folder / "log.jsonl").open("a") as log:
        log.write('{"step"')
    weights = folder / "a.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    (folder / "a.what").touch()
    assert [found.split(":")[0] for found in whole.broken(folder)] == ["a.safetensors", "a.what", "log.jsonl"]


def test_what_manifests_name_must_be_there(folder: Path) -> None:
    shape = {"id": "x", "category": "chair", "sha256": {"cloud.npz": "0" * 64}}
    sample = {"id": "y", "file": "meshes/y.ply"}
    (folder / "manifest.json").write_text(json.dumps({"shapes": [shape], "samples": [sample]}))
    words = " ".join(whole.broken(folder))
    for missing in ("x, which has no record", "cloud.npz of x, which cannot be read", "tokens/y.npy", "meshes/y.ply"):
        assert missing in words


def test_only_clocks_may_differ(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "log.jsonl").write_text('{"step": 1, "seconds": 7}\n{"step": 2, "seconds": 8}\n')
    torch.save({"seconds": 9.0, "weights": {"a": torch.arange(6.0).reshape(2, 3).T}}, other / "a.pt")
    assert whole.differences(folder, other) == []
    torch.save({"seconds": 9.0, "weights": {"a": torch.arange(6.0).reshape(3, 2)}}, other / "a.pt")
    (other / "a.json").write_text('{"seconds": 2}')
    (other / "b.json").write_text("1")
    assert whole.differences(folder, other) == ["a.json", "a.pt", "b.json"]


def test_kept_distances_may_be_others_but_not_different(tmp_path: Path) -> None:
    some, others = np.full((2, 3, 3), np.nan)
    some[0, 1], some[1, 2], others[0, 1] = 1.0, 2.0, 1.0
    for place, distances in (("a", some), ("b", others)):
        (tmp_path / place / "kept").mkdir(parents=True)
        np.save(tmp_path / place / "kept/x.npy", distances)
    assert whole.differences(tmp_path / "a", tmp_path / "b") == []
    np.save(tmp_path / "b/kept/x.npy", others * (1 + 1e-15))
    assert whole.differences(tmp_path / "a", tmp_path / "b") == ["kept/x.npy"]
    np.save(tmp_path / "b/kept/x.npy", others[:2, :2])
    assert whole.differences(tmp_path / "a", tmp_path / "b") == ["kept/x.npy"]


def test_tiles_may_come_in_any_order(tmp_path: Path) -> None:
    tiles = np.array([(0, 1, 0.5), (0, 2, 0.25)], STORED)
    for place, stored in (("a", tiles), ("b", tiles[::-1])):
        (tmp_path / place).mkdir()
        stored.tofile(tmp_path / place / "x.tiles")
    assert whole.differences(tmp_path / "a", tmp_path / "b") == []
    tiles["distance"][0] = 0.75
    tiles.tofile(tmp_path / "b/x.tiles")
    assert whole.differences(tmp_path / "a", tmp_path / "b") == ["x.tiles"]


def test_a_file_that_is_made_anew_is_seen(folder: Path) -> None:
    paths = [folder / "a.json", folder / "a.npy"]
    before = marks(paths)
    assert changed(before, marks(paths)) == []
    content = paths[0].read_bytes()
    paths[0].unlink()
    (folder / "between").touch()
    paths[0].write_bytes(content)
    assert changed(before, marks(paths)) == ["a.json"]
    assert changed(before, {}) == ["a.json", "a.npy"]


def test_a_run_that_hangs_is_ended_and_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.3)
    monkeypatch.setattr(processes, "_said", lambda lines: time.sleep(60))
    ended = processes.run([("argus3d", "sample")], tmp_path)
    assert (ended.code, way(ended), ended.in_words) == (HUNG, "hung", False)


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (Ended(0, "", 1.0), "done"),
        (Ended(1, "argus3d: memory ran out; free some.", 1.0), "said"),
        (Ended(1, "Exception ignored in sys.unraisablehookargus3d-eval: memory ran out; free some.", 1.0), "said"),
        (Ended(1, "a.json: of argus3d", 1.0), "not said (1)"),
        (Ended(1, "Traceback (most recent call last):\nargus3d: a bug", 1.0), "not said (1)"),
        (Ended(-6, "LLVM ERROR: out of memory", 1.0), "ended by compiled code"),
        (Ended(127, "cannot allocate memory for thread-local data: ABORT\n", 1.0), "ended by compiled code"),
        (Ended(127, "argus3d: no such command", 1.0), "said"),
        (Ended(-11, "", 1.0), "not said (-11)"),
    ],
)
def test_ways_to_end_are_told_apart(ended: Ended, words: str) -> None:
    assert way(ended) == words

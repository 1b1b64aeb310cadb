"""`argus3d complete`: parts out of files, and parts cut off prepared shapes."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from argus3d import engine
from argus3d.cli import main
from argus3d.complete import cut_part, read_part
from argus3d.data.prepared import PreparedData
from argus3d.errors import UserError
from argus3d.prompts import LEAST_POINTS
from tests.argus3d.guided_files import TEXT, use_toys, write_balls, write_guided
from tests.argus3d.sizes import AUTOENCODER
from tests.argus3d.test_guided_command import records, tokens
from tests.argus3d.test_sample_command import manifest
from tests.argus3d.test_sample_engine import contents


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_guided(tmp_path_factory.mktemp("checkpoints") / "guided")


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_balls(tmp_path_factory.mktemp("balls"), views=False)


def bowl() -> NDArray[np.float64]:
    """50 points of the lower half of a ball."""
    directions = np.random.default_rng(0).standard_normal((50, 3))
    directions[:, 1] = -np.abs(directions[:, 1])
    return directions / (2 * np.linalg.norm(directions, axis=1, keepdims=True))


def part_file(folder: Path, name: str, points: NDArray[np.floating]) -> Path:
    path = folder / name
    if path.suffix == ".npy":
        np.save(path, points)
    elif path.suffix == ".npz":
        np.savez(path, points=points)
    else:
        path.write_bytes(trimesh.PointCloud(points).export(file_type="ply"))
    return path


def complete(checkpoint: Path, out: Path, *words: str | Path) -> int:
    return main(["complete", "--checkpoint", str(checkpoint), "--out", str(out), *map(str, words)])


def like(checkpoint: Path, out: Path, split: Path, *words: str) -> int:
    where = ["--root", str(split.parent / "data"), "--source", "balls"]
    return complete(checkpoint, out, "--like", f"{split}/test", *where, *words)


def test_a_cloud(guided: Path, tmp_path: Path) -> None:
    path = part_file(tmp_path, "My Part.ply", bowl())
    assert complete(guided, tmp_path / "out", path, "--count", "3") == 0
    said = manifest(tmp_path / "out")
    assert [record["id"] for record in said["samples"]] == [f"my-part-000{k}" for k in range(3)]
    record = said["samples"][1]
    assert (record["shape"], record["number"], record["given"]) == ("my-part", 1, {"part": "My Part.ply"})
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["part"] == {"file": "My Part.ply", "sha256": sha256} and record["category"] is None
    assert said["settings"]["given"] == {"part": sha256} and "encoders" not in said["settings"]
    with np.load(tmp_path / "out" / "parts.npz") as parts:
        np.testing.assert_array_equal(parts["my-part"], bowl().astype(np.float32))


def test_the_part_and_the_words_matter(guided: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_toys(monkeypatch)
    parts = [part_file(tmp_path, "a.npy", bowl()), part_file(tmp_path, "b.npz", bowl() * 0.5)]
    made = []
    for name, words in {
        "a": (parts[0],), "b": (parts[1],), "class": (parts[0], "--category", "lamp"),
        "text": (parts[0], "--text", "a bowl"), "all": (parts[0], "--text", "a bowl", "--category", "lamp"),
    }.items():  # fmt: skip
        assert complete(guided, tmp_path / name, *words, "--count", "2") == 0
        made.append(tokens(tmp_path / name))
    assert len(set(made)) == 5
    assert records(tmp_path / "all")[0]["id"] == "a-lamp-a-bowl-0000"
    assert records(tmp_path / "all")[0]["given"] == {"category": "lamp", "text": "a bowl", "part": "a.npy"}
    assert manifest(tmp_path / "text")["settings"]["encoders"]["text"]["name"] == TEXT.encoder


def test_ten_completions_unless_said(guided: Path, tmp_path: Path) -> None:
    assert complete(guided, tmp_path / "out", part_file(tmp_path, "a.npy", bowl())) == 0
    assert len(records(tmp_path / "out")) == 10


@pytest.mark.parametrize("cut", ["viewpoint", "bottom"])
def test_parts_of_a_split(cut: str, guided: Path, split: Path, tmp_path: Path) -> None:
    assert like(guided, tmp_path / "out", split, "--cut", cut, "--each", "2") == 0
    made = records(tmp_path / "out")
    assert [record["id"] for record in made] == [f"ball-0{k}-{n}" for k in range(4) for n in range(2)]
    assert made[5]["shape"] == "ball-02" and made[5]["number"] == 1 and made[5]["category"] == "chair"
    assert made[5]["given"] == {"part": cut}
    said = manifest(tmp_path / "out")["settings"]
    assert (said["like"], said["cut"], said["each"]) == ("balls-v1/test", cut, 2)
    with np.load(tmp_path / "out" / "parts.npz") as parts:
        assert sorted(parts) == [f"ball-0{k}" for k in range(4)]
        for shape in PreparedData(split.parent / "data").shapes.values():
            part = parts[shape.id]
            assert part.dtype == np.float32 and len(part) == AUTOENCODER.points
            assert {tuple(point) for point in part} <= {tuple(point) for point in shape.cloud().astype(np.float32)}
            np.testing.assert_array_equal(part, cut_part(shape, cut, AUTOENCODER.points, 0))
            assert not np.array_equal(part, cut_part(shape, cut, AUTOENCODER.points, 1))


def test_an_interrupted_run_and_an_engine_end_with_the_same_bytes(
    guided: Path, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--cut", "viewpoint", "--each", "2", "--guidance", "2")
    assert like(guided, tmp_path / "whole", split, *words) == 0
    assert like(guided, tmp_path / "cut", split, *words) == 0
    for name in ("manifest.json", "parts.npz", "records/ball-01-1.json"):
        (tmp_path / "cut" / name).unlink()
    monkeypatch.setattr(engine, "elsewhere", lambda arguments: engine.local(1))
    assert like(guided, tmp_path / "cut", split, *words, "--batch-size", "3") == 0
    assert like(guided, tmp_path / "new", split, *words, "--batch-size", "3") == 0
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole") == contents(tmp_path / "new")


def test_files_of_parts(tmp_path: Path) -> None:
    points = bowl()
    for name in ("a.npy", "a.npz", "a.ply"):
        np.testing.assert_allclose(read_part(part_file(tmp_path, name, points), 64, 0), points, atol=1e-7)
    fewer = read_part(tmp_path / "a.npy", 40, 0)
    assert len(fewer) == 40 and {tuple(p) for p in fewer} <= {tuple(p) for p in points.astype(np.float32)}
    np.testing.assert_array_equal(fewer, read_part(tmp_path / "a.npy", 40, 0))
    assert not np.array_equal(fewer, read_part(tmp_path / "a.npy", 40, 1))
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.4)
    ball.apply_translation([0.1, 0, 0])
    for name in ("ball.ply", "ball.glb", "ball.stl"):
        ball.export(tmp_path / name)
        drawn = read_part(tmp_path / name, 500, 0)
        assert drawn.shape == (500, 3) and drawn.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(drawn - [0.1, 0, 0], axis=1), 0.4, atol=0.005)


def test_parts_that_are_refused(guided: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    holes, nowhere = bowl(), bowl()
    holes[7, 1], nowhere[3, 2] = np.nan, np.inf
    cases = {
        "three.ply": (bowl()[:3], f"3 points; give {LEAST_POINTS} or more"),
        "none.npy": (np.empty((0, 3)), "0 points; give"),
        "nan.npz": (holes, "coordinates that are not finite"),
        "inf.npy": (nowhere, "coordinates that are not finite"),
        "large.ply": (bowl() * 3, "out of the box of 0.55"),
        "away.npy": (bowl() + 0.5, "out of the box of 0.55"),
        "flat.npy": (bowl()[:, :2], r"must be points (P, 3), not (50, 2)"),
        "words.npy": (np.array(["chair"] * 40), "cannot be read as an array of points"),
    }
    for name, (points, reason) in cases.items():
        path = part_file(tmp_path, name, points)
        assert complete(guided, tmp_path / "out", path) == 1
        error = capsys.readouterr().err.strip()
        assert name in error and reason in error and "\n" not in error
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.ply", "a.glb", "a.xyz", "a"])
@pytest.mark.parametrize("content", [b"", b"this is no cloud", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"ply\nformat "])
def test_files_that_hold_no_part(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name) as caught:
        read_part(tmp_path / name, 64, 0)
    assert "\n" not in str(caught.value)


def test_questions_that_contradict_each_other(
    guided: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = part_file(tmp_path, "a.npy", bowl())
    told = write_guided(tmp_path / "told", [TEXT])
    cases: list[tuple[tuple[Path, tuple[str | Path, ...]], str]] = [
        ((guided, ()), "there is nothing to complete"),
        ((guided, (tmp_path / "b.npy",)), "b.npy: there is no such file"),
        ((guided, (part, "--cut", "bottom")), "leave out --like, --cut and --each"),
        ((guided, (part, "--like", f"{split}/test")), "leave out --like, --cut and --each"),
        ((guided, ("--like", f"{split}/test")), "say what is left of them: --cut viewpoint|bottom"),
        ((guided, ("--like", f"{split}/test", "--cut", "bottom", "--count", "3")), "leave out --category, --text"),
        ((told, (part,)), "takes no part; it is guided by class, text."),
    ]
    for (checkpoint, words), reason in cases:
        assert complete(checkpoint, tmp_path / "out", *words) == 1
        assert reason in capsys.readouterr().err and not (tmp_path / "out").exists()

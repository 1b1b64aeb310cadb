"""`argus3d sample` on a checkpoint of the smallest sizes: formats, warnings, full disks, one class, precision."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from argus3d import checkpoint, samples
from argus3d.checkpoint import Argus
from argus3d.cli import main
from argus3d.config import ArgusConfig
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.transformer import ShapeTransformer
from tests.argus3d.sizes import AUTOENCODER, CLASSES, TRANSFORMER


def write_checkpoint(folder: Path, categories: tuple[str, ...] = CLASSES, trained: bool = True) -> Path:
    """A checkpoint of random weights; `trained` moves every weight off what it starts as."""
    torch.manual_seed(0)
    config = ArgusConfig(AUTOENCODER, replace(TRANSFORMER, classes=len(categories)))
    autoencoder, transformer = ShapeAutoencoder(config.autoencoder), ShapeTransformer(config.transformer)
    if trained:
        for parameter in [*autoencoder.parameters(), *transformer.parameters()]:
            torch.nn.init.normal_(parameter, std=0.3)
    checkpoint.save(Argus(config, autoencoder, transformer, categories, 0.5, resolution=12), folder)
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "tiny")


def sample(folder: Path, out: Path, *words: str) -> int:
    return main(["sample", "--checkpoint", str(folder), "--out", str(out), "--count", "3", *words])


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_a_finished_shape_of_which_a_file_is_gone_is_made_again(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "a"
    assert sample(tiny, out, "--category", "lamp", "--format", "obj") == 0
    before = {path: path.read_bytes() for path in out.glob("*/*")}
    times = {path: path.stat().st_mtime_ns for path in before if path.stem != "lamp-0001"}
    lost = [path for path in before if path.stem == "lamp-0001" and path.parent.name != "records"]
    assert len(lost) == 3
    for path in lost:
        path.unlink()
        assert sample(tiny, out, "--category", "lamp", "--format", "obj") == 0
        assert {found: found.read_bytes() for found in out.glob("*/*")} == before
    assert {path: path.stat().st_mtime_ns for path in times} == times, "what is whole is not made again"


@pytest.mark.parametrize("form", samples.FORMATS)
def test_every_format_holds_the_same_shape(form: str, tiny: Path, tmp_path: Path) -> None:
    assert sample(tiny, tmp_path / "a", "--category", "lamp", "--format", form) == 0
    assert sample(tiny, tmp_path / "b", "--category", "lamp") == 0
    for one, other in zip(manifest(tmp_path / "a")["samples"], manifest(tmp_path / "b")["samples"], strict=True):
        assert one["file"] == f"meshes/{one['id']}.{form}"
        found = trimesh.load(tmp_path / "a" / one["file"], force="mesh")
        wanted = trimesh.load(tmp_path / "b" / other["file"], force="mesh")
        assert found.volume == pytest.approx(wanted.volume, rel=1e-4)
        np.testing.assert_allclose(found.bounds, wanted.bounds, atol=1e-5)


def test_resolution_and_threshold_are_the_checkpoints_own_unless_said(tiny: Path, tmp_path: Path) -> None:
    faces = {}
    for name, words in {
        "own": [], "said": ["--resolution", "12", "--threshold", "0.5"], "fine": ["--resolution", "24"],
        "low": ["--threshold", "0.2"],
    }.items():  # fmt: skip
        assert sample(tiny, tmp_path / name, "--category", "chair", *words) == 0
        files = [tmp_path / name / entry["file"] for entry in manifest(tmp_path / name)["samples"] if entry["file"]]
        faces[name] = [path.read_bytes() for path in files]
    assert faces["own"] == faces["said"]
    assert faces["fine"] != faces["own"] != faces["low"]


def test_weights_that_look_untrained_are_not_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = write_checkpoint(tmp_path / "raw", trained=False)
    assert sample(folder, tmp_path / "out", "--category", "chair") == 0
    error = capsys.readouterr().err
    assert "warning: the transformer looks untrained" in error and "warning: the autoencoder looks untrained" in error


def test_a_model_of_one_class_needs_no_class(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = write_checkpoint(tmp_path / "one", ("shape",))
    assert sample(folder, tmp_path / "out") == 0
    ids = [entry["id"] for entry in manifest(tmp_path / "out")["samples"]]
    assert ids == ["shape-0000", "shape-0001", "shape-0002"]


def test_empty_shapes_are_counted(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    argus = checkpoint.load(tiny)
    with torch.no_grad():
        argus.autoencoder.decoder.out.bias.fill_(-1000)
    checkpoint.save(argus, tmp_path / "hollow")
    assert sample(tmp_path / "hollow", tmp_path / "out", "--category", "chair") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["empty"] == 3 and "3 shapes, 3 of them empty" in said.err
    assert [entry["file"] for entry in manifest(tmp_path / "out")["samples"]] == [None] * 3


def test_a_full_disk_keeps_what_is_finished(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert sample(tiny, tmp_path / "whole", "--category", "chair") == 0
    write, calls = samples.write_atomically, []

    def full(path: Path, content: bytes) -> None:
        calls.append(path)
        if len(calls) > 3:  # the mesh and the picture of the first shape and the mesh of the second went well
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(samples, "write_atomically", full)
        assert sample(tiny, tmp_path / "out", "--category", "chair") == 1
    error = capsys.readouterr().err
    for words in ("no space left for", "its 1 finished shapes are whole", "run the same command"):
        assert words in error
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert not list((tmp_path / "out").rglob(".*"))
    assert sample(tiny, tmp_path / "out", "--category", "chair") == 0
    assert manifest(tmp_path / "out")["samples"] == manifest(tmp_path / "whole")["samples"]
    for path in (tmp_path / "whole" / "meshes").iterdir():
        assert (tmp_path / "out" / "meshes" / path.name).read_bytes() == path.read_bytes()


def test_half_precision_is_a_setting_of_the_folder(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert sample(tiny, tmp_path / "out", "--category", "chair", "--dtype", "bfloat16") == 0
    assert manifest(tmp_path / "out")["settings"]["dtype"] == "bfloat16"
    assert sample(tiny, tmp_path / "out", "--category", "chair") == 1
    assert "holds shapes of other settings" in capsys.readouterr().err


def test_too_little_memory_is_said_before_anything_is_read(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("argus3d.memory.free_bytes", lambda device: 2**29)
    assert sample(tiny, tmp_path / "out", "--category", "chair") == 1
    assert "tiny needs" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_top_k_past_a_small_vocabulary_is_refused_only_when_asked_for(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert sample(tiny, tmp_path / "a", "--category", "chair") == 0
    assert sample(tiny, tmp_path / "b", "--category", "chair", "--top-k", "17") == 1
    assert "top_k 17 must lie in 1 .. 16" in capsys.readouterr().err

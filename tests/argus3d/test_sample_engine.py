"""`argus3d sample` and `argus3d reconstruct` by an engine: the same folders."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from argus3d import engine
from argus3d.cli import main
from argus3d.data.prepare import prepare
from argus3d.data.splits import ids_sha256
from tests.argus3d.balls import SMALL, BallCatalogue
from tests.argus3d.test_sample_command import write_checkpoint


def contents(folder: Path) -> dict[str, bytes]:
    """All files; of the manifest, everything but the command."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    manifest = json.loads(found["manifest.json"])
    del manifest["command"]
    return found | {"manifest.json": json.dumps(manifest).encode()}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="module")
def alone(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("samples") / "alone"
    assert main(words(tiny, out)) == 0
    return out


def words(checkpoint: Path, out: Path, *more: str) -> list[str]:
    return ["sample", "--checkpoint", str(checkpoint), "--out", str(out), "--category", "lamp", "--count", "7", *more]


def test_processes_take_up_what_is_there(tiny: Path, alone: Path, tmp_path: Path) -> None:
    assert main([*words(tiny, tmp_path / "two")[:-1], "2"]) == 0
    assert main(words(tiny, tmp_path / "two", "--workers", "2", "--batch-size", "2")) == 0
    assert contents(tmp_path / "two") == contents(alone)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_no_byte(threads: int, tiny: Path, alone: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert main(words(tiny, tmp_path / "out")) == 0
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert contents(tmp_path / "out") == contents(alone)


@pytest.fixture
def by_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine makes the shapes, though in this process: the others take seconds to come up."""
    monkeypatch.setattr(engine, "elsewhere", lambda arguments: engine.local(1))


def test_an_engine_scrambles_alike(tiny: Path, alone: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    assert main(words(tiny, tmp_path / "one", "--scramble", str(alone))) == 0
    request.getfixturevalue("by_an_engine")
    assert main(words(tiny, tmp_path / "two", "--scramble", str(alone), "--batch-size", "3")) == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one") != contents(alone)


def test_an_engine_reconstructs_alike(tiny: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    prepare(BallCatalogue(), tmp_path / "data", replace(SMALL, surface_points=2048), engine.local(1))
    ids = [item.id for item in BallCatalogue().items()]
    split = tmp_path / "balls-v1.json"
    split.write_text(json.dumps({"parts": {"test": {"ids": ids, "sha256": ids_sha256(ids)}}}))
    command = ["reconstruct", "--checkpoint", str(tiny), "--root", str(tmp_path / "data"), "--source", "balls"]
    command += ["--shapes", f"{split}/test"]
    assert main([*command, "--out", str(tmp_path / "one")]) == 0
    request.getfixturevalue("by_an_engine")
    assert main([*command, "--out", str(tmp_path / "two")]) == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_settings_that_are_not_possible_start_no_worker(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tiny, tmp_path / "a", "--workers", "2", "--top-k", "17")) == 1
    assert "top_k 17 must lie in 1 .. 16" in capsys.readouterr().err
    assert main(words(tiny, tmp_path / "a", "--address", "10.0.0.1:6379")) == 1
    assert "add --engine ray" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()

"""A prepare that was killed with all its workers, taken up again by the command that people run."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import trimesh

from argus3d.cli import main
from tests.argus3d.test_prepare import contents

SHAPES = 40


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    for index in range(SHAPES):
        mesh = trimesh.creation.capsule(height=1 + index / 10, radius=0.5, count=[64, 64])
        path = folder / ("long", "short")[index % 2] / f"{index:02d}.ply"
        path.parent.mkdir(exist_ok=True)
        mesh.export(path)
    return folder


def command(tree: Path, root: Path, packed: bool, workers: str = "1") -> list[str]:
    words = ["data", "prepare", "folder", "--path", str(tree), "--name", "mine", "--root", str(root)]
    return [sys.executable, "-m", "argus3d.cli", *words, "--workers", workers, *(["--packed"] if packed else [])]


@pytest.fixture(scope="module")
def undisturbed(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, dict[str, bytes]]:
    roots = {packed: tmp_path_factory.mktemp("whole") for packed in (False, True)}
    for packed, root in roots.items():
        assert main(command(tree, root, packed)[3:]) == 0
    return {packed: contents(root) for packed, root in roots.items()}


@pytest.mark.parametrize("packed", [False, True])
def test_a_killed_and_resumed_prepare_equals_an_undisturbed_one(
    tree: Path, tmp_path: Path, undisturbed: dict[bool, dict[str, bytes]], packed: bool
) -> None:
    marks = (1, "*.part.zip") if packed else (6, "record.json")
    assert killed_midway(command(tree, tmp_path, packed, workers="2"), tmp_path, *marks)
    assert not (tmp_path / "mine" / "manifest.json").exists()
    assert main(command(tree, tmp_path, packed)[3:]) == 0
    assert contents(tmp_path) == undisturbed[packed]


def killed_midway(words: list[str], root: Path, least: int, pattern: str) -> bool:
    """Start a run, kill it and its workers once `least` more files of a pattern are there; False if it was faster."""
    before = len(list(root.rglob(pattern)))
    run = subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while run.poll() is None and len(list(root.rglob(pattern))) < before + least:
        time.sleep(0.01)
    ended = run.poll() is not None
    if not ended:
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    with suppress(ProcessLookupError):  # its workers are dying still
        while not ended:
            os.killpg(run.pid, 0)
            time.sleep(0.01)
    return not ended

"""Ctrl-C, and memory that runs out: both commands end in a sentence and keep what was finished."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from argus3d import cli, exits
from argus3d.data import files
from argus3d.data.folder import FolderCatalogue
from argus3d.data.formats.mesh_files import NO_SUCH_FILE
from argus3d.data.prepare import prepare
from argus3d.engine import local
from argus3d.errors import UserError
from argus3d.train import state
from eval import cli as eval_cli
from tests.argus3d.balls import SMALL, Ball, BallCatalogue
from tests.argus3d.test_prepare import contents
from tests.argus3d.test_prepare_killed import command, tree
from tests.argus3d.trainings import transformer_training

__all__ = ["tree"]  # a fixture


def workers_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.parametrize(
    ("workers", "moment"),
    [
        ("1", lambda run, root: list(root.rglob("settings.json"))),
        ("2", lambda run, root: len(workers_of(run.pid)) > 2),  # two that still import, and one that counts memory
    ],
)
def test_ctrl_c_ends_in_a_sentence(
    tree: Path, tmp_path: Path, workers: str, moment: Callable[[subprocess.Popen, Path], object]
) -> None:
    words = command(tree, tmp_path, False, workers)
    # In the background of a shell Ctrl-C is ignored, and so in what is started there.
    heard = "import signal, runpy; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code = heard + "runpy.run_module('argus3d.cli', run_name='__main__')"
    run = subprocess.Popen(
        [sys.executable, "-c", code, *words[3:]], start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not moment(run, tmp_path):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGINT)
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 130 and "Traceback" not in said
    assert said.splitlines()[-1].startswith("argus3d: interrupted; what was finished is kept")


def raising(error: BaseException) -> Callable[..., int]:
    def run(*_: object) -> int:
        raise error

    return run


@pytest.fixture(params=["argus3d", "argus3d-eval"])
def failing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    """Runs a command that ends with an exception."""

    def run(error: BaseException) -> int:
        if request.param == "argus3d":
            arguments = SimpleNamespace(run=raising(error))
            monkeypatch.setattr(cli, "parser", lambda: SimpleNamespace(parse_args=lambda _: arguments))
            return cli.main([])
        broken = ModuleType("broken")
        broken.main = raising(error)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, eval_cli.COMMANDS["score"][0], broken)
        return eval_cli.main(["score"])

    return run


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted; what was finished is kept"),
        (MemoryError(), 1, "memory ran out; ask for fewer --workers"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 1, "memory ran out"),
        (RuntimeError("could not create a primitive"), 1, "memory ran out"),
        (RuntimeError("can't start new thread"), 1, "memory ran out"),
    ],
)
def test_it_is_said_in_a_sentence(
    failing: Callable[[BaseException], int], error: BaseException, code: int, words: str,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    assert failing(error) == code
    assert words in capsys.readouterr().err


def test_what_ctrl_c_makes_of_a_library_is_told_as_ctrl_c(capsys: pytest.CaptureFixture) -> None:
    def half_imported() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise NameError("name '_api' is not defined") from None

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
    try:
        assert exits.run("argus3d", half_imported) == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err.startswith("argus3d: interrupted; what was finished is kept")
    with pytest.raises(NameError):
        exits.run("argus3d", raising(NameError("a bug")))


def test_other_errors_are_no_lack_of_memory(failing: Callable[[BaseException], int]) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        failing(RuntimeError("a bug"))


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_was_away_is_looked_for_by_the_next_run(tree: Path, tmp_path: Path, packed: bool) -> None:
    away = sorted(tree.rglob("*.*"))[0]
    for root, gone in (("away", True), ("away", False), ("whole", False)):
        catalogue = FolderCatalogue(tree, name="mine")
        if gone:
            away.rename(tree.parent / away.name)
        failed = prepare(catalogue, tmp_path / root, SMALL, local(1), packed)["failed"]
        assert [words.partition(": ")[2] for _, words in failed] == [NO_SUCH_FILE] * gone
        if gone:
            (tree.parent / away.name).rename(away)
    assert contents(tmp_path / "away") == contents(tmp_path / "whole")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no file here that is always full")
def test_a_full_disk_is_said_as_one_when_training_is_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(state, "beside", lambda _: nullcontext(Path("/dev/full")))
    with pytest.raises(OSError, match="No space left"):
        state.write_best(tmp_path / "best.pt", state.Course(), {"a": torch.zeros(100_000)})


class Lacking(BallCatalogue):
    """One of its balls takes what the machine lacks, until it lacks it no more."""

    lack: Exception | None = None

    def shape(self, item_id: str) -> Ball:
        if self.lack and item_id == "ball-01":
            raise self.lack
        return super().shape(item_id)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("lack", "words"),
    [
        (MemoryError(), "memory ran out; free some, or prepare again with fewer --workers."),
        (OSError(5, "Input/output error"), "OSError: [Errno 5] Input/output error; see to it, and try again."),
    ],
)
def test_shapes_that_the_machine_failed_are_made_by_the_next_run(
    tmp_path: Path, packed: bool, lack: Exception, words: str
) -> None:
    balls = Lacking()
    balls.lack = lack
    assert prepare(balls, tmp_path / "lacked", SMALL, local(1), packed)["failed"] == [["ball-01", f"ball-01: {words}"]]
    balls.lack = None
    for root in ("lacked", "whole"):
        assert prepare(balls, tmp_path / root, SMALL, local(1), packed)["failed"] == []
    assert contents(tmp_path / "lacked") == contents(tmp_path / "whole")


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    with files.held(tmp_path), pytest.raises(UserError, match="another run is at work in"):
        transformer_training().run(tmp_path)
    assert list(tmp_path.iterdir()) == []


STILLBORN = """
import signal, sys, threading
from argus3d import exits

signal.signal(signal.SIGINT, signal.{handler})  # ignored in the background of a shell

def fail(self):
    raise MemoryError

threading.Thread._bootstrap = fail
sys.exit(exits.run("argus3d", lambda: threading.Thread(target=print).start()))
"""


@pytest.mark.parametrize("handler", ["default_int_handler", "SIG_IGN"])
def test_a_thread_that_memory_is_too_short_for_is_not_waited_for(handler: str) -> None:
    code = STILLBORN.format(handler=handler)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert "argus3d: memory ran out" in done.stderr and "Traceback" not in done.stderr

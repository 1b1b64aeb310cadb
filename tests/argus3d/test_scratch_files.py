"""What killed runs leave half-written, and folders that two runs want at once."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from argus3d.data import files
from argus3d.errors import UserError

KILLED = """
import os, signal, sys
from pathlib import Path
from argus3d.data.files import beside

with beside(Path(sys.argv[1])) as scratch:
    scratch.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(path: Path) -> Path:
    """A process dies while it writes `path`; what it leaves."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    (scratch,) = path.parent.glob(".*.part*")
    return scratch


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    killed(tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()
    files.write_json(tmp_path / "b.json", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_a_dead_process_that_is_listed_still_writes_nothing(tmp_path: Path) -> None:
    left = killed(tmp_path / "a.json")
    machine = left.name.split(".")[2].partition("-")[0]
    child = subprocess.Popen([sys.executable, "-c", ""])
    while "State:\tZ" not in Path(f"/proc/{child.pid}/status").read_text():
        time.sleep(0.01)
    left.rename(left.with_name(f".a.{machine}-{child.pid}.part.json"))
    files.write_json(tmp_path / "b.json", 1)
    child.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_what_may_still_be_written_is_left_alone(tmp_path: Path) -> None:
    left = killed(tmp_path / "a.json")
    machine, _, process = left.name.split(".")[2].partition("-")
    alive = left.rename(left.with_name(f".a.{machine}-{os.getppid()}.part.json"))
    elsewhere = left.with_name(f".a.00000000-{process}.part.json")
    long_ago = left.with_name(f".b.00000000-{process}.part.json")
    users = left.with_name(".a.part.json")
    for path in (elsewhere, long_ago, users):
        path.touch()
    os.utime(long_ago, (0, 0))
    files.write_json(tmp_path / "b.json", 1)
    assert {path.name for path in tmp_path.iterdir()} == {alive.name, elsewhere.name, users.name, "b.json"}


def test_a_folder_is_held_by_one_run_and_let_go_at_its_end(tmp_path: Path) -> None:
    refused = pytest.raises(UserError, match=r"another run is at work in .*; let it end, or name another folder")
    with files.held(tmp_path), refused, files.held(tmp_path):
        raise AssertionError
    with files.held(tmp_path):
        pass


def test_a_folder_that_cannot_be_locked_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with files.held(tmp_path):
        assert "cannot be locked (Function not implemented): see that no other run" in capsys.readouterr().err


@pytest.mark.parametrize("name", [".a.00000000-1.part", ".a.b.0123abcd-77.part.ply"])
def test_a_name_that_looks_like_a_scratch_file_is_no_id(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    os.utime(tmp_path / name, (0, 0))
    files.write_json(tmp_path / "b.json", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]  # so a shape of that name would vanish
    assert not files.is_name(name)
    assert all(map(files.is_name, (name.lstrip("."), ".a.part", "a", f"{name}.more.ply")))

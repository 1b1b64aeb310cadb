"""What the tests of the engine have done, in a module that processes import quickly."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argus3d import engine
from argus3d.data.streams import item_rng
from argus3d.errors import UserError


@dataclass(frozen=True)
class Draws:
    """Draws from the stream of an item once all workers began; every start leaves a line, and every pickling."""

    folder: Path
    workers: int
    state: bytes = b""
    kills_once: tuple[str, ...] = ()

    def __call__(self) -> Callable[[str], bytes]:
        note(self.folder / "starts", os.getpid())
        return self.draw

    def __getstate__(self) -> dict[str, Any]:
        note(self.folder / "pickled", os.getpid())
        return vars(self)

    def draw(self, item: str) -> bytes:
        soon(lambda: len(noted(self.folder / "starts")) >= self.workers)
        kill_once(self.folder, item, self.kills_once)
        return item_rng(0, item).standard_normal(50).tobytes() + self.state[:4]


@dataclass(frozen=True)
class Mishaps:
    """What goes wrong at some items: it kills the process each time, or the first time, or raises."""

    folder: Path
    kills: tuple[int, ...] = ()
    kills_once: tuple[int, ...] = ()
    raises: tuple[int, ...] = ()

    def __call__(self) -> Callable[[int], int]:
        return self.work

    def work(self, item: int) -> int:
        if item in self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        kill_once(self.folder, item, self.kills_once)
        if item in self.raises:
            raise UserError(f"{item} is bad; leave it out.")
        return item * item


def kill_once(folder: Path, item: object, items: tuple[object, ...]) -> None:
    """Kill this process at one of `items`, but only the first time."""
    if item in items and not (folder / str(item)).exists():
        (folder / str(item)).touch()
        os.kill(os.getpid(), signal.SIGKILL)


class Stubborn(Exception):
    """Cannot be pickled: two arguments are needed to make it, and one is remembered."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what} because {why}")


def stubborn_start() -> Callable[[int], Any]:
    return stubborn


def stubborn(item: int) -> Any:
    if item == 0:
        raise Stubborn("no", "so")
    return lambda: item


def threads_start() -> Callable[[int], tuple[int, int]]:
    return threads


def threads(item: int) -> tuple[int, int]:
    """Of numba and torch."""
    import numba
    import torch

    return numba.get_num_threads(), torch.get_num_threads()


def fatal_start() -> Callable[[int], int]:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def failing_start() -> Callable[[int], int]:
    raise UserError("the checkpoint is not there; make it.")


def note(path: Path, word: object) -> None:
    with path.open("a") as stream:
        stream.write(f"{word}\n")


def noted(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def soon(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False


def stay(folder: str) -> None:
    """Work for a long time; the driver of the tests of its end."""
    list(engine.local(2).map(Sleeps(Path(folder)), range(4)))


@dataclass(frozen=True)
class Sleeps:
    folder: Path

    def __call__(self) -> Callable[[int], None]:
        return self.sleep

    def sleep(self, item: int) -> None:
        note(self.folder / "pids", os.getpid())
        time.sleep(600)


@dataclass(frozen=True)
class Hangs:
    """Stops its process at one item, the first time or each time."""

    folder: Path
    at: int
    always: bool = False

    def __call__(self) -> Callable[[int], int]:
        return self.work

    def work(self, item: int) -> int:
        if item == self.at and (self.always or not (self.folder / "hung").exists()):
            (self.folder / "hung").touch()
            os.kill(os.getpid(), signal.SIGSTOP)
        return item * item

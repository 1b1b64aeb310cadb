"""Commands in processes of their own that have imported everything, so that a moment to kill falls into the work."""

import importlib
import json
import os
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.cli import COMMANDS

Line = tuple[str, ...]  # a command: argus3d or argus3d-eval, and its words
POLL = 0.003
PATIENCE = 300.0  # seconds, after which a run hangs
# How compiled code that finds no memory ends a process, by exit code.
NO_MEMORY = (
    (-signal.SIGABRT, "LLVM ERROR"),
    (-signal.SIGABRT, "std::bad_alloc"),
    (127, "cannot allocate memory for thread-local data"),
)
HUNG = 124  # its exit code, as that of timeout(1)


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, negative for a signal, what it said on stderr, and its seconds of computing.

    A run that hung was killed, and has the exit code `HUNG`.
    """

    code: int
    said: str
    seconds: float

    @property
    def in_words(self) -> bool:
        """Whether it failed with a sentence of ours at its end; Python may lack the memory to end a line before it."""
        last = self.said.rstrip().rpartition("\n")[2]
        return self.code > 0 and "Traceback" not in self.said and re.search(r"argus3d(-eval)?: ", last) is not None

    @property
    def aborted(self) -> bool:
        """Whether compiled code found no memory: it ends the process unasked, as LLVM does, and the C library."""
        return any(self.code == code and words in self.said for code, words in NO_MEMORY)


class Run:
    """Commands, one after another in a new process and process group, in a folder that relative paths are of.

    memory : bytes that the process may still take, None for all there are
    names : file for the names of all modules that were imported
    """

    def __init__(
        self, lines: Sequence[Line], folder: Path, memory: int | None = None, names: Path | None = None
    ) -> None:
        self._stderr = folder.with_name(f"{folder.name}.{time.monotonic_ns()}.stderr")
        self._stderr.touch()  # a run may be killed before it opens it
        self._spent = 0.0
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _live(lines, folder, self._stderr, memory, names)
        self._code: int | None = None

    def poll(self) -> bool:
        """Whether the run has ended."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code is not None

    @property
    def spent(self) -> float:
        """Seconds of computing so far, by the process and its workers: what a busy machine does not change."""
        with suppress(OSError):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            # Workers that are gone are not counted any more.
            self._spent = max(self._spent, sum(map(_computed, {self.pid, *map(int, children)})))
        return self._spent

    def wait(self, until: Callable[[], bool] = lambda: False) -> bool:
        """Wait until the run ends or something holds; a run that hangs is ended. Returns whether it ended."""
        deadline = time.monotonic() + PATIENCE
        while not self.poll():
            if until():
                return False
            self.spent  # noqa: B018 - what it is at the end is known only before
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
                os.waitpid(self.pid, 0)
                self._code = HUNG
                return True
            time.sleep(POLL)
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and all of its workers."""
        os.killpg(self.pid, number)

    def end(self) -> Ended:
        """How it ended, once nothing of it is left."""
        self.wait()
        deadline = time.monotonic() + 10
        while members(self.pid) and time.monotonic() < deadline:
            time.sleep(POLL)
        assert self._code is not None
        said = self._stderr.read_text()
        self._stderr.unlink()
        return Ended(self._code, said, self._spent)


def _computed(pid: int) -> float:
    """Seconds that a process computed, 0 for one that is gone."""
    with suppress(OSError):
        return time.clock_gettime(~pid << 3 | 2)  # Linux: the clock of all threads of another process
    return 0.0


def members(group: int) -> list[int]:
    """Processes of a group that still live."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                facts = (place / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(facts[2]) == group and facts[0] != "Z":
                found.append(int(place.name))
    return found


def run(lines: Sequence[Line], folder: Path, memory: int | None = None) -> Ended:
    """Run to the end."""
    return Run(lines, folder, memory).end()


def beside_each_other(works: Sequence[Callable[[], Any]], scratch: Path) -> list[Any]:
    """What each work gives, as JSON holds it; each in a process of its own. Raises: SystemExit where one fails."""
    pids = []
    for index, work in enumerate(works):
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _work(work, scratch / f"work-{index}.json")
        pids.append(pid)
    if any([os.waitpid(pid, 0)[1] for pid in pids]):
        raise SystemExit("a part of the measurement failed, see above")
    return [json.loads((scratch / f"work-{index}.json").read_text()) for index in range(len(works))]


def _work(work: Callable[[], Any], out: Path) -> None:
    """Write what a work gives; it does not return."""
    code = 1
    try:
        out.write_text(json.dumps(work()))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def import_all() -> None:
    """Import what commands import, once for all runs. Nothing may compute here: threads do not outlive a fork."""
    from argus3d.cli import parser

    parser()
    for module, _ in COMMANDS.values():
        importlib.import_module(module)


def import_as(lines: Sequence[Line], folder: Path) -> Ended:
    """Run to the end, then import here what the run imported as it needed it."""
    names = folder.with_name(f"{folder.name}.modules")
    ended = Run(lines, folder, names=names).end()
    for name in names.read_text().split():
        with suppress(Exception):  # some exist only where another was imported before
            importlib.import_module(name)
    return ended


def _live(lines: Sequence[Line], folder: Path, stderr: Path, memory: int | None, names: Path | None) -> None:
    """The life of a run; it does not return."""
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, path in ((0, os.devnull), (1, os.devnull), (2, str(stderr))):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
        if memory is not None:
            taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (taken + memory, resource.RLIM_INFINITY))
        code = _said(lines)
        if names is not None:
            names.write_text("\n".join(sys.modules))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _said(lines: Sequence[Line]) -> int:
    """Exit code of the first command that fails, 0 where none does."""
    for program, *words in lines:
        module = importlib.import_module("argus3d.cli" if program == "argus3d" else "eval.cli")
        sys.argv = [program, *words]
        sys.modules["__main__"] = module  # which workers import, as those of the command itself do
        code = int(module.main(words))
        if code:
            return code
    return 0

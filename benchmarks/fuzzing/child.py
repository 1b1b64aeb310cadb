"""A process that reads inputs, one after another, within limits, and says what came of each."""

import os
import resource
import signal
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from argus3d.errors import UserError
from benchmarks.fuzzing.reader import Reader
from benchmarks.fuzzing.watch import Guard, Line, Lines

VALUE, REFUSED = "value", "refused"
# What a shared array of numbers holds: the input that is read, and what came of those before.
AT, VALUES, REFUSALS, SLOWEST, COUNTERS = range(5)


@dataclass(frozen=True)
class Limits:
    """What one input may take: seconds of this process's own time, and bytes of memory above what it had before."""

    seconds: float = 10.0
    memory: int = 1 << 30


@dataclass(frozen=True)
class Outcome:
    """What came of one input.

    kind : VALUE, REFUSED, or what is wrong: "exception", "unnamed", "hang", "memory", "outside", "death"
    error : type and message, where : the innermost line of ours
    """

    kind: str
    error: str = ""
    where: str = ""

    @property
    def bad(self) -> bool:
        return self.kind not in (VALUE, REFUSED)

    @property
    def key(self) -> str:
        """The same for findings that are likely one defect."""
        return f"{self.kind} {self.error.partition(':')[0]} {self.where}"


class _TooLong(BaseException):
    """Past `except Exception`."""


class Bench:
    """One reader in this process, ready to be given inputs."""

    def __init__(self, reader: Reader, target: Path, limits: Limits, seen: set[Line]) -> None:
        self._reader, self._limits = reader, limits
        self._path = target / reader.file
        self.lines, self._guard = Lines(seen), Guard(target)
        _quiet(target)
        _limit_memory(limits.memory)
        signal.signal(signal.SIGPROF, _too_long)

    def read(self, content: bytes) -> Outcome:
        """What comes of one input."""
        self._path.write_bytes(content)
        self._guard.breaches.clear()
        self._guard.active = True
        signal.setitimer(signal.ITIMER_PROF, self._limits.seconds)
        self.lines.start()
        try:
            self._reader.read(self._path)
            outcome = Outcome(VALUE)
        except BaseException as error:
            self.lines.stop()
            signal.setitimer(signal.ITIMER_PROF, 0)
            outcome = _judged(error, self._reader.names)
        finally:
            self.lines.stop()
            signal.setitimer(signal.ITIMER_PROF, 0)
            self._guard.active = False
        if self._guard.breaches:
            return Outcome("outside", self._guard.breaches[0], outcome.where)
        return outcome


def serve(
    reader: Reader, target: Path, limits: Limits, seen: set[Line], inputs: Sequence[tuple[int, bytes]],
    counters: Any, answers: Connection,
) -> None:  # fmt: skip
    """Read all inputs; what is worth knowing is sent as (number, outcome, fresh lines)."""
    bench = Bench(reader, target, limits, seen)
    for number, content in inputs:
        counters[AT] = number
        before = time.process_time()
        outcome = bench.read(content)
        counters[SLOWEST] = max(counters[SLOWEST], round(1000 * (time.process_time() - before)))
        if outcome.bad or bench.lines.fresh:
            answers.send((number, outcome, bench.lines.fresh))
        if not outcome.bad:
            counters[VALUES if outcome.kind == VALUE else REFUSALS] += 1
    answers.send(None)


def _quiet(target: Path) -> None:
    """Warnings and words of libraries are none of ours; what is written beside is written into the target."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    tempfile.tempdir = str(target)


def _limit_memory(more: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _too_long(number: int, frame: FrameType | None) -> None:
    raise _TooLong


def _judged(error: BaseException, names: Sequence[str]) -> Outcome:
    text, where = f"{type(error).__name__}: {error}"[:300], _where(error)
    if isinstance(error, _TooLong):
        return Outcome("hang", "too long", where)
    # A reader that catches its own lack of memory took too much all the same.
    if any(_lacks_memory(one) for one in _chain(error)):
        return Outcome("memory", text, where)
    if not isinstance(error, UserError | ValueError | OSError):
        return Outcome("exception", text, where)
    return Outcome(REFUSED) if any(name in str(error) for name in names) else Outcome("unnamed", text, where)


def _lacks_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or ("alloc" in str(error).lower() and "memory" in str(error).lower())


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__]
    return found


def _where(error: BaseException) -> str:
    """The innermost line of ours that the error came through."""
    found, trace = "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        for package in ("/argus3d/", "/eval/"):
            if package in name and "/site-packages/" not in name:
                found = f"{package[1:]}{name.rpartition(package)[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found

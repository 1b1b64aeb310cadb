"""Workers on this machine: spawned processes, each at the other end of a pipe."""

import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from threading import Thread, current_thread, main_thread
from typing import Any, TypeVar

from argus3d.engine.schedule import Apply, Schedule
from argus3d.engine.worker import Answer, Worker, name_item, thread_settings
from argus3d.pools import demand

T = TypeVar("T")
R = TypeVar("R")

GRACE = 1.0  # seconds in which a process that is told to end may tidy up, each time
ASKED = 4


@dataclass(frozen=True)
class Processes:
    """The engine of this machine; `workers` None is one a core."""

    workers: int | None

    def map(self, start: Callable[[], Callable[[T], R]], items: Sequence[T], *, gpus: float = 0) -> Iterator[R]:
        """See `Engine.map`."""
        if not items:
            return
        alone = self.workers is None and len(items) == 1
        with Processes(1).session(start) if alone else self.session(start) as apply:
            yield from apply(items)

    @contextmanager
    def session(self, start: Callable[[], Callable[[T], R]], *, gpus: float = 0) -> Iterator[Apply[T, R]]:
        """See `Engine.session`."""
        workers = self.workers or os.cpu_count() or 1
        if workers == 1:
            yield partial(_in_turn, start())
            return
        crew = _Crew(pickle.dumps(start, pickle.HIGHEST_PROTOCOL))
        try:
            yield Schedule(crew, workers).results
        finally:
            crew.dismiss()


def _in_turn(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    for index, item in enumerate(items):
        try:
            value = function(item)
        except Exception as error:
            name_item(error, index, item)
            raise
        yield value


class _Crew:
    """See `schedule.Crew`. A pipe whose other end is closed is that of a dead process."""

    def __init__(self, start: bytes) -> None:
        self._start = start
        self._context = get_context("spawn")  # a fork would copy threads and locks of torch and numba half-way
        self._members: dict[int, tuple[BaseProcess, Connection]] = {}
        self._hired = 0

    def hire(self) -> int:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        with _environment(thread_settings(1)), _without_interrupts():
            process.start()
        theirs.close()
        self._hired += 1
        self._members[self._hired] = process, ours
        return self._hired

    def give(self, worker: int, items: Sequence[Any]) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # it died; `wait` says so
            self._members[worker][1].send_bytes(pickle.dumps(items, pickle.HIGHEST_PROTOCOL))

    def end(self, worker: int) -> None:
        self._members[worker][0].kill()

    def wait(self, seconds: float) -> list[tuple[int, Answer | str]]:
        numbers = {pipe: number for number, (_, pipe) in self._members.items()}
        answers: list[tuple[int, Answer | str]] = []
        while not answers:
            came = wait(list(numbers), seconds)
            if not came:
                break
            for pipe in came:
                assert isinstance(pipe, Connection)
                answer = self._hear(numbers[pipe], pipe)
                if answer is not None:
                    answers.append((numbers[pipe], answer))
        return answers

    def _hear(self, number: int, pipe: Connection) -> Answer | str | None:
        """What a process says; to its first word, that it is there, the answer is how to begin."""
        try:
            answer: Answer | None = pipe.recv()
            if answer is None:
                pipe.send_bytes(self._start)
            return answer
        except (EOFError, OSError):
            process, _ = self._members.pop(number)
            pipe.close()
            process.join(GRACE)
            return f"exit code {process.exitcode}"

    def dismiss(self) -> None:
        """End all processes."""
        members, self._members = list(self._members.values()), {}
        for _ in range(ASKED):  # an exit that is asked for within a callback, such as an import's, is ignored
            for process, _ in members:
                process.terminate()
            for process, _ in members:
                process.join(GRACE)
        for process, pipe in members:
            process.kill()
            process.join()
            pipe.close()


def _serve(pipe: Connection) -> None:
    """The life of a process. Ctrl-C is the parent's to handle, who then ends this one."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # an exit removes scratch files
    inbox: SimpleQueue[bytes] = SimpleQueue()
    demand(1)
    Thread(target=_receive, args=(pipe, inbox), daemon=True).start()
    pipe.send(None)
    worker = Worker()
    pipe.send(worker.begin(inbox.get()))
    while True:
        pipe.send(worker.apply(inbox.get()))


def _receive(pipe: Connection, inbox: "SimpleQueue[bytes]") -> None:
    """Take in what comes, so that neither side waits for the other to read; end the process with its parent."""
    try:
        while True:
            inbox.put(pipe.recv_bytes())
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """A process started meanwhile hears no Ctrl-C from its first import on; one that comes meanwhile is heard after it.

    A process that lost its driver before it was told everything would end in a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    came: list[int] = []
    # A thread of a library may take the signal: Python then interrupts the main thread, though it is blocked there.
    main = current_thread() is main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number)) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if came:
        signal.raise_signal(signal.SIGINT)


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Variables that a process started meanwhile finds from its first import on."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

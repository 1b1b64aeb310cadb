"""How commands end: what they say for people, and their exit codes."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from argus3d.errors import INTERRUPTED, OUT_OF_MEMORY, UserError, is_memory

REFUSED: tuple[type[Exception], ...] = (UserError, OSError)


def run(program: str, work: Callable[[], int | None], refused: tuple[type[Exception], ...] = REFUSED) -> int:
    """Do what a command does, and turn what it raises into a sentence on stderr.

    program : what the sentence begins with
    refused : errors whose words are for people
    returns : exit code: 0 done, 1 failed, 130 interrupted (Ctrl-C), or what `work` returns
    Raises : what is neither refused, nor a lack of memory, nor an interruption
    """
    with _interrupts() as heard, _stillborn() as threads:
        try:
            return work() or 0
        except KeyboardInterrupt:
            return _said(program, INTERRUPTED, 130)
        except Exception as error:
            if threads:
                return _said(program, OUT_OF_MEMORY, 1)
            # Ctrl-C in the middle of an import or of a pool's work comes out as any error at all.
            if heard:
                return _said(program, INTERRUPTED, 130)
            if is_memory(error):
                return _said(program, OUT_OF_MEMORY, 1)
            if isinstance(error, refused):
                return _said(program, str(error), 1)
            raise


def _said(program: str, words: str, code: int) -> int:
    print(f"{program}: {words}", file=sys.stderr)
    return code


@contextmanager
def _stillborn() -> Iterator[list[bool]]:
    """A list that is not empty once memory was too short for a thread to begin.

    `Thread.start` would wait for it for ever, so that it is interrupted, where the new thread has the few kilobytes
    that this takes; not by Ctrl-C, which does nothing in the background of a shell. Threads of ours are asked for by
    `pools`, which needs nothing of them.
    """
    found: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield found
        return
    before, process = sys.unraisablehook, os.getpid()

    def hook(error: "sys.UnraisableHookArgs") -> None:
        if issubclass(error.exc_type, MemoryError) and "thread" in (error.err_msg or ""):
            found.append(True)
            os.kill(process, signal.SIGALRM)
        else:
            before(error)

    def lacking(number: int, frame: FrameType | None) -> None:
        raise MemoryError

    sys.unraisablehook, handler = hook, signal.signal(signal.SIGALRM, lacking)
    try:
        yield found
    finally:
        sys.unraisablehook = before
        signal.signal(signal.SIGALRM, handler or signal.SIG_DFL)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Ctrl-C as ever, and a list that is not empty once it came; another handler than Python's own is left alone."""
    heard: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        signal.default_int_handler(number, frame)

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not ours or threading.current_thread() is not threading.main_thread():
        yield heard
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)

"""Threads that are sure to begin: `Thread.start` waits for ever for one that memory is too short for."""

from _thread import LockType, allocate_lock, start_new_thread
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

SECONDS = 30.0  # in which a thread begins on the busiest of machines


@contextmanager
def pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of at most so many threads. Raises: MemoryError where there is no room for them."""
    demand(threads)
    with ThreadPoolExecutor(threads) as executor:
        yield executor


def demand(threads: int) -> None:
    """Let so many threads begin, beside each other, and end. Raises: MemoryError where one has no room for it.

    A thread takes its stack and Python's first frames. Where only the latter fail, it ends without a word, and nothing
    but a wait with an end tells.
    """
    going, begun = allocate_lock(), [_held() for _ in range(threads)]
    ended = [_held() for _ in range(threads)]
    with going:
        for began, end in zip(begun, ended, strict=True):
            start_new_thread(_live, (began, going, end))
            _wait(began)
    for end in ended:
        _wait(end)


def _held() -> LockType:
    lock = allocate_lock()
    lock.acquire()
    return lock


def _wait(lock: LockType) -> None:
    if not lock.acquire(timeout=SECONDS):
        raise MemoryError("there is no room for a thread")


def _live(began: LockType, going: LockType, end: LockType) -> None:
    began.release()
    with going:  # until the last of them has begun
        end.release()

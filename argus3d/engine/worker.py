"""A worker's side: it makes the function once, then answers chunks of items."""

import pickle
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Answer:
    """The outcomes of a chunk, each a pickled (result, None) or (None, exception), and the seconds they took."""

    outcomes: tuple[bytes, ...]
    seconds: float


class Worker:
    """Holds the function; called by the process or actor that it lives in."""

    def begin(self, start: bytes) -> Answer:
        """Make the function from the pickled `start`; the one outcome holds what went wrong, if anything did."""
        return Answer((_outcome(partial(self._begin, start)),), 0.0)

    def _begin(self, start: bytes) -> None:
        self._function = pickle.loads(start)()

    def apply(self, chunk: bytes) -> Answer:
        """Apply the function to each of the pickled items."""
        items = pickle.loads(chunk)
        began = time.monotonic()
        outcomes = tuple(_outcome(partial(self._function, item)) for item in items)
        return Answer(outcomes, time.monotonic() - began)


def result(outcome: bytes) -> Any:
    """What an outcome holds, or raise it."""
    value, error = pickle.loads(outcome)
    if error is not None:
        raise error
    return value


def name_item(error: Exception, index: int, item: object) -> None:
    """Note on an exception which item it came with."""
    error.add_note(f"with item {described(index, item)}")


def described(index: int, item: object) -> str:
    """An item for people: its place among the items and its beginning."""
    text = repr(item)
    return f"{index}, {text if len(text) <= 200 else text[:200] + ' ...'}"


def thread_settings(threads: int) -> dict[str, str]:
    """Environment variables by which OMP, BLAS, numba and torch compute in so many threads; read at their import."""
    return dict.fromkeys(THREADS, str(threads))


def _outcome(work: Callable[[], Any]) -> bytes:
    try:
        return pickle.dumps((work(), None), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        error.add_note("in a worker:\n" + "".join(traceback.format_tb(error.__traceback__)).rstrip())
        return _pickled(error)


def _pickled(error: Exception) -> bytes:
    """An exception as an outcome; one that does not survive pickling becomes a RuntimeError with its words."""
    try:
        content = pickle.dumps((None, error), pickle.HIGHEST_PROTOCOL)
        pickle.loads(content)
        return content
    except Exception:
        plain = RuntimeError(f"{type(error).__name__}: {error}")
        plain.__notes__ = error.__notes__
        return pickle.dumps((None, plain), pickle.HIGHEST_PROTOCOL)

"""An engine that remembers when its results came, so that the start of its workers can be told from their work."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TypeVar

from argus3d.engine import Engine
from argus3d.engine.schedule import Apply

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Watched:
    """An engine, and when its results came."""

    engine: Engine
    times: list[float] = field(default_factory=list)

    def map(self, start: Callable[[], Callable[[T], R]], items: Sequence[T], *, gpus: float = 0) -> Iterator[R]:
        for result in self.engine.map(start, items, gpus=gpus):
            self.times.append(time.perf_counter())
            yield result

    def session(self, start: Callable[[], Callable[[T], R]], *, gpus: float = 0) -> AbstractContextManager[Apply[T, R]]:
        return self.engine.session(start, gpus=gpus)

    @property
    def working(self) -> float:
        """Seconds from the first result to the last."""
        return self.times[-1] - self.times[0]

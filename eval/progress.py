"""What a measurement tells people while it goes on: how long it will take, and how far it is."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from argus3d.meter import Meter
from eval.distances.neighbours import Indices, Pairs, Tighter, Values, tighter_of
from eval.forecast import LEAST, Forecast, Stage, forecast
from eval.protocol import Protocol

Points = npt.NDArray[np.float32]

BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left"


class Progress:
    """Nothing is told; `Told` does."""

    def begin(self, generated: Points, reference: Points, protocol: Protocol, device: str, backend: str | None) -> None:
        """Look at what will be measured."""

    @contextmanager
    def watched(self, pairs: Pairs, suffix: str) -> Iterator[Pairs]:
        """The same pairs, for one kind of distance, and the end of it."""
        yield pairs

    def end(self) -> None:
        """All is measured."""


SILENT = Progress()


class Told(Progress):
    """A sentence on stderr at the start, and a bar of seconds of work where stderr is a terminal."""

    def __init__(self) -> None:
        self._forecast: Forecast | None = None

    def begin(self, generated: Points, reference: Points, protocol: Protocol, device: str, backend: str | None) -> None:
        size = len(generated)
        if size < LEAST:
            return
        self._forecast = forecast(generated, reference, protocol, device, backend)
        few, seconds = self._forecast.tried, self._forecast.seconds
        shapes = f"{size:,} + {size:,} shapes"
        print(f"measuring {shapes} takes about {spoken(seconds)} (by a trial of {few} + {few})", file=sys.stderr)
        self._bar = Meter(total=round(seconds, 1), desc="measure", bar_format=BAR)

    @contextmanager
    def watched(self, pairs: Pairs, suffix: str) -> Iterator[Pairs]:
        if self._forecast is None:
            yield pairs
            return
        stage, done = self._forecast.stages[suffix], self._bar.n
        self._bar.update(stage.opening)
        yield _Watched(pairs, stage, self._bar)
        self._bar.update(done + stage.seconds - self._bar.n)

    def end(self) -> None:
        if self._forecast is not None:
            self._bar.update(self._bar.total - self._bar.n)
            self._bar.close()


class _Watched:
    """Pairs that move a bar by the work they do, at most by what was expected of them."""

    def __init__(self, pairs: Pairs, stage: Stage, bar: Meter) -> None:
        self._pairs, self._bar = pairs, bar
        self.shape, self.symmetric = pairs.shape, pairs.symmetric
        every = pairs.shape[0] * (pairs.shape[0] - 1) // 2
        self._bounds = _Share(stage.bounds, every)
        self._solved = _Share(stage.metrics, stage.solved)

    def exact(self, rows: Indices, columns: Indices) -> Values:
        found = self._pairs.exact(rows, columns)
        self._bar.update(self._solved.of(len(rows)))
        return found

    def bounds(self, rows: Indices, columns: Indices) -> tuple[Values, Values]:
        found = self._pairs.bounds(rows, columns)
        self._bar.update(self._bounds.of(len(rows)))
        return found

    @property
    def tighter(self) -> Tighter | None:
        return tighter_of(self._pairs)


class _Share:
    """Seconds that are spread over so many pairs, until they are spent."""

    def __init__(self, seconds: float, pairs: float) -> None:
        self._left, self._each = seconds, seconds / max(1.0, pairs)

    def of(self, pairs: int) -> float:
        found = min(self._left, pairs * self._each)
        self._left -= found
        return found


def spoken(seconds: float) -> str:
    """A time for people, such as 40 seconds, 12 minutes, 3.5 hours."""
    if seconds < 90:
        return f"{max(2, round(seconds))} seconds"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"

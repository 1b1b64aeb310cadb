"""Which worker does what: few items on their way, results in order, and another try for what a dead worker had."""

import heapq
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from argus3d.engine.worker import Answer, described, name_item, result
from argus3d.errors import UserError

CHUNK_SECONDS = 0.25  # of work sent at once, so that sending costs little beside it
CHUNK_ITEMS = 64
AHEAD = 8  # chunks a worker that may be finished before their turn comes
DEATHS = 3  # of workers, by one item or before they begin
PATIENCE = 600.0  # seconds without any worker, or without an answer of one before that is said
HUNG = 3600.0  # seconds without an answer after which a worker hangs, if that is also ...
OFTEN = 100  # ... so many times the longest that any answer took
POLL = 0.01  # seconds after which a consumer that took its time is made to hear the workers first

T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Apply(Protocol[T_contra, R_co]):
    """The function of one item, applied to many by workers that stay."""

    def __call__(self, items: Sequence[T_contra]) -> Iterator[R_co]:
        """Results in the order of the items, as they come."""
        ...


class Crew(Protocol):
    """Workers, by number: each first answers that it began, then the chunks given to it, in their order."""

    def hire(self) -> int:
        """Start one more worker and return its number."""
        ...

    def give(self, worker: int, items: Sequence[Any]) -> None:
        """Send a worker one more chunk."""
        ...

    def end(self, worker: int) -> None:
        """End a worker that hangs; `wait` tells of its death."""
        ...

    def wait(self, seconds: float) -> list[tuple[int, Answer | str]]:
        """Answers that have come, at least one if any comes in time; a string says why a worker is dead."""
        ...


@dataclass(frozen=True, order=True)
class _Chunk:
    """Items `first` to `end` - 1, and how many workers they may have killed."""

    first: int
    end: int
    deaths: int = 0


class Schedule:
    """Passes over items, one after another, by the same workers."""

    def __init__(self, crew: Crew, workers: int) -> None:
        self._crew, self._workers = crew, workers
        self._hired = 0
        self._passing = False
        self._given: dict[int, deque[_Chunk]] = {}  # of each worker that began
        self._idle: set[int] = set()
        self._busy: set[int] = set()  # with one chunk; the next one waits at the worker while it does this one
        self._seconds = CHUNK_SECONDS  # an item takes
        self._false_starts = 0
        self._heard = 0.0
        self._since: dict[int, float] = {}  # when a worker that was given chunks began with the first of them
        self._longest = 0.0  # seconds that an answer took
        self._silent: set[int] = set()  # workers that were told of
        self._hung: dict[int, str] = {}

    def results(self, items: Sequence[Any]) -> Iterator[Any]:
        """Results in the order of the items. Raises: RuntimeError if those of an earlier pass were not all taken."""
        if self._passing:
            raise RuntimeError("the results of an earlier pass were not all taken; begin a new session")
        self._passing = True
        self._items, self._size = items, min(self._workers, len(items))
        self._turn = 0  # the item whose result is due
        self._fresh = 0  # items from here on were never given
        self._again: list[_Chunk] = []  # a heap of what dead workers had
        self._outcomes: dict[int, bytes] = {}
        while self._hired < self._size:
            self._crew.hire()
            self._hired += 1
        for index, item in enumerate(items):
            self._turn = index
            while index not in self._outcomes or time.monotonic() > self._heard + POLL:
                self._hand_out()
                self._hear(0.0 if index in self._outcomes else PATIENCE)
                self._hand_out()
            try:
                value = result(self._outcomes.pop(index))
            except Exception as error:
                name_item(error, index, item)
                raise
            yield value
        self._passing = False

    def _hear(self, seconds: float) -> None:
        answers = self._crew.wait(seconds)
        if not answers and seconds and not self._given:
            raise UserError(
                f"no worker came up in {seconds / 60:.0f} minutes: the cluster is taken by other work or lacks what "
                "they ask for; look at `ray status`, or ask for fewer --workers."
            )
        for worker, answer in answers:
            if isinstance(answer, str):
                self._bury(worker, self._hung.pop(worker, answer))
            elif worker in self._given:
                self._take(worker, answer)
            else:
                result(answer.outcomes[0])
                self._given[worker] = deque()
                self._idle.add(worker)
                self._false_starts = 0
        self._heard = time.monotonic()
        for worker, since in self._since.items():
            self._watch(worker, self._heard - since)

    def _watch(self, worker: int, silent: float) -> None:
        """Say when a worker takes long over a chunk, and end one that must be hanging; another does what it had."""
        if worker in self._hung or silent <= PATIENCE:
            return
        if worker not in self._silent:
            self._silent.add(worker)
            first = self._given[worker][0].first
            item = described(first, self._items[first])
            print(f"a worker is at item {item} since {silent / 60:.0f} minutes; it may hang.", file=sys.stderr)
        if self._longest and silent > max(HUNG, OFTEN * self._longest):
            self._hung[worker] = f"no answer for {silent / 60:.0f} minutes"
            self._crew.end(worker)

    def _take(self, worker: int, answer: Answer) -> None:
        chunks = self._given[worker]
        chunk = chunks.popleft()
        self._outcomes.update(zip(range(chunk.first, chunk.end), answer.outcomes, strict=True))
        self._seconds += (answer.seconds / len(answer.outcomes) - self._seconds) / 4
        self._longest = max(self._longest, answer.seconds)
        self._silent.discard(worker)
        if chunks:
            self._busy.add(worker)
            self._since[worker] = time.monotonic()
        else:
            del self._since[worker]
            self._busy.discard(worker)
            self._idle.add(worker)

    def _bury(self, worker: int, reason: str) -> None:
        """Replace a dead worker; the first of its chunks is what it died of, or so it seems."""
        self._idle.discard(worker)
        self._busy.discard(worker)
        self._silent.discard(worker)
        self._since.pop(worker, None)
        if worker not in self._given:
            self._false_starts += 1
        if self._false_starts == DEATHS:
            raise UserError(
                f"{DEATHS} workers died before they began ({reason}); if memory ran out, ask for fewer --workers."
            )
        for place, chunk in enumerate(self._given.pop(worker, ())):
            for lost in _blamed(chunk) if place == 0 else [chunk]:
                if lost.deaths == DEATHS:
                    item = described(lost.first, self._items[lost.first])
                    raise UserError(
                        f"{DEATHS} workers died of item {item} ({reason}); if memory ran out, ask for fewer --workers, "
                        "else leave the item out."
                    )
                heapq.heappush(self._again, lost)
        self._crew.hire()

    def _hand_out(self) -> None:
        """Give each idle worker a chunk; those with one get a second while there is more than enough for all."""
        while self._idle and (chunk := self._next()):
            worker = self._idle.pop()
            self._busy.add(worker)
            self._give(worker, chunk)
        while self._busy and len(self._items) - self._fresh > self._size and (chunk := self._next()):
            self._give(self._busy.pop(), chunk)

    def _give(self, worker: int, chunk: _Chunk) -> None:
        self._since.setdefault(worker, time.monotonic())
        self._given[worker].append(chunk)
        self._crew.give(worker, self._items[chunk.first : chunk.end])

    def _next(self) -> _Chunk | None:
        if self._again:
            return heapq.heappop(self._again)
        left = len(self._items) - self._fresh
        # Towards the end chunks get smaller, so that all workers end at about the same time.
        share = min(CHUNK_ITEMS, CHUNK_SECONDS / max(self._seconds, 1e-9), left / (4 * self._size))
        count = max(1, int(share))
        if left == 0 or self._fresh + count > self._turn + AHEAD * self._size * count:
            return None
        self._fresh += count
        return _Chunk(self._fresh - count, self._fresh)


def _blamed(chunk: _Chunk) -> list[_Chunk]:
    """Its items one by one, each with one death more: the next time it is seen which of them kills."""
    return [_Chunk(first, first + 1, chunk.deaths + 1) for first in range(chunk.first, chunk.end)]

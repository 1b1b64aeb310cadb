"""The next batch is drawn while the step before it is computed."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(draw: Callable[[int], T], first: int, end: int) -> Iterator[tuple[int, T]]:
    """`(number, draw(number))` for all numbers from `first` up to `end`, each drawn in a thread before it is needed."""
    if first >= end:
        return
    with ThreadPoolExecutor(1, "batch") as thread:
        coming = thread.submit(draw, first)
        for number in range(first, end):
            batch = coming.result()
            if number + 1 < end:
                coming = thread.submit(draw, number + 1)
            yield number, batch

"""The next batch is drawn while the step before it is computed."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from argus3d.pools import pool

T = TypeVar("T")


def ahead(draw: Callable[[int], T], first: int, end: int) -> Iterator[tuple[int, T]]:
    """`(number, draw(number))` for all numbers from `first` up to `end`, each drawn in a thread before it is needed."""
    if first >= end:
        return
    with pool(1) as thread:
        coming = thread.submit(draw, first)
        for number in range(first, end):
            batch = coming.result()
            if number + 1 < end:
                coming = thread.submit(draw, number + 1)
            yield number, batch

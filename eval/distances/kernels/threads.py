"""No more threads than there is work for: they wait for each other, and on a busy machine one wakes late."""

from collections.abc import Iterator
from contextlib import contextmanager

import numba

WORTH = 1 << 16  # inner steps, about 0.1 ms, for which another thread is woken


@contextmanager
def threads_for(tasks: int, steps: int) -> Iterator[None]:
    """Let numba share work among fewer threads until the end of the block, where there is little; results are the same.

    tasks : that threads may share
    steps : inner steps of each, roughly
    """
    before = numba.get_num_threads()
    numba.set_num_threads(max(1, min(before, tasks, tasks * steps // WORTH)))
    try:
        yield
    finally:
        numba.set_num_threads(before)

"""Progress on stderr, where that is a terminal."""

from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


class Meter(tqdm):
    """tqdm without its monitor, a thread that may have no room to begin (see `pools`): it wakes bars that let counts
    pass unseen, and here each count looks at the clock.
    """

    monitor_interval = 0

    def __init__(self, iterable: Iterable[Any] | None = None, **asked: Any) -> None:
        super().__init__(iterable, **{"disable": None, "miniters": 0} | asked)

"""Threads that have no room to begin are not waited for."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tqdm import tqdm

from argus3d import pools
from argus3d.meter import Meter
from argus3d.pools import demand, pool

# The new thread ends before it says that it began, as one does that lacks memory for its first frame.
STILLBORN = """
import sys
from argus3d import exits, pools

pools.SECONDS = 0.2
pools.start_new_thread = lambda work, given: None
sys.exit(exits.run("argus3d", lambda: pools.demand(2)))
"""


def test_a_thread_without_room_is_told_as_a_lack_of_memory() -> None:
    done = subprocess.run([sys.executable, "-c", STILLBORN], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("argus3d: memory ran out")


def test_a_pool_asks_for_room_for_all_of_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(pools, "demand", asked.append)
    with pool(3) as threads:
        assert isinstance(threads, ThreadPoolExecutor) and list(threads.map(abs, [-1, -2])) == [1, 2]
    assert asked == [3]


def test_all_of_the_threads_are_there_at_once_and_then_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    alive = pools._live

    def live(began: Any, going: Any, end: Any) -> None:
        assert going.locked()  # the first ones still wait when the last one begins
        begun.append(threading.get_ident())
        alive(began, going, end)

    monkeypatch.setattr(pools, "_live", live)
    demand(4)
    assert len(set(begun)) == 4


def test_a_meter_starts_no_thread_and_sees_every_count() -> None:
    before = threading.active_count()
    with Meter(total=1.0, disable=False, mininterval=0) as meter:
        meter.update(0.25)
        assert meter.last_print_n == 0.25
    assert (threading.active_count() == before and tqdm.monitor is None) or not tqdm.monitor.report()

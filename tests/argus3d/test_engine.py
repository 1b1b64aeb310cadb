"""The engine on this machine, and how work is handed out to any workers at all."""

import argparse
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus3d import engine
from argus3d.engine import schedule
from argus3d.engine.cluster import Share
from argus3d.engine.worker import Answer, Worker
from argus3d.errors import UserError
from tests.argus3d.engine_work import (
    Draws,
    Hangs,
    Mishaps,
    alive,
    failing_start,
    fatal_start,
    noted,
    soon,
    stubborn_start,
    threads_start,
)

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_are_the_same_for_any_number_of_workers(workers: int, tmp_path: Path) -> None:
    items = [f"item-{index}" for index in range(200)]
    start = Draws(tmp_path, workers, b"\1" * 10_000_000)
    found = list(engine.local(workers).map(start, items))
    assert found == [start.draw(item) for item in items]
    starts = noted(tmp_path / "starts")
    assert len(starts) == len(set(starts)) == workers
    assert (str(os.getpid()) in starts) == (workers == 1)
    assert len(noted(tmp_path / "pickled")) == (workers > 1)
    assert active_children() == []


def test_workers_beside_each_other_compute_in_one_thread_each() -> None:
    before = dict(os.environ)
    assert set(engine.local(2).map(threads_start, range(8))) == {(1, 1)}
    assert dict(os.environ) == before


def test_what_a_dead_worker_had_is_done_by_another(tmp_path: Path) -> None:
    start = Mishaps(tmp_path, kills_once=(0, 31, 32, 99))
    assert list(engine.local(2).map(start, range(100))) == [item * item for item in range(100)]
    assert {path.name for path in tmp_path.iterdir()} == {"0", "31", "32", "99"}


def test_an_item_that_kills_is_named(tmp_path: Path) -> None:
    results = engine.local(2).map(Mishaps(tmp_path, kills=(13,)), range(40))
    with pytest.raises(UserError, match=r"3 workers died of item 13, 13 \(exit code -9\); .* leave the item out"):
        list(results)
    assert active_children() == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that are silent for a little while hang."""
    monkeypatch.setattr(schedule, "PATIENCE", 0.3)
    monkeypatch.setattr(schedule, "HUNG", 0.6)


def test_what_a_hung_worker_had_is_done_by_another(
    tmp_path: Path, impatient: None, capsys: pytest.CaptureFixture
) -> None:
    assert list(engine.local(2).map(Hangs(tmp_path, 31), range(100))) == [item * item for item in range(100)]
    assert (tmp_path / "hung").exists() and active_children() == []
    assert "it may hang" in capsys.readouterr().err


def test_an_item_that_hangs_each_time_is_named(tmp_path: Path, impatient: None) -> None:
    with pytest.raises(UserError, match=r"3 workers died of item 13, 13 \(no answer for \d+ minutes\)"):
        list(engine.local(2).map(Hangs(tmp_path, 13, always=True), range(40)))
    assert active_children() == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_comes_in_its_turn_with_its_item(workers: int, tmp_path: Path) -> None:
    results = engine.local(workers).map(Mishaps(tmp_path, raises=(3, 30)), range(40))
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    with pytest.raises(UserError, match="3 is bad; leave it out") as caught:
        next(results)
    assert "with item 3, 3" in caught.value.__notes__
    assert active_children() == []


def test_what_cannot_be_sent_back_is_an_error_with_its_words() -> None:
    with pytest.raises(RuntimeError, match="Stubborn: no because so") as caught:
        list(engine.local(2).map(stubborn_start, [0]))
    assert any("in stubborn" in line for line in caught.value.__notes__)
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        list(engine.local(2).map(stubborn_start, [1]))


def test_workers_that_cannot_begin_are_not_hired_for_ever() -> None:
    with pytest.raises(UserError, match=r"3 workers died before they began \(exit code -9\)"):
        list(engine.local(2).map(fatal_start, range(5)))
    with pytest.raises(UserError, match="the checkpoint is not there"):
        list(engine.local(2).map(failing_start, range(5)))


def test_a_thousand_million_items_are_not_sent_at_once(tmp_path: Path) -> None:
    results = engine.local(2).map(Mishaps(tmp_path), range(10**9))
    assert [next(results) for _ in range(1000)] == [item * item for item in range(1000)]
    results.close()  # type: ignore[attr-defined]
    assert active_children() == []


def test_workers_of_a_session_stay(tmp_path: Path) -> None:
    start = Draws(tmp_path, 2)
    with engine.local(2).session(start) as apply:
        for items in (["a", "b", "c"], ["b"], [], ["c", "d"]):
            assert list(apply(items)) == [start.draw(item) for item in items]
        assert len(noted(tmp_path / "starts")) == len(active_children()) == 2
        next(apply(["a", "b", "c"]))
        with pytest.raises(RuntimeError, match="were not all taken"):
            next(apply(["a"]))
    assert active_children() == []


def test_no_items_need_no_worker() -> None:
    assert list(engine.local(2).map(fatal_start, [])) == list(engine.local(1).map(fatal_start, [])) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_its_driver(end: signal.Signals, tmp_path: Path) -> None:
    # Where the tests run in the background of a shell, Ctrl-C is ignored, and so in what they start.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heard}; from tests.argus3d.engine_work import stay; stay({str(tmp_path)!r})"
    # Ctrl-C reaches the whole group.
    driver = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    soon(lambda: len(noted(tmp_path / "pids")) == 2)
    if end == signal.SIGINT:
        os.killpg(driver.pid, end)
    else:
        driver.kill()
    said = driver.communicate(timeout=60)[1]
    soon(lambda: not any(alive(int(pid)) for pid in noted(tmp_path / "pids")))
    assert said.count("Traceback") == (end == signal.SIGINT)  # the driver's own


class SimulatedCrew:
    """Workers that answer, begin and die in the order that hypothesis likes."""

    def __init__(self, start: Callable[[], Callable[[int], int]], draw: Callable[[st.SearchStrategy], Any]) -> None:
        self.start, self.draw = pickle.dumps(start), draw
        self.hired, self.deaths_left = 0, 2
        self.workers: dict[int, Worker] = {}
        self.tasks: dict[int, deque[Sequence[int] | None]] = {}
        self.given: list[int] = []

    def hire(self) -> int:
        self.hired += 1
        self.workers[self.hired], self.tasks[self.hired] = Worker(), deque([None])
        return self.hired

    def give(self, worker: int, items: Sequence[int]) -> None:
        assert len(self.tasks[worker]) < 2
        self.tasks[worker].append(items)
        self.given += items

    def wait(self, seconds: float) -> list[tuple[int, Answer | str]]:
        ready = sorted(worker for worker, tasks in self.tasks.items() if tasks)
        if not seconds and (not ready or self.draw(st.booleans())):
            return []
        assert ready, "it would wait for ever"
        some = self.draw(st.lists(st.sampled_from(ready), min_size=1, max_size=3, unique=True))
        return [(worker, self.answer(worker)) for worker in some]

    def answer(self, worker: int) -> Answer | str:
        if self.deaths_left and self.draw(st.integers(0, 5)) == 0:
            self.deaths_left -= 1
            del self.workers[worker], self.tasks[worker]
            return "struck"
        items = self.tasks[worker].popleft()
        if items is None:
            return self.workers[worker].begin(self.start)
        return replace(self.workers[worker].apply(pickle.dumps(items)), seconds=0.01 * len(items))


class Ticking:
    """A clock that moves when it is looked at: how fast the machine is decides nothing."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += schedule.POLL / 3
        return self.now


@settings(max_examples=100, deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(0, 150))
def test_any_course_of_events_gives_all_results_in_order(data: st.DataObject, workers: int, count: int) -> None:
    crew = SimulatedCrew(Mishaps(Path("unused")), data.draw)
    passes = schedule.Schedule(crew, workers)
    with patch.object(schedule, "time", Ticking()):
        for index, result in enumerate(passes.results(range(count))):
            assert result == index * index
            assert max(crew.given) - index <= schedule.AHEAD * workers * schedule.CHUNK_ITEMS
        assert sorted(set(crew.given)) == list(range(count))
        assert list(passes.results(range(500, 500 + workers))) == [item * item for item in range(500, 500 + workers)]
    assert sorted(set(crew.given)) == [*range(count), *range(500, 500 + workers)]
    assert len(crew.given) - count - workers <= 2 * 2 * schedule.CHUNK_ITEMS  # what the dead had
    assert crew.hired <= workers + 2


class NoCrew:
    """A cluster without room."""

    def hire(self) -> int:
        return 1

    def give(self, worker: int, items: Sequence[int]) -> None:
        raise AssertionError

    def wait(self, seconds: float) -> list[tuple[int, Answer | str]]:
        return []


def test_a_cluster_without_room_is_not_waited_for_for_ever() -> None:
    with pytest.raises(UserError, match=r"no worker came up in 10 minutes: .* fewer --workers"):
        next(schedule.Schedule(NoCrew(), 2).results(range(5)))


def test_actors_on_gpus_share_the_cores_of_their_node() -> None:
    nodes = [{"CPU": 16.0}, {"CPU": 24.0, "GPU": 4.0}, {"CPU": 16.0, "GPU": 2.0}]
    assert Share.of_nodes(nodes, 0) == Share(workers=56, cpus=1, gpus=0)
    assert Share.of_nodes(nodes, 1) == Share(workers=6, cpus=6, gpus=1)
    assert Share.of_nodes(nodes, 0.5) == Share(workers=12, cpus=3, gpus=0.5)
    assert Share.of_nodes([{"CPU": 1.0, "GPU": 4.0}], 1) == Share(workers=1, cpus=1, gpus=1)
    with pytest.raises(UserError, match="no GPU to give"):
        Share.of_nodes([{"CPU": 16.0}], 1)


def parsed(*words: str) -> engine.Engine:
    parser = argparse.ArgumentParser()
    engine.add_arguments(parser)
    return engine.from_arguments(parser.parse_args(words))


def test_the_arguments_say_which_engine() -> None:
    assert parsed() == engine.local() != parsed("--workers", "3") == engine.local(3)
    assert parsed("--engine", "ray", "--address", "10.0.0.1:6379") == engine.ray("10.0.0.1:6379")
    with pytest.raises(UserError, match="--address names a Ray cluster; add --engine ray"):
        parsed("--address", "10.0.0.1:6379")
    with pytest.raises(UserError, match="--workers 0 do no work"):
        parsed("--workers", "0")


def test_where_ray_is_missing_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r'pip install "argus3d\[cluster\]"'):
        list(engine.ray().map(threads_start, [1]))

"""Threads of kernels: as many as there is work for, and afterwards as many as there were."""

from collections.abc import Iterator

import numba
import pytest

from eval.distances.kernels.threads import WORTH, threads_for

HERE = numba.get_num_threads()


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    assert numba.get_num_threads() == HERE


@pytest.mark.parametrize(
    ("tasks", "steps", "most"),
    [(0, 10 * WORTH, 1), (1, 10 * WORTH, 1), (2, 10 * WORTH, 2), (1000, 1, 1), (1000, WORTH, 1000), (3 * WORTH, 1, 3)],
)
def test_there_are_no_more_than_tasks_and_than_the_work_is_worth(tasks: int, steps: int, most: int) -> None:
    with threads_for(tasks, steps):
        assert numba.get_num_threads() == min(most, HERE)


def test_within_fewer_there_are_no_more_than_those() -> None:
    with threads_for(1, WORTH), threads_for(1000, WORTH):
        assert numba.get_num_threads() == 1


def test_there_are_as_many_as_before_after_a_failure() -> None:
    with pytest.raises(ZeroDivisionError), threads_for(1, 1):
        1 / 0  # noqa: B018

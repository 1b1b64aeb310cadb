"""What holds for every test."""

from collections.abc import Iterator

import pytest
import torch

from tests.offline import attempts, no_network

__all__ = ["attempts", "no_network", "threads"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that join a cluster come last: a process that did must not fork, or children may die."""
    items.sort(key=lambda item: item.get_closest_marker("joins_a_cluster") is not None)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """A test that changes the number of torch's threads changes it for itself: sums round by it."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)

"""What holds for every test."""

from collections.abc import Iterator

import pytest
import torch

from tests.offline import attempts, no_network

__all__ = ["attempts", "no_network", "threads"]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """A test that changes the number of torch's threads changes it for itself: sums round by it."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)

"""What numbers do not depend on, where no other test shows it; docs/trust.md names them all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from argus3d.generator import ArgusGenerator, Request
from argus3d.sampler import Draw, Sampler
from eval.features import load
from eval.metrics.frechet import frechet_distance, frechet_extrapolated, kernel_distance


def by_threads(count: int, compute: Callable[[], Any]) -> Any:
    """What `compute` gives where torch and numpy may take so many threads; conftest.py sets torch's back."""
    torch.set_num_threads(count)
    with threadpool_limits(count, user_api="blas"):
        return compute()


def test_features_of_clouds_are_the_same_by_any_number_of_threads() -> None:
    clouds = np.random.default_rng(0).normal(size=(3, 2048, 3)).astype(np.float32)
    one, two, three = (by_threads(count, lambda: load().features(clouds)) for count in (1, 2, 3))
    np.testing.assert_array_equal(two, one)
    np.testing.assert_array_equal(three, one)


@pytest.mark.parametrize("distance", [frechet_distance, frechet_extrapolated, kernel_distance])
def test_distances_of_features_are_the_same_by_any_number_of_threads(distance: Callable[..., float]) -> None:
    rng = np.random.default_rng(0)
    sets = rng.normal(size=(160, 1280)), rng.normal(size=(150, 1280)) + 0.1
    one, two, three = (by_threads(count, lambda: distance(*sets)) for count in (1, 2, 3))
    assert one == two == three


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_logits_of_completions_are_the_same_by_any_number_of_threads(
    guidance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    nano = ArgusGenerator.load("nano")
    points = np.random.default_rng(0).normal(size=(4000, 3))
    half = 0.5 * points / np.linalg.norm(points, axis=1, keepdims=True) * np.where(points[:, 1:2] < 0, 1, -1)
    wanted = [Request(f"whole-{index}", part=half) for index in range(3)]

    def logits() -> list[np.ndarray]:
        """Of the first tokens: they follow a hundred vectors of the part."""
        seen: list[np.ndarray] = []

        def choose(draw: Draw, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
            seen.append(rows.numpy().copy())
            if len(seen) == 5:
                raise InterruptedError
            return rows.argmax(1)

        monkeypatch.setattr(Draw, "choose", choose)
        with pytest.raises(InterruptedError):
            sampler = Sampler(nano.argus.transformer, Draw(guidance=guidance))
            sampler.tokens(nano.prompts.conditions(wanted, [None] * 3), [1, 2, 3])
        return seen

    np.testing.assert_array_equal(by_threads(2, logits), by_threads(1, logits))

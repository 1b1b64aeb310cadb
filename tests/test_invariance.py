"""What numbers do not depend on, where no other test shows it; docs/trust.md names them all."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from threadpoolctl import threadpool_limits

from argus3d.data.solid import MeshSolid
from argus3d.engine.worker import THREADS
from argus3d.generator import ArgusGenerator, Request
from argus3d.sampler import Draw, Sampler
from eval.evaluate import evaluate
from eval.features import load
from eval.metrics.frechet import frechet_distance, frechet_extrapolated, kernel_distance
from tests.measured_here import clouds, measured

ROOT = Path(__file__).parent.parent


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


def test_a_prepared_mesh_is_the_same_by_any_number_of_threads() -> None:
    ball = trimesh.creation.icosphere(subdivisions=4)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]

    def prepared() -> list[np.ndarray]:
        """Points, normals and occupancies of a mesh that was turned on its way in."""
        solid = MeshSolid.from_mesh(np.asarray(ball.vertices) @ turn.T, np.asarray(ball.faces), "ball")
        queries = np.random.default_rng(2).uniform(-0.55, 0.55, (4000, 3))
        return [*solid.surface(4096, np.random.default_rng(1)), solid.contains(queries)]

    for one, two in zip(by_threads(1, prepared), by_threads(2, prepared), strict=True):
        np.testing.assert_array_equal(two, one)


def test_order_of_shapes_moves_no_metric() -> None:
    few, others = clouds(0), clouds(1)
    rng = np.random.default_rng(0)
    before = evaluate(few, others, "smoke").metrics
    after = evaluate(rng.permutation(few), rng.permutation(others), "smoke").metrics
    assert before.keys() == after.keys()
    for key, entry in before.items():
        exact = key.startswith(("cov", "one_nna", "ecd"))
        assert after[key].value == (entry.value if exact else pytest.approx(entry.value, rel=1e-9)), key


def in_another_process(*what: str, **settings: str) -> dict[str, Any]:
    """What `tests.measured_here` prints under other environment variables."""
    command = [sys.executable, "-m", "tests.measured_here", *what]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def test_distances_and_results_are_the_same_by_any_number_of_threads() -> None:
    there = in_another_process("distances", "result", **dict.fromkeys(THREADS, "2"))
    assert there == {what: json.loads(json.dumps(measured(what))) for what in there}


def test_distances_without_wide_vectors_are_the_same_up_to_rounding() -> None:
    """All kernels of a result would take a minute to compile; distances are what they all begin with."""
    (there,) = in_another_process("distances", NUMBA_CPU_NAME="generic").values()
    here = measured("distances")
    assert isinstance(here, dict) and here.keys() == there.keys()
    for kind, rtol in (("squared_mean", 1e-6), ("l2_mean", 1e-6), ("emd", 1e-9)):
        np.testing.assert_allclose(there[kind], here[kind], rtol=rtol)


def test_every_test_that_the_manual_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "trust.md").read_text())
    assert len(named) > 30
    for file, name in named:
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.M), f"{file} has no {name}"

"""How near samples are to the training set: against loops, copies, new draws, and the command as a user gives it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus3d.errors import UserError
from eval.cli import main
from eval.clouds import CloudSet
from eval.memorisation import evaluate_memorisation, measure
from eval.protocol import get_protocol
from tests.eval.toys import write_toys
from tests.reference import tasks as loops

SMOKE = get_protocol("smoke")


def ellipsoids(name: str, count: int, seed: int, draw: int = 0) -> CloudSet:
    """Shapes by `seed`, points of them by `draw`."""
    axes = np.random.default_rng(seed).uniform(0.1, 0.5, (count, 1, 3))
    directions: npt.NDArray[np.float64] = np.random.default_rng([seed, draw]).standard_normal((count, 256, 3))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    ids = tuple(f"{name}-{index}" for index in range(count))
    return CloudSet(name, (directions * axes).astype(np.float32), ids, ("",) * count, count)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_metrics_equal_the_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    distances, own = (rng.integers(1, 9, int(rng.integers(2, 30))) / 8 for _ in range(2))
    found = measure(distances, own, SMOKE)
    expected = loops.memorisation(distances.tolist(), own.tolist())
    assert {key: entry.value for key, entry in found.items()} == pytest.approx(expected)
    assert all(entry.low <= entry.value <= entry.high for entry in found.values())


def test_copies_lie_near_and_new_draws_as_far_as_training_shapes_do() -> None:
    training = [ellipsoids("a", 60, 0), ellipsoids("b", 40, 1)]
    copies = evaluate_memorisation(ellipsoids("c", 40, 1), training, SMOKE).metrics
    new = evaluate_memorisation(ellipsoids("d", 60, 2), training, SMOKE).metrics
    assert copies["novelty_ratio"].value == copies["farther"].value == 0 and copies["near_share"].value == 1
    assert new["near_share"].value < 0.2 and new["farther"].low < 0.6 and new["farther"].high > 0.4
    assert new["novelty_ratio"].low < 1.1 and new["novelty_ratio"].high > 0.9


def test_order_changes_nothing() -> None:
    made, training = ellipsoids("m", 20, 3), [ellipsoids("a", 30, 0)]
    turned = CloudSet("m", made.clouds[::-1], made.ids[::-1], made.categories, 20)
    once, again = (evaluate_memorisation(one, training, SMOKE).metrics for one in (made, turned))
    assert {key: entry.value for key, entry in once.items()} == {key: entry.value for key, entry in again.items()}


def test_the_measure_may_be_a_part_of_the_training_set() -> None:
    crowded, sparse = ellipsoids("a", 100, 0), ellipsoids("b", 10, 1)
    # The crowded source repeats itself, so that it hides how far apart the other's shapes are.
    twins = CloudSet("t", ellipsoids("a", 100, 0, draw=1).clouds, tuple(f"t-{n}" for n in range(100)), ("",) * 100, 100)
    made = ellipsoids("d", 20, 2)
    every = evaluate_memorisation(made, [crowded, twins, sparse], SMOKE)
    like = evaluate_memorisation(made, [crowded, twins, sparse], SMOKE, like=sparse.ids)
    assert like.metrics["novelty_ratio"].value < every.metrics["novelty_ratio"].value
    assert "median distance of 10 of them" in like.notes[0]
    with pytest.raises(UserError, match="none of the training shapes is in the part that --like names"):
        evaluate_memorisation(made, [sparse], SMOKE, like=["other"])


def test_a_single_training_shape_has_no_distances() -> None:
    with pytest.raises(UserError, match="two shapes or more"):
        evaluate_memorisation(ellipsoids("d", 3, 2), [ellipsoids("a", 1, 0)], SMOKE)


def test_a_training_shape_without_size_is_named() -> None:
    training = [ellipsoids("one", 3, 1), ellipsoids("two", 3, 2)]
    training[1].clouds[2] = 0
    with pytest.raises(ValueError, match=rf"two: all points of cloud 2 \({training[1].ids[2]}\) are equal"):
        evaluate_memorisation(ellipsoids("made", 3, 3), training, SMOKE)


def test_the_command_draws_other_points_of_training_shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_toys(Path("data"), {"chair": 12}, points=600)

    def run(*words: str) -> dict[str, Any]:
        line = ["memorisation", "toys-v1/test", *words, "--data-root", "data", "--protocol", "smoke", "--out", "o.json"]
        assert main(line) == 0
        return dict(json.loads(Path("o.json").read_text()))

    result = run("toys-v1/test", "--name", "copies")
    assert result["kind"] == "memorisation" and result["name"] == "copies"
    assert result["metrics"]["nearest_cd"]["value"] > 0, "another draw of the same surface is some way off"
    assert result["metrics"]["novelty_ratio"]["value"] < 0.9
    assert result["counts"]["reference"]["found"] == 12
    assert run("toys-v1/test", "--like", "toys-v1/test")["metrics"] == result["metrics"]

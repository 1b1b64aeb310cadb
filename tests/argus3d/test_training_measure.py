"""A measured step is what was predicted."""

from dataclasses import replace

import pytest

from argus3d.config import ArgusConfig
from argus3d.train import measure, predict
from tests.argus3d.sizes import GUIDED

SIZES = replace(ArgusConfig.preset("nano").transformer, layers=2)


def test_memory_is_as_predicted() -> None:
    here = measure.transformer_step(SIZES, rows=2, repeats=1)
    sizes = measure.without_conditions(SIZES)
    paper = predict.transformer_step(sizes, predict.Plan(rows=2, bfloat16=False))
    assert here.parameters == paper.parameters
    for part in ("weights", "gradients", "optimizer"):
        assert here.memory[part] == paper.memory[part]
    assert here.memory["activations"] == pytest.approx(paper.memory["activations"], rel=0.1)
    assert here.seconds > 0


def test_conditions_are_left_away() -> None:
    assert GUIDED.conditions and measure.without_conditions(GUIDED).conditions == ()
    assert measure.transformer_step(GUIDED, rows=1, repeats=1).parameters > 0


def test_a_processor_multiplies() -> None:
    assert 1e8 < measure.operations_per_second(repeats=1) < 1e15

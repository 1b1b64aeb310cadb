"""The benchmark of the training loop, rehearsed with tiny sizes."""

from dataclasses import replace

import numpy as np
import pytest

from argus3d.config import ArgusConfig
from argus3d.data.shape_files import PrepareConfig
from argus3d.errors import UserError
from argus3d.train.predict import transformer_step
from argus3d.train.training import SINGLE
from benchmarks import training
from tests.argus3d.sizes import CONFIG

SIZES = PrepareConfig(surface_points=200, uniform_points=5000, near_points=5000)


def test_both_loops_are_compared_for_both_stages() -> None:
    found = training.measure(CONFIG, SIZES, replace(SINGLE, accumulate=2), 4, 2)
    for stage, batch in (("autoencoder", 4), ("transformer", 8)):
        taken = found[stage]["seconds_a_step"]
        assert found[stage]["batch"] == batch and len(taken["bare"]) == len(taken["ours"]) == 2
        assert found[stage]["ratios"][0] == pytest.approx(taken["bare"][0] / taken["ours"][0], rel=0.02)
        assert found[stage]["ratio"] == pytest.approx(np.median(found[stage]["ratios"]), abs=1e-3)


def test_a_card_is_given_what_fits_on_it() -> None:
    huge = ArgusConfig.preset("huge")
    for free in (84e9, 150e9):
        plan = training.card_plan(huge, free, 16)
        assert transformer_step(huge.transformer, plan).bytes < free - 3e9 and plan.rows == 16
    assert training.card_plan(huge, 150e9, 16).rows_at_once == 4
    with pytest.raises(UserError, match=r"24\.0 GB are free"):
        training.card_plan(huge, 24e9, 16)

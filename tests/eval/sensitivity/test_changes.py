"""Changes of metrics: paired, drawn and exchanged."""

import json
import math

import numpy as np
import pytest

from eval import intervals
from eval.sensitivity.changes import drawn, exchanged, paired


def on_whole_and_halves(seed: int, splits: int = 50) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.4, 0.6, 1 + 2 * splits)


def test_what_moves_everything_alike_is_known_exactly() -> None:
    own = on_whole_and_halves(0)
    moved = paired("cov_cd", own + 0.1, own, 0.95)
    assert (moved.change, moved.low, moved.high) == pytest.approx((0.1, 0.1, 0.1))
    assert moved.value == own[0] + 0.1 and not moved.factor
    scaled = paired("mmd_cd", own * 4, own, 0.95)
    assert (scaled.change, scaled.low, scaled.high) == pytest.approx((4, 4, 4)) and scaled.factor


def test_a_paired_interval_is_narrower_than_that_of_either() -> None:
    own = on_whole_and_halves(0)
    other = own + np.random.default_rng(1).normal(0, 0.005, len(own))
    moved = paired("one_nna_cd", other, own, 0.95)
    low, high = intervals.plain_interval(float(own[0]), own[1:].reshape(-1, 2), 0.95, -np.inf)
    assert 0 < moved.high - moved.low < 0.3 * (high - low)
    assert moved.low < moved.change < moved.high


def test_more_confidence_is_wider_and_factors_stay_above_nothing() -> None:
    own, other = on_whole_and_halves(0), on_whole_and_halves(1)
    narrow, wide = (paired("frechet_1a", other, own, share) for share in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.change < narrow.high < wide.high and wide.low > 0


def test_ecd_of_sets_far_apart_is_known_less_well_than_halves_say() -> None:
    scatter = np.random.default_rng(0).normal(0, 1, 101)
    near, far = (paired("ecd_cd", scatter + mean, np.full(101, mean), 0.95) for mean in (2.0, 200.0))
    ratio = (far.high - far.low) / (near.high - near.low)
    assert ratio == pytest.approx((4 - 6 / 200) ** 0.5, rel=0.03), "four times the variance where sets lie far apart"


@pytest.mark.parametrize("key", ["mmd_cd", "cov_cd"])
def test_what_is_undefined_stays_undefined(key: str) -> None:
    own = on_whole_and_halves(0)
    lost = own.copy()
    lost[0] = np.nan
    assert math.isnan(paired(key, lost, own, 0.95).change)
    blank = paired(key, np.full_like(own, 0.5), np.concatenate([own[:1], np.full(len(own) - 1, np.nan)]), 0.95)
    assert not math.isnan(blank.change) and math.isnan(blank.low)
    assert math.isnan(paired(key, own[:1], own[:1], 0.95).low), "too few shapes for halves"
    assert json.loads(json.dumps(blank.to_json(), allow_nan=False))["low"] is None


def test_a_factor_of_nothing_is_undefined() -> None:
    own = np.zeros(11)
    assert math.isnan(paired("mmd_cd", own + 1, own, 0.95).change)


def test_draws_fall_where_it_says() -> None:
    rng = np.random.default_rng(0)
    found = drawn("cov_cd", rng.normal(0.6, 0.05, (4000, 2)), 0.5, 0.95)
    assert found.change == pytest.approx(0.1, abs=0.005) and found.value == pytest.approx(0.6, abs=0.005)
    fresh = rng.normal(0.6, 0.05, 4000) - 0.5
    assert ((found.low <= fresh) & (fresh <= found.high)).mean() == pytest.approx(0.95, abs=0.015)


def test_exchanged_draws_differ_by_nothing_in_the_mean() -> None:
    rng = np.random.default_rng(0)
    found = exchanged("cov_cd", rng.normal(0.6, 0.05, (4000, 2)), 0.6, 0.95)
    assert found.change == 0 and found.low == -found.high
    assert found.high == pytest.approx(1.96 * 0.05 * 2**0.5, rel=0.05)
    factors = exchanged("jsd", np.exp(rng.normal(0, 0.05, (4000, 2))), 1.0, 0.95)
    assert factors.change == 1 and factors.low * factors.high == pytest.approx(1)

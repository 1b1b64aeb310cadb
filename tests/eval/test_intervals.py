"""Intervals cover what they say, on small simulations with a fixed seed."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.distance import cdist

from eval import intervals
from eval.distances.sets import Sets
from eval.metrics.coverage import coverage
from eval.metrics.ecd import ecd
from eval.metrics.mmd import mmd
from eval.metrics.one_nna import one_nna

Matrix = npt.NDArray[np.float64]
SIZE, RUNS, REPEATS = 64, 80, 40


def simulate(statistic: Callable[[Sets], Matrix], parts: int, shift: float) -> tuple[Matrix, list[Matrix]]:
    """Values of RUNS data sets, and the subsamples of each."""
    values, drawn = [], []
    for run in range(RUNS):
        rng = np.random.default_rng(run)
        a, b = rng.normal(size=(SIZE, 6)), rng.normal(size=(SIZE, 6))
        a[:, 0] += shift
        sets = Sets.of_matrices(cdist(a, b), cdist(a, a), cdist(b, b))
        values.append(statistic(sets))
        drawn.append(intervals.subsample(sets, statistic, parts, REPEATS, 0))
    return np.stack(values), drawn


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_set_metrics_cover_their_mean(shift: float) -> None:
    def statistic(sets: Sets) -> Matrix:
        return np.array([mmd(sets), coverage(sets), one_nna(sets).value])

    values, drawn = simulate(statistic, intervals.QUARTER, shift)
    for column, bounds in enumerate([(0.0, np.inf), (0.0, 1.0), (0.0, 1.0)]):
        mean = values[:, column].mean()
        found = [
            intervals.mean_like_interval(values[run, column], drawn[run][:, column], SIZE, 0.95, bounds)
            for run in range(RUNS)
        ]
        assert np.mean([low <= mean <= high for low, high in found]) >= 0.92
        width = np.mean([high - low for low, high in found]) / (2 * 1.96 * values[:, column].std())
        assert 0.9 < width < 1.5, "wide at most by half, so that the interval still says something"


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_ecd_covers_its_mean(shift: float) -> None:
    def statistic(sets: Sets) -> Matrix:
        part = ecd(sets, 5)
        return np.array([part.zw, part.zd])

    values, drawn = simulate(statistic, intervals.HALF, shift)
    mean = values.mean(axis=0)
    for column in (0, 1):
        found = [intervals.score_interval(values[i, column], drawn[i][:, column], SIZE, 0.95) for i in range(RUNS)]
        assert np.mean([low <= mean[column] <= high for low, high in found]) >= 0.9
    pairs = zip(values, drawn, strict=True)
    lengths = [intervals.squared_length_interval(zw, zd, part, SIZE, 0.95) for (zw, zd), part in pairs]
    assert np.mean([low <= (mean**2).sum() <= high for low, high in lengths]) >= 0.88
    assert all(low <= (value**2).sum() <= high for value, (low, high) in zip(values, lengths, strict=True))


def test_small_sets_have_no_interval() -> None:
    few = np.ones((15, 15))
    sets = Sets.of_matrices(few, few, few)
    drawn = intervals.subsample(sets, lambda some: np.array([mmd(some)]), intervals.QUARTER, 5, 0)
    assert np.isnan(intervals.mean_like_interval(1.0, drawn[:, 0], 15, 0.95, (0.0, 1.0))).all()


def test_the_seed_decides() -> None:
    rng = np.random.default_rng(0)
    sets = Sets.of_matrices(*rng.random((3, 20, 20)))
    one, two, other = (
        intervals.subsample(sets, lambda some: np.array([mmd(some)]), intervals.HALF, 5, seed) for seed in (1, 1, 2)
    )
    assert (one == two).all() and (one != other).any()


def test_bootstrap_of_a_mean_is_about_two_standard_errors() -> None:
    values = np.random.default_rng(0).normal(size=200)
    low, high = intervals.bootstrap_interval(values, np.mean, 0.95, 0)
    assert high - low == pytest.approx(2 * 1.96 / 200**0.5, rel=0.15) and low < values.mean() < high

"""Earth mover's distance against every matching and against scipy's, its certified interval, and its laws."""

from collections.abc import Callable
from importlib import import_module

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from eval.distances import Emd, emd
from eval.distances.emd import emd_matrix, emd_pairs, emd_self_matrix, emd_squared
from tests.reference import distances as reference

Clouds = npt.NDArray[np.float32]
MODULE = import_module("eval.distances.emd")  # the name of the function hides it
quick = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 10_000)
METRICS = [("euclidean", emd), ("sqeuclidean", emd_squared)]
Solver = Callable[..., Emd]


def cloud(seed: int, points: int) -> Clouds:
    return np.random.default_rng(seed).normal(size=(points, 3)).astype(np.float32)


def optimum(a: npt.ArrayLike, b: npt.ArrayLike, metric: str = "euclidean") -> float:
    cost = cdist(np.asarray(a, float), np.asarray(b, float), metric)
    return float(cost[linear_sum_assignment(cost)].mean())


def demand_certified(found: Emd, best: float, gap: float) -> None:
    slack = 1e-12 * max(best, 1e-9)
    assert found.lower <= best + slack
    assert best - slack <= found.upper == found.value
    assert found.upper - found.lower <= gap * found.upper


@quick
@given(seeds, st.integers(1, 5))
def test_equals_the_best_of_all_matchings(seed: int, points: int) -> None:
    a, b = cloud(seed, points), cloud(seed + 1, points)
    found = emd(a, b, gap=0)
    assert found.value == pytest.approx(reference.emd(a, b), rel=1e-12)
    assert found.lower == found.value == found.upper


@pytest.mark.parametrize(("metric", "solve"), METRICS)
@settings(max_examples=60, deadline=None)
@given(
    seed=seeds,
    points=st.integers(1, 150),
    cells=st.sampled_from([2, 5, 10**6]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    gap=st.sampled_from([0.0, 1e-9, 1e-4, 1e-3, 0.1]),
    small=st.sampled_from([1, 400]),
)
def test_interval_holds_the_optimum_with_ties_and_copies(
    metric: str, solve: Solver, seed: int, points: int, cells: int, scale: float, gap: float, small: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, cells, (2, points, 3)) * (scale / cells)
    best = optimum(a, b, metric)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "SMALL", small)  # 1: by auction, however small
        found = solve(a, b, gap=gap)
        demand_certified(found, best, gap)
        assert solve(b, a, gap=gap) == found
        assert solve(a[rng.permutation(points)], b, gap=gap) == found


@pytest.mark.parametrize(("metric", "solve"), METRICS)
@pytest.mark.parametrize("gap", [0.0, 1e-3])
@pytest.mark.parametrize("small", [1, 400])
def test_clouds_of_all_sorts_are_certified(
    metric: str, solve: Solver, gap: float, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODULE, "SMALL", small)
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 300, 3))
    clusters = rng.random((4, 3))[rng.integers(0, 4, 300)]
    pairs = {
        "a thousandth of the size": (a, b / 1000),
        "a thousand sizes away": (a, b + np.array([1000.0, 0.0, 0.0])),
        "both far from the origin": (a + 1e6, b + 1e6),
        "nearly copies": (a, (a + rng.normal(size=a.shape) * 1e-9)[rng.permutation(300)]),
        "one point moved": (a, np.concatenate([a[1:], a[:1] + 1e-4])),
        "clusters of copies": (clusters, clusters[rng.permutation(300)] + rng.normal(size=a.shape) * 1e-3),
        "one place against many": (np.tile(a[:1], (300, 1)), b),
        "one place against another": (np.tile(a[:1], (300, 1)), np.tile(b[:1], (300, 1))),
        "a plane": (a * [1, 1, 0], b * [1, 1, 0]),
        "a line and its end": (np.linspace(0, 1, 300)[:, None] * [1, 0, 0], a * [0, 0, 1]),
    }
    for name, (x, y) in pairs.items():
        best = optimum(x, y, metric)
        found = solve(x, y, gap=gap)
        assert found.upper - found.lower <= gap * found.upper, name
        # Both solvers work in float64: to rounding of the largest cost, not of the smallest distance.
        slack = 1e-14 * cdist(x, y, metric).max() + 1e-12 * best
        assert found.lower - slack <= best <= found.upper + slack, name


def test_large_clouds_end_and_are_certified() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 2048, 3)).astype(np.float32)
    demand_certified(emd(a, b), optimum(a, b), 1e-3)
    many = np.repeat(rng.random((5, 3)), 2000, axis=0)
    only = np.linalg.norm(many - many[0], axis=1).mean()  # any matching is the best
    demand_certified(emd(many, np.tile(many[:1], (10_000, 1))), only, 1e-3)
    demand_certified(emd(many[::4], np.tile(many[:1], (2500, 1)), gap=0), only, 0)


def test_copies_in_any_order_are_at_zero() -> None:
    a = cloud(0, 1000)
    for solve in (emd, emd_squared):
        found = solve(a, a[np.random.default_rng(0).permutation(1000)])
        assert found == Emd(0.0, 0.0, 0.0)


@settings(max_examples=10, deadline=None)
@given(seeds, st.sampled_from([1, 60, 450]), st.sampled_from([0.0, 1e-3]))
def test_is_a_metric_bounded_by_centroids_and_chamfer(seed: int, points: int, gap: float) -> None:
    a, b, c = (cloud(seed + i, points) for i in range(3))
    ab, bc, ac = (emd(*pair, gap=gap) for pair in ((a, b), (b, c), (a, c)))
    assert ac.lower <= ab.upper + bc.upper + 1e-12
    assert ab.upper >= np.linalg.norm(a.astype(float).mean(axis=0) - b.astype(float).mean(axis=0)) - 1e-12
    assert points > 60 or ab.upper >= reference.chamfer(a, b, "l2_half") - 1e-9
    assert ab.upper**2 * (1 - gap) ** 2 <= emd_squared(a, b, gap=gap).upper * (1 + 1e-12)


@pytest.mark.parametrize(("power", "solve"), [(1, emd), (2, emd_squared)])
@settings(max_examples=10, deadline=None)
@given(seed=seeds, points=st.sampled_from([80, 450]), gap=st.sampled_from([0.0, 1e-3]))
def test_rigid_motion_and_scale(power: int, solve: Solver, seed: int, points: int, gap: float) -> None:
    a, b = cloud(seed, points).astype(float), cloud(seed + 1, points).astype(float)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    found = solve(a, b, gap=gap).value
    assert solve(a @ turn + 0.5, b @ turn + 0.5, gap=gap).value == pytest.approx(found, rel=gap + 1e-9)
    assert solve(2 * a, 2 * b, gap=gap).value == pytest.approx(2**power * found, rel=1e-12)
    assert solve(3 * a, 3 * b, gap=gap).value == pytest.approx(3**power * found, rel=gap + 1e-9)


@quick
@given(seeds, st.integers(1, 80), st.floats(-10, 10))
@example(0, 1, 5e-324)
def test_squared_splits_off_the_centroids(seed: int, points: int, shift: float) -> None:
    a, b = cloud(seed, points).astype(float), cloud(seed + 1, points).astype(float)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    apart = emd_squared(a, b + np.array([shift, 0, 0]), gap=0).value
    assert apart == pytest.approx(emd_squared(a, b, gap=0).value + shift**2, rel=1e-9)


def test_matrices_hold_the_exact_pairs() -> None:
    a = np.stack([cloud(i, 40) for i in range(4)])
    b = np.stack([cloud(i + 9, 40) for i in range(3)])
    matrix, own = emd_matrix(a, b), emd_self_matrix(a)
    assert all(matrix[i, j] == emd(a[i], b[j], gap=0).value for i in range(4) for j in range(3))
    assert all(matrix[i, j] == pytest.approx(optimum(a[i], b[j]), rel=1e-12) for i in range(4) for j in range(3))
    assert (emd_matrix(b, a) == matrix.T).all()
    assert (own == own.T).all() and (np.diag(own) == 0).all() and own[1, 2] == emd(a[1], a[2], gap=0).value
    assert (emd_pairs(a[:3], b) == np.diag(matrix)).all()


def test_bad_clouds_are_named() -> None:
    with pytest.raises(ValueError, match="generated has 3 points, reference 2"):
        emd(np.zeros((3, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="reference: cloud 0"):
        emd(np.zeros((1, 3)), np.full((1, 3), np.inf))
    with pytest.raises(ValueError, match="generated: cloud 1"):
        emd_matrix([[[0, 0, 0]], [[0, np.nan, 0]]], np.zeros((1, 1, 3)))
    with pytest.raises(ValueError, match="empty"):
        emd(np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(ValueError, match="gap"):
        emd_squared(np.zeros((1, 3)), np.zeros((1, 3)), gap=-1)
    with pytest.raises(ValueError, match="generated has 2, reference 1"):
        emd_pairs(np.zeros((2, 4, 3)), np.zeros((1, 4, 3)))

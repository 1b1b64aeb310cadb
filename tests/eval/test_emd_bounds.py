"""Bounds of earth mover's distances against scipy's optimum, and the constants they rest on."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from eval.distances import emd
from eval.distances.emd import emd_matrix, emd_self_matrix, emd_squared
from eval.distances.emd_bounds import EmdPairs, directions, largest_mean_length, largest_mean_square
from eval.distances.neighbours import Neighbours

Clouds = npt.NDArray[np.float32]


def clouds(kind: str, seed: int, count: int, points: int, scale: float = 1.0) -> Clouds:
    rng = np.random.default_rng(seed)
    if kind == "random":
        found = rng.normal(size=(count, points, 3)) * rng.random((count, 1, 3))
    elif kind == "clustered":
        found = rng.random((count, 3, 3))[:, rng.integers(0, 3, points)] + 1e-3 * rng.normal(size=(count, points, 3))
    elif kind == "ties":
        found = rng.integers(0, 3, (count, points, 3)).astype(float)
    elif kind == "one place":
        found = np.repeat(rng.random((count, 1, 3)), points, axis=1)
    else:  # a cloud, copies of it in other orders, and one that is moved by a little
        first = rng.random((points, 3))
        found = np.stack([rng.permutation(first) for _ in range(count)])
        found[-1] += 1e-3
    return (found * scale).astype(np.float32)


def optima(a: Clouds, b: Clouds, metric: str) -> npt.NDArray[np.float64]:
    found = np.empty((len(a), len(b)))
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            cost = cdist(x.astype(float), y.astype(float), metric)
            found[i, j] = cost[linear_sum_assignment(cost)].mean()
    return found


@pytest.mark.parametrize("squared", [False, True])
@settings(max_examples=60, deadline=None)
@given(
    kinds=st.tuples(*[st.sampled_from(["random", "clustered", "ties", "one place", "copies"])] * 2),
    seed=st.integers(0, 10_000),
    points=st.integers(1, 90),
    scales=st.tuples(*[st.sampled_from([1.0, 1e-3, 1e4])] * 2),
    gap=st.sampled_from([0.0, 1e-2]),
)
def test_bounds_hold_the_optimum(
    squared: bool, kinds: tuple[str, str], seed: int, points: int, scales: tuple[float, float], gap: float
) -> None:
    a, b = (clouds(k, seed, 3, points, s) for k, s in zip(kinds, scales, strict=True))
    best = optima(a, b, "sqeuclidean" if squared else "euclidean").ravel()
    pairs = EmdPairs(a, b, squared, gap)
    rows, columns = np.indices(pairs.shape).reshape(2, -1)
    lower, upper = pairs.bounds(rows, columns)
    exact = pairs.exact(rows, columns)
    assert (lower <= best).all() and (best <= upper).all()
    assert (lower <= exact).all() and (exact <= upper).all()
    assert pairs.tighter is not None
    closer = pairs.tighter(rows, columns)
    assert (closer <= exact).all() and (closer >= 0).all()
    alone = pairs.bounds(rows[:1], columns[:1])
    assert alone[0][0] <= exact[0] <= alone[1][0]


def test_exact_is_the_distance_itself() -> None:
    a, b = clouds("random", 0, 4, 60), clouds("random", 1, 3, 60)
    rows, columns = np.indices((4, 3)).reshape(2, -1)
    assert (EmdPairs(a, b).exact(rows, columns).reshape(4, 3) == emd_matrix(a, b)).all()
    coarse = EmdPairs(a, b, squared=True, gap=1e-2)
    assert coarse.exact(rows, columns).tolist() == [
        emd_squared(a[i], b[j], gap=1e-2).value for i, j in zip(rows, columns, strict=True)
    ]


def test_closer_bounds_are_close_and_symmetric_and_for_small_clouds() -> None:
    a = clouds("random", 0, 12, 200)
    pairs = EmdPairs(a)
    rows, columns = np.triu_indices(12, 1)
    assert pairs.tighter is not None
    closer, first = pairs.tighter(rows, columns), pairs.bounds(rows, columns)[0]
    assert (closer == pairs.tighter(columns, rows)).all()
    exact = pairs.exact(rows, columns)
    assert np.median(closer / exact) > 0.9 and np.median(closer / exact) > np.median(first / exact) + 0.1
    assert EmdPairs(clouds("random", 0, 2, 500)).tighter is None


def test_a_set_with_itself_is_symmetric() -> None:
    a = clouds("random", 0, 6, 50)
    pairs = EmdPairs(a)
    assert pairs.symmetric and pairs.shape == (6, 6) and not EmdPairs(a, a).symmetric
    rows, columns = np.triu_indices(6, 1)
    assert (pairs.exact(rows, columns) == pairs.exact(columns, rows)).all()
    assert pairs.exact(rows[:1], columns[:1])[0] == emd(a[0], a[1], gap=0).value


@pytest.mark.parametrize("kind", ["random", "ties", "copies"])
def test_neighbours_are_those_of_the_matrix(kind: str) -> None:
    a, b = clouds(kind, 0, 12, 30), clouds(kind, 1, 9, 30)
    matrix = emd_matrix(a, b)
    between = Neighbours(EmdPairs(a, b))
    for axis in (0, 1):
        index, distance = between.nearest(axis)
        assert (index == matrix.argmin(axis=axis)).all() and (distance == matrix.min(axis=axis)).all()
    own = emd_self_matrix(a)
    np.fill_diagonal(own, np.inf)
    assert (Neighbours(EmdPairs(a)).nearest()[0] == own.argmin(axis=1)).all()
    if kind == "random":
        assert between.solved < between.shape[0] * between.shape[1]


def test_copies_and_clouds_of_one_place_are_bounded_closely() -> None:
    copies = EmdPairs(clouds("copies", 0, 2, 200)[:1], clouds("copies", 0, 3, 200)[:2])
    lower, upper = copies.bounds(np.array([0, 0]), np.array([0, 1]))
    assert (lower == 0).all() and (upper < 1e-10).all()
    shifted = clouds("random", 0, 1, 200)
    moved = EmdPairs(shifted, shifted + np.float32(0.5))
    lower, upper = moved.bounds(np.array([0]), np.array([0]))
    assert lower[0] > 0.86 * (1 - 1e-2) and upper[0] == pytest.approx(0.75**0.5, rel=1e-5)


def test_bounds_are_tight_enough_to_be_worth_it() -> None:
    a = clouds("random", 3, 12, 256)
    pairs = EmdPairs(a)
    rows, columns = np.triu_indices(12, 1)
    exact, (lower, upper) = pairs.exact(rows, columns), pairs.bounds(rows, columns)
    assert (lower / exact).mean() > 0.7 and (upper / exact).mean() < 1.5


def test_constants_are_the_largest_over_the_sphere() -> None:
    units = directions()
    assert np.linalg.norm(units, axis=1) == pytest.approx(np.ones(len(units)), abs=1e-15)
    assert largest_mean_length(np.eye(3)) == pytest.approx(3**-0.5, rel=1e-11)
    rng = np.random.default_rng(0)
    for some in (units, rng.normal(size=(9, 3)), rng.normal(size=(4, 3))):
        anywhere = rng.normal(size=(100_000, 3))
        anywhere /= np.linalg.norm(anywhere, axis=1, keepdims=True)
        lengths = np.abs(anywhere @ some.T).mean(axis=1)
        # Nothing tried goes beyond the constants, and the best tried, which is near every point, comes close.
        assert lengths.max() <= largest_mean_length(some) <= lengths.max() * (1 + 2e-3)
        squares = ((anywhere @ some.T) ** 2).mean(axis=1)
        assert squares.max() <= largest_mean_square(some) <= squares.max() * (1 + 2e-3)


def test_no_three_directions_lie_in_a_plane() -> None:
    # What `largest_mean_length` asks for: on a line that two planes share, all other signs are beyond doubt.
    units = directions()
    first, second = np.triu_indices(len(units), 1)
    normals = np.cross(units[first], units[second])
    distances = np.abs(normals @ units.T)
    distances[np.arange(len(first)), first] = distances[np.arange(len(first)), second] = np.inf
    assert distances.min() > 1e-8


def test_bad_sets_are_named() -> None:
    with pytest.raises(ValueError, match="generated has 4 points, reference 5"):
        EmdPairs(np.zeros((2, 4, 3)), np.zeros((2, 5, 3)))
    with pytest.raises(ValueError, match="reference: cloud 1"):
        EmdPairs(np.zeros((2, 4, 3)), np.stack([np.zeros((4, 3)), np.full((4, 3), np.nan)]))
    with pytest.raises(ValueError, match="gap"):
        EmdPairs(np.zeros((2, 4, 3)), gap=1.0)

"""Earth mover's distance against every matching, and its laws."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from eval.distances import emd
from eval.distances.emd import emd_matrix, emd_pairs, emd_self_matrix
from eval.distances.kernels.assignment import assign
from tests.reference import distances as reference

Clouds = npt.NDArray[np.float32]
quick = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 10_000)


def cloud(seed: int, points: int) -> Clouds:
    return np.random.default_rng(seed).normal(size=(points, 3)).astype(np.float32)


@quick
@given(seeds, st.integers(1, 5))
def test_equals_the_best_of_all_matchings(seed: int, points: int) -> None:
    a, b = cloud(seed, points), cloud(seed + 1, points)
    found = emd(a, b)
    assert found.value == pytest.approx(reference.emd(a, b), rel=1e-12)
    assert found.lower == found.value == found.upper


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 90), st.sampled_from([2, 5, 10**6]), st.sampled_from([1e-6, 1.0, 1e6]))
def test_assignment_is_as_good_as_scipys_with_ties_and_copies(seed: int, points: int, cells: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, cells, (2, points, 3)) * (scale / cells)).astype(float)
    cost = cdist(a, b)
    found = assign(cost)
    assert sorted(found.tolist()) == list(range(points))
    rows, columns = linear_sum_assignment(cost)
    assert cost[rows, found].sum() == pytest.approx(cost[rows, columns].sum(), rel=1e-12, abs=1e-12 * scale)


def test_assignment_of_lopsided_costs() -> None:
    # Costs of very different sizes underflow in the start; the answer must not depend on it.
    rng = np.random.default_rng(0)
    for cost in (rng.random((40, 40)) ** 20, np.exp(rng.normal(size=(40, 40)) * 10), np.eye(40) * 1e9):
        rows, columns = linear_sum_assignment(cost)
        assert cost[rows, assign(cost)].sum() == pytest.approx(cost[rows, columns].sum(), rel=1e-9, abs=1e-12)


@quick
@given(seeds, st.integers(1, 40))
def test_is_a_metric_bounded_by_centroids_and_chamfer(seed: int, points: int) -> None:
    a, b, c = (cloud(seed + i, points) for i in range(3))
    ab, bc, ac = emd(a, b).value, emd(b, c).value, emd(a, c).value
    assert ab == pytest.approx(emd(b, a).value, rel=1e-12)
    assert ac <= ab + bc + 1e-12
    assert ab >= np.linalg.norm(a.astype(float).mean(axis=0) - b.astype(float).mean(axis=0)) - 1e-12
    assert ab >= reference.chamfer(a, b, "l2_half") - 1e-9
    assert emd(a, a[np.random.default_rng(seed).permutation(points)]).value == 0.0


@quick
@given(seeds)
def test_rigid_motion_and_scale(seed: int) -> None:
    a, b = cloud(seed, 30), cloud(seed + 1, 30)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    assert emd(a @ turn + 0.5, b @ turn + 0.5).value == pytest.approx(emd(a, b).value, rel=1e-6)
    assert emd(2 * a, 2 * b).value == pytest.approx(2 * emd(a, b).value, rel=1e-6)


def test_matrices_hold_the_pairs() -> None:
    a = np.stack([cloud(i, 8) for i in range(4)])
    b = np.stack([cloud(i + 9, 8) for i in range(3)])
    matrix, own = emd_matrix(a, b), emd_self_matrix(a)
    assert all(matrix[i, j] == emd(a[i], b[j]).value for i in range(4) for j in range(3))
    assert (own == own.T).all() and (np.diag(own) == 0).all() and own[1, 2] == emd(a[1], a[2]).value
    assert (emd_pairs(a[:3], b) == np.diag(matrix)).all()


def test_bad_clouds_are_named() -> None:
    with pytest.raises(ValueError, match="generated has 3 points, reference 2"):
        emd(np.zeros((3, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="reference: cloud 0"):
        emd(np.zeros((1, 3)), np.full((1, 3), np.inf))
    with pytest.raises(ValueError, match="empty"):
        emd(np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(ValueError, match="gap"):
        emd(np.zeros((1, 3)), np.zeros((1, 3)), gap=-1)

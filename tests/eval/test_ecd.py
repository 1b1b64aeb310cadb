"""ECD: worked examples, enumeration, spanning trees, what is undefined, null expectation."""

from dataclasses import astuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from eval.distances.sets import Sets
from eval.metrics.ecd import Ecd, ecd, edge_count, edge_moments
from tests.reference import ecd as reference
from tests.reference.metrics import union
from tests.reference.trees import spanning_trees

Matrix = npt.NDArray[np.float64]
quick = settings(max_examples=40, deadline=None)


def path(labels: str) -> npt.NDArray[np.int64]:
    """The path graph over nodes labelled 1 (generated) and 2 (reference), renumbered generated first."""
    rank = np.argsort(np.argsort([int(label) for label in labels], kind="stable"), kind="stable")
    return np.array([[rank[i], rank[i + 1]] for i in range(len(labels) - 1)])


def matrices(a: Matrix, b: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    return cdist(a, b), cdist(a, a), cdist(b, b)


def score(gr: Matrix, gg: Matrix, rr: Matrix, k: int) -> Ecd:
    return ecd(Sets.of_matrices(gr, gg, rr), k)


@pytest.mark.parametrize(
    ("labels", "value"),
    [("111222", 10 / 3), ("121212", 10 / 3), ("112122", 0.0), ("211122", 10 / 3), ("11222", 7 / 3)],
)
def test_worked_examples(labels: str, value: float) -> None:
    found = edge_count(path(labels), labels.count("1"), labels.count("2"))
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.zw**2 + found.zd**2 == pytest.approx(value, abs=1e-12)


def test_signs_of_the_parts() -> None:
    assert edge_count(path("111222"), 3, 3).zw > 0 > edge_count(path("121212"), 3, 3).zw
    assert edge_count(path("211122"), 3, 3).zd > 0 > edge_count(path("122211"), 3, 3).zd


def test_worked_moments() -> None:
    mean_1, mean_2, var_1, var_2, cov = map(float, astuple(edge_moments(path("111222"), 3, 3)))
    assert (mean_1, mean_2, var_1, var_2, cov) == pytest.approx((1, 1, 0.4, 0.4, 0.2))
    mean_1, mean_2, var_1, var_2, cov = map(float, astuple(edge_moments(path("11222"), 2, 3)))
    assert (mean_1, mean_2, var_1, var_2, cov) == pytest.approx((2 / 5, 6 / 5, 6 / 25, 9 / 25, 3 / 25))


@quick
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 4), st.integers(1, 2))
def test_equals_enumeration_of_all_relabellings(seed: int, n: int, m: int, k: int) -> None:
    assume(n + m >= 4)
    rng = np.random.default_rng(seed)
    sets = matrices(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)))
    found = score(*sets, k)
    trees = spanning_trees(union(*sets), k)
    if len(trees) < k:
        assert np.isnan(found.value) and f"only {len(trees)} of {k} disjoint spanning trees" in found.note
        return
    edges = [edge for tree in trees for edge in tree]
    assert astuple(edge_moments(np.array(edges), n, m)) == reference.moments(edges, n, m)
    if not np.isnan(found.value):
        assert found.value == pytest.approx(reference.ecd(edges, n, m), abs=1e-7)
        assert found.value == pytest.approx(found.zw**2 + found.zd**2, abs=1e-9)
        assert found.per_edge == pytest.approx(found.value / (k * (n + m)))


def test_copies_are_joined_by_edges_of_length_zero() -> None:
    points = np.random.default_rng(0).normal(size=(20, 3))
    sets = matrices(points, points)
    edges, _ = Sets.of_matrices(*sets).union.spanning_trees(1)
    assert {(i, i + 20) for i in range(20)} <= set(map(tuple, edges.tolist()))
    assert score(*sets, 1).value > 20, "copying is not what equal distributions do"


def test_asymmetric_distances_are_made_symmetric() -> None:
    rng = np.random.default_rng(0)
    gr, gg, rr = matrices(rng.normal(size=(8, 2)), rng.normal(size=(8, 2)))
    skew = rng.normal(size=(8, 8)) * 0.1
    assert score(gr, gg + skew - skew.T, rr, 2) == score(gr, gg, rr, 2)


def test_singular_covariance_is_undefined() -> None:
    cycle = np.array([[0, 1], [1, 2], [2, 3], [0, 3]])
    found = edge_count(cycle, 2, 2)
    assert np.isnan(found.value) and np.isnan(found.zd) and "singular" in found.note
    star = np.array([[0, 1], [0, 2], [0, 3], [0, 4]])
    assert np.isnan(edge_count(star, 2, 3).value)


def test_a_star_has_no_second_tree() -> None:
    # The middle is nearer to every point than any other, so the first tree takes all its edges.
    distances = np.full((6, 6), 2.0)
    distances[0], distances[:, 0] = 1.0, 1.0
    found = score(distances[:3, 3:], distances[:3, :3], distances[3:, 3:], 2)
    assert np.isnan(found.value) and "only 1 of 2" in found.note


def test_large_sets_do_not_overflow() -> None:
    rng = np.random.default_rng(0)
    sets = matrices(rng.normal(size=(800, 8)), rng.normal(size=(800, 8)) + 50)
    assert score(*sets, 5).value == pytest.approx(8075, rel=0.02)


def test_null_expectation_is_two() -> None:
    values = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        values.append(score(*matrices(rng.normal(size=(30, 4)), rng.normal(size=(30, 4))), 3).value)
    assert np.mean(values) == pytest.approx(2.0, abs=0.5)


def test_refusals() -> None:
    small = np.zeros((1, 1))
    with pytest.raises(ValueError, match="at least 4"):
        score(small, small, small, 1)
    with pytest.raises(ValueError, match="k of 1"):
        score(np.ones((3, 3)), np.ones((3, 3)), np.ones((3, 3)), 0)

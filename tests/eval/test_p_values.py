"""P-values by relabelling: against enumeration, valid under "same distribution", small where sets differ."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from eval.distances.sets import Sets
from eval.metrics.ecd import ecd, ecd_p_values, edge_count, edge_count_p_value, edge_moments, nested_ecd
from eval.metrics.one_nna import one_nna, one_nna_p_value
from eval.metrics.relabelling import relabelled_counts
from tests.reference import ecd as by_enumeration
from tests.reference import metrics as by_loops

Matrix = npt.NDArray[np.float64]
DRAWS = 2000
quick = settings(max_examples=15, deadline=None)
PATH = np.array([[i, i + 1] for i in range(5)])


def sets_of(a: Matrix, b: Matrix) -> Sets:
    return Sets.of_matrices(cdist(a, b), cdist(a, a), cdist(b, b))


def near(found: float, exact: float, draws: int = DRAWS) -> bool:
    """Within five standard errors of the draws."""
    return abs(found - exact) <= 5 * (exact * (1 - exact) / draws) ** 0.5 + 2 / draws


def test_the_worked_example_has_twelve_of_twenty_labellings() -> None:
    # Of the 20 labellings of the path of six, 12 have S = 10/3, in four ways that rounding must not part; 8 have 0.
    edges = [(int(a), int(b)) for a, b in PATH]
    assert by_enumeration.p_value(edges, 3, 3) == pytest.approx(12 / 20)
    assert near(edge_count_p_value(PATH, 3, 3, DRAWS), 12 / 20)
    middling = np.argsort([0, 1, 3, 2, 4, 5])[PATH]  # labels 112122, S = 0: no labelling has less
    assert edge_count(middling, 3, 3).value == 0 and edge_count_p_value(middling, 3, 3, DRAWS) == 1


@quick
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(2, 4), st.integers(1, 2))
def test_ecd_equals_enumeration(seed: int, n: int, m: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    sets = sets_of(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)) + 0.5)
    assume(not np.isnan(ecd(sets, k).value))
    edges, _ = sets.union.spanning_trees(k)
    exact = by_enumeration.p_value([(int(a), int(b)) for a, b in edges], n, m)
    assert near(ecd_p_values(sets, (k,), DRAWS)[0], float(exact))


@quick
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_one_nna_equals_enumeration(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) + 0.5
    exact = by_loops.one_nna_p_value(cdist(np.concatenate([a, b]), np.concatenate([a, b])), n)
    assert near(one_nna_p_value(sets_of(a, b), DRAWS), float(exact))


def test_relabelled_counts_have_the_exact_moments() -> None:
    rng = np.random.default_rng(0)
    sets = sets_of(rng.normal(size=(30, 4)), rng.normal(size=(50, 4)))
    edges, _ = sets.union.spanning_trees(3)
    counts = relabelled_counts(edges, 30, 80, 20_000, 0)
    exact = edge_moments(edges, 30, 50)
    assert counts.mean(axis=0) == pytest.approx([float(exact.mean_1), float(exact.mean_2)], rel=0.01)
    covariance = [[float(exact.var_1), float(exact.cov)], [float(exact.cov), float(exact.var_2)]]
    assert np.cov(counts.T) == pytest.approx(np.array(covariance), rel=0.05)


def test_mean_accuracy_over_labellings_is_a_little_below_one_half() -> None:
    rng = np.random.default_rng(0)
    index, _ = sets_of(rng.normal(size=(10, 3)), rng.normal(size=(10, 3))).union.nearest()
    counts = relabelled_counts(np.column_stack([np.arange(20), index]), 10, 20, 20_000, 0)
    assert counts.sum(axis=1).mean() / 20 == pytest.approx(9 / 19, abs=0.004)


def test_p_values_of_the_same_distribution_are_uniform() -> None:
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        sets = sets_of(rng.normal(size=(16, 3)), rng.normal(size=(16, 3)))
        found.append([one_nna_p_value(sets, 200, seed), *ecd_p_values(sets, (3, 1), 200, seed)])
    for level in (0.1, 0.3, 0.6):
        shares = np.mean(np.array(found) <= level, axis=0)
        assert (shares <= level + 4 * (level * (1 - level) / 200) ** 0.5).all(), "never more often than it says"
        assert (shares >= level - 0.12).all(), "ties of a discrete statistic make it a little too careful"


def test_sets_that_differ_have_small_p_values_and_copies_too() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 3)), rng.normal(size=(40, 3))
    for generated in (a + 3, b + 0.01 * a):
        sets = sets_of(generated, b)
        assert one_nna_p_value(sets, 999) == 0.001 and max(ecd_p_values(sets, (3, 1), 999)) <= 0.02
    assert one_nna(sets_of(b + 0.01 * a, b)).value < 0.1, "two-sided: too close is not the same either"


def test_ecd_is_near_the_tail_of_a_chi_square() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        sets = sets_of(rng.normal(size=(150, 4)), rng.normal(size=(150, 4)) * (1 + 0.05 * seed))
        found = nested_ecd(sets, (5, 1))
        tails = [np.exp(-part.value / 2) for part in found]
        assert ecd_p_values(sets, (5, 1), DRAWS) == pytest.approx(tails, abs=0.06)


def test_several_k_are_those_asked_for_one_by_one() -> None:
    rng = np.random.default_rng(0)
    sets = sets_of(rng.normal(size=(12, 3)), rng.normal(size=(14, 3)))
    assert nested_ecd(sets, (4, 1)) == (ecd(sets, 4), ecd(sets, 1))
    assert ecd_p_values(sets, (4, 1), 99) == (*ecd_p_values(sets, (4,), 99), *ecd_p_values(sets, (1,), 99))


def test_the_seed_decides() -> None:
    first, again, other = (relabelled_counts(PATH, 3, 6, 50, seed) for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()


def test_undefined_has_no_p_value() -> None:
    rng = np.random.default_rng(0)
    few = sets_of(rng.normal(size=(2, 3)), rng.normal(size=(2, 3)))
    assert np.isnan(ecd_p_values(few, (9, 8), 99)).all()
